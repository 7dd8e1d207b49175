//! What the shoppers fight over: a few carts, codes with few uses, small certificates, a little store credit.

use std::{
    collections::VecDeque,
    sync::{
        Mutex,
        atomic::{AtomicBool, AtomicU32, Ordering},
    },
};

use cartwright::rpc::pb::{
    self, catalog_service_client::CatalogServiceClient,
    gift_certificate_service_client::GiftCertificateServiceClient,
    promotion_service_client::PromotionServiceClient, store_service_client::StoreServiceClient,
};
use serde_json::json;
use tonic::transport::Channel;

use super::outcomes::Outcomes;
use crate::harness::{
    api::{percentage_coupon, store, usd},
    dice::Dice,
    promotion::{promotion, ten_percent},
};

/// The product that all carts are of. Each line of it has a mark of its own.
pub(crate) const PRODUCT: &str = "ticket";
/// What the names of products begin with of which there are few. They end with how many.
pub(crate) const SEAT: &str = "seat-";
pub(crate) const MARK: &str = "mark";
pub(crate) const PRICE: i64 = 500;
pub(crate) const CUSTOMERS: [&str; 4] = ["ada", "bob", "cy", ""];
pub(crate) const CREDIT: i64 = 2_500;

const CARTS: usize = 8;
const CODES: usize = 4;
const CERTIFICATES: usize = 4;
const SEATS: usize = 3;
/// Orders of carts that are gone, and that are paid, cancelled and moved on all the same.
const PAST: usize = 40;
/// Most promotions that apply by themselves, so that carts stay cheap to price.
const PROMOTIONS: u32 = 12;

/// An order with what is to be paid for it.
#[derive(Debug, Clone)]
pub(crate) struct Placed {
    pub(crate) id: String,
    pub(crate) cart_id: String,
    pub(crate) outstanding: i64,
}

#[derive(Debug, Default)]
struct Slot {
    cart_id: Option<String>,
    orders: Vec<Placed>,
    /// Somebody is making a new cart for it.
    in_making: bool,
}

/// What somebody finds who comes by.
pub(crate) enum Visit {
    /// A cart with its orders, and where it is.
    Cart(usize, String, Vec<Placed>),
    /// A place for a new cart.
    Vacancy(usize),
    /// Nothing yet.
    Nothing,
}

#[derive(Default)]
pub(crate) struct Shop {
    closed: AtomicBool,
    slots: Mutex<Vec<Slot>>,
    past: Mutex<VecDeque<Placed>>,
    codes: Mutex<VecDeque<String>>,
    certificates: Mutex<VecDeque<String>>,
    seats: Mutex<VecDeque<String>>,
    promotions: AtomicU32,
    pub(crate) outcomes: Outcomes,
}

impl Shop {
    /// Sets it up on a service.
    pub(crate) async fn open(channel: Channel) -> Self {
        let mut stores = StoreServiceClient::new(channel.clone());
        let request = pb::UpdateStoreRequest {
            store: Some(pb::Store {
                reservation_lifetime: Some(prost_types::Duration {
                    seconds: 60,
                    nanos: 0,
                }),
                ..store()
            }),
            ..Default::default()
        };
        stores.update_store(request).await.unwrap();
        for customer in CUSTOMERS.iter().filter(|customer| !customer.is_empty()) {
            let request = credit(customer, String::new());
            stores.set_store_credit(request).await.unwrap();
        }
        let request = pb::UpsertProductsRequest {
            products: vec![product(PRODUCT, None)],
            ..Default::default()
        };
        let mut catalog = CatalogServiceClient::new(channel);
        catalog.upsert_products(request).await.unwrap();
        Self {
            slots: Mutex::new((0..CARTS).map(|_| Slot::default()).collect()),
            ..Self::default()
        }
    }

    pub(crate) fn close(&self) {
        self.closed.store(true, Ordering::Relaxed);
    }

    pub(crate) fn is_open(&self) -> bool {
        !self.closed.load(Ordering::Relaxed)
    }

    pub(crate) fn visit(&self, dice: &mut Dice) -> Visit {
        let mut slots = self.slots.lock().unwrap();
        let index = dice.index(slots.len());
        let slot = &mut slots[index];
        match &slot.cart_id {
            Some(cart_id) => Visit::Cart(index, cart_id.clone(), slot.orders.clone()),
            None if slot.in_making => Visit::Nothing,
            None => {
                slot.in_making = true;
                Visit::Vacancy(index)
            }
        }
    }

    pub(crate) fn put_cart(&self, index: usize, cart_id: String) {
        self.slots.lock().unwrap()[index] = Slot {
            cart_id: Some(cart_id),
            ..Slot::default()
        };
    }

    /// The cart has come to its end.
    pub(crate) fn clear(&self, index: usize, cart_id: &str) {
        let slot = &mut self.slots.lock().unwrap()[index];
        if slot.cart_id.as_deref() == Some(cart_id) {
            slot.cart_id = None;
            let mut past = self.past.lock().unwrap();
            past.extend(slot.orders.drain(..));
            let surplus = past.len().saturating_sub(PAST);
            past.drain(..surplus);
        }
    }

    pub(crate) fn put_order(&self, index: usize, order: Placed) {
        let slot = &mut self.slots.lock().unwrap()[index];
        if slot.cart_id.as_ref() == Some(&order.cart_id) {
            slot.orders.push(order);
        } else {
            self.past.lock().unwrap().push_back(order);
        }
    }

    pub(crate) fn past_order(&self, dice: &mut Dice) -> Option<Placed> {
        let past = self.past.lock().unwrap();
        (!past.is_empty()).then(|| past[dice.index(past.len())].clone())
    }

    /// A code, unless there are too few and a new one is wanted.
    pub(crate) fn code(&self, dice: &mut Dice) -> Option<String> {
        one_of(&self.codes, CODES, dice)
    }

    pub(crate) fn certificate(&self, dice: &mut Dice) -> Option<String> {
        one_of(&self.certificates, CERTIFICATES, dice)
    }

    pub(crate) fn seat(&self, dice: &mut Dice) -> Option<String> {
        one_of(&self.seats, SEATS, dice)
    }

    /// A new code takes the place of the oldest.
    pub(crate) fn put_code(&self, code: String) {
        put(&self.codes, CODES, code);
    }

    pub(crate) fn put_certificate(&self, code: String) {
        put(&self.certificates, CERTIFICATES, code);
    }

    pub(crate) fn put_seat(&self, product_id: String) {
        put(&self.seats, SEATS, product_id);
    }

    pub(crate) fn wants_promotion(&self) -> bool {
        self.promotions.fetch_add(1, Ordering::Relaxed) < PROMOTIONS
    }
}

fn one_of(queue: &Mutex<VecDeque<String>>, most: usize, dice: &mut Dice) -> Option<String> {
    let queue = queue.lock().unwrap();
    (queue.len() == most).then(|| queue[dice.index(most)].clone())
}

fn put(queue: &Mutex<VecDeque<String>>, most: usize, code: String) {
    let mut queue = queue.lock().unwrap();
    queue.push_back(code);
    if queue.len() > most {
        queue.pop_front();
    }
}

/// With as many of it as given, or with no end.
pub(crate) fn product(id: &str, stock_level: Option<i64>) -> pb::Product {
    pb::Product {
        id: id.into(),
        name: id.into(),
        stock_level,
        r#type: pb::ProductType::Digital.into(),
        price: usd(PRICE),
        modifiers: vec![pb::Modifier {
            id: MARK.into(),
            name: "Name on the ticket".into(),
            r#type: pb::ModifierType::Text.into(),
            required: true,
            ..Default::default()
        }],
        ..Default::default()
    }
}

/// Fills up what a customer has.
pub(crate) fn credit(customer: &str, request_id: String) -> pb::SetStoreCreditRequest {
    pb::SetStoreCreditRequest {
        customer_id: customer.into(),
        balance: usd(CREDIT),
        request_id,
        ..Default::default()
    }
}

/// A new code with few uses: of itself, of each customer, or of its promotion.
pub(crate) enum NewCode {
    Coupon(pb::CreateCouponRequest),
    Promotion(pb::Promotion),
}

pub(crate) fn new_code(dice: &mut Dice, code: &str) -> NewCode {
    let few = dice.pick(&[1, 1, 1, 2, 3, 5]);
    match dice.below(4) {
        0 | 2 => NewCode::Coupon(pb::CreateCouponRequest {
            max_uses: few,
            ..percentage_coupon(code, "10")
        }),
        1 => NewCode::Coupon(pb::CreateCouponRequest {
            max_uses: 5,
            max_uses_per_customer: 1,
            ..percentage_coupon(code, "20")
        }),
        _ => NewCode::Promotion(promotion(json!({
            "name": code,
            "redemption_type": "REDEMPTION_TYPE_COUPON",
            "max_uses": few.to_string(),
            "rules": [{ "action": { "cart_items": { "discount": { "percentage_amount": "5" } } } }],
        }))),
    }
}

/// A promotion with few uses that applies by itself.
pub(crate) fn new_promotion(name: &str) -> pb::Promotion {
    pb::Promotion {
        max_uses: 3,
        ..ten_percent(name)
    }
}

/// A certificate that is too small for most orders.
pub(crate) fn new_certificate(dice: &mut Dice, code: &str) -> pb::IssueGiftCertificateRequest {
    pb::IssueGiftCertificateRequest {
        code: code.into(),
        amount: usd(dice.pick(&[100, 700, 1_500])),
        ..Default::default()
    }
}

pub(crate) type Certificates = GiftCertificateServiceClient<Channel>;
pub(crate) type Promotions = PromotionServiceClient<Channel>;

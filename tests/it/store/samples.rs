//! Things to store, with something in as many fields as can be.

use cartwright::{
    domain::{
        address::Address,
        cart::{Facts, LineItem, LineItemKind, Selection},
        catalog::{Measures, Modifier, ModifierKind, OptionValue, Product, ProductOption, Variant},
        checkout::{Checkout, Message, MessageCode, Outcome, RequestKey, Revisions, SeenRequest},
        consignment::{Consignment, ConsignmentItem, Fulfilment},
        coupon::{AppliedCoupon, ClassicDiscount},
        event::{Event, checkout_change},
        money::{Amount, Currency, Money, Rate},
        order::{Order, Payment, PaymentState},
        pricing::price,
        promotion::{
            CouponCode, Promotion, RedemptionType, index::Promotions, items::ItemsMatcher,
        },
        shipping::{OptionKind, ShippingOption, TransitTime, TransitUnits},
        stock::Stock,
        store::{Store, TaxClass, TaxRate, TaxZone},
    },
    store::{self, Connection, Result},
};
use chrono::{DateTime, TimeDelta, Utc};
use uuid::Uuid;

pub(super) fn now() -> DateTime<Utc> {
    "2026-11-23T10:00:00.123456Z".parse().unwrap()
}

pub(super) fn id(number: u128) -> Uuid {
    Uuid::from_u128(number)
}

fn usd() -> Currency {
    "USD".parse().unwrap()
}

/// What is told of this version of a checkout.
pub(super) fn event(checkout: &Checkout) -> Event {
    let (kind, subject) = checkout_change(None, checkout);
    let number = checkout.id.as_u128() << 64 | u128::try_from(checkout.version).unwrap();
    Event {
        id: id(number),
        time: now(),
        kind,
        subject,
        traceparent: "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01".into(),
    }
}

/// Adds a checkout with its event.
pub(super) async fn insert_checkout(c: &impl Connection, checkout: &Checkout) -> Result<()> {
    store::checkout::insert(c, checkout, &event(checkout)).await
}

/// Replaces a checkout, with its event.
pub(super) async fn replace_checkout(
    c: &impl Connection,
    checkout: &Checkout,
    read_version: i64,
) -> Result<bool> {
    store::checkout::replace(c, checkout, read_version, &event(checkout)).await
}

pub(super) fn address() -> Address {
    Address {
        id: id(1),
        first_name: "Zoë".into(),
        last_name: "O'Neill \\ \"Ltd\"".into(),
        address1: "1 Main St".into(),
        city: "Łódź\n東京".into(),
        state_or_province_code: "CA".into(),
        postal_code: "94105".into(),
        country_code: "US".into(),
        custom_fields: vec![("door".into(), "green 🚪".into())],
        ..Address::default()
    }
}

fn line(number: u128) -> LineItem {
    LineItem {
        id: id(number),
        product_id: "mug".into(),
        variant_id: "mug-red".into(),
        parent_id: Some(id(number + 1)),
        quantity: 3,
        price_override: Some(Amount::new(1_950)),
        facts: Facts {
            kind: LineItemKind::Physical,
            sku: "MUG-R".into(),
            name: "Mug".into(),
            url: "https://shop.example/mug".into(),
            image_url: String::new(),
            selections: vec![Selection {
                option_id: "engraving".into(),
                value: "Für Zoë".into(),
                name: "Engraving".into(),
                display_value: "Für Zoë".into(),
                answered: true,
            }],
            taxable: true,
            tax_class_id: Some("general".into()),
            original_price: Amount::new(2_500),
            price: Amount::new(2_250),
            comparison_price: Some(Amount::new(3_000)),
            on_sale: true,
            brand_id: "acme".into(),
            category_ids: vec!["kitchen".into(), "gifts".into()],
            measures: Measures {
                weight_grams: 350,
                length_mm: 120,
                width_mm: 90,
                height_mm: 100,
            },
            free_shipping: false,
            fixed_shipping_cost: Some(Amount::new(150)),
            custom_fields: Vec::new(),
            stock_level: Some(12),
        },
        gift_wrapping: None,
        gift_certificate: None,
        gift_of: None,
    }
}

fn consignment(line: &LineItem) -> Consignment {
    let option = ShippingOption {
        id: "us/ground".into(),
        method_id: "ground".into(),
        kind: OptionKind::FlatPerOrder,
        description: "Ground".into(),
        additional_description: String::new(),
        image_url: String::new(),
        cost: Amount::new(800),
        handling: Amount::new(100),
        transit_time: Some(TransitTime {
            units: TransitUnits::BusinessDays,
            duration: 3,
        }),
        carrier_code: "built-in".into(),
        expire_time: Some(now() + TimeDelta::hours(1)),
        recommended: true,
        rate_id: String::new(),
        dispatch_date: String::new(),
    };
    Consignment {
        id: id(40),
        address: address(),
        items: vec![ConsignmentItem {
            line_item_id: line.id,
            quantity: 2,
        }],
        fulfilment: Some(Fulfilment::Shipping(option)),
    }
}

/// A checkout with lines, consignments, coupons, messages and remembered requests, priced.
pub(super) fn checkout(number: u128) -> Checkout {
    let lines = vec![line(20), line(30)];
    let coupon = AppliedCoupon {
        code_id: id(50),
        code: "Tenner".into(),
        limited: true,
        promotion: promotion(51),
    };
    let mut checkout = Checkout {
        version: 1,
        channel_id: "web".into(),
        customer_id: "customer".into(),
        email: "zoe@shop.example".into(),
        consignments: lines.iter().map(consignment).collect(),
        lines,
        coupons: vec![coupon],
        billing_address: Some(address()),
        customer_message: "ring\ttwice\u{1}".into(),
        order_ids: vec![id(60)],
        messages: vec![Message {
            code: MessageCode::PriceRefreshed,
            subject: id(20).to_string(),
            text: "the price is another one".into(),
        }],
        revisions: Revisions {
            catalog: 1,
            promotions: 2,
            store: 3,
        },
        requests: vec![SeenRequest {
            key: key(70),
            time: now(),
            outcome: Outcome::Ordered(id(60)),
        }],
        expire_time: now() + TimeDelta::days(30),
        ..Checkout::new(id(number), usd(), now())
    };
    checkout.pricing = price(&checkout, &store(), &Promotions::default(), now()).unwrap();
    checkout
}

/// An order of [`checkout`]`(checkout_number)`, without payments.
pub(super) fn order(number: u128, checkout_number: u128) -> Order {
    let snapshot = Checkout {
        requests: Vec::new(),
        ..checkout(checkout_number)
    };
    Order::new(id(number), snapshot, now())
}

pub(super) fn payment(number: u128, state: PaymentState) -> Payment {
    Payment {
        id: id(number),
        method: "card".into(),
        reference: format!("payment-{number}"),
        amount: Amount::new(1_234),
        state,
        create_time: now(),
    }
}

pub(super) fn product(product_id: &str) -> Product {
    let value = OptionValue {
        id: "red".into(),
        label: "Red".into(),
        price_adjustment: Amount::new(-50),
    };
    Product {
        custom_fields: Vec::new(),
        stock: None,
        id: product_id.into(),
        name: "Mug".into(),
        digital: false,
        sku: "MUG".into(),
        brand_id: "acme".into(),
        category_ids: vec!["kitchen".into()],
        currency: Currency::USD,
        price: Amount::new(2_250),
        sale_price: Some(Amount::new(2_000)),
        retail_price: None,
        tax_class_id: Some("general".into()),
        tax_exempt: false,
        measures: Measures::default(),
        free_shipping: false,
        fixed_shipping_cost: None,
        purchasable: true,
        minimum_quantity: Some(1),
        maximum_quantity: None,
        url: String::new(),
        image_url: String::new(),
        options: vec![ProductOption {
            id: "colour".into(),
            name: "Colour".into(),
            values: vec![value.clone()],
        }],
        variants: vec![Variant {
            id: "mug-red".into(),
            sku: "MUG-R".into(),
            option_values: vec![("colour".into(), "red".into())],
            price: None,
            sale_price: None,
            weight_grams: Some(350),
            purchasable: true,
            image_url: String::new(),
            stock: Some(Stock {
                level: 12,
                reserved: 0,
            }),
        }],
        modifiers: vec![Modifier {
            id: "wrap".into(),
            name: "Wrapping".into(),
            kind: ModifierKind::PickList(vec![value]),
            required: false,
            price_adjustment: Amount::ZERO,
        }],
        version: 1,
    }
}

pub(super) fn promotion(number: u128) -> Promotion {
    let ten = Money {
        currency: usd(),
        amount: Amount::new(1_000),
    };
    let discount = ClassicDiscount::PerTotal(ten);
    let rule = discount.rule(Some(ten), ItemsMatcher::All, Vec::new());
    Promotion {
        display_name: "10 off".into(),
        redemption: RedemptionType::Coupon,
        coupon_type: Some(discount.coupon_type()),
        priority: -1,
        start_time: Some(now()),
        shipping_country_codes: vec!["US".into()],
        ..Promotion::new(id(number), "Ten off", vec![rule], now())
    }
}

/// A code without limits of [`promotion`]`(promotion_number)`.
pub(super) fn code(number: u128, promotion_number: u128, code: &str) -> CouponCode {
    CouponCode {
        id: id(number),
        promotion_id: id(promotion_number),
        code: code.into(),
        batch_id: None,
        max_uses: None,
        max_uses_per_customer: None,
        uses: 0,
        create_time: now(),
    }
}

pub(super) fn store() -> Store {
    let rate = TaxRate {
        name: "Sales tax".into(),
        priority: 1,
        class_rates: vec![("general".into(), Rate::parse("0.0825").unwrap())],
    };
    Store {
        version: 1,
        name: "Mugs & more".into(),
        currencies: vec![("EUR".parse().unwrap(), Rate::parse("0.92").unwrap())],
        origin: Some(address()),
        tax_classes: vec![TaxClass {
            id: "general".into(),
            name: "General".into(),
        }],
        tax_zones: vec![TaxZone {
            id: "us".into(),
            name: "United States".into(),
            enabled: true,
            locations: Vec::new(),
            rates: vec![rate],
        }],
        ..Store::empty(usd())
    }
}

pub(super) fn key(number: u128) -> RequestKey {
    RequestKey {
        id: id(number),
        digest: format!("digest-{number}"),
    }
}

//! The checkout: one aggregate of everything from the cart to what it comes to.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::{
    address::Address,
    cart::LineItem,
    consignment::Consignment,
    coupon::AppliedCoupon,
    fee::Fee,
    gift_certificate::AppliedGiftCertificate,
    manual_discount::ManualDiscount,
    money::{Amount, Currency, Money},
    pricing::Pricing,
    reason::{Reason, Refusal, Result, Violation},
    tax_estimate::TaxEstimate,
};

/// Most characters of the customer's message and of the staff's note.
pub const MAX_MESSAGE_LENGTH: usize = 2_000;
/// How long a request id is remembered, in hours.
pub const REQUEST_MEMORY_HOURS: i64 = 24;
/// How many request ids a checkout remembers, so that its document stays small.
pub const REQUEST_MEMORY: usize = 500;

/// A cart with its addresses, coupons and totals. Stored as one document; `pricing` follows from the rest.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Checkout {
    /// Id of the checkout and of its cart.
    pub id: Uuid,
    /// Raised by one with every change.
    pub version: i64,
    /// Whether it lives.
    pub state: CheckoutState,
    /// Currency of every amount.
    pub currency: Currency,
    /// The caller's id of the sales channel.
    pub channel_id: String,
    /// The caller's id of the customer; empty for a guest.
    pub customer_id: String,
    /// What the caller said of the customer.
    pub customer: CustomerContext,
    /// The shopper's session that created or claimed it; none where a service did.
    #[serde(default)]
    pub session_id: Option<Uuid>,
    /// The shopper's e-mail address.
    pub email: String,
    /// The lines, in the order in which they were added.
    pub lines: Vec<LineItem>,
    /// The coupons, in the order in which they were applied.
    pub coupons: Vec<AppliedCoupon>,
    /// Discounts given by hand, in the order in which they were given.
    pub manual_discounts: Vec<ManualDiscount>,
    /// What the shop charges beside goods and shipping.
    pub fees: Vec<Fee>,
    /// Gift certificates that pay, in the order in which they were applied.
    pub gift_certificates: Vec<AppliedGiftCertificate>,
    /// What store credit the customer had when it was last looked up; none when it does not pay.
    pub store_credit: Option<Amount>,
    /// Who pays.
    pub billing_address: Option<Address>,
    /// What goes where.
    pub consignments: Vec<Consignment>,
    /// What the shopper wrote.
    pub customer_message: String,
    /// What the staff wrote.
    pub staff_note: String,
    /// The orders created from it.
    pub order_ids: Vec<Uuid>,
    /// The promotions of whose limited uses it holds one. Looked up for each change, not kept.
    #[serde(skip)]
    pub held_promotions: Vec<Uuid>,
    /// What the last change did beside what was asked.
    pub messages: Vec<Message>,
    /// What it comes to.
    pub pricing: Pricing,
    /// What the tax provider answered; none when the taxes are not its own.
    pub tax_estimate: Option<TaxEstimate>,
    /// What the lines and coupons were last refreshed from.
    pub revisions: Revisions,
    /// The request ids of recent changes.
    pub requests: Vec<SeenRequest>,
    /// When the cart was created.
    pub create_time: DateTime<Utc>,
    /// When it was last changed.
    pub update_time: DateTime<Utc>,
    /// When it ends unless it is changed before.
    pub expire_time: DateTime<Utc>,
}

/// What promotions and taxes need to know of a customer.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct CustomerContext {
    /// The caller's ids of the groups that the customer belongs to.
    pub group_ids: Vec<String>,
    /// Orders that the customer has completed.
    pub completed_order_count: u32,
    /// Why no tax is due; empty when it is.
    pub tax_exemption: String,
}

/// Whether a checkout lives, and if not, how it ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum CheckoutState {
    /// It can be changed.
    Active,
    /// The cart was deleted.
    Deleted,
    /// An order of it was paid.
    Paid {
        /// The order.
        order_id: Uuid,
    },
}

/// How a checkout ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CheckoutEnd {
    /// Nobody changed it for too long.
    Expired,
    /// The cart was deleted.
    Deleted,
    /// An order of it was paid.
    Paid {
        /// The order.
        order_id: Uuid,
    },
}

/// How often the catalog, promotions and settings have been changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Revisions {
    /// Of the catalog.
    pub catalog: i64,
    /// Of promotions and coupon codes.
    pub promotions: i64,
    /// Of the store's settings.
    pub store: i64,
}

/// A request id with what it was used for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RequestKey {
    /// The caller's id of the request.
    pub id: Uuid,
    /// Digest of the method and the content.
    pub digest: String,
}

/// A request that has been answered.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SeenRequest {
    /// Which request.
    pub key: RequestKey,
    /// When.
    pub time: DateTime<Utc>,
    /// What came of it.
    pub outcome: Outcome,
}

/// What came of a request that changed a checkout.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Outcome {
    /// The change that was asked for.
    Changed,
    /// This order was created.
    Ordered(Uuid),
    /// No order, but what stands in its way now shows on the checkout.
    Refused(Refusal),
}

/// Something that people should know about a checkout.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Message {
    /// What kind of thing it tells.
    pub code: MessageCode,
    /// Id of what it is about.
    pub subject: String,
    /// The message, in English.
    pub text: String,
}

/// What kind of thing a message tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "the proto says when each is told")]
pub enum MessageCode {
    PriceRefreshed,
    ItemUnavailable,
    ShippingOptionDropped,
    CouponDropped,
    CouponNotQualifying,
    GiftAdded,
    GiftRemoved,
    GiftUnavailable,
    GiftWrappingChanged,
    GiftCertificateChanged,
    StoreCreditDropped,
    CatalogStale,
    TaxProviderUnavailable,
}

impl SeenRequest {
    fn is_remembered(&self, now: DateTime<Utc>) -> bool {
        now.signed_duration_since(self.time).num_hours() < REQUEST_MEMORY_HOURS
    }
}

impl Checkout {
    /// A guest's cart with nothing in it, which is not stored yet: version 0.
    #[must_use]
    pub fn new(id: Uuid, currency: Currency, now: DateTime<Utc>) -> Self {
        Self {
            id,
            version: 0,
            state: CheckoutState::Active,
            currency,
            channel_id: String::new(),
            customer_id: String::new(),
            customer: CustomerContext::default(),
            session_id: None,
            email: String::new(),
            lines: Vec::new(),
            coupons: Vec::new(),
            manual_discounts: Vec::new(),
            fees: Vec::new(),
            gift_certificates: Vec::new(),
            store_credit: None,
            billing_address: None,
            consignments: Vec::new(),
            customer_message: String::new(),
            staff_note: String::new(),
            order_ids: Vec::new(),
            messages: Vec::new(),
            held_promotions: Vec::new(),
            pricing: Pricing::default(),
            tax_estimate: None,
            revisions: Revisions::default(),
            requests: Vec::new(),
            create_time: now,
            update_time: now,
            expire_time: now,
        }
    }

    /// How it ended; none while it lives.
    #[must_use]
    pub fn end(&self, now: DateTime<Utc>) -> Option<CheckoutEnd> {
        match self.state {
            CheckoutState::Active if now < self.expire_time => None,
            CheckoutState::Active => Some(CheckoutEnd::Expired),
            CheckoutState::Deleted => Some(CheckoutEnd::Deleted),
            CheckoutState::Paid { order_id } => Some(CheckoutEnd::Paid { order_id }),
        }
    }

    /// Refuses a checkout that has ended, with how.
    pub fn check_alive(&self, now: DateTime<Utc>) -> Result<()> {
        let id = self.id;
        let refusal = match self.end(now) {
            None => return Ok(()),
            Some(CheckoutEnd::Expired) => {
                let time = self
                    .expire_time
                    .to_rfc3339_opts(chrono::SecondsFormat::Secs, true);
                Refusal::new(Reason::CartExpired, format!("cart {id} expired at {time}"))
                    .with("expire_time", time)
            }
            Some(CheckoutEnd::Deleted) => {
                Refusal::new(Reason::CartDeleted, format!("cart {id} was deleted"))
            }
            Some(CheckoutEnd::Paid { order_id }) => {
                let message =
                    format!("order {order_id} of cart {id} was paid, and the cart with it");
                Refusal::new(Reason::CartPaid, message).with("order_id", order_id)
            }
        };
        Err(refusal.with("cart_id", id))
    }

    /// The earlier answer to the same request, if there is one. The same id with other content is refused.
    pub fn seen(&self, key: &RequestKey, now: DateTime<Utc>) -> Result<Option<&SeenRequest>> {
        let same = |seen: &&SeenRequest| seen.key.id == key.id && seen.is_remembered(now);
        match self.requests.iter().find(same) {
            Some(seen) if seen.key.digest != key.digest => Err(request_id_reused(key.id)),
            found => Ok(found),
        }
    }

    /// Remembers the request of the last change, if it has an id, and forgets those that are too old or too many.
    pub fn remember(&mut self, key: Option<RequestKey>, outcome: Outcome) {
        let Some(key) = key else { return };
        let now = self.update_time;
        self.requests.retain(|seen| seen.is_remembered(now));
        let too_many = self
            .requests
            .len()
            .saturating_add(1)
            .saturating_sub(REQUEST_MEMORY);
        self.requests.drain(..too_many);
        self.requests.push(SeenRequest {
            key,
            time: now,
            outcome,
        });
    }

    /// Sets who pays, once.
    pub fn add_billing_address(&mut self, address: Address) -> Result<()> {
        if let Some(existing) = &self.billing_address {
            let message = "the checkout has a billing address: update that one";
            return Err(
                Refusal::new(Reason::BillingAddressExists, message).with("address_id", existing.id)
            );
        }
        self.billing_address = Some(address);
        Ok(())
    }

    /// Replaces the billing address; its id stays. `id` may be left out.
    pub fn update_billing_address(&mut self, id: Option<Uuid>, address: Address) -> Result<()> {
        match &mut self.billing_address {
            Some(existing) if id.is_none_or(|id| id == existing.id) => {
                *existing = Address {
                    id: existing.id,
                    ..address
                };
                Ok(())
            }
            _ => {
                let id = id.map(|id| id.to_string()).unwrap_or_default();
                let message =
                    "the checkout has no such billing address: add it, or leave address_id out";
                Err(Refusal::new(Reason::BillingAddressNotFound, message).with("address_id", id))
            }
        }
    }

    /// Makes it another customer's, of whom nothing is known yet: coupons, store credit and chosen shipping options
    /// depended on the old one, and the session was another shopper's.
    pub fn set_customer(&mut self, customer_id: String) {
        if self.customer_id == customer_id {
            return;
        }
        self.customer_id = customer_id;
        self.customer = CustomerContext::default();
        self.session_id = None;
        for coupon in std::mem::take(&mut self.coupons) {
            let text = format!(
                "coupon \"{}\" was removed because the customer changed",
                coupon.code
            );
            self.tell(MessageCode::CouponDropped, coupon.code, text);
        }
        self.drop_store_credit();
        let mut dropped = Vec::new();
        for consignment in &mut self.consignments {
            if consignment.fulfilment.take().is_some() {
                dropped.push(consignment.id.to_string());
            }
        }
        for id in dropped {
            let text = "choose a shipping option again: the customer changed";
            self.tell(MessageCode::ShippingOptionDropped, id, text);
        }
    }

    /// Names something that binds the checkout to its currency: its amount was given by the caller, and nothing says what it
    /// is in another.
    #[must_use]
    pub fn bound_to_currency(&self) -> Option<String> {
        let given = |line: &&LineItem| {
            line.gift_of.is_none() && (!line.is_from_catalog() || line.price_override.is_some())
        };
        let line = self.lines.iter().find(given);
        let fee = || self.fees.first();
        let discount = || self.manual_discounts.first();
        line.map(|line| format!("\"{}\"", line.facts.name))
            .or_else(|| Some(format!("fee \"{}\"", fee()?.name)))
            .or_else(|| Some(format!("manual discount \"{}\"", discount()?.name)))
    }

    /// Refuses money in another currency than the checkout's; `path` is its request field.
    pub fn amount(&self, money: Money, path: &str) -> Result<Amount> {
        if money.currency == self.currency {
            return Ok(money.amount);
        }
        let (given, expected) = (money.currency, self.currency);
        let violation = Violation::new(
            format!("{path}.currency_code"),
            Reason::CurrencyMismatch,
            format!("the cart is in {expected}, not in {given}"),
        );
        Err(Refusal::fields(vec![violation])
            .with("currency_code", given)
            .with("expected_currency_code", expected))
    }

    /// Adds a message for people, once.
    pub fn tell(&mut self, code: MessageCode, subject: impl Into<String>, text: impl Into<String>) {
        let message = Message {
            code,
            subject: subject.into(),
            text: text.into(),
        };
        if !self.messages.contains(&message) {
            self.messages.push(message);
        }
    }
}

/// Refuses when the caller expects another version than the current one.
pub fn check_version(current: i64, expected: Option<i64>) -> Result<()> {
    match expected {
        Some(expected) if expected != current => {
            let message = format!(
                "version {expected} was expected, and {current} is the current one: read it and decide again"
            );
            Err(Refusal::new(Reason::VersionMismatch, message).with("current_version", current))
        }
        _ => Ok(()),
    }
}

/// Refuses a request id that was used for something else.
#[must_use]
pub fn request_id_reused(id: Uuid) -> Refusal {
    let message =
        format!("request_id {id} was used with other content: make a new one for each request");
    Refusal::new(Reason::RequestIdReused, message).with("request_id", id)
}

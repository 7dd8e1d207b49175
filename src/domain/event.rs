//! What happened to checkouts, orders and promotions, as others are told of it.
//!
//! Events are thin on purpose: ids, versions, statuses and what kind of thing changed, but no names, addresses, codes or
//! amounts. Whoever may know those asks for them, and erasing a customer leaves nothing to erase here.

use chrono::{DateTime, TimeDelta, Utc};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::{
    checkout::{Checkout, CheckoutState},
    order::{Order, OrderStatus, PaymentState},
    order_history::HistoryEvent,
};

macro_rules! kinds {
    ($($variant:ident = $name:literal, $when:literal;)*) => {
        /// What kind of thing happened.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        #[expect(missing_docs, reason = "`when` says what each means")]
        pub enum EventKind { $($variant,)* }

        impl EventKind {
            /// Every kind.
            pub const ALL: &'static [Self] = &[$(Self::$variant),*];

            /// The kind of a name.
            #[must_use]
            pub fn named(name: &str) -> Option<Self> {
                Self::ALL.iter().copied().find(|kind| kind.name() == name)
            }

            /// The stable name, which is the type of a `CloudEvent`.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self { $(Self::$variant => $name,)* }
            }

            /// When it is told: words that follow "when".
            #[must_use]
            pub const fn when(self) -> &'static str {
                match self { $(Self::$variant => $when,)* }
            }
        }
    };
}

kinds! {
    CheckoutCreated = "cartwright.checkout.created", "a cart is created";
    CheckoutUpdated = "cartwright.checkout.updated", "anything of a cart or checkout changes, an order being created from it included";
    CheckoutDeleted = "cartwright.checkout.deleted", "a cart is deleted, or its last line removed";
    CheckoutPaid = "cartwright.checkout.paid", "an order of a checkout is paid, which ends it";
    CheckoutAbandoned = "cartwright.checkout.abandoned", "nobody has changed a cart with lines and an e-mail address for a while";
    CheckoutErased = "cartwright.checkout.erased", "what a cart says of a customer is erased, which also ends it";
    OrderCreated = "cartwright.order.created", "an order is created";
    OrderPaymentRecorded = "cartwright.order.payment_recorded", "a payment of an order, or its next state, is recorded";
    OrderCancelled = "cartwright.order.cancelled", "an order is cancelled before it is paid";
    OrderSiblingPaid = "cartwright.order.sibling_paid", "another order of the same cart is paid, so this one cannot be";
    OrderStatusUpdated = "cartwright.order.status_updated", "the shop gives an order another status";
    OrderErased = "cartwright.order.erased", "what an order says of a customer is erased";
    PromotionCreated = "cartwright.promotion.created", "a promotion is created, that of a classic coupon included";
    PromotionUpdated = "cartwright.promotion.updated", "a promotion is changed";
    PromotionDeleted = "cartwright.promotion.deleted", "a promotion is deleted, and its codes with it";
    CouponCodeCreated = "cartwright.coupon_code.created", "a code is created";
    CouponCodeGenerated = "cartwright.coupon_code.generated", "a batch of codes is generated";
    CouponCodeDeleted = "cartwright.coupon_code.deleted", "a code is deleted";
}

/// Something that happened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event {
    /// Tells it from every other event, also when it is told twice.
    pub id: Uuid,
    /// When. Later events of one checkout or order have later times, whatever the clocks of replicas say.
    pub time: DateTime<Utc>,
    /// What kind of thing happened.
    pub kind: EventKind,
    /// What it happened to.
    pub subject: Subject,
    /// The W3C trace context of the request that did it; empty if there was none.
    pub traceparent: String,
}

/// An event at its place in the order in which all are told: 1, 2, 3 and so on, without gaps.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PlacedEvent {
    /// Its place.
    pub position: i64,
    /// The event.
    pub event: Event,
}

/// What an event happened to, and how.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Subject {
    /// A checkout.
    Checkout(CheckoutChange),
    /// An order.
    Order(OrderChange),
    /// A promotion.
    Promotion {
        /// Its id.
        promotion_id: Uuid,
        /// The version that it has since; 0 for a deleted one.
        version: i64,
    },
    /// Coupon codes of a promotion.
    CouponCodes {
        /// The promotion.
        promotion_id: Uuid,
        /// The code; none for a batch.
        code_id: Option<Uuid>,
        /// The batch in which they were generated, if they were.
        batch_id: Option<Uuid>,
        /// How many.
        count: u32,
    },
}

/// What happened to a checkout.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CheckoutChange {
    /// Id of the checkout and of its cart.
    pub checkout_id: Uuid,
    /// The version that it has since. Each version has one event, but for abandoned carts, which have the same again.
    pub version: i64,
    /// What changed.
    pub parts: Vec<Part>,
    /// The order that was paid, or the one that was created from it.
    pub order_id: Option<Uuid>,
}

/// What happened to an order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OrderChange {
    /// Id of the order.
    pub order_id: Uuid,
    /// Its number.
    pub number: i64,
    /// The checkout that it was created from.
    pub checkout_id: Uuid,
    /// The version that it has since. Each has one event.
    pub version: i64,
    /// The status before; none for a new order.
    pub from: Option<OrderStatus>,
    /// The status since.
    pub to: OrderStatus,
    /// The payment that was recorded, if one was.
    pub payment: Option<PaymentChange>,
}

/// Which payment was recorded, and in which state.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct PaymentChange {
    /// Cartwright's id of the payment.
    pub payment_id: Uuid,
    /// Its state since.
    pub state: PaymentState,
}

macro_rules! parts {
    ($($(#[$doc:meta])* $variant:ident = $name:literal, ($($($field:ident).+),+);)*) => {
        /// What of a checkout changed.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
        pub enum Part { $($(#[$doc])* $variant,)* }

        impl Part {
            /// Every part.
            pub const ALL: &'static [Self] = &[$(Self::$variant),*];

            /// The name, as in the proto without its prefix.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self { $(Self::$variant => $name,)* }
            }

            /// Whether the two checkouts differ in it.
            fn differs(self, before: &Checkout, after: &Checkout) -> bool {
                match self {
                    $(Self::$variant => $(before.$($field).+ != after.$($field).+)||+,)*
                }
            }
        }
    };
}

parts! {
    /// The lines.
    LineItems = "LINE_ITEMS", (lines);
    /// Whose cart it is.
    Customer = "CUSTOMER", (customer_id, customer, email);
    /// The sales channel.
    Channel = "CHANNEL", (channel_id);
    /// The currency.
    Currency = "CURRENCY", (currency);
    /// The coupons.
    Coupons = "COUPONS", (coupons);
    /// The discounts given by hand.
    ManualDiscounts = "MANUAL_DISCOUNTS", (manual_discounts);
    /// The fees.
    Fees = "FEES", (fees);
    /// The gift certificates.
    GiftCertificates = "GIFT_CERTIFICATES", (gift_certificates);
    /// The store credit.
    StoreCredit = "STORE_CREDIT", (store_credit);
    /// The billing address.
    BillingAddress = "BILLING_ADDRESS", (billing_address);
    /// The consignments.
    Consignments = "CONSIGNMENTS", (consignments);
    /// The customer's message and the staff's note.
    Notes = "NOTES", (customer_message, staff_note);
    /// The orders created from it.
    Orders = "ORDERS", (order_ids);
    /// What it comes to.
    Totals = "TOTALS", (pricing.totals);
}

/// The cursor from which a stream goes on after a position.
#[must_use]
pub fn cursor(position: i64) -> String {
    format!("{position:016x}")
}

/// The position of a cursor; none if it is not one.
#[must_use]
pub fn position_of(cursor: &str) -> Option<i64> {
    let position = i64::from_str_radix(cursor, 16).ok();
    position.filter(|position| self::cursor(*position) == cursor)
}

/// The time of a change: now, or just after the change before if clocks disagree.
#[must_use]
pub fn after(previous: DateTime<Utc>, now: DateTime<Utc>) -> DateTime<Utc> {
    let earliest = previous.checked_add_signed(TimeDelta::microseconds(1));
    earliest.map_or(now, |earliest| now.max(earliest))
}

/// What happened to a checkout that was `before` and is `now`; none before is a new one.
#[must_use]
pub fn checkout_change(before: Option<&Checkout>, now: &Checkout) -> (EventKind, Subject) {
    let empty;
    let old = if let Some(before) = before {
        before
    } else {
        empty = Checkout::new(now.id, now.currency, now.create_time);
        &empty
    };
    let (kind, paid) = match now.state {
        CheckoutState::Paid { order_id } => (EventKind::CheckoutPaid, Some(order_id)),
        CheckoutState::Deleted => (EventKind::CheckoutDeleted, None),
        CheckoutState::Active if before.is_none() => (EventKind::CheckoutCreated, None),
        CheckoutState::Active => (EventKind::CheckoutUpdated, None),
    };
    let parts = Part::ALL.iter().copied();
    let created = now.order_ids.iter().find(|id| !old.order_ids.contains(id));
    let change = CheckoutChange {
        checkout_id: now.id,
        version: now.version,
        parts: parts.filter(|part| part.differs(old, now)).collect(),
        order_id: paid.or(created.copied()),
    };
    (kind, Subject::Checkout(change))
}

/// What happened to an order last, as its history says; none without one.
#[must_use]
pub fn order_change(order: &Order) -> Option<(EventKind, Subject)> {
    let mut entries = order.history.iter().rev();
    let last = entries.next()?;
    let kind = kind_of(&last.event);
    let payment = match &last.event {
        HistoryEvent::Payment { reference, state } => {
            let mut payments = order.payments.iter();
            let payment = payments.find(|payment| payment.reference == *reference);
            payment.map(|payment| PaymentChange {
                payment_id: payment.id,
                state: *state,
            })
        }
        _ => None,
    };
    let change = OrderChange {
        order_id: order.id,
        number: order.number,
        checkout_id: order.snapshot.id,
        version: order.version,
        from: entries.next().map(|entry| entry.status),
        to: last.status,
        payment,
    };
    Some((kind, Subject::Order(change)))
}

const fn kind_of(event: &HistoryEvent) -> EventKind {
    match event {
        HistoryEvent::Created => EventKind::OrderCreated,
        HistoryEvent::Payment { .. } => EventKind::OrderPaymentRecorded,
        HistoryEvent::Cancelled => EventKind::OrderCancelled,
        HistoryEvent::SiblingPaid => EventKind::OrderSiblingPaid,
        HistoryEvent::StatusUpdated => EventKind::OrderStatusUpdated,
    }
}

/// Which events are wanted; none is any.
#[derive(Debug, Clone, Default)]
pub struct EventFilter {
    /// Of these kinds; of every kind if there are none.
    pub kinds: Vec<EventKind>,
    /// Of this checkout and of its orders.
    pub checkout_id: Option<Uuid>,
}

impl EventFilter {
    /// Whether the event is wanted.
    #[must_use]
    pub fn accepts(&self, event: &Event) -> bool {
        let of_kind = self.kinds.is_empty() || self.kinds.contains(&event.kind);
        let of_checkout =
            self.checkout_id.is_none() || self.checkout_id == event.subject.checkout_id();
        of_kind && of_checkout
    }
}

impl Subject {
    /// The checkout that it is about, if it is about one or about an order.
    #[must_use]
    pub const fn checkout_id(&self) -> Option<Uuid> {
        match self {
            Self::Checkout(change) => Some(change.checkout_id),
            Self::Order(change) => Some(change.checkout_id),
            Self::Promotion { .. } | Self::CouponCodes { .. } => None,
        }
    }
}

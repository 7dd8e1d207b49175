//! What may come of each request, and what has to have come of some.

use std::{collections::BTreeMap, fmt, sync::Mutex};

/// What each request may be answered with beside being done.
const ALLOWED: &[(&str, &[&str])] = &[
    ("CreateCart", &[]),
    ("GetCheckout", CART),
    ("AddBillingAddress", CART),
    (
        "AddLineItems",
        &[
            "CART_PAID",
            "CART_DELETED",
            "CONCURRENT_CHANGE",
            "STOCK_EXHAUSTED",
        ],
    ),
    (
        "DeleteLineItem",
        &[
            "CART_PAID",
            "CART_DELETED",
            "CONCURRENT_CHANGE",
            "LINE_ITEM_NOT_FOUND",
        ],
    ),
    (
        "UpdateCheckout",
        &[
            "CART_PAID",
            "CART_DELETED",
            "CONCURRENT_CHANGE",
            "VERSION_MISMATCH",
        ],
    ),
    (
        "ApplyCoupon",
        &[
            "CART_PAID",
            "CART_DELETED",
            "CONCURRENT_CHANGE",
            "COUPON_ALREADY_APPLIED",
            "COUPON_NOT_COMBINABLE",
            "COUPON_USES_EXHAUSTED",
            "COUPON_CUSTOMER_USES_EXHAUSTED",
            "PROMOTION_USES_EXHAUSTED",
        ],
    ),
    (
        "RemoveCoupon",
        &[
            "CART_PAID",
            "CART_DELETED",
            "CONCURRENT_CHANGE",
            "COUPON_NOT_FOUND",
        ],
    ),
    (
        "ApplyGiftCertificate",
        &[
            "CART_PAID",
            "CART_DELETED",
            "CONCURRENT_CHANGE",
            "GIFT_CERTIFICATE_ALREADY_APPLIED",
            "GIFT_CERTIFICATE_EMPTY",
        ],
    ),
    (
        "RemoveGiftCertificate",
        &[
            "CART_PAID",
            "CART_DELETED",
            "CONCURRENT_CHANGE",
            "GIFT_CERTIFICATE_NOT_FOUND",
        ],
    ),
    (
        "ApplyStoreCredit",
        &[
            "CART_PAID",
            "CART_DELETED",
            "CONCURRENT_CHANGE",
            "STORE_CREDIT_CUSTOMER_REQUIRED",
            "STORE_CREDIT_EMPTY",
        ],
    ),
    ("RemoveStoreCredit", CART),
    (
        "CreateOrder",
        &[
            "CART_PAID",
            "CART_DELETED",
            "CONCURRENT_CHANGE",
            "CHECKOUT_INCOMPLETE",
            "COUPON_CUSTOMER_USES_EXHAUSTED",
            "COUPON_USES_EXHAUSTED",
            "GIFT_CERTIFICATE_EMPTY",
            "PRICE_CHANGED",
            "PROMOTION_USES_EXHAUSTED",
            "STOCK_EXHAUSTED",
            "STORE_CREDIT_EMPTY",
        ],
    ),
    (
        "RecordPayment",
        &[
            "CONCURRENT_CHANGE",
            "COUPON_CUSTOMER_USES_EXHAUSTED",
            "COUPON_USES_EXHAUSTED",
            "GIFT_CERTIFICATE_EMPTY",
            "ORDER_ALREADY_PAID",
            "ORDER_STATUS_NOT_ALLOWED",
            "PAYMENT_EXCEEDS_OUTSTANDING",
            "PROMOTION_USES_EXHAUSTED",
            "SIBLING_ORDER_PAID",
            "STOCK_EXHAUSTED",
            "STORE_CREDIT_EMPTY",
        ],
    ),
    // Money has moved, or will not: that is always recorded.
    ("RecordPayment after PENDING", &["CONCURRENT_CHANGE"]),
    (
        "CancelOrder",
        &[
            "CONCURRENT_CHANGE",
            "ORDER_ALREADY_PAID",
            "ORDER_STATUS_NOT_ALLOWED",
        ],
    ),
    (
        "UpdateOrderStatus",
        &["CONCURRENT_CHANGE", "ORDER_STATUS_NOT_ALLOWED"],
    ),
    ("DeleteCart", CART),
    ("CreateCoupon", &[]),
    ("CreateCouponCode", &[]),
    ("CreatePromotion", &[]),
    ("IssueGiftCertificate", &[]),
    ("SetStoreCredit", &["CONCURRENT_CHANGE"]),
    ("UpsertProducts", &["CONCURRENT_CHANGE"]),
];

/// Of whatever is done to a cart.
const CART: &[&str] = &["CART_PAID", "CART_DELETED", "CONCURRENT_CHANGE"];

/// What a run shows nothing without.
const NEEDED: &[(&str, &str)] = &[
    ("AddLineItems", "STOCK_EXHAUSTED"),
    ("AddLineItems", "answered again"),
    ("AddLineItems", "lost"),
    ("AddLineItems", "sent again"),
    ("ApplyCoupon", "COUPON_USES_EXHAUSTED"),
    ("ApplyCoupon", "PROMOTION_USES_EXHAUSTED"),
    ("ApplyCoupon", "done"),
    ("ApplyGiftCertificate", "GIFT_CERTIFICATE_EMPTY"),
    ("ApplyGiftCertificate", "done"),
    ("ApplyStoreCredit", "done"),
    ("CancelOrder", "done"),
    ("CreateOrder", "CHECKOUT_INCOMPLETE"),
    ("CreateOrder", "answered again"),
    ("CreateOrder", "done"),
    ("CreateOrder", "sent again"),
    ("DeleteCart", "done"),
    ("RecordPayment", "ORDER_STATUS_AWAITING_FULFILLMENT"),
    ("RecordPayment", "SIBLING_ORDER_PAID"),
    ("RecordPayment", "sent again"),
    (
        "RecordPayment after PENDING",
        "ORDER_STATUS_AWAITING_FULFILLMENT",
    ),
    ("RecordPayment after PENDING", "ORDER_STATUS_DECLINED"),
    ("UpdateCheckout", "VERSION_MISMATCH"),
    ("UpdateCheckout", "done"),
];

/// How often each request had each outcome.
#[derive(Debug, Default)]
pub(crate) struct Outcomes(Mutex<BTreeMap<(&'static str, String), u32>>);

/// What is counted beside the reasons of refusals.
fn is_other(outcome: &str) -> bool {
    let words = ["done", "lost", "sent again", "answered again"];
    words.contains(&outcome)
        || outcome.starts_with("ORDER_STATUS_") && !outcome.ends_with("ALLOWED")
}

impl Outcomes {
    /// Counts an outcome, which has to be one that the request may have.
    #[track_caller]
    pub(crate) fn tally(&self, what: &'static str, outcome: &str) {
        let row = ALLOWED.iter().find(|(request, _)| *request == what);
        let (_, allowed) = row.unwrap_or_else(|| panic!("{what} is not in the table"));
        let fits = is_other(outcome) || allowed.contains(&outcome);
        assert!(fits, "{what} was answered with {outcome}");
        let mut counts = self.0.lock().unwrap();
        *counts.entry((what, outcome.to_owned())).or_default() += 1;
    }

    /// What the run is to show and has not yet shown.
    pub(crate) fn missing(&self) -> Vec<&'static (&'static str, &'static str)> {
        let counts = self.0.lock().unwrap();
        let is_missing =
            |needed: &&(&'static str, &str)| !counts.contains_key(&(needed.0, needed.1.to_owned()));
        NEEDED.iter().filter(is_missing).collect()
    }
}

impl fmt::Display for Outcomes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for ((what, outcome), times) in &*self.0.lock().unwrap() {
            writeln!(f, "{times:>6} {what}: {outcome}")?;
        }
        Ok(())
    }
}

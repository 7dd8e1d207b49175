//! What shoppers are told of promotions.

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::{Promotion, evaluation::Outcome, sets::Lack};
use crate::domain::{
    checkout::Checkout,
    money::{Amount, Money, Overflow, sum},
    promotion::GivenDiscount,
};

/// What to tell the shopper of a promotion.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Notification {
    /// When.
    pub kind: NotificationType,
    /// The text, with placeholders.
    pub content: String,
    /// Where; empty for everywhere.
    pub locations: Vec<Location>,
}

/// When a notification is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum NotificationType {
    /// The cart does not satisfy the condition yet.
    Upsell,
    /// The cart satisfies the condition, but has nothing to discount.
    Eligible,
    /// The promotion applies.
    Applied,
}

/// Where a notification is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "the names say it all")]
pub enum Location {
    HomePage,
    ProductPage,
    CartPage,
    CheckoutPage,
}

/// What can stand in braces in the text of a notification.
pub const PLACEHOLDERS: [&str; 5] = [
    "promotion",
    "currency",
    "remaining_quantity",
    "remaining_spend",
    "discount",
];

/// A notification for one checkout.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Notice {
    /// The promotion.
    pub promotion_id: Uuid,
    /// What to tell, with its placeholders filled.
    pub notification: Notification,
}

/// What to tell of a promotion, now that it is known what became of it.
pub(in crate::domain) fn notices(
    promotion: &Promotion,
    outcome: &Outcome,
    checkout: &Checkout,
) -> Result<Vec<Notice>, Overflow> {
    let (kind, lack) = match outcome {
        Outcome::Applies => (NotificationType::Applied, Lack::default()),
        Outcome::Qualifies | Outcome::NothingToDiscount => {
            (NotificationType::Eligible, Lack::default())
        }
        Outcome::Lacks(lack) => (NotificationType::Upsell, *lack),
    };
    let wanted = promotion.notifications.iter().filter(|of| of.kind == kind);
    let wanted: Vec<_> = wanted.collect();
    if wanted.is_empty() {
        return Ok(Vec::new());
    }
    let discount = given_by(promotion.id, checkout)?;
    let decimal = |amount| {
        let currency = checkout.currency;
        Money { currency, amount }.decimal()
    };
    let values = [
        promotion.display_name.clone(),
        checkout.currency.code().to_owned(),
        lack.quantity.to_string(),
        decimal(lack.spend),
        decimal(discount),
    ];
    let filled = |content: &str| {
        let pairs = PLACEHOLDERS.iter().zip(&values);
        pairs.fold(content.to_owned(), |text, (name, value)| {
            text.replace(&format!("{{{name}}}"), value)
        })
    };
    let notices = wanted.into_iter().map(|notification| Notice {
        promotion_id: promotion.id,
        notification: Notification {
            content: filled(&notification.content),
            ..notification.clone()
        },
    });
    Ok(notices.collect())
}

/// What a promotion takes off goods and shipping, as shown.
fn given_by(promotion_id: Uuid, checkout: &Checkout) -> Result<Amount, Overflow> {
    let pricing = &checkout.pricing;
    let lines = pricing.lines.iter().flat_map(|line| &line.discounts);
    let shipping = pricing.consignments.iter().flat_map(|of| &of.discounts);
    let of_this = |given: &&GivenDiscount| given.promotion_id() == Some(promotion_id);
    let given = lines.chain(shipping).filter(of_this);
    sum(given.map(|given| given.amount))
}

//! Promotions: conditions and actions that discount a checkout, and the codes that lead to them.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::{
    cart::LineItem,
    coupon::CouponType,
    money::{Amount, Currency, Money, Rate},
    store::Store,
};

/// Conditions and actions that discount a checkout.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Promotion {
    /// Cartwright's id.
    pub id: Uuid,
    /// Name for the shop's staff.
    pub name: String,
    /// Name for the shopper.
    pub display_name: String,
    /// The classic kind of coupon it was created as; none for a promotion that applies by itself.
    pub coupon_type: Option<CouponType>,
    /// Lower numbers go first.
    pub priority: i32,
    /// Whether it is in force.
    pub enabled: bool,
    /// From when on.
    pub start_time: Option<DateTime<Utc>>,
    /// Until when.
    pub end_time: Option<DateTime<Utc>>,
    /// Countries it can be shipped to; empty for all.
    pub shipping_country_codes: Vec<String>,
    /// What it does.
    pub rules: Vec<Rule>,
    /// When it was created.
    pub create_time: DateTime<Utc>,
}

impl Promotion {
    /// The currency of its amounts; none when it works in any.
    #[must_use]
    pub fn currency(&self) -> Option<Currency> {
        self.rules.iter().find_map(|rule| {
            let minimum = rule
                .condition
                .as_ref()
                .map(|condition| condition.minimum_spend);
            let discount = match &rule.action {
                Action::CartItems {
                    discount: Discount::Fixed(money),
                    ..
                }
                | Action::Shipping {
                    discount: Discount::Fixed(money),
                    ..
                } => Some(*money),
                _ => None,
            };
            minimum.or(discount).map(|money| money.currency)
        })
    }

    /// Whether it can discount goods, rather than shipping alone.
    #[must_use]
    pub fn discounts_goods(&self) -> bool {
        self.rules
            .iter()
            .any(|rule| matches!(rule.action, Action::CartItems { .. }))
    }
}

/// What a promotion does, and when.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rule {
    /// When; none for always.
    pub condition: Option<Condition>,
    /// What.
    pub action: Action,
}

/// What a cart must have.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Condition {
    /// Which lines count.
    pub items: ItemsMatcher,
    /// What they must come to after earlier discounts.
    pub minimum_spend: Money,
}

/// What a promotion gives.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Action {
    /// Something off goods.
    CartItems {
        /// How much.
        discount: Discount,
        /// Whether a fixed amount is shared among the lines.
        as_total: bool,
        /// Which lines.
        items: ItemsMatcher,
    },
    /// Something off the shipping cost of each consignment.
    Shipping {
        /// How much.
        discount: Discount,
        /// The shipping methods it holds for; empty for all.
        method_ids: Vec<String>,
    },
}

impl Action {
    /// Whether the action can give something for the line. One with an overridden price takes no part in discounts
    /// on items, only in those that are off the total, unless the store's setting says otherwise.
    #[must_use]
    pub fn reaches(&self, line: &LineItem, store: &Store) -> bool {
        match self {
            Self::CartItems {
                items, as_total, ..
            } => {
                let overridden = line.price_override.is_some() && !store.discount_overridden_prices;
                items.matches(line) && (*as_total || !overridden)
            }
            Self::Shipping { .. } => line.requires_shipping(),
        }
    }
}

/// How much.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Discount {
    /// A part, up to all of it.
    Percentage(Rate),
    /// An amount.
    Fixed(Money),
}

impl Discount {
    /// Everything.
    pub const ALL: Self = Self::Percentage(Rate::ONE);
}

/// Which lines.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct ItemsMatcher {
    /// Lines of one of these products, or of a category below; both empty for all lines.
    pub product_ids: Vec<String>,
    /// Lines of products in one of these categories.
    pub category_ids: Vec<String>,
    /// Not lines of these products.
    pub excluded_product_ids: Vec<String>,
    /// Not lines of products in these categories.
    pub excluded_category_ids: Vec<String>,
}

impl ItemsMatcher {
    /// Whether the line is one of those meant.
    #[must_use]
    pub fn matches(&self, line: &LineItem) -> bool {
        let in_category =
            |ids: &[String]| line.facts.category_ids.iter().any(|id| ids.contains(id));
        let all = self.product_ids.is_empty() && self.category_ids.is_empty();
        let included =
            all || self.product_ids.contains(&line.product_id) || in_category(&self.category_ids);
        let excluded = self.excluded_product_ids.contains(&line.product_id)
            || in_category(&self.excluded_category_ids);
        included && !excluded
    }
}

/// A code of a promotion.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CouponCode {
    /// Cartwright's id.
    pub id: Uuid,
    /// The promotion it belongs to.
    pub promotion_id: Uuid,
    /// The code as created.
    pub code: String,
    /// How often it can be redeemed.
    pub max_uses: Option<i64>,
    /// How often one customer can redeem it.
    pub max_uses_per_customer: Option<i64>,
    /// How often it has been redeemed or taken by a payment under way. Counted only where there is a limit.
    pub uses: i64,
    /// When it was created.
    pub create_time: DateTime<Utc>,
}

impl CouponCode {
    /// Whether any limit has to be kept.
    #[must_use]
    pub const fn is_limited(&self) -> bool {
        self.max_uses.is_some() || self.max_uses_per_customer.is_some()
    }
}

/// A discount that a promotion gives to a line or to the shipping of a consignment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct GivenDiscount {
    /// The promotion.
    pub promotion_id: Uuid,
    /// The coupon code; none for a promotion that applies by itself.
    pub code: Option<String>,
    /// How much.
    pub amount: Amount,
}

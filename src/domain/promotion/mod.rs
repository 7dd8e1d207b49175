//! Promotions: conditions and actions that discount a checkout, and the codes that lead to them.

use std::collections::BTreeSet;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use self::{items::ItemsMatcher, notification::Notification, schedule::WeeklySchedule};
use super::{
    coupon::CouponType,
    money::{Amount, Currency, Money, Rate},
};

pub mod eligibility;
pub(in crate::domain) mod evaluation;
pub(in crate::domain) mod goods;
pub mod index;
pub mod items;
pub mod notification;
pub mod schedule;
pub mod sets;

/// Conditions and actions that discount a checkout.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Promotion {
    /// Cartwright's id.
    pub id: Uuid,
    /// Name for the shop's staff.
    pub name: String,
    /// Name for the shopper.
    pub display_name: String,
    /// How it comes to a checkout.
    pub redemption: RedemptionType,
    /// The classic kind of coupon it was created as.
    pub coupon_type: Option<CouponType>,
    /// Lower numbers go first.
    pub priority: i32,
    /// Whether it is in force.
    pub enabled: bool,
    /// From when on.
    pub start_time: Option<DateTime<Utc>>,
    /// Until when.
    pub end_time: Option<DateTime<Utc>>,
    /// At which hours of the week.
    pub schedule: Option<WeeklySchedule>,
    /// Sales channels; empty for all.
    pub channel_ids: Vec<String>,
    /// Currency of the carts it is for, and of all its amounts; none for any.
    pub currency: Option<Currency>,
    /// Whose carts it is for.
    pub customer: PromotionCustomer,
    /// Countries it can be shipped to; empty for all.
    pub shipping_country_codes: Vec<String>,
    /// In how many orders it can be used.
    pub max_uses: Option<i64>,
    /// In how many it has been used, or is by a payment under way. Counted only where there is a limit.
    pub uses: i64,
    /// Whether nothing after it is evaluated when it applies.
    pub stop: bool,
    /// Whether it goes together with other promotions.
    pub combinable: bool,
    /// What to tell the shopper.
    pub notifications: Vec<Notification>,
    /// What it does.
    pub rules: Vec<Rule>,
    /// Raised by one with every change.
    pub version: i64,
    /// When it was created.
    pub create_time: DateTime<Utc>,
    /// When it was last changed.
    pub update_time: DateTime<Utc>,
}

impl Promotion {
    /// An enabled promotion of these rules that applies by itself, to everybody's carts.
    #[must_use]
    pub fn new(id: Uuid, name: &str, rules: Vec<Rule>, now: DateTime<Utc>) -> Self {
        Self {
            id,
            name: name.to_owned(),
            display_name: name.to_owned(),
            redemption: RedemptionType::Automatic,
            coupon_type: None,
            priority: 0,
            enabled: true,
            start_time: None,
            end_time: None,
            schedule: None,
            channel_ids: Vec::new(),
            currency: rules
                .iter()
                .flat_map(Rule::amounts)
                .next()
                .map(|money| money.currency),
            customer: PromotionCustomer::default(),
            shipping_country_codes: Vec::new(),
            max_uses: None,
            uses: 0,
            stop: false,
            combinable: true,
            notifications: Vec::new(),
            rules,
            version: 1,
            create_time: now,
            update_time: now,
        }
    }

    /// Whether it can discount goods, rather than shipping alone.
    #[must_use]
    pub fn discounts_goods(&self) -> bool {
        self.rules
            .iter()
            .any(|rule| !matches!(rule.action, Action::Shipping { .. }))
    }
}

/// How a promotion comes to a checkout.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum RedemptionType {
    /// By itself.
    Automatic,
    /// By a code.
    Coupon,
}

/// Whose carts a promotion is for.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct PromotionCustomer {
    /// Customers of one of these groups; empty for all, unless `ungrouped`.
    pub group_ids: BTreeSet<String>,
    /// Also guests and customers of no group.
    pub ungrouped: bool,
    /// Not customers of one of these groups.
    pub excluded_group_ids: BTreeSet<String>,
    /// Customers with at least so many completed orders.
    pub minimum_order_count: u32,
}

/// What a promotion does, and when.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rule {
    /// When; none for always.
    pub condition: Option<Condition>,
    /// What.
    pub action: Action,
    /// Whether it applies once, instead of for as many disjoint sets of units as satisfy the condition.
    pub apply_once: bool,
    /// Whether no further rule of the promotion is tried when it applies.
    pub stop: bool,
}

impl Rule {
    /// Every amount that the rule names.
    #[must_use]
    pub fn amounts(&self) -> Vec<Money> {
        let mut amounts = Vec::new();
        if let Some(condition) = &self.condition {
            condition.amounts(&mut amounts);
        }
        match &self.action {
            Action::CartValue { discount, maximum }
            | Action::CartItems {
                discount, maximum, ..
            } => amounts.extend(discount.amount().into_iter().chain(*maximum)),
            Action::Shipping { discount, .. } => amounts.extend(discount.amount()),
            Action::FixedPriceSet { price, .. } => amounts.push(*price),
            Action::GiftItem { .. } => {}
        }
        amounts
    }
}

/// What a cart must have.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Condition {
    /// Units in the cart.
    Cart(CartCondition),
    /// All of these; a unit may count for several.
    AllOf(Vec<Condition>),
    /// The first of these that holds.
    AnyOf(Vec<Condition>),
    /// None of these.
    NoneOf(Vec<Condition>),
}

impl Condition {
    fn amounts(&self, amounts: &mut Vec<Money>) {
        match self {
            Self::Cart(cart) => amounts.extend(cart.minimum_spend),
            Self::AllOf(all) | Self::AnyOf(all) | Self::NoneOf(all) => {
                for one in all {
                    one.amounts(amounts);
                }
            }
        }
    }
}

/// Units that a cart must have.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CartCondition {
    /// Which units count.
    pub items: ItemsMatcher,
    /// How many there must be, at least 1.
    pub minimum_quantity: u32,
    /// What they must come to after earlier promotions.
    pub minimum_spend: Option<Money>,
}

/// What a promotion gives.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Action {
    /// Something off the whole cart.
    CartValue {
        /// How much.
        discount: Discount,
        /// The most that it takes off.
        maximum: Option<Money>,
    },
    /// Something off certain goods.
    CartItems {
        /// How much.
        discount: Discount,
        /// Whether a fixed amount is shared among the units.
        as_total: bool,
        /// How many units for each set; none for all.
        quantity: Option<u32>,
        /// Which units.
        scope: Scope,
        /// The most that it takes off.
        maximum: Option<Money>,
    },
    /// A gift.
    GiftItem {
        /// The catalog's product id.
        product_id: String,
        /// The catalog's variant id; empty without variants.
        variant_id: String,
        /// Units for each set.
        quantity: u32,
    },
    /// Several units for one price.
    FixedPriceSet {
        /// Units of a set.
        quantity: u32,
        /// What a set costs.
        price: Money,
        /// Which units.
        scope: Scope,
    },
    /// Something off the shipping cost of each consignment.
    Shipping {
        /// How much.
        discount: Discount,
        /// The shipping zones it holds for; empty for all.
        zone_ids: Vec<String>,
        /// The shipping methods it holds for; empty for all.
        method_ids: Vec<String>,
    },
}

/// Which units an action discounts.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Scope {
    /// Which goods.
    pub items: ItemsMatcher,
    /// Which units first.
    pub strategy: Strategy,
    /// Whether units that satisfied the condition are discounted too.
    pub include_considered: bool,
    /// Whether units at a sale price are left out.
    pub exclude_on_sale: bool,
}

/// In which order units are discounted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub enum Strategy {
    /// The least expensive first.
    #[default]
    LeastExpensive,
    /// Only those that cost as little as the least expensive.
    LeastExpensiveOnly,
    /// The most expensive first.
    MostExpensive,
    /// Only those that cost as much as the most expensive.
    MostExpensiveOnly,
}

impl Strategy {
    /// Whether it begins with the most expensive units.
    #[must_use]
    pub const fn most_expensive_first(self) -> bool {
        matches!(self, Self::MostExpensive | Self::MostExpensiveOnly)
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

    const fn amount(self) -> Option<Money> {
        match self {
            Self::Percentage(_) => None,
            Self::Fixed(money) => Some(money),
        }
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
    /// The codes that were generated together with it.
    pub batch_id: Option<Uuid>,
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

/// A discount on a line or on the shipping of a consignment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct GivenDiscount {
    /// What gives it.
    pub source: DiscountSource,
    /// How much.
    pub amount: Amount,
}

impl GivenDiscount {
    /// The coupon code, as the shopper entered it; none for other discounts.
    #[must_use]
    pub fn code(&self) -> Option<&str> {
        match &self.source {
            DiscountSource::Coupon { code, .. } => Some(code),
            _ => None,
        }
    }

    /// The promotion; none for a discount given by hand.
    #[must_use]
    pub const fn promotion_id(&self) -> Option<Uuid> {
        match self.source {
            DiscountSource::Automatic { promotion_id }
            | DiscountSource::Coupon { promotion_id, .. } => Some(promotion_id),
            DiscountSource::Manual { .. } => None,
        }
    }
}

/// What gives a discount.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum DiscountSource {
    /// A promotion that applies by itself.
    Automatic {
        /// The promotion.
        promotion_id: Uuid,
    },
    /// A discount given by hand.
    Manual {
        /// The manual discount.
        discount_id: Uuid,
    },
    /// A coupon.
    Coupon {
        /// Its promotion.
        promotion_id: Uuid,
        /// The code as the shopper entered it.
        code: String,
    },
}

//! Coupons: the five classic kinds as promotions, applying and removing them, and whether one qualifies.

use chrono::{DateTime, SecondsFormat, Utc};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::{
    checkout::Checkout,
    money::{Money, Rate},
    promotion::{
        Action, CartCondition, Condition, CouponCode, Discount, DiscountSource, Promotion, Rule,
        Scope, eligibility::Ineligible, items::ItemsMatcher, sets::Lack,
    },
    reason::{Reason, Refusal, Result},
    store::Store,
};

/// Most coupons of a checkout.
pub const MAX_COUPONS: usize = 10;
/// Most characters of a code.
pub const MAX_CODE_LENGTH: usize = 50;
/// What generated codes are made of. Consonants spell no words; `B`, `G`, `S` and `Z` look like digits.
pub const CODE_ALPHABET: [char; 24] = [
    '2', '3', '4', '5', '6', '7', '8', '9', 'C', 'D', 'F', 'H', 'J', 'K', 'L', 'M', 'N', 'P', 'Q',
    'R', 'T', 'V', 'W', 'X',
];

/// The five classic kinds of coupon.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "the proto says what each does")]
pub enum CouponType {
    PerItemDiscount,
    PercentageDiscount,
    PerTotalDiscount,
    ShippingDiscount,
    FreeShipping,
}

/// How much a classic coupon gives.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ClassicDiscount {
    /// An amount off each matching unit.
    PerItem(Money),
    /// A percentage off each matching line.
    Percentage(Rate),
    /// One amount off the matching lines together.
    PerTotal(Money),
    /// An amount off the shipping of each consignment.
    Shipping(Money),
    /// Shipping for nothing.
    FreeShipping,
}

impl ClassicDiscount {
    /// The kind of coupon.
    #[must_use]
    pub const fn coupon_type(self) -> CouponType {
        match self {
            Self::PerItem(_) => CouponType::PerItemDiscount,
            Self::Percentage(_) => CouponType::PercentageDiscount,
            Self::PerTotal(_) => CouponType::PerTotalDiscount,
            Self::Shipping(_) => CouponType::ShippingDiscount,
            Self::FreeShipping => CouponType::FreeShipping,
        }
    }

    /// The rule that a classic coupon is shorthand for.
    #[must_use]
    pub fn rule(
        self,
        minimum: Option<Money>,
        items: ItemsMatcher,
        method_ids: Vec<String>,
    ) -> Rule {
        let condition = minimum.map(|minimum_spend| {
            Condition::Cart(CartCondition {
                items: ItemsMatcher::All,
                minimum_quantity: 1,
                minimum_spend: Some(minimum_spend),
            })
        });
        let on_items = |discount, as_total| Action::CartItems {
            discount,
            as_total,
            quantity: None,
            scope: Scope {
                items,
                include_considered: true,
                ..Scope::default()
            },
            maximum: None,
        };
        let on_shipping = |discount| Action::Shipping {
            discount,
            zone_ids: Vec::new(),
            method_ids,
        };
        let action = match self {
            Self::PerItem(amount) => on_items(Discount::Fixed(amount), false),
            Self::Percentage(rate) => on_items(Discount::Percentage(rate), false),
            Self::PerTotal(amount) => on_items(Discount::Fixed(amount), true),
            Self::Shipping(amount) => on_shipping(Discount::Fixed(amount)),
            Self::FreeShipping => on_shipping(Discount::ALL),
        };
        Rule {
            condition,
            action,
            apply_once: true,
            stop: false,
        }
    }
}

/// A coupon on a checkout, with the promotion as it was when it was last looked up.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AppliedCoupon {
    /// Id of the code.
    pub code_id: Uuid,
    /// The code as the shopper entered it.
    pub code: String,
    /// Whether its uses are limited.
    pub limited: bool,
    /// What it does.
    pub promotion: Promotion,
}

/// The form in which codes are compared.
#[must_use]
pub fn normalized(code: &str) -> String {
    code.to_ascii_uppercase()
}

impl Checkout {
    /// Applies a coupon. Whether it qualifies turns out when the checkout is priced.
    pub fn apply_coupon(&mut self, coupon: AppliedCoupon, store: &Store) -> Result<()> {
        let code = coupon.code.as_str();
        if self
            .coupons
            .iter()
            .any(|applied| applied.code_id == coupon.code_id)
        {
            let message = format!("coupon \"{code}\" is applied already");
            return Err(Refusal::new(Reason::CouponAlreadyApplied, message).with("code", code));
        }
        if let Some(applied) = self
            .coupons
            .first()
            .filter(|_| !store.allow_multiple_coupons)
        {
            let message = format!(
                "the store allows one coupon: remove \"{}\" first",
                applied.code
            );
            return Err(Refusal::new(Reason::CouponNotCombinable, message)
                .with("code", code)
                .with("applied_code", &applied.code));
        }
        if self.coupons.len() >= MAX_COUPONS {
            return Err(Refusal::field(
                "code",
                format!("a checkout has at most {MAX_COUPONS} coupons"),
            ));
        }
        self.coupons.push(coupon);
        Ok(())
    }

    /// Removes a coupon.
    pub fn remove_coupon(&mut self, code: &str) -> Result<()> {
        let wanted = normalized(code);
        let before = self.coupons.len();
        self.coupons
            .retain(|coupon| normalized(&coupon.code) != wanted);
        if self.coupons.len() == before {
            let message = format!("the checkout has no coupon \"{code}\"");
            return Err(Refusal::new(Reason::CouponNotFound, message).with("code", code));
        }
        Ok(())
    }
}

/// Refuses a code that has no uses left, for anyone or for this customer.
pub fn check_uses(code: &CouponCode, customer_id: &str, customer_uses: i64) -> Result<()> {
    if let Some(most) = code.max_uses.filter(|most| code.uses >= *most) {
        let message = format!(
            "coupon \"{}\" has been redeemed as often as it can be",
            code.code
        );
        return Err(Refusal::new(Reason::CouponUsesExhausted, message)
            .with("code", &code.code)
            .with("max_uses", most));
    }
    let per_customer = code.max_uses_per_customer;
    if let Some(most) = per_customer.filter(|most| customer_id.is_empty() || customer_uses >= *most)
    {
        let message = if customer_id.is_empty() {
            format!(
                "coupon \"{}\" is for customers: set the cart's customer_id first",
                code.code
            )
        } else {
            format!(
                "this customer has redeemed coupon \"{}\" as often as one can",
                code.code
            )
        };
        return Err(Refusal::new(Reason::CouponCustomerUsesExhausted, message)
            .with("code", &code.code)
            .with("max_uses_per_customer", most));
    }
    Ok(())
}

impl AppliedCoupon {
    /// What gives the coupon's discounts.
    #[must_use]
    pub fn source(&self) -> DiscountSource {
        DiscountSource::Coupon {
            promotion_id: self.promotion.id,
            code: self.code.clone(),
        }
    }

    /// Refuses a coupon that is not for the checkout.
    pub(super) fn ineligible(&self, why: &Ineligible) -> Refusal {
        let in_full = |time: &DateTime<Utc>| time.to_rfc3339_opts(SecondsFormat::Secs, true);
        match why {
            Ineligible::Disabled => self.refusal(Reason::CouponDisabled, "is switched off"),
            Ineligible::NotStarted(start) => {
                let start = in_full(start);
                self.refusal(Reason::CouponNotStarted, &format!("works from {start} on"))
                    .with("start_time", start)
            }
            Ineligible::Ended(end) => {
                let end = in_full(end);
                self.refusal(Reason::CouponExpired, &format!("expired at {end}"))
                    .with("expire_time", end)
            }
            Ineligible::NotScheduled => {
                self.refusal(Reason::CouponNotScheduled, "does not work at this hour")
            }
            Ineligible::Exhausted(most) => {
                let what = "has been redeemed as often as its promotion can be used";
                self.refusal(Reason::PromotionUsesExhausted, what)
                    .with("promotion_id", self.promotion.id)
                    .with("max_uses", most)
            }
            Ineligible::Channel => {
                let what = "is not for carts of this sales channel";
                self.refusal(Reason::CouponChannelNotAllowed, what)
            }
            Ineligible::Currency(currency) => {
                let what = format!("works in {currency} alone");
                self.refusal(Reason::CouponCurrencyMismatch, &what)
                    .with("currency_code", currency)
            }
            Ineligible::Customer => self.refusal(
                Reason::CouponCustomerNotEligible,
                "is for other customers, by their groups or completed orders",
            ),
            Ineligible::Country(country) => {
                let what = format!("does not hold for shipping to {country}");
                self.refusal(Reason::CouponCountryNotAllowed, &what)
                    .with("country_code", country)
            }
        }
    }

    /// Refuses a coupon whose condition the cart does not satisfy.
    pub(super) fn lacks(&self, lack: &Lack) -> Refusal {
        match lack.minimum_spend.filter(|_| lack.quantity == 0) {
            Some(minimum) => {
                let what = format!("needs goods for at least {minimum}");
                self.refusal(Reason::CouponMinPurchaseNotMet, &what)
                    .with("minimum_purchase", minimum.amount.minor())
                    .with("currency_code", minimum.currency)
            }
            None if lack.quantity > 0 => {
                let what = format!("needs {} more of the items that it is for", lack.quantity);
                self.refusal(Reason::CouponConditionNotMet, &what)
            }
            None => {
                let what = "is not for carts with these items";
                self.refusal(Reason::CouponConditionNotMet, what)
            }
        }
    }

    /// Refuses a coupon for whose discount the cart has nothing.
    pub(super) fn nothing_to_discount(&self) -> Refusal {
        let what = "is for items that the cart does not have";
        self.refusal(Reason::CouponNoMatchingItems, what)
    }

    /// Refuses a coupon that does not go together with what has discounted before.
    pub(super) fn not_combinable(&self) -> Refusal {
        let what = "does not go together with another promotion that applies";
        self.refusal(Reason::CouponNotCombinable, what)
    }

    fn refusal(&self, reason: Reason, what: &str) -> Refusal {
        Refusal::new(reason, format!("coupon \"{}\" {what}", self.code)).with("code", &self.code)
    }
}

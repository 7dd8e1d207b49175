//! Coupons: the five classic kinds as promotions, applying and removing them, and whether one qualifies.

use chrono::{DateTime, SecondsFormat, Utc};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::{
    checkout::Checkout,
    money::{Amount, Money, Rate, sum},
    promotion::{Action, Condition, CouponCode, Discount, ItemsMatcher, Promotion, Rule},
    reason::{Reason, Refusal, Result},
    store::Store,
};

/// Most coupons of a checkout.
pub const MAX_COUPONS: usize = 10;
/// Most characters of a code.
pub const MAX_CODE_LENGTH: usize = 50;

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
        let condition = minimum.map(|minimum_spend| Condition {
            items: ItemsMatcher::default(),
            minimum_spend,
        });
        let action = match self {
            Self::PerItem(amount) => Action::CartItems {
                discount: Discount::Fixed(amount),
                as_total: false,
                items,
            },
            Self::Percentage(rate) => Action::CartItems {
                discount: Discount::Percentage(rate),
                as_total: false,
                items,
            },
            Self::PerTotal(amount) => Action::CartItems {
                discount: Discount::Fixed(amount),
                as_total: true,
                items,
            },
            Self::Shipping(amount) => Action::Shipping {
                discount: Discount::Fixed(amount),
                method_ids,
            },
            Self::FreeShipping => Action::Shipping {
                discount: Discount::ALL,
                method_ids,
            },
        };
        Rule { condition, action }
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

/// Refuses a coupon that does not qualify on the checkout whose lines have these values after
/// earlier discounts.
pub fn qualify(
    coupon: &AppliedCoupon,
    checkout: &Checkout,
    store: &Store,
    values: &[Amount],
    now: DateTime<Utc>,
) -> Result<()> {
    let (code, promotion) = (&coupon.code, &coupon.promotion);
    let refuse = |reason, what: &str| {
        Err(Refusal::new(reason, format!("coupon \"{code}\" {what}")).with("code", code))
    };
    let in_full = |time: DateTime<Utc>| time.to_rfc3339_opts(SecondsFormat::Secs, true);
    if !promotion.enabled {
        return refuse(Reason::CouponDisabled, "is switched off");
    }
    if let Some(start) = promotion.start_time.filter(|start| now < *start) {
        return refuse(
            Reason::CouponNotStarted,
            &format!("works from {} on", in_full(start)),
        )
        .map_err(|refusal: Refusal| refusal.with("start_time", in_full(start)));
    }
    if let Some(end) = promotion.end_time.filter(|end| now >= *end) {
        return refuse(
            Reason::CouponExpired,
            &format!("expired at {}", in_full(end)),
        )
        .map_err(|refusal: Refusal| refusal.with("expire_time", in_full(end)));
    }
    if let Some(currency) = promotion.currency().filter(|c| *c != checkout.currency) {
        return refuse(
            Reason::CouponCurrencyMismatch,
            &format!("works in {currency} alone"),
        )
        .map_err(|refusal: Refusal| refusal.with("currency_code", currency));
    }
    for rule in &promotion.rules {
        if let Some(condition) = &rule.condition
            && spend(&condition.items, checkout, values)? < condition.minimum_spend.amount
        {
            let minimum = condition.minimum_spend;
            return refuse(
                Reason::CouponMinPurchaseNotMet,
                &format!("needs goods for at least {minimum}"),
            )
            .map_err(|refusal: Refusal| {
                refusal
                    .with("minimum_purchase", minimum.amount.minor())
                    .with("currency_code", minimum.currency)
            });
        }
        let reached = |line| rule.action.reaches(line, store);
        if !checkout.lines.iter().any(reached) {
            return refuse(
                Reason::CouponNoMatchingItems,
                "is for items that the cart does not have",
            );
        }
    }
    if let Some(country) = foreign_country(promotion, checkout) {
        return refuse(
            Reason::CouponCountryNotAllowed,
            &format!("does not hold for shipping to {country}"),
        )
        .map_err(|refusal: Refusal| refusal.with("country_code", country));
    }
    Ok(())
}

/// What the matching lines come to.
fn spend(items: &ItemsMatcher, checkout: &Checkout, values: &[Amount]) -> Result<Amount> {
    let lines = checkout.lines.iter().zip(values);
    Ok(sum(lines
        .filter(|(line, _)| items.matches(line))
        .map(|(_, value)| *value))?)
}

/// A country shipped to that the promotion does not hold for. For goods one is enough; a discount on shipping only fails
/// when no consignment is left for it. Countries that are not known yet do not count against it.
fn foreign_country<'a>(promotion: &Promotion, checkout: &'a Checkout) -> Option<&'a str> {
    let allowed = &promotion.shipping_country_codes;
    if allowed.is_empty() {
        return None;
    }
    let countries = checkout
        .consignments
        .iter()
        .map(|c| c.address.country_code.as_str());
    let known: Vec<_> = countries.filter(|country| !country.is_empty()).collect();
    let foreign = known
        .iter()
        .copied()
        .find(|country| !allowed.iter().any(|a| a == country));
    let some_left = known
        .iter()
        .any(|country| allowed.iter().any(|a| a == country));
    if some_left && !promotion.discounts_goods() {
        None
    } else {
        foreign
    }
}

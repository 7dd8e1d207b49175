//! Which promotion takes how much off which line and off the shipping of which consignment, on prices
//! as entered.

use chrono::{DateTime, Utc};

use super::{
    cart::LineItem,
    checkout::Checkout,
    consignment::Consignment,
    coupon,
    money::{Amount, Overflow, split, sum},
    promotion::{Action, Discount, GivenDiscount, Promotion},
    reason::{Refusal, Result},
    store::Store,
};

/// A line or a consignment's shipping after discounts.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Discounted {
    /// What is left.
    pub value: Amount,
    /// The discounts, in the order in which they were given.
    pub discounts: Vec<GivenDiscount>,
}

impl Discounted {
    const fn of(value: Amount) -> Self {
        Self {
            value,
            discounts: Vec::new(),
        }
    }

    /// Takes off up to what is left.
    fn take(&mut self, amount: Amount, source: &Source<'_>) -> std::result::Result<(), Overflow> {
        let amount = amount.min(self.value);
        if amount.is_zero() {
            return Ok(());
        }
        self.value = self.value.minus(amount)?;
        self.discounts.push(GivenDiscount {
            promotion_id: source.promotion.id,
            code: source.code.map(str::to_owned),
            amount,
        });
        Ok(())
    }
}

/// The discounts of a checkout.
#[derive(Debug)]
pub struct Discounts {
    /// Of each line.
    pub lines: Vec<Discounted>,
    /// Of the shipping of each consignment.
    pub shipping: Vec<Vec<GivenDiscount>>,
    /// Why each coupon gives nothing; none for one that qualifies.
    pub refusals: Vec<Option<Refusal>>,
}

/// What gives a discount.
struct Source<'a> {
    promotion: &'a Promotion,
    code: Option<&'a str>,
}

/// Works out every discount: automatic promotions by priority, then coupons in the order in which they
/// were applied.
pub fn discount(
    checkout: &Checkout,
    store: &Store,
    automatic: &[Promotion],
    now: DateTime<Utc>,
) -> Result<Discounts> {
    let mut lines = Vec::with_capacity(checkout.lines.len());
    for line in &checkout.lines {
        lines.push(Discounted::of(line.extended_list_price()?));
    }
    let mut shipping: Vec<_> = checkout
        .consignments
        .iter()
        .map(|consignment| Discounted::of(consignment.costs().0))
        .collect();

    let mut in_order: Vec<&Promotion> = automatic.iter().collect();
    in_order.sort_by_key(|promotion| (promotion.priority, promotion.id));
    for promotion in in_order {
        let source = Source {
            promotion,
            code: None,
        };
        discount_goods(checkout, store, &source, &mut lines)?;
        discount_shipping(checkout, &source, &mut shipping)?;
    }
    let mut refusals = Vec::with_capacity(checkout.coupons.len());
    for coupon in &checkout.coupons {
        let values: Vec<Amount> = lines.iter().map(|line| line.value).collect();
        let refusal = coupon::qualify(coupon, checkout, store, &values, now).err();
        if refusal.is_none() {
            let source = Source {
                promotion: &coupon.promotion,
                code: Some(&coupon.code),
            };
            discount_goods(checkout, store, &source, &mut lines)?;
            discount_shipping(checkout, &source, &mut shipping)?;
        }
        refusals.push(refusal);
    }
    let shipping = shipping
        .into_iter()
        .map(|shipping| shipping.discounts)
        .collect();
    Ok(Discounts {
        lines,
        shipping,
        refusals,
    })
}

fn discount_goods(
    checkout: &Checkout,
    store: &Store,
    source: &Source<'_>,
    lines: &mut [Discounted],
) -> Result<()> {
    for rule in &source.promotion.rules {
        let Action::CartItems {
            discount, as_total, ..
        } = &rule.action
        else {
            continue;
        };
        let mut matching: Vec<(&LineItem, &mut Discounted)> = checkout
            .lines
            .iter()
            .zip(lines.iter_mut())
            .filter(|(line, _)| rule.action.reaches(line, store))
            .collect();
        match discount {
            Discount::Percentage(rate) => {
                for (_, line) in &mut matching {
                    line.take(line.value.at(*rate)?, source)?;
                }
            }
            Discount::Fixed(money) if *as_total => {
                let values: Vec<i64> = matching
                    .iter()
                    .map(|(_, line)| line.value.minor())
                    .collect();
                let whole = sum(matching.iter().map(|(_, line)| line.value))?.min(money.amount);
                for ((_, line), share) in matching.iter_mut().zip(split(whole, &values)?) {
                    line.take(share, source)?;
                }
            }
            Discount::Fixed(money) => {
                for (item, line) in &mut matching {
                    line.take(money.amount.times(item.quantity)?, source)?;
                }
            }
        }
    }
    Ok(())
}

fn discount_shipping(
    checkout: &Checkout,
    source: &Source<'_>,
    shipping: &mut [Discounted],
) -> Result<()> {
    for rule in &source.promotion.rules {
        let Action::Shipping {
            discount,
            method_ids,
        } = &rule.action
        else {
            continue;
        };
        for (consignment, cost) in checkout.consignments.iter().zip(shipping.iter_mut()) {
            if !ships_by(consignment, source.promotion, method_ids) {
                continue;
            }
            match discount {
                Discount::Percentage(rate) => cost.take(cost.value.at(*rate)?, source)?,
                Discount::Fixed(money) => cost.take(money.amount, source)?,
            }
        }
    }
    Ok(())
}

/// Whether a consignment goes to a country and by a method that the promotion holds for.
fn ships_by(consignment: &Consignment, promotion: &Promotion, method_ids: &[String]) -> bool {
    let countries = &promotion.shipping_country_codes;
    let to_country = countries.is_empty() || countries.contains(&consignment.address.country_code);
    let by_method = consignment
        .shipping_option()
        .is_some_and(|option| method_ids.is_empty() || method_ids.contains(&option.method_id));
    to_country && by_method
}

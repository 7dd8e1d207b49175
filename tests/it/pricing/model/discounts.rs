//! Promotions, manual discounts and coupons one after the other, unit by unit, on prices as entered.

use std::collections::BTreeSet;

use cartwright::domain::{
    checkout::Checkout,
    money::{Money, Rate},
    promotion::{Action, Discount, DiscountSource, Promotion, Rule},
    reason::Reason,
    store::Store,
};
use chrono::{DateTime, Utc};
use uuid::Uuid;

use super::{
    gates,
    ratio::{Ratio, split},
    sets::{Set, Sets, form},
    units::Units,
};

/// Promotion, product, variant and units of a gift.
pub(crate) type Gift = (Uuid, String, String, u32);

/// Everything that is given.
pub(crate) struct Given<'a> {
    checkout: &'a Checkout,
    store: &'a Store,
    units: Units<'a>,
    /// What is left of the shipping cost of each consignment.
    shipping_left: Vec<i64>,
    pub(crate) on_lines: Vec<Vec<(DiscountSource, i64)>>,
    pub(crate) on_shipping: Vec<Vec<(DiscountSource, i64)>>,
    pub(crate) gifts: Vec<Gift>,
    pub(crate) limited: BTreeSet<Uuid>,
    pub(crate) refusals: Vec<Option<Reason>>,
    /// Whether a promotion applied that nothing may follow.
    ended: bool,
}

/// What came of a rule.
struct Outcome {
    gave: bool,
    failure: Option<Reason>,
}

pub(crate) fn discount<'a>(
    checkout: &'a Checkout,
    store: &'a Store,
    automatic: &[Promotion],
    now: DateTime<Utc>,
) -> Given<'a> {
    let costs = checkout.consignments.iter().map(|c| c.costs().0.minor());
    let mut given = Given {
        checkout,
        store,
        units: Units::of(checkout),
        shipping_left: costs.collect(),
        on_lines: vec![Vec::new(); checkout.lines.len()],
        on_shipping: vec![Vec::new(); checkout.consignments.len()],
        gifts: Vec::new(),
        limited: BTreeSet::new(),
        refusals: Vec::new(),
        ended: false,
    };
    let mut in_order: Vec<&Promotion> = automatic.iter().collect();
    in_order.sort_by_key(|promotion| (promotion.priority, promotion.id));
    for promotion in in_order {
        if gates::shut(promotion, checkout, now).is_none() && given.may_follow(promotion) {
            let promotion_id = promotion.id;
            given.promotion(promotion, &DiscountSource::Automatic { promotion_id });
        }
    }
    given.manual_discounts();
    for coupon in &checkout.coupons {
        let promotion = &coupon.promotion;
        let source = DiscountSource::Coupon {
            promotion_id: promotion.id,
            code: coupon.code.clone(),
        };
        let refusal = match gates::shut(promotion, checkout, now) {
            Some(gate) => Some(gate),
            None if !given.may_follow(promotion) => Some(Reason::CouponNotCombinable),
            None => given.promotion(promotion, &source),
        };
        given.refusals.push(refusal);
    }
    given
}

impl Given<'_> {
    pub(crate) fn off_line(&self, line: usize) -> i64 {
        self.on_lines[line].iter().map(|(_, amount)| amount).sum()
    }

    fn may_follow(&self, promotion: &Promotion) -> bool {
        let mut all = self.on_lines.iter().chain(&self.on_shipping);
        let discounted = all.any(|discounts| !discounts.is_empty()) || !self.gifts.is_empty();
        !self.ended && (promotion.combinable || !discounted)
    }

    /// Applies a promotion. Answers why the first rule is not satisfied when none is.
    fn promotion(&mut self, promotion: &Promotion, source: &DiscountSource) -> Option<Reason> {
        for unit in &mut self.units.all {
            unit.before = unit.price;
        }
        let mut applied = false;
        let mut failures = Vec::new();
        for rule in &promotion.rules {
            let outcome = self.rule(promotion, rule, source);
            failures.push(outcome.failure);
            applied |= outcome.gave;
            if outcome.gave && rule.stop {
                break;
            }
        }
        if applied && promotion.max_uses.is_some() {
            self.limited.insert(promotion.id);
        }
        self.ended |= applied && (promotion.stop || !promotion.combinable);
        if failures.contains(&None) {
            None
        } else {
            failures.into_iter().next().flatten()
        }
    }

    fn rule(&mut self, promotion: &Promotion, rule: &Rule, source: &DiscountSource) -> Outcome {
        let automatic = matches!(source, DiscountSource::Automatic { .. });
        let reachable: Vec<bool> = (0..self.units.all.len())
            .map(|unit| self.is_reachable(unit, &rule.action, automatic))
            .collect();
        let Sets { sets, mut failure } = form(&self.units, rule, &|unit| reachable[unit]);
        if sets.is_empty() {
            return Outcome {
                gave: false,
                failure,
            };
        }
        failure = None;
        let times = i64::try_from(sets.len()).unwrap();
        let chosen: Vec<usize> = sets.iter().flat_map(|set| set.chosen.clone()).collect();
        let gave = match &rule.action {
            Action::CartItems {
                discount,
                as_total,
                maximum,
                ..
            } => match discount {
                Discount::Percentage(rate) => {
                    let amounts = self.percentage(&chosen, exact(*rate));
                    self.take(&chosen, amounts, *maximum, source)
                }
                Discount::Fixed(money) if *as_total => {
                    let of_set =
                        |set: &Set| self.units.value(&set.chosen).min(money.amount.minor());
                    let whole: i64 = sets.iter().map(of_set).sum();
                    let most = maximum.map_or(i64::MAX, |most| most.amount.minor());
                    let amounts = self.shared(&chosen, whole.min(most));
                    self.take(&chosen, amounts, None, source)
                }
                Discount::Fixed(money) => self.each(&chosen, *money, *maximum, source),
            },
            Action::FixedPriceSet { price, .. } => {
                let off = |set: &Set| self.units.value(&set.chosen) - price.amount.minor();
                let amounts = self.shared(&chosen, sets.iter().map(off).sum());
                self.take(&chosen, amounts, None, source)
            }
            Action::CartValue { discount, maximum } => {
                let all: Vec<usize> = (0..reachable.len())
                    .filter(|unit| reachable[*unit])
                    .collect();
                if all.is_empty() {
                    failure = Some(Reason::CouponNoMatchingItems);
                }
                let amounts = match discount {
                    Discount::Percentage(rate) => self.percentage(&all, often(*rate, times)),
                    Discount::Fixed(money) => {
                        let most = maximum.map_or(i64::MAX, |most| most.amount.minor());
                        let whole = (money.amount.minor() * times).min(most);
                        self.shared(&all, whole.min(self.units.value(&all)))
                    }
                };
                self.take(&all, amounts, *maximum, source)
            }
            Action::GiftItem {
                product_id,
                variant_id,
                quantity,
            } => {
                let units = (i64::from(*quantity) * times).min(9_999);
                let units = u32::try_from(units).unwrap();
                self.gifts
                    .push((promotion.id, product_id.clone(), variant_id.clone(), units));
                true
            }
            Action::Shipping {
                discount,
                zone_ids,
                method_ids,
            } => {
                if !self
                    .checkout
                    .lines
                    .iter()
                    .any(cartwright::domain::cart::LineItem::requires_shipping)
                {
                    failure = Some(Reason::CouponNoMatchingItems);
                }
                self.shipping(promotion, *discount, (zone_ids, method_ids), times, source)
            }
        };
        Outcome { gave, failure }
    }

    fn is_reachable(&self, unit: usize, action: &Action, automatic: bool) -> bool {
        let line = self.units.line(unit);
        let by_hand = &self.checkout.manual_discounts;
        if automatic
            && by_hand
                .iter()
                .any(|d| d.line_item_id.is_none_or(|id| id == line.id))
        {
            return false;
        }
        let (scope, as_total) = match action {
            Action::CartItems {
                scope, as_total, ..
            } => (scope, *as_total),
            Action::FixedPriceSet { scope, .. } => (scope, false),
            _ => return true,
        };
        let price_counts =
            line.price_override.is_none() || as_total || self.store.discount_overridden_prices;
        scope.items.matches(line) && price_counts && !(scope.exclude_on_sale && line.facts.on_sale)
    }

    /// What a percentage takes off the chosen units of each line.
    fn percentage(&self, chosen: &[usize], rate: Ratio) -> Vec<i64> {
        let lines = self.units.by_line(chosen);
        let values = lines.iter().map(|units| self.units.value(units));
        values
            .map(|value| Ratio::whole(value).times(rate).rounded())
            .collect()
    }

    /// An amount shared among the lines of the chosen units.
    fn shared(&self, chosen: &[usize], whole: i64) -> Vec<i64> {
        let lines = self.units.by_line(chosen);
        let values: Vec<i64> = lines.iter().map(|units| self.units.value(units)).collect();
        split(whole, &values)
    }

    /// Takes an amount off every chosen unit; when the maximum cuts it, the lines share that.
    fn each(
        &mut self,
        chosen: &[usize],
        money: Money,
        maximum: Option<Money>,
        source: &DiscountSource,
    ) -> bool {
        let off = |unit: usize| self.units.all[unit].price.min(money.amount.minor());
        let lines = self.units.by_line(chosen);
        let of_line = |units: &Vec<usize>| units.iter().map(|unit| off(*unit)).sum::<i64>();
        let amounts: Vec<i64> = lines.iter().map(of_line).collect();
        let whole: i64 = amounts.iter().sum();
        if maximum.is_some_and(|maximum| maximum.amount.minor() < whole) {
            return self.take(chosen, amounts, maximum, source);
        }
        for unit in chosen {
            self.units.all[*unit].price -= off_one(self.units.all[*unit].price, money);
        }
        for (units, amount) in lines.iter().zip(amounts) {
            self.note(units, amount, source);
        }
        whole > 0
    }

    /// Takes an amount off the chosen units of each line, up to the maximum together.
    fn take(
        &mut self,
        chosen: &[usize],
        mut amounts: Vec<i64>,
        maximum: Option<Money>,
        source: &DiscountSource,
    ) -> bool {
        let whole: i64 = amounts.iter().sum();
        if let Some(maximum) = maximum.filter(|maximum| maximum.amount.minor() < whole) {
            amounts = split(maximum.amount.minor(), &amounts);
        }
        for (units, amount) in self.units.by_line(chosen).iter().zip(&amounts) {
            self.units.spread(units, *amount);
            self.note(units, *amount, source);
        }
        amounts.iter().any(|amount| *amount > 0)
    }

    fn note(&mut self, units: &[usize], amount: i64, source: &DiscountSource) {
        if amount > 0 {
            let line = self.units.all[units[0]].line;
            add_discount(&mut self.on_lines[line], amount, source);
        }
    }

    fn shipping(
        &mut self,
        promotion: &Promotion,
        discount: Discount,
        (zone_ids, method_ids): (&[String], &[String]),
        times: i64,
        source: &DiscountSource,
    ) -> bool {
        let mut gave = false;
        let countries = &promotion.shipping_country_codes;
        for (index, consignment) in self.checkout.consignments.iter().enumerate() {
            let Some(option) = consignment.shipping_option() else {
                continue;
            };
            let country = &consignment.address.country_code;
            let zone = option.id.split('/').next().unwrap().to_owned();
            let among = |ids: &[String], id: &String| ids.is_empty() || ids.contains(id);
            if !among(countries, country)
                || !among(zone_ids, &zone)
                || !among(method_ids, &option.method_id)
            {
                continue;
            }
            let left = self.shipping_left[index];
            let amount = match discount {
                Discount::Percentage(rate) => {
                    Ratio::whole(left).times(often(rate, times)).rounded()
                }
                Discount::Fixed(money) => left.min(money.amount.minor() * times),
            };
            if amount > 0 {
                self.shipping_left[index] -= amount;
                add_discount(&mut self.on_shipping[index], amount, source);
                gave = true;
            }
        }
        gave
    }

    fn manual_discounts(&mut self) {
        for discount in &self.checkout.manual_discounts {
            let is_on = |unit: &usize| {
                let line = discount.line_item_id;
                line.is_none_or(|id| id == self.units.line(*unit).id)
            };
            let units: Vec<usize> = (0..self.units.all.len()).filter(is_on).collect();
            let whole = discount.amount.minor().min(self.units.value(&units));
            let amounts = self.shared(&units, whole);
            let discount_id = discount.id;
            self.take(
                &units,
                amounts,
                None,
                &DiscountSource::Manual { discount_id },
            );
        }
    }
}

/// Several rules of one promotion give one discount.
fn add_discount(discounts: &mut Vec<(DiscountSource, i64)>, amount: i64, source: &DiscountSource) {
    match discounts.last_mut() {
        Some((last, sum)) if last == source => *sum += amount,
        _ => discounts.push((source.clone(), amount)),
    }
}

fn off_one(price: i64, money: Money) -> i64 {
    price.min(money.amount.minor())
}

fn exact(rate: Rate) -> Ratio {
    Ratio::new(rate.millionths().into(), 1_000_000)
}

/// So many times the rate, but not more than all.
fn often(rate: Rate, times: i64) -> Ratio {
    exact(rate).times(Ratio::whole(times)).min(Ratio::ONE)
}

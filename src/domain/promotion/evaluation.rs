//! What one promotion does to a cart: its rules one after the other, each on what the one before left.

use super::{
    Action, Discount, DiscountSource, Promotion, Rule, Scope, Strategy,
    goods::{Goods, GoodsLine, Share, minor, note},
    sets::{Formed, Lack, Need, Picks, Slot, Slots, form},
};
use crate::domain::{
    cart::{LineItem, MAX_QUANTITY},
    checkout::Checkout,
    consignment::Consignment,
    money::{Amount, Money, Overflow, Rate, split, sum},
    pricing::Gift,
    promotion::GivenDiscount,
    store::Store,
};

type Result<T> = std::result::Result<T, Overflow>;

/// A cart while promotions work on it.
#[derive(Debug)]
pub(in crate::domain) struct Cart<'a> {
    pub(in crate::domain) checkout: &'a Checkout,
    pub(in crate::domain) store: &'a Store,
    pub(in crate::domain) goods: Goods<'a>,
    /// The shipping of each consignment.
    pub(in crate::domain) shipping: Vec<Shipping>,
    pub(in crate::domain) gifts: Vec<Gift>,
}

/// The shipping cost of a consignment, and what is taken off.
#[derive(Debug)]
pub(in crate::domain) struct Shipping {
    pub(in crate::domain) cost: Amount,
    pub(in crate::domain) discounts: Vec<GivenDiscount>,
}

/// What became of a promotion.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::domain) enum Outcome {
    /// It gives something.
    Applies,
    /// It would, but what it discounts costs nothing, or is not known yet.
    Qualifies,
    /// The cart does not satisfy the condition of any rule; this is what it lacks for the first.
    Lacks(Lack),
    /// The cart has nothing that it could discount.
    NothingToDiscount,
}

impl Outcome {
    /// What counts of several rules: the best, and of equal ones the first.
    const fn rank(&self) -> u8 {
        match self {
            Self::Applies => 2,
            Self::Qualifies => 1,
            Self::Lacks(_) | Self::NothingToDiscount => 0,
        }
    }
}

impl<'a> Cart<'a> {
    pub(in crate::domain) fn of(checkout: &'a Checkout, store: &'a Store) -> Self {
        let consignments = checkout.consignments.iter();
        let shipping = consignments.map(|consignment| Shipping {
            cost: consignment.costs().0,
            discounts: Vec::new(),
        });
        Self {
            checkout,
            store,
            goods: Goods::of(checkout),
            shipping: shipping.collect(),
            gifts: Vec::new(),
        }
    }

    /// Whether anything has been discounted or given.
    pub(in crate::domain) fn is_discounted(&self) -> bool {
        let goods = self
            .goods
            .lines
            .iter()
            .any(|line| !line.discounts.is_empty());
        let shipping = self.shipping.iter().any(|of| !of.discounts.is_empty());
        goods || shipping || !self.gifts.is_empty()
    }

    /// Works the promotion into the cart.
    pub(in crate::domain) fn apply(
        &mut self,
        promotion: &Promotion,
        source: &DiscountSource,
    ) -> Result<Outcome> {
        self.goods.settle();
        let mut best: Option<Outcome> = None;
        for rule in &promotion.rules {
            let outcome = self.apply_rule(rule, promotion, source)?;
            let applies = outcome == Outcome::Applies;
            if best
                .as_ref()
                .is_none_or(|best| outcome.rank() > best.rank())
            {
                best = Some(outcome);
            }
            if applies && rule.stop {
                break;
            }
        }
        Ok(best.unwrap_or(Outcome::NothingToDiscount))
    }

    fn apply_rule(
        &mut self,
        rule: &Rule,
        promotion: &Promotion,
        source: &DiscountSource,
    ) -> Result<Outcome> {
        let mut slots = Slots::of(&self.goods);
        let need = rule.condition.as_ref();
        let need = need
            .map(|condition| Need::of(condition, &self.goods, &mut slots, rule.action.strategy()))
            .transpose()?;
        let once = rule.apply_once;
        match &rule.action {
            Action::CartItems {
                discount,
                as_total,
                quantity,
                scope,
                maximum,
            } => {
                let reaches = self.reach(scope, *as_total, source);
                let picks = Picks::of(&self.goods, &mut slots, scope, *quantity, false, reaches);
                let shared = match discount {
                    Discount::Fixed(money) if *as_total => Some(money.amount),
                    _ => None,
                };
                let formed = form(&mut slots, need, Some(picks), once, |value| {
                    Ok(Some(shared.map_or(Amount::ZERO, |most| most.min(value))))
                })?;
                let worth = match (shared, discount) {
                    (Some(_), _) => Worth::Shared(formed.amount),
                    (None, Discount::Fixed(money)) => Worth::Each(money.amount),
                    (None, Discount::Percentage(rate)) => Worth::Part(*rate),
                };
                self.discount_chosen(&slots, &formed, worth, *maximum, source)
            }
            Action::FixedPriceSet {
                quantity,
                price,
                scope,
            } => {
                let reaches = self.reach(scope, false, source);
                let units = Some(*quantity);
                let picks = Picks::of(&self.goods, &mut slots, scope, units, true, reaches);
                let formed = form(&mut slots, need, Some(picks), once, |value| {
                    let less = value.minus(price.amount)?;
                    Ok((less > Amount::ZERO).then_some(less))
                })?;
                let worth = Worth::Shared(formed.amount);
                self.discount_chosen(&slots, &formed, worth, None, source)
            }
            action => {
                let formed = form(&mut slots, need, None, once, |_| Ok(Some(Amount::ZERO)))?;
                match (formed.sets, formed.lack) {
                    (0, lack) => Ok(Outcome::Lacks(lack.unwrap_or_default())),
                    (sets, _) => self.give(action, sets, promotion, source),
                }
            }
        }
    }

    /// Tells which lines a scope reaches. One with an overridden price is reached only by what is off the total, unless the
    /// store's setting says otherwise.
    fn reach(
        &self,
        scope: &Scope,
        as_total: bool,
        source: &DiscountSource,
    ) -> impl Fn(&GoodsLine<'_>) -> bool {
        let automatic = matches!(source, DiscountSource::Automatic { .. });
        let overridden_too = as_total || self.store.discount_overridden_prices;
        move |line| {
            let left_out = (automatic && line.barred)
                || (scope.exclude_on_sale && line.item.facts.on_sale)
                || (!overridden_too && line.item.price_override.is_some());
            !left_out && scope.items.matches(line.item)
        }
    }

    /// Discounts the units that were chosen.
    fn discount_chosen(
        &mut self,
        slots: &Slots,
        formed: &Formed,
        worth: Worth,
        maximum: Option<Money>,
        source: &DiscountSource,
    ) -> Result<Outcome> {
        if formed.sets == 0 {
            return Ok(match formed.lack {
                Some(lack) => Outcome::Lacks(lack),
                None if formed.reached => Outcome::Qualifies,
                None => Outcome::NothingToDiscount,
            });
        }
        let chosen: Vec<_> = slots.all.iter().filter(|slot| slot.chosen > 0).collect();
        let mut lines = Vec::new();
        for slots in chosen.chunk_by(|a, b| a.line == b.line) {
            let values = slots.iter().map(|slot| slot.price.times(slot.chosen));
            let value = sum(values.collect::<Result<Vec<_>>>()?)?;
            lines.push((slots, value));
        }
        let (amounts, capped) = worth.off(&lines, maximum)?;
        let mut given = false;
        for ((slots, _), amount) in lines.iter().zip(amounts) {
            let line = slots.first().map(|slot| slot.line);
            let Some(line) = line.and_then(|line| self.goods.lines.get_mut(line)) else {
                continue;
            };
            given |= !amount.is_zero();
            match worth {
                Worth::Each(each) if !capped => {
                    let shares = slots.iter().map(|slot| {
                        Ok(Share {
                            run: slot.run,
                            units: slot.chosen,
                            amount: each.min(slot.price).times(slot.chosen)?,
                        })
                    });
                    line.reprice(&shares.collect::<Result<Vec<_>>>()?, source)?;
                }
                _ => {
                    let units = slots.iter().map(|slot| (slot.run, slot.chosen));
                    line.spread(amount, &units.collect::<Vec<_>>(), source)?;
                }
            }
        }
        Ok(outcome(given))
    }

    /// Gives what does not depend on which units there are, as often as there are sets.
    fn give(
        &mut self,
        action: &Action,
        sets: u32,
        promotion: &Promotion,
        source: &DiscountSource,
    ) -> Result<Outcome> {
        match action {
            Action::CartValue { discount, maximum } => {
                self.discount_cart(times(*discount, sets)?, *maximum, source)
            }
            Action::Shipping {
                discount,
                zone_ids,
                method_ids,
            } => {
                let mut consigned = self.checkout.lines.iter();
                if !consigned.any(LineItem::requires_shipping) {
                    return Ok(Outcome::NothingToDiscount);
                }
                let discount = times(*discount, sets)?;
                let mut given = false;
                let shipments = self.checkout.consignments.iter().zip(&mut self.shipping);
                for (consignment, shipping) in shipments {
                    if promotion.ships_to(&consignment.address.country_code)
                        && ships_by(consignment, zone_ids, method_ids)
                    {
                        given |= shipping.take(discount, source)?;
                    }
                }
                Ok(outcome(given))
            }
            Action::GiftItem {
                product_id,
                variant_id,
                quantity,
            } => {
                self.gifts.push(Gift {
                    promotion_id: promotion.id,
                    product_id: product_id.clone(),
                    variant_id: variant_id.clone(),
                    quantity: quantity.saturating_mul(sets).min(MAX_QUANTITY),
                });
                Ok(Outcome::Applies)
            }
            Action::CartItems { .. } | Action::FixedPriceSet { .. } => {
                Ok(Outcome::NothingToDiscount)
            }
        }
    }

    /// Takes something off the whole cart.
    fn discount_cart(
        &mut self,
        discount: Discount,
        maximum: Option<Money>,
        source: &DiscountSource,
    ) -> Result<Outcome> {
        let automatic = matches!(source, DiscountSource::Automatic { .. });
        let reached = |line: &GoodsLine<'_>| !(automatic && line.barred);
        if !self.goods.lines.iter().any(reached) {
            return Ok(Outcome::NothingToDiscount);
        }
        match discount {
            Discount::Fixed(money) => {
                let amount = maximum.map_or(money.amount, |most| most.amount.min(money.amount));
                Ok(outcome(
                    !self.goods.share(amount, reached, source)?.is_zero(),
                ))
            }
            Discount::Percentage(rate) => {
                let mut lines: Vec<_> =
                    self.goods.lines.iter_mut().filter(|l| reached(l)).collect();
                let amounts = lines.iter().map(|line| line.value()?.at(rate));
                let (amounts, _) = cap(amounts.collect::<Result<Vec<_>>>()?, maximum)?;
                for (line, amount) in lines.iter_mut().zip(&amounts) {
                    line.take(*amount, source)?;
                }
                Ok(outcome(amounts.iter().any(|amount| !amount.is_zero())))
            }
        }
    }
}

impl Shipping {
    /// What is left.
    pub(in crate::domain) fn value(&self) -> Result<Amount> {
        let off = sum(self.discounts.iter().map(|discount| discount.amount))?;
        self.cost.minus(off)
    }

    /// Takes off up to what is left; answers whether that was anything.
    fn take(&mut self, discount: Discount, source: &DiscountSource) -> Result<bool> {
        let left = self.value()?;
        let amount = match discount {
            Discount::Percentage(rate) => left.at(rate)?,
            Discount::Fixed(money) => money.amount.min(left),
        };
        if amount.is_zero() {
            return Ok(false);
        }
        note(&mut self.discounts, source, amount)?;
        Ok(true)
    }
}

impl Action {
    /// In which order it discounts units.
    const fn strategy(&self) -> Strategy {
        match self {
            Self::CartItems { scope, .. } | Self::FixedPriceSet { scope, .. } => scope.strategy,
            _ => Strategy::LeastExpensive,
        }
    }
}

/// What chosen units are discounted by.
#[derive(Debug, Clone, Copy)]
enum Worth {
    /// A part of each line.
    Part(Rate),
    /// An amount off each unit.
    Each(Amount),
    /// An amount off all together.
    Shared(Amount),
}

impl Worth {
    /// What comes off the chosen units of each line, which come to so much together; and whether the maximum lowered it.
    fn off(
        self,
        lines: &[(&[&Slot], Amount)],
        maximum: Option<Money>,
    ) -> Result<(Vec<Amount>, bool)> {
        let values: Vec<_> = lines.iter().map(|(_, value)| *value).collect();
        let amounts = match self {
            Self::Shared(amount) => {
                let amount = maximum.map_or(amount, |most| most.amount.min(amount));
                split(amount, &minor(&values))?
            }
            Self::Part(rate) => {
                let parts = values.iter().map(|value| value.at(rate));
                parts.collect::<Result<_>>()?
            }
            Self::Each(amount) => {
                let off = |slot: &&Slot| amount.min(slot.price).times(slot.chosen);
                let lines = lines.iter();
                let off = lines.map(|(slots, _)| {
                    let units = slots.iter().map(off);
                    sum(units.collect::<Result<Vec<_>>>()?)
                });
                off.collect::<Result<_>>()?
            }
        };
        cap(amounts, maximum)
    }
}

const fn outcome(given: bool) -> Outcome {
    if given {
        Outcome::Applies
    } else {
        Outcome::Qualifies
    }
}

/// Whether a consignment ships by a method of the zones and methods that are meant.
fn ships_by(consignment: &Consignment, zone_ids: &[String], method_ids: &[String]) -> bool {
    let meant = |ids: &[String], id: &str| ids.is_empty() || ids.iter().any(|meant| meant == id);
    consignment.shipping_option().is_some_and(|option| {
        meant(zone_ids, option.zone_id()) && meant(method_ids, &option.method_id)
    })
}

/// So many times a discount, a percentage up to all of it.
fn times(discount: Discount, sets: u32) -> Result<Discount> {
    Ok(match discount {
        Discount::Percentage(rate) => Discount::Percentage(rate.times(sets).min(Rate::ONE)),
        Discount::Fixed(money) => Discount::Fixed(Money {
            amount: money.amount.times(sets)?,
            ..money
        }),
    })
}

/// Lowers amounts in proportion where they sum to more than the maximum; answers whether they did.
fn cap(amounts: Vec<Amount>, maximum: Option<Money>) -> Result<(Vec<Amount>, bool)> {
    let whole = sum(amounts.iter().copied())?;
    match maximum {
        Some(most) if most.amount < whole => Ok((split(most.amount, &minor(&amounts))?, true)),
        _ => Ok((amounts, false)),
    }
}

//! Which units satisfy the condition of a rule, and which are discounted for it: set after set.
//!
//! Equal sets are formed at once, so the work grows with the number of different prices, not of units.

use crate::domain::{
    money::{Amount, Money, Overflow},
    promotion::{
        CartCondition, Condition, Strategy,
        goods::{Goods, GoodsLine},
    },
};

type Result<T> = std::result::Result<T, Overflow>;

/// What a cart lacks for a condition.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Lack {
    /// Units.
    pub quantity: u32,
    /// The minimum spend, where it is not reached.
    pub minimum_spend: Option<Money>,
    /// What is missing to it.
    pub spend: Amount,
}

/// A run of a line and what becomes of its units in one rule.
#[derive(Debug)]
pub(super) struct Slot {
    /// The line, by its place in the goods.
    pub(super) line: usize,
    /// The run, by its place in the line.
    pub(super) run: usize,
    pub(super) price: Amount,
    before: Amount,
    rank: usize,
    /// Units that no set has used.
    left: u32,
    /// Units that satisfy the condition of the set being formed.
    taken: u32,
    /// Units that are discounted for the set being formed.
    picked: u32,
    /// Units that are discounted in all.
    pub(super) chosen: u32,
}

/// All units of the goods, and the set being formed.
pub(super) struct Slots {
    pub(super) all: Vec<Slot>,
    /// Units taken for the condition of this set: slot and number, in the order in which they were taken.
    taken: Vec<(usize, u32)>,
    /// Slots with units picked for this set.
    picked: Vec<usize>,
    /// Whether units that satisfy the condition can be discounted too.
    include_considered: bool,
}

impl Slots {
    pub(super) fn of(goods: &Goods<'_>) -> Self {
        let lines = goods.lines.iter().enumerate();
        let all = lines.flat_map(|(line, of)| {
            let runs = of.runs.iter().enumerate();
            runs.map(move |(run, units)| Slot {
                line,
                run,
                price: units.price,
                before: units.before,
                rank: of.rank,
                left: units.units,
                taken: 0,
                picked: 0,
                chosen: 0,
            })
        });
        Self {
            all: all.collect(),
            taken: Vec::new(),
            picked: Vec::new(),
            include_considered: false,
        }
    }

    /// The slots of the lines that are meant, in the order of a strategy: units of one price by product, variant, line.
    fn ordered(
        &self,
        goods: &Goods<'_>,
        meant: impl Fn(&GoodsLine<'_>) -> bool,
        most_expensive_first: bool,
    ) -> Vec<usize> {
        let meant: Vec<bool> = goods.lines.iter().map(meant).collect();
        let slots = self.all.iter().enumerate();
        let mut order: Vec<_> = slots
            .filter(|(_, slot)| meant.get(slot.line).copied().unwrap_or_default())
            .map(|(index, slot)| {
                let price = if most_expensive_first {
                    slot.price.minor().saturating_neg()
                } else {
                    slot.price.minor()
                };
                (price, slot.rank, slot.before, index)
            })
            .collect();
        order.sort_unstable();
        order.into_iter().map(|(.., index)| index).collect()
    }

    fn take(&mut self, index: usize, units: u32) {
        if let Some(slot) = self.all.get_mut(index) {
            slot.taken = slot.taken.saturating_add(units);
            self.taken.push((index, units));
        }
    }

    fn pick(&mut self, index: usize, units: u32) {
        if let Some(slot) = self.all.get_mut(index) {
            slot.picked = slot.picked.saturating_add(units);
            self.picked.push(index);
        }
    }

    /// Gives back what was taken for the condition since there were `mark` entries.
    fn give_back(&mut self, mark: usize) {
        for (index, units) in self.taken.drain(mark..) {
            if let Some(slot) = self.all.get_mut(index) {
                slot.taken = slot.taken.saturating_sub(units);
            }
        }
    }

    /// How often the set can be formed again from the same slots, this time included.
    fn repeats(&self) -> u32 {
        let involved = self.taken.iter().map(|(index, _)| index);
        let slots = involved.chain(&self.picked);
        let possible = slots.filter_map(|index| {
            let slot = self.all.get(*index)?;
            slot.left.checked_div(slot.used(self.include_considered))
        });
        possible.min().unwrap_or(1).max(1)
    }

    /// Ends the set, formed `times` times.
    fn close(&mut self, times: u32) {
        let taken: Vec<usize> = self.taken.drain(..).map(|(index, _)| index).collect();
        for index in taken.into_iter().chain(self.picked.drain(..)) {
            if let Some(slot) = self.all.get_mut(index) {
                let used = slot.used(self.include_considered).saturating_mul(times);
                slot.left = slot.left.saturating_sub(used);
                slot.chosen = slot
                    .chosen
                    .saturating_add(slot.picked.saturating_mul(times));
                (slot.taken, slot.picked) = (0, 0);
            }
        }
    }
}

impl Slot {
    /// Units that the set being formed uses. Where units that satisfy the condition can be discounted, they are before others.
    fn used(&self, include_considered: bool) -> u32 {
        if include_considered {
            self.taken.max(self.picked)
        } else {
            self.taken.saturating_add(self.picked)
        }
    }
}

/// A condition with the units that count for it.
pub(super) enum Need {
    Units {
        /// Slots of the units that count, in the order in which they are taken.
        order: Vec<usize>,
        /// Those before this place are used up.
        start: usize,
        quantity: u32,
        spend: Option<Money>,
    },
    All(Vec<Self>),
    Any(Vec<Self>),
    /// Decided once, for the whole cart.
    Settled(bool),
}

impl Need {
    /// The needs of a condition, to be met from the end of the price scale that `strategy` does not begin with.
    pub(super) fn of(
        condition: &Condition,
        goods: &Goods<'_>,
        slots: &mut Slots,
        strategy: Strategy,
    ) -> Result<Self> {
        let mut each = |conditions: &[Condition]| -> Result<Vec<Self>> {
            let needs = conditions.iter();
            needs
                .map(|one| Self::of(one, goods, slots, strategy))
                .collect()
        };
        Ok(match condition {
            Condition::Cart(CartCondition {
                items,
                minimum_quantity,
                minimum_spend,
            }) => Self::Units {
                order: slots.ordered(
                    goods,
                    |line| items.matches(line.item),
                    !strategy.most_expensive_first(),
                ),
                start: 0,
                quantity: *minimum_quantity,
                spend: *minimum_spend,
            },
            Condition::AllOf(all) => Self::All(each(all)?),
            Condition::AnyOf(any) => Self::Any(each(any)?),
            Condition::NoneOf(none) => {
                let mut holds = true;
                for mut need in each(none)? {
                    holds &= need.take(slots)?.is_some();
                    slots.give_back(0);
                }
                Self::Settled(holds)
            }
        })
    }

    /// Takes units for one set. Answers what is lacking, and has taken nothing then.
    fn take(&mut self, slots: &mut Slots) -> Result<Option<Lack>> {
        let mark = slots.taken.len();
        match self {
            Self::Units {
                order,
                start,
                quantity,
                spend,
            } => take_units(slots, order, start, *quantity, *spend),
            Self::Settled(true) => Ok(None),
            Self::Settled(false) => Ok(Some(Lack::default())),
            Self::All(all) => {
                for need in all {
                    if let Some(lack) = need.take(slots)? {
                        slots.give_back(mark);
                        return Ok(Some(lack));
                    }
                }
                Ok(None)
            }
            Self::Any(any) => {
                let mut first = None;
                for need in any {
                    match need.take(slots)? {
                        None => return Ok(None),
                        lack => first = first.or(lack),
                    }
                }
                Ok(Some(first.unwrap_or_default()))
            }
        }
    }
}

/// Takes units in order until there are enough of them and they come to enough. Units that were taken for another part of the
/// condition count too.
fn take_units(
    slots: &mut Slots,
    order: &[usize],
    start: &mut usize,
    quantity: u32,
    spend: Option<Money>,
) -> Result<Option<Lack>> {
    let mark = slots.taken.len();
    let minimum = spend.map_or(Amount::ZERO, |money| money.amount);
    let (mut units, mut value) = (0_u32, Amount::ZERO);
    if mark > 0 {
        for slot in order.iter().filter_map(|index| slots.all.get(*index)) {
            units = units.saturating_add(slot.taken);
            value = value.plus(slot.before.times(slot.taken)?)?;
        }
    }
    let open = order.get(*start..).unwrap_or_default();
    let mut used_up = UsedUp::default();
    for index in open {
        if units >= quantity && value >= minimum {
            break;
        }
        let Some(slot) = slots.all.get(*index) else {
            continue;
        };
        used_up.pass(slot);
        let for_spend = units_for(minimum.minus(value)?, slot.before);
        let wanted = quantity.saturating_sub(units).max(for_spend);
        let taken = wanted.min(slot.left.saturating_sub(slot.taken));
        units = units.saturating_add(taken);
        value = value.plus(slot.before.times(taken)?)?;
        slots.take(*index, taken);
    }
    if units >= quantity && value >= minimum {
        *start = start.saturating_add(used_up.slots);
        return Ok(None);
    }
    slots.give_back(mark);
    let lacking = minimum.minus(value)?;
    Ok(Some(Lack {
        quantity: quantity.saturating_sub(units),
        minimum_spend: spend.filter(|_| lacking > Amount::ZERO),
        spend: lacking.max(Amount::ZERO),
    }))
}

/// Counts the slots at the beginning of an order that no set can use any more.
#[derive(Default)]
struct UsedUp {
    slots: usize,
    ended: bool,
}

impl UsedUp {
    fn pass(&mut self, slot: &Slot) {
        self.ended |= slot.left > 0;
        if !self.ended {
            self.slots = self.slots.saturating_add(1);
        }
    }
}

/// How many units at a price come to an amount; of units that cost nothing, all.
fn units_for(amount: Amount, price: Amount) -> u32 {
    if amount <= Amount::ZERO {
        return 0;
    }
    let (amount, price) = (amount.minor(), price.minor());
    let whole = amount.checked_div(price).unwrap_or(i64::MAX);
    let rest = amount.checked_rem(price).unwrap_or_default();
    let units = whole.saturating_add(i64::from(rest > 0));
    u32::try_from(units).unwrap_or(u32::MAX)
}

/// Which units an action discounts for each set.
pub(super) struct Picks {
    /// Slots of the units that can be discounted, in the order of the strategy.
    order: Vec<usize>,
    /// Those before this place are used up.
    start: usize,
    /// Units for a set; none for all.
    quantity: Option<u32>,
    /// Whether a set needs all of `quantity`.
    whole: bool,
    /// Whether only units of one price are discounted.
    one_price: bool,
    /// That price, once the first set is formed.
    price: Option<Amount>,
}

impl Picks {
    pub(super) fn of(
        goods: &Goods<'_>,
        slots: &mut Slots,
        scope: &super::Scope,
        quantity: Option<u32>,
        whole: bool,
        reaches: impl Fn(&GoodsLine<'_>) -> bool,
    ) -> Self {
        let one_price = matches!(
            scope.strategy,
            Strategy::LeastExpensiveOnly | Strategy::MostExpensiveOnly
        );
        slots.include_considered = scope.include_considered;
        Self {
            order: slots.ordered(goods, reaches, scope.strategy.most_expensive_first()),
            start: 0,
            quantity,
            whole,
            one_price,
            price: None,
        }
    }

    /// Picks the units of one set; answers what they come to, or none when there are none, or not enough.
    fn pick(&mut self, slots: &mut Slots) -> Result<Option<Amount>> {
        let mut wanted = self.quantity.unwrap_or(u32::MAX);
        let (mut any, mut value) = (false, Amount::ZERO);
        let open = self.order.get(self.start..).unwrap_or_default();
        let mut used_up = UsedUp::default();
        for index in open {
            let Some(slot) = slots.all.get(*index) else {
                continue;
            };
            used_up.pass(slot);
            let considered = if slots.include_considered {
                0
            } else {
                slot.taken
            };
            let units = wanted.min(slot.left.saturating_sub(considered));
            if units == 0 {
                continue;
            }
            let price = *self.price.get_or_insert(slot.price);
            if self.one_price && price != slot.price {
                break;
            }
            any = true;
            value = value.plus(slot.price.times(units)?)?;
            wanted = wanted.saturating_sub(units);
            slots.pick(*index, units);
            if wanted == 0 {
                break;
            }
        }
        self.start = self.start.saturating_add(used_up.slots);
        let enough = any && (!self.whole || wanted == 0);
        Ok(enough.then_some(value))
    }
}

/// What comes of forming the sets of a rule.
#[derive(Debug, Default)]
pub(super) struct Formed {
    /// How many sets there are.
    pub(super) sets: u32,
    /// What the sets give together, where each gives an amount of its own.
    pub(super) amount: Amount,
    /// Whether there are units for a set, though it may give nothing.
    pub(super) reached: bool,
    /// What the cart lacks for the first set; none when only units to discount are missing.
    pub(super) lack: Option<Lack>,
}

/// Forms as many sets as there can be, or one. `gives` tells what a set gives whose discounted units come to so much; none ends it.
pub(super) fn form(
    slots: &mut Slots,
    mut need: Option<Need>,
    mut picks: Option<Picks>,
    once: bool,
    gives: impl Fn(Amount) -> Result<Option<Amount>>,
) -> Result<Formed> {
    let mut formed = Formed::default();
    loop {
        if let Some(need) = &mut need
            && let Some(lack) = need.take(slots)?
        {
            formed.lack = Some(lack);
            break;
        }
        let value = match &mut picks {
            Some(picks) => picks.pick(slots)?,
            None => Some(Amount::ZERO),
        };
        formed.reached |= value.is_some();
        let Some(amount) = value.map(&gives).transpose()?.flatten() else {
            break;
        };
        let endless = slots.taken.is_empty() && slots.picked.is_empty();
        let times = if once || endless { 1 } else { slots.repeats() };
        slots.close(times);
        formed.sets = formed.sets.saturating_add(times);
        formed.amount = formed.amount.plus(amount.times(times)?)?;
        if once || endless {
            break;
        }
    }
    Ok(formed)
}

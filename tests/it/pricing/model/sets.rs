//! Which sets of units satisfy a condition, and which units each of them gets discounted.

use std::collections::BTreeSet;

use cartwright::domain::{
    promotion::{Action, CartCondition, Condition, Rule, Scope},
    reason::Reason,
};

use super::units::{Units, dearest_first, one_level_only};

/// What one set of units was formed of, and what it gives the action.
#[derive(Debug, Default)]
pub(crate) struct Set {
    /// The units that satisfied the condition.
    pub(crate) condition: Vec<usize>,
    /// The units to discount.
    pub(crate) chosen: Vec<usize>,
}

/// The sets of a rule; when there are none, why.
#[derive(Debug)]
pub(crate) struct Sets {
    pub(crate) sets: Vec<Set>,
    /// None although there is no set: the condition holds, and what there is comes to nothing.
    pub(crate) failure: Option<Reason>,
}

/// Forms the sets of a rule one after the other, until there are no more.
pub(crate) fn form(units: &Units, rule: &Rule, is_reachable: &dyn Fn(usize) -> bool) -> Sets {
    let mut former = Former {
        units,
        rule,
        is_reachable,
        consumed: vec![false; units.all.len()],
        level: None,
    };
    let mut sets = Vec::new();
    loop {
        match former.next() {
            Ok(set) => {
                let consumes_nothing = set.condition.is_empty() && set.chosen.is_empty();
                sets.push(set);
                if rule.apply_once || consumes_nothing {
                    break;
                }
            }
            Err(failure) => return Sets { sets, failure },
        }
    }
    Sets {
        sets,
        failure: None,
    }
}

struct Former<'a> {
    units: &'a Units<'a>,
    rule: &'a Rule,
    is_reachable: &'a dyn Fn(usize) -> bool,
    consumed: Vec<bool>,
    /// The one price that the `_ONLY` strategies discount.
    level: Option<i64>,
}

impl Former<'_> {
    fn next(&mut self) -> Result<Set, Option<Reason>> {
        let mut condition = Vec::new();
        if let Some(wanted) = &self.rule.condition {
            self.satisfy(wanted, &mut condition).map_err(Some)?;
        }
        let chosen = match &self.rule.action {
            Action::CartItems {
                quantity, scope, ..
            } => {
                let mut candidates = self.candidates(scope, &condition);
                candidates.truncate(quantity.map_or(usize::MAX, count));
                if candidates.is_empty() {
                    return Err(Some(Reason::CouponNoMatchingItems));
                }
                candidates
            }
            Action::FixedPriceSet {
                quantity,
                price,
                scope,
            } => {
                let mut candidates = self.candidates(scope, &condition);
                if candidates.len() < count(*quantity) {
                    return Err(Some(Reason::CouponNoMatchingItems));
                }
                candidates.truncate(count(*quantity));
                if self.units.value(&candidates) <= price.amount.minor() {
                    // There is a set, and it gives nothing.
                    return Err(None);
                }
                candidates
            }
            _ => Vec::new(),
        };
        for unit in condition.iter().chain(&chosen) {
            self.consumed[*unit] = true;
        }
        Ok(Set { condition, chosen })
    }

    /// The units that the action could discount for this set, the first ones first.
    fn candidates(&mut self, scope: &Scope, condition: &[usize]) -> Vec<usize> {
        let condition: BTreeSet<usize> = condition.iter().copied().collect();
        let mut candidates: Vec<usize> = (0..self.units.all.len())
            .filter(|unit| (self.is_reachable)(*unit) && !self.consumed[*unit])
            .filter(|unit| scope.include_considered || !condition.contains(unit))
            .collect();
        self.units
            .sort(&mut candidates, dearest_first(scope.strategy));
        if one_level_only(scope.strategy) {
            let price = |unit: usize| self.units.all[unit].price;
            let first = candidates.first().map(|unit| price(*unit));
            self.level = self.level.or(first);
            candidates.retain(|unit| Some(price(*unit)) == self.level);
        }
        candidates
    }

    /// Takes units until the condition holds. When it cannot, nothing is taken.
    fn satisfy(&self, condition: &Condition, taken: &mut Vec<usize>) -> Result<(), Reason> {
        let before = taken.len();
        let held = match condition {
            Condition::Cart(cart) => self.take(cart, taken),
            Condition::AllOf(all) => all.iter().try_for_each(|one| self.satisfy(one, taken)),
            Condition::AnyOf(any) => self.satisfy_one(any, taken),
            Condition::NoneOf(none) => {
                let whole_cart = Former {
                    consumed: vec![false; self.units.all.len()],
                    ..*self
                };
                let holds = |one| whole_cart.satisfy(one, &mut Vec::new()).is_ok();
                if none.iter().any(holds) {
                    Err(Reason::CouponConditionNotMet)
                } else {
                    Ok(())
                }
            }
        };
        if held.is_err() {
            taken.truncate(before);
        }
        held
    }

    /// The first that holds counts; when none does, the first says why.
    fn satisfy_one(&self, any: &[Condition], taken: &mut Vec<usize>) -> Result<(), Reason> {
        let mut failures = Vec::new();
        for one in any {
            match self.satisfy(one, taken) {
                Ok(()) => return Ok(()),
                Err(failure) => failures.push(failure),
            }
        }
        Err(failures[0])
    }

    fn take(&self, wanted: &CartCondition, taken: &mut Vec<usize>) -> Result<(), Reason> {
        let matches = |unit: usize| wanted.items.matches(self.units.line(unit));
        let already: BTreeSet<usize> = taken.iter().copied().collect();
        let mut counted: Vec<usize> = taken
            .iter()
            .copied()
            .filter(|unit| matches(*unit))
            .collect();
        let mut others: Vec<usize> = (0..self.units.all.len())
            .filter(|unit| matches(*unit) && !self.consumed[*unit] && !already.contains(unit))
            .collect();
        self.units
            .sort(&mut others, !action_dearest_first(self.rule));
        let spend = wanted.minimum_spend.map_or(0, |spend| spend.amount.minor());
        let before = |unit: usize| self.units.all[unit].before;
        let mut value: i64 = counted.iter().map(|unit| before(*unit)).sum();
        let least = count(wanted.minimum_quantity.max(1));
        for unit in others {
            if counted.len() >= least && value >= spend {
                break;
            }
            value += before(unit);
            counted.push(unit);
            taken.push(unit);
        }
        if counted.len() < least {
            Err(Reason::CouponConditionNotMet)
        } else if value < spend {
            Err(Reason::CouponMinPurchaseNotMet)
        } else {
            Ok(())
        }
    }
}

fn action_dearest_first(rule: &Rule) -> bool {
    match &rule.action {
        Action::CartItems { scope, .. } | Action::FixedPriceSet { scope, .. } => {
            dearest_first(scope.strategy)
        }
        _ => false,
    }
}

fn count(number: u32) -> usize {
    usize::try_from(number).unwrap()
}

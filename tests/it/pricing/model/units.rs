//! Every unit of the cart by itself.

use std::collections::BTreeMap;

use cartwright::domain::{cart::LineItem, checkout::Checkout, promotion::Strategy};

use super::ratio::split;

/// One unit of a line that promotions may touch.
#[derive(Debug, Clone)]
pub(crate) struct Unit {
    pub(crate) line: usize,
    /// At the beginning of the promotion under way.
    pub(crate) before: i64,
    pub(crate) price: i64,
}

/// All units, and the lines they are of.
#[derive(Debug, Clone)]
pub(crate) struct Units<'a> {
    pub(crate) lines: &'a [LineItem],
    pub(crate) all: Vec<Unit>,
}

impl<'a> Units<'a> {
    pub(crate) fn of(checkout: &'a Checkout) -> Self {
        let mut all = Vec::new();
        for (index, line) in checkout.lines.iter().enumerate() {
            let price = line.list_price().minor();
            let unit = Unit {
                line: index,
                before: price,
                price,
            };
            if line.is_promotable() {
                all.extend((0..line.quantity).map(|_| unit.clone()));
            }
        }
        Self {
            lines: &checkout.lines,
            all,
        }
    }

    pub(crate) fn line(&self, unit: usize) -> &'a LineItem {
        &self.lines[self.all[unit].line]
    }

    pub(crate) fn value(&self, units: &[usize]) -> i64 {
        units.iter().map(|unit| self.all[*unit].price).sum()
    }

    /// The cheapest first, or the dearest; among equals by product, variant and age of the line.
    pub(crate) fn sort(&self, units: &mut [usize], dearest_first: bool) {
        units.sort_by_key(|unit| {
            let line = self.line(*unit);
            let Unit { price, before, .. } = self.all[*unit];
            let price = if dearest_first { -price } else { price };
            (price, &line.product_id, &line.variant_id, line.id, before)
        });
    }

    /// The units by line, the oldest line first.
    pub(crate) fn by_line(&self, units: &[usize]) -> Vec<Vec<usize>> {
        let mut lines: BTreeMap<_, Vec<usize>> = BTreeMap::new();
        for unit in units {
            lines.entry(self.line(*unit).id).or_default().push(*unit);
        }
        lines.into_values().collect()
    }

    /// Takes an amount off units of one line: those of one price, now and before the promotion, share in
    /// proportion to what they come to.
    pub(crate) fn spread(&mut self, units: &[usize], amount: i64) {
        let mut groups: BTreeMap<(i64, i64), Vec<usize>> = BTreeMap::new();
        for unit in units {
            let Unit { price, before, .. } = self.all[*unit];
            groups.entry((price, before)).or_default().push(*unit);
        }
        let values: Vec<i64> = groups.values().map(|group| self.value(group)).collect();
        for (group, share) in groups.into_values().zip(split(amount, &values)) {
            let parts = split(share, &vec![1; group.len()]);
            for (unit, part) in group.iter().zip(parts) {
                self.all[*unit].price -= part;
            }
        }
    }
}

pub(crate) fn dearest_first(strategy: Strategy) -> bool {
    matches!(
        strategy,
        Strategy::MostExpensive | Strategy::MostExpensiveOnly
    )
}

pub(crate) fn one_level_only(strategy: Strategy) -> bool {
    matches!(
        strategy,
        Strategy::LeastExpensiveOnly | Strategy::MostExpensiveOnly
    )
}

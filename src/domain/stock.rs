//! Stock: what a shop counts of its goods, what orders need of it, and what is left. `docs/stock.md` says the rules.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{
    cart::LineItem,
    catalog::Product,
    checkout::Checkout,
    reason::{Reason, Refusal, Violation},
};

/// Highest level, in units.
pub const MAX_LEVEL: i64 = 1_000_000_000;

/// Names a variant, or a product without variants. Stock is locked in the order of these.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct VariantKey {
    /// The product.
    pub product_id: String,
    /// The variant; empty for a product without variants.
    pub variant_id: String,
}

/// So many units of each variant.
pub type Units = BTreeMap<VariantKey, i64>;

/// What is counted of a variant.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stock {
    /// Units that are not sold, those that are reserved included. Below zero where the shop lowered it below what was
    /// reserved and that was sold then: so many units are owed.
    pub level: i64,
    /// Units that are reserved for orders; kept beside the product, not in it.
    #[serde(skip)]
    pub reserved: i64,
}

impl Stock {
    /// Units that can be ordered.
    #[must_use]
    pub fn left(self) -> i64 {
        self.level.saturating_sub(self.reserved).max(0)
    }
}

/// A request field or a line, and the variant that it asks for.
pub type Asked = (String, VariantKey);

/// What changes of the stock of a variant, and of what a checkout holds of it. What it does not hold yet has to be left.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StockMove {
    /// The variant.
    pub key: VariantKey,
    /// Units that the checkout holds before.
    pub held_before: i64,
    /// Units that it holds afterwards.
    pub held: i64,
    /// Units that leave the stock; below zero for those that come back.
    pub sold: i64,
}

impl StockMove {
    /// What that adds to the units that are reserved.
    #[must_use]
    pub const fn reserved(&self) -> i64 {
        self.held.saturating_sub(self.held_before)
    }

    /// Units that have to be left for it.
    #[must_use]
    pub const fn taken(&self) -> i64 {
        self.reserved().saturating_add(self.sold)
    }
}

/// What has to move so that a checkout that holds `held` holds what is needed: at least that much, or `exactly`.
#[must_use]
pub fn reserving(held: &Units, needed: &Units, exactly: bool) -> Vec<StockMove> {
    let step = |key: &VariantKey| {
        let (held_before, needed) = (units(held, key), units(needed, key));
        let least = if exactly { 0 } else { held_before };
        StockMove {
            key: key.clone(),
            held_before,
            held: needed.max(least),
            sold: 0,
        }
    };
    let steps = union(held, needed).into_iter().map(step);
    steps.filter(|step| step.held != step.held_before).collect()
}

/// What has to move so that a checkout that holds `held` has bought what is needed, and holds nothing.
#[must_use]
pub fn selling(held: &Units, needed: &Units) -> Vec<StockMove> {
    let step = |key: &VariantKey| StockMove {
        key: key.clone(),
        held_before: units(held, key),
        held: 0,
        sold: units(needed, key),
    };
    union(held, needed).into_iter().map(step).collect()
}

/// What has to move so that what was bought is back.
#[must_use]
pub fn returning(bought: &Units) -> Vec<StockMove> {
    let step = |(key, units): (&VariantKey, &i64)| StockMove {
        key: key.clone(),
        held_before: 0,
        held: 0,
        sold: units.saturating_neg(),
    };
    bought.iter().map(step).collect()
}

fn units(units: &Units, key: &VariantKey) -> i64 {
    units.get(key).copied().unwrap_or_default()
}

/// The variants of either, each once, in their order.
fn union<'a>(one: &'a Units, other: &'a Units) -> Vec<&'a VariantKey> {
    let mut keys: Vec<_> = one.keys().chain(other.keys()).collect();
    keys.sort_unstable();
    keys.dedup();
    keys
}

impl VariantKey {
    /// The variant of a product.
    #[must_use]
    pub fn new(product_id: &str, variant_id: &str) -> Self {
        Self {
            product_id: product_id.to_owned(),
            variant_id: variant_id.to_owned(),
        }
    }
}

impl Product {
    /// The stock of a variant, or of a product without variants; none where it is not counted.
    #[must_use]
    pub fn stock_of(&self, variant_id: &str) -> Option<Stock> {
        if variant_id.is_empty() {
            return self.stock;
        }
        let variant = self.variants.iter().find(|v| v.id == variant_id);
        variant.and_then(|variant| variant.stock)
    }

    /// Whether anything of it is counted.
    #[must_use]
    pub fn is_counted(&self) -> bool {
        let mut variants = self.variants.iter();
        self.stock.is_some() || variants.any(|variant| variant.stock.is_some())
    }

    /// The stock of each variant or, where there is none, of the product.
    pub fn stock_mut(&mut self) -> Vec<(VariantKey, &mut Option<Stock>)> {
        let id = &self.id;
        if self.variants.is_empty() {
            return vec![(VariantKey::new(id, ""), &mut self.stock)];
        }
        let variants = self.variants.iter_mut();
        variants
            .map(|variant| (VariantKey::new(id, &variant.id), &mut variant.stock))
            .collect()
    }
}

impl LineItem {
    /// The variant, if the shop counts it.
    #[must_use]
    pub fn counted(&self) -> Option<VariantKey> {
        let key = || VariantKey::new(&self.product_id, &self.variant_id);
        self.facts.stock_level.map(|_| key())
    }

    fn is_of(&self, key: &VariantKey) -> bool {
        self.product_id == key.product_id && self.variant_id == key.variant_id
    }
}

impl Checkout {
    /// Units of counted variants that its lines need.
    #[must_use]
    pub fn stock_needed(&self) -> Units {
        let mut needed = Units::new();
        for line in &self.lines {
            if let Some(key) = line.counted() {
                let units = needed.entry(key).or_default();
                *units = units.saturating_add(line.quantity.into());
            }
        }
        needed
    }

    /// Units of a variant in its lines, but for gifts of promotions.
    #[must_use]
    pub fn units_bought(&self, key: &VariantKey) -> i64 {
        let lines = self.lines.iter();
        lines
            .filter(|line| line.gift_of.is_none() && line.is_of(key))
            .map(|line| i64::from(line.quantity))
            .fold(0, i64::saturating_add)
    }

    /// The levels of counted variants that the catalog told when the lines were last refreshed.
    #[must_use]
    pub fn stock_told(&self) -> Units {
        let told = |line: &LineItem| line.counted().zip(line.facts.stock_level);
        self.lines.iter().filter_map(told).collect()
    }

    /// The lines of counted variants.
    #[must_use]
    pub fn counted_lines(&self) -> Vec<Asked> {
        let asked = |line: &LineItem| Some((line.id.to_string(), line.counted()?));
        self.lines.iter().filter_map(asked).collect()
    }

    /// Refuses what asks for a variant of which more is needed than can be had. What is not among `available` is not
    /// counted.
    #[must_use]
    pub fn stock_exhausted(
        &self,
        asked: &[Asked],
        needed: &Units,
        available: &Units,
    ) -> Option<Refusal> {
        let shortage = |(subject, key): &Asked| {
            let (wanted, left) = (*needed.get(key)?, *available.get(key)?);
            (wanted > left).then(|| Shortage {
                subject: subject.clone(),
                name: self.name_of(key),
                key: key.clone(),
                wanted,
                left,
            })
        };
        exhausted(&asked.iter().filter_map(shortage).collect::<Vec<_>>())
    }

    fn name_of(&self, key: &VariantKey) -> String {
        let line = self.lines.iter().find(|line| line.is_of(key));
        line.map(|line| line.facts.name.clone()).unwrap_or_default()
    }
}

/// Takes units for a gift out of those that can be had; what is not among these is not counted.
pub fn take_gift(
    left: &mut Units,
    key: &VariantKey,
    quantity: u32,
    name: &str,
) -> Result<(), Refusal> {
    let Some(left) = left.get_mut(key) else {
        return Ok(());
    };
    let wanted = i64::from(quantity);
    let shortage = Shortage {
        subject: key.product_id.clone(),
        name: name.to_owned(),
        key: key.clone(),
        wanted,
        left: *left,
    };
    if wanted > *left
        && let Some(refusal) = exhausted(&[shortage])
    {
        return Err(refusal);
    }
    *left = left.saturating_sub(wanted);
    Ok(())
}

/// More of a variant is wanted than is left.
struct Shortage {
    subject: String,
    name: String,
    key: VariantKey,
    wanted: i64,
    left: i64,
}

fn exhausted(shortages: &[Shortage]) -> Option<Refusal> {
    let first = shortages.first()?;
    let violations = shortages.iter().map(|shortage| {
        let (subject, text) = (&shortage.subject, shortage.text());
        Violation::new(subject, Reason::StockExhausted, text)
    });
    let refusal = Refusal::all(Reason::StockExhausted, violations.collect())
        .with("product_id", &first.key.product_id)
        .with("variant_id", &first.key.variant_id)
        .with("requested", first.wanted)
        .with("available", first.left);
    Some(refusal)
}

impl Shortage {
    fn text(&self) -> String {
        let (name, left, wanted) = (&self.name, self.left, self.wanted);
        let variant = match self.key.variant_id.as_str() {
            "" => String::new(),
            id => format!(" ({id})"),
        };
        if left == 0 {
            return format!("none of \"{name}\"{variant} is left: remove it");
        }
        format!("{left} of \"{name}\"{variant} are left, not {wanted}: lower the quantity")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(id: &str) -> VariantKey {
        VariantKey::new(id, "")
    }

    fn all(units: &[(&str, i64)]) -> Units {
        units.iter().map(|(id, units)| (key(id), *units)).collect()
    }

    /// Product, units held afterwards, units added to those reserved, units sold, units that have to be left.
    fn parts(moves: &[StockMove]) -> Vec<(&str, i64, i64, i64, i64)> {
        let parts = |m: &'_ StockMove| (m.held, m.reserved(), m.sold, m.taken());
        let named = moves.iter().map(|m| {
            let (held, reserved, sold, taken) = parts(m);
            (m.key.product_id.as_str(), held, reserved, sold, taken)
        });
        named.collect()
    }

    #[test]
    fn only_the_difference_is_reserved_in_the_order_of_the_variants() {
        let (held, needed) = (all(&[("b", 2), ("c", 5)]), all(&[("c", 3), ("a", 1)]));
        assert_eq!(
            parts(&reserving(&held, &needed, true)),
            [("a", 1, 1, 0, 1), ("b", 0, -2, 0, -2), ("c", 3, -2, 0, -2)]
        );
        assert_eq!(
            parts(&reserving(&held, &needed, false)),
            [("a", 1, 1, 0, 1)]
        );
        assert_eq!(reserving(&needed, &needed, true), []);
    }

    #[test]
    fn what_is_sold_is_what_was_held_as_far_as_it_goes() {
        let (held, needed) = (all(&[("a", 2), ("b", 5)]), all(&[("b", 3), ("c", 1)]));
        assert_eq!(
            parts(&selling(&held, &needed)),
            [("a", 0, -2, 0, -2), ("b", 0, -5, 3, -2), ("c", 0, 0, 1, 1)]
        );
        assert_eq!(
            parts(&returning(&needed)),
            [("b", 0, 0, -3, -3), ("c", 0, 0, -1, -1)]
        );
    }

    #[test]
    fn gifts_share_what_is_left() {
        let mut left = all(&[("a", 3)]);
        take_gift(&mut left, &key("a"), 2, "A").unwrap();
        let refusal = take_gift(&mut left, &key("a"), 2, "A").unwrap_err();
        assert_eq!(
            refusal.message,
            "1 of \"A\" are left, not 2: lower the quantity"
        );
        take_gift(&mut left, &key("a"), 1, "A").unwrap();
        let refusal = take_gift(&mut left, &key("a"), 1, "A").unwrap_err();
        assert_eq!(refusal.message, "none of \"A\" is left: remove it");
        take_gift(&mut left, &key("b"), 9, "B").unwrap();
    }
}

//! Finds the promotions that can give something to a cart without trying the others.

use std::collections::{BTreeSet, HashMap};

use super::{Action, Condition, Promotion, RedemptionType, Rule, items::ItemsMatcher};
use crate::domain::checkout::Checkout;

/// The promotions that apply by themselves, in the order in which they are evaluated.
///
/// A promotion without which goods nothing happens is filed under these goods; the others can give something to every cart.
#[derive(Debug, Default)]
pub struct Promotions {
    /// By priority, then id.
    all: Vec<Promotion>,
    /// Places in `all` by what a cart must have one of.
    by_key: HashMap<Kind, HashMap<String, Vec<usize>>>,
    /// Places in `all` of those that any cart may qualify for.
    unkeyed: Vec<usize>,
}

/// Something that a line has: of what kind, and its id.
type Key = (Kind, String);

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
enum Kind {
    Product,
    Category,
    Brand,
}

impl Promotions {
    /// Indexes promotions; those that are switched off, or are coupons, are left out.
    #[must_use]
    pub fn new(mut all: Vec<Promotion>) -> Self {
        all.retain(|of| of.enabled && of.redemption == RedemptionType::Automatic);
        all.sort_by_key(|promotion| (promotion.priority, promotion.id));
        let mut by_key: HashMap<Kind, HashMap<String, Vec<usize>>> = HashMap::new();
        let mut unkeyed = Vec::new();
        for (place, promotion) in all.iter().enumerate() {
            let keys = union(promotion.rules.iter().map(keys_of_rule));
            match keys {
                Some(keys) => {
                    for (kind, id) in keys {
                        let places = by_key.entry(kind).or_default().entry(id).or_default();
                        places.push(place);
                    }
                }
                None => unkeyed.push(place),
            }
        }
        Self {
            all,
            by_key,
            unkeyed,
        }
    }

    /// All of them.
    #[must_use]
    pub fn all(&self) -> &[Promotion] {
        &self.all
    }

    /// Those that may give something to the cart, in the order in which they are evaluated.
    #[must_use]
    pub fn candidates(&self, checkout: &Checkout) -> Vec<&Promotion> {
        if self.all.is_empty() {
            return Vec::new();
        }
        let mut places = self.unkeyed.clone();
        for line in &checkout.lines {
            for category in &line.facts.category_ids {
                places.extend(self.filed(Kind::Category, category));
            }
            places.extend(self.filed(Kind::Product, &line.product_id));
            places.extend(self.filed(Kind::Brand, &line.facts.brand_id));
        }
        places.sort_unstable();
        places.dedup();
        let found = places.into_iter();
        found.filter_map(|place| self.all.get(place)).collect()
    }

    fn filed(&self, kind: Kind, id: &str) -> &[usize] {
        let places = self.by_key.get(&kind).and_then(|of_kind| of_kind.get(id));
        places.map(Vec::as_slice).unwrap_or_default()
    }
}

/// What a cart must have one of for the rule to give something; none when any cart will do.
fn keys_of_rule(rule: &Rule) -> Option<BTreeSet<Key>> {
    let by_action = match &rule.action {
        Action::CartItems { scope, .. } | Action::FixedPriceSet { scope, .. } => {
            keys_of_items(&scope.items)
        }
        _ => None,
    };
    by_action.or_else(|| rule.condition.as_ref().and_then(keys_of_condition))
}

fn keys_of_condition(condition: &Condition) -> Option<BTreeSet<Key>> {
    match condition {
        Condition::Cart(cart) => keys_of_items(&cart.items),
        Condition::AllOf(all) => all.iter().find_map(keys_of_condition),
        Condition::AnyOf(any) => union(any.iter().map(keys_of_condition)),
        Condition::NoneOf(_) => None,
    }
}

fn keys_of_items(items: &ItemsMatcher) -> Option<BTreeSet<Key>> {
    let each = |kind: Kind, ids: &BTreeSet<String>| {
        Some(ids.iter().map(|id| (kind, id.clone())).collect())
    };
    match items {
        ItemsMatcher::Products(ids) => each(Kind::Product, ids),
        ItemsMatcher::Categories(ids) => each(Kind::Category, ids),
        ItemsMatcher::Brands(ids) => each(Kind::Brand, ids),
        ItemsMatcher::Variants(ids) => {
            let products = ids.iter().map(|(product, _)| product.clone());
            each(Kind::Product, &products.collect())
        }
        ItemsMatcher::AllOf(all) => all.iter().find_map(keys_of_items),
        ItemsMatcher::AnyOf(any) => union(any.iter().map(keys_of_items)),
        ItemsMatcher::All
        | ItemsMatcher::Option(_)
        | ItemsMatcher::CustomField(_)
        | ItemsMatcher::NoneOf(_) => None,
    }
}

/// All keys of alternatives; none if one of them has none.
fn union(keys: impl Iterator<Item = Option<BTreeSet<Key>>>) -> Option<BTreeSet<Key>> {
    let each: Option<Vec<_>> = keys.collect();
    Some(each?.into_iter().flatten().collect())
}

//! Which goods a promotion means.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use crate::domain::cart::LineItem;

/// Which lines.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub enum ItemsMatcher {
    /// Every line.
    #[default]
    All,
    /// Lines of one of these products.
    Products(BTreeSet<String>),
    /// Lines of one of these variants: product id and variant id.
    Variants(BTreeSet<(String, String)>),
    /// Lines of products in one of these categories.
    Categories(BTreeSet<String>),
    /// Lines of products of one of these brands.
    Brands(BTreeSet<String>),
    /// Lines with an option or modifier of this name that has one of these values, by what is shown or by id.
    Option(NameAndValues),
    /// Lines of products with a custom field of this name that has one of these values.
    CustomField(NameAndValues),
    /// Lines that all of these match.
    AllOf(Vec<ItemsMatcher>),
    /// Lines that any of these matches.
    AnyOf(Vec<ItemsMatcher>),
    /// Lines that none of these matches.
    NoneOf(Vec<ItemsMatcher>),
}

/// A name and the values that count, compared without case.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NameAndValues {
    /// The name.
    pub name: String,
    /// The values.
    pub values: BTreeSet<String>,
}

impl ItemsMatcher {
    /// Whether the line is one of those meant.
    #[must_use]
    pub fn matches(&self, line: &LineItem) -> bool {
        match self {
            Self::All => true,
            Self::Products(ids) => ids.contains(&line.product_id),
            Self::Variants(ids) => {
                ids.contains(&(line.product_id.clone(), line.variant_id.clone()))
            }
            Self::Categories(ids) => line.facts.category_ids.iter().any(|id| ids.contains(id)),
            Self::Brands(ids) => ids.contains(&line.facts.brand_id),
            Self::Option(wanted) => line.facts.selections.iter().any(|selection| {
                wanted.is(&selection.name, &selection.display_value)
                    || wanted.is(&selection.name, &selection.value)
            }),
            Self::CustomField(wanted) => {
                let mut fields = line.facts.custom_fields.iter();
                fields.any(|(name, value)| wanted.is(name, value))
            }
            Self::AllOf(all) => all.iter().all(|one| one.matches(line)),
            Self::AnyOf(any) => any.iter().any(|one| one.matches(line)),
            Self::NoneOf(none) => !none.iter().any(|one| one.matches(line)),
        }
    }

    /// Lines of any of these products or categories, every line without either; but none of those excluded.
    #[must_use]
    pub fn of_classic_coupon(
        products: Vec<String>,
        categories: Vec<String>,
        excluded_products: Vec<String>,
        excluded_categories: Vec<String>,
    ) -> Self {
        let either = |products: Vec<String>, categories: Vec<String>| {
            let mut either = Vec::new();
            if !products.is_empty() {
                either.push(Self::Products(products.into_iter().collect()));
            }
            if !categories.is_empty() {
                either.push(Self::Categories(categories.into_iter().collect()));
            }
            either
        };
        let included = match either(products, categories) {
            none if none.is_empty() => None,
            mut one if one.len() == 1 => one.pop(),
            both => Some(Self::AnyOf(both)),
        };
        let excluded = either(excluded_products, excluded_categories);
        match (included, excluded.is_empty()) {
            (None, true) => Self::All,
            (Some(included), true) => included,
            (None, false) => Self::NoneOf(excluded),
            (Some(included), false) => Self::AllOf(vec![included, Self::NoneOf(excluded)]),
        }
    }
}

impl NameAndValues {
    fn is(&self, name: &str, value: &str) -> bool {
        let same = |a: &str, b: &str| a.to_lowercase() == b.to_lowercase();
        same(&self.name, name) && self.values.iter().any(|wanted| same(wanted, value))
    }
}

//! Reads which goods a promotion means.

use std::collections::BTreeSet;

use crate::{
    domain::promotion::items::{ItemsMatcher, NameAndValues},
    rpc::{
        fields::Fields,
        pb::{self, items_matcher::Matcher},
    },
};

/// Most matchers in one, and how deep they can be nested.
const MAX_MATCHERS: usize = 50;
const MAX_DEPTH: usize = 5;
/// Most ids or variants of a matcher.
const MAX_IDS: usize = 1_000;
/// Most values of an option or custom field.
const MAX_VALUES: usize = 100;

/// Which goods. Placeholder: all.
pub(super) fn items(fields: &mut Fields, items: Option<pb::ItemsMatcher>) -> ItemsMatcher {
    let read = fields.message("items", items, |fields, items| {
        let size = size(&items);
        if size > MAX_MATCHERS {
            let text = format!("must have at most {MAX_MATCHERS} matchers in all, not {size}");
            fields.refuse("", text);
            return ItemsMatcher::All;
        }
        matcher(fields, items, 1)
    });
    read.unwrap_or_default()
}

/// How many matchers there are in one, with itself.
fn size(matcher: &pb::ItemsMatcher) -> usize {
    match &matcher.matcher {
        Some(Matcher::AllOf(list) | Matcher::AnyOf(list) | Matcher::NoneOf(list)) => {
            let sizes = list.matchers.iter().map(size);
            sizes.fold(1, usize::saturating_add)
        }
        _ => 1,
    }
}

fn matcher(fields: &mut Fields, matcher: pb::ItemsMatcher, depth: usize) -> ItemsMatcher {
    match matcher.matcher {
        Some(Matcher::Products(list)) => ItemsMatcher::Products(ids(fields, "products", list)),
        Some(Matcher::Categories(list)) => {
            ItemsMatcher::Categories(ids(fields, "categories", list))
        }
        Some(Matcher::Brands(list)) => ItemsMatcher::Brands(ids(fields, "brands", list)),
        Some(Matcher::Variants(list)) => ItemsMatcher::Variants(variants(fields, list)),
        Some(Matcher::ProductOption(wanted)) => {
            ItemsMatcher::Option(name_and_values(fields, "product_option", wanted))
        }
        Some(Matcher::ProductCustomField(wanted)) => {
            ItemsMatcher::CustomField(name_and_values(fields, "product_custom_field", wanted))
        }
        Some(Matcher::AllOf(list)) => ItemsMatcher::AllOf(several(fields, "all_of", list, depth)),
        Some(Matcher::AnyOf(list)) => ItemsMatcher::AnyOf(several(fields, "any_of", list, depth)),
        Some(Matcher::NoneOf(list)) => {
            ItemsMatcher::NoneOf(several(fields, "none_of", list, depth))
        }
        None => {
            let names = "products, variants, categories, brands, product_option, \
                         product_custom_field, all_of, any_of, none_of";
            fields.refuse("", format!("must have one of {names}"));
            ItemsMatcher::All
        }
    }
}

fn several(
    fields: &mut Fields,
    name: &str,
    list: pb::ItemsMatchers,
    depth: usize,
) -> Vec<ItemsMatcher> {
    let depth = depth.saturating_add(1);
    if depth > MAX_DEPTH {
        fields.refuse(name, format!("must be nested at most {MAX_DEPTH} deep"));
        return Vec::new();
    }
    fields.within(name, |fields| {
        fields.each(
            "matchers",
            list.matchers,
            1..=MAX_MATCHERS,
            |fields, one| matcher(fields, one, depth),
        )
    })
}

fn ids(fields: &mut Fields, name: &str, list: pb::IdList) -> BTreeSet<String> {
    let ids = fields.within(name, |fields| {
        fields.each("ids", list.ids, 1..=MAX_IDS, |fields, id| {
            fields.required_text("", id)
        })
    });
    ids.into_iter().collect()
}

fn variants(fields: &mut Fields, list: pb::VariantList) -> BTreeSet<(String, String)> {
    let variants = fields.within("variants", |fields| {
        fields.each("variants", list.variants, 1..=MAX_IDS, |fields, one| {
            let product_id = fields.required_text("product_id", one.product_id);
            (
                product_id,
                fields.required_text("variant_id", one.variant_id),
            )
        })
    });
    variants.into_iter().collect()
}

fn name_and_values(fields: &mut Fields, name: &str, wanted: pb::NameAndValues) -> NameAndValues {
    fields.within(name, |fields| {
        let values = fields.each("values", wanted.values, 1..=MAX_VALUES, |fields, value| {
            fields.required_text("", value)
        });
        NameAndValues {
            name: fields.required_text("name", wanted.name),
            values: values.into_iter().collect(),
        }
    })
}

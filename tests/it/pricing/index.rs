//! Promotions that cannot give anything to a cart are not even tried. That none is missed is what the model shows.

use cartwright::domain::promotion::{Condition, Promotion, Rule, index::Promotions};

use super::examples::builder::{
    ALL, always, brands, categories, goods, percent, products, units, when, whole_cart,
};
use crate::harness::shop::{checkout, id, line, now};

/// The places of the promotions of these rules that are tried for a cart of product-1 in the category mugs.
fn tried(rules: Vec<Rule>) -> Vec<u128> {
    let numbered = (0..).zip(rules);
    let promotions =
        numbered.map(|(number, rule)| Promotion::new(id(number), "One", vec![rule], now()));
    let promotions = Promotions::new(promotions.collect());
    let mut mug = line(1, 1_000, 2);
    mug.facts.category_ids = vec!["mugs".into()];
    let cart = checkout("USD", vec![mug]);
    let tried = promotions.candidates(&cart).into_iter();
    tried.map(|promotion| promotion.id.as_u128()).collect()
}

#[test]
fn of_a_thousand_promotions_on_products_one_is_tried() {
    let on_product = |number: u32| {
        let id = format!("product-{number}");
        always(goods(percent("10"), products(&[id.as_str()])))
    };
    assert_eq!(tried((0..1_000).map(on_product).collect()), [1]);
}

#[test]
fn a_promotion_is_filed_under_what_it_needs() {
    let off = |items| goods(percent("10"), items);
    let needs = |items| when(units(1, items), whole_cart(percent("10")));
    let either = |a, b| Condition::AnyOf(vec![units(1, a), units(1, b)]);
    let rules = vec![
        always(off(categories(&["mugs"]))),
        always(off(categories(&["hats"]))),
        always(off(brands(&["acme"]))),
        needs(products(&["product-1"])),
        needs(products(&["product-2"])),
        // The action decides where it names goods: without them nothing happens.
        when(units(1, ALL), off(products(&["product-2"]))),
        when(
            either(products(&["product-2"]), categories(&["mugs"])),
            whole_cart(percent("5")),
        ),
        when(
            either(products(&["product-2"]), ALL),
            whole_cart(percent("5")),
        ),
        always(whole_cart(percent("1"))),
    ];
    assert_eq!(tried(rules), [0, 3, 6, 7, 8]);
}

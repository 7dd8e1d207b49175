//! What pricing a cart costs: by the number of its lines, and of promotions that match it or do not.
//!
//! `make bench` runs it; `make bench-instructions` counts instructions, which do not depend on what else the machine does.

use std::hint::black_box;

use cartwright::domain::{
    cart::{Facts, LineItem, LineItemKind},
    catalog::Measures,
    checkout::Checkout,
    money::{Amount, Currency, Money, Rate},
    pricing::price,
    promotion::{
        Action, CartCondition, Condition, Discount, Promotion, Rule, Scope, index::Promotions,
        items::ItemsMatcher,
    },
    store::Store,
};
use chrono::{DateTime, Utc};
use criterion::{BenchmarkId, Criterion, criterion_group, criterion_main};
use uuid::Uuid;

const LINES: [u32; 4] = [1, 10, 100, 500];
const PROMOTIONS: [u32; 4] = [0, 10, 100, 1_000];
/// Lines are spread over so many categories, and so are the promotions that match.
const CATEGORIES: u32 = 10;

fn now() -> DateTime<Utc> {
    DateTime::UNIX_EPOCH
}

fn id(number: u32) -> Uuid {
    Uuid::from_u128(number.into())
}

fn line(number: u32) -> LineItem {
    let price = Amount::new(i64::from(1_000 + number * 37 % 900));
    let facts = Facts {
        kind: LineItemKind::Physical,
        sku: String::new(),
        name: format!("Product {number}"),
        url: String::new(),
        image_url: String::new(),
        selections: Vec::new(),
        taxable: true,
        tax_class_id: None,
        original_price: price,
        price,
        comparison_price: None,
        on_sale: false,
        brand_id: format!("brand-{}", number % 7),
        category_ids: vec![format!("category-{}", number % CATEGORIES)],
        measures: Measures::default(),
        free_shipping: false,
        fixed_shipping_cost: None,
        custom_fields: Vec::new(),
        stock_level: None,
    };
    LineItem {
        product_id: format!("product-{number}"),
        quantity: 1 + number % 3,
        ..LineItem::new(id(number), facts)
    }
}

fn cart(lines: u32) -> Checkout {
    Checkout {
        lines: (0..lines).map(line).collect(),
        ..Checkout::new(id(1_000_000), Currency::USD, now())
    }
}

/// One of five kinds of promotion in turn, on the goods of `category`.
fn promotion(number: u32, category: String) -> Promotion {
    let items = ItemsMatcher::Categories([category].into());
    let half_percent = Discount::Percentage(Rate::parse("0.005").unwrap_or_default());
    let cents = |minor| Money {
        currency: Currency::USD,
        amount: Amount::new(minor),
    };
    let scope = |include_considered| Scope {
        items: items.clone(),
        include_considered,
        ..Scope::default()
    };
    let on_items = |quantity, include_considered| Action::CartItems {
        discount: half_percent,
        as_total: false,
        quantity,
        scope: scope(include_considered),
        maximum: None,
    };
    let at_least = |minimum_quantity, minimum_spend| {
        Some(Condition::Cart(CartCondition {
            items: items.clone(),
            minimum_quantity,
            minimum_spend,
        }))
    };
    let (condition, action, apply_once) = match number % 5 {
        // Something off each.
        0 => (None, on_items(None, false), true),
        // Buy one, get something off the second, as often as there are two.
        1 => (at_least(1, None), on_items(Some(1), false), false),
        // Something off the cheapest of three, as often as there are three.
        2 => (at_least(3, None), on_items(Some(1), true), false),
        // Spend so much, save so much.
        3 => {
            let action = Action::CartValue {
                discount: Discount::Fixed(cents(5)),
                maximum: None,
            };
            (at_least(1, Some(cents(1_000))), action, true)
        }
        // Two for one price.
        _ => {
            let action = Action::FixedPriceSet {
                quantity: 2,
                price: cents(2_000),
                scope: scope(true),
            };
            (None, action, false)
        }
    };
    let rule = Rule {
        condition,
        action,
        apply_once,
        stop: false,
    };
    Promotion::new(id(number), "Promotion", vec![rule], now())
}

fn pricing(criterion: &mut Criterion) {
    let store = Store::empty(Currency::USD);
    for (name, prefix) in [("matching", "category"), ("not matching", "elsewhere")] {
        let mut group = criterion.benchmark_group(name);
        for lines in LINES {
            let cart = cart(lines);
            for promotions in PROMOTIONS {
                let all = 0..promotions;
                let promotions = Promotions::new(
                    all.map(|number| {
                        promotion(number, format!("{prefix}-{}", number % CATEGORIES))
                    })
                    .collect(),
                );
                let id = BenchmarkId::new(format!("{lines} lines"), promotions.all().len());
                group.bench_function(id, |bencher| {
                    bencher.iter(|| price(black_box(&cart), &store, &promotions, now()));
                });
            }
        }
        group.finish();
    }
}

criterion_group! {
    name = benches;
    config = Criterion::default()
        .sample_size(20)
        .warm_up_time(std::time::Duration::from_millis(300))
        .measurement_time(std::time::Duration::from_secs(1));
    targets = pricing
}
criterion_main!(benches);

//! Random promotions of every kind.

use cartwright::domain::{
    money::Rate,
    promotion::{
        Action, CartCondition, Condition, Discount, Promotion, PromotionCustomer, Rule, Scope,
        Strategy,
        items::{ItemsMatcher, NameAndValues},
        schedule::WeeklySchedule,
    },
};
use chrono::{Duration, NaiveTime, Weekday};
use uuid::Uuid;

use super::arbitrary::{CURRENCIES, GROUPS};
use crate::harness::{
    dice::Dice,
    shop::{currency, now},
};

/// A promotion whose gates are mostly open.
pub(crate) fn promotion(dice: &mut Dice, id: Uuid, code: &str) -> Promotion {
    let rules = (0..=dice.pick(&[0, 0, 0, 1, 2]))
        .map(|_| rule(dice, code))
        .collect();
    let mut promotion = Promotion::new(id, "Promotion", rules, now());
    promotion.priority = dice.pick(&[0, 0, 1, 2, -1]);
    promotion.stop = dice.once_in(8);
    promotion.combinable = !dice.once_in(8);
    if dice.once_in(3) {
        gate(dice, &mut promotion);
    }
    promotion
}

fn gate(dice: &mut Dice, promotion: &mut Promotion) {
    match dice.below(10) {
        0 => promotion.enabled = false,
        1 => promotion.start_time = Some(now() + Duration::hours(hours(dice))),
        2 => promotion.end_time = Some(now() + Duration::hours(hours(dice))),
        3 => {
            promotion.start_time = Some(now() - Duration::days(dice.below(40).into()));
            promotion.schedule = Some(schedule(dice));
        }
        4 => promotion.channel_ids = vec![dice.pick(&["default", "other"]).into()],
        5 => promotion.currency = Some(currency(dice.pick(&CURRENCIES))),
        6 | 7 => promotion.customer = customer(dice),
        8 => promotion.shipping_country_codes = ids(dice, &["DE", "US"]),
        _ => {
            promotion.max_uses = Some(2);
            promotion.uses = dice.below(3).into();
        }
    }
}

fn hours(dice: &mut Dice) -> i64 {
    i64::from(dice.below(3)) - 1
}

fn schedule(dice: &mut Dice) -> WeeklySchedule {
    let clock = |dice: &mut Dice| {
        let hour = dice.pick(&[0, 11, 12, 13, 22]);
        NaiveTime::from_hms_opt(hour, 0, 0)
    };
    WeeklySchedule {
        week_days: dice.some(&[Weekday::Mon, Weekday::Sun, Weekday::Wed]),
        start: dice.maybe(2, clock).flatten(),
        end: dice.maybe(2, clock).flatten(),
        time_zone: dice.pick(&[
            chrono_tz::UTC,
            chrono_tz::Asia::Tokyo,
            chrono_tz::America::Chicago,
        ]),
        week_frequency: 1 + dice.below(3),
    }
}

fn customer(dice: &mut Dice) -> PromotionCustomer {
    let groups = |dice: &mut Dice| dice.some(&GROUPS).into_iter().map(String::from).collect();
    PromotionCustomer {
        group_ids: groups(dice),
        ungrouped: dice.once_in(3),
        excluded_group_ids: dice.maybe(3, groups).unwrap_or_default(),
        minimum_order_count: dice.below(3),
    }
}

/// At least one of them.
fn ids(dice: &mut Dice, from: &[&str]) -> Vec<String> {
    let mut some = dice.some(from);
    if some.is_empty() {
        some.push(dice.pick(from));
    }
    some.into_iter().map(String::from).collect()
}

pub(crate) fn rule(dice: &mut Dice, code: &str) -> Rule {
    Rule {
        action: action(dice, code),
        condition: dice.maybe(2, |dice| condition(dice, code, 2)),
        apply_once: !dice.once_in(2),
        stop: dice.once_in(6),
    }
}

fn condition(dice: &mut Dice, code: &str, depth: u32) -> Condition {
    let several = |dice: &mut Dice| -> Vec<Condition> {
        let count = 1 + dice.below(3);
        (0..count)
            .map(|_| condition(dice, code, depth - 1))
            .collect()
    };
    match if depth == 0 { 0 } else { dice.below(8) } {
        5 => Condition::AllOf(several(dice)),
        6 => Condition::AnyOf(several(dice)),
        7 => Condition::NoneOf(several(dice)),
        _ => Condition::Cart(CartCondition {
            items: dice.maybe(2, |dice| matcher(dice, 1)).unwrap_or_default(),
            minimum_quantity: dice.pick(&[1, 1, 2, 3, 5]),
            minimum_spend: dice.maybe(3, |dice| dice.money(code)),
        }),
    }
}

pub(crate) fn matcher(dice: &mut Dice, depth: u32) -> ItemsMatcher {
    let several = |dice: &mut Dice| -> Vec<ItemsMatcher> {
        let count = 1 + dice.below(3);
        (0..count).map(|_| matcher(dice, depth - 1)).collect()
    };
    let named = |dice: &mut Dice, name: &str, values: &[&str]| NameAndValues {
        name: name.into(),
        values: ids(dice, values).into_iter().collect(),
    };
    let products = [
        "product-0",
        "product-1",
        "product-2",
        "product-3",
        "product-4",
    ];
    match dice.below(if depth == 0 { 7 } else { 10 }) {
        0 => ItemsMatcher::All,
        1 => ItemsMatcher::Products(ids(dice, &products).into_iter().collect()),
        2 => {
            let products = ids(dice, &products).into_iter();
            let variant = dice.pick(&["", "red", "blue"]);
            ItemsMatcher::Variants(products.map(|product| (product, variant.into())).collect())
        }
        3 => ItemsMatcher::Categories(ids(dice, &["shirts", "hats"]).into_iter().collect()),
        4 => ItemsMatcher::Brands(ids(dice, &["brand-0", "brand-1"]).into_iter().collect()),
        5 => ItemsMatcher::Option(named(dice, "size", &["l", "size-l", "XL"])),
        6 => ItemsMatcher::CustomField(named(dice, "SEASON", &["summer", "spring"])),
        7 => ItemsMatcher::AllOf(several(dice)),
        8 => ItemsMatcher::AnyOf(several(dice)),
        _ => ItemsMatcher::NoneOf(several(dice)),
    }
}

fn action(dice: &mut Dice, code: &str) -> Action {
    match dice.below(8) {
        0..=2 => cart_items(dice, code),
        3 | 4 => Action::CartValue {
            discount: discount(dice, code),
            maximum: dice.maybe(4, |dice| dice.money(code)),
        },
        5 => Action::GiftItem {
            product_id: "gift".into(),
            variant_id: dice.pick(&["", "red"]).into(),
            quantity: dice.pick(&[1, 2, 9_999]),
        },
        6 => Action::FixedPriceSet {
            quantity: 1 + dice.below(4),
            price: dice.money(code),
            scope: scope(dice),
        },
        _ => Action::Shipping {
            discount: discount(dice, code),
            zone_ids: dice
                .maybe(3, |dice| ids(dice, &["near", "far"]))
                .unwrap_or_default(),
            method_ids: dice
                .maybe(3, |dice| ids(dice, &["ground", "air"]))
                .unwrap_or_default(),
        },
    }
}

fn cart_items(dice: &mut Dice, code: &str) -> Action {
    let discount = discount(dice, code);
    Action::CartItems {
        discount,
        as_total: matches!(discount, Discount::Fixed(_)) && dice.once_in(2),
        quantity: dice.maybe(2, |dice| dice.pick(&[1, 1, 2, 3, 7])),
        scope: scope(dice),
        maximum: dice.maybe(4, |dice| dice.money(code)),
    }
}

fn scope(dice: &mut Dice) -> Scope {
    Scope {
        items: dice.maybe(2, |dice| matcher(dice, 1)).unwrap_or_default(),
        strategy: dice.pick(&[
            Strategy::LeastExpensive,
            Strategy::LeastExpensiveOnly,
            Strategy::MostExpensive,
            Strategy::MostExpensiveOnly,
        ]),
        include_considered: dice.once_in(2),
        exclude_on_sale: dice.once_in(4),
    }
}

fn discount(dice: &mut Dice, code: &str) -> Discount {
    if dice.once_in(2) {
        return Discount::Fixed(dice.money(code));
    }
    let percentage = dice.pick(&[
        "10", "0.5", "15", "20", "25", "33.3333", "50", "66.6667", "99.9999", "100",
    ]);
    Discount::Percentage(Rate::parse_percentage(percentage).unwrap())
}

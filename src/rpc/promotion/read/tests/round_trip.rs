//! What is shown can be sent again, and reads the same.

use std::collections::BTreeSet;

use chrono::{DateTime, NaiveTime, TimeDelta, Utc, Weekday};
use proptest::{collection::vec, option, prelude::*, sample::select, strategy::Union};
use uuid::Uuid;

use super::read;
use crate::{
    domain::{
        money::{Amount, Currency, Money, Rate},
        promotion::{
            Action, CartCondition, Condition, Discount, Promotion, PromotionCustomer,
            RedemptionType, Rule, Scope, Strategy as Which,
            items::{ItemsMatcher, NameAndValues},
            notification::{Location, Notification, NotificationType, PLACEHOLDERS},
            schedule::WeeklySchedule,
        },
    },
    rpc::promotion::show,
};

fn money() -> impl Strategy<Value = Money> {
    (1_i64..1_000_000).prop_map(|minor| Money {
        currency: Currency::USD,
        amount: Amount::new(minor),
    })
}

fn ids() -> impl Strategy<Value = BTreeSet<String>> {
    proptest::collection::btree_set("[a-z]{1,3}", 1..4)
}

fn name_and_values() -> impl Strategy<Value = NameAndValues> {
    ("[A-Z][a-z]{1,5}", ids()).prop_map(|(name, values)| NameAndValues { name, values })
}

fn matcher() -> impl Strategy<Value = ItemsMatcher> {
    let variants = proptest::collection::btree_set(("[a-z]{1,3}", "[a-z]{1,3}"), 1..4);
    let leaf = prop_oneof![
        ids().prop_map(ItemsMatcher::Products),
        ids().prop_map(ItemsMatcher::Categories),
        ids().prop_map(ItemsMatcher::Brands),
        variants.prop_map(ItemsMatcher::Variants),
        name_and_values().prop_map(ItemsMatcher::Option),
        name_and_values().prop_map(ItemsMatcher::CustomField),
    ];
    leaf.prop_recursive(2, 10, 3, |inner| {
        let several = || vec(inner.clone(), 1..4);
        prop_oneof![
            several().prop_map(ItemsMatcher::AllOf),
            several().prop_map(ItemsMatcher::AnyOf),
            several().prop_map(ItemsMatcher::NoneOf),
        ]
    })
}

fn items() -> impl Strategy<Value = ItemsMatcher> {
    prop_oneof![Just(ItemsMatcher::All), matcher()]
}

fn condition() -> impl Strategy<Value = Condition> {
    let cart = (items(), 1_u32..9, option::of(money()));
    let leaf = cart.prop_map(|(items, minimum_quantity, minimum_spend)| {
        Condition::Cart(CartCondition {
            items,
            minimum_quantity,
            minimum_spend,
        })
    });
    leaf.prop_recursive(2, 10, 3, |inner| {
        let several = || vec(inner.clone(), 1..4);
        prop_oneof![
            several().prop_map(Condition::AllOf),
            several().prop_map(Condition::AnyOf),
            several().prop_map(Condition::NoneOf),
        ]
    })
}

fn discount() -> impl Strategy<Value = Discount> {
    let percentage = (1_u32..=1_000_000).prop_map(|millionths| {
        let text = format!("{}.{:04}", millionths / 10_000, millionths % 10_000);
        Discount::Percentage(Rate::parse_percentage(&text).unwrap())
    });
    prop_oneof![percentage, money().prop_map(Discount::Fixed)]
}

fn scope() -> impl Strategy<Value = Scope> {
    let strategy = select(vec![
        Which::LeastExpensive,
        Which::LeastExpensiveOnly,
        Which::MostExpensive,
        Which::MostExpensiveOnly,
    ]);
    let scope = (items(), strategy, any::<bool>(), any::<bool>());
    scope.prop_map(
        |(items, strategy, include_considered, exclude_on_sale)| Scope {
            items,
            strategy,
            include_considered,
            exclude_on_sale,
        },
    )
}

fn action() -> impl Strategy<Value = Action> {
    let some_ids = || vec("[a-z]{1,3}", 0..3);
    let maximum = || option::of(money());
    let cart_items = (
        discount(),
        any::<bool>(),
        option::of(1_u32..9),
        scope(),
        maximum(),
    );
    Union::new([
        (discount(), maximum())
            .prop_map(|(discount, maximum)| Action::CartValue { discount, maximum })
            .boxed(),
        cart_items
            .prop_map(
                |(discount, as_total, quantity, scope, maximum)| Action::CartItems {
                    as_total: as_total && matches!(discount, Discount::Fixed(_)),
                    discount,
                    quantity,
                    scope,
                    maximum,
                },
            )
            .boxed(),
        ("[a-z]{1,3}", "[a-z]{0,3}", 1_u32..9_999)
            .prop_map(|(product_id, variant_id, quantity)| Action::GiftItem {
                product_id,
                variant_id,
                quantity,
            })
            .boxed(),
        (1_u32..9, money(), scope())
            .prop_map(|(quantity, price, scope)| Action::FixedPriceSet {
                quantity,
                price,
                scope,
            })
            .boxed(),
        (discount(), some_ids(), some_ids())
            .prop_map(|(discount, zone_ids, method_ids)| Action::Shipping {
                discount,
                zone_ids,
                method_ids,
            })
            .boxed(),
    ])
}

fn rules() -> impl Strategy<Value = Vec<Rule>> {
    let rule = (
        option::of(condition()),
        action(),
        any::<bool>(),
        any::<bool>(),
    );
    let rule = rule.prop_map(|(condition, action, apply_once, stop)| Rule {
        condition,
        action,
        apply_once,
        stop,
    });
    vec(rule, 1..4)
}

fn time() -> impl Strategy<Value = DateTime<Utc>> {
    (0_i64..4_000_000_000).prop_map(|seconds| DateTime::from_timestamp(seconds, 0).unwrap())
}

fn schedule() -> impl Strategy<Value = WeeklySchedule> {
    let time = || {
        let seconds = 0_u32..86_400;
        option::of(
            seconds.prop_map(|n| NaiveTime::from_num_seconds_from_midnight_opt(n, 0).unwrap()),
        )
    };
    let days = vec(
        (0_u8..7).prop_map(|day| Weekday::try_from(day).unwrap()),
        0..7,
    );
    let zone = select(chrono_tz::TZ_VARIANTS.to_vec());
    (days, time(), time(), zone, 1_u32..=52).prop_map(
        |(week_days, start, end, time_zone, week_frequency)| WeeklySchedule {
            week_days,
            start,
            end,
            time_zone,
            week_frequency,
        },
    )
}

fn notification() -> impl Strategy<Value = Notification> {
    let kind = select(vec![
        NotificationType::Upsell,
        NotificationType::Eligible,
        NotificationType::Applied,
    ]);
    let content = select(PLACEHOLDERS.to_vec()).prop_map(|name| format!("more of {{{name}}}"));
    let places = vec![
        Location::HomePage,
        Location::ProductPage,
        Location::CartPage,
        Location::CheckoutPage,
    ];
    let locations = vec(select(places), 0..4);
    (kind, content, locations).prop_map(|(kind, content, locations)| Notification {
        kind,
        content,
        locations,
    })
}

fn customer() -> impl Strategy<Value = PromotionCustomer> {
    let groups = || prop_oneof![Just(BTreeSet::new()), ids()];
    (groups(), any::<bool>(), groups(), 0_u32..=1_000_000).prop_map(
        |(group_ids, ungrouped, excluded_group_ids, minimum_order_count)| PromotionCustomer {
            group_ids,
            ungrouped,
            excluded_group_ids,
            minimum_order_count,
        },
    )
}

prop_compose! {
    fn promotion()(
        names in ("[A-Z][a-z]{1,9}", "[A-Z][a-z]{1,9}"),
        flags in any::<[bool; 4]>(),
        priority in -1_000_000_i32..=1_000_000,
        start in time(),
        end in option::of(1_i64..1_000_000_000),
        schedule in option::of(schedule()),
        lists in (vec("[a-z]{1,3}", 0..3), vec(select(vec!["US", "CA", "NO"]), 0..3)),
        customer in customer(),
        max_uses in option::of(1_i64..=1_000_000_000),
        notifications in vec(notification(), 0..3),
        rules in rules(),
    ) -> Promotion {
        let [enabled, coupon, stop, combinable] = flags;
        let empty = Promotion::new(Uuid::nil(), &names.0, rules, DateTime::UNIX_EPOCH);
        Promotion {
            display_name: names.1,
            redemption: if coupon { RedemptionType::Coupon } else { RedemptionType::Automatic },
            priority,
            enabled,
            start_time: Some(start),
            end_time: end.map(|seconds| start + TimeDelta::seconds(seconds)),
            schedule,
            channel_ids: lists.0,
            customer,
            shipping_country_codes: lists.1.into_iter().map(str::to_owned).collect(),
            max_uses,
            stop,
            combinable,
            notifications,
            version: 0,
            ..empty
        }
    }
}

proptest! {
    #[test]
    fn what_is_shown_reads_as_it_was(promotion in promotion()) {
        prop_assert_eq!(read(show::promotion(&promotion)), Ok(promotion));
    }
}

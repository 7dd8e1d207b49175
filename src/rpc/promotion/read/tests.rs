//! What is wrong with a promotion, and what it defaults to.

use prost_reflect::{DescriptorPool, DynamicMessage};
use serde_json::{Value, json};

use crate::{
    domain::promotion::Promotion,
    rpc::{
        FILE_DESCRIPTOR_SET,
        fields::Fields,
        pb,
        promotion::{FIELDS, show},
    },
};

mod round_trip;

fn read(promotion: pb::Promotion) -> Result<Promotion, Vec<String>> {
    let mut fields = Fields::default();
    let promotion = super::promotion(&mut fields, promotion);
    fields.finish().map(|_| promotion).map_err(|refusal| {
        let violations = refusal.violations.into_iter();
        violations.map(|violation| violation.subject).collect()
    })
}

fn message(json: Value) -> pb::Promotion {
    let pool = DescriptorPool::decode(FILE_DESCRIPTOR_SET).unwrap();
    let descriptor = pool.get_message_by_name("cartwright.v1.Promotion").unwrap();
    let message = DynamicMessage::deserialize(descriptor, json).unwrap();
    message.transcode_to().unwrap()
}

/// A promotion that is good but for what `json` says otherwise.
fn changed(json: &Value) -> pb::Promotion {
    let mut good = json!({ "name": "Good", "rules": [rule(&json!({}))] });
    for (field, value) in json.as_object().unwrap() {
        good[field] = value.clone();
    }
    message(good)
}

fn rule(change: &Value) -> Value {
    let mut good =
        json!({ "action": { "cart_value": { "discount": { "percentage_amount": "10" } } } });
    for (field, value) in change.as_object().unwrap() {
        good[field] = value.clone();
    }
    good
}

#[track_caller]
fn refused(json: &Value, paths: &[&str]) {
    assert_eq!(read(changed(json)).unwrap_err(), paths, "{json}");
}

#[test]
fn what_is_wrong_is_told_by_its_path() {
    let long = "x".repeat(256);
    refused(&json!({ "name": " " }), &["name"]);
    refused(
        &json!({ "name": long, "display_name": long }),
        &["name", "display_name"],
    );
    refused(
        &json!({ "redemption_type": 3, "status": 3 }),
        &["redemption_type", "status"],
    );
    refused(&json!({ "priority": -1_000_001 }), &["priority"]);
    let noon = "2026-11-23T12:00:00Z";
    refused(
        &json!({ "start_time": noon, "end_time": noon }),
        &["end_time"],
    );
    refused(
        &json!({ "channel_ids": [""], "currency_code": "usd" }),
        &["currency_code", "channel_ids[0]"],
    );
    refused(&json!({ "channel_ids": vec!["x"; 501] }), &["channel_ids"]);
    refused(
        &json!({ "shipping_country_codes": ["US", "USA"] }),
        &["shipping_country_codes[1]"],
    );
    for uses in [-1_i64, 1_000_000_001] {
        refused(&json!({ "max_uses": uses }), &["max_uses"]);
    }
    refused(
        &json!({ "customer": { "group_ids": vec!["x"; 501], "excluded_group_ids": [""], "minimum_order_count": -1 } }),
        &[
            "customer.group_ids",
            "customer.excluded_group_ids[0]",
            "customer.minimum_order_count",
        ],
    );
    refused(&json!({ "rules": [] }), &["rules"]);
    refused(&json!({ "rules": vec![rule(&json!({})); 21] }), &["rules"]);
    refused(&json!({ "rules": [{}] }), &["rules[0].action"]);
}

#[test]
fn what_is_wrong_with_a_schedule_is_told() {
    for (schedule, path) in [
        (json!({ "week_days": [0] }), "schedule.week_days[0]"),
        (json!({ "week_days": [1, 8] }), "schedule.week_days[1]"),
        (
            json!({ "week_days": [1, 1, 1, 1, 1, 1, 1, 1] }),
            "schedule.week_days",
        ),
        (
            json!({ "time_zone": "Nowhere/At_All" }),
            "schedule.time_zone",
        ),
        (json!({ "time_zone": "+01:00" }), "schedule.time_zone"),
        (json!({ "week_frequency": -1 }), "schedule.week_frequency"),
        (json!({ "week_frequency": 53 }), "schedule.week_frequency"),
    ] {
        let json = json!({ "schedule": schedule, "start_time": "2026-11-23T12:00:00Z" });
        refused(&json, &[path]);
    }
    refused(
        &json!({ "schedule": { "week_frequency": 2 } }),
        &["schedule.week_frequency"],
    );
    for time in [
        "9:00",
        " 9:00",
        "24:00",
        "09:60",
        "09:00:60",
        "0900",
        "09:00:00:00",
        "09-00",
        "+9:00",
    ] {
        let json = json!({ "schedule": { "daily_start_time": time, "daily_end_time": time } });
        refused(
            &json,
            &["schedule.daily_start_time", "schedule.daily_end_time"],
        );
    }
}

#[test]
fn what_is_wrong_with_a_notification_is_told() {
    let notification = |change: Value| {
        let mut good = json!({ "type": "PROMOTION_NOTIFICATION_TYPE_UPSELL" });
        for (field, value) in change.as_object().unwrap() {
            good[field] = value.clone();
        }
        good
    };
    for (change, path) in [
        (json!({ "type": 0 }), "notifications[0].type"),
        (
            json!({ "content": "x".repeat(1_001) }),
            "notifications[0].content",
        ),
        (
            json!({ "content": "{promotion} {Promotion}" }),
            "notifications[0].content",
        ),
        (json!({ "content": "{}" }), "notifications[0].content"),
        (
            json!({ "locations": [1, 0] }),
            "notifications[0].locations[1]",
        ),
    ] {
        refused(&json!({ "notifications": [notification(change)] }), &[path]);
    }
    refused(
        &json!({ "notifications": vec![notification(json!({})); 13] }),
        &["notifications"],
    );
    for content in [
        "",
        "no { braces",
        "}",
        "{{discount}}",
        "{remaining_spend}\n{currency}",
    ] {
        let good = json!({ "notifications": [notification(json!({ "content": content }))] });
        assert_eq!(
            read(changed(&good)).unwrap().notifications[0].content,
            content
        );
    }
}

#[test]
fn what_is_wrong_with_an_action_is_told() {
    let dollars = |minor: i64| json!({ "currency_code": "USD", "amount_minor": minor });
    let percentage = json!({ "percentage_amount": "10" });
    for (action, paths) in [
        (json!({}), vec![""]),
        (json!({ "cart_value": {} }), vec![".cart_value.discount"]),
        (
            json!({ "cart_value": { "discount": {} } }),
            vec![".cart_value.discount"],
        ),
        (
            json!({ "cart_value": { "discount": { "percentage_amount": "0" } } }),
            vec![".cart_value.discount.percentage_amount"],
        ),
        (
            json!({ "cart_value": { "discount": { "fixed_amount": dollars(0) }, "maximum_discount": dollars(-1) } }),
            vec![
                ".cart_value.discount.fixed_amount.amount_minor",
                ".cart_value.maximum_discount.amount_minor",
            ],
        ),
        (
            json!({ "cart_items": { "discount": percentage, "as_total": true, "quantity": -1, "strategy": 9 } }),
            vec![
                ".cart_items.as_total",
                ".cart_items.quantity",
                ".cart_items.strategy",
            ],
        ),
        (
            json!({ "cart_items": { "discount": percentage, "quantity": 1_000_001, "items": {} } }),
            vec![".cart_items.quantity", ".cart_items.items"],
        ),
        (
            json!({ "gift_item": { "quantity": 10_000 } }),
            vec![".gift_item.quantity", ".gift_item.product_id"],
        ),
        (
            json!({ "fixed_price_set": {} }),
            vec![".fixed_price_set.fixed_price", ".fixed_price_set.quantity"],
        ),
        (json!({ "shipping": {} }), vec![".shipping.discount"]),
        (
            json!({ "shipping": { "free_shipping": true, "discount": percentage } }),
            vec![".shipping.discount"],
        ),
        (
            json!({ "shipping": { "free_shipping": true, "shipping_zone_ids": [""], "shipping_method_ids": vec!["x"; 501] } }),
            vec![
                ".shipping.shipping_zone_ids[0]",
                ".shipping.shipping_method_ids",
            ],
        ),
    ] {
        let paths: Vec<_> = paths
            .iter()
            .map(|path| format!("rules[0].action{path}"))
            .collect();
        let paths: Vec<_> = paths.iter().map(String::as_str).collect();
        refused(
            &json!({ "rules": [rule(&json!({ "action": action }))] }),
            &paths,
        );
    }
}

#[test]
fn what_is_wrong_with_a_condition_is_told() {
    for (condition, path) in [
        (json!({}), ""),
        (
            json!({ "cart": { "minimum_quantity": -1 } }),
            ".cart.minimum_quantity",
        ),
        (
            json!({ "cart": { "minimum_quantity": 1_000_001 } }),
            ".cart.minimum_quantity",
        ),
        (
            json!({ "cart": { "minimum_spend": { "currency_code": "USD", "amount_minor": -1 } } }),
            ".cart.minimum_spend.amount_minor",
        ),
        (json!({ "none_of": {} }), ".none_of.conditions"),
        (
            json!({ "any_of": { "conditions": [{ "cart": {} }, {}] } }),
            ".any_of.conditions[1]",
        ),
    ] {
        let path = format!("rules[0].condition{path}");
        refused(
            &json!({ "rules": [rule(&json!({ "condition": condition }))] }),
            &[&path],
        );
    }
    for (items, path) in [
        (json!({ "products": {} }), ".products.ids"),
        (
            json!({ "products": { "ids": vec!["x"; 1_001] } }),
            ".products.ids",
        ),
        (json!({ "brands": { "ids": [""] } }), ".brands.ids[0]"),
        (
            json!({ "variants": { "variants": [{ "product_id": "mug" }] } }),
            ".variants.variants[0].variant_id",
        ),
        (
            json!({ "product_option": { "name": "Size", "values": vec!["x"; 101] } }),
            ".product_option.values",
        ),
        (
            json!({ "product_custom_field": { "values": ["Oak"] } }),
            ".product_custom_field.name",
        ),
        (json!({ "any_of": {} }), ".any_of.matchers"),
        (
            json!({ "all_of": { "matchers": [{}] } }),
            ".all_of.matchers[0]",
        ),
    ] {
        let path = format!("rules[0].condition.cart.items{path}");
        let condition = json!({ "cart": { "items": items } });
        refused(
            &json!({ "rules": [rule(&json!({ "condition": condition }))] }),
            &[&path],
        );
    }
}

#[test]
fn conditions_and_matchers_are_few_and_not_deep() {
    let with = |condition: &Value| json!({ "rules": [rule(&json!({ "condition": condition }))] });
    let nested = |leaf: Value, list: &str, depth: usize| {
        (1..depth).fold(leaf, |inner, _| json!({ "all_of": { list: [inner] } }))
    };
    let path = |list: &str, depth: usize| format!(".all_of.{list}[0]").repeat(depth) + ".all_of";
    let condition = |depth| nested(json!({ "cart": {} }), "conditions", depth);
    assert!(read(changed(&with(&condition(5)))).is_ok());
    let too_deep = format!("rules[0].condition{}", path("conditions", 4));
    refused(&with(&condition(6)), &[&too_deep]);
    let wide = |count| json!({ "any_of": { "conditions": vec![json!({ "cart": {} }); count] } });
    assert!(read(changed(&with(&wide(49)))).is_ok());
    refused(&with(&wide(50)), &["rules[0].condition"]);

    let items = |items: Value| with(&json!({ "cart": { "items": items } }));
    let mug = json!({ "products": { "ids": ["mug"] } });
    let matcher = |depth| nested(mug.clone(), "matchers", depth);
    assert!(read(changed(&items(matcher(5)))).is_ok());
    let too_deep = format!("rules[0].condition.cart.items{}", path("matchers", 4));
    refused(&items(matcher(6)), &[&too_deep]);
    let wide = |count| json!({ "none_of": { "matchers": vec![mug.clone(); count] } });
    assert!(read(changed(&items(wide(49)))).is_ok());
    refused(&items(wide(50)), &["rules[0].condition.cart.items"]);
}

#[test]
fn ids_are_sorted_and_once() {
    let items = json!({ "any_of": { "matchers": [
        { "products": { "ids": ["mug", "cap", "mug"] } },
        { "product_option": { "name": "Size", "values": ["S", "L", "S"] } },
    ] } });
    let condition = json!({ "cart": { "items": items } });
    let read = read(changed(
        &json!({ "rules": [rule(&json!({ "condition": condition }))] }),
    ));
    let shown = show::promotion(&read.unwrap());
    let sorted = json!({ "any_of": { "matchers": [
        { "products": { "ids": ["cap", "mug"] } },
        { "product_option": { "name": "Size", "values": ["L", "S"] } },
    ] } });
    let condition = json!({ "cart": { "items": sorted, "minimum_quantity": 1 } });
    let rule = rule(&json!({ "condition": condition, "apply_once": true }));
    assert_eq!(shown.rules, message(json!({ "rules": [rule] })).rules);
}

#[test]
fn every_field_that_is_the_callers_to_say_can_be_replaced() {
    let pool = DescriptorPool::decode(FILE_DESCRIPTOR_SET).unwrap();
    let message = pool.get_message_by_name("cartwright.v1.Promotion").unwrap();
    let fields = message.fields().map(|field| field.name().to_owned());
    let not_his = [
        "id",
        "redemption_type",
        "coupon_type",
        "current_uses",
        "version",
        "create_time",
        "update_time",
    ];
    let his: Vec<_> = fields
        .filter(|name| !not_his.contains(&name.as_str()))
        .collect();
    assert_eq!(his, FIELDS);
}

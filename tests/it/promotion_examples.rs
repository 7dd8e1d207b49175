//! The promotions by which BigCommerce documents its API, as promotions of Cartwright: each can be said, and is shown
//! as it was said.
#![expect(
    clippy::needless_pass_by_value,
    reason = "examples are put together of parts that are used once"
)]

use cartwright::rpc::pb;
use serde_json::{Value, json};

use crate::harness::{
    api::{Api, call, on_every_backend},
    promotion::promotion,
};

on_every_backend!(
    examples_with_brands,
    examples_with_categories,
    examples_with_customers,
    examples_with_logic,
    examples_with_several_rules,
    examples_with_orders_and_products,
    examples_with_shipping,
);

fn usd(minor: i64) -> Value {
    json!({ "currency_code": "USD", "amount_minor": minor })
}

fn ids(kind: &str, ids: &[&str]) -> Value {
    json!({ kind: { "ids": ids } })
}

fn none_of(matcher: Value) -> Value {
    json!({ "none_of": { "matchers": [matcher] } })
}

fn all_of(matchers: &[Value]) -> Value {
    json!({ "all_of": { "matchers": matchers } })
}

fn any_of(matchers: &[Value]) -> Value {
    json!({ "any_of": { "matchers": matchers } })
}

fn variant(product_id: &str, variant_id: &str) -> Value {
    let variant = json!({ "product_id": product_id, "variant_id": variant_id });
    json!({ "variants": { "variants": [variant] } })
}

fn option(name: &str, values: &[&str]) -> Value {
    json!({ "product_option": { "name": name, "values": values } })
}

fn percent(percentage: &str) -> Value {
    json!({ "percentage_amount": percentage })
}

fn fixed(minor: i64) -> Value {
    json!({ "fixed_amount": usd(minor) })
}

/// So many of these.
fn units(items: Value, quantity: i32) -> Value {
    json!({ "cart": { "items": items, "minimum_quantity": quantity } })
}

/// Goods for so much.
fn spend(minor: i64) -> Value {
    json!({ "cart": { "minimum_quantity": 1, "minimum_spend": usd(minor) } })
}

/// These goods for so much.
fn spend_on(items: Value, minor: i64) -> Value {
    json!({ "cart": { "items": items, "minimum_quantity": 1, "minimum_spend": usd(minor) } })
}

fn off_cart(discount: Value) -> Value {
    json!({ "cart_value": { "discount": discount } })
}

/// A discount on so many of these items, 0 being all.
fn off_items(discount: Value, items: Value, quantity: i32) -> Value {
    json!({ "cart_items": {
        "discount": discount,
        "items": items,
        "quantity": quantity,
        "strategy": "ITEM_STRATEGY_LEAST_EXPENSIVE",
    } })
}

/// The same, with the units that satisfied the condition.
fn off_these(discount: Value, items: Value, quantity: i32, strategy: &str) -> Value {
    let mut action = off_items(discount, items, quantity);
    action["cart_items"]["include_items_considered_by_condition"] = true.into();
    action["cart_items"]["strategy"] = format!("ITEM_STRATEGY_{strategy}").into();
    action
}

fn free_shipping(zones: &[&str]) -> Value {
    json!({ "shipping": { "free_shipping": true, "shipping_zone_ids": zones } })
}

fn gift(product_id: &str, variant_id: &str) -> Value {
    json!({ "gift_item": { "product_id": product_id, "variant_id": variant_id, "quantity": 1 } })
}

fn always(action: Value) -> Value {
    json!({ "action": action, "apply_once": true })
}

fn once(condition: Value, action: Value) -> Value {
    json!({ "condition": condition, "action": action, "apply_once": true })
}

fn often(condition: Value, action: Value) -> Value {
    json!({ "condition": condition, "action": action, "apply_once": false })
}

/// A rule after which no further one is tried.
fn last(mut rule: Value) -> Value {
    rule["stop"] = true.into();
    rule
}

/// Creates each promotion, reads it, and sends what was read again.
async fn are_shown_as_said(api: &Api, examples: Vec<(&str, Value)>) {
    for (name, rules) in examples {
        is_shown_as_said(api, promotion(json!({ "name": name, "rules": rules }))).await;
    }
}

async fn is_shown_as_said(api: &Api, said: pb::Promotion) {
    let request = pb::CreatePromotionRequest {
        promotion: Some(said.clone()),
        ..Default::default()
    };
    let created = call!(api.promotions, create_promotion, request);
    let created = created.unwrap_or_else(|status| panic!("{}: {status:?}", said.name));
    let request = pb::GetPromotionRequest {
        promotion_id: created.promotion.unwrap().id,
    };
    let got = call!(api.promotions, get_promotion, request).unwrap();
    let shown = got.promotion.unwrap();
    assert_eq!(shown.rules, said.rules, "{}", said.name);
    assert_eq!(shown.customer, said.customer);
    assert_eq!(shown.notifications, said.notifications);
    let request = pb::UpdatePromotionRequest {
        promotion: Some(shown.clone()),
        ..Default::default()
    };
    let updated = call!(api.promotions, update_promotion, request).unwrap();
    let updated = updated.promotion.unwrap();
    let expected = pb::Promotion {
        version: 2,
        update_time: updated.update_time,
        ..shown
    };
    assert_eq!(updated, expected);
}

async fn examples_with_brands(api: Api) {
    let brand = || ids("brands", &["36"]);
    let two = || units(brand(), 2);
    let some_but_not = all_of(&[
        ids("brands", &["37", "41", "44", "45"]),
        none_of(ids("categories", &["19"])),
    ]);
    let free_from_100 = once(
        spend_on(ids("brands", &["37"]), 10_000),
        free_shipping(&["1", "3"]),
    );
    let notification = |kind: &str| {
        json!({
            "type": format!("PROMOTION_NOTIFICATION_TYPE_{kind}"),
            "content": "",
            "locations": ["PROMOTION_NOTIFICATION_LOCATION_CART_PAGE"],
        })
    };
    let with_notifications = promotion(json!({
        "name": "free shipping to zones for a brand from 100.00",
        "rules": [free_from_100],
        "notifications": [notification("UPSELL"), notification("ELIGIBLE"), notification("APPLIED")],
    }));
    is_shown_as_said(&api, with_notifications).await;
    are_shown_as_said(
        &api,
        vec![
            (
                "15 % off brands, but not in a category",
                json!([always(off_items(percent("15"), some_but_not, 0))]),
            ),
            (
                "for 200.00 of a brand, 10 % off the brand",
                json!([once(
                    spend_on(brand(), 20_000),
                    off_these(percent("10"), brand(), 0, "LEAST_EXPENSIVE"),
                )]),
            ),
            (
                "two of a brand, the cheaper one free",
                json!([often(
                    two(),
                    off_these(percent("100"), brand(), 1, "LEAST_EXPENSIVE")
                )]),
            ),
            (
                "two of a brand, the dearer one for half",
                json!([often(
                    two(),
                    off_these(percent("50"), brand(), 1, "MOST_EXPENSIVE")
                )]),
            ),
            (
                "two of a brand, 50.00 off the dearer one",
                json!([often(
                    two(),
                    off_these(fixed(5_000), brand(), 1, "MOST_EXPENSIVE")
                )]),
            ),
            (
                "for 200.00 of a brand, a gift",
                json!([often(spend_on(brand(), 20_000), gift("107", ""))]),
            ),
        ],
    )
    .await;
}

async fn examples_with_categories(api: Api) {
    let category = |id: &str| ids("categories", &[id]);
    let mut not_on_sale = off_items(fixed(2_000), category("19"), 0);
    not_on_sale["cart_items"]["exclude_items_on_sale"] = true.into();
    let free = |items: Value| off_items(percent("100"), items, 1);
    are_shown_as_said(
        &api,
        vec![
            (
                "20.00 off each item of a category",
                json!([always(off_items(fixed(2_000), category("19"), 0))]),
            ),
            (
                "20.00 off each item of a category that is not on sale",
                json!([always(not_on_sale)]),
            ),
            (
                "one of a category, another one of equal or lesser value free",
                json!([once(units(category("23"), 1), free(category("23")))]),
            ),
            (
                "three of a category for the price of two",
                json!([often(units(category("21"), 2), free(category("21")))]),
            ),
            (
                "a product or a category, 10.00 off another category",
                json!([once(
                    units(any_of(&[category("1"), ids("products", &["1"])]), 1),
                    off_items(fixed(1_000), category("31"), 0),
                )]),
            ),
            (
                "three of a category, one of another free",
                json!([often(units(category("18"), 3), free(category("19")))]),
            ),
            (
                "for 300.00 of a category, a product free",
                json!([often(
                    spend_on(category("19"), 30_000),
                    free(ids("products", &["81"]))
                )]),
            ),
        ],
    )
    .await;
}

async fn examples_with_customers(api: Api) {
    for (name, customer, percentage) in [
        ("VIP customers", json!({ "group_ids": ["1"] }), "10"),
        (
            "all but VIP customers",
            json!({ "excluded_group_ids": ["1"] }),
            "5",
        ),
        (
            "guests and those of no group",
            json!({ "ungrouped": true }),
            "3",
        ),
        (
            "customers of ten orders",
            json!({ "minimum_order_count": 10 }),
            "10",
        ),
    ] {
        let example = promotion(json!({
            "name": name,
            "customer": customer,
            "rules": [always(off_cart(percent(percentage)))],
        }));
        is_shown_as_said(&api, example).await;
    }
}

async fn examples_with_logic(api: Api) {
    let (product, variant) = (ids("products", &["97"]), variant("118", "12"));
    let either = |one: Value, other: Value| json!({ "any_of": { "conditions": [one, other] } });
    let both = all_of(&[ids("brands", &["1"]), ids("categories", &["1"])]);
    let but_new = all_of(&[
        ids("brands", &["2"]),
        ids("categories", &["2"]),
        none_of(ids("categories", &["3"])),
    ]);
    are_shown_as_said(
        &api,
        vec![
            (
                "two of a product or two of a variant",
                json!([once(
                    either(units(product.clone(), 2), units(variant.clone(), 2)),
                    off_cart(fixed(1_000)),
                )]),
            ),
            (
                "two of a product and a variant together",
                json!([once(
                    units(any_of(&[product.clone(), variant.clone()]), 2),
                    off_cart(fixed(1_000)),
                )]),
            ),
            (
                "50.00 off for two of a product or one of a variant",
                json!([once(
                    either(units(product, 2), units(variant, 1)),
                    off_cart(fixed(5_000)),
                )]),
            ),
            (
                "20 % off a category but a product",
                json!([often(
                    units(ids("categories", &["21"]), 1),
                    off_these(
                        percent("20"),
                        all_of(&[
                            ids("categories", &["21"]),
                            none_of(ids("products", &["86"])),
                        ]),
                        0,
                        "LEAST_EXPENSIVE",
                    ),
                )]),
            ),
            (
                "20 % off one brand's category, and another's but for what is new",
                json!([always(off_items(
                    percent("20"),
                    any_of(&[both, but_new]),
                    0
                ))]),
            ),
            (
                "10 % off all but two products and a category",
                json!([always(off_items(
                    percent("10"),
                    all_of(&[
                        none_of(ids("products", &["86", "88"])),
                        none_of(ids("categories", &["19"])),
                    ]),
                    0,
                ))]),
            ),
            (
                "10 % off all but three brands",
                json!([always(off_items(
                    percent("10"),
                    none_of(ids("brands", &["35", "36", "37"])),
                    0,
                ))]),
            ),
        ],
    )
    .await;
}

async fn examples_with_several_rules(api: Api) {
    let category = || ids("categories", &["23"]);
    let tier = |spent, off| last(once(spend(spent), off_cart(fixed(off))));
    let quantity_tier = |quantity, off| {
        let mut action = off_these(fixed(off), category(), 0, "LEAST_EXPENSIVE");
        action["cart_items"]["as_total"] = true.into();
        last(once(units(category(), quantity), action))
    };
    let two = || units(ids("products", &["100"]), 2);
    are_shown_as_said(
        &api,
        vec![
            (
                "the more is spent, the more is off",
                json!([
                    tier(17_500, 4_500),
                    tier(15_000, 3_000),
                    tier(10_000, 1_500)
                ]),
            ),
            (
                "the more of a category, the more is off them together",
                json!([
                    quantity_tier(4, 2_000),
                    quantity_tier(3, 1_500),
                    quantity_tier(2, 1_000)
                ]),
            ),
            (
                "50 % off a category and 40 % off all else",
                json!([
                    always(off_items(percent("50"), category(), 0)),
                    always(off_items(percent("40"), none_of(category()), 0)),
                ]),
            ),
            (
                "two of a product, free shipping and 10 % off the order",
                json!([
                    once(two(), free_shipping(&[])),
                    once(two(), off_cart(percent("10"))),
                ]),
            ),
        ],
    )
    .await;
}

async fn examples_with_orders_and_products(api: Api) {
    let product = || ids("products", &["81"]);
    let mut dearest = off_items(percent("20"), Value::Null, 1);
    dearest["cart_items"]["strategy"] = "ITEM_STRATEGY_MOST_EXPENSIVE".into();
    let set = json!({ "fixed_price_set": {
        "quantity": 3,
        "fixed_price": usd(5_000),
        "items": product(),
        "strategy": "ITEM_STRATEGY_LEAST_EXPENSIVE",
    } });
    are_shown_as_said(
        &api,
        vec![
            (
                "20.00 off from 200.00",
                json!([last(once(spend(20_000), off_cart(fixed(2_000))))]),
            ),
            (
                "a gift from 200.00",
                json!([once(spend(20_000), gift("175", ""))]),
            ),
            ("20 % off the dearest item", json!([always(dearest)])),
            (
                "one bought, one given",
                json!([often(units(product(), 1), gift("81", ""))]),
            ),
            (
                "two of a variant bought, one of another given",
                json!([often(units(variant("80", "421"), 2), gift("80", "471"))]),
            ),
            (
                "one product bought, another for 10 % less",
                json!([often(
                    units(ids("products", &["80"]), 1),
                    off_items(percent("10"), product(), 1),
                )]),
            ),
            (
                "10 % off a product from 100.00",
                json!([once(spend(10_000), off_items(percent("10"), product(), 1))]),
            ),
            (
                "50.00 off each of a product",
                json!([often(
                    units(product(), 1),
                    off_these(fixed(5_000), product(), 1, "LEAST_EXPENSIVE"),
                )]),
            ),
            (
                "three for 50.00",
                json!([{ "action": set, "apply_once": false }]),
            ),
        ],
    )
    .await;
}

async fn examples_with_shipping(api: Api) {
    let sizes = || option("Size", &["M", "XS"]);
    let two = |items: Value| units(items, 2);
    are_shown_as_said(
        &api,
        vec![
            (
                "two of a product and two of a variant, free shipping",
                json!([once(
                    json!({ "all_of": { "conditions": [
                        two(ids("products", &["97"])),
                        two(variant("118", "12")),
                    ] } }),
                    free_shipping(&[]),
                )]),
            ),
            (
                "a product, free shipping to zones",
                json!([once(
                    units(ids("products", &["163"]), 1),
                    free_shipping(&["2", "3"]),
                )]),
            ),
            (
                "something of a size, free shipping",
                json!([once(units(sizes(), 1), free_shipping(&["1"]))]),
            ),
            (
                "something blue of a size, free shipping",
                json!([once(
                    units(all_of(&[sizes(), option("Color", &["Blue"])]), 1),
                    free_shipping(&["1"]),
                )]),
            ),
        ],
    )
    .await;
}

//! `PromotionService`: promotions.

use cartwright::rpc::pb::{self, PromotionStatus, RedemptionType};
use serde_json::json;
use tonic::Code;
use uuid::Uuid;

use crate::harness::{
    PATIENCE,
    api::{
        Api, bad_fields, call, item, minor, on_every_backend, percentage_coupon, products, refused,
        usd,
    },
    promotion::{full_promotion, promotion, ten_percent},
};

on_every_backend!(
    a_promotion_is_created_once,
    defaults_are_shown,
    an_automatic_promotion_applies_on_every_replica,
    promotions_are_listed_by_type_and_status,
    what_is_wrong_is_told_by_its_path,
    amounts_are_in_one_currency,
    a_classic_coupon_shows_its_rule,
    a_deleted_promotion_is_gone,
    products_have_custom_fields,
);

/// As it is answered when it was created: with what Cartwright adds.
fn with_what_is_added(given: pb::Promotion, answered: &pb::Promotion) -> pb::Promotion {
    pb::Promotion {
        id: answered.id.clone(),
        version: answered.version,
        create_time: answered.create_time,
        update_time: answered.update_time,
        ..given
    }
}

async fn a_promotion_is_created_once(api: Api) {
    let request = pb::CreatePromotionRequest {
        promotion: Some(full_promotion()),
        request_id: Uuid::from_u128(71).to_string(),
    };
    let create = async || {
        let created = call!(api.promotions, create_promotion, request.clone()).unwrap();
        created.promotion.unwrap()
    };
    let created = create().await;
    assert_eq!(created, with_what_is_added(full_promotion(), &created));
    assert_eq!((created.version, created.current_uses), (1, 0));
    assert_eq!(created.create_time, created.update_time);
    assert_eq!(create().await, created);
    assert_eq!(api.get_promotion(&created.id).await.unwrap(), created);
    let list = pb::ListPromotionsRequest::default();
    let listed = call!(api.promotions, list_promotions, list).unwrap();
    assert_eq!(listed.promotions, [created]);
    let other = pb::CreatePromotionRequest {
        promotion: Some(ten_percent("Other")),
        ..request
    };
    let answer = call!(api.promotions, create_promotion, other);
    refused(answer, Code::InvalidArgument, "REQUEST_ID_REUSED");
}

async fn defaults_are_shown(api: Api) {
    let created = api.create_promotion(ten_percent("Ten")).await.unwrap();
    let expected = promotion(json!({
        "name": "Ten",
        "display_name": "Ten",
        "redemption_type": "REDEMPTION_TYPE_AUTOMATIC",
        "status": "PROMOTION_STATUS_ENABLED",
        "can_be_used_with_other_promotions": true,
        "rules": [{
            "action": { "cart_items": {
                "discount": { "percentage_amount": "10" },
                "strategy": "ITEM_STRATEGY_LEAST_EXPENSIVE",
            } },
            "apply_once": true,
        }],
    }));
    assert_eq!(created, with_what_is_added(expected, &created));

    let shipping = promotion(json!({
        "name": "Two gifts",
        "schedule": {},
        "rules": [{
            "condition": { "cart": {} },
            "action": { "gift_item": { "product_id": "mug" } },
        }, {
            "action": { "shipping": { "discount": {
                "fixed_amount": { "currency_code": "EUR", "amount_minor": 100 },
            } } },
        }],
    }));
    let created = api.create_promotion(shipping).await.unwrap();
    let schedule = created.schedule.unwrap();
    assert_eq!(
        (schedule.time_zone.as_str(), schedule.week_frequency),
        ("UTC", 1)
    );
    assert_eq!(created.currency_code, "EUR");
    let rules = promotion(json!({ "rules": [{
        "condition": { "cart": { "minimum_quantity": 1 } },
        "action": { "gift_item": { "product_id": "mug", "quantity": 1 } },
        "apply_once": true,
    }] }))
    .rules;
    assert_eq!(created.rules[0], rules[0]);
}

async fn an_automatic_promotion_applies_on_every_replica(api: Api) {
    let other = api.server.replica().await;
    let elsewhere = pb::cart_service_client::CartServiceClient::new(other.channel());
    let request = || pb::CreateCartRequest {
        line_items: vec![item("poster", 1)],
        ..Default::default()
    };
    let price = |answer: pb::CreateCartResponse| {
        minor(&answer.cart.unwrap().line_items[0].extended_sale_price)
    };
    let here = async || price(call!(api.carts, create_cart, request()).unwrap());
    let there = async |expected| {
        let start = std::time::Instant::now();
        while price(call!(elsewhere, create_cart, request()).unwrap()) != expected {
            assert!(start.elapsed() < PATIENCE);
            tokio::time::sleep(std::time::Duration::from_millis(100)).await;
        }
    };
    assert_eq!(here().await, 3195);
    let created = api.create_promotion(ten_percent("Ten")).await.unwrap();
    assert_eq!(here().await, 2875);
    there(2875).await;
    let disabled = pb::Promotion {
        status: PromotionStatus::Disabled.into(),
        ..created
    };
    api.update_promotion(disabled, &["status"]).await.unwrap();
    assert_eq!(here().await, 3195);
    there(3195).await;
}

async fn promotions_are_listed_by_type_and_status(api: Api) {
    for (name, disabled) in [("A", false), ("B", true), ("C", false)] {
        let status = if disabled {
            PromotionStatus::Disabled
        } else {
            PromotionStatus::Enabled
        };
        let promotion = pb::Promotion {
            status: status.into(),
            ..ten_percent(name)
        };
        api.create_promotion(promotion).await.unwrap();
    }
    api.coupon(percentage_coupon("D", "10")).await;
    let names = async |redemption_type: RedemptionType, status: PromotionStatus| {
        let mut request = pb::ListPromotionsRequest {
            page_size: 1,
            redemption_type: redemption_type.into(),
            status: status.into(),
            ..Default::default()
        };
        let mut names = String::new();
        loop {
            let page = call!(api.promotions, list_promotions, request.clone()).unwrap();
            names.extend(page.promotions.into_iter().map(|promotion| promotion.name));
            request.page_token = page.next_page_token;
            if request.page_token.is_empty() {
                return names;
            }
        }
    };
    use PromotionStatus::{Disabled, Enabled, Unspecified as AnyStatus};
    use RedemptionType::{Automatic, Coupon, Unspecified as AnyType};
    assert_eq!(names(AnyType, AnyStatus).await, "DCBA");
    assert_eq!(names(Automatic, AnyStatus).await, "CBA");
    assert_eq!(names(Automatic, Enabled).await, "CA");
    assert_eq!(names(AnyType, Disabled).await, "B");
    assert_eq!(names(Coupon, AnyStatus).await, "D");
    let bad = pb::ListPromotionsRequest {
        redemption_type: 9,
        status: 9,
        ..Default::default()
    };
    let fields = bad_fields(call!(api.promotions, list_promotions, bad));
    assert_eq!(fields, ["redemption_type", "status"]);
}

/// Every single limit is in the unit tests of `rpc/promotion`.
async fn what_is_wrong_is_told_by_its_path(api: Api) {
    let request = pb::CreatePromotionRequest::default();
    let answer = call!(api.promotions, create_promotion, request);
    assert_eq!(bad_fields(answer), ["promotion"]);
    let request = pb::UpdatePromotionRequest::default();
    let answer = call!(api.promotions, update_promotion, request);
    assert_eq!(bad_fields(answer), ["promotion"]);
    let bad = promotion(json!({
        "priority": 1_000_001,
        "customer": { "group_ids": ["vip", ""] },
        "notifications": [{
            "type": "PROMOTION_NOTIFICATION_TYPE_APPLIED",
            "content": "{discount} off, {nonsense} more",
        }],
        "rules": [{
            "condition": { "all_of": { "conditions": [
                { "cart": {} },
                { "cart": { "items": { "products": { "ids": ["mug", ""] } } } },
            ] } },
            "action": { "cart_items": { "discount": { "percentage_amount": "100.1" } } },
        }, {}],
    }));
    let fields = [
        "promotion.name",
        "promotion.rules[0].condition.all_of.conditions[1].cart.items.products.ids[1]",
        "promotion.rules[0].action.cart_items.discount.percentage_amount",
        "promotion.rules[1].action",
        "promotion.priority",
        "promotion.customer.group_ids[1]",
        "promotion.notifications[0].content",
    ];
    assert_eq!(bad_fields(api.create_promotion(bad.clone()).await), fields);
    let created = api.create_promotion(ten_percent("Ten")).await.unwrap();
    let bad = pb::Promotion {
        id: created.id.clone(),
        ..bad
    };
    assert_eq!(bad_fields(api.update_promotion(bad, &[]).await), fields);
    assert_eq!(api.get_promotion(&created.id).await.unwrap(), created);
}

async fn amounts_are_in_one_currency(api: Api) {
    let mixed = promotion(json!({
        "name": "Mixed",
        "rules": [{
            "condition": { "cart": { "minimum_spend": { "currency_code": "USD", "amount_minor": 1 } } },
            "action": { "cart_value": { "discount": {
                "fixed_amount": { "currency_code": "EUR", "amount_minor": 1 },
            } } },
        }],
    }));
    let refusal = refused(
        api.create_promotion(mixed.clone()).await,
        Code::InvalidArgument,
        "CURRENCY_MISMATCH",
    );
    let metadata = &refusal.error_info().unwrap().metadata;
    assert_eq!(metadata["currency_code"], "EUR");
    assert_eq!(metadata["expected_currency_code"], "USD");
    let field = "promotion.rules[0].action.cart_value.discount.fixed_amount.currency_code";
    assert_eq!(
        bad_fields(api.create_promotion(mixed.clone()).await),
        [field]
    );
    let euros = pb::Promotion {
        currency_code: "EUR".into(),
        ..mixed
    };
    let field = "promotion.rules[0].condition.cart.minimum_spend.currency_code";
    assert_eq!(bad_fields(api.create_promotion(euros).await), [field]);
}

async fn a_classic_coupon_shows_its_rule(api: Api) {
    let coupon = |kind: pb::CouponType| pb::CreateCouponRequest {
        code: kind.as_str_name().into(),
        r#type: kind.into(),
        ..Default::default()
    };
    let on_items = |discount: serde_json::Value, as_total: bool| {
        json!({ "cart_items": {
            "discount": discount,
            "as_total": as_total,
            "strategy": "ITEM_STRATEGY_LEAST_EXPENSIVE",
            "include_items_considered_by_condition": true,
        } })
    };
    let five = json!({ "fixed_amount": { "currency_code": "USD", "amount_minor": 500 } });
    use pb::CouponType::{
        FreeShipping, PerItemDiscount, PerTotalDiscount, PercentageDiscount, ShippingDiscount,
    };
    for (request, action) in [
        (
            pb::CreateCouponRequest {
                amount: usd(500),
                ..coupon(PerItemDiscount)
            },
            on_items(five.clone(), false),
        ),
        (
            pb::CreateCouponRequest {
                percentage: "33.3333".into(),
                ..coupon(PercentageDiscount)
            },
            on_items(json!({ "percentage_amount": "33.3333" }), false),
        ),
        (
            pb::CreateCouponRequest {
                amount: usd(500),
                ..coupon(PerTotalDiscount)
            },
            on_items(five.clone(), true),
        ),
        (
            pb::CreateCouponRequest {
                amount: usd(500),
                ..coupon(ShippingDiscount)
            },
            json!({ "shipping": { "discount": five } }),
        ),
        (
            pb::CreateCouponRequest {
                shipping_method_ids: vec!["us-ground".into()],
                ..coupon(FreeShipping)
            },
            json!({ "shipping": { "free_shipping": true, "shipping_method_ids": ["us-ground"] } }),
        ),
    ] {
        let created = api.coupon(request.clone()).await.promotion.unwrap();
        let shown = api.get_promotion(&created.id).await.unwrap();
        assert_eq!(shown, created);
        assert_eq!(shown.coupon_type, request.r#type);
        assert_eq!(shown.redemption_type(), RedemptionType::Coupon);
        let rule = json!({ "rules": [{ "action": action, "apply_once": true }] });
        assert_eq!(shown.rules, promotion(rule).rules);
        let same = api.update_promotion(shown.clone(), &[]).await.unwrap();
        assert_eq!(
            (same.rules, same.coupon_type),
            (shown.rules, shown.coupon_type)
        );
    }

    let scoped = api.coupon(pb::CreateCouponRequest {
        code: "SCOPED".into(),
        minimum_purchase: usd(2_000),
        applies_to_product_ids: vec!["mug".into()],
        applies_to_category_ids: vec!["prints".into()],
        excluded_product_ids: vec!["poster".into()],
        ..percentage_coupon("SCOPED", "5")
    });
    let expected = promotion(json!({ "rules": [{
        "condition": { "cart": {
            "minimum_quantity": 1,
            "minimum_spend": { "currency_code": "USD", "amount_minor": 2000 },
        } },
        "action": { "cart_items": {
            "discount": { "percentage_amount": "5" },
            "items": { "all_of": { "matchers": [
                { "any_of": { "matchers": [
                    { "products": { "ids": ["mug"] } },
                    { "categories": { "ids": ["prints"] } },
                ] } },
                { "none_of": { "matchers": [{ "products": { "ids": ["poster"] } }] } },
            ] } },
            "strategy": "ITEM_STRATEGY_LEAST_EXPENSIVE",
            "include_items_considered_by_condition": true,
        } },
        "apply_once": true,
    }] }));
    let scoped = scoped.await.promotion.unwrap();
    assert_eq!(scoped.rules, expected.rules);
    assert_eq!(scoped.currency_code, "USD");
}

async fn a_deleted_promotion_is_gone(api: Api) {
    let created = api.create_promotion(ten_percent("Ten")).await.unwrap();
    let delete = pb::DeletePromotionRequest {
        promotion_id: created.id.clone(),
        request_id: Uuid::from_u128(73).to_string(),
    };
    for _ in 0..2 {
        call!(api.promotions, delete_promotion, delete.clone()).unwrap();
    }
    let gone = api.get_promotion(&created.id).await;
    refused(gone, Code::NotFound, "PROMOTION_NOT_FOUND");
    let answer = api.update_promotion(created, &["name"]).await;
    refused(answer, Code::NotFound, "PROMOTION_NOT_FOUND");
    // Carts go on without it.
    api.cart(vec![item("poster", 1)]).await;
}

async fn products_have_custom_fields(api: Api) {
    let field = |name: &str, value: &str| pb::ProductCustomField {
        name: name.into(),
        value: value.into(),
    };
    let product = pb::Product {
        custom_fields: vec![field("Material", "Oak"), field("Origin", "")],
        ..products().remove(0)
    };
    let upsert = async |product: pb::Product| {
        let request = pb::UpsertProductsRequest {
            products: vec![product],
            ..Default::default()
        };
        call!(api.catalog, upsert_products, request)
    };
    upsert(product.clone()).await.unwrap();
    let get = pb::GetProductRequest {
        product_id: product.id.clone(),
    };
    let found = call!(api.catalog, get_product, get).unwrap();
    assert_eq!(found.product.unwrap().custom_fields, product.custom_fields);
    for (custom_fields, path) in [
        (vec![field("", "Oak")], "products[0].custom_fields[0].name"),
        (
            vec![field("Material", &"x".repeat(256))],
            "products[0].custom_fields[0].value",
        ),
        (
            vec![field("Material", "Oak"); 51],
            "products[0].custom_fields",
        ),
    ] {
        let product = pb::Product {
            custom_fields,
            ..product.clone()
        };
        assert_eq!(bad_fields(upsert(product).await), [path]);
    }
}

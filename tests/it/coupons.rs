//! `CouponService` and `PromotionService`.

use cartwright::rpc::pb::{self, CouponStatus, CouponType};
use prost_types::Timestamp;
use tonic::Code;
use uuid::Uuid;

use crate::harness::api::{
    Api, address, bad_fields, call, item, minor, on_every_backend, percentage_coupon, refused, usd,
    variant,
};

on_every_backend!(
    the_five_kinds,
    reasons_to_refuse,
    a_coupon_works_again_when_it_qualifies_again,
    removing_restores_what_was_before,
    one_unless_the_store_allows_several,
    limited_by_country_and_method,
    limited_uses,
    limited_uses_per_customer,
    a_deleted_coupon_is_dropped,
    promotions_are_managed,
    bad_coupons,
);

async fn the_five_kinds(api: Api) {
    let code = |code: &str, kind: CouponType| pb::CreateCouponRequest {
        code: code.into(),
        r#type: kind.into(),
        ..Default::default()
    };
    api.coupon(pb::CreateCouponRequest {
        amount: usd(100),
        ..code("ITEM", CouponType::PerItemDiscount)
    })
    .await;
    api.coupon(percentage_coupon("PERCENT", "12.5")).await;
    api.coupon(pb::CreateCouponRequest {
        amount: usd(1000),
        ..code("TOTAL", CouponType::PerTotalDiscount)
    })
    .await;
    api.coupon(pb::CreateCouponRequest {
        amount: usd(300),
        ..code("SHIP", CouponType::ShippingDiscount)
    })
    .await;
    api.coupon(code("FREE", CouponType::FreeShipping)).await;

    let cart = api.cart(vec![item("poster", 2), item("lamp", 1)]).await;
    let checkout = api.make_ready(&cart).await;
    let before = checkout.totals.clone().unwrap();
    for (code, on_lines, on_shipping) in [
        ("item", [200, 100], 0),
        ("Percent", [799, 188], 0),
        ("TOTAL", [810, 190], 0),
        ("ship", [0, 0], 300),
        ("FREE", [0, 0], 800),
    ] {
        let checkout = api.apply(&cart.id, code).await.unwrap();
        let cart_now = checkout.cart.as_ref().unwrap();
        let off: Vec<_> = cart_now
            .line_items
            .iter()
            .map(|line| minor(&line.coupon_amount))
            .collect();
        assert_eq!(off, on_lines, "{code}");
        let totals = checkout.totals.as_ref().unwrap();
        assert_eq!(
            minor(&totals.shipping_discount_amount),
            on_shipping,
            "{code}"
        );
        let applied = &checkout.coupons[0];
        assert_eq!(
            (applied.code.as_str(), applied.status()),
            (code, CouponStatus::Applied)
        );
        assert_eq!(
            minor(&applied.discounted_amount),
            on_lines.iter().sum::<i64>() + on_shipping
        );
        assert_eq!(
            minor(&totals.subtotal_ex_tax),
            minor(&before.subtotal_ex_tax)
        );
        let discounts: Vec<_> = cart_now
            .line_items
            .iter()
            .flat_map(|line| &line.discounts)
            .collect();
        assert!(
            discounts
                .iter()
                .all(|discount| discount.source() == pb::DiscountSource::Coupon)
        );
        let on_consignment = &checkout.consignments[0].coupon_discounts;
        assert_eq!(
            on_consignment
                .iter()
                .map(|discount| minor(&discount.amount))
                .sum::<i64>(),
            on_shipping
        );
        remove(&api, &cart.id, code).await.unwrap();
    }
}

async fn remove(api: &Api, checkout_id: &str, code: &str) -> Result<pb::Checkout, tonic::Status> {
    let request = pb::RemoveCouponRequest {
        checkout_id: checkout_id.into(),
        code: code.into(),
        ..Default::default()
    };
    Ok(call!(api.coupons, remove_coupon, request)?
        .checkout
        .unwrap())
}

fn at(seconds: i64) -> Option<Timestamp> {
    Some(Timestamp { seconds, nanos: 0 })
}

async fn reasons_to_refuse(api: Api) {
    let ten = |code: &str| percentage_coupon(code, "10");
    api.coupon(pb::CreateCouponRequest {
        expire_time: at(1_700_000_000),
        ..ten("EXPIRED")
    })
    .await;
    api.coupon(pb::CreateCouponRequest {
        start_time: at(4_000_000_000),
        ..ten("SOON")
    })
    .await;
    api.coupon(pb::CreateCouponRequest {
        disabled: true,
        ..ten("OFF")
    })
    .await;
    api.coupon(pb::CreateCouponRequest {
        minimum_purchase: usd(5000),
        ..ten("BIG")
    })
    .await;
    let apparel = vec!["apparel".to_owned()];
    api.coupon(pb::CreateCouponRequest {
        applies_to_category_ids: apparel,
        ..ten("SHIRTS")
    })
    .await;
    let excluded = vec!["poster".to_owned()];
    api.coupon(pb::CreateCouponRequest {
        excluded_product_ids: excluded,
        ..ten("NOPOSTER")
    })
    .await;
    let euros = Some(pb::Money {
        currency_code: "EUR".into(),
        amount_minor: 100,
    });
    let in_euros = pb::CreateCouponRequest {
        code: "EUROS".into(),
        r#type: CouponType::PerTotalDiscount.into(),
        amount: euros,
        ..Default::default()
    };
    api.coupon(in_euros).await;
    api.coupon(ten("FINE")).await;

    let cart = api.cart(vec![item("poster", 1)]).await;
    for (code, grpc, reason) in [
        ("NONE", Code::NotFound, "COUPON_NOT_FOUND"),
        ("EXPIRED", Code::FailedPrecondition, "COUPON_EXPIRED"),
        ("SOON", Code::FailedPrecondition, "COUPON_NOT_STARTED"),
        ("OFF", Code::FailedPrecondition, "COUPON_DISABLED"),
        (
            "BIG",
            Code::FailedPrecondition,
            "COUPON_MIN_PURCHASE_NOT_MET",
        ),
        (
            "SHIRTS",
            Code::FailedPrecondition,
            "COUPON_NO_MATCHING_ITEMS",
        ),
        (
            "NOPOSTER",
            Code::FailedPrecondition,
            "COUPON_NO_MATCHING_ITEMS",
        ),
        (
            "EUROS",
            Code::FailedPrecondition,
            "COUPON_CURRENCY_MISMATCH",
        ),
    ] {
        let refusal = refused(api.apply(&cart.id, code).await, grpc, reason);
        assert_eq!(refusal.error_info().unwrap().metadata["code"], code);
    }
    assert_eq!(api.get(&cart.id).await.version, 1, "nothing was changed");
    // Nothing that it could take anything off: a price that was given, goods that are not shipped.
    let overridden = pb::NewLineItem {
        list_price: usd(100),
        ..item("poster", 1)
    };
    let given = api.cart(vec![overridden]).await;
    refused(
        api.apply(&given.id, "FINE").await,
        Code::FailedPrecondition,
        "COUPON_NO_MATCHING_ITEMS",
    );
    let free = pb::CreateCouponRequest {
        code: "FREE".into(),
        r#type: CouponType::FreeShipping.into(),
        ..Default::default()
    };
    api.coupon(free).await;
    let digital = api.cart(vec![item("ebook", 1)]).await;
    refused(
        api.apply(&digital.id, "FREE").await,
        Code::FailedPrecondition,
        "COUPON_NO_MATCHING_ITEMS",
    );
    api.apply(&cart.id, "FINE").await.unwrap();
    refused(
        api.apply(&cart.id, "fine").await,
        Code::AlreadyExists,
        "COUPON_ALREADY_APPLIED",
    );
    refused(
        remove(&api, &cart.id, "NONE").await,
        Code::NotFound,
        "COUPON_NOT_FOUND",
    );
}

async fn a_coupon_works_again_when_it_qualifies_again(api: Api) {
    api.coupon(pb::CreateCouponRequest {
        minimum_purchase: usd(6000),
        ..percentage_coupon("BIG", "10")
    })
    .await;
    let cart = api.cart(vec![item("poster", 2)]).await;
    api.apply(&cart.id, "BIG").await.unwrap();
    let set = |quantity| pb::UpdateLineItemRequest {
        cart_id: cart.id.clone(),
        line_item_id: cart.line_items[0].id.clone(),
        quantity: Some(quantity),
        ..Default::default()
    };
    call!(api.carts, update_line_item, set(1)).unwrap();
    let checkout = api.get(&cart.id).await;
    let coupon = &checkout.coupons[0];
    assert_eq!(coupon.status(), CouponStatus::NotQualifying);
    assert_eq!(
        coupon.status_reason(),
        pb::ErrorReason::CouponMinPurchaseNotMet
    );
    assert_eq!(minor(&coupon.discounted_amount), 0);
    assert_eq!(
        checkout.messages[0].code(),
        pb::CheckoutMessageCode::CouponNotQualifying
    );
    call!(api.carts, update_line_item, set(3)).unwrap();
    let coupon = api.get(&cart.id).await.coupons.remove(0);
    assert_eq!(
        (coupon.status(), minor(&coupon.discounted_amount)),
        (CouponStatus::Applied, 959)
    );
}

async fn removing_restores_what_was_before(api: Api) {
    api.coupon(percentage_coupon("TEN", "10")).await;
    let before = api.ready().await;
    api.apply(&before.id, "TEN").await.unwrap();
    let after = remove(&api, &before.id, "ten").await.unwrap();
    assert_eq!(
        (&after.totals, &after.taxes),
        (&before.totals, &before.taxes)
    );
    assert_eq!(
        after.cart.unwrap().line_items,
        before.cart.unwrap().line_items
    );
}

async fn one_unless_the_store_allows_several(api: Api) {
    for code in ["A", "B"] {
        api.coupon(percentage_coupon(code, "50")).await;
    }
    let cart = api.cart(vec![item("poster", 1)]).await;
    api.apply(&cart.id, "A").await.unwrap();
    let refusal = refused(
        api.apply(&cart.id, "B").await,
        Code::FailedPrecondition,
        "COUPON_NOT_COMBINABLE",
    );
    assert_eq!(refusal.error_info().unwrap().metadata["applied_code"], "A");
    let several = pb::UpdateStoreRequest {
        store: Some(pb::Store {
            allow_multiple_coupons: true,
            ..Default::default()
        }),
        update_mask: Some(prost_types::FieldMask {
            paths: vec!["allow_multiple_coupons".into()],
        }),
        ..Default::default()
    };
    call!(api.store, update_store, several).unwrap();
    let checkout = api.apply(&cart.id, "B").await.unwrap();
    // Each works on what the one before left: 31.95 − 15.98 − 7.99.
    assert_eq!(minor(&checkout.totals.unwrap().coupon_amount), 1598 + 799);
    for number in 0..9 {
        let code = format!("C{number}");
        api.coupon(percentage_coupon(&code, "1")).await;
        let answer = api.apply(&cart.id, &code).await;
        if number < 8 {
            drop(answer.unwrap());
        } else {
            assert_eq!(bad_fields(answer), ["code"]);
        }
    }
}

async fn limited_by_country_and_method(api: Api) {
    let us = vec!["US".to_owned()];
    let free = pb::CreateCouponRequest {
        code: "FREEGROUND".into(),
        r#type: CouponType::FreeShipping.into(),
        shipping_country_codes: us.clone(),
        shipping_method_ids: vec!["us-ground".into()],
        ..Default::default()
    };
    api.coupon(free).await;
    api.coupon(pb::CreateCouponRequest {
        shipping_country_codes: us,
        ..percentage_coupon("USONLY", "10")
    })
    .await;
    let checkout = api.ready().await;
    let off = |checkout: &pb::Checkout| {
        minor(&checkout.totals.as_ref().unwrap().shipping_discount_amount)
    };
    assert_eq!(
        off(&api.apply(&checkout.id, "FREEGROUND").await.unwrap()),
        800
    );
    let express = api
        .select(&checkout.id, &checkout.consignments[0].id, "us/us-express")
        .await
        .unwrap();
    assert_eq!(off(&express), 0);

    let cart = api.cart(vec![item("poster", 1)]).await;
    api.consign(&cart.id, address("CA"), &[(&cart.line_items[0].id, 1)])
        .await;
    let refusal = refused(
        api.apply(&cart.id, "USONLY").await,
        Code::FailedPrecondition,
        "COUPON_COUNTRY_NOT_ALLOWED",
    );
    assert_eq!(refusal.error_info().unwrap().metadata["country_code"], "CA");
    refused(
        api.apply(&cart.id, "FREEGROUND").await,
        Code::FailedPrecondition,
        "COUPON_COUNTRY_NOT_ALLOWED",
    );
}

async fn limited_uses(api: Api) {
    api.coupon(pb::CreateCouponRequest {
        max_uses: 1,
        ..percentage_coupon("LASTONE", "10")
    })
    .await;
    let (first, second) = (api.ready().await, api.ready().await);
    api.apply(&first.id, "LASTONE").await.unwrap();
    api.apply(&second.id, "LASTONE").await.unwrap();
    let mut orders = Vec::new();
    for checkout in [first, second] {
        orders.push(api.order(&checkout.id).await.unwrap());
        api.server.lapse(&checkout.id).await;
    }
    let (second, first) = (orders.pop().unwrap(), orders.pop().unwrap());
    let total = |order: &pb::Order| minor(&order.totals.as_ref().unwrap().outstanding_balance);
    // A payment under way holds the use, so that nobody is charged for an order that cannot be honoured.
    api.pay(&first, "p1", total(&first), pb::PaymentState::Pending)
        .await
        .unwrap();
    let refusal = refused(
        api.pay(&second, "p1", total(&second), pb::PaymentState::Completed)
            .await,
        Code::FailedPrecondition,
        "COUPON_USES_EXHAUSTED",
    );
    assert_eq!(refusal.error_info().unwrap().metadata["code"], "LASTONE");
    // Once it has failed, the use is reserved for another hour.
    api.pay(&first, "p1", total(&first), pb::PaymentState::Failed)
        .await
        .unwrap();
    refused(
        api.pay(&second, "p1", total(&second), pb::PaymentState::Completed)
            .await,
        Code::FailedPrecondition,
        "COUPON_USES_EXHAUSTED",
    );
    api.server.lapse(&first.checkout_id).await;
    let paid = api
        .pay(&second, "p2", total(&second), pb::PaymentState::Completed)
        .await
        .unwrap();
    assert_eq!(paid.status(), pb::OrderStatus::AwaitingFulfillment);
    refused(
        api.pay(&first, "p2", total(&first), pb::PaymentState::Pending)
            .await,
        Code::FailedPrecondition,
        "COUPON_USES_EXHAUSTED",
    );
    let cart = api.cart(vec![item("poster", 1)]).await;
    refused(
        api.apply(&cart.id, "LASTONE").await,
        Code::FailedPrecondition,
        "COUPON_USES_EXHAUSTED",
    );
    // And an order is not even created.
    let third = api.order(&first.checkout_id).await;
    let refusal = refused(third, Code::FailedPrecondition, "CHECKOUT_INCOMPLETE");
    let violations = &refusal.precondition_failure().unwrap().violations;
    assert_eq!(violations[0].r#type, "COUPON_USES_EXHAUSTED");
}

async fn limited_uses_per_customer(api: Api) {
    api.coupon(pb::CreateCouponRequest {
        max_uses_per_customer: 1,
        ..percentage_coupon("WELCOME", "10")
    })
    .await;
    let of_customer = async |customer_id: &str| {
        let checkout = api.ready().await;
        let request = pb::UpdateCartRequest {
            cart_id: checkout.id.clone(),
            customer_id: customer_id.into(),
            ..Default::default()
        };
        call!(api.carts, update_cart, request).unwrap();
        api.select(&checkout.id, &checkout.consignments[0].id, "us/us-ground")
            .await
            .unwrap()
    };
    let guest = api.ready().await;
    refused(
        api.apply(&guest.id, "WELCOME").await,
        Code::FailedPrecondition,
        "COUPON_CUSTOMER_USES_EXHAUSTED",
    );
    let first = of_customer("ada").await;
    api.apply(&first.id, "WELCOME").await.unwrap();
    let order = api.order(&first.id).await.unwrap();
    let total = minor(&order.totals.as_ref().unwrap().outstanding_balance);
    api.pay(&order, "p", total, pb::PaymentState::Completed)
        .await
        .unwrap();
    let again = of_customer("ada").await;
    refused(
        api.apply(&again.id, "WELCOME").await,
        Code::FailedPrecondition,
        "COUPON_CUSTOMER_USES_EXHAUSTED",
    );
    api.apply(&of_customer("bob").await.id, "WELCOME")
        .await
        .unwrap();
}

async fn a_deleted_coupon_is_dropped(api: Api) {
    let promotion = api
        .coupon(percentage_coupon("GONE", "10"))
        .await
        .promotion
        .unwrap();
    let checkout = api.ready().await;
    api.apply(&checkout.id, "GONE").await.unwrap();
    let delete = pb::DeletePromotionRequest {
        promotion_id: promotion.id.clone(),
        ..Default::default()
    };
    call!(api.promotions, delete_promotion, delete.clone()).unwrap();
    refused(
        call!(api.promotions, delete_promotion, delete),
        Code::NotFound,
        "PROMOTION_NOT_FOUND",
    );
    // The order would cost more than the checkout shows: refused once, with the new figures to look at.
    let refusal = refused(
        api.order(&checkout.id).await,
        Code::FailedPrecondition,
        "CHECKOUT_INCOMPLETE",
    );
    let types: Vec<_> = refusal
        .precondition_failure()
        .unwrap()
        .violations
        .iter()
        .map(|v| v.r#type.clone())
        .collect();
    assert_eq!(types, ["COUPON_NOT_FOUND", "PRICE_CHANGED"]);
    assert!(api.get(&checkout.id).await.coupons.is_empty());
    api.order(&checkout.id).await.unwrap();
}

async fn promotions_are_managed(api: Api) {
    let request = pb::CreateCouponRequest {
        name: "Ten off".into(),
        max_uses: 5,
        request_id: Uuid::from_u128(9).to_string(),
        ..percentage_coupon("Ten-Off_1 a", "10")
    };
    let created = api.coupon(request.clone()).await;
    assert_eq!(api.coupon(request.clone()).await, created);
    let (promotion, code) = (created.promotion.unwrap(), created.coupon_code.unwrap());
    assert_eq!(
        (promotion.display_name.as_str(), promotion.coupon_type()),
        ("Ten off", CouponType::PercentageDiscount)
    );
    assert_eq!((code.code.as_str(), code.max_uses), ("Ten-Off_1 a", 5));
    let same = pb::CreateCouponRequest {
        request_id: String::new(),
        code: "TEN-OFF_1 A".into(),
        ..request
    };
    refused(
        call!(api.promotions, create_coupon, same),
        Code::AlreadyExists,
        "COUPON_CODE_EXISTS",
    );

    let get = pb::GetPromotionRequest {
        promotion_id: promotion.id.clone(),
    };
    assert_eq!(
        call!(api.promotions, get_promotion, get)
            .unwrap()
            .promotion
            .unwrap(),
        promotion
    );
    for number in 0..4 {
        api.coupon(percentage_coupon(&format!("N{number}"), "1"))
            .await;
    }
    let mut names = Vec::new();
    let mut page_token = String::new();
    loop {
        let request = pb::ListPromotionsRequest {
            page_size: 2,
            page_token,
            ..Default::default()
        };
        let page = call!(api.promotions, list_promotions, request).unwrap();
        names.extend(page.promotions.into_iter().map(|promotion| promotion.name));
        page_token = page.next_page_token;
        if page_token.is_empty() {
            break;
        }
    }
    assert_eq!(names, ["N3", "N2", "N1", "N0", "Ten off"]);
    let list = pb::ListCouponCodesRequest {
        promotion_id: promotion.id.clone(),
        ..Default::default()
    };
    assert_eq!(
        call!(api.promotions, list_coupon_codes, list.clone())
            .unwrap()
            .coupon_codes,
        [code]
    );
    let delete = pb::DeleteCouponCodeRequest {
        code: "ten-off_1 A".into(),
        ..Default::default()
    };
    call!(api.promotions, delete_coupon_code, delete.clone()).unwrap();
    refused(
        call!(api.promotions, delete_coupon_code, delete),
        Code::NotFound,
        "COUPON_NOT_FOUND",
    );
    assert!(
        call!(api.promotions, list_coupon_codes, list)
            .unwrap()
            .coupon_codes
            .is_empty()
    );
    let unknown = pb::GetPromotionRequest {
        promotion_id: Uuid::nil().to_string(),
    };
    refused(
        call!(api.promotions, get_promotion, unknown),
        Code::NotFound,
        "PROMOTION_NOT_FOUND",
    );
}

async fn bad_coupons(api: Api) {
    let kind = |kind: CouponType| pb::CreateCouponRequest {
        r#type: kind.into(),
        code: "C".into(),
        ..Default::default()
    };
    for (request, field) in [
        (percentage_coupon("", "10"), "code"),
        (percentage_coupon("dollar$", "10"), "code"),
        (percentage_coupon(&"x".repeat(51), "10"), "code"),
        (percentage_coupon("C", "0"), "percentage"),
        (percentage_coupon("C", "100.1"), "percentage"),
        (percentage_coupon("C", "1e2"), "percentage"),
        (percentage_coupon("C", "12.34567"), "percentage"),
        (percentage_coupon("C", ""), "percentage"),
        (kind(CouponType::Unspecified), "type"),
        (kind(CouponType::PerItemDiscount), "amount"),
        (
            pb::CreateCouponRequest {
                amount: usd(-1),
                ..kind(CouponType::PerTotalDiscount)
            },
            "amount.amount_minor",
        ),
        (
            pb::CreateCouponRequest {
                max_uses: -1,
                ..percentage_coupon("C", "10")
            },
            "max_uses",
        ),
        (
            pb::CreateCouponRequest {
                shipping_country_codes: vec!["USA".into()],
                ..percentage_coupon("C", "10")
            },
            "shipping_country_codes[0]",
        ),
    ] {
        let fields = bad_fields(call!(api.promotions, create_coupon, request.clone()));
        assert_eq!(fields, [field], "{request:?}");
    }
    let cart = api.cart(vec![variant("tee", "tee-s", 1)]).await;
    for code in ["", "dollar$", &"x".repeat(51)] {
        assert_eq!(
            bad_fields(api.apply(&cart.id, code).await),
            ["code"],
            "{code}"
        );
    }
}

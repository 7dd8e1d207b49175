//! Discounts that are given by hand.

use cartwright::rpc::pb::{self, DiscountSource};
use tonic::{Code, Status};
use uuid::Uuid;

use crate::harness::api::{
    Api, bad_fields, call, item, minor, on_every_backend, percentage_coupon, refused, usd,
};

on_every_backend!(
    on_a_line_and_on_the_cart,
    in_place_of_those_before,
    never_more_than_there_is,
    not_on_what_a_coupon_discounts,
    before_coupons,
    not_on_what_is_never_discounted,
    gone_with_their_line,
    what_is_wrong_with_a_discount,
    they_bind_the_currency,
    an_order_keeps_them,
    repeated_and_stale_requests,
);

fn on_cart(name: &str, amount: i64) -> pb::ManualDiscount {
    pb::ManualDiscount {
        name: name.into(),
        amount: usd(amount),
        ..Default::default()
    }
}

fn on_line(line: &pb::LineItem, amount: i64) -> pb::ManualDiscount {
    pb::ManualDiscount {
        line_item_id: line.id.clone(),
        ..on_cart("By hand", amount)
    }
}

fn request(id: &str, discounts: Vec<pb::ManualDiscount>) -> pb::ApplyDiscountsRequest {
    pb::ApplyDiscountsRequest {
        checkout_id: id.into(),
        discounts,
        ..Default::default()
    }
}

async fn give(
    api: &Api,
    id: &str,
    discounts: Vec<pb::ManualDiscount>,
) -> Result<pb::Checkout, Status> {
    let answer = call!(api.checkouts, apply_discounts, request(id, discounts))?;
    Ok(answer.checkout.unwrap())
}

/// A poster for 31.95 and a lamp for 15.00.
async fn poster_and_lamp(api: &Api) -> pb::Cart {
    api.cart(vec![item("poster", 1), item("lamp", 1)]).await
}

/// What is taken off each line, by hand or by promotions.
fn taken_off(checkout: &pb::Checkout) -> Vec<i64> {
    let lines = &checkout.cart.as_ref().unwrap().line_items;
    lines
        .iter()
        .map(|line| minor(&line.discount_amount))
        .collect()
}

async fn on_a_line_and_on_the_cart(api: Api) {
    let cart = poster_and_lamp(&api).await;
    let lamp = on_line(&cart.line_items[1], 500);
    let given = vec![lamp.clone(), on_cart("Loyal", 1_000)];
    let checkout = give(&api, &cart.id, given).await.unwrap();
    // The 10.00 is split over 31.95 and the 10.00 that is left of the lamp.
    assert_eq!(taken_off(&checkout), [762, 500 + 238]);
    let [by_hand, loyal] = checkout.manual_discounts.as_slice() else {
        panic!("two discounts: {:?}", checkout.manual_discounts)
    };
    assert!(by_hand.id.parse::<Uuid>().is_ok() && by_hand.id != loyal.id);
    assert_eq!(
        (by_hand.name.as_str(), &by_hand.line_item_id),
        ("By hand", &lamp.line_item_id)
    );
    assert_eq!(
        (loyal.line_item_id.as_str(), minor(&loyal.amount)),
        ("", 1_000)
    );

    let line = &checkout.cart.as_ref().unwrap().line_items[1];
    let told: Vec<_> = line
        .discounts
        .iter()
        .map(|discount| (discount.source(), &discount.id, minor(&discount.amount)))
        .collect();
    let manual = DiscountSource::Manual;
    assert_eq!(told, [(manual, &by_hand.id, 500), (manual, &loyal.id, 238)]);
    assert!(
        line.discounts
            .iter()
            .all(|discount| discount.promotion_id.is_empty() && discount.code.is_empty())
    );
    let totals = checkout.totals.as_ref().unwrap();
    assert_eq!(
        (
            minor(&totals.discount_amount),
            minor(&totals.coupon_amount),
            minor(&totals.subtotal_ex_tax),
            minor(&totals.grand_total)
        ),
        (1_500, 0, 4_695, 3_195)
    );
    assert_eq!(api.get(&cart.id).await, checkout);
}

async fn in_place_of_those_before(api: Api) {
    let cart = poster_and_lamp(&api).await;
    let line = &cart.line_items[0];
    let first = give(&api, &cart.id, vec![on_line(line, 500)])
        .await
        .unwrap();
    // An id in the request is not the caller's to choose.
    let again = pb::ManualDiscount {
        amount: usd(300),
        ..first.manual_discounts[0].clone()
    };
    let second = give(&api, &cart.id, vec![again]).await.unwrap();
    assert_eq!(taken_off(&second), [300, 0]);
    assert_eq!(second.manual_discounts.len(), 1);
    assert_ne!(second.manual_discounts[0].id, first.manual_discounts[0].id);
    let none = give(&api, &cart.id, vec![]).await.unwrap();
    assert_eq!(taken_off(&none), [0, 0]);
    assert!(none.manual_discounts.is_empty());
}

async fn never_more_than_there_is(api: Api) {
    let cart = poster_and_lamp(&api).await;
    let line = &cart.line_items[1];
    let given = vec![on_line(line, 2_000), on_line(line, 2_000)];
    let checkout = give(&api, &cart.id, given).await.unwrap();
    assert_eq!(taken_off(&checkout), [0, 1_500]);
    let most = on_cart("All of it", 1_000_000_000_000);
    let checkout = give(&api, &cart.id, vec![most]).await.unwrap();
    assert_eq!(taken_off(&checkout), [3_195, 1_500]);
    assert_eq!(minor(&checkout.totals.unwrap().grand_total), 0);
}

async fn not_on_what_a_coupon_discounts(api: Api) {
    api.coupon(pb::CreateCouponRequest {
        applies_to_product_ids: vec!["lamp".into()],
        ..percentage_coupon("LAMP", "10")
    })
    .await;
    let cart = poster_and_lamp(&api).await;
    let (poster, lamp) = (&cart.line_items[0], &cart.line_items[1]);
    let before = api.apply(&cart.id, "LAMP").await.unwrap();
    for discount in [on_line(lamp, 100), on_cart("Cart", 100)] {
        let refusal = refused(
            give(&api, &cart.id, vec![on_line(poster, 100), discount]).await,
            Code::FailedPrecondition,
            "DISCOUNT_CONFLICTS_WITH_COUPON",
        );
        let metadata = &refusal.error_info().unwrap().metadata;
        assert_eq!(
            (&metadata["line_item_id"], metadata["code"].as_str()),
            (&lamp.id, "LAMP")
        );
    }
    assert_eq!(api.get(&cart.id).await, before);
    let checkout = give(&api, &cart.id, vec![on_line(poster, 100)])
        .await
        .unwrap();
    assert_eq!(taken_off(&checkout), [100, 0]);
    assert_eq!(minor(&checkout.totals.unwrap().coupon_amount), 150);
    // Taking all of them off is never refused.
    give(&api, &cart.id, vec![]).await.unwrap();
}

async fn before_coupons(api: Api) {
    api.coupon(percentage_coupon("TEN", "10")).await;
    let cart = poster_and_lamp(&api).await;
    let discounts = vec![on_line(&cart.line_items[1], 500)];
    give(&api, &cart.id, discounts).await.unwrap();
    let checkout = api.apply(&cart.id, "TEN").await.unwrap();
    let lines = &checkout.cart.as_ref().unwrap().line_items;
    let by_coupon: Vec<_> = lines
        .iter()
        .map(|line| minor(&line.coupon_amount))
        .collect();
    assert_eq!(by_coupon, [320, 100], "of what is left");
    assert_eq!(taken_off(&checkout), [0, 500]);
}

async fn not_on_what_is_never_discounted(api: Api) {
    let party = pb::GiftCertificateParty {
        name: "Ada".into(),
        email: "ada@example.com".into(),
    };
    let request = pb::CreateCartRequest {
        line_items: vec![item("lamp", 1)],
        gift_certificates: vec![pb::NewGiftCertificateItem {
            amount: usd(5_000),
            sender: Some(party.clone()),
            recipient: Some(party),
            ..Default::default()
        }],
        ..Default::default()
    };
    let cart = call!(api.carts, create_cart, request)
        .unwrap()
        .cart
        .unwrap();
    let certificate = &cart.line_items[1];
    let refusal = refused(
        give(&api, &cart.id, vec![on_line(certificate, 100)]).await,
        Code::FailedPrecondition,
        "LINE_ITEM_NOT_MUTABLE",
    );
    assert_eq!(
        refusal.error_info().unwrap().metadata["line_item_id"],
        certificate.id
    );
    let checkout = give(&api, &cart.id, vec![on_cart("Cart", 2_000)])
        .await
        .unwrap();
    assert_eq!(taken_off(&checkout), [1_500, 0]);
}

async fn gone_with_their_line(api: Api) {
    let cart = poster_and_lamp(&api).await;
    let (poster, lamp) = (&cart.line_items[0], &cart.line_items[1]);
    let discounts = vec![
        on_line(lamp, 500),
        on_line(poster, 200),
        on_cart("Cart", 100),
    ];
    give(&api, &cart.id, discounts).await.unwrap();
    let request = pb::DeleteLineItemRequest {
        cart_id: cart.id.clone(),
        line_item_id: lamp.id.clone(),
        ..Default::default()
    };
    call!(api.carts, delete_line_item, request).unwrap();
    let checkout = api.get(&cart.id).await;
    let left: Vec<_> = checkout
        .manual_discounts
        .iter()
        .map(|discount| discount.line_item_id.as_str())
        .collect();
    assert_eq!(left, [poster.id.as_str(), ""]);
    assert_eq!(taken_off(&checkout), [300]);
}

async fn what_is_wrong_with_a_discount(api: Api) {
    let cart = poster_and_lamp(&api).await;
    let wrong = vec![
        on_cart(&"n".repeat(256), 0),
        on_cart("", -1),
        pb::ManualDiscount {
            line_item_id: "x".into(),
            amount: None,
            ..Default::default()
        },
        on_cart("", 1_000_000_000_001),
    ];
    assert_eq!(
        bad_fields(give(&api, &cart.id, wrong).await),
        [
            "discounts[0].name",
            "discounts[0].amount.amount_minor",
            "discounts[1].amount.amount_minor",
            "discounts[2].line_item_id",
            "discounts[2].amount",
            "discounts[3].amount.amount_minor",
        ]
    );
    let euro = |amount_minor| pb::ManualDiscount {
        amount: Some(pb::Money {
            currency_code: "EUR".into(),
            amount_minor,
        }),
        ..Default::default()
    };
    let given = vec![euro(1), on_cart("", 1), euro(2)];
    assert_eq!(
        bad_fields(give(&api, &cart.id, given).await),
        [
            "discounts[0].amount.currency_code",
            "discounts[2].amount.currency_code"
        ]
    );
    refused(
        give(&api, &cart.id, vec![euro(1)]).await,
        Code::InvalidArgument,
        "CURRENCY_MISMATCH",
    );
    let unknown = pb::LineItem {
        id: Uuid::from_u128(1).to_string(),
        ..Default::default()
    };
    refused(
        give(&api, &cart.id, vec![on_line(&unknown, 1)]).await,
        Code::NotFound,
        "LINE_ITEM_NOT_FOUND",
    );
    let many = |count: usize| vec![on_cart("One of many", 1); count];
    assert_eq!(
        bad_fields(give(&api, &cart.id, many(101)).await),
        ["discounts"]
    );
    assert_eq!(api.get(&cart.id).await.version, 1, "nothing was changed");
    let most = give(&api, &cart.id, many(100)).await.unwrap();
    assert_eq!(most.manual_discounts.len(), 100);
    assert_eq!(taken_off(&most).iter().sum::<i64>(), 100);
}

async fn they_bind_the_currency(api: Api) {
    let cart = poster_and_lamp(&api).await;
    give(&api, &cart.id, vec![on_cart("Loyal", 100)])
        .await
        .unwrap();
    let request = pb::UpdateCartRequest {
        cart_id: cart.id.clone(),
        currency_code: "EUR".into(),
        ..Default::default()
    };
    let status = call!(api.carts, update_cart, request.clone()).unwrap_err();
    assert!(status.message().contains("\"Loyal\""), "{status:?}");
    refused(
        Err::<(), _>(status),
        Code::FailedPrecondition,
        "CURRENCY_NOT_CHANGEABLE",
    );
    give(&api, &cart.id, vec![]).await.unwrap();
    call!(api.carts, update_cart, request).unwrap();
}

async fn an_order_keeps_them(api: Api) {
    let checkout = api.ready().await;
    give(&api, &checkout.id, vec![on_cart("Loyal", 195)])
        .await
        .unwrap();
    let order = api.order(&checkout.id).await.unwrap();
    give(&api, &checkout.id, vec![]).await.unwrap();
    let line = &order.line_items[0];
    assert_eq!(
        (minor(&line.discount_amount), minor(&line.tax_amount)),
        (195, 120)
    );
    assert_eq!(
        minor(&order.totals.unwrap().grand_total),
        3_000 + 120 + 800 + 32
    );
}

async fn repeated_and_stale_requests(api: Api) {
    let cart = poster_and_lamp(&api).await;
    let giving = pb::ApplyDiscountsRequest {
        request_id: Uuid::from_u128(1).to_string(),
        expected_version: Some(1),
        ..request(&cart.id, vec![on_cart("Loyal", 100)])
    };
    let given = call!(api.checkouts, apply_discounts, giving.clone()).unwrap();
    assert_eq!(
        call!(api.checkouts, apply_discounts, giving.clone()).unwrap(),
        given
    );
    let other = pb::ApplyDiscountsRequest {
        discounts: vec![],
        ..giving.clone()
    };
    refused(
        call!(api.checkouts, apply_discounts, other),
        Code::InvalidArgument,
        "REQUEST_ID_REUSED",
    );
    let stale = pb::ApplyDiscountsRequest {
        request_id: String::new(),
        ..giving
    };
    refused(
        call!(api.checkouts, apply_discounts, stale),
        Code::Aborted,
        "VERSION_MISMATCH",
    );
    assert_eq!(api.get(&cart.id).await.version, 2);
}

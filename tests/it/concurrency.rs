//! Many callers at once: nothing lost, nothing doubled.

use std::collections::BTreeSet;

use cartwright::rpc::pb::{self, PaymentState};
use tokio::task::JoinSet;
use tonic::Code;
use uuid::Uuid;

use crate::harness::api::{Api, call, custom, item, minor, on_every_backend, percentage_coupon};

on_every_backend!(
    two_hundred_changes_without_a_version_are_all_applied,
    one_change_wins_each_version,
    the_same_request_many_times_at_once,
    two_replicas_lose_nothing,
    one_of_many_sibling_orders_is_paid,
    a_limited_coupon_is_never_redeemed_once_too_often,
    identical_creates_make_one_cart,
);

async fn two_hundred_changes_without_a_version_are_all_applied(api: Api) {
    let cart = api.custom_cart(&[100]).await;
    let mut calls = JoinSet::new();
    for number in 0..200 {
        let request = pb::AddLineItemsRequest {
            cart_id: cart.id.clone(),
            custom_items: vec![custom(&format!("Thing {number}"), 1, 100)],
            ..Default::default()
        };
        let mut carts = api.carts.clone();
        calls.spawn(async move {
            carts
                .add_line_items(request)
                .await
                .unwrap()
                .into_inner()
                .cart
                .unwrap()
                .version
        });
    }
    let versions: BTreeSet<i64> = calls.join_all().await.into_iter().collect();
    assert_eq!(versions, (2..=201).collect());
    let checkout = api.get(&cart.id).await;
    let cart = checkout.cart.unwrap();
    assert_eq!(
        (
            checkout.version,
            cart.line_items.len(),
            minor(&cart.base_amount)
        ),
        (201, 201, 20_100)
    );
}

async fn one_change_wins_each_version(api: Api) {
    let cart = api.cart(vec![item("poster", 1)]).await;
    for version in 1..=5 {
        let mut calls = JoinSet::new();
        for number in 0..20 {
            let request = pb::UpdateCheckoutRequest {
                checkout_id: cart.id.clone(),
                staff_note: format!("{number}"),
                expected_version: Some(version),
                ..Default::default()
            };
            let mut checkouts = api.checkouts.clone();
            calls.spawn(async move { checkouts.update_checkout(request).await });
        }
        let (won, lost): (Vec<_>, Vec<_>) =
            calls.join_all().await.into_iter().partition(Result::is_ok);
        assert_eq!(won.len(), 1);
        assert!(
            lost.into_iter()
                .all(|answer| answer.unwrap_err().code() == Code::Aborted)
        );
        let winner = won
            .into_iter()
            .next()
            .unwrap()
            .unwrap()
            .into_inner()
            .checkout
            .unwrap();
        let now = api.get(&cart.id).await;
        assert_eq!(
            (now.version, now.staff_note),
            (version + 1, winner.staff_note)
        );
    }
}

async fn the_same_request_many_times_at_once(api: Api) {
    let checkout = api.ready().await;
    let mut calls = JoinSet::new();
    for _ in 0..20 {
        let request = pb::CreateOrderRequest {
            checkout_id: checkout.id.clone(),
            request_id: Uuid::from_u128(5).to_string(),
            ..Default::default()
        };
        let mut orders = api.orders.clone();
        calls.spawn(async move {
            orders
                .create_order(request)
                .await
                .unwrap()
                .into_inner()
                .order
                .unwrap()
                .id
        });
    }
    let ids: BTreeSet<String> = calls.join_all().await.into_iter().collect();
    assert_eq!(ids.len(), 1);
    assert_eq!(api.get(&checkout.id).await.order_ids.len(), 1);
}

async fn two_replicas_lose_nothing(api: Api) {
    // A second service on the same database takes no part in the first one's queues.
    let other = api.server.replica().await;
    let second = pb::cart_service_client::CartServiceClient::new(other.channel());
    let cart = api.custom_cart(&[100]).await;
    let mut calls = JoinSet::new();
    for number in 0..60 {
        let request = pb::AddLineItemsRequest {
            cart_id: cart.id.clone(),
            custom_items: vec![custom(&format!("Thing {number}"), 1, 100)],
            ..Default::default()
        };
        let mut carts = if number % 2 == 0 {
            api.carts.clone()
        } else {
            second.clone()
        };
        calls.spawn(async move { carts.add_line_items(request).await.map(drop) });
    }
    let answers = calls.join_all().await;
    let applied = answers.iter().filter(|answer| answer.is_ok()).count();
    let checkout = api.get(&cart.id).await;
    assert_eq!(checkout.cart.unwrap().line_items.len(), 1 + applied);
    assert_eq!(
        answers
            .into_iter()
            .filter_map(Result::err)
            .collect::<Vec<_>>()
            .len(),
        0
    );
}

async fn one_of_many_sibling_orders_is_paid(api: Api) {
    let checkout = api.ready().await;
    let mut orders = Vec::new();
    for _ in 0..8 {
        orders.push(api.order(&checkout.id).await.unwrap());
    }
    let mut calls = JoinSet::new();
    for order in orders {
        let request = pb::RecordPaymentRequest {
            order_id: order.id,
            method: "card".into(),
            reference: "a".into(),
            amount: order.totals.unwrap().outstanding_balance,
            state: PaymentState::Completed.into(),
            ..Default::default()
        };
        let mut client = api.orders.clone();
        calls.spawn(async move { client.record_payment(request).await });
    }
    let answers = calls.join_all().await;
    assert_eq!(answers.iter().filter(|answer| answer.is_ok()).count(), 1);
    for refusal in answers.into_iter().filter_map(Result::err) {
        assert_eq!(
            refusal.code(),
            Code::FailedPrecondition,
            "{}",
            refusal.message()
        );
    }
    let list = pb::ListOrdersRequest {
        checkout_id: checkout.id.clone(),
        ..Default::default()
    };
    let orders = call!(api.orders, list_orders, list).unwrap().orders;
    let paid = orders
        .iter()
        .filter(|order| order.status() == pb::OrderStatus::AwaitingFulfillment);
    let cancelled = orders
        .iter()
        .filter(|order| order.status() == pb::OrderStatus::Cancelled);
    assert_eq!((paid.count(), cancelled.count()), (1, 7));
}

async fn a_limited_coupon_is_never_redeemed_once_too_often(api: Api) {
    api.coupon(pb::CreateCouponRequest {
        max_uses: 3,
        ..percentage_coupon("THREE", "10")
    })
    .await;
    let mut orders = Vec::new();
    for _ in 0..10 {
        let checkout = api.ready().await;
        api.apply(&checkout.id, "THREE").await.unwrap();
        orders.push(api.order(&checkout.id).await.unwrap());
        api.server.lapse(&checkout.id).await;
    }
    let mut calls = JoinSet::new();
    for order in orders {
        let request = pb::RecordPaymentRequest {
            order_id: order.id,
            method: "card".into(),
            reference: "a".into(),
            amount: order.totals.unwrap().outstanding_balance,
            ..Default::default()
        };
        let mut client = api.orders.clone();
        calls.spawn(async move { client.record_payment(request).await.is_ok() });
    }
    assert_eq!(
        calls
            .join_all()
            .await
            .into_iter()
            .filter(|paid| *paid)
            .count(),
        3
    );
    let promotions = call!(
        api.promotions,
        list_promotions,
        pb::ListPromotionsRequest::default()
    )
    .unwrap();
    let list = pb::ListCouponCodesRequest {
        promotion_id: promotions.promotions[0].id.clone(),
        ..Default::default()
    };
    let codes = call!(api.promotions, list_coupon_codes, list)
        .unwrap()
        .coupon_codes;
    assert_eq!(codes[0].current_uses, 3);
}

async fn identical_creates_make_one_cart(api: Api) {
    let mut calls = JoinSet::new();
    for _ in 0..20 {
        let request = pb::CreateCartRequest {
            line_items: vec![item("poster", 1)],
            request_id: Uuid::from_u128(6).to_string(),
            ..Default::default()
        };
        let mut carts = api.carts.clone();
        calls.spawn(async move {
            carts
                .create_cart(request)
                .await
                .unwrap()
                .into_inner()
                .cart
                .unwrap()
                .id
        });
    }
    let ids: BTreeSet<String> = calls.join_all().await.into_iter().collect();
    assert_eq!(ids.len(), 1);
}

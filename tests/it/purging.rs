//! What becomes of carts that have ended: for a while it is told how, then they are gone.

use std::time::Duration;

use cartwright::rpc::pb;
use tokio::time::{Instant, sleep};
use tonic::Code;

use crate::harness::{
    PATIENCE,
    api::{Api, call, item, minor, on_every_backend, refused},
};

on_every_backend!(
    expired_carts_are_purged_by_any_number_of_replicas,
    carts_that_are_needed_stay,
);

/// Longer than carts that have expired stay on [`purging`] replicas.
const A_WHILE: Duration = Duration::from_millis(1_100);

/// Another service on the same database, which purges at once.
async fn purging(api: &Api) -> Api {
    Api::of(api.server.replica_with(&["--purge-after=1s"]).await)
}

async fn reason(api: &Api, cart_id: &str) -> String {
    let request = pb::GetCartRequest {
        cart_id: cart_id.into(),
    };
    match call!(api.carts, get_cart, request) {
        Ok(_) => "alive".into(),
        Err(status) => {
            let details = tonic_types::StatusExt::get_error_details(&status);
            details.error_info().unwrap().reason.clone()
        }
    }
}

async fn until_purged(api: &Api, cart_id: &str) {
    let end = Instant::now() + PATIENCE;
    while reason(api, cart_id).await != "CART_NOT_FOUND" {
        assert!(Instant::now() < end, "it is never purged");
        sleep(Duration::from_millis(20)).await;
    }
}

async fn expired(api: &Api) -> String {
    let cart = api.cart(vec![item("poster", 1)]).await;
    api.server.expire(&cart.id).await;
    cart.id
}

async fn pay(api: &Api, order: &pb::Order) {
    let outstanding = minor(&order.totals.as_ref().unwrap().outstanding_balance);
    let completed = pb::PaymentState::Completed;
    let paid = api.pay(order, "card-1", outstanding, completed).await;
    assert_eq!(paid.unwrap().status(), pb::OrderStatus::AwaitingFulfillment);
}

async fn expired_carts_are_purged_by_any_number_of_replicas(api: Api) {
    let alive = api.cart(vec![item("poster", 1)]).await;
    let mut gone = Vec::new();
    for _ in 0..20 {
        gone.push(expired(&api).await);
    }
    // The service that keeps them for the default time has looked, and so has one that was told to.
    let _patient = Api::of(api.server.replica_with(&["--purge-after=1h"]).await);
    sleep(A_WHILE).await;
    for cart_id in &gone {
        assert_eq!(reason(&api, cart_id).await, "CART_EXPIRED");
    }
    let replicas = tokio::join!(purging(&api), purging(&api), purging(&api));
    for cart_id in &gone {
        until_purged(&replicas.0, cart_id).await;
    }
    assert_eq!(reason(&api, &alive.id).await, "alive");
}

async fn carts_that_are_needed_stay(api: Api) {
    let order_of = async |cart_id: &str| api.order(cart_id).await.unwrap();
    let (waiting, paid, cancelled) = (api.ready().await, api.ready().await, api.ready().await);
    let orders = [
        order_of(&waiting.id).await,
        order_of(&paid.id).await,
        order_of(&cancelled.id).await,
    ];
    for checkout in [&waiting, &paid, &cancelled] {
        api.server.expire(&checkout.id).await;
    }
    pay(&api, &orders[1]).await;
    let request = pb::CancelOrderRequest {
        order_id: orders[2].id.clone(),
        ..Default::default()
    };
    call!(api.orders, cancel_order, request).unwrap();
    sleep(A_WHILE).await;

    let replica = purging(&api).await;
    until_purged(&replica, &paid.id).await;
    until_purged(&replica, &cancelled.id).await;
    assert_eq!(reason(&api, &waiting.id).await, "CART_EXPIRED");
    // The order that waits is paid as if nothing had happened, and then nobody needs its cart.
    pay(&api, &orders[0]).await;
    until_purged(&purging(&api).await, &waiting.id).await;

    for order in &orders {
        let request = pb::GetOrderRequest {
            by: Some(pb::get_order_request::By::OrderId(order.id.clone())),
        };
        let kept = call!(api.orders, get_order, request)
            .unwrap()
            .order
            .unwrap();
        assert_eq!(
            (&kept.totals, &kept.line_items, &kept.billing_address),
            (&order.totals, &order.line_items, &order.billing_address)
        );
    }
    // No order is made of a cart that is gone.
    refused(
        api.order(&waiting.id).await,
        Code::NotFound,
        "CART_NOT_FOUND",
    );
}

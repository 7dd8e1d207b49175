//! Two callers at the same moment, many times: one of them wins, and the other one is told precisely why not.

use std::sync::Arc;

use cartwright::rpc::pb::{self, OrderStatus, PaymentState};
use tokio::{join, task::JoinSet, time::timeout};
use tonic::Status;
use tonic_types::StatusExt as _;

use crate::harness::{
    PATIENCE,
    api::{Api, address, call, item, minor, on_every_backend, percentage_coupon},
    server::{Backend, TestServer},
};

const TRIES: usize = 200;

on_every_backend!(
    the_last_use_of_a_code_goes_to_one_of_two_carts,
    one_of_two_sibling_orders_is_paid,
    two_who_place_and_pay_one_cart_pay_it_once,
);

/// A cart of 5.25 that lacks nothing for an order.
async fn ready(api: &Api) -> String {
    let cart = api.cart(vec![item("ebook", 1)]).await;
    api.bill(&cart.id, address("CA")).await;
    cart.id
}

fn outstanding(order: &pb::Order) -> i64 {
    minor(&order.totals.as_ref().unwrap().outstanding_balance)
}

async fn pay(api: &Api, order: &pb::Order, reference: &str) -> Result<pb::Order, Status> {
    api.pay(
        order,
        reference,
        outstanding(order),
        PaymentState::Completed,
    )
    .await
}

/// The reasons of a refusal: its own, or the violations that it lists.
#[track_caller]
fn reasons(status: &Status) -> Vec<String> {
    let details = status.get_error_details();
    let reason = &details.error_info().expect("an ErrorInfo").reason;
    match details.precondition_failure() {
        Some(failure) if reason == "CHECKOUT_INCOMPLETE" => {
            let violations = failure.violations.iter();
            violations.map(|it| it.r#type.clone()).collect()
        }
        _ => vec![reason.clone()],
    }
}

/// The one that succeeded, and why the other one did not.
#[track_caller]
fn one_of<T: std::fmt::Debug>(
    (first, second): (Result<T, Status>, Result<T, Status>),
) -> (T, Vec<String>) {
    match (first, second) {
        (Ok(won), Err(lost)) | (Err(lost), Ok(won)) => (won, reasons(&lost)),
        both => panic!("not one of two: {both:?}"),
    }
}

async fn the_last_use_of_a_code_goes_to_one_of_two_carts(api: Api) {
    let other = api.replica().await;
    for number in 0..TRIES {
        let code = format!("LAST{number}");
        let request = pb::CreateCouponRequest {
            max_uses: 1,
            ..percentage_coupon(&code, "10")
        };
        let promotion = api.coupon(request).await.promotion.unwrap();
        let (one, two) = (ready(&api).await, ready(&api).await);
        // To apply it takes no use yet.
        let applied = join!(api.apply(&one, &code), other.apply(&two, &code));
        assert!(applied.0.is_ok() && applied.1.is_ok(), "{applied:?}");
        let (won, lost) = one_of(join!(api.order(&one), other.order(&two)));
        assert_eq!(lost, ["COUPON_USES_EXHAUSTED"]);
        pay(&api, &won, "a").await.unwrap();
        let of_promotion = pb::ListCouponCodesRequest {
            promotion_id: promotion.id,
            ..Default::default()
        };
        let codes = call!(api.promotions, list_coupon_codes, of_promotion).unwrap();
        assert_eq!(codes.coupon_codes[0].current_uses, 1);
    }
}

async fn one_of_two_sibling_orders_is_paid(api: Api) {
    let other = api.replica().await;
    for _ in 0..TRIES {
        let cart = ready(&api).await;
        let one = api.order(&cart).await.unwrap();
        let two = api.order(&cart).await.unwrap();
        let (paid, lost) = one_of(join!(pay(&api, &one, "a"), pay(&other, &two, "a")));
        assert_eq!(paid.status(), OrderStatus::AwaitingFulfillment);
        assert_eq!(lost, ["SIBLING_ORDER_PAID"]);
        assert_eq!(statuses(&api, &cart).await, PAID_ONCE);
    }
}

const PAID_ONCE: [OrderStatus; 2] = [OrderStatus::Cancelled, OrderStatus::AwaitingFulfillment];

/// Of the orders of the cart, sorted.
async fn statuses(api: &Api, cart: &str) -> Vec<OrderStatus> {
    let list = pb::ListOrdersRequest {
        checkout_id: cart.into(),
        ..Default::default()
    };
    let orders = call!(api.orders, list_orders, list).unwrap().orders;
    let mut statuses: Vec<_> = orders.iter().map(pb::Order::status).collect();
    statuses.sort_unstable();
    statuses
}

async fn place_and_pay(api: &Api, cart: &str) -> Result<pb::Order, Status> {
    let order = api.order(cart).await?;
    pay(api, &order, "a").await
}

async fn two_who_place_and_pay_one_cart_pay_it_once(api: Api) {
    let other = api.replica().await;
    for _ in 0..TRIES {
        let cart = ready(&api).await;
        let both = join!(place_and_pay(&api, &cart), place_and_pay(&other, &cart));
        let (paid, lost) = one_of(both);
        assert_eq!(paid.status(), OrderStatus::AwaitingFulfillment);
        // It came too late to place an order, or to pay the one that it had placed.
        let late = ["CART_PAID", "SIBLING_ORDER_PAID"].contains(&lost[0].as_str());
        assert!(late && lost.len() == 1, "{lost:?}");
        let mut statuses = statuses(&api, &cart).await;
        statuses.retain(|status| *status != OrderStatus::Cancelled);
        assert_eq!(statuses, [OrderStatus::AwaitingFulfillment]);
    }
}

/// Sixty-four shoppers, each with a cart, an order and a payment, by way of so many connections to the database.
async fn sixty_four_shoppers(backend: Backend, connections: u32) {
    let option = format!("--database-max-connections={connections}");
    let api = Arc::new(Api::on(TestServer::with(backend, &[&option]).await).await);
    let mut shoppers = JoinSet::new();
    for _ in 0..64 {
        let api = Arc::clone(&api);
        shoppers.spawn(async move {
            let cart = api.cart(vec![item("poster", 1)]).await;
            let checkout = api.make_ready(&cart).await;
            place_and_pay(&api, &checkout.id).await.map(drop)
        });
    }
    let all = timeout(PATIENCE, shoppers.join_all()).await;
    let failed: Vec<_> = all
        .expect("they wait for each other")
        .into_iter()
        .filter_map(Result::err)
        .collect();
    assert!(failed.is_empty(), "{failed:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn sixty_four_shoppers_on_one_connection() {
    sixty_four_shoppers(Backend::Servers, 1).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn sixty_four_shoppers_on_two_connections() {
    sixty_four_shoppers(Backend::Servers, 2).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn sixty_four_shoppers_on_one_connection_to_sqlite() {
    sixty_four_shoppers(Backend::Embedded, 1).await;
}

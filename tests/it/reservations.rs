//! What `CreateOrder` reserves for a checkout, and when it is given back.

use std::collections::BTreeMap;

use cartwright::rpc::pb::{
    self,
    LedgerEntryKind::{Issued, Redeemed, Restored},
    OrderStatus, PaymentState,
};
use chrono::{DateTime, TimeDelta};
use tokio::join;
use tonic::{Code, Status};

use crate::harness::{
    api::{Api, address, call, item, minor, on_every_backend, percentage_coupon, refused, store},
    promotion::ten_percent,
};

on_every_backend!(
    the_last_use_goes_to_one_of_two_orders,
    a_small_certificate_pays_one_of_two_orders,
    store_credit_pays_one_of_two_orders,
    a_customers_last_use_goes_to_one_of_two_orders,
    a_cart_that_changes_hands_gives_back_the_customers_use,
    the_next_order_renews_the_reservation,
    an_order_is_renewed_with_what_its_own_checkout_holds,
    the_last_use_of_a_promotion_is_the_checkouts_own,
    a_use_goes_back_with_what_ends_its_orders,
    a_payment_under_way_keeps_what_is_reserved,
    an_older_order_takes_again_what_it_needs,
    an_order_that_is_paid_in_part_keeps_what_it_needs_until_it_is_cancelled,
    a_failed_payment_after_a_sibling_was_paid_frees_nothing,
    a_lapsed_reservation_is_free_for_others,
);

/// Adds a coupon that can be used so often.
async fn coupon(api: &Api, code: &str, max_uses: i64) {
    let request = pb::CreateCouponRequest {
        max_uses,
        ..percentage_coupon(code, "10")
    };
    api.coupon(request).await;
}

/// How often each code was used, or is reserved.
async fn uses(api: &Api) -> BTreeMap<String, i64> {
    let request = pb::ListPromotionsRequest::default();
    let promotions = call!(api.promotions, list_promotions, request).unwrap();
    let mut uses = BTreeMap::new();
    for promotion in promotions.promotions {
        let request = pb::ListCouponCodesRequest {
            promotion_id: promotion.id,
            ..Default::default()
        };
        let codes = call!(api.promotions, list_coupon_codes, request).unwrap();
        let codes = codes.coupon_codes.into_iter();
        uses.extend(codes.map(|code| (code.code, code.current_uses)));
    }
    uses
}

async fn uses_of(api: &Api, code: &str) -> i64 {
    uses(api).await[code]
}

/// A cart of 5.25 that lacks nothing for an order.
async fn ready(api: &Api) -> String {
    let cart = api.cart(vec![item("ebook", 1)]).await;
    api.bill(&cart.id, address("CA")).await;
    cart.id
}

async fn ready_with(api: &Api, code: &str) -> String {
    let id = ready(api).await;
    api.apply(&id, code).await.unwrap();
    id
}

#[track_caller]
fn violations(answer: Result<pb::Order, Status>) -> Vec<String> {
    let refusal = refused(answer, Code::FailedPrecondition, "CHECKOUT_INCOMPLETE");
    let failure = refusal.precondition_failure().unwrap();
    let violations = failure.violations.iter();
    violations.map(|one| one.r#type.clone()).collect()
}

fn outstanding(order: &pb::Order) -> i64 {
    minor(&order.totals.as_ref().unwrap().outstanding_balance)
}

async fn cancel(api: &Api, order: &pb::Order) {
    let request = pb::CancelOrderRequest {
        order_id: order.id.clone(),
        ..Default::default()
    };
    call!(api.orders, cancel_order, request).unwrap();
}

async fn the_last_use_goes_to_one_of_two_orders(api: Api) {
    let other = api.replica().await;
    for number in 0..50 {
        let code = format!("LAST{number}");
        coupon(&api, &code, 1).await;
        let (first, second) = (ready_with(&api, &code).await, ready_with(&api, &code).await);
        let (won, lost) = match join!(api.order(&first), other.order(&second)) {
            (Ok(order), lost) | (lost, Ok(order)) => (order, lost),
            (first, second) => panic!("{first:?} {second:?}"),
        };
        assert_eq!(violations(lost), ["COUPON_USES_EXHAUSTED"]);
        let paid = api
            .pay(&won, "a", outstanding(&won), PaymentState::Completed)
            .await
            .unwrap();
        assert_eq!(paid.status(), OrderStatus::AwaitingFulfillment);
    }
    assert!(uses(&api).await.values().all(|uses| *uses == 1));
}

async fn a_small_certificate_pays_one_of_two_orders(api: Api) {
    for number in 0..50 {
        let code = format!("SMALL-{number:04}");
        api.certificate(&code, 525).await;
        let (first, second) = (ready(&api).await, ready(&api).await);
        for id in [&first, &second] {
            api.apply_certificate(id, &code).await.unwrap();
        }
        let answers = join!(api.order(&first), api.order(&second));
        let lost = match answers {
            (Ok(_), lost) | (lost, Ok(_)) => lost,
            (first, second) => panic!("{first:?} {second:?}"),
        };
        assert_eq!(violations(lost)[0], "GIFT_CERTIFICATE_EMPTY");
        assert_eq!(
            api.certificate_ledger(&code).await,
            (0, vec![(Issued, 525), (Redeemed, -525)])
        );
    }
}

/// The same of a customer's cart.
async fn ready_of(api: &Api, customer_id: &str) -> String {
    let request = pb::CreateCartRequest {
        line_items: vec![item("ebook", 1)],
        customer_id: customer_id.into(),
        ..Default::default()
    };
    let cart = call!(api.carts, create_cart, request).unwrap().cart;
    let id = cart.unwrap().id;
    api.bill(&id, address("CA")).await;
    id
}

async fn store_credit_pays_one_of_two_orders(api: Api) {
    let other = api.replica().await;
    for number in 0..20 {
        let customer = format!("customer-{number}");
        api.set_credit(&customer, 525).await;
        let (first, second) = (
            ready_of(&api, &customer).await,
            ready_of(&api, &customer).await,
        );
        for id in [&first, &second] {
            api.apply_credit(id).await.unwrap();
        }
        let lost = match join!(api.order(&first), other.order(&second)) {
            (Ok(_), lost) | (lost, Ok(_)) => lost,
            (first, second) => panic!("{first:?} {second:?}"),
        };
        assert_eq!(violations(lost)[0], "STORE_CREDIT_EMPTY");
        assert_eq!(api.credit_ledger(&customer).await.0, 0);
    }
}

/// Adds a coupon that each customer can use once.
async fn once_each(api: &Api, code: &str) {
    let request = pb::CreateCouponRequest {
        max_uses_per_customer: 1,
        ..percentage_coupon(code, "10")
    };
    api.coupon(request).await;
}

async fn a_customers_last_use_goes_to_one_of_two_orders(api: Api) {
    let other = api.replica().await;
    once_each(&api, "EACH").await;
    for number in 0..20 {
        let customer = format!("customer-{number}");
        let (first, second) = (
            ready_of(&api, &customer).await,
            ready_of(&api, &customer).await,
        );
        for id in [&first, &second] {
            api.apply(id, "EACH").await.unwrap();
        }
        let lost = match join!(api.order(&first), other.order(&second)) {
            (Ok(_), lost) | (lost, Ok(_)) => lost,
            (first, second) => panic!("{first:?} {second:?}"),
        };
        assert_eq!(violations(lost), ["COUPON_CUSTOMER_USES_EXHAUSTED"]);
    }
    assert_eq!(uses_of(&api, "EACH").await, 20);
}

async fn a_cart_that_changes_hands_gives_back_the_customers_use(api: Api) {
    once_each(&api, "HANDS").await;
    let id = ready_of(&api, "ann").await;
    api.apply(&id, "HANDS").await.unwrap();
    api.order(&id).await.unwrap();
    let request = pb::UpdateCartRequest {
        cart_id: id.clone(),
        customer_id: "bob".into(),
        ..Default::default()
    };
    call!(api.carts, update_cart, request).unwrap();
    api.apply(&id, "HANDS").await.unwrap();
    api.order(&id).await.unwrap();
    assert_eq!(uses_of(&api, "HANDS").await, 1);
    // It is bob's now, and ann has hers again.
    let others = ready_of(&api, "ann").await;
    api.apply(&others, "HANDS").await.unwrap();
    api.order(&others).await.unwrap();
    let again = ready_of(&api, "bob").await;
    refused(
        api.apply(&again, "HANDS").await,
        Code::FailedPrecondition,
        "COUPON_CUSTOMER_USES_EXHAUSTED",
    );
}

async fn the_next_order_renews_the_reservation(api: Api) {
    coupon(&api, "RENEWED", 1).await;
    let id = ready_with(&api, "RENEWED").await;
    let lapses_within = async |order: &pb::Order, minutes| {
        let created = order.create_time.unwrap();
        let nanos = u32::try_from(created.nanos).unwrap();
        let created = DateTime::from_timestamp(created.seconds, nanos).unwrap();
        let lapsed = api.server.lapsed(created + TimeDelta::minutes(minutes));
        lapsed.await.contains(&id)
    };
    let first = api.order(&id).await.unwrap();
    assert!(!lapses_within(&first, 59).await);
    assert!(lapses_within(&first, 60).await);
    let longer = pb::Store {
        reservation_lifetime: Some(prost_types::Duration {
            seconds: 7_200,
            nanos: 0,
        }),
        ..store()
    };
    api.set_up(longer).await;
    let second = api.order(&id).await.unwrap();
    assert!(!lapses_within(&second, 119).await);
    assert!(lapses_within(&second, 120).await);
}

async fn an_order_is_renewed_with_what_its_own_checkout_holds(api: Api) {
    coupon(&api, "MINE", 1).await;
    api.certificate("MINE-0001", 300).await;
    let id = ready_with(&api, "MINE").await;
    api.apply_certificate(&id, "MINE-0001").await.unwrap();
    let first = api.order(&id).await.unwrap();
    let second = api.order(&id).await.unwrap();
    assert_eq!(first.totals, second.totals);
    assert_eq!(uses_of(&api, "MINE").await, 1);
    let reserved = (0, vec![(Issued, 300), (Redeemed, -300)]);
    assert_eq!(api.certificate_ledger("MINE-0001").await, reserved);
    // What the next order does not use is given back.
    let request = pb::RemoveCouponRequest {
        checkout_id: id.clone(),
        code: "MINE".into(),
        ..Default::default()
    };
    call!(api.coupons, remove_coupon, request).unwrap();
    api.order(&id).await.unwrap();
    assert_eq!(uses_of(&api, "MINE").await, 0);
    assert_eq!(api.certificate_ledger("MINE-0001").await, reserved);
}

async fn the_last_use_of_a_promotion_is_the_checkouts_own(api: Api) {
    let once = pb::Promotion {
        max_uses: 1,
        ..ten_percent("Once")
    };
    let promotion = api.create_promotion(once).await.unwrap();
    let (mine, other) = (ready(&api).await, ready(&api).await);
    let first = api.order(&mine).await.unwrap();
    assert_eq!(outstanding(&first), 473);
    let refusal = api.order(&other).await.unwrap_err();
    assert_eq!(refusal.code(), Code::FailedPrecondition);
    // Other carts do without it as soon as the replica knows; this one goes on with it.
    let mut cart = ready(&api).await;
    while minor(&api.get(&cart).await.totals.unwrap().grand_total) != 525 {
        cart = ready(&api).await;
    }
    let again = api.order(&mine).await.unwrap();
    assert_eq!(first.totals, again.totals);
    let used = api.get_promotion(&promotion.id).await.unwrap();
    assert_eq!(used.current_uses, 1);
}

async fn a_use_goes_back_with_what_ends_its_orders(api: Api) {
    coupon(&api, "ENDS", 1).await;
    let id = ready_with(&api, "ENDS").await;
    let (first, second) = (api.order(&id).await.unwrap(), api.order(&id).await.unwrap());
    cancel(&api, &second).await;
    assert_eq!(uses_of(&api, "ENDS").await, 1);
    cancel(&api, &first).await;
    assert_eq!(uses_of(&api, "ENDS").await, 0);
    let third = api.order(&id).await.unwrap();
    assert_eq!(uses_of(&api, "ENDS").await, 1);
    let request = pb::DeleteCartRequest {
        cart_id: id.clone(),
        ..Default::default()
    };
    call!(api.carts, delete_cart, request).unwrap();
    assert_eq!(uses_of(&api, "ENDS").await, 0);
    // The order can be paid all the same.
    api.pay(&third, "a", outstanding(&third), PaymentState::Completed)
        .await
        .unwrap();
    assert_eq!(uses_of(&api, "ENDS").await, 1);
}

async fn a_payment_under_way_keeps_what_is_reserved(api: Api) {
    coupon(&api, "PINNED", 1).await;
    let id = ready_with(&api, "PINNED").await;
    let order = api.order(&id).await.unwrap();
    let amount = outstanding(&order);
    api.pay(&order, "a", amount, PaymentState::Pending)
        .await
        .unwrap();
    // Neither another order nor the end of the cart takes it from the payment.
    let request = pb::RemoveCouponRequest {
        checkout_id: id.clone(),
        code: "PINNED".into(),
        ..Default::default()
    };
    call!(api.coupons, remove_coupon, request).unwrap();
    let sibling = api.order(&id).await.unwrap();
    cancel(&api, &sibling).await;
    let request = pb::DeleteCartRequest {
        cart_id: id.clone(),
        ..Default::default()
    };
    call!(api.carts, delete_cart, request).unwrap();
    assert_eq!(uses_of(&api, "PINNED").await, 1);
    let paid = api
        .pay(&order, "a", amount, PaymentState::Completed)
        .await
        .unwrap();
    assert_eq!(paid.status(), OrderStatus::AwaitingFulfillment);
    assert_eq!(uses_of(&api, "PINNED").await, 1);
}

async fn an_older_order_takes_again_what_it_needs(api: Api) {
    coupon(&api, "OLDER", 1).await;
    let id = ready_with(&api, "OLDER").await;
    let older = api.order(&id).await.unwrap();
    let request = pb::RemoveCouponRequest {
        checkout_id: id.clone(),
        code: "OLDER".into(),
        ..Default::default()
    };
    call!(api.coupons, remove_coupon, request).unwrap();
    let newer = api.order(&id).await.unwrap();
    let other = ready_with(&api, "OLDER").await;
    let taken = api.order(&other).await.unwrap();
    let amount = outstanding(&older);
    refused(
        api.pay(&older, "a", amount, PaymentState::Pending).await,
        Code::FailedPrecondition,
        "COUPON_USES_EXHAUSTED",
    );
    cancel(&api, &taken).await;
    api.pay(&older, "b", amount, PaymentState::Pending)
        .await
        .unwrap();
    assert_eq!(uses_of(&api, "OLDER").await, 1);
    // The order that is paid in the end does not use it.
    api.pay(&newer, "c", outstanding(&newer), PaymentState::Completed)
        .await
        .unwrap();
    assert_eq!(uses_of(&api, "OLDER").await, 0);
}

async fn an_order_that_is_paid_in_part_keeps_what_it_needs_until_it_is_cancelled(api: Api) {
    coupon(&api, "PART", 1).await;
    let id = ready_with(&api, "PART").await;
    let order = api.order(&id).await.unwrap();
    api.pay(&order, "a", 100, PaymentState::Completed)
        .await
        .unwrap();
    api.server.lapse(&id).await;
    assert_eq!(uses_of(&api, "PART").await, 1);
    cancel(&api, &order).await;
    assert_eq!(uses_of(&api, "PART").await, 0);
    // The next order of the cart has a reservation that lapses again.
    api.order(&id).await.unwrap();
    assert_eq!(uses_of(&api, "PART").await, 1);
    api.server.lapse(&id).await;
    assert_eq!(uses_of(&api, "PART").await, 0);
}

async fn a_failed_payment_after_a_sibling_was_paid_frees_nothing(api: Api) {
    coupon(&api, "SPENT", 1).await;
    let id = ready_with(&api, "SPENT").await;
    let (late, paid) = (api.order(&id).await.unwrap(), api.order(&id).await.unwrap());
    let amount = outstanding(&late);
    for (order, reference, state) in [
        (&late, "a", PaymentState::Pending),
        (&paid, "b", PaymentState::Completed),
        (&late, "a", PaymentState::Failed),
    ] {
        api.pay(order, reference, amount, state).await.unwrap();
    }
    api.server.lapse(&id).await;
    assert_eq!(uses_of(&api, "SPENT").await, 1);
}

async fn a_lapsed_reservation_is_free_for_others(api: Api) {
    coupon(&api, "LAPSES", 1).await;
    api.certificate("LAPSES-001", 525).await;
    let (first, second) = (
        ready_with(&api, "LAPSES").await,
        ready_with(&api, "LAPSES").await,
    );
    for id in [&first, &second] {
        api.apply_certificate(id, "LAPSES-001").await.unwrap();
    }
    let order = api.order(&first).await.unwrap();
    let found = violations(api.order(&second).await);
    assert!(found.contains(&"COUPON_USES_EXHAUSTED".to_owned()));
    assert!(found.contains(&"GIFT_CERTIFICATE_EMPTY".to_owned()));
    api.server.lapse(&first).await;
    assert_eq!(uses_of(&api, "LAPSES").await, 0);
    let (left, entries) = api.certificate_ledger("LAPSES-001").await;
    assert_eq!((left, entries[2].0), (525, Restored));
    // The first is the first again.
    let paid = api
        .pay(&order, "a", 0, PaymentState::Completed)
        .await
        .unwrap();
    assert_eq!(paid.status(), OrderStatus::AwaitingFulfillment);
    let found = violations(api.order(&second).await);
    assert!(found.contains(&"COUPON_USES_EXHAUSTED".to_owned()));
}

//! Statuses that the shop gives orders, and the history of orders.

use std::collections::BTreeSet;

use cartwright::{
    domain::{
        order::{MAX_CHANGES, Order, OrderStatus as Status, Payment, PaymentState, StatusUpdate},
        order_status::{MOVES, Needs},
        reason::Reason,
    },
    rpc::pb::{
        self, OrderHistoryEvent as Event, OrderStatus, PaymentState as State,
        order_service_client::OrderServiceClient,
    },
};
use tokio::task::JoinSet;
use tonic::Code;
use uuid::Uuid;

use crate::harness::{
    api::{Api, bad_fields, call, minor, on_every_backend, percentage_coupon, refused, usd},
    shop,
};

on_every_backend!(
    the_history_of_a_whole_life,
    an_impossible_move_names_the_possible_ones,
    updates_are_checked,
    a_repeated_update_is_done_once,
    the_status_that_it_has_changes_nothing,
    a_doubtful_order_is_resolved_either_way,
    siblings_are_told_why,
    what_was_redeemed_stays_redeemed,
    of_updates_at_once_one_wins,
    no_change_at_once_is_lost_or_doubled,
);

/// The table of docs/orders.md: from, to, and whether some money is enough.
fn documented() -> Vec<(String, String, bool)> {
    let (_, table) = include_str!("../../docs/orders.md")
        .split_once("<!-- moves -->\n")
        .unwrap();
    let (table, _) = table.split_once("<!-- end -->").unwrap();
    let rows = table.lines().skip(2).map(|row| {
        let cells: Vec<_> = row.split('|').map(str::trim).collect();
        let [_, from, to, when, _] = cells[..] else {
            panic!("{row}")
        };
        assert!(!when.is_empty(), "{row}");
        let some_money = from.strip_suffix(", some of it paid");
        let plain = some_money.unwrap_or(from).to_owned();
        (plain, to.to_owned(), some_money.is_some())
    });
    rows.collect()
}

#[test]
fn the_table_of_moves_is_documented() {
    let moves = MOVES.iter().map(|step| {
        let some_money = step.needs == Needs::SomeMoney;
        let note = if some_money { ", some of it paid" } else { "" };
        format!(
            "| {}{note} | {} | {} |\n",
            step.from.name(),
            step.to.name(),
            step.when
        )
    });
    let table: String = moves.collect();
    let docs = include_str!("../../docs/orders.md");
    assert!(docs.contains(&table), "docs/orders.md should have\n{table}");
}

/// An order with a status, of which this much is paid: nothing, a part, all.
fn order(status: Status, paid: usize) -> Order {
    let mut order = Order::new(shop::id(1), shop::checkout("USD", Vec::new()), shop::now());
    order.status = status;
    let of_payment = [
        PaymentState::Failed,
        PaymentState::Completed,
        PaymentState::Completed,
    ];
    order.payments = vec![Payment {
        id: shop::id(2),
        method: "card".into(),
        reference: "a".into(),
        amount: shop::amount(100),
        state: of_payment[paid],
        create_time: shop::now(),
    }];
    order.paid_time = (paid == 2).then(shop::now);
    order
}

fn to(status: Status) -> StatusUpdate {
    StatusUpdate {
        status,
        actor: "Ada".into(),
        reason: "so it is".into(),
    }
}

#[test]
fn every_status_from_every_status() {
    let documented = documented();
    for (from, wanted) in Status::ALL.iter().flat_map(|from| {
        let every = Status::ALL.iter();
        every.map(move |wanted| (*from, *wanted))
    }) {
        for paid in 0..3 {
            let allowed = documented.iter().any(|(a, b, some_money)| {
                (a.as_str(), b.as_str()) == (from.name(), wanted.name())
                    && paid >= if *some_money { 1 } else { 2 }
            });
            let before = order(from, paid);
            let mut after = before.clone();
            let answer = after.update_status(to(wanted), shop::now());
            if from == wanted {
                assert!(!answer.unwrap());
                assert_eq!(after, before);
            } else if allowed {
                assert!(answer.unwrap(), "{from:?} to {wanted:?}, paid {paid}");
                assert_eq!((after.status, after.version), (wanted, 2));
                assert_eq!(after.history.len(), 2);
                assert_eq!(after.paid_time, before.paid_time);
                let doubtful = wanted == Status::ManualVerificationRequired;
                assert_eq!(!after.status_reason.is_empty(), doubtful);
            } else {
                let refusal = answer.expect_err(&format!("{from:?} to {wanted:?}, paid {paid}"));
                assert_eq!(refusal.reason, Reason::OrderStatusNotAllowed);
                assert_eq!(after, before);
            }
        }
    }
}

#[test]
fn a_status_is_not_updated_without_end() {
    let mut order = order(Status::AwaitingFulfillment, 2);
    let statuses = [Status::AwaitingShipment, Status::AwaitingFulfillment];
    for status in statuses.into_iter().cycle().take(MAX_CHANGES - 1) {
        assert!(order.update_status(to(status), shop::now()).unwrap());
    }
    let before = order.clone();
    let refusal = order
        .update_status(to(Status::Shipped), shop::now())
        .unwrap_err();
    assert_eq!(refusal.reason, Reason::OrderStatusNotAllowed);
    assert!(refusal.message.contains("200"), "{}", refusal.message);
    assert_eq!(order, before);
}

fn total(order: &pb::Order) -> i64 {
    minor(&order.totals.as_ref().unwrap().outstanding_balance)
}

async fn get(api: &Api, order: &pb::Order) -> pb::Order {
    let by = Some(pb::get_order_request::By::OrderId(order.id.clone()));
    let answer = call!(api.orders, get_order, pb::GetOrderRequest { by });
    answer.unwrap().order.unwrap()
}

async fn paid_order(api: &Api) -> pb::Order {
    let order = api.order(&api.ready().await.id).await.unwrap();
    let paid = api.pay(&order, "a", total(&order), State::Completed).await;
    paid.unwrap()
}

/// What happened and what status that left, in order.
fn events(order: &pb::Order) -> Vec<(Event, OrderStatus)> {
    let entries = order.history.iter();
    entries
        .map(|entry| (entry.event(), entry.to_status()))
        .collect()
}

/// The statuses that the refusal allows.
#[track_caller]
fn allowed(answer: Result<pb::Order, tonic::Status>, from: &str, wanted: &str) -> String {
    let details = refused(answer, Code::FailedPrecondition, "ORDER_STATUS_NOT_ALLOWED");
    let metadata = &details.error_info().unwrap().metadata;
    assert_eq!(metadata["status"], from);
    assert_eq!(metadata["wanted_status"], wanted);
    metadata["allowed_statuses"].clone()
}

async fn the_history_of_a_whole_life(api: Api) {
    use OrderStatus as S;
    let order = api.order(&api.ready().await.id).await.unwrap();
    let all = total(&order);
    api.pay(&order, "a", all, State::Pending).await.unwrap();
    api.pay(&order, "a", all, State::Failed).await.unwrap();
    api.pay(&order, "b", all, State::Pending).await.unwrap();
    api.pay(&order, "b", all, State::Pending).await.unwrap();
    api.pay(&order, "b", 4155, State::Completed).await.unwrap();
    for status in [S::AwaitingShipment, S::Shipped, S::Completed] {
        api.update_status(&order, status).await.unwrap();
    }
    let request = pb::UpdateOrderStatusRequest {
        order_id: order.id.clone(),
        status: S::Refunded.into(),
        actor: "ada@example.com".into(),
        reason: "it broke".into(),
        ..Default::default()
    };
    let refunded = call!(api.orders, update_order_status, request).unwrap();
    let refunded = refunded.order.unwrap();

    let entry = |event: Event, from: S, to: S| pb::OrderHistoryEntry {
        event: event.into(),
        from_status: from.into(),
        to_status: to.into(),
        ..Default::default()
    };
    let payment = |from, to, reference: &str, state: State| pb::OrderHistoryEntry {
        payment_reference: reference.into(),
        payment_state: state.into(),
        ..entry(Event::PaymentRecorded, from, to)
    };
    let expected = [
        entry(Event::Created, S::Unspecified, S::Incomplete),
        payment(S::Incomplete, S::AwaitingPayment, "a", State::Pending),
        payment(S::AwaitingPayment, S::Declined, "a", State::Failed),
        payment(S::Declined, S::AwaitingPayment, "b", State::Pending),
        payment(
            S::AwaitingPayment,
            S::AwaitingFulfillment,
            "b",
            State::Completed,
        ),
        entry(
            Event::StatusUpdated,
            S::AwaitingFulfillment,
            S::AwaitingShipment,
        ),
        entry(Event::StatusUpdated, S::AwaitingShipment, S::Shipped),
        entry(Event::StatusUpdated, S::Shipped, S::Completed),
        pb::OrderHistoryEntry {
            actor: "ada@example.com".into(),
            reason: "it broke".into(),
            ..entry(Event::StatusUpdated, S::Completed, S::Refunded)
        },
    ];
    let mut history = refunded.history.clone();
    let times: Vec<_> = history.iter().map(|entry| entry.time.unwrap()).collect();
    let seconds = |time: &prost_types::Timestamp| (time.seconds, time.nanos);
    assert!(times.is_sorted_by_key(seconds), "{times:?}");
    assert_eq!(times.first(), order.create_time.as_ref());
    assert_eq!(times.last(), refunded.update_time.as_ref());
    for entry in &mut history {
        entry.time = None;
    }
    assert_eq!(history, expected);
    assert_eq!(refunded.status(), S::Refunded);
    assert_eq!(get(&api, &order).await, refunded);
    let listed = call!(api.orders, list_orders, pb::ListOrdersRequest::default());
    assert_eq!(listed.unwrap().orders, [refunded]);
}

async fn an_impossible_move_names_the_possible_ones(api: Api) {
    use OrderStatus as S;
    let order = api.order(&api.ready().await.id).await.unwrap();
    let answer = api.update_status(&order, S::AwaitingFulfillment).await;
    let message = answer.as_ref().unwrap_err().message().to_owned();
    assert!(message.contains("record its payment"), "{message}");
    assert_eq!(allowed(answer, "INCOMPLETE", "AWAITING_FULFILLMENT"), "");
    let answer = api.update_status(&order, S::Cancelled).await;
    assert_eq!(allowed(answer, "INCOMPLETE", "CANCELLED"), "");
    assert_eq!(get(&api, &order).await, order);

    let order = paid_order(&api).await;
    api.update_status(&order, S::Shipped).await.unwrap();
    let shipped = get(&api, &order).await;
    let answer = api.update_status(&order, S::Cancelled).await;
    let possible = "PARTIALLY_SHIPPED,COMPLETED,DISPUTED,PARTIALLY_REFUNDED,REFUNDED";
    assert_eq!(allowed(answer, "SHIPPED", "CANCELLED"), possible);
    assert_eq!(get(&api, &order).await, shipped, "nothing was changed");
    api.update_status(&order, S::Refunded).await.unwrap();
    let answer = api.update_status(&order, S::Shipped).await;
    assert_eq!(allowed(answer, "REFUNDED", "SHIPPED"), "");
    // It stays paid all the same.
    let answer = api.pay(&order, "b", 4155, State::Completed).await;
    refused(answer, Code::FailedPrecondition, "ORDER_ALREADY_PAID");
}

async fn updates_are_checked(api: Api) {
    let order = paid_order(&api).await;
    let update = |request| {
        let mut orders = api.orders.clone();
        async move { orders.update_order_status(request).await }
    };
    let request = pb::UpdateOrderStatusRequest {
        order_id: order.id.clone(),
        status: OrderStatus::Shipped.into(),
        ..Default::default()
    };
    let long = pb::UpdateOrderStatusRequest {
        status: 0,
        actor: "a".repeat(256),
        reason: "b".repeat(256),
        request_id: "again".into(),
        ..request.clone()
    };
    let fields = bad_fields(update(long).await);
    assert_eq!(fields, ["request_id", "status", "actor", "reason"]);
    let unknown = pb::UpdateOrderStatusRequest {
        order_id: String::new(),
        status: 99,
        ..request.clone()
    };
    assert_eq!(bad_fields(update(unknown).await), ["order_id", "status"]);
    let nobodys = pb::UpdateOrderStatusRequest {
        order_id: Uuid::nil().to_string(),
        ..request.clone()
    };
    refused(update(nobodys).await, Code::NotFound, "ORDER_NOT_FOUND");
    assert_eq!(get(&api, &order).await, order, "nothing was changed");
    let longest = pb::UpdateOrderStatusRequest {
        actor: "ä".repeat(255),
        reason: "ß".repeat(255),
        ..request
    };
    let shipped = update(longest.clone()).await.unwrap().into_inner();
    let shipped = shipped.order.unwrap();
    let last = shipped.history.last().unwrap();
    assert_eq!(
        (&last.actor, &last.reason),
        (&longest.actor, &longest.reason)
    );
}

async fn a_repeated_update_is_done_once(api: Api) {
    use OrderStatus as S;
    let order = paid_order(&api).await;
    let request = pb::UpdateOrderStatusRequest {
        order_id: order.id.clone(),
        status: S::AwaitingShipment.into(),
        request_id: Uuid::from_u128(1).to_string(),
        ..Default::default()
    };
    let first = call!(api.orders, update_order_status, request.clone()).unwrap();
    let again = call!(api.orders, update_order_status, request.clone());
    assert_eq!(again.unwrap(), first);
    // A repetition that comes late moves nothing back.
    api.update_status(&order, S::AwaitingFulfillment)
        .await
        .unwrap();
    let late = call!(api.orders, update_order_status, request.clone());
    let late = late.unwrap().order.unwrap();
    assert_eq!(
        (late.status(), late.history.len()),
        (S::AwaitingFulfillment, 4)
    );
    let other = pb::UpdateOrderStatusRequest {
        actor: "somebody else".into(),
        ..request
    };
    let answer = call!(api.orders, update_order_status, other);
    refused(answer, Code::InvalidArgument, "REQUEST_ID_REUSED");
}

async fn the_status_that_it_has_changes_nothing(api: Api) {
    let order = paid_order(&api).await;
    let same = api.update_status(&order, OrderStatus::AwaitingFulfillment);
    assert_eq!(same.await.unwrap(), order);
    let cancelled = api.order(&api.ready().await.id).await.unwrap();
    for _ in 0..2 {
        let request = pb::CancelOrderRequest {
            order_id: cancelled.id.clone(),
            ..Default::default()
        };
        let answer = call!(api.orders, cancel_order, request).unwrap();
        let created = (Event::Created, OrderStatus::Incomplete);
        let ended = (Event::Cancelled, OrderStatus::Cancelled);
        assert_eq!(events(&answer.order.unwrap()), [created, ended]);
    }
}

async fn a_doubtful_order_is_resolved_either_way(api: Api) {
    use OrderStatus as S;
    for status in [S::AwaitingFulfillment, S::Cancelled, S::Refunded] {
        let order = paid_order(&api).await;
        let request = pb::UpdateOrderStatusRequest {
            order_id: order.id.clone(),
            status: S::ManualVerificationRequired.into(),
            reason: "two countries".into(),
            ..Default::default()
        };
        let doubtful = call!(api.orders, update_order_status, request).unwrap();
        let doubtful = doubtful.order.unwrap();
        assert_eq!(doubtful.status_reason, "two countries");
        let resolved = api.update_status(&order, status).await.unwrap();
        assert_eq!((resolved.status(), resolved.history.len()), (status, 4));
        assert_eq!(resolved.status_reason, "");
        assert_eq!(resolved.paid_time, order.paid_time);
    }
}

async fn siblings_are_told_why(api: Api) {
    use OrderStatus as S;
    let checkout = api.ready().await;
    let mut orders = Vec::new();
    for _ in 0..4 {
        orders.push(api.order(&checkout.id).await.unwrap());
    }
    let [partly, declined, untouched, paid] = orders.try_into().unwrap();
    api.pay(&partly, "a", 100, State::Completed).await.unwrap();
    api.pay(&declined, "a", 100, State::Failed).await.unwrap();
    let all = total(&paid);
    api.pay(&paid, "a", all, State::Completed).await.unwrap();

    let told = |order: &pb::Order| {
        let last = order.history.last().unwrap();
        assert_eq!(last.event(), Event::SiblingPaid);
        assert!(last.reason.contains(&paid.id), "{}", last.reason);
        (last.from_status(), last.to_status(), order.history.len())
    };
    let untouched = get(&api, &untouched).await;
    assert_eq!(told(&untouched), (S::Incomplete, S::Cancelled, 2));
    let declined = get(&api, &declined).await;
    assert_eq!(told(&declined), (S::Declined, S::Cancelled, 3));
    let partly = get(&api, &partly).await;
    let doubtful = S::ManualVerificationRequired;
    assert_eq!(told(&partly), (S::AwaitingPayment, doubtful, 3));

    // It cannot go on beside the paid one, but its money can be paid back; that of the others never moved.
    let answer = api.update_status(&partly, S::AwaitingFulfillment).await;
    let from = "MANUAL_VERIFICATION_REQUIRED";
    let possible = allowed(answer, from, "AWAITING_FULFILLMENT");
    assert_eq!(possible, "CANCELLED,REFUNDED");
    for status in [S::Cancelled, S::Refunded] {
        let moved = api.update_status(&partly, status).await.unwrap();
        assert_eq!(moved.status(), status);
    }
    let answer = api.update_status(&untouched, S::Refunded).await;
    assert_eq!(allowed(answer, "CANCELLED", "REFUNDED"), "");
}

async fn what_was_redeemed_stays_redeemed(api: Api) {
    let coupon = pb::CreateCouponRequest {
        max_uses: 1,
        ..percentage_coupon("ONCE", "10")
    };
    let promotion = api.coupon(coupon).await.promotion.unwrap();
    api.certificate("GIFT-1", 1_000).await;
    let checkout = api.ready().await;
    api.apply(&checkout.id, "ONCE").await.unwrap();
    api.apply_certificate(&checkout.id, "GIFT-1").await.unwrap();
    let order = api.order(&checkout.id).await.unwrap();
    let all = total(&order);
    api.pay(&order, "a", all, State::Completed).await.unwrap();
    for status in [OrderStatus::Cancelled, OrderStatus::Refunded] {
        api.update_status(&order, status).await.unwrap();
        let list = pb::ListCouponCodesRequest {
            promotion_id: promotion.id.clone(),
            ..Default::default()
        };
        let codes = call!(api.promotions, list_coupon_codes, list).unwrap();
        assert_eq!(codes.coupon_codes[0].current_uses, 1);
        assert_eq!(api.certificate_ledger("GIFT-1").await.0, 0);
    }
}

/// Both services of a shop, by turns.
fn by_turns<'a>(
    api: &'a Api,
    other: &'a Api,
) -> impl Iterator<Item = OrderServiceClient<tonic::transport::Channel>> + 'a {
    [api, other]
        .into_iter()
        .cycle()
        .map(|api| api.orders.clone())
}

async fn of_updates_at_once_one_wins(api: Api) {
    use OrderStatus as S;
    let other = api.replica().await;
    for _ in 0..5 {
        let order = paid_order(&api).await;
        let mut calls = JoinSet::new();
        for (number, mut orders) in (0..12).zip(by_turns(&api, &other)) {
            let status = [S::Shipped, S::Cancelled][number / 2 % 2];
            let request = pb::UpdateOrderStatusRequest {
                order_id: order.id.clone(),
                status: status.into(),
                actor: format!("caller {number}"),
                ..Default::default()
            };
            calls.spawn(async move {
                let answer = orders.update_order_status(request).await;
                (
                    status,
                    answer.map(|answer| answer.into_inner().order.unwrap()),
                )
            });
        }
        let answers = calls.join_all().await;
        let now = get(&api, &order).await;
        assert_eq!(now.history.len(), 3, "{:?}", now.history);
        for (wanted, answer) in answers {
            if wanted == now.status() {
                assert_eq!(answer.unwrap(), now);
            } else {
                let refusal = "ORDER_STATUS_NOT_ALLOWED";
                refused(answer, Code::FailedPrecondition, refusal);
            }
        }
    }
}

async fn no_change_at_once_is_lost_or_doubled(api: Api) {
    let other = api.replica().await;
    let order = api.order(&api.ready().await.id).await.unwrap();
    let mut calls = JoinSet::new();
    for (number, mut orders) in (0..24).zip(by_turns(&api, &other)) {
        // Each payment is recorded by one caller on each service.
        let request = pb::RecordPaymentRequest {
            order_id: order.id.clone(),
            method: "card".into(),
            reference: format!("payment {}", number / 2),
            amount: usd(100),
            state: State::Completed.into(),
            ..Default::default()
        };
        calls.spawn(async move { orders.record_payment(request).await.map(drop) });
    }
    for answer in calls.join_all().await {
        answer.unwrap();
    }
    let now = get(&api, &order).await;
    assert_eq!((now.payments.len(), now.history.len()), (12, 13));
    let recorded = now.history[1..].iter();
    let recorded: BTreeSet<_> = recorded.map(|entry| &entry.payment_reference).collect();
    assert_eq!(recorded.len(), 12);
}

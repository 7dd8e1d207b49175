//! Orders and payments.

use std::collections::HashSet;

use cartwright::{
    domain::{
        checkout::{Checkout, CheckoutState},
        order::{Order, OrderStatus, PaymentState, sibling_paid},
        order_history::{HistoryEntry, HistoryEvent},
    },
    store::{
        Database, checkout,
        order::{self, OrderFilter, OrderKey},
    },
};
use chrono::TimeDelta;

use super::samples::{self, id, now};
use crate::harness::database::{TestDatabase, at_once};

async fn insert(database: &Database, order: &Order) -> Order {
    let transaction = database.begin().await.unwrap();
    let number = order::insert(&transaction, order).await.unwrap();
    transaction.commit().await.unwrap();
    Order {
        number,
        ..order.clone()
    }
}

/// Updates the order, and answers whether it did.
async fn update(database: &Database, order: &Order, read_version: i64) -> bool {
    let transaction = database.begin().await.unwrap();
    let updated = order::update(&transaction, order, read_version);
    let updated = updated.await.unwrap();
    transaction.commit().await.unwrap();
    updated
}

async fn load(database: &Database, number: u128) -> Order {
    let key = OrderKey::Id(id(number));
    order::load(database, key).await.unwrap().unwrap()
}

/// An entry of the history of the order as it is.
fn entry(order: &Order, actor: &str) -> HistoryEntry {
    HistoryEntry {
        actor: actor.into(),
        reason: order.status_reason.clone(),
        ..HistoryEntry::new(order.status, HistoryEvent::StatusUpdated, order.update_time)
    }
}

pub(super) async fn an_order_comes_back_with_its_payments(place: TestDatabase) {
    let database = place.open().await;
    let mut with_requests = samples::order(80, 7);
    with_requests.snapshot = samples::checkout(7);
    assert!(!with_requests.snapshot.requests.is_empty());
    let number = insert(&database, &with_requests).await.number;
    let mut expected = Order {
        number,
        ..samples::order(80, 7)
    };
    assert_eq!(load(&database, 80).await, expected);

    // Oldest first, whatever their ids.
    let mut older = samples::payment(92, PaymentState::Failed);
    older.create_time = now() - TimeDelta::seconds(1);
    let newer = samples::payment(91, PaymentState::Pending);
    for payment in [&newer, &older] {
        order::save_payment(&database, id(80), payment)
            .await
            .unwrap();
    }
    expected.payments = vec![older, newer];
    for key in [OrderKey::Id(id(80)), OrderKey::Number(number)] {
        let loaded = order::load(&database, key).await.unwrap();
        assert_eq!(loaded.as_ref(), Some(&expected));
    }
    for key in [OrderKey::Id(id(81)), OrderKey::Number(number + 1)] {
        assert_eq!(order::load(&database, key).await.unwrap(), None);
    }
}

pub(super) async fn an_order_is_numbered_once(place: TestDatabase) {
    let database = place.open().await;
    let numbers = at_once(32, |n| {
        let database = database.clone();
        async move { insert(&database, &samples::order(n, 7)).await.number }
    });
    let numbers: HashSet<_> = numbers.await.into_iter().collect();
    assert_eq!(numbers.len(), 32);
    assert!(numbers.iter().all(|number| *number > 0));
    let transaction = database.begin().await.unwrap();
    let again = order::insert(&transaction, &samples::order(1, 7)).await;
    assert!(again.is_err());
}

pub(super) async fn a_stale_version_updates_nothing(place: TestDatabase) {
    let database = place.open().await;
    let mut order = insert(&database, &samples::order(80, 7)).await;
    order.version = 2;
    order.status = OrderStatus::ManualVerificationRequired;
    order.status_reason = "look at it".into();
    order.update_time = now() + TimeDelta::minutes(1);
    order.paid_time = Some(order.update_time);
    order.history.push(entry(&order, "Ada"));
    assert!(!update(&database, &order, 0).await);
    assert!(update(&database, &order, 1).await);
    assert_eq!(load(&database, 80).await, order);

    order.version = 3;
    order.paid_time = None;
    order.history.push(entry(&order, "Grace"));
    let updated = at_once(8, |_| {
        let (database, order) = (database.clone(), order.clone());
        async move { update(&database, &order, 2).await }
    });
    assert_eq!(updated.await.iter().filter(|updated| **updated).count(), 1);
    assert_eq!(load(&database, 80).await, order);
}

pub(super) async fn a_payment_is_known_by_its_reference(place: TestDatabase) {
    let database = place.open().await;
    for number in [80, 81] {
        insert(&database, &samples::order(number, 7)).await;
        let mut payment = samples::payment(number + 10, PaymentState::Pending);
        payment.reference = "same".into();
        order::save_payment(&database, id(number), &payment)
            .await
            .unwrap();
    }
    // The next state of the first, from a caller who made another id for it.
    let mut completed = samples::payment(99, PaymentState::Completed);
    completed.reference = "same".into();
    order::save_payment(&database, id(80), &completed)
        .await
        .unwrap();

    let [first, second] = [load(&database, 80).await, load(&database, 81).await];
    completed.id = id(90);
    assert_eq!(first.payments, [completed]);
    assert_eq!(second.payments[0].state, PaymentState::Pending);
    let homeless = samples::payment(98, PaymentState::Pending);
    assert!(
        order::save_payment(&database, id(89), &homeless)
            .await
            .is_err()
    );
}

pub(super) async fn a_checkout_is_paid_once(place: TestDatabase) {
    let database = place.open().await;
    samples::insert_checkout(&database, &samples::checkout(7))
        .await
        .unwrap();
    assert_eq!(order::paid_order_of(&database, id(7)).await.unwrap(), None);
    let paid = at_once(16, |n| {
        let database = database.clone();
        async move {
            let transaction = database.begin().await.unwrap();
            let paid = order::mark_paid(&transaction, id(7), id(n), now())
                .await
                .unwrap();
            transaction.commit().await.unwrap();
            paid.then_some(id(n))
        }
    });
    let paid: Vec<_> = paid.await.into_iter().flatten().collect();
    let [order_id] = paid[..] else {
        panic!("paid by {paid:?}")
    };
    let found = order::paid_order_of(&database, id(7)).await.unwrap();
    assert_eq!(found, Some(order_id));
    let expected = Checkout {
        version: 2,
        state: CheckoutState::Paid { order_id },
        ..samples::checkout(7)
    };
    let loaded = checkout::load(&database, id(7)).await.unwrap();
    assert_eq!(loaded, Some(expected));
    assert!(
        !order::mark_paid(&database, id(8), id(80), now())
            .await
            .unwrap()
    );
    assert_eq!(order::paid_order_of(&database, id(8)).await.unwrap(), None);
}

pub(super) async fn a_deleted_cart_can_still_be_paid(place: TestDatabase) {
    let database = place.open().await;
    let mut checkout = samples::checkout(7);
    checkout.state = CheckoutState::Deleted;
    checkout.expire_time = now() - TimeDelta::days(1);
    samples::insert_checkout(&database, &checkout)
        .await
        .unwrap();
    assert!(
        order::mark_paid(&database, id(7), id(80), now())
            .await
            .unwrap()
    );
    let paid = checkout::load(&database, id(7)).await.unwrap().unwrap();
    assert_eq!(paid.state, CheckoutState::Paid { order_id: id(80) });
}

pub(super) async fn siblings_that_wait_are_cancelled(place: TestDatabase) {
    let database = place.open().await;
    // The first is the paid one; the last belongs to another checkout.
    let orders = [
        (80, 7, OrderStatus::Incomplete, false),
        (81, 7, OrderStatus::Incomplete, true),
        (82, 7, OrderStatus::Declined, true),
        (83, 7, OrderStatus::AwaitingPayment, false),
        (84, 7, OrderStatus::Cancelled, false),
        (85, 8, OrderStatus::Incomplete, false),
    ];
    for (number, checkout, status, _) in orders {
        let mut order = samples::order(number, checkout);
        order.status = status;
        insert(&database, &order).await;
    }
    let later = now() + TimeDelta::minutes(1);
    let transaction = database.begin().await.unwrap();
    let answered = order::cancel_siblings(&transaction, id(7), id(80), later);
    let mut answered = answered.await.unwrap();
    transaction.commit().await.unwrap();
    answered.sort_by_key(|ended| ended.id);
    let answered: Vec<_> = answered
        .into_iter()
        .map(|ended| (ended.id, ended.version, ended.status, ended.snapshot))
        .collect();
    let snapshot = samples::order(81, 7).snapshot;
    let cancelled = |n| (id(n), 2, OrderStatus::Cancelled, snapshot.clone());
    assert_eq!(answered, [cancelled(81), cancelled(82)]);
    for (number, _, status, cancelled) in orders {
        let order = load(&database, number).await;
        let expected = if cancelled {
            (OrderStatus::Cancelled, 2, later)
        } else {
            (status, 1, now())
        };
        assert_eq!((order.status, order.version, order.update_time), expected);
        let told = HistoryEntry {
            reason: sibling_paid(id(80)),
            ..HistoryEntry::new(OrderStatus::Cancelled, HistoryEvent::SiblingPaid, later)
        };
        let told = cancelled.then_some(told);
        assert_eq!(order.history.get(1..).unwrap(), told.as_slice());
    }
}

pub(super) async fn an_open_payment_is_found_by_its_checkout(place: TestDatabase) {
    let database = place.open().await;
    insert(&database, &samples::order(80, 7)).await;
    let mut order = insert(&database, &samples::order(81, 7)).await;
    let has_open = async |n| order::has_open_payment(&database, id(n)).await.unwrap();
    assert!(!has_open(7).await);
    for (state, open) in [
        (PaymentState::Failed, false),
        (PaymentState::Pending, true),
        (PaymentState::Completed, true),
    ] {
        let payment = samples::payment(90, state);
        order::save_payment(&database, id(81), &payment)
            .await
            .unwrap();
        assert_eq!(has_open(7).await, open, "{state:?}");
    }
    assert!(!has_open(8).await);

    let version = order.version;
    let given_up = order.cancel(String::new(), String::new(), now());
    assert!(given_up.unwrap());
    let transaction = database.begin().await.unwrap();
    let updated = order::update(&transaction, &order, version).await;
    assert!(updated.unwrap());
    transaction.commit().await.unwrap();
    assert!(!has_open(7).await, "its order was given up");
}

pub(super) async fn orders_are_listed_newest_first(place: TestDatabase) {
    let database = place.open().await;
    let mut orders = Vec::new();
    for number in 80..90 {
        let mut order = samples::order(number, number % 2);
        order.snapshot.customer_id = format!("customer-{}", number % 5);
        if number % 3 == 0 {
            order.status = OrderStatus::Declined;
        }
        let mut order = insert(&database, &order).await;
        let payment = samples::payment(number, PaymentState::Pending);
        order::save_payment(&database, order.id, &payment)
            .await
            .unwrap();
        order.payments.push(payment);
        orders.insert(0, order);
    }
    let any = OrderFilter::default();
    let (mut listed, mut before) = (Vec::new(), None);
    loop {
        let page = order::list(&database, &any, before, 3).await.unwrap();
        let Some(last) = page.last() else { break };
        before = Some(last.number);
        listed.extend(page);
    }
    assert_eq!(listed, orders);

    let filter = OrderFilter {
        channel_ids: None,
        customer_id: Some("customer-3".into()),
        checkout_id: Some(id(1)),
        status: None,
    };
    let numbers = async |filter: &OrderFilter| {
        let found = order::list(&database, filter, None, 9).await.unwrap();
        let ids = found.iter().map(|order| order.id.as_u128());
        ids.collect::<Vec<_>>()
    };
    assert_eq!(numbers(&filter).await, [83]);
    let declined = OrderFilter {
        status: Some(OrderStatus::Declined),
        ..OrderFilter::default()
    };
    assert_eq!(numbers(&declined).await, [87, 84, 81]);
    let both = OrderFilter {
        status: Some(OrderStatus::Declined),
        ..filter
    };
    assert!(numbers(&both).await.is_empty());
}

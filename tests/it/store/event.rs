//! Events.

use std::collections::BTreeSet;

use cartwright::{
    domain::event::{Event, EventKind, Subject},
    store::{
        Database,
        event::{self, Mark},
    },
};
use chrono::TimeDelta;

use super::samples::{self, id, now};
use crate::harness::database::{TestDatabase, at_once};

/// An event that happened so many seconds after now.
fn at(second: u32) -> Event {
    Event {
        id: id(second.into()),
        time: now() + TimeDelta::seconds(second.into()),
        kind: EventKind::CouponCodeGenerated,
        subject: Subject::CouponCodes {
            promotion_id: id(50),
            code_id: None,
            batch_id: Some(id(51)),
            count: second,
        },
        traceparent: "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01".into(),
    }
}

async fn insert(database: &Database, seconds: &[u32]) {
    let events: Vec<_> = seconds.iter().copied().map(at).collect();
    let transaction = database.begin().await.unwrap();
    event::insert(&transaction, &events).await.unwrap();
    transaction.commit().await.unwrap();
}

/// The events after a position: each with its position and second.
async fn list(database: &Database, after: i64) -> Vec<(i64, u128)> {
    let events = event::list(database, after, 10_000).await.unwrap();
    let events = events.into_iter();
    events
        .map(|placed| (placed.position, placed.event.id.as_u128()))
        .collect()
}

async fn mark(database: &Database, mark: Mark) -> i64 {
    event::mark(database, mark).await.unwrap()
}

pub(super) async fn events_come_back_in_the_order_of_their_times(place: TestDatabase) {
    let database = place.open().await;
    assert!(!event::any_waiting(&database).await.unwrap());
    assert_eq!(event::place(&database).await.unwrap(), 0);
    insert(&database, &[3, 1, 2]).await;
    assert!(event::any_waiting(&database).await.unwrap());
    assert_eq!(
        list(&database, 0).await,
        [],
        "nobody reads what has no place"
    );
    assert_eq!(event::place(&database).await.unwrap(), 3);
    assert_eq!(list(&database, 0).await, [(1, 1), (2, 2), (3, 3)]);
    assert_eq!(list(&database, 2).await, [(3, 3)]);
    assert_eq!(mark(&database, Mark::Placed).await, 3);
    let first = event::list(&database, 0, 1).await.unwrap();
    assert_eq!(first[0].event, at(1));
    assert!(!event::any_waiting(&database).await.unwrap());
    // What happened earlier and was written later has its place after what was told before.
    insert(&database, &[0]).await;
    assert_eq!(event::place(&database).await.unwrap(), 1);
    assert_eq!(list(&database, 3).await, [(4, 0)]);
}

pub(super) async fn what_is_committed_late_is_not_skipped(place: TestDatabase) {
    let database = place.open().await;
    if place.url.starts_with("sqlite") {
        // It has one writer at a time, so nothing is committed late.
        insert(&database, &[1]).await;
        assert_eq!(event::place(&database).await.unwrap(), 1);
        return;
    }
    let late = database.begin().await.unwrap();
    event::insert(&late, &[at(1)]).await.unwrap();
    insert(&database, &[2]).await;
    assert_eq!(event::place(&database).await.unwrap(), 1);
    assert_eq!(list(&database, 0).await, [(1, 2)]);
    late.commit().await.unwrap();
    assert_eq!(event::place(&database).await.unwrap(), 1);
    assert_eq!(list(&database, 1).await, [(2, 1)]);
}

pub(super) async fn every_event_has_one_place_whoever_places(place: TestDatabase) {
    let database = place.open().await;
    let placed = at_once(8, |task| {
        let database = database.clone();
        async move {
            let first = u32::try_from(task).unwrap() * 1_000;
            let mut placed = 0;
            for chunk in 0..5 {
                let seconds: Vec<_> = (0..50).map(|n| first + chunk * 50 + n).collect();
                insert(&database, &seconds).await;
                placed += event::place(&database).await.unwrap();
            }
            placed
        }
    });
    assert_eq!(placed.await.iter().sum::<u64>(), 2_000);
    let listed = list(&database, 0).await;
    let positions: Vec<_> = listed.iter().map(|(position, _)| *position).collect();
    assert_eq!(positions, (1..=2_000).collect::<Vec<_>>(), "no gaps");
    let events: BTreeSet<_> = listed.iter().map(|(_, event)| *event).collect();
    assert_eq!(events.len(), 2_000);
}

pub(super) async fn an_event_is_written_with_its_change_or_not_at_all(place: TestDatabase) {
    let database = place.open().await;
    let checkout = samples::checkout(7);
    samples::insert_checkout(&database, &checkout)
        .await
        .unwrap();
    let next = cartwright::domain::checkout::Checkout {
        version: 2,
        ..checkout.clone()
    };
    // A stale version, then one in a transaction that ends with nothing, then one that counts.
    let replaced = samples::replace_checkout(&database, &next, 9).await;
    assert!(!replaced.unwrap());
    let transaction = database.begin().await.unwrap();
    let replaced = samples::replace_checkout(&transaction, &next, 1).await;
    assert!(replaced.unwrap());
    drop(transaction);
    let replaced = samples::replace_checkout(&database, &next, 1).await;
    assert!(replaced.unwrap());
    event::place(&database).await.unwrap();
    let told = event::list(&database, 0, 10).await.unwrap();
    let told: Vec<_> = told.into_iter().map(|placed| placed.event).collect();
    assert_eq!(told, [samples::event(&checkout), samples::event(&next)]);
}

pub(super) async fn old_events_are_forgotten_once_they_are_done_with(place: TestDatabase) {
    let database = place.open().await;
    insert(&database, &[1, 2, 3, 4, 5]).await;
    event::place(&database).await.unwrap();
    let forget = async |second: i64, marks: &[Mark], limit| {
        let time = now() + TimeDelta::seconds(second);
        let forgotten = event::forget_before(&database, time, marks, limit).await;
        forgotten.unwrap()
    };
    assert_eq!(forget(9, &[Mark::LookedThrough], 10).await, 0);
    let transaction = database.begin().await.unwrap();
    assert_eq!(
        event::hold_mark(&transaction, Mark::LookedThrough)
            .await
            .unwrap(),
        0
    );
    event::move_mark(&transaction, Mark::LookedThrough, 4)
        .await
        .unwrap();
    transaction.commit().await.unwrap();
    assert_eq!(
        forget(9, &[Mark::LookedThrough, Mark::Published], 10).await,
        0
    );
    assert_eq!(forget(3, &[Mark::LookedThrough], 1).await, 1);
    assert_eq!(forget(3, &[Mark::LookedThrough], 10).await, 1);
    assert_eq!(list(&database, 0).await, [(3, 3), (4, 4), (5, 5)]);
    assert_eq!(forget(9, &[], 10).await, 2);
    assert_eq!(list(&database, 0).await, [(5, 5)], "the newest is kept");
    assert_eq!(forget(9, &[], 10).await, 0);
    assert_eq!(mark(&database, Mark::Placed).await, 5);
}

pub(super) async fn who_listens_hears_what_others_place(place: TestDatabase) {
    let database = place.open().await;
    let listener = event::listen(&database).await.unwrap();
    let Some(mut listener) = listener else {
        assert!(
            place.url.starts_with("sqlite"),
            "where there is one replica"
        );
        return;
    };
    insert(&database, &[1]).await;
    event::place(&database).await.unwrap();
    listener.heard().await.unwrap();
    assert_eq!(list(&database, 0).await, [(1, 1)]);
}

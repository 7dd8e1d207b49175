//! Checkouts.

use cartwright::{
    domain::checkout::{Checkout, CheckoutState},
    store::{Database, checkout, order},
};

use chrono::TimeDelta;
use uuid::Uuid;

use super::samples::{self, id, now};
use crate::harness::database::{TestDatabase, at_once};

/// The next version of it, with another note.
fn changed(checkout: &Checkout, note: &str) -> Checkout {
    Checkout {
        version: checkout.version + 1,
        staff_note: note.into(),
        ..checkout.clone()
    }
}

async fn load(database: &Database) -> Checkout {
    checkout::load(database, id(7)).await.unwrap().unwrap()
}

pub(super) async fn a_checkout_comes_back_as_it_was(place: TestDatabase) {
    let database = place.open().await;
    let mut checkout = samples::checkout(7);
    samples::insert_checkout(&database, &checkout)
        .await
        .unwrap();
    assert_eq!(load(&database).await, checkout);
    assert_eq!(checkout::load(&database, id(8)).await.unwrap(), None);
    assert!(
        samples::insert_checkout(&database, &checkout)
            .await
            .is_err()
    );

    checkout = changed(&checkout, "gone");
    checkout.state = CheckoutState::Deleted;
    assert!(
        samples::replace_checkout(&database, &checkout, 1)
            .await
            .unwrap()
    );
    assert_eq!(load(&database).await, checkout);
}

pub(super) async fn a_stale_version_replaces_nothing(place: TestDatabase) {
    let database = place.open().await;
    let first = samples::checkout(7);
    samples::insert_checkout(&database, &first).await.unwrap();
    let second = changed(&first, "second");
    assert!(
        !samples::replace_checkout(&database, &second, 0)
            .await
            .unwrap()
    );
    assert!(
        samples::replace_checkout(&database, &second, 1)
            .await
            .unwrap()
    );
    assert!(
        !samples::replace_checkout(&database, &second, 1)
            .await
            .unwrap()
    );
    assert_eq!(load(&database).await, second);

    // A payment raises the version and ends the checkout, and neither is undone by who knows the version.
    assert!(
        order::mark_paid(&database, id(7), id(90), now())
            .await
            .unwrap()
    );
    let third = changed(&second, "third");
    for read_version in [2, 3] {
        assert!(
            !samples::replace_checkout(&database, &third, read_version)
                .await
                .unwrap()
        );
    }
    let paid = Checkout {
        version: 3,
        state: CheckoutState::Paid { order_id: id(90) },
        ..second
    };
    assert_eq!(load(&database).await, paid);
}

pub(super) async fn of_changes_to_one_version_one_wins(place: TestDatabase) {
    let database = place.open().await;
    let first = samples::checkout(7);
    samples::insert_checkout(&database, &first).await.unwrap();
    let won = at_once(16, |n| {
        let (database, next) = (database.clone(), changed(&first, &n.to_string()));
        async move {
            let replaced = samples::replace_checkout(&database, &next, 1)
                .await
                .unwrap();
            replaced.then_some(next)
        }
    });
    let won: Vec<_> = won.await.into_iter().flatten().collect();
    assert_eq!(won, [load(&database).await]);
}

pub(super) async fn each_of_many_changes_counts_when_retried(place: TestDatabase) {
    let database = place.open().await;
    samples::insert_checkout(&database, &samples::checkout(7))
        .await
        .unwrap();
    let change = |_| {
        let database = database.clone();
        async move {
            loop {
                let read = load(&database).await;
                let next = changed(&read, &format!("{}x", read.staff_note));
                if samples::replace_checkout(&database, &next, read.version)
                    .await
                    .unwrap()
                {
                    break;
                }
            }
        }
    };
    at_once(16, change).await;
    let last = load(&database).await;
    assert_eq!((last.version, last.staff_note.len()), (17, 16));
}

pub(super) async fn what_has_ended_is_purged_once_in_batches(place: TestDatabase) {
    let database = place.open().await;
    for number in 1..=60 {
        // The last ten expire later.
        let checkout = Checkout {
            expire_time: now() + TimeDelta::hours(i64::from(number > 50)),
            ..samples::checkout(number)
        };
        samples::insert_checkout(&database, &checkout)
            .await
            .unwrap();
    }
    let time = now() + TimeDelta::microseconds(1);
    let ended = checkout::ended(&database, time, id(3), 2).await.unwrap();
    assert_eq!(ended, [id(4), id(5)]);
    let purged = at_once(4, |_| {
        let database = database.clone();
        async move {
            let (mut purged, mut after) = (0, Uuid::nil());
            loop {
                let ids = checkout::ended(&database, time, after, 7).await.unwrap();
                let Some(last) = ids.last() else {
                    return purged;
                };
                after = *last;
                purged += checkout::purge(&database, &ids, time).await.unwrap();
            }
        }
    });
    assert_eq!(purged.await.into_iter().sum::<u64>(), 50);
    for number in 51..=60 {
        let kept = checkout::load(&database, id(number)).await.unwrap();
        assert!(kept.is_some());
    }
    // What is told to be purged and has not ended stays.
    assert_eq!(
        checkout::purge(&database, &[id(51)], time).await.unwrap(),
        0
    );
}

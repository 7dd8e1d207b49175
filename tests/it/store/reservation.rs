//! Until when checkouts hold what they have reserved.

use cartwright::store::{Database, reservation};
use chrono::{DateTime, TimeDelta, Utc};

use super::samples::{id, now};
use crate::harness::database::{TestDatabase, at_once};

async fn keep(database: &Database, checkout: u128, until: DateTime<Utc>) {
    let transaction = database.begin().await.unwrap();
    let kept = reservation::keep(&transaction, id(checkout), until).await;
    kept.unwrap();
    transaction.commit().await.unwrap();
}

async fn claim(database: &Database, checkout: u128, now: DateTime<Utc>) -> bool {
    let transaction = database.begin().await.unwrap();
    let claimed = reservation::claim(&transaction, id(checkout), now).await;
    transaction.commit().await.unwrap();
    claimed.unwrap()
}

pub(super) async fn what_has_lapsed_is_found_the_longest_first(place: TestDatabase) {
    let database = place.open().await;
    let second = TimeDelta::seconds(1);
    for (checkout, until) in [(1, now()), (2, now() - second), (3, now() + second)] {
        keep(&database, checkout, until).await;
    }
    let lapsed = async |limit| reservation::lapsed(&database, now(), limit).await.unwrap();
    assert_eq!(lapsed(9).await, [id(2), id(1)]);
    assert_eq!(lapsed(1).await, [id(2)]);
    // Renewed or kept for good, it has not lapsed.
    keep(&database, 2, now() + second).await;
    let transaction = database.begin().await.unwrap();
    assert!(reservation::pin(&transaction, id(1)).await.unwrap());
    assert!(!reservation::pin(&transaction, id(1)).await.unwrap());
    transaction.commit().await.unwrap();
    assert!(lapsed(9).await.is_empty());
}

pub(super) async fn what_has_lapsed_is_claimed_once(place: TestDatabase) {
    let database = place.open().await;
    keep(&database, 1, now()).await;
    assert!(!claim(&database, 1, now() - TimeDelta::microseconds(1)).await);
    let claimed = at_once(8, |_| {
        let database = database.clone();
        async move { claim(&database, 1, now()).await }
    });
    let claimed = claimed.await;
    assert_eq!(claimed.iter().filter(|claimed| **claimed).count(), 1);
}

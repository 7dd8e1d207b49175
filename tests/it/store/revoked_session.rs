//! Sessions that were revoked.

use cartwright::store::{Database, revision, revoked_session};
use chrono::{DateTime, TimeDelta, Utc};

use super::samples::{id, now};
use crate::harness::database::TestDatabase;

async fn revoke(database: &Database, number: u128, expire_time: DateTime<Utc>) {
    let transaction = database.begin().await.unwrap();
    let revoked = revoked_session::insert(&transaction, id(number), expire_time).await;
    revoked.unwrap();
    transaction.commit().await.unwrap();
}

pub(super) async fn a_session_is_refused_until_it_would_have_ended(place: TestDatabase) {
    let database = place.open().await;
    let hour = TimeDelta::hours(1);
    revoke(&database, 1, now() + hour).await;
    revoke(&database, 1, now() + hour * 9).await;
    revoke(&database, 2, now() + hour * 2).await;
    assert_eq!(revision::load(&database).await.unwrap().access, 3);
    let living = async |hours| {
        let living = revoked_session::living(&database, now() + hour * hours);
        let mut living: Vec<_> = living.await.unwrap().into_iter().collect();
        living.sort();
        living
    };
    assert_eq!(living(0).await, [id(1), id(2)]);
    assert_eq!(living(1).await, [id(2)]);
    assert!(living(2).await.is_empty());

    let forget = async |hours, limit| {
        let time = now() + hour * hours;
        let forgotten = revoked_session::forget_before(&database, time, limit).await;
        forgotten.unwrap()
    };
    assert_eq!(forget(1, 10).await, 0);
    assert_eq!(forget(3, 1).await, 1);
    assert_eq!(living(0).await, [id(2)], "the oldest goes first");
    assert_eq!(forget(3, 1).await, 1);
    assert_eq!(forget(3, 1).await, 0);
}

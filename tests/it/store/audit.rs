//! The audit log.

use cartwright::{
    domain::audit::{Action, AuditEntry},
    store::{Database, audit},
};
use chrono::{DateTime, TimeDelta, Utc};
use uuid::{Builder, Uuid};

use super::samples::now;
use crate::harness::database::TestDatabase;

fn at(minutes: i32) -> DateTime<Utc> {
    now() + TimeDelta::minutes(1) * minutes
}

/// An entry of that time, with an id that tells it.
fn entry(minutes: i32) -> AuditEntry {
    let millis = at(minutes).timestamp_millis().try_into().unwrap();
    AuditEntry {
        id: Builder::from_unix_timestamp_millis(millis, &[7; 10]).into_uuid(),
        time: at(minutes),
        caller: "token:cwt_k3jd72ab5xqz".into(),
        action: Action::UpsertProducts.name().into(),
        subject_kind: Action::UpsertProducts.subject_kind().into(),
        subject_ids: vec!["mug".into(), "poster \"A\"".into()],
        request_id: (minutes % 2 == 0).then(|| Uuid::from_u128(7)),
    }
}

async fn insert(database: &Database, entry: AuditEntry) {
    let transaction = database.begin().await.unwrap();
    audit::insert(&transaction, entry).await.unwrap();
    transaction.commit().await.unwrap();
}

pub(super) async fn entries_are_read_in_pages_and_forgotten_in_batches(place: TestDatabase) {
    let database = place.open().await;
    for minutes in [3, 1, 2, 4] {
        insert(&database, entry(minutes)).await;
    }
    let list = async |since, after, limit| {
        let listed = audit::list(&database, since, after, limit).await;
        listed.unwrap()
    };
    let all = [1, 2, 3, 4].map(entry);
    assert_eq!(list(None, Uuid::nil(), 9).await, all);
    assert_eq!(list(None, Uuid::nil(), 2).await, all[..2]);
    assert_eq!(list(None, all[1].id, 9).await, all[2..]);
    assert_eq!(list(Some(at(3)), Uuid::nil(), 9).await, all[2..]);
    let later = at(3) + TimeDelta::microseconds(1);
    assert_eq!(list(Some(later), Uuid::nil(), 9).await, all[3..]);
    assert_eq!(list(Some(at(2)), all[2].id, 9).await, all[3..]);

    let forget = async |minutes, limit| {
        let forgotten = audit::forget_before(&database, at(minutes), limit).await;
        forgotten.unwrap()
    };
    assert_eq!(forget(1, 9).await, 0);
    assert_eq!(forget(4, 2).await, 2);
    assert_eq!(list(None, Uuid::nil(), 9).await, all[2..]);
    assert_eq!(forget(4, 2).await, 1);
    assert_eq!(list(None, Uuid::nil(), 9).await, all[3..]);
}

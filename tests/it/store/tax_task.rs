//! What the tax provider is still to be told.

use cartwright::store::{
    Database,
    tax_task::{self, TaxAction, TaxTask},
};
use chrono::{DateTime, TimeDelta, Utc};

use super::samples::{id, now};
use crate::harness::database::{TestDatabase, at_once};

async fn put(database: &Database, order: u128, action: TaxAction, time: DateTime<Utc>) {
    let transaction = database.begin().await.unwrap();
    tax_task::put(&transaction, id(order), action, time)
        .await
        .unwrap();
    transaction.commit().await.unwrap();
}

fn later(seconds: i64) -> DateTime<Utc> {
    now() + TimeDelta::seconds(seconds)
}

async fn claim(database: &Database, order: u128, seconds: i64) -> Option<TaxTask> {
    let until = later(seconds + 30);
    tax_task::claim(database, id(order), later(seconds), until)
        .await
        .unwrap()
}

pub(super) async fn tasks_are_due_in_order_and_done_once(place: TestDatabase) {
    let database = place.open().await;
    put(&database, 1, TaxAction::Commit, later(2)).await;
    put(&database, 2, TaxAction::Void, later(1)).await;
    let due = async |seconds, limit| {
        let due = tax_task::due(&database, later(seconds), limit);
        due.await.unwrap()
    };
    assert!(due(0, 10).await.is_empty());
    assert_eq!(due(2, 10).await, [id(2), id(1)]);
    assert_eq!(due(2, 1).await, [id(2)]);

    let claims = at_once(8, |_| {
        let database = database.clone();
        async move { claim(&database, 1, 2).await }
    });
    let claims: Vec<_> = claims.await.into_iter().flatten().collect();
    let task = TaxTask {
        order_id: id(1),
        action: TaxAction::Commit,
        attempts: 1,
    };
    assert_eq!(claims, [task]);
    assert_eq!(due(2, 10).await, [id(2)]);
    tax_task::done(&database, &task).await.unwrap();
    assert_eq!(due(100, 10).await, [id(2)]);
}

pub(super) async fn a_task_that_is_given_up_is_due_again(place: TestDatabase) {
    let database = place.open().await;
    put(&database, 1, TaxAction::Commit, now()).await;
    let first = claim(&database, 1, 0).await.unwrap();
    assert_eq!(claim(&database, 1, 29).await, None);
    let second = claim(&database, 1, 30).await.unwrap();
    assert_eq!((first.attempts, second.attempts), (1, 2));
    tax_task::postpone(&database, &second, later(31))
        .await
        .unwrap();
    assert_eq!(claim(&database, 1, 31).await.unwrap().attempts, 3);
}

pub(super) async fn a_void_comes_after_the_commit_that_it_replaces(place: TestDatabase) {
    let database = place.open().await;
    put(&database, 1, TaxAction::Commit, now()).await;
    let commit = claim(&database, 1, 0).await.unwrap();
    put(&database, 1, TaxAction::Void, later(1)).await;
    assert_eq!(
        claim(&database, 1, 29).await,
        None,
        "the commit is on its way"
    );
    tax_task::done(&database, &commit).await.unwrap();
    let void = claim(&database, 1, 30).await.unwrap();
    assert_eq!((void.action, void.attempts), (TaxAction::Void, 1));
}

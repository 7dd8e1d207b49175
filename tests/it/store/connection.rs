//! Connections, transactions and migrations.

use std::{error::Error, time::Instant};

use cartwright::store::{Database, StoreError, checkout};
use sea_orm::ConnectionTrait;
use tokio::net::TcpListener;

use super::samples::{self, id};
use crate::harness::{
    PATIENCE,
    database::{TestDatabase, at_once},
};

pub(super) async fn many_replicas_may_migrate_at_once(place: TestDatabase) {
    let replicas = [
        place.connect().await,
        place.connect().await,
        place.connect().await,
    ];
    let results = at_once(12, |n| {
        let replica = replicas[usize::try_from(n).unwrap() % replicas.len()].clone();
        async move { replica.migrate().await }
    });
    for result in results.await {
        result.unwrap();
    }
    replicas[0].ping().await.unwrap();
}

pub(super) async fn an_older_release_starts_beside_a_newer_one(place: TestDatabase) {
    let database = place.open().await;
    let newer = sea_orm::Database::connect(&place.url).await.unwrap();
    let migrated = "INSERT INTO seaql_migrations VALUES ('m9999_from_the_future', 0)";
    newer.execute_unprepared(migrated).await.unwrap();
    database.migrate().await.unwrap();
}

pub(super) async fn what_was_committed_is_there_after_a_restart(place: TestDatabase) {
    let database = place.open().await;
    let transaction = database.begin().await.unwrap();
    samples::insert_checkout(&transaction, &samples::checkout(7))
        .await
        .unwrap();
    transaction.commit().await.unwrap();
    database.close().await.unwrap();

    let database = place.open().await;
    let loaded = checkout::load(&database, id(7)).await.unwrap();
    assert_eq!(loaded, Some(samples::checkout(7)));
}

pub(super) async fn a_transaction_that_is_dropped_leaves_nothing(place: TestDatabase) {
    let database = place.open().await;
    let transaction = database.begin().await.unwrap();
    samples::insert_checkout(&transaction, &samples::checkout(7))
        .await
        .unwrap();
    assert!(checkout::load(&transaction, id(7)).await.unwrap().is_some());
    drop(transaction);
    assert_eq!(checkout::load(&database, id(7)).await.unwrap(), None);

    // Nothing of it is left on the connections either.
    let saved = at_once(16, |n| {
        let database = database.clone();
        async move { samples::insert_checkout(&database, &samples::checkout(n)).await }
    });
    assert!(saved.await.iter().all(Result::is_ok));
}

pub(super) async fn a_pool_without_a_free_connection_is_out_of_reach(place: TestDatabase) {
    let database = Database::connect(&place.url, 1).await.unwrap();
    let _held = database.begin().await.unwrap();
    let error = database.ping().await.unwrap_err();
    assert!(matches!(error, StoreError::Unavailable(_)), "{error:?}");
}

#[tokio::test]
async fn a_server_that_refuses_is_out_of_reach_at_once() {
    let port = {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        listener.local_addr().unwrap().port()
    };
    let start = Instant::now();
    let url = format!("postgres://nobody:secret@127.0.0.1:{port}/none");
    let error = Database::connect(&url, 4).await.unwrap_err();
    assert!(start.elapsed() < PATIENCE);
    let told = format!("{error}: {}", error.source().unwrap());
    assert!(matches!(error, StoreError::Unavailable(_)), "{told}");
    assert!(
        told.contains("refused") && !told.contains("secret"),
        "{told}"
    );
}

#[tokio::test]
async fn a_server_that_is_silent_is_out_of_reach() {
    let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("postgres://nobody@{}/none", silent.local_addr().unwrap());
    let start = Instant::now();
    let error = Database::connect(&url, 4).await.unwrap_err();
    assert!(start.elapsed() < PATIENCE);
    assert!(matches!(error, StoreError::Unavailable(_)), "{error:?}");
}

#[tokio::test]
async fn a_file_that_cannot_be_opened_is_out_of_reach() {
    let url = "sqlite:///nowhere/at/all.db?mode=rwc";
    let error = Database::connect(url, 4).await.unwrap_err();
    assert!(matches!(error, StoreError::Unavailable(_)), "{error:?}");
}

#[tokio::test]
async fn a_url_that_says_no_database_is_not_repeated() {
    for url in [
        "mysql://user:secret@host/db",
        "secret",
        "postgres://[secret",
    ] {
        let error = Database::connect(url, 4).await.unwrap_err();
        let told = format!("{error} {error:?}");
        assert!(matches!(error, StoreError::Other(_)), "{told}");
        assert!(!told.contains("secret"), "{told}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_in_memory_is_one_and_stays() {
    let database = Database::connect("sqlite::memory:", 8).await.unwrap();
    database.migrate().await.unwrap();
    let saved = at_once(16, |n| {
        let database = database.clone();
        async move { samples::insert_checkout(&database, &samples::checkout(n)).await }
    });
    assert!(saved.await.iter().all(Result::is_ok));
    for n in 0..16 {
        assert!(checkout::load(&database, id(n)).await.unwrap().is_some());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_writer_of_sqlite_may_try_again() {
    let place = TestDatabase::sqlite();
    let database = place.open().await;
    let _writer = database.begin().await.unwrap();
    let error = database.begin().await.unwrap_err();
    assert!(matches!(error, StoreError::Serialization(_)), "{error:?}");
    let error = samples::insert_checkout(&database, &samples::checkout(7))
        .await
        .unwrap_err();
    assert!(matches!(error, StoreError::Serialization(_)), "{error:?}");
    assert_eq!(checkout::load(&database, id(7)).await.unwrap(), None);
}

#[tokio::test(flavor = "multi_thread")]
async fn connections_that_postgres_ends_are_replaced() {
    let place = TestDatabase::postgres().await;
    let database = place.open().await;
    let server = sea_orm::Database::connect(&place.url).await.unwrap();
    let end_all = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity
        WHERE datname = current_database() AND pid <> pg_backend_pid()";
    server.execute_unprepared(end_all).await.unwrap();
    // Each connection of the pool may be found dead once.
    let mut failures = 0;
    for n in 0..24 {
        if let Err(error) = samples::insert_checkout(&database, &samples::checkout(n)).await {
            assert!(matches!(error, StoreError::Unavailable(_)), "{error:?}");
            failures += 1;
        }
    }
    assert!(failures <= 8, "{failures}");
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_lost_to_a_transaction_that_is_given_up_while_it_begins() {
    let place = TestDatabase::postgres().await;
    let database = Database::connect(&place.url, 1).await.unwrap();
    database.migrate().await.unwrap();
    for n in 0..200 {
        tokio::select! {
            biased;
            begun = database.begin() => drop(begun.unwrap()),
            () = turns(20 * n) => {}
        }
        // What is answered is there for others.
        let checkout = samples::checkout(n);
        samples::insert_checkout(&database, &checkout)
            .await
            .unwrap();
        let found = place.select("SELECT id::text FROM checkouts").await;
        assert!(found.contains(&checkout.id.to_string()), "{n}");
    }
}

/// Lets others have so many turns.
async fn turns(count: u128) {
    for _ in 0..count {
        tokio::task::yield_now().await;
    }
}

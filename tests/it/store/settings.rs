//! Settings, and the revisions of what replicas keep in memory.

use cartwright::{
    domain::{
        checkout::Revisions,
        promotion::{Promotion, RedemptionType},
        store::Store,
    },
    store::{Database, catalog, promotion, revision, settings},
};

use super::samples;
use crate::harness::database::{TestDatabase, at_once};

async fn replace(database: &Database, store: &Store, read_version: i64) -> bool {
    let transaction = database.begin().await.unwrap();
    let replaced = settings::replace(&transaction, store, read_version)
        .await
        .unwrap();
    transaction.commit().await.unwrap();
    replaced
}

pub(super) async fn settings_come_back_as_they_were(place: TestDatabase) {
    let database = place.open().await;
    assert_eq!(settings::load(&database).await.unwrap(), None);
    let mut store = samples::store();
    assert!(!replace(&database, &store, 1).await);
    assert!(replace(&database, &store, 0).await);
    assert_eq!(
        settings::load(&database).await.unwrap().as_ref(),
        Some(&store)
    );

    store.name = "Another name".into();
    store.version = 2;
    assert!(!replace(&database, &store, 0).await);
    assert!(replace(&database, &store, 1).await);
    assert!(!replace(&database, &store, 1).await);
    assert_eq!(settings::load(&database).await.unwrap(), Some(store));
    assert_eq!(revision::load(&database).await.unwrap().shop.store, 2);
}

pub(super) async fn of_changes_to_one_version_one_wins(place: TestDatabase) {
    let database = place.open().await;
    for read_version in 0..3 {
        let replaced = at_once(8, |n| {
            let database = database.clone();
            let store = Store {
                version: read_version + 1,
                name: n.to_string(),
                ..samples::store()
            };
            async move { replace(&database, &store, read_version).await }
        });
        assert_eq!(
            replaced.await.iter().filter(|replaced| **replaced).count(),
            1
        );
    }
    assert_eq!(revision::load(&database).await.unwrap().shop.store, 3);
}

pub(super) async fn each_change_raises_its_revision_alone(place: TestDatabase) {
    let database = place.open().await;
    let mut expected = Revisions::default();
    assert_eq!(revision::load(&database).await.unwrap().shop, expected);

    let transaction = database.begin().await.unwrap();
    let products = [samples::product("mug")];
    catalog::upsert(&transaction, &products, false)
        .await
        .unwrap();
    transaction.commit().await.unwrap();
    expected.catalog = 1;
    assert_eq!(revision::load(&database).await.unwrap().shop, expected);

    let transaction = database.begin().await.unwrap();
    let new = Promotion {
        redemption: RedemptionType::Automatic,
        ..samples::promotion(51)
    };
    promotion::insert(&transaction, &new).await.unwrap();
    transaction.commit().await.unwrap();
    expected.promotions = 1;
    assert_eq!(revision::load(&database).await.unwrap().shop, expected);

    replace(&database, &samples::store(), 0).await;
    expected.store = 1;
    assert_eq!(revision::load(&database).await.unwrap().shop, expected);

    let transaction = database.begin().await.unwrap();
    catalog::delete(&transaction, "mug").await.unwrap();
    drop(transaction);
    assert_eq!(revision::load(&database).await.unwrap().shop, expected);
}

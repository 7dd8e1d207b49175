//! The catalog.

use cartwright::{
    domain::catalog::Product,
    store::{Database, catalog, revision},
};

use super::samples;
use crate::harness::database::{TestDatabase, at_once};

async fn upsert(database: &Database, products: &[Product]) -> Vec<Product> {
    let transaction = database.begin().await.unwrap();
    let upserted = catalog::upsert(&transaction, products, false)
        .await
        .unwrap();
    transaction.commit().await.unwrap();
    upserted
}

pub(super) async fn products_come_back_with_their_versions(place: TestDatabase) {
    let database = place.open().await;
    let first = ["tea", "mug"].map(samples::product);
    assert_eq!(upsert(&database, &first).await, first);

    let mut second = ["cup", "mug"].map(samples::product);
    second[1].name = "Big mug".into();
    second[1].version = 77; // what a caller says does not matter
    let upserted = upsert(&database, &second).await;
    second[1].version = 2;
    assert_eq!(upserted, second);

    let ([tea, _], [cup, mug]) = (first, second);
    for product in [&tea, &cup, &mug] {
        let loaded = catalog::load(&database, &product.id).await.unwrap();
        assert_eq!(loaded.as_ref(), Some(product));
    }
    assert_eq!(catalog::load(&database, "none").await.unwrap(), None);

    let ids = ["tea", "none", "mug"].map(String::from);
    let mut many = catalog::load_many(&database, &ids).await.unwrap();
    many.sort_by(|a, b| a.id.cmp(&b.id));
    assert_eq!(many, [mug, tea]);
    assert!(catalog::load_many(&database, &[]).await.unwrap().is_empty());
    assert!(upsert(&database, &[]).await.is_empty());
    assert_eq!(revision::load(&database).await.unwrap().shop.catalog, 2);
}

pub(super) async fn products_are_listed_by_id(place: TestDatabase) {
    let database = place.open().await;
    let ids = ["a", "aa", "b", "c", "d"];
    let mut products = ids.map(samples::product);
    products.reverse();
    upsert(&database, &products).await;
    let (mut listed, mut after) = (Vec::new(), None);
    loop {
        let page = catalog::list(&database, after.as_deref(), 2).await.unwrap();
        let Some(last) = page.last() else { break };
        after = Some(last.id.clone());
        listed.extend(page);
    }
    products.reverse();
    assert_eq!(listed, products);
}

pub(super) async fn a_deleted_product_is_gone(place: TestDatabase) {
    let database = place.open().await;
    upsert(&database, &["tea", "mug"].map(samples::product)).await;
    for there in [true, false] {
        let transaction = database.begin().await.unwrap();
        assert_eq!(catalog::delete(&transaction, "tea").await.unwrap(), there);
        transaction.commit().await.unwrap();
    }
    assert_eq!(catalog::load(&database, "tea").await.unwrap(), None);
    assert!(catalog::load(&database, "mug").await.unwrap().is_some());
    assert_eq!(revision::load(&database).await.unwrap().shop.catalog, 2);

    // One that comes again begins again.
    let again = upsert(&database, &[samples::product("tea")]).await;
    assert_eq!(again[0].version, 1);
}

pub(super) async fn upserts_at_once_do_not_deadlock(place: TestDatabase) {
    let database = place.open().await;
    let ids: Vec<_> = (0..20).map(|n| format!("product-{n:02}")).collect();
    let products: Vec<_> = ids.iter().map(|id| samples::product(id)).collect();
    at_once(8, |n| {
        let (database, mut products) = (database.clone(), products.clone());
        if n % 2 == 1 {
            products.reverse();
        }
        async move { upsert(&database, &products).await }
    })
    .await;
    for product in catalog::load_many(&database, &ids).await.unwrap() {
        assert_eq!(product.version, 8);
    }
    assert_eq!(revision::load(&database).await.unwrap().shop.catalog, 8);
}

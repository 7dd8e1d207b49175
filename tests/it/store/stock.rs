//! Stock, and what checkouts hold of it.

use cartwright::{
    domain::stock::{StockMove, Units, VariantKey},
    store::{
        Database, catalog,
        stock::{self, Kept},
    },
};
use tokio::task::JoinSet;

use super::samples::{id, product};
use crate::harness::database::{TestDatabase, at_once};

fn key(product_id: &str) -> VariantKey {
    VariantKey::new(product_id, "mug-red")
}

/// A step of a checkout that holds nothing.
fn step(product_id: &str, held: i64, sold: i64) -> StockMove {
    StockMove {
        key: key(product_id),
        held_before: 0,
        held,
        sold,
    }
}

/// Makes the steps, all or none.
async fn made(database: &Database, checkout: u128, steps: &[StockMove]) -> bool {
    let transaction = database.begin().await.unwrap();
    let mut after = Units::new();
    for step in steps {
        if !stock::change(&transaction, step).await.unwrap() {
            return false;
        }
        if step.held > 0 {
            after.insert(step.key.clone(), step.held);
        }
    }
    let held = stock::hold(&transaction, id(checkout), &Units::new(), &after).await;
    held.unwrap();
    transaction.commit().await.unwrap();
    true
}

async fn kept(database: &Database, product_id: &str) -> Option<Kept> {
    let found = stock::of_products(database, [product_id]).await.unwrap();
    found.get(&key(product_id)).copied()
}

/// A database with twelve of each of these.
async fn open(place: &TestDatabase, product_ids: &[&str]) -> Database {
    let database = place.open().await;
    let products: Vec<_> = product_ids.iter().map(|id| product(id)).collect();
    let transaction = database.begin().await.unwrap();
    let upserted = catalog::upsert(&transaction, &products, false).await;
    assert_eq!(upserted.unwrap(), products);
    transaction.commit().await.unwrap();
    database
}

pub(super) async fn no_more_is_taken_than_is_left(place: TestDatabase) {
    let database = open(&place, &["mug", "tea"]).await;
    // There are two mugs and one tea for six, to reserve or to sell.
    let taken = at_once(8, |checkout| {
        let database = database.clone();
        let (held, sold) = if checkout % 2 == 0 { (1, 0) } else { (0, 1) };
        let steps = [step("mug", 2 * held, 2 * sold), step("tea", held, sold)];
        async move { made(&database, checkout, &steps).await }
    });
    assert_eq!(taken.await.into_iter().filter(|taken| *taken).count(), 6);
    let (mug, tea) = (kept(&database, "mug").await, kept(&database, "tea").await);
    let (mug, tea) = (mug.unwrap(), tea.unwrap());
    assert_eq!(mug.level.unwrap() - mug.reserved, 0);
    assert_eq!(tea.level.unwrap() - tea.reserved, 6, "all or none");
    let mut reserved = Units::from([(key("mug"), 0), (key("tea"), 0)]);
    for checkout in 0..8 {
        for (key, units) in stock::held(&database, id(checkout)).await.unwrap() {
            *reserved.get_mut(&key).unwrap() += units;
        }
    }
    let counted = Units::from([(key("mug"), mug.reserved), (key("tea"), tea.reserved)]);
    assert_eq!(reserved, counted);
}

pub(super) async fn whoever_takes_in_order_never_deadlocks_with_the_catalog(place: TestDatabase) {
    // In another order for a database that sorts as people do.
    let names = ["B", "a", "C", "b", "A", "\u{e4}"];
    let database = open(&place, &names).await;
    let mut sorted = names;
    sorted.sort_unstable();
    let mut tasks = JoinSet::new();
    for number in 0..6 {
        let database = database.clone();
        tasks.spawn(async move {
            for round in 0..10 {
                if number == 0 {
                    let transaction = database.begin().await.unwrap();
                    let products = names.map(product);
                    let upserted = catalog::upsert(&transaction, &products, false).await;
                    upserted.unwrap();
                    transaction.commit().await.unwrap();
                } else {
                    let steps = sorted.map(|id| step(id, 0, if round % 2 == 0 { 1 } else { -1 }));
                    assert!(made(&database, number, &steps).await);
                }
            }
        });
    }
    tasks.join_all().await;
}

pub(super) async fn what_is_held_is_known_without_its_product(place: TestDatabase) {
    let database = open(&place, &["mug", "tea"]).await;
    assert!(made(&database, 1, &[step("mug", 5, 0)]).await);
    let transaction = database.begin().await.unwrap();
    for product_id in ["mug", "tea"] {
        assert!(catalog::delete(&transaction, product_id).await.unwrap());
    }
    transaction.commit().await.unwrap();
    let (level, reserved) = (None, 5);
    assert_eq!(kept(&database, "mug").await, Some(Kept { level, reserved }));
    assert_eq!(kept(&database, "tea").await, None);
    assert!(!made(&database, 2, &[step("tea", 1, 0)]).await);
    assert!(made(&database, 2, &[step("mug", 99, 99)]).await);
    let (level, reserved) = (None, 104);
    assert_eq!(kept(&database, "mug").await, Some(Kept { level, reserved }));
}

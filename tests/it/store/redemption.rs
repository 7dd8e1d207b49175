//! Uses of promotions that are limited.

use cartwright::{
    domain::promotion::{Promotion, RedemptionType},
    store::{
        Database,
        promotion::{self, Redemption},
        revision,
    },
};

use super::samples::{self, id, now};
use crate::harness::database::{TestDatabase, at_once};

/// A database with an automatic promotion, whose id is 60.
async fn with_promotion(place: &TestDatabase, max_uses: i64) -> Database {
    let database = place.open().await;
    let promotion = Promotion {
        redemption: RedemptionType::Automatic,
        max_uses: Some(max_uses),
        ..samples::promotion(60)
    };
    let transaction = database.begin().await.unwrap();
    promotion::insert(&transaction, &promotion).await.unwrap();
    transaction.commit().await.unwrap();
    database
}

async fn redeem(database: &Database, checkout: u128) -> Redemption {
    let transaction = database.begin().await.unwrap();
    let (checkout, order) = (id(checkout), id(checkout + 1_000));
    let redeemed = promotion::redeem_promotion(&transaction, id(60), checkout, order, now()).await;
    transaction.commit().await.unwrap();
    redeemed.unwrap()
}

async fn release(database: &Database, checkout: u128) {
    let transaction = database.begin().await.unwrap();
    let released = promotion::release_promotion(&transaction, id(60), id(checkout)).await;
    released.unwrap();
    transaction.commit().await.unwrap();
}

async fn uses(database: &Database) -> i64 {
    let found = promotion::load(database, id(60)).await.unwrap();
    found.unwrap().uses
}

async fn revision(database: &Database) -> i64 {
    revision::load(database).await.unwrap().shop.promotions
}

fn count(redemptions: &[Redemption], which: Redemption) -> usize {
    redemptions.iter().filter(|one| **one == which).count()
}

pub(super) async fn a_limit_is_exact_whoever_redeems_at_once(place: TestDatabase) {
    let database = with_promotion(&place, 5).await;
    let redeemed = at_once(64, |n| {
        let database = database.clone();
        async move { redeem(&database, n).await }
    });
    let redeemed = redeemed.await;
    assert_eq!(count(&redeemed, Redemption::Held), 5);
    assert_eq!(count(&redeemed, Redemption::Exhausted), 59);
    assert_eq!(uses(&database).await, 5);
}

pub(super) async fn a_limit_is_exact_while_uses_are_given_back(place: TestDatabase) {
    let database = with_promotion(&place, 2).await;
    at_once(32, |n| {
        let database = database.clone();
        async move {
            if redeem(&database, n).await == Redemption::Held && n % 2 == 0 {
                release(&database, n).await;
            }
        }
    })
    .await;
    let left = 2 - uses(&database).await;
    let taken = at_once(8, |n| {
        let database = database.clone();
        async move { redeem(&database, 100 + n).await }
    });
    let held = count(&taken.await, Redemption::Held);
    assert_eq!(i64::try_from(held).unwrap(), left);
    assert_eq!(uses(&database).await, 2);
}

pub(super) async fn a_checkout_redeems_a_promotion_once(place: TestDatabase) {
    let database = with_promotion(&place, 1).await;
    let redeemed = at_once(16, |_| {
        let database = database.clone();
        async move { redeem(&database, 7).await }
    });
    assert_eq!(count(&redeemed.await, Redemption::Held), 16);
    assert_eq!(uses(&database).await, 1);
    assert_eq!(redeem(&database, 8).await, Redemption::Exhausted);
    // One that was refused has nothing to give back.
    release(&database, 8).await;
    assert_eq!(uses(&database).await, 1);
}

pub(super) async fn the_last_use_raises_the_revision(place: TestDatabase) {
    let database = with_promotion(&place, 2).await;
    assert_eq!(revision(&database).await, 1);
    assert_eq!(redeem(&database, 7).await, Redemption::Held);
    assert_eq!(revision(&database).await, 1);
    assert_eq!(redeem(&database, 8).await, Redemption::Held);
    assert_eq!(revision(&database).await, 2);
    release(&database, 7).await;
    assert_eq!(revision(&database).await, 3);
    release(&database, 8).await;
    assert_eq!((revision(&database).await, uses(&database).await), (3, 0));
}

pub(super) async fn a_deleted_promotion_is_gone(place: TestDatabase) {
    let database = with_promotion(&place, 2).await;
    assert_eq!(redeem(&database, 7).await, Redemption::Held);
    let transaction = database.begin().await.unwrap();
    assert!(promotion::delete(&transaction, id(60)).await.unwrap());
    transaction.commit().await.unwrap();
    assert_eq!(redeem(&database, 7).await, Redemption::Held);
    assert_eq!(redeem(&database, 8).await, Redemption::Gone);
    release(&database, 7).await;
    assert_eq!(redeem(&database, 7).await, Redemption::Gone);
}

pub(super) async fn a_change_keeps_the_uses(place: TestDatabase) {
    let database = with_promotion(&place, 2).await;
    let read = promotion::load(&database, id(60)).await.unwrap().unwrap();
    assert_eq!(redeem(&database, 7).await, Redemption::Held);
    let transaction = database.begin().await.unwrap();
    let changed = Promotion {
        version: 2,
        max_uses: Some(1),
        ..read
    };
    assert!(promotion::replace(&transaction, &changed, 1).await.unwrap());
    transaction.commit().await.unwrap();
    assert_eq!(uses(&database).await, 1);
    assert_eq!(redeem(&database, 8).await, Redemption::Exhausted);
}

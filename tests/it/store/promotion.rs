//! Promotions, codes and their uses.

use cartwright::{
    domain::promotion::{CouponCode, Promotion, RedemptionType},
    store::{
        Database, StoreError,
        promotion::{self, PromotionFilter, Redemption},
        revision,
    },
};
use chrono::TimeDelta;
use sea_orm::ConnectionTrait as _;

use super::samples::{self, id, now};
use crate::harness::database::{TestDatabase, at_once};

async fn insert(database: &Database, code: &CouponCode) -> bool {
    let transaction = database.begin().await.unwrap();
    let promotion = samples::promotion(code.promotion_id.as_u128());
    promotion::insert(&transaction, &promotion).await.unwrap();
    let codes = std::slice::from_ref(code);
    let inserted = promotion::insert_codes(&transaction, codes).await.unwrap() == 1;
    if inserted {
        transaction.commit().await.unwrap();
    }
    inserted
}

async fn insert_promotion(database: &Database, promotion: &Promotion) {
    let transaction = database.begin().await.unwrap();
    promotion::insert(&transaction, promotion).await.unwrap();
    transaction.commit().await.unwrap();
}

/// A database with the code `LIMITED`, whose id is 50.
async fn with_code(
    place: &TestDatabase,
    max_uses: Option<i64>,
    max_uses_per_customer: Option<i64>,
) -> Database {
    let database = place.open().await;
    let code = CouponCode {
        max_uses,
        max_uses_per_customer,
        ..samples::code(50, 51, "LIMITED")
    };
    assert!(insert(&database, &code).await);
    database
}

async fn redeem(database: &Database, checkout: u128, customer: &str) -> Redemption {
    let transaction = database.begin().await.unwrap();
    let (checkout, order) = (id(checkout), id(checkout + 1_000));
    let redeemed = promotion::redeem(&transaction, id(50), checkout, order, customer, now()).await;
    transaction.commit().await.unwrap();
    redeemed.unwrap()
}

async fn release(database: &Database, checkout: u128) {
    let transaction = database.begin().await.unwrap();
    promotion::release(&transaction, id(50), id(checkout))
        .await
        .unwrap();
    transaction.commit().await.unwrap();
}

/// How often the code was used, by its counter and by those who hold uses as this customer.
async fn uses(database: &Database, customer: &str) -> (i64, i64) {
    let (code, _) = promotion::find_code(database, "LIMITED")
        .await
        .unwrap()
        .unwrap();
    let held = promotion::customer_uses(database, id(50), customer).await;
    (code.uses, held.unwrap())
}

fn count(redemptions: &[Redemption], which: Redemption) -> usize {
    redemptions.iter().filter(|one| **one == which).count()
}

pub(super) async fn a_promotion_comes_back_with_its_code(place: TestDatabase) {
    let database = place.open().await;
    let code = CouponCode {
        max_uses: Some(5),
        max_uses_per_customer: Some(1),
        ..samples::code(50, 51, "Ten off-2026")
    };
    assert!(insert(&database, &code).await);
    let expected = (code, samples::promotion(51));
    for entered in ["Ten off-2026", "TEN OFF-2026", "ten off-2026"] {
        let found = promotion::find_code(&database, entered).await.unwrap();
        assert_eq!(found.as_ref(), Some(&expected));
    }
    assert_eq!(promotion::find_code(&database, "Ten").await.unwrap(), None);
    let loaded = promotion::load(&database, id(51)).await.unwrap();
    assert_eq!(loaded.as_ref(), Some(&expected.1));
    assert_eq!(promotion::load(&database, id(50)).await.unwrap(), None);
    let found = promotion::codes(&database, &[id(50), id(99)])
        .await
        .unwrap();
    assert_eq!(found, [expected]);
    assert!(promotion::codes(&database, &[]).await.unwrap().is_empty());
}

pub(super) async fn a_code_is_taken_in_any_case(place: TestDatabase) {
    let database = place.open().await;
    let inserted = at_once(8, |n| {
        let database = database.clone();
        let text = if n % 2 == 0 { "welcome" } else { "WELCOME" };
        let code = samples::code(100 + n, 200 + n, text);
        async move { insert(&database, &code).await.then_some(code) }
    });
    let inserted: Vec<_> = inserted.await.into_iter().flatten().collect();
    let [code] = &inserted[..] else {
        panic!("inserted {inserted:?}")
    };
    let found = promotion::find_code(&database, "wElCoMe").await.unwrap();
    assert_eq!(found.map(|(code, _)| code).as_ref(), Some(code));
    let any = PromotionFilter::default();
    let promotions = promotion::list(&database, any, None, 9).await.unwrap();
    assert_eq!(promotions.len(), 1);
}

pub(super) async fn promotions_and_codes_are_listed_by_age(place: TestDatabase) {
    let database = place.open().await;
    for n in 0..5 {
        assert!(
            insert(
                &database,
                &samples::code(50 + n, 60 + n, &format!("CODE{n}"))
            )
            .await
        );
    }
    let (mut listed, mut before) = (Vec::new(), None);
    loop {
        let any = PromotionFilter::default();
        let page = promotion::list(&database, any, before, 2).await.unwrap();
        let Some(last) = page.last() else { break };
        before = Some(last.id);
        listed.extend(page);
    }
    let expected: Vec<_> = (60..65).rev().map(samples::promotion).collect();
    assert_eq!(listed, expected);

    let codes = async |after, limit| {
        let codes = promotion::list_codes(&database, id(63), None, after, limit).await;
        codes.unwrap()
    };
    assert_eq!(codes(None, 9).await, [samples::code(53, 63, "CODE3")]);
    assert_eq!(codes(Some(id(52)), 9).await.len(), 1);
    assert!(codes(Some(id(53)), 9).await.is_empty());
    assert!(codes(None, 0).await.is_empty());
}

pub(super) async fn promotions_are_listed_by_what_they_are(place: TestDatabase) {
    let database = place.open().await;
    let coupon = samples::promotion(60);
    let automatic = Promotion {
        redemption: RedemptionType::Automatic,
        ..samples::promotion(61)
    };
    let disabled = Promotion {
        enabled: false,
        ..automatic.clone()
    };
    let disabled = Promotion {
        id: id(62),
        ..disabled
    };
    for promotion in [&coupon, &automatic, &disabled] {
        insert_promotion(&database, promotion).await;
    }
    let list = async |redemption, enabled| {
        let filter = PromotionFilter {
            redemption,
            enabled,
        };
        promotion::list(&database, filter, None, 9).await.unwrap()
    };
    let applies = Some(RedemptionType::Automatic);
    assert_eq!(
        list(applies, Some(true)).await,
        std::slice::from_ref(&automatic)
    );
    assert_eq!(
        list(applies, None).await,
        [disabled.clone(), automatic.clone()]
    );
    assert_eq!(list(None, Some(false)).await, [disabled]);
    assert_eq!(list(None, Some(true)).await, [automatic, coupon.clone()]);
    assert_eq!(list(Some(RedemptionType::Coupon), None).await, [coupon]);
}

pub(super) async fn a_promotion_is_replaced_at_its_version(place: TestDatabase) {
    let database = place.open().await;
    insert_promotion(&database, &samples::promotion(60)).await;
    let replace = async |promotion: &Promotion, read_version| {
        let transaction = database.begin().await.unwrap();
        let replaced = promotion::replace(&transaction, promotion, read_version).await;
        transaction.commit().await.unwrap();
        replaced.unwrap()
    };
    let changed = Promotion {
        name: "Other".into(),
        enabled: false,
        max_uses: Some(3),
        version: 2,
        ..samples::promotion(60)
    };
    assert!(replace(&changed, 1).await);
    assert!(!replace(&changed, 1).await);
    assert!(!replace(&samples::promotion(61), 1).await);
    let loaded = promotion::load(&database, id(60)).await.unwrap();
    assert_eq!(loaded, Some(changed));
    assert_eq!(revision::load(&database).await.unwrap().shop.promotions, 1);
    assert!(promotion::is_there(&database, "Other").await.unwrap());
    assert!(!promotion::is_there(&database, "Ten off").await.unwrap());
}

pub(super) async fn those_that_can_apply_are_active(place: TestDatabase) {
    let database = place.open().await;
    let hour = TimeDelta::hours(1);
    let automatic = |number| Promotion {
        redemption: RedemptionType::Automatic,
        ..samples::promotion(number)
    };
    let active = [
        automatic(60),
        Promotion {
            start_time: Some(now() + hour),
            end_time: Some(now() + hour * 2),
            max_uses: Some(2),
            uses: 1,
            ..automatic(61)
        },
        // For the checkouts that hold one of its uses.
        Promotion {
            max_uses: Some(2),
            uses: 2,
            ..automatic(62)
        },
    ];
    let idle = [
        samples::promotion(65),
        Promotion {
            enabled: false,
            ..automatic(63)
        },
        Promotion {
            start_time: None,
            end_time: Some(now()),
            ..automatic(64)
        },
    ];
    for promotion in active.iter().chain(&idle) {
        insert_promotion(&database, promotion).await;
    }
    let mut found = promotion::active(&database, now()).await.unwrap();
    found.sort_by_key(|promotion| promotion.id);
    assert_eq!(found, active);
}

pub(super) async fn codes_are_added_unless_they_are_taken(place: TestDatabase) {
    let database = with_code(&place, None, None).await;
    let code = |number: u128, text: &str| CouponCode {
        batch_id: Some(id(99)),
        ..samples::code(number, 51, text)
    };
    let mut codes = vec![code(100, "limited"), code(101, "TWICE"), code(102, "twice")];
    codes.extend((103..3_000).map(|n| code(n, &format!("CODE-{n}"))));
    let transaction = database.begin().await.unwrap();
    let added = promotion::insert_codes(&transaction, &codes).await.unwrap();
    transaction.commit().await.unwrap();
    assert_eq!(added, 2_898);
    let batch = promotion::batch(&database, id(99)).await.unwrap();
    let expected: Vec<_> = codes[3..].iter().map(|code| code.code.clone()).collect();
    assert_eq!((batch[0].as_str(), &batch[1..]), ("TWICE", &expected[..]));
    let listed = promotion::list_codes(&database, id(51), Some(id(99)), Some(id(2_998)), 9).await;
    assert_eq!(listed.unwrap(), [code(2_999, "CODE-2999")]);
    assert!(
        promotion::batch(&database, id(98))
            .await
            .unwrap()
            .is_empty()
    );
}

/// Replicas of the first release go on adding such rows while newer ones run.
pub(super) async fn a_row_without_the_newer_columns_is_a_coupon(place: TestDatabase) {
    let database = place.open().await;
    let promotion = samples::promotion(0x60);
    let document = serde_json::to_string(&promotion).unwrap();
    let time = "2026-11-23 10:00:00.123456+00:00";
    let key = if place.url.starts_with("sqlite") {
        format!("x'{}'", promotion.id.simple())
    } else {
        format!("'{}'", promotion.id)
    };
    let insert = format!(
        "INSERT INTO promotions (id, name, enabled, create_time, document) \
         VALUES ({key}, 'Ten off', true, '{time}', '{document}')"
    );
    let orm = sea_orm::Database::connect(&place.url).await.unwrap();
    orm.execute_unprepared(&insert).await.unwrap();
    let filter = PromotionFilter {
        redemption: Some(RedemptionType::Coupon),
        enabled: Some(true),
    };
    let listed = promotion::list(&database, filter, None, 9).await.unwrap();
    assert_eq!(listed, [promotion]);
}

pub(super) async fn deleting_a_promotion_deletes_its_codes(place: TestDatabase) {
    let database = with_code(&place, None, None).await;
    for there in [true, false] {
        let transaction = database.begin().await.unwrap();
        assert_eq!(
            promotion::delete(&transaction, id(51)).await.unwrap(),
            there
        );
        transaction.commit().await.unwrap();
    }
    assert_eq!(promotion::load(&database, id(51)).await.unwrap(), None);
    assert_eq!(
        promotion::find_code(&database, "LIMITED").await.unwrap(),
        None
    );
    assert_eq!(revision::load(&database).await.unwrap().shop.promotions, 1);
    assert!(insert(&database, &samples::code(52, 53, "limited")).await);
}

pub(super) async fn a_limit_is_exact_whoever_redeems_at_once(place: TestDatabase) {
    let database = with_code(&place, Some(5), None).await;
    let redeemed = at_once(64, |n| {
        let database = database.clone();
        async move { redeem(&database, n, "").await }
    });
    let redeemed = redeemed.await;
    assert_eq!(count(&redeemed, Redemption::Held), 5);
    assert_eq!(count(&redeemed, Redemption::Exhausted), 59);
    assert_eq!(uses(&database, "").await, (5, 5));
    // Neither the coupon nor its counter is anything that replicas keep.
    assert_eq!(revision::load(&database).await.unwrap().shop.promotions, 0);
}

pub(super) async fn a_customers_limit_is_exact(place: TestDatabase) {
    let database = with_code(&place, None, Some(2)).await;
    let redeemed = at_once(32, |n| {
        let database = database.clone();
        let customer = if n % 2 == 0 { "even" } else { "odd" };
        async move { redeem(&database, n, customer).await }
    });
    let redeemed = redeemed.await;
    assert_eq!(count(&redeemed, Redemption::Held), 4);
    assert_eq!(count(&redeemed, Redemption::CustomerExhausted), 28);
    assert_eq!(uses(&database, "even").await, (4, 2));
    assert_eq!(uses(&database, "odd").await, (4, 2));
}

pub(super) async fn a_checkout_redeems_a_code_once(place: TestDatabase) {
    let database = with_code(&place, Some(1), Some(1)).await;
    let redeemed = at_once(16, |_| {
        let database = database.clone();
        async move { redeem(&database, 7, "customer").await }
    });
    assert_eq!(count(&redeemed.await, Redemption::Held), 16);
    assert_eq!(uses(&database, "customer").await, (1, 1));
    assert_eq!(redeem(&database, 8, "other").await, Redemption::Exhausted);
}

pub(super) async fn what_is_released_can_be_redeemed_again(place: TestDatabase) {
    let database = with_code(&place, Some(1), None).await;
    assert_eq!(redeem(&database, 7, "").await, Redemption::Held);
    assert_eq!(redeem(&database, 8, "").await, Redemption::Exhausted);
    // One that holds no use gives none back, and one that does gives back one.
    release(&database, 8).await;
    assert_eq!(uses(&database, "").await, (1, 1));
    at_once(4, |_| {
        let database = database.clone();
        async move { release(&database, 7).await }
    })
    .await;
    assert_eq!(uses(&database, "").await, (0, 0));
    assert_eq!(redeem(&database, 8, "").await, Redemption::Held);
}

pub(super) async fn a_refused_redemption_leaves_nothing(place: TestDatabase) {
    let database = with_code(&place, Some(2), Some(1)).await;
    assert_eq!(redeem(&database, 7, "customer").await, Redemption::Held);
    let refused = redeem(&database, 8, "customer").await;
    assert_eq!(refused, Redemption::CustomerExhausted);
    assert_eq!(uses(&database, "customer").await, (1, 1));
    assert_eq!(redeem(&database, 9, "other").await, Redemption::Held);
    assert_eq!(redeem(&database, 10, "third").await, Redemption::Exhausted);
    assert_eq!(uses(&database, "third").await, (2, 0));

    // Neither does one whose transaction was not committed.
    release(&database, 9).await;
    let transaction = database.begin().await.unwrap();
    let redeemed = promotion::redeem(&transaction, id(50), id(11), id(12), "fourth", now()).await;
    assert_eq!(redeemed.unwrap(), Redemption::Held);
    drop(transaction);
    assert_eq!(uses(&database, "fourth").await, (1, 0));
}

pub(super) async fn a_deleted_code_is_gone(place: TestDatabase) {
    let database = with_code(&place, Some(5), None).await;
    assert_eq!(redeem(&database, 7, "").await, Redemption::Held);
    for there in [true, false] {
        let transaction = database.begin().await.unwrap();
        let deleted = promotion::delete_code(&transaction, "limited").await;
        assert_eq!(deleted.unwrap().is_some(), there);
        transaction.commit().await.unwrap();
    }
    assert_eq!(redeem(&database, 8, "").await, Redemption::Gone);
    assert_eq!(redeem(&database, 7, "").await, Redemption::Held);
    release(&database, 7).await;
    assert_eq!(redeem(&database, 7, "").await, Redemption::Gone);
    assert!(promotion::load(&database, id(51)).await.unwrap().is_some());
    assert_eq!(revision::load(&database).await.unwrap().shop.promotions, 1);
}

/// SQLite has one writer, so only PostgreSQL can be made to.
#[tokio::test(flavor = "multi_thread")]
async fn a_deadlock_may_be_tried_again() {
    let place = TestDatabase::postgres().await;
    let database = with_code(&place, Some(5), None).await;
    assert!(insert(&database, &samples::code(52, 53, "OTHER")).await);
    let (one, two) = (
        database.begin().await.unwrap(),
        database.begin().await.unwrap(),
    );
    let redeem = async |transaction, code, checkout| {
        promotion::redeem(transaction, id(code), id(checkout), id(9), "", now()).await
    };
    redeem(&one, 50, 1).await.unwrap();
    redeem(&two, 52, 2).await.unwrap();
    let results = tokio::join!(redeem(&one, 52, 1), redeem(&two, 50, 2));
    let ((Ok(_), Err(error)) | (Err(error), Ok(_))) = results else {
        panic!("{results:?}")
    };
    assert!(matches!(error, StoreError::Serialization(_)), "{error:?}");
}

//! API tokens.

use cartwright::{
    domain::api_token::{ApiToken, NewApiToken, SecretHash},
    store::{Database, api_token, revision},
};
use chrono::TimeDelta;

use super::samples::now;
use crate::harness::database::{TestDatabase, at_once};

fn token(number: u128, lifetime: Option<TimeDelta>) -> ApiToken {
    let grants = "carts:write orders:read".parse().unwrap();
    let channels = vec!["eu".to_owned()];
    let new = NewApiToken::new("storefront".into(), grants, channels, lifetime).unwrap();
    let hash = SecretHash::of(&number.to_string());
    new.with(format!("cwt_{number}"), hash, now())
}

async fn insert(database: &Database, token: &ApiToken, most: u64) -> bool {
    let transaction = database.begin().await.unwrap();
    let inserted = api_token::insert(&transaction, token, most).await.unwrap();
    transaction.commit().await.unwrap();
    inserted
}

async fn revoke(database: &Database, prefix: &str) -> bool {
    let transaction = database.begin().await.unwrap();
    let revoked = api_token::revoke(&transaction, prefix, now()).await;
    transaction.commit().await.unwrap();
    revoked.unwrap()
}

async fn access(database: &Database) -> i64 {
    revision::load(database).await.unwrap().access
}

pub(super) async fn a_token_comes_back_as_it_was(place: TestDatabase) {
    let database = place.open().await;
    let (forever, day) = (token(1, None), token(2, Some(TimeDelta::days(1))));
    assert!(insert(&database, &forever, 10).await);
    assert!(insert(&database, &day, 10).await);
    assert_eq!(access(&database).await, 2);
    for (kept, was) in api_token::list(&database)
        .await
        .unwrap()
        .iter()
        .zip([&forever, &day])
    {
        // But for what is in the hash, which nobody sees.
        assert_eq!(format!("{kept:?}"), format!("{was:?}"));
        assert!(kept.secret_hash.is_of(&was.prefix["cwt_".len()..]));
    }

    let used = now() + TimeDelta::hours(1);
    let prefixes = [forever.prefix.clone(), "cwt_9".to_owned()];
    api_token::note_use(&database, &prefixes, used)
        .await
        .unwrap();
    let kept = api_token::list(&database).await.unwrap();
    let times: Vec<_> = kept.iter().map(|token| token.last_use_time).collect();
    assert_eq!(times, [Some(used), None]);
    assert_eq!(access(&database).await, 2, "nothing that replicas hold");
}

pub(super) async fn what_is_revoked_or_expired_is_not_loaded(place: TestDatabase) {
    let database = place.open().await;
    let (forever, day) = (token(1, None), token(2, Some(TimeDelta::days(1))));
    insert(&database, &forever, 10).await;
    insert(&database, &day, 10).await;
    let living = async |hours| {
        let time = now() + TimeDelta::hours(hours);
        let living = api_token::living(&database, time).await.unwrap();
        let mut prefixes: Vec<_> = living.into_iter().map(|token| token.prefix).collect();
        prefixes.sort();
        prefixes
    };
    assert_eq!(living(23).await, ["cwt_1", "cwt_2"]);
    assert_eq!(living(24).await, ["cwt_1"]);
    let before = access(&database).await;
    assert!(revoke(&database, "cwt_1").await);
    assert_eq!(access(&database).await, before + 1);
    assert_eq!(living(23).await, ["cwt_2"]);
    assert!(!revoke(&database, "cwt_1").await, "it is revoked");
    assert!(!revoke(&database, "cwt_9").await, "there is none");
    assert_eq!(access(&database).await, before + 1);
    assert_eq!(api_token::list(&database).await.unwrap().len(), 2);
}

pub(super) async fn the_limit_of_living_tokens_is_exact(place: TestDatabase) {
    let database = place.open().await;
    let added = at_once(8, |n| {
        let database = database.clone();
        async move { insert(&database, &token(n, None), 3).await }
    });
    assert_eq!(added.await.iter().filter(|added| **added).count(), 3);
    let kept = api_token::list(&database).await.unwrap();
    assert_eq!(kept.len(), 3);
    revoke(&database, &kept[0].prefix).await;
    assert!(insert(&database, &token(9, None), 3).await);
}

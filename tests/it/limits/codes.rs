//! Codes that shoppers try.

use std::{sync::Arc, time::Duration};

use cartwright::{
    domain::{caller::Session, code_tries::CodeKind},
    limits::{Codes, Refused},
    rpc::pb,
};
use chrono::{DateTime, TimeDelta, Utc};
use secrecy::SecretString;
use tonic::{Code, Status};

use super::{by, new_id, session, token_of};
use crate::harness::{
    PATIENCE,
    api::{Api, call, custom, on_every_backend, percentage_coupon, refused},
    redis::RedisServer,
    shop::now,
};

on_every_backend!(
    twenty_different_gift_certificates_an_hour,
    whoever_guesses_is_slowed,
    a_request_that_was_answered_is_free,
);

/// One who is signed in, and has a cart.
struct Shopper {
    customer_id: String,
    token: String,
    cart_id: String,
}

impl Shopper {
    async fn new(api: &Api) -> Self {
        Self::of(api, &new_id().to_string()).await
    }

    /// Another session of a customer, with another cart.
    async fn of(api: &Api, customer_id: &str) -> Self {
        let request = pb::CreateCartRequest {
            customer_id: customer_id.into(),
            custom_items: vec![custom("Thing", 1, 100_000)],
            ..Default::default()
        };
        let created = call!(api.carts, create_cart, request);
        Self {
            customer_id: customer_id.into(),
            token: token_of(api, customer_id).await,
            cart_id: created.unwrap().cart.unwrap().id,
        }
    }

    async fn certificate(&self, api: &Api, code: &str) -> Result<(), Status> {
        let request = pb::ApplyGiftCertificateRequest {
            checkout_id: self.cart_id.clone(),
            code: code.into(),
            ..Default::default()
        };
        let request = by(&self.token, request);
        call!(api.gift_certificates, apply_gift_certificate, request).map(drop)
    }

    async fn coupon(&self, api: &Api, code: &str) -> Result<(), Status> {
        self.coupon_once(api, code, "").await
    }

    async fn coupon_once(&self, api: &Api, code: &str, request_id: &str) -> Result<(), Status> {
        let request = pb::ApplyCouponRequest {
            checkout_id: self.cart_id.clone(),
            code: code.into(),
            request_id: request_id.into(),
            ..Default::default()
        };
        call!(api.coupons, apply_coupon, by(&self.token, request)).map(drop)
    }
}

fn not_found(result: Result<(), Status>) {
    let reason = match result.as_ref().map_err(Status::message) {
        Err(message) if message.contains("coupon") => "COUPON_NOT_FOUND",
        _ => "GIFT_CERTIFICATE_NOT_FOUND",
    };
    refused(result, Code::NotFound, reason);
}

/// After what time the next try is taken.
fn limited(result: Result<(), Status>) -> Duration {
    let details = refused(result, Code::ResourceExhausted, "RATE_LIMITED");
    assert!(details.quota_failure().is_some());
    let retry = details.retry_info().unwrap().retry_delay.unwrap();
    assert!(retry > Duration::ZERO);
    retry
}

async fn twenty_different_gift_certificates_an_hour(api: Api) {
    for number in 0..21 {
        api.certificate(&format!("GIFT{number}"), 100).await;
    }
    api.coupon(percentage_coupon("TEN", "10")).await;
    // A checkout takes ten, so one customer has three.
    let first = Shopper::new(&api).await;
    let second = Shopper::of(&api, &first.customer_id).await;
    let third = Shopper::of(&api, &first.customer_id).await;
    for number in 0..20 {
        let on = if number < 10 { &first } else { &second };
        let code = format!("GIFT{number}");
        on.certificate(&api, &code).await.unwrap();
    }
    for on in [&first, &third] {
        limited(on.certificate(&api, "GIFT20").await);
    }
    // However it is written, one that was tried is tried again.
    third.certificate(&api, "gift7").await.unwrap();
    limited(third.certificate(&api, "GIFT20").await);

    third.coupon(&api, "TEN").await.unwrap();
    let other = Shopper::new(&api).await;
    other.certificate(&api, "GIFT20").await.unwrap();
    // A service of the shop, for the same customer.
    let applied = api.apply_certificate(&third.cart_id, "GIFT20").await;
    applied.unwrap();
}

async fn whoever_guesses_is_slowed(api: Api) {
    api.coupon(percentage_coupon("TEN", "10")).await;
    api.certificate("GIFT", 100).await;
    let thief = Shopper::new(&api).await;
    let again = Shopper::of(&api, &thief.customer_id).await;
    for number in 0..3 {
        not_found(thief.coupon(&api, &format!("COUPON{number}")).await);
    }
    // The fourth and fifth by way of another session.
    not_found(again.coupon(&api, "COUPON3").await);
    not_found(again.coupon(&api, "COUPON4").await);
    let first_wait = limited(thief.coupon(&api, "TEN").await);
    // What was tried before tells nothing new.
    not_found(thief.coupon(&api, "coupon1").await);
    // Gift certificates have their own limit.
    thief.certificate(&api, "GIFT").await.unwrap();

    let other = Shopper::new(&api).await;
    other.coupon(&api, "TEN").await.unwrap();
    other.certificate(&api, "GIFT").await.unwrap();
    for number in 0..30 {
        let code = format!("NONE{number}");
        refused(
            api.apply(&other.cart_id, &code).await,
            Code::NotFound,
            "COUPON_NOT_FOUND",
        );
    }

    // After the wait a good code is taken, which makes nothing good: the next wrong one makes the wait longer.
    tokio::time::sleep(first_wait).await;
    thief.coupon(&api, "TEN").await.unwrap();
    not_found(thief.coupon(&api, "COUPON5").await);
    let second_wait = limited(thief.coupon(&api, "COUPON6").await);
    assert!(second_wait > first_wait);
}

async fn a_request_that_was_answered_is_free(api: Api) {
    api.coupon(percentage_coupon("TEN", "10")).await;
    let shopper = Shopper::new(&api).await;
    let request_id = new_id().to_string();
    let applied = shopper.coupon_once(&api, "TEN", &request_id).await;
    applied.unwrap();
    let mut tried = 0;
    let refused = loop {
        match shopper.coupon(&api, &format!("COUPON{tried}")).await {
            Err(status) if status.code() == Code::NotFound => tried += 1,
            refused => break refused,
        }
        assert!(tried < 100);
    };
    limited(refused);
    assert!(tried >= 5);
    let repeated = shopper.coupon_once(&api, "TEN", &request_id).await;
    repeated.unwrap();
}

fn codes(redis: &RedisServer) -> Codes {
    Codes::new(Some(&SecretString::from(redis.url()))).unwrap()
}

/// Tries a good gift certificate.
async fn redeem(
    codes: &Codes,
    session: &Session,
    number: u32,
    now: DateTime<Utc>,
) -> Result<(), Refused> {
    let code = format!("SECRET-{number}");
    let begun = codes.begin(session, CodeKind::GiftCertificate, &code, now);
    codes.was_not_wrong(&begun.await?).await;
    Ok(())
}

/// Tries a coupon that there is not.
async fn guess(
    codes: &Codes,
    session: &Session,
    number: u32,
    now: DateTime<Utc>,
) -> Result<(), Refused> {
    let code = format!("GUESS-{number}");
    let begun = codes.begin(session, CodeKind::Coupon, &code, now);
    codes.was_wrong(&begun.await?);
    Ok(())
}

#[tokio::test]
async fn replicas_share_what_was_tried_and_outlive_redis() {
    let mut redis = RedisServer::started();
    let [one, other] = [codes(&redis), codes(&redis)];
    let session = session("alice@example.com");
    for number in 0..18 {
        let replica = if number % 2 == 0 { &one } else { &other };
        redeem(replica, &session, number, now()).await.unwrap();
    }
    redis.kill();
    // Each goes on with what it knew.
    redeem(&other, &session, 18, now()).await.unwrap();
    redeem(&other, &session, 19, now()).await.unwrap();
    let refused = redeem(&other, &session, 20, now()).await.unwrap_err();
    assert!(
        refused
            .limit
            .contains("20 different gift certificate codes")
    );

    // An empty Redis is told of it again.
    redis.start();
    let began = tokio::time::Instant::now();
    while redis.ask::<u64>(&["DBSIZE"]).await == 0 {
        assert!(began.elapsed() < PATIENCE);
        tokio::time::sleep(Duration::from_millis(100)).await;
        let later = now() + TimeDelta::hours(2);
        redeem(&other, &session, 21, later).await.unwrap();
    }
    let keys: Vec<String> = redis.ask(&["KEYS", "*"]).await;
    let kept: String = redis.ask(&["GET", &keys[0]]).await;
    let left: i64 = redis.ask(&["TTL", &keys[0]]).await;
    assert!((1..=3_600).contains(&left), "{left}");
    for secret in ["alice", "SECRET", &session.id.to_string()] {
        assert!(!keys[0].contains(secret) && !kept.contains(secret));
    }
    let third = codes(&redis);
    let later = now() + TimeDelta::hours(2);
    for number in 22..41 {
        redeem(&third, &session, number, later).await.unwrap();
    }
    // Not the first one, whose connection is dead without its knowing yet.
    let fourth = codes(&redis);
    assert!(redeem(&fourth, &session, 41, later).await.is_err());
}

#[tokio::test(flavor = "multi_thread")]
async fn guesses_at_the_same_time_are_slowed_as_any() {
    let redis = RedisServer::started();
    let replicas: Vec<_> = (0..4).map(|_| Arc::new(codes(&redis))).collect();
    let session = session("");
    let mut guesses = tokio::task::JoinSet::new();
    for number in 0..100 {
        let replica = Arc::clone(&replicas[number % replicas.len()]);
        let session = session.clone();
        let number = u32::try_from(number).unwrap();
        guesses.spawn(async move { guess(&replica, &session, number, now()).await });
    }
    let taken = guesses.join_all().await.into_iter().flatten();
    assert_eq!(taken.count(), 5);
}

#[tokio::test]
async fn what_redis_has_and_cannot_be_read_is_not_there() {
    let redis = RedisServer::started();
    let session = session("");
    let replica = codes(&redis);
    guess(&replica, &session, 0, now()).await.unwrap();
    let keys: Vec<String> = redis.ask(&["KEYS", "*"]).await;
    let key = &keys[0];
    for (number, odd) in (1..).zip(["", "nonsense", "{}", "\u{0}"]) {
        let () = redis.ask(&["SET", key, odd]).await;
        guess(&replica, &session, number, now()).await.unwrap();
    }
    guess(&replica, &session, 5, now()).await.unwrap_err();
    let _: u64 = redis.ask(&["DEL", key]).await;
    let _: u64 = redis.ask(&["RPUSH", key, "a list"]).await;
    guess(&replica, &session, 6, now()).await.unwrap_err();
    guess(&replica, &session, 4, now()).await.unwrap();
}

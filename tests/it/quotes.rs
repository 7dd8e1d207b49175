//! Quotes are rated once and shared, and whatever becomes of the cache, the answer is the same.

use std::{
    net::TcpListener,
    sync::Arc,
    time::{Duration, Instant},
};

use cartwright::{
    domain::{
        consignment::Consignment,
        location::Location,
        money::{Amount, Rate},
        reason::Reason,
        shipping::{Quote, RateRequest, rate},
        store::{MethodRate, ShippingMethod, ShippingZone, Store},
    },
    quotes::{DEFAULT_TTL, Quotes},
};
use chrono::{DateTime, TimeDelta, Utc};

use crate::harness::{
    PATIENCE,
    redis::{RedisServer, shared_redis},
    shop::{self, amount, currency, now},
};

/// A shop that ships everywhere for 8.00 USD, known to no other test and no earlier run.
#[expect(
    clippy::disallowed_methods,
    reason = "the tests share one Redis, also from run to run"
)]
fn store() -> Store {
    Store {
        version: 1,
        name: uuid::Uuid::now_v7().to_string(),
        currencies: vec![(currency("EUR"), Rate::parse("0.5").unwrap())],
        shipping_zones: vec![ShippingZone {
            id: "world".into(),
            name: "World".into(),
            enabled: true,
            locations: vec![Location::RestOfWorld],
            methods: vec![ShippingMethod {
                id: "ground".into(),
                name: "Ground".into(),
                description: String::new(),
                enabled: true,
                transit_time: None,
                image_url: String::new(),
                rate: MethodRate::FlatPerOrder(amount(800)),
            }],
            handling_fee: None,
        }],
        ..Store::empty(currency("USD"))
    }
}

/// Two units of something worth 10.00 USD, to New York.
fn request(store: &Store) -> RateRequest {
    request_of(store, |_| {})
}

fn request_of(store: &Store, change: impl FnOnce(&mut Consignment)) -> RateRequest {
    let checkout = shop::checkout("USD", vec![shop::line(1, 1000, 2)]);
    let mut consignment = shop::consignment(10, "US", &[(1, 2)], 0);
    consignment.address.postal_code = "10001".into();
    change(&mut consignment);
    RateRequest::of(&checkout, &consignment, store).unwrap()
}

fn both(ttl: Duration) -> [Quotes; 2] {
    [Quotes::in_process(ttl), shared(ttl)]
}

fn shared(ttl: Duration) -> Quotes {
    Quotes::redis(&shared_redis(), ttl).unwrap()
}

fn on(server: &RedisServer) -> Quotes {
    Quotes::redis(&server.url().into(), DEFAULT_TTL).unwrap()
}

/// What a cache must not change: the domain's own quote, with the time until which it holds.
fn expected(store: &Store, request: &RateRequest, expire_time: DateTime<Utc>) -> Quote {
    let mut quote = rate(store, request).unwrap();
    for option in &mut quote.options {
        option.expire_time = Some(expire_time);
    }
    quote
}

/// Asks until an answer comes from the cache.
async fn wait_for_a_hit(quotes: &Quotes, store: &Store, request: &RateRequest) {
    let deadline = Instant::now() + Duration::from_secs(10);
    while Instant::now() < deadline {
        let before = quotes.ratings();
        quotes.quote(store, request, now()).await.unwrap();
        if quotes.ratings() == before {
            return;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("the cache is not in use");
}

#[tokio::test]
async fn shoppers_with_equal_baskets_to_one_place_share_a_quote() {
    for quotes in both(DEFAULT_TTL) {
        let store = store();
        let first = request_of(&store, |consignment| {
            consignment.address.first_name = "Ada".into();
            consignment.address.address1 = "1 Main Street".into();
        });
        let second = request_of(&store, |consignment| {
            consignment.address.last_name = "Turing".into();
            consignment.address.address1 = "7 Side Street".into();
            consignment.address.email = "alan@example.com".into();
            consignment.address.postal_code = "1 0001".into();
        });
        let later = now() + TimeDelta::minutes(9);
        let expected = expected(&store, &first, now() + TimeDelta::minutes(10));
        assert_eq!(quotes.quote(&store, &first, now()).await.unwrap(), expected);
        assert_eq!(
            quotes.quote(&store, &second, later).await.unwrap(),
            expected
        );
        assert_eq!(quotes.ratings(), 1);
    }
}

#[tokio::test]
async fn whatever_a_quote_depends_on_makes_another() {
    for quotes in both(DEFAULT_TTL) {
        let store = store();
        let mut reworked = store.clone();
        reworked.version += 1;
        let in_euro = RateRequest {
            currency: currency("EUR"),
            ..request(&store)
        };
        let elsewhere = request_of(&store, |consignment| {
            consignment.address.postal_code = "10002".into();
        });
        let fewer = request_of(&store, |consignment| consignment.items[0].quantity = 1);
        let asked = [
            (&store, request(&store)),
            (&store, elsewhere),
            (&store, fewer),
            (&store, in_euro),
            (&reworked, request(&reworked)),
        ];
        for (ratings, (store, request)) in (1..).zip(&asked) {
            let quote = quotes.quote(store, request, now()).await.unwrap();
            assert_eq!(
                quote,
                expected(store, request, now() + DEFAULT_TTL),
                "{request:?}"
            );
            assert_eq!(quotes.ratings(), ratings, "{request:?}");
        }
    }
}

#[tokio::test]
async fn replicas_share_quotes_and_shops_do_not() {
    let [first, second] = [shared(DEFAULT_TTL), shared(DEFAULT_TTL)];
    let (store, mut other_shop) = (store(), store());
    other_shop.shipping_zones[0].methods[0].rate = MethodRate::FlatPerOrder(amount(900));
    let request = request(&store);
    let quote = first.quote(&store, &request, now()).await.unwrap();
    assert_eq!(second.quote(&store, &request, now()).await.unwrap(), quote);
    assert_eq!((first.ratings(), second.ratings()), (1, 0));

    let third = shared(DEFAULT_TTL);
    let quote = third.quote(&other_shop, &request, now()).await.unwrap();
    assert_eq!(quote.options[0].cost, amount(900));
    assert_eq!(third.ratings(), 1);
}

#[tokio::test]
async fn a_quote_is_kept_no_longer_than_it_holds() {
    let ttl = Duration::from_millis(200);
    for quotes in both(ttl) {
        let store = store();
        let request = request(&store);
        let quote = quotes.quote(&store, &request, now()).await.unwrap();
        assert_eq!(quote.options[0].expire_time, Some(now() + ttl));
        // As the caller's clock has it.
        let quote = quotes.quote(&store, &request, now() + ttl).await.unwrap();
        assert_eq!(quote.options[0].expire_time, Some(now() + ttl * 2));
        assert_eq!(quotes.ratings(), 2);
        // As the cache's own clock has it.
        tokio::time::sleep(ttl * 2).await;
        quotes.quote(&store, &request, now() + ttl).await.unwrap();
        assert_eq!(quotes.ratings(), 3);
    }
}

#[tokio::test]
async fn a_refusal_is_not_cached() {
    for quotes in both(DEFAULT_TTL) {
        let store = store();
        let mut request = request(&store);
        request.items[0].value = Amount::new(i64::MAX);
        for ratings in 1..=2 {
            let refusal = quotes.quote(&store, &request, now()).await.unwrap_err();
            assert_eq!(refusal.reason, Reason::AmountOverflow);
            assert_eq!(quotes.ratings(), ratings);
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_crowd_that_asks_for_the_same_at_once_causes_one_rating() {
    for quotes in both(DEFAULT_TTL) {
        let (quotes, store) = (Arc::new(quotes), Arc::new(store()));
        let request = request(&store);
        let crowd = (0..200).map(|_| {
            let (quotes, store, request) =
                (Arc::clone(&quotes), Arc::clone(&store), request.clone());
            tokio::spawn(async move { quotes.quote(&store, &request, now()).await.unwrap() })
        });
        for shopper in crowd.collect::<Vec<_>>() {
            assert_eq!(
                shopper.await.unwrap(),
                expected(&store, &request, now() + DEFAULT_TTL)
            );
        }
        assert_eq!(quotes.ratings(), 1);
    }
}

#[tokio::test]
async fn without_redis_quotes_are_rated_and_with_it_cached_again() {
    let mut server = RedisServer::stopped();
    let quotes = on(&server);
    let store = store();
    let request = request(&store);
    let expected = expected(&store, &request, now() + DEFAULT_TTL);
    // Not there from the start.
    let start = Instant::now();
    for ratings in 1..=50 {
        assert_eq!(
            quotes.quote(&store, &request, now()).await.unwrap(),
            expected
        );
        assert_eq!(quotes.ratings(), ratings);
    }
    assert!(start.elapsed() < PATIENCE);
    server.start();
    wait_for_a_hit(&quotes, &store, &request).await;
    // Gone in the middle, and back without what it held.
    for _ in 0..2 {
        server.kill();
        let (start, ratings) = (Instant::now(), quotes.ratings());
        for _ in 0..50 {
            assert_eq!(
                quotes.quote(&store, &request, now()).await.unwrap(),
                expected
            );
        }
        assert_eq!(quotes.ratings(), ratings + 50);
        assert!(start.elapsed() < PATIENCE);
        server.start();
        wait_for_a_hit(&quotes, &store, &request).await;
    }
    let replica = on(&server);
    assert_eq!(
        replica.quote(&store, &request, now()).await.unwrap(),
        expected
    );
    assert_eq!(replica.ratings(), 0);
}

#[tokio::test]
async fn a_redis_that_does_not_answer_holds_up_few() {
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("redis://{}/", silent.local_addr().unwrap());
    let quotes = Quotes::redis(&url.into(), DEFAULT_TTL).unwrap();
    let store = store();
    let request = request(&store);
    let start = Instant::now();
    for _ in 0..50 {
        quotes.quote(&store, &request, now()).await.unwrap();
    }
    assert_eq!(quotes.ratings(), 50);
    assert!(start.elapsed() < PATIENCE);
}

#[tokio::test]
async fn redis_holds_nothing_personal_forgets_in_time_and_may_hold_nonsense() {
    let server = RedisServer::started();
    let store = store();
    let request = request_of(&store, |consignment| {
        consignment.address.last_name = "Lovelace".into();
    });
    let quotes = on(&server);
    let quote = quotes.quote(&store, &request, now()).await.unwrap();

    let client = redis::Client::open(server.url()).unwrap();
    let mut connection = client.get_multiplexed_async_connection().await.unwrap();
    let keys: Vec<String> = redis::cmd("KEYS")
        .arg("*")
        .query_async(&mut connection)
        .await
        .unwrap();
    let [key] = keys.as_slice() else {
        panic!("one key, not {keys:?}")
    };
    let hash = key.strip_prefix("cartwright:quote:v1:").unwrap();
    assert!(
        hash.len() == 64 && hash.bytes().all(|byte| byte.is_ascii_hexdigit()),
        "{hash}"
    );
    let value: String = redis::cmd("GET")
        .arg(key)
        .query_async(&mut connection)
        .await
        .unwrap();
    assert!(
        !value.contains("Lovelace") && !value.contains("10001"),
        "{value}"
    );
    let seconds: u64 = redis::cmd("TTL")
        .arg(key)
        .query_async(&mut connection)
        .await
        .unwrap();
    assert!((590..=600).contains(&seconds), "{seconds}");

    for (ratings, garbage) in (2..).zip([
        "",
        "nonsense",
        "{}",
        r#"{"options":[{}],"messages":[]}"#,
        "\u{0}",
    ]) {
        let set: () = redis::cmd("SET")
            .arg(key)
            .arg(garbage)
            .query_async(&mut connection)
            .await
            .unwrap();
        let () = set;
        assert_eq!(
            quotes.quote(&store, &request, now()).await.unwrap(),
            quote,
            "{garbage}"
        );
        assert_eq!(quotes.ratings(), ratings, "{garbage}");
    }
    // The last of it was replaced.
    assert_eq!(quotes.quote(&store, &request, now()).await.unwrap(), quote);
    assert_eq!(quotes.ratings(), 6);
}

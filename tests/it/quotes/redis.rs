//! Redis may go and come, be a cluster, be slow, or hold anything: shoppers do not notice.

use std::{
    net::TcpListener,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
};

use cartwright::rpc::pb::{
    CheckoutInclude, GetCheckoutRequest, checkout_service_client::CheckoutServiceClient,
};
use serde_json::json;
use tokio::task::JoinSet;

use super::{Shop, answer, look, offered, only, options, until};
use crate::harness::{
    redis::{RedisCluster, RedisServer},
    server::Binary,
};

/// Postal codes that no other call of this has given.
fn postal_codes(count: usize) -> Vec<String> {
    static NEXT: AtomicU64 = AtomicU64::new(10_000);
    let next = || NEXT.fetch_add(1, Ordering::Relaxed).to_string();
    (0..count).map(|_| next()).collect()
}

/// A checkout with so many consignments, of which no carrier knows anything yet.
async fn new_baskets(shop: &Shop, count: usize) -> String {
    let postal_codes = postal_codes(count);
    let postal_codes: Vec<_> = postal_codes.iter().map(String::as_str).collect();
    shop.baskets(&postal_codes).await.id
}

/// Every consignment is offered what the carrier offers.
async fn check(shop: &Shop, checkout_id: &str) {
    let checkout = look(&shop.api, checkout_id).await.unwrap();
    assert!(!checkout.consignments.is_empty());
    for consignment in &checkout.consignments {
        let messages = &consignment.quote_messages;
        let offered = options(consignment);
        assert_eq!(offered, only("us/parcels/GND", 725), "{messages:?}");
    }
}

/// Returns when a service that has never asked finds the answers that another one has got.
async fn wait_until_shared(shop: &Shop) {
    let replica = shop.api.replica().await;
    until(async || {
        let basket = new_baskets(shop, 1).await;
        check(shop, &basket).await;
        let calls = shop.parcels.calls();
        let checkout = look(&replica, &basket).await.unwrap();
        let found = options(&checkout.consignments[0]);
        assert_eq!(found, only("us/parcels/GND", 725));
        shop.parcels.calls() == calls
    })
    .await;
}

/// A crowd that asks for new and known baskets all the time. No answer may be wrong.
struct Crowd {
    enough: Arc<AtomicBool>,
    answers: Arc<AtomicU64>,
    shoppers: JoinSet<()>,
}

impl Crowd {
    async fn of(shop: &Arc<Shop>, shoppers: usize) -> Self {
        let enough = Arc::new(AtomicBool::new(false));
        let answers = Arc::new(AtomicU64::new(0));
        let mut crowd = JoinSet::new();
        for _ in 0..shoppers {
            let (shop, enough, answers) =
                (Arc::clone(shop), Arc::clone(&enough), Arc::clone(&answers));
            crowd.spawn(async move {
                while !enough.load(Ordering::Relaxed) {
                    let basket = new_baskets(&shop, 3).await;
                    for _ in 0..3 {
                        check(&shop, &basket).await;
                        answers.fetch_add(1, Ordering::Relaxed);
                    }
                }
            });
        }
        let crowd = Self {
            enough,
            answers,
            shoppers: crowd,
        };
        crowd.wait_for_answers(10).await;
        crowd
    }

    /// Returns when so many more have been answered.
    async fn wait_for_answers(&self, count: u64) {
        let answers = || self.answers.load(Ordering::Relaxed);
        let enough = answers() + count;
        until(async || answers() >= enough || self.shoppers.is_empty()).await;
    }

    async fn leave(self) {
        self.enough.store(true, Ordering::Relaxed);
        self.shoppers.join_all().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn redis_goes_and_comes_under_load() {
    let mut redis = RedisServer::stopped();
    // Not there from the start.
    let shop = Arc::new(Shop::on_redis(&redis.url()).await);
    shop.offers("GND", 725, 600);
    let crowd = Crowd::of(&shop, 8).await;
    redis.start();
    wait_until_shared(&shop).await;
    for _ in 0..2 {
        redis.kill();
        crowd.wait_for_answers(30).await;
        redis.start();
        crowd.wait_for_answers(30).await;
        wait_until_shared(&shop).await;
    }
    crowd.leave().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_redis_that_does_not_answer() {
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("redis://{}/", silent.local_addr().unwrap());
    let shop = Shop::on_redis(&url).await;
    shop.offers("GND", 725, 600);
    for calls in 1..=20 {
        let basket = new_baskets(&shop, 1).await;
        check(&shop, &basket).await;
        check(&shop, &basket).await;
        assert_eq!(shop.parcels.calls(), calls);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cluster_of_three_nodes_of_which_one_goes() {
    let mut cluster = RedisCluster::started().await;
    let shop = Arc::new(Shop::on_redis(&cluster.url()).await);
    shop.offers("GND", 725, 600);
    let replica = shop.api.replica().await;
    let basket = new_baskets(&shop, 30).await;
    check(&shop, &basket).await;
    for consignment in look(&replica, &basket).await.unwrap().consignments {
        assert_eq!(options(&consignment), only("us/parcels/GND", 725));
    }
    assert_eq!(shop.parcels.calls(), 30);
    let mut keys = 0;
    for node in &cluster.nodes {
        let found: u64 = node.ask(&["DBSIZE"]).await;
        assert!(found > 0, "a node that nothing is kept on");
        keys += found;
    }
    assert_eq!(keys, 30, "an entry for each, and no lock");

    let crowd = Crowd::of(&shop, 4).await;
    for _ in 0..2 {
        cluster.nodes[1].kill();
        crowd.wait_for_answers(60).await;
        cluster.nodes[1].start();
        cluster.wait_until_whole().await;
        wait_until_shared(&shop).await;
    }
    crowd.leave().await;
}

/// The only entry, once there is one.
async fn the_key(redis: &RedisServer) -> String {
    let keys = async || redis.ask::<Vec<String>>(&["KEYS", "*"]).await;
    until(async || keys().await.len() == 1).await;
    keys().await.remove(0)
}

#[tokio::test(flavor = "multi_thread")]
async fn redis_is_told_nothing_personal_and_forgets_in_time() {
    let redis = RedisServer::started();
    let shop = Shop::on_redis(&redis.url()).await;
    shop.offers("GND", 725, 60);
    let basket = shop.basket().await;
    assert_eq!(
        offered(&shop.api, &basket).await,
        only("us/parcels/GND", 725)
    );

    let key = the_key(&redis).await;
    let hash = key.strip_prefix("cartwright:rates:v1:").unwrap();
    assert!(
        hash.len() == 64 && hash.bytes().all(|byte| byte.is_ascii_hexdigit()),
        "{hash}"
    );
    let value: String = redis.ask(&["GET", &key]).await;
    assert!(value.contains("725"), "{value}");
    for personal in ["Lovelace", "Main St", "Springfield", "73301"] {
        assert!(!value.contains(personal), "{value}");
    }
    // A minute, and ten more in which it may be shown.
    let seconds: u64 = redis.ask(&["TTL", &key]).await;
    assert!((600..=660).contains(&seconds), "{seconds}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_read_is_not_there() {
    let redis = RedisServer::started();
    let shop = Shop::on_redis(&redis.url()).await;
    shop.offers("GND", 725, 600);
    let basket = shop.basket().await.id;
    check(&shop, &basket).await;
    let key = the_key(&redis).await;
    let good: String = redis.ask(&["GET", &key]).await;
    let truncated = &good[..good.len() / 2];
    let negative = &good.replace("725", "\"seven\"");
    for (calls, odd) in (2..).zip(["", "nonsense", "{}", "\u{0}", truncated, negative]) {
        let () = redis.ask(&["SET", &key, odd]).await;
        // Another process, which does not know it yet.
        let replica = shop.api.replica().await;
        let checkout = look(&replica, &basket).await.unwrap();
        let offered = options(&checkout.consignments[0]);
        assert_eq!(offered, only("us/parcels/GND", 725), "{odd}");
        assert_eq!(shop.parcels.calls(), calls, "{odd}");
        let healed: String = redis.ask(&["GET", &key]).await;
        assert!(healed.contains("725"), "{odd}");
    }
    let calls = shop.parcels.calls();
    let _: u64 = redis.ask(&["DEL", &key]).await;
    let _: u64 = redis.ask(&["RPUSH", &key, "a list"]).await;
    let replica = shop.api.replica().await;
    let checkout = look(&replica, &basket).await.unwrap();
    let offered = options(&checkout.consignments[0]);
    assert_eq!(offered, only("us/parcels/GND", 725));
    assert_eq!(shop.parcels.calls(), calls + 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lock_that_was_left_behind_is_waited_for_no_longer_than_it_holds() {
    let redis = RedisServer::started();
    let shop = Shop::on_redis(&redis.url()).await;
    shop.offers("GND", 725, 600);
    let basket = shop.basket().await.id;
    check(&shop, &basket).await;
    let key = the_key(&redis).await;
    let lock = format!("{key}:lock");
    let _: u64 = redis.ask(&["DEL", &key]).await;
    let () = redis.ask(&["SET", &lock, "dead", "PX", "1500"]).await;

    let replica = shop.api.replica().await;
    let checkout = look(&replica, &basket).await.unwrap();
    let offered = options(&checkout.consignments[0]);
    assert_eq!(offered, only("us/parcels/GND", 725));
    assert_eq!(shop.parcels.calls(), 2);
    let left: u64 = redis.ask(&["EXISTS", &lock]).await;
    assert_eq!(left, 0, "it gave its own back");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_replica_that_dies_while_it_asks_is_succeeded() {
    let redis = RedisServer::started();
    let shop = Shop::on_redis(&redis.url()).await;
    let basket = shop.basket().await.id;
    let hanging = json!({ "mode": "hang", "times": 1 });
    shop.parcels.behave(hanging);

    let database = shop.api.server.database_url();
    let redis_url = redis.url();
    let variables = [("DATABASE_URL", database), ("REDIS_URL", &redis_url)];
    let dying = Binary::start(&["serve"], &variables);
    let mut client = CheckoutServiceClient::new(dying.channel());
    let request = GetCheckoutRequest {
        checkout_id: basket.clone(),
        include: vec![CheckoutInclude::AvailableShippingOptions.into()],
    };
    let asking = tokio::spawn(async move { client.get_checkout(request).await });
    shop.wait_for_calls(1).await;
    // SIGKILL.
    drop(dying);
    asking.await.unwrap().unwrap_err();
    let locks: Vec<String> = redis.ask(&["KEYS", "*:lock"]).await;
    assert_eq!(locks.len(), 1, "its lock is still there");

    let answer = answer("GND", 725, 600);
    shop.parcels.behave(json!({ "answer": answer }));
    // The lock may outlive the patience of the first.
    until(async || {
        let checkout = look(&shop.api, &basket).await.unwrap();
        options(&checkout.consignments[0]) == only("us/parcels/GND", 725)
    })
    .await;
    assert_eq!(shop.parcels.calls(), 2);
}

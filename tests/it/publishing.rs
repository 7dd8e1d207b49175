//! Events in a stream in Redis, as a consumer in another language reads them.

use std::{collections::BTreeSet, path::Path, process::Command};

use cartwright::rpc::{
    FILE_DESCRIPTOR_SET,
    pb::{self, cart_service_client::CartServiceClient},
};
use prost_reflect::{DescriptorPool, DynamicMessage};
use serde_json::{Value, json};
use tokio::time::{Duration, Instant, sleep};

use crate::harness::{
    PATIENCE,
    api::{Api, call, item},
    database::TestDatabase,
    events::Events,
    redis::RedisServer,
    server::{Backend, Binary, TestServer},
    variable,
};

/// A service with these options that publishes to the stream `shop`.
async fn publishing(redis: &RedisServer, backend: Backend, options: &[&str]) -> Api {
    let url = format!("--redis-url={}", redis.url());
    let stream = ["--events-redis-stream=shop", url.as_str()];
    let options = [&stream, options].concat();
    Api::on(TestServer::with(backend, &options).await).await
}

/// Changes a cart; answers its version since.
async fn write(api: &Api, cart: &pb::Cart) -> i64 {
    let request = pb::UpdateCheckoutRequest {
        checkout_id: cart.id.clone(),
        staff_note: "x".into(),
        ..Default::default()
    };
    let answer = call!(api.checkouts, update_checkout, request).unwrap();
    answer.checkout.unwrap().version
}

/// What a consumer reads from the stream, in the form of the JSON format.
async fn consumed(redis: &RedisServer) -> Vec<Value> {
    let url = redis.url();
    let address = url.trim_start_matches("redis://").trim_end_matches('/');
    let (host, port) = address.split_once(':').unwrap();
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/clients/consumer.py");
    let mut consumer = Command::new(variable("CARTWRIGHT_TEST_PYTHON"));
    consumer.arg("-B").arg(script).args([host, port, "shop"]);
    let output = tokio::task::spawn_blocking(move || consumer.output());
    let output = output.await.unwrap().unwrap();
    let log = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{log}");
    let lines = std::str::from_utf8(&output.stdout).unwrap().lines();
    lines
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

/// Waits until this version of a checkout is the last thing in the stream, and answers all that is.
async fn until(redis: &RedisServer, cart: &pb::Cart, version: i64) -> Vec<Value> {
    let end = Instant::now() + PATIENCE;
    let version = version.to_string();
    loop {
        let events = consumed(redis).await;
        let last = events.last().map(|event| event["data"].clone());
        let last = last.unwrap_or_default();
        let checkout = &last["checkout"];
        if checkout["checkoutId"] == cart.id && checkout["version"] == version {
            return events;
        }
        assert!(Instant::now() < end, "it is not published: {last}");
        sleep(Duration::from_millis(100)).await;
    }
}

/// An event of a stream of the API, as it should be published.
fn published(event: &pb::Event, cursor: &str, format: &str) -> Value {
    let pool = DescriptorPool::decode(FILE_DESCRIPTOR_SET).unwrap();
    let message = pool.get_message_by_name("cartwright.v1.Event").unwrap();
    let mut data = DynamicMessage::new(message);
    data.transcode_from(event).unwrap();
    let data = serde_json::to_value(data).unwrap();
    let kind = event.kind().as_str_name();
    let kind = kind.trim_start_matches("EVENT_KIND_").to_lowercase();
    let subjects = ["checkout", "order"].map(|kind| &data[kind][format!("{kind}Id")]);
    let subject = subjects.into_iter().find(|id| !id.is_null()).unwrap();
    json!({
        "format": format!("application/cloudevents+{format}"),
        "specversion": "1.0",
        "id": event.id,
        "source": "/cartwright",
        "type": format!("cartwright.{}", kind.replacen('_', ".", 1)),
        "subject": subject,
        "time": data["time"],
        "datacontenttype": format!("application/{format}"),
        "sequence": cursor,
        "data": data,
    })
}

async fn a_consumer_reads_what_streams_tell(format: &str) {
    let redis = RedisServer::started();
    let option = format!("--events-format={format}");
    let api = publishing(&redis, Backend::Embedded, &[&option]).await;
    let mut told = Events::oldest(api.server.channel()).await;
    let cart = api.cart(vec![item("poster", 1)]).await;
    api.make_ready(&cart).await;
    api.order(&cart.id).await.unwrap();
    let version = write(&api, &cart).await;
    let consumed = until(&redis, &cart, version).await;
    assert!(consumed.len() > 6, "{consumed:#?}");
    for event in &consumed {
        let expected = told.event().await;
        assert_eq!(*event, published(&expected, &told.cursor, format));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_consumer_reads_cloud_events_in_json() {
    a_consumer_reads_what_streams_tell("json").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_consumer_reads_cloud_events_in_protocol_buffers() {
    a_consumer_reads_what_streams_tell("protobuf").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_waits_for_redis_and_it_gets_everything_when_it_is_back() {
    let mut redis = RedisServer::stopped();
    let api = publishing(&redis, Backend::Embedded, &["--event-retention=1s"]).await;
    let cart = api.cart(vec![item("poster", 1)]).await;
    let version = write(&api, &cart).await;
    // This one would forget what is so old, if it was published.
    sleep(Duration::from_millis(1_100)).await;
    let _other = api.replica().await;
    sleep(Duration::from_millis(500)).await;
    redis.start();
    let first = until(&redis, &cart, version).await;
    assert_eq!(versions(&first, &cart), [1, 2]);

    redis.kill();
    write(&api, &cart).await;
    let version = write(&api, &cart).await;
    redis.start();
    // It has lost what it had, and is told the rest.
    let second = until(&redis, &cart, version).await;
    assert_eq!(versions(&second, &cart), [3, 4]);
}

/// The versions of a cart in these events, each once, in the order in which they come first.
fn versions(events: &[Value], cart: &pb::Cart) -> Vec<i64> {
    let mut seen = BTreeSet::new();
    let first = events
        .iter()
        .filter(|event| seen.insert(event["id"].as_str()));
    let of_cart = first.filter(|event| event["data"]["checkout"]["checkoutId"] == cart.id);
    let versions = of_cart.map(|event| &event["data"]["checkout"]["version"]);
    versions
        .map(|version| version.as_str().unwrap().parse().unwrap())
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn another_replica_goes_on_when_the_one_that_publishes_dies() {
    let redis = RedisServer::started();
    let database = TestDatabase::postgres().await;
    let database_url = format!("--database-url={}", database.url);
    let redis_url = format!("--redis-url={}", redis.url());
    let urls = [database_url.as_str(), &redis_url];
    let options = [
        &["serve", "--demo-store", "--events-redis-stream=shop"],
        &urls[..],
    ]
    .concat();

    let leader = Binary::start(&options, &[]);
    let old = cart(&leader).await;
    until(&redis, &old, 1).await;
    let follower = Binary::start(&options, &[]);
    drop(leader);
    let new = cart(&follower).await;
    let events = until(&redis, &new, 1).await;
    assert_eq!(versions(&events, &old), [1]);
    assert_eq!(versions(&events, &new), [1]);
}

async fn cart(server: &Binary) -> pb::Cart {
    let request = pb::CreateCartRequest {
        line_items: vec![item("enamel-mug", 1)],
        ..Default::default()
    };
    let carts = CartServiceClient::new(server.channel());
    call!(carts, create_cart, request).unwrap().cart.unwrap()
}

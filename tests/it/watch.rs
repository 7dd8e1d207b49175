//! Watching checkouts: what is told of changes on any replica, to slow readers, at the end, and at what cost.

use std::time::Duration;

use cartwright::rpc::pb::{
    self, cart_service_client::CartServiceClient, checkout_service_client::CheckoutServiceClient,
};
use tokio::{
    task::JoinSet,
    time::{sleep, timeout},
};
use tonic::{
    Code, Status, Streaming,
    transport::{Channel, Endpoint},
};

use crate::harness::{
    PATIENCE,
    api::{Api, bad_fields, call, item, minor, on_every_backend, refused},
    otlp::{OtlpReceiver, children_of},
    server::{Backend, Binary, TestServer},
};

on_every_backend!(
    it_begins_with_the_checkout_and_goes_on_with_its_changes,
    changes_on_another_replica_are_told,
    it_ends_with_how_the_checkout_ended,
    it_ends_when_the_checkout_expires,
    checkouts_that_do_not_live_are_refused,
    a_slow_reader_is_told_the_newest_state,
    a_server_that_stops_ends_it,
);

type Watch = Streaming<pb::WatchCheckoutResponse>;
type Checkouts = CheckoutServiceClient<Channel>;

async fn watch(checkouts: &Checkouts, checkout_id: &str) -> Result<Watch, Status> {
    let request = pb::WatchCheckoutRequest {
        checkout_id: checkout_id.into(),
        include: vec![],
    };
    call!(checkouts, watch_checkout, request)
}

async fn next(watch: &mut Watch) -> Result<Option<pb::WatchCheckoutResponse>, Status> {
    let message = timeout(PATIENCE, watch.message()).await;
    message.expect("nothing is told")
}

/// The checkout of the next message, which is not the last one.
async fn seen(watch: &mut Watch) -> pb::Checkout {
    let message = next(watch).await.unwrap().expect("no end");
    assert_eq!(message.end, None);
    message.checkout.unwrap()
}

/// Reads until a checkout of this version is told; answers how many messages that took.
async fn until_version(watch: &mut Watch, version: i64) -> usize {
    let mut before = 0;
    for count in 1.. {
        let now = seen(watch).await.version;
        assert!(before < now, "version {now} after {before}");
        if now == version {
            return count;
        }
        before = now;
    }
    unreachable!()
}

/// Changes the customer's message; answers the checkout since.
async fn write(checkouts: &Checkouts, checkout_id: &str, text: &str) -> pb::Checkout {
    let request = pb::UpdateCheckoutRequest {
        checkout_id: checkout_id.into(),
        customer_message: text.into(),
        ..Default::default()
    };
    let answer = call!(checkouts, update_checkout, request).unwrap();
    answer.checkout.unwrap()
}

async fn it_begins_with_the_checkout_and_goes_on_with_its_changes(api: Api) {
    let ready = api.ready().await;
    let request = pb::WatchCheckoutRequest {
        checkout_id: ready.id.clone(),
        include: vec![pb::CheckoutInclude::AvailableShippingOptions.into()],
    };
    let mut rich = call!(api.checkouts, watch_checkout, request).unwrap();
    let mut plain = watch(&api.checkouts, &ready.id).await.unwrap();
    assert_eq!(seen(&mut plain).await, api.get(&ready.id).await);
    let offered = |checkout: pb::Checkout| {
        let options = checkout.consignments[0].available_shipping_options.len();
        (checkout.version, options)
    };
    assert_eq!(offered(seen(&mut rich).await), (ready.version, 2));

    let changed = write(&api.checkouts, &ready.id, "ring twice").await;
    assert_eq!(seen(&mut plain).await, changed);
    assert_eq!(offered(seen(&mut rich).await), (changed.version, 2));

    // Creating an order changes the checkout too.
    let order = api.order(&ready.id).await.unwrap();
    let ordered = seen(&mut plain).await;
    assert_eq!(ordered.order_ids, [order.id]);
    assert_eq!(ordered, api.get(&ready.id).await);
}

async fn changes_on_another_replica_are_told(api: Api) {
    let other = api.replica().await;
    let cart = api.cart(vec![item("poster", 1)]).await;
    let mut watches = Vec::new();
    for checkouts in [&api.checkouts, &other.checkouts, &other.checkouts] {
        let mut watch = watch(checkouts, &cart.id).await.unwrap();
        assert_eq!(seen(&mut watch).await.version, cart.version);
        watches.push(watch);
    }
    for (number, checkouts) in (1..).zip([&api.checkouts, &other.checkouts, &api.checkouts]) {
        let changed = write(checkouts, &cart.id, &format!("change {number}")).await;
        for watch in &mut watches {
            assert_eq!(seen(watch).await, changed);
        }
    }
}

async fn it_ends_with_how_the_checkout_ended(api: Api) {
    let deleted = api.cart(vec![item("poster", 1)]).await;
    let mut watch_deleted = watch(&api.checkouts, &deleted.id).await.unwrap();
    seen(&mut watch_deleted).await;
    let delete = pb::DeleteCartRequest {
        cart_id: deleted.id.clone(),
        ..Default::default()
    };
    call!(api.carts, delete_cart, delete).unwrap();
    let end = ended(&mut watch_deleted).await;
    assert_eq!(end.reason(), pb::CheckoutEndReason::Deleted);
    assert_eq!(end.order_id, "");

    let ready = api.ready().await;
    let order = api.order(&ready.id).await.unwrap();
    let mut watch_paid = watch(&api.checkouts, &ready.id).await.unwrap();
    seen(&mut watch_paid).await;
    let amount = minor(&order.totals.as_ref().unwrap().outstanding_balance);
    let completed = pb::PaymentState::Completed;
    api.pay(&order, "ch_1", amount, completed).await.unwrap();
    let end = ended(&mut watch_paid).await;
    assert_eq!(end.reason(), pb::CheckoutEndReason::Paid);
    assert_eq!(end.order_id, order.id);
}

/// How the checkout ended, by the next message, after which there is none.
async fn ended(watch: &mut Watch) -> pb::CheckoutEnd {
    let last = next(watch).await.unwrap().expect("a last message");
    assert!(last.checkout.is_some());
    assert!(next(watch).await.unwrap().is_none());
    last.end.expect("how it ended")
}

async fn it_ends_when_the_checkout_expires(api: Api) {
    let cart = api.cart(vec![item("poster", 1)]).await;
    let lifetime = Duration::from_secs(5);
    api.server.expire_after(&cart.id, lifetime).await;
    let mut watch = watch(&api.checkouts, &cart.id).await.unwrap();
    assert_eq!(seen(&mut watch).await.version, cart.version);
    let end = ended(&mut watch).await;
    assert_eq!(end.reason(), pb::CheckoutEndReason::Expired);
}

async fn checkouts_that_do_not_live_are_refused(api: Api) {
    let fields = bad_fields(watch(&api.checkouts, "poster").await);
    assert_eq!(fields, ["checkout_id"]);
    let unknown = watch(&api.checkouts, "01930000-0000-7000-8000-000000000000").await;
    refused(unknown, Code::NotFound, "CART_NOT_FOUND");
    let cart = api.cart(vec![item("poster", 1)]).await;
    api.server.expire(&cart.id).await;
    let expired = watch(&api.checkouts, &cart.id).await;
    refused(expired, Code::NotFound, "CART_EXPIRED");
}

async fn a_slow_reader_is_told_the_newest_state(api: Api) {
    const CHANGES: usize = 100;
    let cart = api.cart(vec![item("poster", 1)]).await;
    let address = format!("http://{}", api.server.address());
    // All that the server may send before it is read.
    let narrow = Endpoint::from_shared(address).unwrap();
    let narrow = narrow.initial_stream_window_size(16 * 1024).connect_lazy();
    let checkouts = CheckoutServiceClient::new(narrow);
    let mut watch = watch(&checkouts, &cart.id).await.unwrap();

    let mut newest = 0;
    for number in 0..CHANGES {
        let text = format!("{number}{}", "-".repeat(1_900));
        newest = write(&api.checkouts, &cart.id, &text).await.version;
    }
    let told = until_version(&mut watch, newest).await;
    assert!(told < CHANGES / 2, "{told} messages of {CHANGES} changes");
}

async fn a_server_that_stops_ends_it(api: Api) {
    let other = api.replica().await;
    let cart = api.cart(vec![item("poster", 1)]).await;
    let mut interrupted = watch(&api.checkouts, &cart.id).await.unwrap();
    seen(&mut interrupted).await;
    let stopping = tokio::spawn(api.server.stop());
    let end = next(&mut interrupted).await;
    refused(end, Code::Unavailable, "DRAINING");
    timeout(PATIENCE, stopping).await.unwrap().unwrap();

    let mut again = watch(&other.checkouts, &cart.id).await.unwrap();
    assert_eq!(seen(&mut again).await.version, cart.version);
}

#[tokio::test(flavor = "multi_thread")]
async fn it_outlives_the_longest_time_for_a_call_and_takes_no_other_calls_place() {
    let options = ["--max-in-flight=1", "--request-timeout=2s"];
    let server = TestServer::with(Backend::Embedded, &options).await;
    let api = Api::on(server).await;
    let cart = api.cart(vec![item("poster", 1)]).await;
    let mut watch = watch(&api.checkouts, &cart.id).await.unwrap();
    seen(&mut watch).await;
    sleep(Duration::from_millis(2_500)).await;
    let changed = write(&api.checkouts, &cart.id, "still there?").await;
    assert_eq!(seen(&mut watch).await, changed);
}

#[tokio::test(flavor = "multi_thread")]
async fn it_goes_on_when_the_database_is_back() {
    let (server, proxy) = TestServer::start_behind_proxy().await;
    let api = Api::on(server).await;
    let cart = api.cart(vec![item("poster", 1)]).await;
    let mut kept = watch(&api.checkouts, &cart.id).await.unwrap();
    seen(&mut kept).await;
    proxy.cut();
    let refusal = watch(&api.checkouts, &cart.id).await;
    refused(refusal, Code::Unavailable, "DATABASE_UNAVAILABLE");
    proxy.mend();
    let changed = loop {
        let request = pb::UpdateCheckoutRequest {
            checkout_id: cart.id.clone(),
            customer_message: "back".into(),
            ..Default::default()
        };
        match call!(api.checkouts, update_checkout, request) {
            Ok(answer) => break answer.checkout.unwrap(),
            Err(status) => assert_eq!(status.code(), Code::Unavailable),
        }
        sleep(Duration::from_millis(100)).await;
    };
    until_version(&mut kept, changed.version).await;
}

/// Watches of one checkout, of many, and how often each of these is watched.
const CROWD: usize = 1_000;
const MANY: usize = 250;
const EACH: usize = 4;
/// Changes of the one.
const CHANGES: usize = 4;
/// Readings of what is watched when the first watch begins, and of what is told to have changed while a watch begins.
const BEGINNING: usize = 50;

#[tokio::test(flavor = "multi_thread")]
async fn thousands_of_watches_take_one_statement_for_each_change_at_most() {
    let receiver = OtlpReceiver::start().await;
    let variables = [("OTEL_EXPORTER_OTLP_ENDPOINT", receiver.endpoint())];
    let mut server = Binary::serve_demo_store_on_servers(&variables).await;
    let carts = CartServiceClient::new(server.channel());
    let checkouts = CheckoutServiceClient::new(server.channel());

    let one = cart(&carts).await;
    let mut crowd = watch_all(&checkouts, &vec![one.clone(); CROWD]).await;
    for number in 0..CHANGES {
        let changed = write(&checkouts, &one, &format!("change {number}")).await;
        for watch in &mut crowd {
            until_version(watch, changed.version).await;
        }
    }
    let mut many = Vec::new();
    for _ in 0..MANY {
        many.push(cart(&carts).await);
    }
    let each: Vec<_> = many.iter().cycle().take(MANY * EACH).cloned().collect();
    let mut watches = watch_all(&checkouts, &each).await;
    for id in &many {
        write(&checkouts, id, "changed").await;
    }
    for watch in &mut watches {
        until_version(watch, 2).await;
    }

    // All spans are sent before it ends.
    drop((crowd, watches));
    server.terminate();
    server.wait();
    let spans = receiver.spans();
    let readings = spans.iter().filter(|span| span.name == "flow.read_watched");
    let statements = readings.flat_map(|reading| children_of(&spans, reading));
    let statements = statements.count();
    let most = CHANGES + MANY + BEGINNING;
    assert!((2..=most).contains(&statements), "{statements} statements");
}

/// Begins these watches side by side.
async fn watch_all(checkouts: &Checkouts, ids: &[String]) -> Vec<Watch> {
    let mut begun = JoinSet::new();
    for id in ids {
        let (checkouts, id) = (checkouts.clone(), id.clone());
        begun.spawn(async move { watch(&checkouts, &id).await.unwrap() });
    }
    begun.join_all().await
}

async fn cart(carts: &CartServiceClient<Channel>) -> String {
    let request = pb::CreateCartRequest {
        line_items: vec![item("harbor-cookbook-ebook", 1)],
        ..Default::default()
    };
    call!(carts, create_cart, request).unwrap().cart.unwrap().id
}

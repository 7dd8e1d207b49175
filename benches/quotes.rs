//! What shipping options cost, with real servers: PostgreSQL, Redis and a carrier in a process of its own.
//!
//! `make bench-quotes` runs it and prints
//! - `AddConsignments` with options on a warm cache, as a ratio to the same call without options, and
//! - how long 500 shoppers with one basket wait for a carrier that takes 300 ms, asked by two replicas.

#![expect(
    clippy::disallowed_methods,
    clippy::expect_used,
    clippy::float_arithmetic,
    clippy::indexing_slicing,
    clippy::unwrap_used,
    reason = "a benchmark is told its servers by the environment, and ends where anything is amiss"
)]

use std::{
    env,
    io::{BufRead as _, BufReader, Read as _, Write as _},
    net::TcpStream,
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use cartwright::{
    app::{self, Running},
    config::Cli,
    rpc::pb::{
        self, cart_service_client::CartServiceClient, catalog_service_client::CatalogServiceClient,
        consignment_service_client::ConsignmentServiceClient,
        store_service_client::StoreServiceClient,
    },
};
use clap::Parser as _;
use tonic::transport::{Channel, Endpoint};

/// Calls of each kind whose median is taken.
const CALLS: usize = 1_000;
const SHOPPERS: usize = 500;
const CARRIER_DELAY: Duration = Duration::from_millis(300);

#[tokio::main]
async fn main() {
    let carrier = Carrier::start();
    let replicas = [Replica::start().await, Replica::start().await];
    set_up(&replicas[0], &carrier).await;
    // Until the other replica has seen the settings.
    tokio::time::sleep(Duration::from_secs(2)).await;
    options(&replicas[0], &carrier).await;
    crowd(&replicas, &carrier).await;
    for replica in replicas {
        replica.running.stop().await;
    }
}

/// Calls without options, with those of the store's own methods, and with those of a carrier too, in turns, so that
/// what else the machine does falls on all of them.
async fn options(replica: &Replica, carrier: &Carrier) {
    let kinds = [
        ("none", "DE", false),
        ("own methods", "DE", true),
        ("a carrier's", "US", true),
    ];
    let mut times = [const { Vec::new() }; 3];
    // The first call of each makes connections and fills the cache.
    for (_, country, include) in kinds {
        replica.add_consignment(country, include).await;
    }
    let asked = carrier.calls();
    for _ in 0..CALLS {
        for ((_, country, include), times) in kinds.iter().zip(&mut times) {
            times.push(replica.add_consignment(country, *include).await);
        }
    }
    assert_eq!(carrier.calls(), asked, "the cache is warm");
    let floor = median(&mut times[0]);
    println!("AddConsignments, median of {CALLS}:");
    for ((kind, ..), times) in kinds.iter().zip(&mut times) {
        let time = median(times);
        let ratio = time.as_secs_f64() / floor.as_secs_f64();
        println!("  options: {kind:<12} {time:>10.1?}  ratio {ratio:.2}");
    }
}

/// Shoppers with one basket, half of them at each replica, all at once.
async fn crowd(replicas: &[Replica; 2], carrier: &Carrier) {
    let mut carts = Vec::new();
    for replica in replicas.iter().cycle().take(SHOPPERS) {
        carts.push((replica, replica.cart().await));
    }
    carrier.take_time(CARRIER_DELAY);
    let asked = carrier.calls();
    let start = Instant::now();
    let shoppers = carts.into_iter().map(|(replica, cart)| {
        let mut replica = replica.consignments.clone();
        tokio::spawn(async move {
            // Not where anybody was before, so that no quote is there.
            let request = consignment(&cart, "CA", true);
            let answer = replica.add_consignments(request).await;
            check(&answer.unwrap().into_inner(), "CA", true);
            start.elapsed()
        })
    });
    let mut waits = Vec::new();
    for shopper in shoppers.collect::<Vec<_>>() {
        waits.push(shopper.await.unwrap());
    }
    let slowest = waits.iter().max().copied().unwrap_or_default();
    let ratio = |time: Duration| time.as_secs_f64() / CARRIER_DELAY.as_secs_f64();
    println!("{SHOPPERS} shoppers, a carrier of {CARRIER_DELAY:?}, two replicas:");
    println!("  calls to the carrier: {}", carrier.calls() - asked);
    println!(
        "  slowest {slowest:.1?}, {:.2} of the carrier's time",
        ratio(slowest)
    );
    let median = median(&mut waits);
    println!(
        "  median  {median:.1?}, {:.2} of the carrier's time",
        ratio(median)
    );
}

fn median(times: &mut [Duration]) -> Duration {
    times.sort_unstable();
    times[times.len() / 2]
}

/// A service in this process, with a connection.
struct Replica {
    running: Running,
    channel: Channel,
    consignments: ConsignmentServiceClient<Channel>,
}

impl Replica {
    async fn start() -> Self {
        let variable = |name: &str| env::var(name).expect("run it by `make bench-quotes`");
        let config = Cli::parse_from([
            "cartwright".to_owned(),
            "--listen=127.0.0.1:0".to_owned(),
            format!(
                "--database-url={}",
                variable("CARTWRIGHT_TEST_DATABASE_URL")
            ),
            format!("--redis-url={}", variable("CARTWRIGHT_TEST_REDIS_URL")),
        ])
        .config;
        let running = app::start(&config).await.unwrap();
        let endpoint = Endpoint::from_shared(format!("http://{}", running.address()));
        let channel = endpoint.unwrap().connect_lazy();
        Self {
            running,
            consignments: ConsignmentServiceClient::new(channel.clone()),
            channel,
        }
    }

    /// A new cart of two mugs.
    async fn cart(&self) -> pb::Cart {
        let request = pb::CreateCartRequest {
            line_items: vec![pb::NewLineItem {
                product_id: "mug".into(),
                quantity: 2,
                ..Default::default()
            }],
            ..Default::default()
        };
        let mut carts = CartServiceClient::new(self.channel.clone());
        carts
            .create_cart(request)
            .await
            .unwrap()
            .into_inner()
            .cart
            .unwrap()
    }

    /// Adds a consignment to a new cart; answers how long that took.
    async fn add_consignment(&self, country: &str, include: bool) -> Duration {
        let request = consignment(&self.cart().await, country, include);
        let start = Instant::now();
        let answer = self.consignments.clone().add_consignments(request).await;
        let took = start.elapsed();
        check(&answer.unwrap().into_inner(), country, include);
        took
    }
}

/// A shop with mugs, and two shipping zones: Germany with methods of its own, all else with a carrier beside them.
async fn set_up(replica: &Replica, carrier: &Carrier) {
    let usd = |amount_minor| pb::Money {
        currency_code: "USD".into(),
        amount_minor,
    };
    let method = |id: &str| pb::ShippingMethod {
        id: id.into(),
        rate: Some(pb::shipping_method::Rate::FlatPerOrder(usd(800))),
        ..Default::default()
    };
    let germany = pb::ShippingZone {
        id: "de".into(),
        locations: vec![pb::Location {
            country_code: "DE".into(),
            ..Default::default()
        }],
        methods: vec![method("post"), method("bicycle"), method("truck")],
        ..Default::default()
    };
    let world = pb::ShippingZone {
        id: "world".into(),
        locations: vec![pb::Location {
            rest_of_world: true,
            ..Default::default()
        }],
        methods: vec![method("ship")],
        carriers: vec![pb::ZoneCarrier {
            carrier_id: "parcels".into(),
            ..Default::default()
        }],
        ..Default::default()
    };
    let store = pb::Store {
        default_currency_code: "USD".into(),
        shipping_zones: vec![germany, world],
        carriers: vec![pb::Carrier {
            id: "parcels".into(),
            endpoint: Some(pb::carrier::Endpoint::Http(pb::HttpCarrier {
                url: format!("http://127.0.0.1:{}/rate", carrier.port),
                ..Default::default()
            })),
            ..Default::default()
        }],
        ..Default::default()
    };
    let request = pb::UpdateStoreRequest {
        store: Some(store),
        ..Default::default()
    };
    let mut stores = StoreServiceClient::new(replica.channel.clone());
    stores.update_store(request).await.unwrap();

    let mug = pb::Product {
        id: "mug".into(),
        name: "Mug".into(),
        r#type: pb::ProductType::Physical.into(),
        price: Some(usd(1_250)),
        weight_grams: 400,
        ..Default::default()
    };
    let request = pb::UpsertProductsRequest {
        products: vec![mug],
        ..Default::default()
    };
    let mut catalog = CatalogServiceClient::new(replica.channel.clone());
    catalog.upsert_products(request).await.unwrap();
}

/// All of the cart to a country.
fn consignment(cart: &pb::Cart, country: &str, include: bool) -> pb::AddConsignmentsRequest {
    let options = pb::CheckoutInclude::AvailableShippingOptions.into();
    pb::AddConsignmentsRequest {
        checkout_id: cart.id.clone(),
        consignments: vec![pb::ConsignmentDetails {
            address: Some(pb::Address {
                country_code: country.into(),
                ..Default::default()
            }),
            line_items: vec![pb::ConsignmentLineItem {
                line_item_id: cart.line_items[0].id.clone(),
                quantity: 2,
            }],
        }],
        include: if include { vec![options] } else { vec![] },
        ..Default::default()
    }
}

/// There are the options that there have to be: three everywhere, two of them the carrier's outside Germany.
fn check(answer: &pb::AddConsignmentsResponse, country: &str, include: bool) {
    let consignment = &answer.checkout.as_ref().unwrap().consignments[0];
    let options = &consignment.available_shipping_options;
    assert_eq!(options.len(), if include { 3 } else { 0 });
    let of_carrier = options.iter().filter(|it| it.carrier_code == "parcels");
    let expected = if include && country != "DE" { 2 } else { 0 };
    assert_eq!(of_carrier.count(), expected);
}

/// The carrier of the tests, in a process of its own; killed when it is dropped.
struct Carrier {
    process: Child,
    port: u16,
    control: u16,
}

impl Carrier {
    fn start() -> Self {
        let python = env::var("CARTWRIGHT_TEST_PYTHON").expect("run it by `make bench-quotes`");
        let script = concat!(
            env!("CARGO_MANIFEST_DIR"),
            "/tests/services/http_carrier.py"
        );
        let mut process = Command::new(python)
            .args(["-B", script])
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut ports = String::new();
        let stdout = process.stdout.take().unwrap();
        BufReader::new(stdout).read_line(&mut ports).unwrap();
        let (port, control) = ports.trim().split_once(' ').unwrap();
        Self {
            process,
            port: port.parse().unwrap(),
            control: control.parse().unwrap(),
        }
    }

    fn take_time(&self, delay: Duration) {
        let wish = format!("{{\"delay_ms\": {}}}", delay.as_millis());
        self.control("POST /behave", &wish);
    }

    /// How often it was asked.
    fn calls(&self) -> u64 {
        let report = self.control("GET /report", "");
        let report: serde_json::Value = serde_json::from_str(&report).unwrap();
        report["calls"].as_u64().unwrap()
    }

    fn control(&self, what: &str, body: &str) -> String {
        let mut stream = TcpStream::connect(("127.0.0.1", self.control)).unwrap();
        let length = body.len();
        write!(
            stream,
            "{what} HTTP/1.0\r\nContent-Length: {length}\r\n\r\n{body}"
        )
        .unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        answer.split_once("\r\n\r\n").unwrap().1.to_owned()
    }
}

impl Drop for Carrier {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

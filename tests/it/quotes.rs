//! Quotes of carriers are asked for once and shared, and whatever becomes of carriers and caches, shoppers are told
//! what is offered.

mod aging;
mod orders;
mod redis;
mod sharing;

use cartwright::rpc::pb;
use serde_json::{Value, json};
use tokio::time::{Instant, sleep};
use tonic::Status;

use crate::harness::{
    PATIENCE,
    api::{Api, address, call, details, item, minor},
    carrier::{Carrier, store_with},
    server::{Backend, TestServer},
};

/// A shop that ships to the US by the carrier "parcels", and for 9.00 while that cannot be asked.
struct Shop {
    api: Api,
    parcels: Carrier,
}

impl Shop {
    async fn open(api: Api) -> Self {
        Self::with(api, Vec::new()).await
    }

    /// The same on SQLite and the Redis at this URL.
    async fn on_redis(url: &str) -> Self {
        let redis = format!("--redis-url={url}");
        let server = TestServer::with(Backend::Embedded, &[&redis]).await;
        Self::open(Api::on(server).await).await
    }

    /// With these carriers beside "parcels".
    async fn with(api: Api, others: Vec<pb::Carrier>) -> Self {
        let parcels = Carrier::grpc();
        let mut carriers = vec![settings("parcels", &parcels)];
        carriers.extend(others);
        let mut store = store_with(carriers);
        let us = &mut store.shipping_zones[0];
        us.methods.retain(|method| method.fallback);
        for carrier in &mut us.carriers {
            carrier.options = [("run".to_owned(), unique())].into();
        }
        api.set_up(store).await;
        Self { api, parcels }
    }

    /// Says what the carrier answers from now on: one service, and how long that holds.
    fn offers(&self, code: &str, cents: i64, seconds: u32) {
        let answer = answer(code, cents, seconds);
        self.parcels.behave(json!({ "answer": answer }));
    }

    /// A checkout of a poster that goes to the US, for which nobody has been asked.
    async fn basket(&self) -> pb::Checkout {
        self.baskets(&["73301"]).await
    }

    /// The same with a poster for each of these postal codes.
    async fn baskets(&self, postal_codes: &[&str]) -> pb::Checkout {
        let count = i32::try_from(postal_codes.len()).unwrap();
        let cart = self.api.cart(vec![item("poster", count)]).await;
        let line = cart.line_items[0].id.as_str();
        let consignment = |postal_code: &&str| {
            let address = pb::Address {
                postal_code: (*postal_code).to_owned(),
                ..address("US")
            };
            details(address, &[(line, 1)])
        };
        let request = pb::AddConsignmentsRequest {
            checkout_id: cart.id.clone(),
            consignments: postal_codes.iter().map(consignment).collect(),
            ..Default::default()
        };
        let added = call!(self.api.consignments, add_consignments, request);
        added.unwrap().checkout.unwrap()
    }

    /// Returns when the carrier has been asked so often.
    async fn wait_for_calls(&self, calls: u64) {
        until(async || self.parcels.calls() >= calls).await;
    }
}

/// A carrier that is asked patiently, and once.
fn settings(id: &str, carrier: &Carrier) -> pb::Carrier {
    pb::Carrier {
        timeout: seconds(8),
        max_retries: Some(0),
        ..carrier.settings(id)
    }
}

/// Makes answers known to no other test and no earlier run.
#[expect(
    clippy::disallowed_methods,
    reason = "the tests share one Redis, also from run to run"
)]
fn unique() -> String {
    uuid::Uuid::now_v7().to_string()
}

#[expect(clippy::unnecessary_wraps, reason = "as the messages have it")]
fn seconds(seconds: i64) -> Option<prost_types::Duration> {
    Some(prost_types::Duration { seconds, nanos: 0 })
}

/// What a carrier answers that offers one service, in JSON.
fn answer(code: &str, cents: i64, seconds: u32) -> String {
    let rate = json!({
        "code": code,
        "display_name": code,
        "cost": { "currency_code": "USD", "amount_minor": cents },
    });
    let answer: Value = json!({ "rates": [rate], "time_to_live": format!("{seconds}s") });
    answer.to_string()
}

/// The checkout with what is offered.
async fn look(api: &Api, checkout_id: &str) -> Result<pb::Checkout, Status> {
    let request = pb::GetCheckoutRequest {
        checkout_id: checkout_id.into(),
        include: vec![pb::CheckoutInclude::AvailableShippingOptions.into()],
    };
    let answer = call!(api.checkouts, get_checkout, request)?;
    Ok(answer.checkout.unwrap())
}

/// What is offered for the first consignment: ids and costs.
async fn offered(api: &Api, checkout: &pb::Checkout) -> Vec<(String, i64)> {
    let checkout = look(api, &checkout.id).await.unwrap();
    options(&checkout.consignments[0])
}

fn options(consignment: &pb::Consignment) -> Vec<(String, i64)> {
    let options = consignment.available_shipping_options.iter();
    options
        .map(|option| (option.id.clone(), minor(&option.cost)))
        .collect()
}

/// One option, as [`offered`] has it.
fn only(id: &str, cents: i64) -> Vec<(String, i64)> {
    vec![(id.to_owned(), cents)]
}

/// Tries until it is so.
async fn until(so: impl AsyncFn() -> bool) {
    let start = Instant::now();
    while !so().await {
        assert!(start.elapsed() < PATIENCE, "it does not come to that");
        sleep(std::time::Duration::from_millis(20)).await;
    }
}

//! Carriers in processes of their own, written in Python: `tests/services`.

use cartwright::rpc::pb::{self, carrier::Endpoint};
use serde_json::{Value, json};

use super::{api, script::Script};

/// How a carrier is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Http,
    Grpc,
}

/// A carrier that quotes `GND` for 7.25 and `AIR` for 19.99, until it is told otherwise; killed when it is dropped.
pub(crate) struct Carrier {
    script: Script,
    kind: Kind,
    /// Told to no other test and no earlier run, which may have had the same port and share the same Redis.
    name: String,
}

impl Carrier {
    /// Returns when it listens.
    #[expect(clippy::disallowed_methods, reason = "the name has to be new")]
    pub(crate) fn start(kind: Kind) -> Self {
        let script = match kind {
            Kind::Http => "tests/services/http_carrier.py",
            Kind::Grpc => "tests/services/grpc_carrier.py",
        };
        Self {
            script: Script::start(script, &[]),
            kind,
            name: uuid::Uuid::now_v7().to_string(),
        }
    }

    pub(crate) fn http() -> Self {
        Self::start(Kind::Http)
    }

    pub(crate) fn grpc() -> Self {
        Self::start(Kind::Grpc)
    }

    /// As a carrier of the store, with the defaults of a carrier.
    pub(crate) fn settings(&self, id: &str) -> pb::Carrier {
        let server = format!("http://127.0.0.1:{}", self.script.port());
        let endpoint = match self.kind {
            Kind::Grpc => Endpoint::Grpc(pb::GrpcCarrier { url: server }),
            Kind::Http => Endpoint::Http(pb::HttpCarrier {
                url: format!("{server}/rate"),
                ..Default::default()
            }),
        };
        pb::Carrier {
            id: id.into(),
            display_name: self.name.clone(),
            endpoint: Some(endpoint),
            ..Default::default()
        }
    }

    /// From now on it does what `tests/services/control.py` says of this: `{"mode": "fail", "times": 1}`.
    pub(crate) fn behave(&self, how: Value) {
        self.script.behave(how);
    }

    /// It answers as well as it can, so many milliseconds late.
    pub(crate) fn slow(&self, delay_ms: u64) {
        self.behave(json!({ "delay_ms": delay_ms }));
    }

    /// How often it was asked.
    pub(crate) fn calls(&self) -> u64 {
        self.report()["calls"].as_u64().unwrap()
    }

    /// What it was asked last, and with which headers.
    pub(crate) fn last_request(&self) -> (Value, Value) {
        let report = self.report();
        let last = |name: &str| report[name].as_array().unwrap().last().unwrap().clone();
        (last("requests"), last("headers"))
    }

    /// Calls, most of them at a time, and what they asked.
    pub(crate) fn report(&self) -> Value {
        self.script.report()
    }
}

/// The test shop with these carriers for the United States, where `us-fallback` (9.00) steps in for one that fails.
pub(crate) fn store_with(carriers: Vec<pb::Carrier>) -> pb::Store {
    let mut store = api::store();
    let us = &mut store.shipping_zones[0];
    us.carriers = carriers
        .iter()
        .map(|carrier| pb::ZoneCarrier {
            carrier_id: carrier.id.clone(),
            ..Default::default()
        })
        .collect();
    us.methods.push(pb::ShippingMethod {
        id: "us-fallback".into(),
        name: "Flat".into(),
        fallback: true,
        rate: Some(pb::shipping_method::Rate::FlatPerOrder(
            api::usd(900).unwrap(),
        )),
        ..Default::default()
    });
    store.carriers = carriers;
    store
}

impl api::Api {
    /// Sets the shop up anew.
    pub(crate) async fn set_up(&self, store: pb::Store) {
        let request = pb::UpdateStoreRequest {
            store: Some(store),
            ..Default::default()
        };
        api::call!(self.store, update_store, request).unwrap();
    }
}

//! A tax service in a process of its own, written in Python: `tests/services`.

use cartwright::rpc::pb;
use serde_json::Value;

use super::{api, script::Script};

/// A tax service that takes 6 % state and 1 % city tax in the United States and 5 % in Canada, until it is told
/// otherwise; killed when it is dropped.
pub(crate) struct TaxService {
    script: Option<Script>,
    port: u16,
}

impl TaxService {
    /// Returns when it listens.
    pub(crate) fn start() -> Self {
        let script = Self::listen(0);
        Self {
            port: script.port(),
            script: Some(script),
        }
    }

    fn listen(port: u16) -> Script {
        Script::start("tests/services/tax_service.py", &[&port.to_string()])
    }

    /// Kills it, and what it remembers.
    pub(crate) fn kill(&mut self) {
        self.script = None;
    }

    /// Starts it again where it was.
    pub(crate) fn restart(&mut self) {
        self.kill();
        self.script = Some(Self::listen(self.port));
    }

    fn script(&self) -> &Script {
        self.script.as_ref().expect("it is killed")
    }

    /// From now on it does what `tests/services/tax_service.py` says of this: `{"mode": "fail", "times": 1}`.
    pub(crate) fn behave(&self, how: Value) {
        self.script().behave(how);
    }

    /// What it was asked to estimate, the last question at the end.
    pub(crate) fn questions(&self) -> Vec<Value> {
        self.script().report()["estimates"]
            .as_array()
            .unwrap()
            .clone()
    }

    /// What was committed of an order, each time.
    pub(crate) fn commits(&self, order: &pb::Order) -> Vec<Value> {
        let commits = &self.script().report()["commits"][&order.id];
        commits.as_array().cloned().unwrap_or_default()
    }

    /// How often an order was voided.
    pub(crate) fn voids(&self, order: &pb::Order) -> u64 {
        let voids = &self.script().report()["voids"][&order.id];
        voids.as_u64().unwrap_or_default()
    }

    /// The test shop with this tax provider.
    pub(crate) fn store(&self) -> pb::Store {
        let mut store = api::store();
        let tax = store.tax.get_or_insert_default();
        tax.provider = Some(pb::TaxProvider {
            url: format!("http://127.0.0.1:{}", self.port),
            timeout: None,
            fallback: pb::TaxFallback::BuiltInRates.into(),
        });
        store
    }
}

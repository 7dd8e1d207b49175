//! A remote catalog in a process of its own, written in Python: `tests/services`.

use cartwright::rpc::{FILE_DESCRIPTOR_SET, pb};
use prost_reflect::{DescriptorPool, DynamicMessage};
use serde_json::{Value, json};

use super::script::Script;

/// A remote catalog. It keeps its address and its products when it is killed and started again.
pub(crate) struct RemoteCatalog {
    script: Option<Script>,
    port: u16,
    products: Vec<pb::Product>,
}

impl RemoteCatalog {
    /// One that has these products. Returns when it listens.
    pub(crate) fn start(products: &[pb::Product]) -> Self {
        let mut catalog = Self {
            script: None,
            port: 0,
            products: products.to_vec(),
        };
        catalog.restart();
        catalog
    }

    pub(crate) fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// Creates or replaces products, whatever they are.
    pub(crate) fn put(&mut self, products: &[pb::Product]) {
        for product in products {
            self.products.retain(|known| known.id != product.id);
        }
        self.products.extend_from_slice(products);
        self.tell();
    }

    pub(crate) fn delete(&mut self, product_id: &str) {
        self.products.retain(|product| product.id != product_id);
        self.tell();
    }

    /// From now on it does what `tests/services/remote_catalog.py` says of this.
    pub(crate) fn behave(&self, how: Value) {
        self.script().behave(how);
    }

    /// The product ids of every call since it was started.
    pub(crate) fn asked(&self) -> Vec<Vec<String>> {
        let mut report = self.script().report();
        serde_json::from_value(report["asked"].take()).unwrap()
    }

    pub(crate) fn kill(&mut self) {
        self.script = None;
    }

    /// Starts it again where it was.
    pub(crate) fn restart(&mut self) {
        self.kill();
        let port = self.port.to_string();
        let script = Script::start("tests/services/remote_catalog.py", &[&port]);
        self.port = script.port();
        self.script = Some(script);
        self.tell();
    }

    /// Tells it what it has.
    fn tell(&self) {
        let pool = DescriptorPool::decode(FILE_DESCRIPTOR_SET).unwrap();
        let descriptor = pool.get_message_by_name("cartwright.v1.Product").unwrap();
        let in_json = |product: &pb::Product| {
            let mut message = DynamicMessage::new(descriptor.clone());
            message.transcode_from(product).unwrap();
            serde_json::to_value(message).unwrap()
        };
        let products: Vec<_> = self.products.iter().map(in_json).collect();
        self.behave(json!({ "products": products }));
    }

    fn script(&self) -> &Script {
        self.script.as_ref().expect("it is killed")
    }
}

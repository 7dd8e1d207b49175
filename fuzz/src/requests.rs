//! Requests: a line with the full name of a method, `cartwright.v1.CartService/GetCart`, and after it the message.

use std::{
    collections::BTreeMap,
    sync::{Arc, LazyLock},
};

use cartwright::{
    domain::{
        caller::{Caller, DEFAULT_CHANNEL, Session},
        checkout::CustomerContext,
    },
    rpc::{
        FILE_DESCRIPTOR_SET, SERVICES,
        access::{self, Who},
    },
};
use chrono::DateTime;
use prost_reflect::{DescriptorPool, MessageDescriptor, ServiceDescriptor};
use uuid::Uuid;

use super::service::{Service, bounded, check};

/// Most bytes that are held at a time for a request of so many bytes.
fn most_bytes(length: usize) -> u64 {
    1024 * 1024 + 1024 * u64::try_from(length).unwrap()
}

/// Every method with the message that it takes.
pub static METHODS: LazyLock<BTreeMap<String, MessageDescriptor>> = LazyLock::new(|| {
    let pool = DescriptorPool::decode(FILE_DESCRIPTOR_SET).unwrap();
    let services = SERVICES.map(|service| pool.get_service_by_name(service).unwrap());
    let methods = services.iter().flat_map(ServiceDescriptor::methods);
    let named = methods.map(|method| {
        let service = method.parent_service().full_name();
        (format!("{service}/{}", method.name()), method.input())
    });
    named.collect()
});

/// The method that an input names, and the message.
#[must_use]
pub fn parts(input: &[u8]) -> Option<(&'static str, &[u8])> {
    let end = input.iter().position(|byte| *byte == b'\n')?;
    let (name, message) = input.split_at(end);
    let (method, _) = METHODS.get_key_value(str::from_utf8(name).ok()?)?;
    Some((method, &message[1..]))
}

/// The input that names this method and has this message.
#[must_use]
pub fn input(method: &str, message: &[u8]) -> Vec<u8> {
    [method.as_bytes(), b"\n", message].concat()
}

/// Makes the call, if the input is one, as everybody who may: whatever the message, it is answered or refused for a documented
/// reason, and what is held meanwhile is bounded.
pub fn run(service: &Service, input: &[u8]) -> bool {
    let Some((method, message)) = parts(input) else {
        return false;
    };
    let path = format!("/{method}");
    for caller in callers(&path) {
        let call = || service.call(caller, &path, message);
        if let Err(refusal) = bounded(most_bytes(message.len()), call) {
            check(&refusal);
        }
    }
    true
}

/// A service of the shop, and a shopper where those may call the method too.
fn callers(path: &str) -> Vec<Caller> {
    match access::needs(path).unwrap().who {
        Who::Shoppers => vec![Caller::Trusted, Caller::Storefront(shopper())],
        Who::Services | Who::Anybody => vec![Caller::Trusted],
    }
}

fn shopper() -> Arc<Session> {
    Arc::new(Session {
        id: Uuid::nil(),
        customer_id: "alice".to_owned(),
        customer: CustomerContext::default(),
        channel_id: DEFAULT_CHANNEL.to_owned(),
        expire_time: DateTime::UNIX_EPOCH,
    })
}

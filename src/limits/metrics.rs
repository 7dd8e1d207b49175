//! What is counted of those who go too far. Nothing tells who they are.

use opentelemetry::{KeyValue, global, metrics::Counter};

use crate::domain::code_tries::CodeKind;

/// The instruments.
#[derive(Clone)]
pub(super) struct Metrics {
    limited: Counter<u64>,
    wrong: Counter<u64>,
}

impl Metrics {
    pub(super) fn new() -> Self {
        let meter = global::meter(env!("CARGO_PKG_NAME"));
        Self {
            limited: meter
                .u64_counter("cartwright.calls.limited")
                .with_description("Calls refused because the caller has gone too far, by the limit")
                .build(),
            wrong: meter
                .u64_counter("cartwright.codes.wrong")
                .with_description("Codes that shoppers have tried and that there are not")
                .build(),
        }
    }

    pub(super) fn limited(&self, limit: &'static str) {
        self.limited.add(1, &[KeyValue::new("limit", limit)]);
    }

    pub(super) fn wrong(&self, kind: CodeKind) {
        self.wrong.add(1, &[KeyValue::new("kind", kind.name())]);
    }
}

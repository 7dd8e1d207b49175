//! What is measured of connections.

use opentelemetry::{
    global,
    metrics::{Counter, UpDownCounter},
};

/// The instruments.
pub(super) struct Metrics {
    open: UpDownCounter<i64>,
    refused: Counter<u64>,
    hung_up: Counter<u64>,
}

/// An open connection, until it is dropped.
pub(super) struct Open<'a>(&'a Metrics);

impl Metrics {
    pub(super) fn new() -> Self {
        let meter = global::meter(env!("CARGO_PKG_NAME"));
        Self {
            open: meter
                .i64_up_down_counter("cartwright.connections")
                .with_description("Open connections")
                .build(),
            refused: meter
                .u64_counter("cartwright.connections.refused")
                .with_description("Connections that were closed at once, as there were too many")
                .build(),
            hung_up: meter
                .u64_counter("cartwright.connections.hung_up")
                .with_description("Connections that were closed since answers were not taken")
                .build(),
        }
    }

    pub(super) fn opened(&self) -> Open<'_> {
        self.open.add(1, &[]);
        Open(self)
    }

    pub(super) fn refused(&self) {
        self.refused.add(1, &[]);
    }

    pub(super) fn hung_up(&self) {
        self.hung_up.add(1, &[]);
    }
}

impl Drop for Open<'_> {
    fn drop(&mut self) {
        self.0.open.add(-1, &[]);
    }
}

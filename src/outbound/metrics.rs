//! What is measured of the services outside.

use std::time::Duration;

use opentelemetry::{
    KeyValue, global,
    metrics::{Gauge, Histogram},
};
use tower_resilience_circuitbreaker::CircuitState;

/// Boundaries of the histogram, in seconds: those that OpenTelemetry advises for the durations of calls.
const DURATIONS: [f64; 14] = [
    0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5, 10.0,
];

/// How a call ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Outcome {
    Ok,
    Failed,
    Timeout,
    Rejected,
}

/// The instruments for one service.
#[derive(Clone)]
pub(super) struct Metrics {
    service: KeyValue,
    duration: Histogram<f64>,
    breaker_state: Gauge<u64>,
}

impl Metrics {
    pub(super) fn of(service: &str) -> Self {
        let meter = global::meter(env!("CARGO_PKG_NAME"));
        Self {
            service: KeyValue::new("service", service.to_owned()),
            duration: meter
                .f64_histogram("cartwright.outbound.duration")
                .with_description("Time of calls to services outside, retries included")
                .with_unit("s")
                .with_boundaries(DURATIONS.into())
                .build(),
            breaker_state: meter
                .u64_gauge("cartwright.outbound.breaker.state")
                .with_description(
                    "Circuit breaker of a service outside: 0 closed, 1 half-open, 2 open",
                )
                .build(),
        }
    }

    pub(super) fn called(&self, outcome: Outcome, took: Duration) {
        let outcome = match outcome {
            Outcome::Ok => "ok",
            Outcome::Failed => "failed",
            Outcome::Timeout => "timeout",
            Outcome::Rejected => "rejected",
        };
        let attributes = [self.service.clone(), KeyValue::new("outcome", outcome)];
        self.duration.record(took.as_secs_f64(), &attributes);
    }

    pub(super) fn breaker_is(&self, state: CircuitState) {
        let state = match state {
            CircuitState::Closed => 0,
            CircuitState::HalfOpen => 1,
            CircuitState::Open => 2,
        };
        let service = std::slice::from_ref(&self.service);
        self.breaker_state.record(state, service);
    }
}

//! What tests are built from.

pub(crate) mod any;
pub(crate) mod api;
pub(crate) mod carrier;
pub(crate) mod database;
pub(crate) mod dice;
pub(crate) mod events;
pub(crate) mod frames;
pub(crate) mod otlp;
pub(crate) mod postgres;
pub(crate) mod promotion;
pub(crate) mod proxy;
pub(crate) mod redis;
pub(crate) mod remote_catalog;
pub(crate) mod script;
pub(crate) mod server;
pub(crate) mod session;
pub(crate) mod shop;
pub(crate) mod tax;
pub(crate) mod tls;
pub(crate) mod token;
pub(crate) mod web;

/// What takes longer hangs. No test says how fast a thing is on a machine of unknown speed.
pub(crate) const PATIENCE: std::time::Duration = std::time::Duration::from_mins(1);

/// The variable that makes tests by chance make the same choices again.
pub(crate) const SEED: &str = "CARTWRIGHT_TEST_SEED";

/// A variable that `scripts/with-services` sets.
#[track_caller]
pub(crate) fn variable(name: &str) -> String {
    optional_variable(name).unwrap_or_else(|| {
        panic!("{name} is not set: run `make test`, or see scripts/with-services")
    })
}

/// A variable that whoever runs the tests may set.
#[expect(
    clippy::disallowed_methods,
    reason = "the home of what tests read from the environment"
)]
pub(crate) fn optional_variable(name: &str) -> Option<String> {
    std::env::var(name).ok()
}

/// A port that nobody listens at.
pub(crate) fn free_port() -> u16 {
    let probe = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    probe.local_addr().unwrap().port()
}

//! Cartwright, a checkout service: from cart to paid order over gRPC.
//!
//! Data flows one way, and a module knows only those to its right:
//!
//! ```text
//! main → app → rpc → flow → auth, catalog, store, quotes, tax, publish, limits → outbound, redis_link → domain
//! ```
//!
//! - [`domain`] decides. It is pure and synchronous: no database, no network, no clock.
//! - [`store`] keeps checkouts, orders, the catalog, promotions and settings in PostgreSQL or SQLite.
//! - [`auth`] tells who callers are by the tokens that they show.
//! - [`catalog`] answers products of the store or of a remote catalog, from memory while that is right.
//! - [`quotes`] rates consignments: the store's own methods, and carriers behind a cache in Redis or in process.
//! - [`tax`] asks the tax provider for estimates, and tells it of orders.
//! - [`limits`] counts what callers do, in Redis or in process.
//! - [`publish`] adds events to a stream in Redis.
//! - [`redis_link`] connects to Redis.
//! - [`outbound`] calls services outside, so that none that is slow or down costs more than its own answer.
//! - [`flow`] does what a call asks for: load, let the domain decide, save.
//! - [`rpc`] speaks gRPC: one file per service, conversion, and the one mapping of errors. A remote catalog is called from
//!   there too, since it answers messages of this API; that is why `rpc` knows [`catalog`] and [`outbound`].
//! - [`serve`] accepts connections, by TLS or not, and keeps their limits. What calls come by them may ask who the peer is.
//! - [`telemetry`] sets up logs, traces and metrics.
//! - [`config`] parses and checks every option once.
//! - [`app`] builds everything, serves, and drains.
//!
//! The test `tests/it/architecture.rs` reads the `use` lines and enforces this.

/// A module with what was generated of the protos of a package, which keeps none of our rules.
macro_rules! generated {
    ($(#[$doc:meta])* pub mod $name:ident = $package:literal;) => {
        $(#[$doc])*
        #[allow(
            missing_docs,
            unreachable_pub,
            clippy::all,
            clippy::pedantic,
            clippy::as_conversions,
            clippy::indexing_slicing,
            clippy::unwrap_used,
            clippy::expect_used,
            reason = "generated code"
        )]
        pub mod $name {
            tonic::include_proto!($package);
        }
    };
}

pub mod app;
pub mod auth;
pub mod catalog;
pub mod config;
pub mod demo;
pub mod domain;
pub mod flow;
pub mod healthcheck;
pub mod limits;
pub mod outbound;
pub mod publish;
pub mod quotes;
pub mod redis_link;
pub mod rpc;
pub mod serve;
pub mod store;
pub mod tax;
pub mod telemetry;

//! Cartwright, a checkout service: from cart to paid order over gRPC.
//!
//! Data flows one way, and a module knows only those to its right:
//!
//! ```text
//! main → app → rpc → flow → catalog, store, quotes → domain
//! ```
//!
//! - [`domain`] decides. It is pure and synchronous: no database, no network, no clock.
//! - [`store`] keeps checkouts, orders, the catalog, promotions and settings in PostgreSQL or SQLite.
//! - [`catalog`] answers products, from memory until they change.
//! - [`quotes`] rates consignments, with a cache in Redis or in process.
//! - [`flow`] does what a call asks for: load, let the domain decide, save.
//! - [`rpc`] speaks gRPC: one file per service, conversion, and the one mapping of errors.
//! - [`telemetry`] sets up logs and traces.
//! - [`config`] parses and checks every option once.
//! - [`app`] builds everything, serves, and drains.
//!
//! The test `tests/it/architecture.rs` reads the `use` lines and enforces this.

pub mod app;
pub mod catalog;
pub mod config;
pub mod demo;
pub mod domain;
pub mod flow;
pub mod healthcheck;
pub mod quotes;
pub mod rpc;
pub mod store;
pub mod telemetry;

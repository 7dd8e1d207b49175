//! What is kept: checkouts, orders, the catalog, promotions, balances and settings, in PostgreSQL or SQLite.
//!
//! One file per area, with plain functions. They take a [`Connection`], which is the [`Database`] or a
//! [`Transaction`]; those that need more than one statement to do their work take a [`Transaction`]. What is
//! searched is in columns, the rest of an aggregate is one JSON document. Rows never leave this module.

pub mod api_token;
pub mod audit;
pub mod balance;
pub mod catalog;
pub mod checkout;
mod database;
mod entity;
pub mod erasure;
mod error;
pub mod event;
pub mod gift_certificate;
pub mod lease;
mod migration;
pub mod order;
mod order_history;
pub mod promotion;
pub mod request;
pub mod reservation;
pub mod revision;
pub mod revoked_session;
pub mod settings;
pub mod stock;
pub mod store_credit;
pub mod tax_task;

pub use database::{Connection, Database, Transaction};
pub use error::{Result, StoreError};

use chrono::{DateTime, Utc};
use serde::{Serialize, de::DeserializeOwned};
use uuid::Uuid;

/// The document to keep of a value.
fn document<T: Serialize>(value: &T) -> Result<String> {
    serde_json::to_string(value).map_err(|error| StoreError::Other(error.into()))
}

/// The first id that can be made at this time: ids tell when they were made, to the millisecond.
fn first_id_at(time: DateTime<Utc>) -> Uuid {
    let millis = u64::try_from(time.timestamp_millis()).unwrap_or_default();
    uuid::Builder::from_unix_timestamp_millis(millis, &[0; 10]).into_uuid()
}

/// The value that a kept document says. `what` names it for the operator.
fn parse<T: DeserializeOwned>(what: &'static str, document: &str) -> Result<T> {
    serde_json::from_str(document).map_err(|error| StoreError::corrupt(what, error))
}

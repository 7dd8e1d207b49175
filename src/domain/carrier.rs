//! Carriers: services outside that quote shipping, and what they answer.

use std::{sync::Arc, time::Duration};

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use super::{
    money::Amount,
    shipping::{QuoteMessage, TransitTime},
};

/// Most carriers of a store.
pub const MAX_CARRIERS: usize = 50;
/// How long a carrier may take, unless set otherwise.
pub const DEFAULT_TIMEOUT: Duration = Duration::from_secs(2);
/// How often a call that failed is tried again, unless set otherwise.
pub const DEFAULT_MAX_RETRIES: u32 = 1;
/// Calls of a carrier at a time, unless set otherwise.
pub const DEFAULT_MAX_CONCURRENT_CALLS: u32 = 32;
/// How long a carrier's quotes hold when nobody says, unless set otherwise.
pub const DEFAULT_QUOTE_LIFETIME: Duration = Duration::from_mins(10);
/// How long a carrier's quotes hold at most.
pub const MAX_QUOTE_LIFETIME: Duration = Duration::from_hours(24);
/// Most rates that are taken of an answer.
pub const MAX_RATES: usize = 100;
/// Most messages that are taken of an answer.
pub const MAX_MESSAGES: usize = 20;

/// A carrier of the store.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Carrier {
    /// Id, unique in the store.
    pub id: String,
    /// Name, for messages.
    pub display_name: String,
    /// Whether it is asked.
    pub enabled: bool,
    /// How it is asked.
    pub endpoint: CarrierEndpoint,
    /// Longest time to quote one consignment, retries included.
    pub timeout: Duration,
    /// How often a call that failed is tried again.
    pub max_retries: u32,
    /// Calls at a time of one replica.
    pub max_concurrent_calls: u32,
    /// How long its quotes hold when it does not say.
    pub quote_lifetime: Duration,
    /// Whether it is told street and house number.
    pub needs_street: bool,
}

/// How a carrier is asked.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum CarrierEndpoint {
    /// By gRPC, with our own contract.
    Grpc {
        /// Where it serves.
        url: String,
    },
    /// By JSON over HTTP, in the shape of BigCommerce's Shipping Provider contract.
    Http {
        /// Where to POST to.
        url: String,
        /// Units of sizes and weights.
        measurement_system: MeasurementSystem,
        /// What it is to know of the store, by key.
        connection_options: Vec<(String, String)>,
    },
}

/// Units of sizes and weights.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
pub enum MeasurementSystem {
    /// Centimetres and grams.
    #[default]
    Metric,
    /// Inches and ounces.
    Imperial,
}

/// A carrier that is asked for a shipping zone.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ZoneCarrier {
    /// The carrier.
    pub carrier_id: String,
    /// What it is to know of the zone, by key.
    pub options: Vec<(String, String)>,
}

/// A service of a carrier with what it costs for one consignment, checked: every amount in the currency asked for and
/// not negative, every text within its limit, each service once.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CarrierRate {
    /// Who carries it, where that is another than the carrier asked.
    pub carrier_code: Option<String>,
    /// The service.
    pub code: String,
    /// Name shown to the shopper.
    pub display_name: String,
    /// More about it.
    pub description: String,
    /// A picture.
    pub image_url: String,
    /// What it costs.
    pub cost: Amount,
    /// How long it takes.
    pub transit_time: Option<TransitTime>,
    /// The carrier's own id of the rate.
    pub rate_id: String,
    /// The day on which it is dispatched.
    pub dispatch_date: String,
}

/// What a carrier answered.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CarrierAnswer {
    /// The services it offers.
    pub rates: Vec<CarrierRate>,
    /// What it has to say about them.
    pub messages: Vec<QuoteMessage>,
    /// Until when the rates hold.
    pub expire_time: DateTime<Utc>,
}

/// What came of asking a carrier.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Asked {
    /// The carrier.
    pub carrier_id: String,
    /// What it answered, or why it did not: "did not answer within 2s".
    pub result: Result<Arc<CarrierAnswer>, String>,
}

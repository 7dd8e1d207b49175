//! Asking a carrier, of either kind.

mod check;
mod decimal;
mod grpc;
mod http;

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};

use chrono::{DateTime, TimeDelta, Utc};
use tokio::time::Instant;

use self::check::Taken;
use crate::{
    domain::{
        carrier::{Carrier, CarrierAnswer, CarrierEndpoint, MAX_CARRIERS},
        shipping::{RateRequest, RatedItem},
    },
    outbound::{Failure, Limits, Outbound},
};

/// All that a carrier's answer depends on. Equal ones have equal answers for as long as these hold.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub(super) struct CarrierRequest {
    /// The carrier as it is set up.
    pub(super) carrier: Carrier,
    /// Name of the store that asks.
    pub(super) store_name: String,
    /// What it is to know of the zone.
    pub(super) zone_options: Vec<(String, String)>,
    /// What it is asked: only goods that are to be quoted, and no street unless it needs it.
    pub(super) rates: RateRequest,
}

impl CarrierRequest {
    pub(super) fn new(
        carrier: &Carrier,
        store_name: &str,
        zone_options: &[(String, String)],
        request: &RateRequest,
    ) -> Self {
        let mut rates = request.clone();
        // Where nothing is to be quoted the carrier still says which services there are.
        if rates.items.iter().any(RatedItem::is_quoted) {
            rates.items.retain(RatedItem::is_quoted);
        }
        if !carrier.needs_street {
            for place in rates.origin.iter_mut().chain([&mut rates.destination]) {
                place.address1.clear();
                place.address2.clear();
            }
        }
        Self {
            carrier: carrier.clone(),
            store_name: store_name.to_owned(),
            zone_options: zone_options.to_vec(),
            rates,
        }
    }
}

type Asker = Outbound<Arc<CarrierRequest>, Taken>;

/// The carriers that have been asked, with their connections, breakers and budgets.
#[derive(Default)]
pub(super) struct Carriers {
    /// By id, each as it was set up when it was asked last.
    askers: Mutex<HashMap<String, (Carrier, Asker)>>,
}

impl Carriers {
    /// Asks a carrier. The error says why it did not answer, for people.
    pub(super) async fn ask(
        &self,
        request: &CarrierRequest,
        now: DateTime<Utc>,
    ) -> Result<CarrierAnswer, String> {
        let began = Instant::now();
        let asker = self.asker(&request.carrier)?;
        let answer = asker.call(Arc::new(request.clone())).await;
        let Taken {
            rates,
            messages,
            lifetime,
        } = answer.map_err(|failure| failure.to_string())?;
        // A day and half a minute at most, so it fits.
        let holds = TimeDelta::from_std(began.elapsed() + lifetime).unwrap_or_default();
        Ok(CarrierAnswer {
            rates,
            messages,
            expire_time: now + holds,
        })
    }

    fn asker(&self, carrier: &Carrier) -> Result<Asker, String> {
        let mut askers = self.askers.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((known, asker)) = askers.get(&carrier.id)
            && known == carrier
        {
            return Ok(asker.clone());
        }
        // Only when carriers were taken out of the store. Those that are still there are connected to anew.
        if askers.len() >= MAX_CARRIERS {
            askers.clear();
        }
        let asker = match &carrier.endpoint {
            CarrierEndpoint::Grpc { url } => grpc::asker(carrier, url),
            CarrierEndpoint::Http {
                url,
                measurement_system,
                connection_options,
            } => http::asker(carrier, url, *measurement_system, connection_options),
        }?;
        askers.insert(carrier.id.clone(), (carrier.clone(), asker.clone()));
        Ok(asker)
    }
}

/// Asks a carrier by `ask`, within its limits.
fn within_limits<F, A>(carrier: &Carrier, ask: F) -> Asker
where
    F: Fn(Arc<CarrierRequest>) -> A + Send + Sync + 'static,
    A: Future<Output = Result<Taken, Failure>> + Send + 'static,
{
    let limits = Limits {
        timeout: carrier.timeout,
        max_retries: carrier.max_retries,
        max_concurrent_calls: usize::try_from(carrier.max_concurrent_calls).unwrap_or(usize::MAX),
    };
    Outbound::new(&format!("carrier/{}", carrier.id), limits, ask)
}

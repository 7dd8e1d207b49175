//! The services outside that the shop works with, carriers and tax provider, read and shown.

use std::{collections::BTreeMap, ops::RangeInclusive, time::Duration};

use crate::{
    domain::{
        carrier::{
            Carrier, CarrierEndpoint, DEFAULT_MAX_CONCURRENT_CALLS, DEFAULT_MAX_RETRIES,
            DEFAULT_QUOTE_LIFETIME, DEFAULT_TIMEOUT, MAX_QUOTE_LIFETIME, MeasurementSystem,
            ZoneCarrier,
        },
        rating::BUILT_IN_CARRIER,
        store::{TaxFallback, TaxProvider},
    },
    rpc::{
        fields::Fields,
        pb::{self, carrier::Endpoint},
        show::int,
    },
};

const MAX_CARRIER_ID: usize = 50;
const MAX_ZONE_CARRIERS: usize = 20;
const MAX_OPTIONS: usize = 50;
const MAX_RETRIES: i32 = 5;
const MAX_CONCURRENT_CALLS: i32 = 1_000;
const TIMEOUTS: RangeInclusive<Duration> = Duration::from_millis(10)..=Duration::from_secs(30);

pub(super) fn carrier(fields: &mut Fields, carrier: pb::Carrier) -> Carrier {
    let lifetime = Duration::from_secs(1)..=MAX_QUOTE_LIFETIME;
    let lifetime = fields.duration(
        "quote_lifetime",
        carrier.quote_lifetime,
        lifetime,
        "1 second to 24 hours",
    );
    let max_retries = carrier.max_retries.map_or(DEFAULT_MAX_RETRIES, |retries| {
        u32::try_from(fields.number("max_retries", retries, 0..=MAX_RETRIES)).unwrap_or_default()
    });
    let max_concurrent_calls = match carrier.max_concurrent_calls {
        0 => DEFAULT_MAX_CONCURRENT_CALLS,
        calls => {
            let calls = fields.number("max_concurrent_calls", calls, 1..=MAX_CONCURRENT_CALLS);
            u32::try_from(calls).unwrap_or(1)
        }
    };
    Carrier {
        id: carrier_id(fields, carrier.id),
        display_name: fields.text("display_name", carrier.display_name),
        enabled: !carrier.disabled,
        endpoint: endpoint(fields, carrier.endpoint),
        timeout: timeout(fields, carrier.timeout),
        max_retries,
        max_concurrent_calls,
        quote_lifetime: lifetime.unwrap_or(DEFAULT_QUOTE_LIFETIME),
        needs_street: carrier.needs_street,
    }
}

/// It is a part of option ids, so simple.
fn carrier_id(fields: &mut Fields, id: String) -> String {
    let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    let length = 1..=MAX_CARRIER_ID;
    if !length.contains(&id.chars().count()) || !id.chars().all(allowed) {
        let text = format!("must be 1 to {MAX_CARRIER_ID} letters, digits, \"-\", \"_\" and \".\"");
        fields.refuse("id", text);
    } else if id.eq_ignore_ascii_case(BUILT_IN_CARRIER) {
        fields.refuse(
            "id",
            format!("\"{BUILT_IN_CARRIER}\" stands for the store's own methods: choose another"),
        );
    }
    id
}

/// Placeholder: a gRPC carrier without URL.
fn endpoint(fields: &mut Fields, endpoint: Option<Endpoint>) -> CarrierEndpoint {
    match endpoint {
        Some(Endpoint::Grpc(grpc)) => CarrierEndpoint::Grpc {
            url: fields.within("grpc", |fields| server_url(fields, grpc.url)),
        },
        Some(Endpoint::Http(http)) => fields.within("http", |fields| {
            let name_of = pb::MeasurementSystem::as_str_name;
            let system =
                fields.optional_choice("measurement_system", http.measurement_system, name_of);
            CarrierEndpoint::Http {
                url: url(fields, http.url),
                measurement_system: match system {
                    Some(pb::MeasurementSystem::Imperial) => MeasurementSystem::Imperial,
                    _ => MeasurementSystem::Metric,
                },
                connection_options: options(fields, "connection_options", http.connection_options),
            }
        }),
        None => {
            fields.refuse("endpoint", "must be one of grpc, http");
            CarrierEndpoint::Grpc { url: String::new() }
        }
    }
}

/// The carriers of a zone, which the store must have.
pub(super) fn zone_carriers(
    fields: &mut Fields,
    zone: Vec<pb::ZoneCarrier>,
    carriers: &[Carrier],
) -> Vec<ZoneCarrier> {
    let read = fields.each(
        "carriers",
        zone,
        0..=MAX_ZONE_CARRIERS,
        |fields, carrier| {
            let carrier_id = carrier.carrier_id;
            if !carriers.iter().any(|known| known.id == carrier_id) {
                fields.refuse(
                    "carrier_id",
                    format!("\"{carrier_id}\" must be one of the store's carriers"),
                );
            }
            ZoneCarrier {
                carrier_id,
                options: options(fields, "options", carrier.options),
            }
        },
    );
    let ids = read.iter().map(|carrier| carrier.carrier_id.as_str());
    fields.unique("carriers", "carrier_id", ids);
    read
}

pub(super) fn tax_provider(fields: &mut Fields, provider: pb::TaxProvider) -> TaxProvider {
    let fallback = fields.choice("fallback", provider.fallback, pb::TaxFallback::as_str_name);
    TaxProvider {
        url: server_url(fields, provider.url),
        timeout: timeout(fields, provider.timeout),
        fallback: match fallback {
            Some(pb::TaxFallback::BuiltInRates) => TaxFallback::BuiltInRates,
            Some(pb::TaxFallback::Block | pb::TaxFallback::Unspecified) | None => {
                TaxFallback::Block
            }
        },
    }
}

fn timeout(fields: &mut Fields, timeout: Option<prost_types::Duration>) -> Duration {
    let timeout = fields.duration(
        "timeout",
        timeout,
        TIMEOUTS,
        "10 milliseconds to 30 seconds",
    );
    timeout.unwrap_or(DEFAULT_TIMEOUT)
}

/// Key and value of each, by key.
fn options(
    fields: &mut Fields,
    name: &str,
    options: BTreeMap<String, String>,
) -> Vec<(String, String)> {
    if options.len() > MAX_OPTIONS {
        fields.refuse(name, format!("must have at most {MAX_OPTIONS} entries"));
    }
    let options = options.into_iter().take(MAX_OPTIONS);
    let read = options.map(|(key, value)| {
        let path = format!("{name}[{key}]");
        (fields.required_text(name, key), fields.text(&path, value))
    });
    let mut read: Vec<_> = read.collect();
    read.sort();
    read
}

/// The URL of a gRPC server, which has no path.
fn server_url(fields: &mut Fields, text: String) -> String {
    let text = url(fields, text);
    let uri = text.parse::<http::Uri>();
    if uri.is_ok_and(|uri| uri.path().len() > 1 || uri.query().is_some()) {
        fields.refuse(
            "url",
            "must be the URL of a server, http://HOST:PORT, without a path",
        );
    }
    text
}

fn url(fields: &mut Fields, text: String) -> String {
    let text = fields.required_text("url", text);
    let well_formed = text.parse::<http::Uri>().is_ok_and(|uri| {
        let known = matches!(uri.scheme_str(), Some("http" | "https"));
        known && uri.authority().is_some_and(is_server) && !text.contains('#')
    });
    if !text.is_empty() && !well_formed {
        let needs = "must be http:// or https:// with a host, a port from 1 to 65535 if any, and neither user nor fragment";
        fields.refuse("url", needs);
    }
    text
}

/// A host, or a host and a port.
fn is_server(authority: &http::uri::Authority) -> bool {
    let port = authority.as_str().strip_prefix(authority.host());
    match port.and_then(|port| port.strip_prefix(':')) {
        Some(port) => port.parse::<u16>().is_ok_and(|port| port > 0),
        None => authority.as_str() == authority.host(),
    }
}

/// Leaves out what the store proves itself to carriers with.
pub(super) fn hide_credentials(store: &mut pb::Store) {
    for carrier in &mut store.carriers {
        if let Some(Endpoint::Http(http)) = &mut carrier.endpoint {
            http.connection_options.values_mut().for_each(String::clear);
        }
    }
}

pub(super) fn show_carrier(carrier: &Carrier) -> pb::Carrier {
    let endpoint = match carrier.endpoint.clone() {
        CarrierEndpoint::Grpc { url } => Endpoint::Grpc(pb::GrpcCarrier { url }),
        CarrierEndpoint::Http {
            url,
            measurement_system,
            connection_options,
        } => Endpoint::Http(pb::HttpCarrier {
            url,
            measurement_system: match measurement_system {
                MeasurementSystem::Metric => pb::MeasurementSystem::Metric.into(),
                MeasurementSystem::Imperial => pb::MeasurementSystem::Imperial.into(),
            },
            connection_options: connection_options.into_iter().collect(),
        }),
    };
    pb::Carrier {
        id: carrier.id.clone(),
        display_name: carrier.display_name.clone(),
        disabled: !carrier.enabled,
        endpoint: Some(endpoint),
        // Half a minute, or a day, at most, so they fit.
        timeout: prost_types::Duration::try_from(carrier.timeout).ok(),
        max_retries: Some(int(carrier.max_retries)),
        max_concurrent_calls: int(carrier.max_concurrent_calls),
        quote_lifetime: prost_types::Duration::try_from(carrier.quote_lifetime).ok(),
        needs_street: carrier.needs_street,
    }
}

pub(super) fn show_zone_carrier(carrier: &ZoneCarrier) -> pb::ZoneCarrier {
    pb::ZoneCarrier {
        carrier_id: carrier.carrier_id.clone(),
        options: carrier.options.iter().cloned().collect(),
    }
}

pub(super) fn show_tax_provider(provider: &TaxProvider) -> pb::TaxProvider {
    let fallback = match provider.fallback {
        TaxFallback::BuiltInRates => pb::TaxFallback::BuiltInRates,
        TaxFallback::Block => pb::TaxFallback::Block,
    };
    pb::TaxProvider {
        url: provider.url.clone(),
        timeout: prost_types::Duration::try_from(provider.timeout).ok(),
        fallback: fallback.into(),
    }
}

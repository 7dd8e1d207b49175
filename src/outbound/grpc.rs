//! What calls over gRPC have in common.

use std::{error::Error as _, time::Duration};

use http::HeaderMap;
use tonic::{
    Code, Request, Status,
    metadata::MetadataMap,
    transport::{Channel, ClientTlsConfig, Endpoint},
};

use super::Failure;
use crate::{
    domain::{
        money::{Amount, Currency},
        shipping::Place,
    },
    telemetry,
};

generated! {
    /// The messages and clients of `proto/cartwright/provider/v1`, generated.
    pub mod wire = "cartwright.provider.v1";
}

/// A place as providers are told it.
#[must_use]
pub fn place(place: &Place) -> wire::Place {
    wire::Place {
        country_code: place.country_code.clone(),
        state_or_province_code: place.state_or_province_code.clone(),
        postal_code: place.postal_code.clone(),
        city: place.city.clone(),
        address1: place.address1.clone(),
        address2: place.address2.clone(),
    }
}

/// Money as providers are told it.
#[must_use]
pub fn money(amount: Amount, currency: Currency) -> wire::Money {
    wire::Money {
        currency_code: currency.code().to_owned(),
        amount_minor: amount.minor(),
    }
}

/// What is taken of an answer at most: 256 KiB. Set it as the largest message that a client decodes.
pub const MAX_ANSWER_BYTES: usize = 256 * 1024;

/// What is taken of the headers of an answer at most.
pub const MAX_HEADER_BYTES: u32 = 16 * 1024;

/// Longest wait for a connection.
pub const CONNECT_TIMEOUT: Duration = Duration::from_secs(1);

/// How long nothing is heard on a connection before it is checked.
pub const KEEP_ALIVE_INTERVAL: Duration = Duration::from_secs(10);

/// Longest wait for the answer to such a check. A connection to a host that vanished is given up then, and not only
/// when the kernel gives up, after many minutes.
pub const KEEP_ALIVE_TIMEOUT: Duration = Duration::from_secs(5);

/// A connection to the gRPC server at this URL, made when it is first used and again when it broke. Certificates are
/// checked against those that the system trusts.
pub fn channel(url: &str) -> Result<Channel, tonic::transport::Error> {
    let mut endpoint = Endpoint::from_shared(url.to_owned())?
        .tcp_nodelay(true)
        .tcp_keepalive(Some(KEEP_ALIVE_INTERVAL))
        .http2_keep_alive_interval(KEEP_ALIVE_INTERVAL)
        .keep_alive_timeout(KEEP_ALIVE_TIMEOUT)
        .connect_timeout(CONNECT_TIMEOUT)
        .http2_max_header_list_size(MAX_HEADER_BYTES);
    if endpoint.uri().scheme_str() == Some("https") {
        endpoint = endpoint.tls_config(ClientTlsConfig::new().with_native_roots())?;
    }
    Ok(endpoint.connect_lazy())
}

/// The headers by which a call continues the trace. To be asked for within the attempt, which has a span of its own.
#[must_use]
pub fn trace_headers() -> HeaderMap {
    let mut headers = HeaderMap::new();
    telemetry::inject(&mut headers);
    headers
}

/// A request that continues the trace; see [`trace_headers`].
pub fn request<T>(message: T) -> Request<T> {
    let mut request = Request::new(message);
    *request.metadata_mut() = MetadataMap::from_headers(trace_headers());
    request
}

/// What a call failed of, in words that tell no address.
#[must_use]
#[expect(clippy::needless_pass_by_value, reason = "for `map_err`")]
pub fn failure(status: Status) -> Failure {
    // It is tonic's own, not the server's, when it has a source.
    if status.source().is_some() {
        return Failure::Temporary("cannot be reached, or broke off".to_owned());
    }
    let code = status.code();
    let text = format!("answered gRPC status {code:?}");
    match code {
        Code::Unavailable
        | Code::Internal
        | Code::Unknown
        | Code::ResourceExhausted
        | Code::Aborted => Failure::Temporary(text),
        // What tonic calls an answer beyond the limit of the client.
        Code::OutOfRange => Failure::Lasting("answered more than is taken".to_owned()),
        _ => Failure::Lasting(text),
    }
}

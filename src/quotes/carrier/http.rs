//! Carriers that are asked by JSON over HTTP, in the shape of BigCommerce's Shipping Provider contract.

mod answer;
mod request;

use std::sync::Arc;

use reqwest::{Client, Response, StatusCode, header, redirect};
use rustls::crypto::ring;

use super::{Asker, CarrierRequest, check::Taken, within_limits};
use crate::{
    domain::carrier::{Carrier, MeasurementSystem},
    outbound::{
        self, CONNECT_TIMEOUT, Failure, KEEP_ALIVE_INTERVAL, KEEP_ALIVE_TIMEOUT, MAX_ANSWER_BYTES,
        MAX_HEADER_BYTES,
    },
};

/// Most headers of an answer.
const MAX_HEADERS: usize = 64;

/// How a carrier is asked.
struct Endpoint {
    client: Client,
    url: String,
    measurement_system: MeasurementSystem,
    connection_options: Vec<(String, String)>,
}

pub(super) fn asker(
    carrier: &Carrier,
    url: &str,
    measurement_system: MeasurementSystem,
    connection_options: &[(String, String)],
) -> Result<Asker, String> {
    let endpoint = Arc::new(Endpoint {
        client: client().map_err(|_| "cannot be connected to")?,
        url: url.to_owned(),
        measurement_system,
        connection_options: connection_options.to_vec(),
    });
    let ask = move |request| ask(Arc::clone(&endpoint), request);
    Ok(within_limits(carrier, ask))
}

/// Certificates are checked against those that the system trusts. Proxies and redirects are not followed: what is set
/// up is where we go.
fn client() -> reqwest::Result<Client> {
    // The one that the rest of the process has, should it be there already.
    let _ = ring::default_provider().install_default();
    Client::builder()
        .user_agent(concat!(
            env!("CARGO_PKG_NAME"),
            "/",
            env!("CARGO_PKG_VERSION")
        ))
        .connect_timeout(CONNECT_TIMEOUT)
        .tcp_nodelay(true)
        .tcp_keepalive(KEEP_ALIVE_INTERVAL)
        .http2_keep_alive_interval(KEEP_ALIVE_INTERVAL)
        .http2_keep_alive_timeout(KEEP_ALIVE_TIMEOUT)
        .redirect(redirect::Policy::none())
        .no_proxy()
        .http1_max_headers(MAX_HEADERS)
        .http2_max_header_list_size(MAX_HEADER_BYTES)
        .build()
}

async fn ask(endpoint: Arc<Endpoint>, request: Arc<CarrierRequest>) -> Result<Taken, Failure> {
    let body = request::body(
        &request,
        endpoint.measurement_system,
        &endpoint.connection_options,
    );
    let body = body.map_err(|_| Failure::Lasting("cannot be asked".to_owned()))?;
    let post = endpoint
        .client
        .post(&endpoint.url)
        .headers(outbound::trace_headers())
        .header(header::CONTENT_TYPE, "application/json")
        .header(header::ACCEPT, "application/json")
        .body(body);
    let response = post.send().await.map_err(broken)?;
    let status = response.status();
    if !status.is_success() {
        return Err(refused(status));
    }
    answer::read(&whole(response).await?, &request)
}

/// The body, of which no more is held than is taken.
async fn whole(mut response: Response) -> Result<Vec<u8>, Failure> {
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(broken)? {
        if body.len() + chunk.len() > MAX_ANSWER_BYTES {
            let text = format!("answered more than {} KiB", MAX_ANSWER_BYTES / 1024);
            return Err(Failure::Lasting(text));
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body)
}

fn refused(status: StatusCode) -> Failure {
    let text = format!("answered HTTP {}", status.as_u16());
    let for_now = [StatusCode::REQUEST_TIMEOUT, StatusCode::TOO_MANY_REQUESTS];
    if status.is_server_error() || for_now.contains(&status) {
        Failure::Temporary(text)
    } else {
        Failure::Lasting(text)
    }
}

/// Without the error's own text, which has addresses in it.
#[expect(clippy::needless_pass_by_value, reason = "for `map_err`")]
fn broken(error: reqwest::Error) -> Failure {
    let text = if error.is_connect() {
        "cannot be reached"
    } else {
        "broke off"
    };
    Failure::Temporary(text.to_owned())
}

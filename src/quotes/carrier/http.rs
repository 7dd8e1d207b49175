//! Carriers that are asked by JSON over HTTP, in the shape of BigCommerce's Shipping Provider contract.

mod answer;
mod request;

use std::sync::Arc;

use reqwest::{Client, StatusCode, header};

use super::{Asker, CarrierRequest, check::Taken, within_limits};
use crate::{
    domain::carrier::{Carrier, MeasurementSystem},
    outbound::{self, Failure, http_body, http_client, http_failure},
};

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
        client: http_client().map_err(|_| "cannot be connected to")?,
        url: url.to_owned(),
        measurement_system,
        connection_options: connection_options.to_vec(),
    });
    let ask = move |request| ask(Arc::clone(&endpoint), request);
    Ok(within_limits(carrier, ask))
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
    let response = post.send().await.map_err(http_failure)?;
    let status = response.status();
    if !status.is_success() {
        return Err(refused(status));
    }
    answer::read(&http_body(response).await?, &request)
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

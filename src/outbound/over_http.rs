//! What calls over HTTP have in common.

use reqwest::{Client, Response, redirect};
use rustls::crypto::ring;

use super::{
    CONNECT_TIMEOUT, Failure, KEEP_ALIVE_INTERVAL, KEEP_ALIVE_TIMEOUT, MAX_ANSWER_BYTES,
    MAX_HEADER_BYTES,
};

/// Most headers of an answer.
const MAX_HEADERS: usize = 64;

/// Certificates are checked against those that the system trusts. Proxies and redirects are not followed: what is set
/// up is where we go.
pub fn http_client() -> reqwest::Result<Client> {
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

/// The body of an answer, of which no more is held than is taken.
pub async fn http_body(mut response: Response) -> Result<Vec<u8>, Failure> {
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(http_failure)? {
        if body.len() + chunk.len() > MAX_ANSWER_BYTES {
            let text = format!("answered more than {} KiB", MAX_ANSWER_BYTES / 1024);
            return Err(Failure::Lasting(text));
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body)
}

/// Why there is no answer, without the error's own text, which has addresses in it.
#[must_use]
#[expect(clippy::needless_pass_by_value, reason = "for `map_err`")]
pub fn http_failure(error: reqwest::Error) -> Failure {
    let text = if error.is_connect() {
        "cannot be reached"
    } else {
        "broke off"
    };
    Failure::Temporary(text.to_owned())
}

//! Asks a service by its standard health protocol whether it serves, as a probe does.

use std::{net::Ipv6Addr, time::Duration};

use http::Uri;
use tonic::{
    Status,
    transport::{Channel, Endpoint},
};
use tonic_health::pb as health;
use tower::service_fn;

use crate::serve::probe;

use health::{
    HealthCheckRequest, health_check_response::ServingStatus, health_client::HealthClient,
};

/// Longest time for connecting, and for the answer.
const TIMEOUT: Duration = Duration::from_secs(1);

/// Why the service is not taken for one that serves.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Nobody answers there.
    #[error("cannot reach {url}")]
    Connect {
        /// Where.
        url: String,
        /// Why.
        source: tonic::transport::Error,
    },
    /// The question was not answered.
    #[error("{url} does not tell its health: {}", status.message())]
    Unanswered {
        /// Where.
        url: String,
        /// The answer in its place.
        status: Status,
    },
    /// It does not serve.
    #[error("{url} is {}", status.as_str_name())]
    NotServing {
        /// Where.
        url: String,
        /// What it is.
        status: ServingStatus,
    },
}

/// Asks the service that listens on `address`, by TLS or not, for two seconds at most.
pub async fn healthcheck(address: &str, tls: bool) -> Result<(), Error> {
    let near = near(address);
    let url = format!("http{}://{near}", if tls { "s" } else { "" });
    let channel = match connect(near, tls).await {
        Ok(channel) => channel,
        Err(source) => return Err(Error::Connect { url, source }),
    };
    let answer = HealthClient::new(channel)
        .check(HealthCheckRequest::default())
        .await;
    match answer.map(|answer| answer.into_inner().status()) {
        Ok(ServingStatus::Serving) => Ok(()),
        Ok(status) => Err(Error::NotServing { url, status }),
        Err(status) => Err(Error::Unanswered { url, status }),
    }
}

async fn connect(address: String, tls: bool) -> Result<Channel, tonic::transport::Error> {
    // Also for TLS, which is the connector's matter.
    let endpoint = Endpoint::from_shared(format!("http://{address}"))?;
    let endpoint = endpoint.connect_timeout(TIMEOUT).timeout(TIMEOUT);
    if !tls {
        return endpoint.connect().await;
    }
    let connector = service_fn(move |_: Uri| probe::connect(address.clone()));
    endpoint.connect_with_connector(connector).await
}

/// Where a service that listens on `address` is reached from the same machine.
fn near(address: &str) -> String {
    let (host, port) = address.rsplit_once(':').unwrap_or((address, ""));
    let host = match host {
        "0.0.0.0" => "127.0.0.1".to_owned(),
        "[::]" => format!("[{}]", Ipv6Addr::LOCALHOST),
        host => host.to_owned(),
    };
    format!("{host}:{port}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_service_that_listens_everywhere_is_asked_here() {
        assert_eq!(near("0.0.0.0:50051"), "127.0.0.1:50051");
        assert_eq!(near("[::]:1"), "[::1]:1");
        assert_eq!(near("localhost:1"), "localhost:1");
    }

    #[tokio::test]
    async fn nobody_is_not_healthy() {
        for (tls, url) in [(false, "http://127.0.0.1:1"), (true, "https://127.0.0.1:1")] {
            let error = healthcheck("127.0.0.1:1", tls).await.unwrap_err();
            assert_eq!(error.to_string(), format!("cannot reach {url}"));
        }
    }
}

//! Accepts connections and serves calls on them, over TLS or not, so that no client can keep the service from others:
//! every connection, and what waits for it, has its limits here. What a call is allowed is no matter of this module.

use std::{convert::Infallible, io, net::SocketAddr, sync::Arc, time::Duration};

use http::{Request, Response};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::{OwnedSemaphorePermit, Semaphore},
    time::{Instant, sleep},
};
use tokio_util::{sync::CancellationToken, task::TaskTracker};
use tonic::body::Body;

mod answer;
mod calls;
mod connection;
mod identities;
mod metrics;
mod peer;
pub mod probe;
mod tls;
mod waiting;

pub use identities::{Identities, IdentityError};
pub use peer::{ClientCertificate, Peer};
pub use tls::{Tls, TlsError, TlsFiles};
pub use waiting::{Place, Waiting};

use connection::Protocols;
use metrics::Metrics;

/// How long nothing is accepted after the system could not accept, as when files have run out.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);
/// At most so often the same trouble with connections is logged.
const TELL_INTERVAL: Duration = Duration::from_secs(1);

/// What answers calls.
pub trait CallService:
    tower::Service<
        Request<Body>,
        Response = Response<Body>,
        Error = Infallible,
        Future: Future<Output = Result<Response<Body>, Infallible>> + Send,
    > + Clone
    + Send
    + Sync
    + 'static
{
}

impl<S> CallService for S where
    S: tower::Service<
            Request<Body>,
            Response = Response<Body>,
            Error = Infallible,
            Future: Future<Output = Result<Response<Body>, Infallible>> + Send,
        > + Clone
        + Send
        + Sync
        + 'static
{
}

/// How connections are served.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Connections at a time; one more is closed at once.
    pub max_connections: u32,
    /// How long a connection stays open without a call in flight.
    pub idle_timeout: Duration,
    /// None serves plaintext.
    pub tls: Option<Tls>,
}

/// What all connections share.
struct Shared<S> {
    service: S,
    settings: Settings,
    protocols: Protocols,
    /// Answers that their clients have not taken yet.
    answers: Waiting,
    metrics: Metrics,
    stop: CancellationToken,
}

/// Serves until `stop`; then accepts nothing more, and ends when the calls in flight have. Each call has its [`Peer`] in its
/// extensions.
pub async fn serve<S: CallService>(
    listener: TcpListener,
    service: S,
    settings: Settings,
    stop: CancellationToken,
) {
    let mut door = Door::new(settings.max_connections);
    let connections = TaskTracker::new();
    let shared = Arc::new(Shared {
        service,
        settings,
        protocols: connection::protocols(),
        answers: answer::waiting(),
        metrics: Metrics::new(),
        stop: stop.clone(),
    });
    while let Some(accepted) = stop.run_until_cancelled(listener.accept()).await {
        if let Some((stream, address, place)) = door.admit(accepted, &shared.metrics).await {
            let shared = Arc::clone(&shared);
            connections.spawn(async move {
                let _open = shared.metrics.opened();
                connection::serve(stream, address, &shared).await;
                drop(place);
            });
        }
    }
    // Closes the port: whoever comes now is to go elsewhere.
    drop(listener);
    connections.close();
    connections.wait().await;
}

/// Lets connections in, as many as there are places.
struct Door {
    places: Arc<Semaphore>,
    refused: Seldom,
    failed: Seldom,
}

impl Door {
    fn new(places: u32) -> Self {
        let places = usize::try_from(places).unwrap_or(Semaphore::MAX_PERMITS);
        Self {
            places: Arc::new(Semaphore::new(places)),
            refused: Seldom::default(),
            failed: Seldom::default(),
        }
    }

    /// The connection with a place, unless there is none for it, which closes it.
    async fn admit(
        &mut self,
        accepted: io::Result<(TcpStream, SocketAddr)>,
        metrics: &Metrics,
    ) -> Option<(TcpStream, SocketAddr, OwnedSemaphorePermit)> {
        let (stream, address) = match accepted {
            Ok(accepted) => accepted,
            Err(error) => {
                self.failed.tell(Instant::now(), |times| {
                    tracing::warn!(%error, times, "connections cannot be accepted");
                });
                sleep(ACCEPT_PAUSE).await;
                return None;
            }
        };
        let place = Arc::clone(&self.places).try_acquire_owned();
        if place.is_err() {
            metrics.refused();
            self.refused.tell(Instant::now(), |times| {
                tracing::warn!(
                    times,
                    "as many connections as are allowed: closing new ones"
                );
            });
        }
        place.ok().map(|place| (stream, address, place))
    }
}

/// Tells of what happens often, but not each time.
#[derive(Default)]
struct Seldom {
    told: Option<Instant>,
    untold: u64,
}

impl Seldom {
    /// Counts, and tells how often it happened if that was not done just now.
    fn tell(&mut self, now: Instant, tell: impl FnOnce(u64)) {
        self.untold = self.untold.saturating_add(1);
        let since = self.told.map(|told| now.duration_since(told));
        if since.is_none_or(|since| since >= TELL_INTERVAL) {
            tell(self.untold);
            self.untold = 0;
            self.told = Some(now);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_happens_often_is_told_once_a_second_with_its_number() {
        let mut seldom = Seldom::default();
        let mut told = Vec::new();
        let now = Instant::now();
        for now in [now, now, now, now + TELL_INTERVAL] {
            seldom.tell(now, |times| told.push(times));
        }
        assert_eq!(told, [1, 3]);
    }
}

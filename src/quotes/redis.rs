//! The cache in Redis, which may be slow, empty or away at any moment: then it is a cache that has nothing.
//!
//! The connection manager of the redis crate does not replace a connection whose answers time out, as those of a
//! vanished host do until the kernel gives up after many minutes. So the connection is kept here, and dropped at
//! the first failure of any kind.

use std::time::Duration;

use redis::{
    AsyncConnectionConfig, Client, Cmd, FromRedisValue, IntoConnectionInfo as _, RedisError,
    RedisResult, aio::MultiplexedConnection, io::tcp::TcpSettings,
};
use secrecy::{ExposeSecret as _, SecretString};
use tokio::{sync::Mutex, time::Instant};

use super::{Answer, QuoteCache};
use crate::domain::shipping::Quote;

/// Longest wait for a connection, and longest wait for an answer: a shopper waits for Redis no longer than both.
const TIMEOUT: Duration = Duration::from_millis(100);

/// How long Redis is left alone after a failure, so that few calls wait in vain and the log has a line a pause.
const PAUSE: Duration = Duration::from_secs(1);

/// Quotes by key, for a time to live, as JSON.
pub(super) struct RedisCache {
    client: Client,
    link: Mutex<Link>,
    ttl: Duration,
}

/// The one connection, over which all calls are multiplexed.
enum Link {
    Up(MultiplexedConnection),
    /// Not to be tried again before this moment.
    Down(Instant),
}

impl RedisCache {
    pub(super) fn new(url: &SecretString, ttl: Duration) -> RedisResult<Self> {
        // Without it a small request waits for the acknowledgement of the one before.
        let tcp = TcpSettings::default().set_nodelay(true);
        let address = url.expose_secret().into_connection_info()?;
        Ok(Self {
            client: Client::open(address.set_tcp_settings(tcp))?,
            link: Mutex::new(Link::Down(Instant::now())),
            ttl,
        })
    }

    async fn ask<T: FromRedisValue>(&self, command: &Cmd) -> Option<T> {
        let mut connection = self.connection().await?;
        match command.query_async(&mut connection).await {
            Ok(answer) => Some(answer),
            Err(error) => {
                self.link.lock().await.fail(&error);
                None
            }
        }
    }

    /// The connection, made when there is none. Callers that find it being made wait for it.
    async fn connection(&self) -> Option<MultiplexedConnection> {
        let mut link = self.link.lock().await;
        match &*link {
            Link::Up(connection) => return Some(connection.clone()),
            Link::Down(until) if Instant::now() < *until => return None,
            Link::Down(_) => {}
        }
        let config = AsyncConnectionConfig::new()
            .set_connection_timeout(Some(TIMEOUT))
            .set_response_timeout(Some(TIMEOUT));
        let connecting = self
            .client
            .get_multiplexed_async_connection_with_config(&config);
        match connecting.await {
            Ok(connection) => {
                tracing::info!("connected to the quote cache in Redis");
                *link = Link::Up(connection.clone());
                Some(connection)
            }
            Err(error) => {
                link.fail(&error);
                None
            }
        }
    }
}

impl QuoteCache for RedisCache {
    fn get<'a>(&'a self, key: &'a str) -> Answer<'a, Option<Quote>> {
        Box::pin(async move {
            let json: Option<Vec<u8>> = self.ask(redis::cmd("GET").arg(key)).await?;
            serde_json::from_slice(&json?).ok()
        })
    }

    fn put<'a>(&'a self, key: &'a str, quote: &'a Quote) -> Answer<'a, ()> {
        Box::pin(async move {
            let Ok(json) = serde_json::to_vec(quote) else {
                return;
            };
            let millis = u64::try_from(self.ttl.as_millis()).unwrap_or(u64::MAX);
            let mut set = redis::cmd("SET");
            let set = set.arg(key).arg(json).arg("PX").arg(millis);
            self.ask::<()>(set).await;
        })
    }

    fn system(&self) -> (&'static str, &'static str) {
        ("redis", "client")
    }
}

impl Link {
    /// Gives the connection up for a while. Of many calls that failed with it, the first one tells.
    fn fail(&mut self, error: &RedisError) {
        let now = Instant::now();
        if matches!(self, Self::Down(until) if now < *until) {
            return;
        }
        tracing::warn!(%error, "the quote cache in Redis failed: rating without it for a moment");
        *self = Self::Down(now + PAUSE);
    }
}

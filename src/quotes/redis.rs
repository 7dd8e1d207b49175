//! The cache in Redis, which replicas share, and their locks. Redis may be slow, empty or away at any moment: then it
//! is a cache that has nothing, and a lock that everybody gets.
//!
//! The connection manager of the redis crate does not replace a connection whose answers time out, as those of a
//! vanished host do until the kernel gives up after many minutes. So the connection is kept here, and dropped at
//! the first failure of any kind.

use std::{
    sync::atomic::{AtomicU64, Ordering},
    time::Duration,
};

use chrono::{DateTime, Utc};
use redis::{
    AsyncConnectionConfig, Client, Cmd, FromRedisValue, IntoConnectionInfo as _, RedisError,
    RedisResult,
    aio::MultiplexedConnection,
    cluster::{ClusterClient, ClusterClientBuilder},
    cluster_async::ClusterConnection,
    io::tcp::TcpSettings,
};
use secrecy::{ExposeSecret as _, SecretString};
use tokio::{
    sync::Mutex,
    time::{Instant, timeout},
};
use tracing::{Instrument as _, Span, field::Empty, info_span};
use uuid::Uuid;

use super::entry::Entry;

/// Begins the URL of a cluster; addresses of some of its nodes follow.
const CLUSTER_SCHEME: &str = "redis-cluster://";

/// Longest wait for a connection, and longest wait for an answer: a shopper waits for Redis no longer than both.
const TIMEOUT: Duration = Duration::from_millis(500);

/// How long Redis is left alone after a failure, so that few calls wait in vain and the log has a line a pause.
const PAUSE: Duration = Duration::from_secs(1);

/// How often a command follows a slot of the cluster that has moved, and the longest wait before.
const CLUSTER_RETRIES: u32 = 3;
const CLUSTER_RETRY_WAIT_MS: u64 = 10;

/// Removes a lock unless it is somebody else's by now.
const UNLOCK: &str =
    "if redis.call('GET', KEYS[1]) == ARGV[1] then return redis.call('DEL', KEYS[1]) end return 0";

/// Entries by key, as JSON, each for as long as it is of use.
pub(super) struct RedisCache {
    server: Server,
    link: Mutex<Link>,
    /// What this replica's locks hold: its own id and a number for each.
    replica: Uuid,
    locks: AtomicU64,
}

/// What came of trying to get a lock.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Lock {
    /// It is ours, and holds this.
    Ours(String),
    /// Somebody else has it.
    Taken,
    /// Redis is away.
    Away,
}

impl RedisCache {
    /// The Redis at this URL. Only a malformed one is an error.
    pub(super) fn new(url: &SecretString, replica: Uuid) -> RedisResult<Self> {
        Ok(Self {
            server: Server::new(url.expose_secret())?,
            link: Mutex::new(Link::Down(Instant::now())),
            replica,
            locks: AtomicU64::default(),
        })
    }

    /// The entry with this key, if it is there and can be read.
    pub(super) async fn get(&self, key: &str) -> Option<Entry> {
        let span = info_span!(
            "cache.get",
            otel.kind = "client",
            db.system.name = "redis",
            hit = Empty
        );
        let get = async {
            let json: Option<Option<Vec<u8>>> = self.ask(redis::cmd("GET").arg(key)).await;
            let entry = json
                .flatten()
                .and_then(|json| serde_json::from_slice(&json).ok());
            Span::current().record("hit", entry.is_some());
            entry
        };
        get.instrument(span).await
    }

    /// Keeps an entry for as long as it is of use.
    pub(super) async fn put(&self, key: &str, entry: &Entry, now: DateTime<Utc>) {
        let (Some(lifetime), Ok(json)) = (entry.lifetime(now), serde_json::to_vec(entry)) else {
            return;
        };
        let span = info_span!("cache.put", otel.kind = "client", db.system.name = "redis");
        let mut set = redis::cmd("SET");
        set.arg(key).arg(json).arg("PX").arg(millis(lifetime));
        self.ask::<()>(&set).instrument(span).await;
    }

    /// Tries to be the one on all replicas that makes the entry with this key, for this long at most.
    pub(super) async fn lock(&self, key: &str, lifetime: Duration) -> Lock {
        let number = self.locks.fetch_add(1, Ordering::Relaxed);
        let token = format!("{}-{number}", self.replica);
        let mut set = redis::cmd("SET");
        set.arg(lock_key(key)).arg(&token);
        set.arg("NX").arg("PX").arg(millis(lifetime));
        match self.ask::<Option<String>>(&set).await {
            Some(Some(_)) => Lock::Ours(token),
            Some(None) => Lock::Taken,
            None => Lock::Away,
        }
    }

    /// Gives a lock back, if it is ours.
    pub(super) async fn unlock(&self, key: &str, lock: Lock) {
        if let Lock::Ours(token) = lock {
            let mut unlock = redis::cmd("EVAL");
            unlock.arg(UNLOCK).arg(1).arg(lock_key(key)).arg(token);
            self.ask::<i64>(&unlock).await;
        }
    }

    /// What Redis answers; none when it does not.
    async fn ask<T: FromRedisValue>(&self, command: &Cmd) -> Option<T> {
        let answer = match self.connection().await? {
            Connection::Single(mut connection) => command.query_async(&mut connection).await,
            Connection::Cluster(mut connection) => command.query_async(&mut connection).await,
        };
        match answer {
            Ok(answer) => Some(answer),
            // Somebody put something else at the key, which is nothing to us and no reason to go away.
            Err(error) if error.code() == Some("WRONGTYPE") => None,
            Err(error) => {
                self.link.lock().await.fail(&error);
                None
            }
        }
    }

    /// The connection, made when there is none. Callers that find it being made wait for it.
    async fn connection(&self) -> Option<Connection> {
        let mut link = self.link.lock().await;
        match &*link {
            Link::Up(connection) => return Some(connection.clone()),
            Link::Down(until) if Instant::now() < *until => return None,
            Link::Down(_) => {}
        }
        match self.server.connect().await {
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

fn lock_key(key: &str) -> String {
    format!("{key}:lock")
}

fn millis(time: Duration) -> u64 {
    // Redis refuses 0.
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX).max(1)
}

/// One server, or a cluster.
enum Server {
    Single(Client),
    Cluster(Box<ClusterClient>),
}

/// A connection, over which all calls are multiplexed.
#[derive(Clone)]
enum Connection {
    Single(MultiplexedConnection),
    Cluster(ClusterConnection),
}

impl Server {
    fn new(url: &str) -> RedisResult<Self> {
        // Without it a small request waits for the acknowledgement of the one before.
        let tcp = TcpSettings::default().set_nodelay(true);
        let Some(nodes) = url.strip_prefix(CLUSTER_SCHEME) else {
            let address = url.into_connection_info()?.set_tcp_settings(tcp);
            return Ok(Self::Single(Client::open(address)?));
        };
        let (credentials, nodes) = match nodes.rsplit_once('@') {
            Some((credentials, nodes)) => (format!("{credentials}@"), nodes),
            None => (String::new(), nodes),
        };
        let nodes = nodes.trim_end_matches('/').split(',');
        let urls = nodes.map(|node| format!("redis://{credentials}{node}"));
        let cluster = ClusterClientBuilder::new(urls)
            .connection_timeout(TIMEOUT)
            .response_timeout(TIMEOUT)
            .retries(CLUSTER_RETRIES)
            .min_retry_wait(1)
            .max_retry_wait(CLUSTER_RETRY_WAIT_MS)
            .tcp_settings(tcp)
            .build()?;
        Ok(Self::Cluster(Box::new(cluster)))
    }

    async fn connect(&self) -> RedisResult<Connection> {
        match self {
            Self::Single(client) => {
                let config = AsyncConnectionConfig::new()
                    .set_connection_timeout(Some(TIMEOUT))
                    .set_response_timeout(Some(TIMEOUT));
                let connecting = client.get_multiplexed_async_connection_with_config(&config);
                connecting.await.map(Connection::Single)
            }
            Self::Cluster(client) => {
                // Its own timeouts are for each node.
                match timeout(TIMEOUT, client.get_async_connection()).await {
                    Ok(connected) => connected.map(Connection::Cluster),
                    Err(_) => Err(std::io::Error::from(std::io::ErrorKind::TimedOut).into()),
                }
            }
        }
    }
}

/// The one connection.
enum Link {
    Up(Connection),
    /// Not to be tried again before this moment.
    Down(Instant),
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

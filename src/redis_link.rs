//! A connection to Redis for one use, made when it is first needed. Redis may be away at any moment, and come back.
//!
//! The connection manager of the redis crate does not replace a connection whose answers time out, as those of a
//! vanished host do until the kernel gives up after many minutes. So the connection is kept here, and dropped at
//! the first failure of any kind.

use std::time::Duration;

use redis::{
    AsyncConnectionConfig, Client, IntoConnectionInfo as _,
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

pub use redis::{Cmd, FromRedisValue, RedisError, RedisResult, cmd};

/// Begins the URL of a cluster; addresses of some of its nodes follow.
const CLUSTER_SCHEME: &str = "redis-cluster://";

/// Longest wait for a connection, and longest wait for an answer: nobody waits for Redis longer than both.
const TIMEOUT: Duration = Duration::from_millis(500);

/// How long Redis is left alone after a failure, so that few calls wait in vain and the log has a line a pause.
const PAUSE: Duration = Duration::from_secs(1);

/// How often a command follows a slot of the cluster that has moved, and the longest wait before.
const CLUSTER_RETRIES: u32 = 3;
const CLUSTER_RETRY_WAIT_MS: u64 = 10;

/// One server or a cluster, over whose one connection all commands are multiplexed.
pub struct RedisLink {
    /// What it is used for, to be told.
    purpose: &'static str,
    server: Server,
    link: Mutex<Link>,
}

/// Why a command was not done, or not known to be.
#[derive(Debug, thiserror::Error)]
pub enum NoAnswer {
    /// Redis is away.
    #[error("Redis is away")]
    Away,
    /// Somebody put something else at the key, which is no reason to go away.
    #[error("Redis has something else there")]
    WrongType(#[source] RedisError),
}

impl RedisLink {
    /// To the Redis at this URL, `redis://USER:PASSWORD@HOST:PORT` or
    /// `redis-cluster://USER:PASSWORD@HOST:PORT,HOST:PORT`. Only a malformed one is an error.
    pub fn new(url: &SecretString, purpose: &'static str) -> RedisResult<Self> {
        Ok(Self {
            purpose,
            server: Server::new(url.expose_secret())?,
            link: Mutex::new(Link::Down(Instant::now())),
        })
    }

    /// What Redis answers.
    pub async fn ask<T: FromRedisValue>(&self, command: &Cmd) -> Result<T, NoAnswer> {
        let answer = match self.connection().await? {
            Connection::Single(mut connection) => command.query_async(&mut connection).await,
            Connection::Cluster(mut connection) => command.query_async(&mut connection).await,
        };
        match answer {
            Ok(answer) => Ok(answer),
            Err(error) if error.code() == Some("WRONGTYPE") => Err(NoAnswer::WrongType(error)),
            Err(error) => Err(self.link.lock().await.fail(self.purpose, &error)),
        }
    }

    /// The connection, made when there is none. Callers that find it being made wait for it.
    async fn connection(&self) -> Result<Connection, NoAnswer> {
        let mut link = self.link.lock().await;
        match &*link {
            Link::Up(connection) => return Ok(connection.clone()),
            Link::Down(until) if Instant::now() < *until => return Err(NoAnswer::Away),
            Link::Down(_) => {}
        }
        match self.server.connect().await {
            Ok(connection) => {
                tracing::info!("connected to Redis for {}", self.purpose);
                *link = Link::Up(connection.clone());
                Ok(connection)
            }
            Err(error) => Err(link.fail(self.purpose, &error)),
        }
    }
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
    fn fail(&mut self, purpose: &str, error: &RedisError) -> NoAnswer {
        let now = Instant::now();
        if !matches!(self, Self::Down(until) if now < *until) {
            tracing::warn!(%error, "Redis for {purpose} failed: going on without it for a moment");
            *self = Self::Down(now + PAUSE);
        }
        NoAnswer::Away
    }
}

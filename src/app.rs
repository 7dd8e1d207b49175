//! The composition root: builds everything from the options, serves, and drains.

use std::{fs, io, net::SocketAddr, path::Path, sync::Arc, time::Duration};

use chrono::TimeDelta;
use secrecy::ExposeSecret as _;
use tokio::{
    net::{TcpListener, lookup_host},
    signal::unix::{SignalKind, signal},
    task::JoinHandle,
};
use tokio_util::sync::CancellationToken;
use tonic::{service::Routes, transport};
use tonic_web::GrpcWebLayer;
use tower::Layer as _;
use uuid::Uuid;

use crate::{
    auth::{identity_provider::KeysError, session_key::KeyFileError, session_token::Sessions},
    catalog::Catalog,
    config::{Config, Exposed},
    domain::api_token::InvalidToken,
    flow::{
        self, Flow, Guard,
        erasure::{self, Erased},
        purge::Retention,
    },
    limits::Codes,
    publish::{self, Publisher},
    quotes::{self, Background, Quotes},
    redis_link::RedisError,
    rpc::{
        self,
        authentication::{AuthenticationLayer, Authenticator},
        cloud_event::{self, Encoder},
        import::{ImportError, Imported},
        in_flight::InFlightLayer,
        layers::RpcLayer,
    },
    serve::{self, CallService, Tls, TlsError},
    store::{Database, StoreError},
};

mod callers;
mod management;
mod readiness;

pub use management::{audit, create_token, list_tokens, revoke_token};
use readiness::Readiness;

/// A shop to try things out with.
const SAMPLE_STORE: &str = include_str!("../examples/store.yaml");

/// Why the service does not start, or a command was not done.
#[derive(Debug, thiserror::Error)]
#[expect(missing_docs, reason = "the messages say it")]
pub enum Error {
    #[error("cannot use the database {url}")]
    Connect { url: String, source: StoreError },
    #[error("cannot bring the tables of the database up to date")]
    Migrate(#[source] StoreError),
    #[error("cannot use the URL of --redis-url or REDIS_URL")]
    Redis(#[from] RedisError),
    #[error("cannot use the URL of --catalog-url or CARTWRIGHT_CATALOG_URL")]
    Catalog(#[source] transport::Error),
    #[error("cannot use the file of --session-keys or CARTWRIGHT_SESSION_KEYS")]
    SessionKeys(#[from] KeyFileError),
    #[error("cannot use the identity provider of --jwt-jwks or CARTWRIGHT_JWT_JWKS")]
    IdentityProvider(#[from] KeysError),
    #[error(
        "cannot set up the sample shop beside a remote catalog: leave out --demo-store or --catalog-url"
    )]
    DemoStore,
    #[error("cannot publish events")]
    Encoder(#[source] cloud_event::Error),
    #[error("cannot load the shop")]
    Load(#[source] flow::Error),
    #[error(transparent)]
    Exposed(#[from] Exposed),
    #[error("cannot serve TLS")]
    Tls(#[from] TlsError),
    #[error("cannot listen on {address}")]
    Listen { address: String, source: io::Error },
    #[error("cannot serve reflection")]
    Reflection(#[from] tonic_reflection::server::Error),
    #[error("cannot read {path}")]
    Read { path: String, source: io::Error },
    #[error("cannot import")]
    Import(#[from] ImportError),
    #[error("cannot erase the customer: nothing was changed")]
    Erase(#[source] flow::Error),
    #[error("cannot create the token")]
    InvalidToken(#[from] InvalidToken),
    #[error("expected the prefix of a token, such as cwt_k3jd72ab5xqz: see token list")]
    NotAPrefix,
    #[error("there is no token {prefix} that is not revoked")]
    NoToken { prefix: String },
    #[error("cannot look after API tokens")]
    Token(#[source] flow::Error),
    #[error("cannot read the audit log")]
    Audit(#[source] flow::Error),
    #[error("cannot write to standard output")]
    Output(#[from] io::Error),
    #[error("cannot wait for signals")]
    Signals(#[source] io::Error),
}

/// A service that serves. It goes on until it is [stopped](Self::stop).
pub struct Running {
    address: SocketAddr,
    readiness: Readiness,
    accepting: CancellationToken,
    server: JoinHandle<()>,
    flow: Arc<Flow>,
    background: Background,
    database: Database,
    drain_wait: Duration,
    drain_timeout: Duration,
}

/// Serves until SIGTERM or SIGINT, then drains. A second signal cuts that short.
pub async fn serve(config: &Config) -> Result<(), Error> {
    // Before anybody can know that we are there.
    let mut terminate = signal(SignalKind::terminate()).map_err(Error::Signals)?;
    let mut interrupt = signal(SignalKind::interrupt()).map_err(Error::Signals)?;
    let mut signalled = async || {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
    };

    let running = start(config).await?;
    signalled().await;
    tokio::select! {
        () = running.stop() => {}
        () = signalled() => tracing::warn!("signalled again: not waiting any longer"),
    }
    Ok(())
}

/// Brings the tables of the database up to date.
pub async fn migrate(config: &Config) -> Result<(), Error> {
    let database = open(config).await?;
    close(database).await;
    Ok(())
}

/// Creates or replaces what a YAML file describes.
pub async fn import(config: &Config, file: &Path) -> Result<Imported, Error> {
    let yaml = fs::read_to_string(file).map_err(|source| Error::Read {
        path: file.display().to_string(),
        source,
    })?;
    let import = async |flow: &_| rpc::import::import(flow, &yaml).await;
    Ok(with_flow(config, import).await??)
}

/// Erases what is known of a customer but for what taxes and accounts need.
pub async fn erase_customer(config: &Config, customer_id: &str) -> Result<Erased, Error> {
    let erase = async |flow: &_| erasure::erase_customer(flow, customer_id, Guard::default()).await;
    with_flow(config, erase).await?.map_err(Error::Erase)
}

/// Does what a command asks for, beside running services.
async fn with_flow<T>(config: &Config, work: impl AsyncFnOnce(&Flow) -> T) -> Result<T, Error> {
    let database = open(config).await?;
    let sessions = callers::sessions_of_process();
    let flow = flow(config, &database, Background::default(), sessions).await?;
    let done = work(&flow).await;
    close(database).await;
    Ok(done)
}

/// Starts the service. Once this has answered, it accepts calls.
pub async fn start(config: &Config) -> Result<Running, Error> {
    if config.demo_store && config.catalog_url.is_some() {
        return Err(Error::DemoStore);
    }
    let listen = |source| Error::Listen {
        address: config.listen.clone(),
        source,
    };
    for address in lookup_host(&config.listen).await.map_err(listen)? {
        config.connections.check_exposure(address)?;
    }
    let tls = config.connections.tls_files().map(Tls::load).transpose()?;
    let database = open(config).await?;
    let background = Background::default();
    let sessions = callers::sessions(config, &background)?;
    let flow = flow(config, &database, background.clone(), sessions).await?;
    let flow = Arc::new(flow);
    if config.demo_store && flow.is_empty() {
        rpc::import::import(&flow, SAMPLE_STORE).await?;
        tracing::info!("set up the sample shop");
    }

    work_in_background(config, &flow, &background)?;
    let (routes, health) = rpc::routes(Arc::clone(&flow)).await?;
    let probe = connect(config, 1).await?;
    let listener = TcpListener::bind(&config.listen).await.map_err(listen)?;
    let address = listener.local_addr().map_err(listen)?;
    let accepting = CancellationToken::new();
    if let Some(tls) = &tls {
        let follow = tls.clone().follow(background.ending.clone());
        background.tasks.spawn(follow);
    }
    let identities = tls.as_ref().map(Tls::identities);
    let settings = serve::Settings {
        max_connections: config.connections.max_connections,
        idle_timeout: config.connections.idle_timeout,
        tls,
    };
    let authenticator = callers::authenticator(config, &flow, identities, &background).await?;
    let service = service(config, routes, authenticator);
    let server = serve::serve(listener, service, settings, accepting.clone());
    let server = tokio::spawn(server);
    tracing::info!("listening on {address}");

    let connections = config.database_max_connections;
    Ok(Running {
        address,
        readiness: Readiness::follow(health, probe, database.clone(), connections),
        accepting,
        server,
        flow,
        background,
        database,
        drain_wait: config.drain_wait,
        drain_timeout: config.drain_timeout,
    })
}

/// What answers calls, with all that surrounds it, from the inside out.
fn service(config: &Config, routes: Routes, authenticator: Authenticator) -> impl CallService {
    let service = InFlightLayer::new(config.max_in_flight).layer(routes.prepare());
    let service = AuthenticationLayer(Arc::new(authenticator)).layer(service);
    let service = RpcLayer::new(config.request_timeout).layer(service);
    // Translated before anything else sees it.
    GrpcWebLayer::new().layer(service)
}

/// Starts what goes on beside calls, until the background ends.
fn work_in_background(
    config: &Config,
    flow: &Arc<Flow>,
    background: &Background,
) -> Result<(), Error> {
    let Background { tasks, ending } = background;
    let flow = || Arc::clone(flow);
    let time = |time| TimeDelta::from_std(time).unwrap_or(TimeDelta::MAX);
    let retention = Retention {
        carts: time(config.purge_after),
        events: time(config.event_retention),
        events_until_published: config.events_redis_stream.is_some(),
        audit: time(config.audit_retention),
    };
    tasks.spawn(flow().follow_changes(ending.clone()));
    tasks.spawn(flow().purge(retention, ending.clone()));
    tasks.spawn(flow().tell_of_abandoned_carts(config.abandoned_after, ending.clone()));
    tasks.spawn(flow().sweep_reservations(ending.clone()));
    tasks.spawn(flow().keep_token_uses(ending.clone()));
    tasks.spawn(flow().place_events(ending.clone()));
    tasks.spawn(flow().tail_events(ending.clone()));
    tasks.spawn(flow().read_watched(ending.clone()));
    tasks.spawn(flow().tell_tax_provider(ending.clone()));
    if let Some((publisher, encoder)) = publisher(config, flow().replica())? {
        let encode = move |event: &_| encoder.encode(event);
        tasks.spawn(flow::event::publish(flow(), publisher, encode));
    }
    Ok(())
}

impl Running {
    /// Where it listens.
    #[must_use]
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// Drains: tells load balancers to look elsewhere, gives them the time to, accepts nothing more, and lets
    /// what is in flight end.
    pub async fn stop(mut self) {
        tracing::info!("draining");
        self.readiness.withdraw().await;
        tokio::time::sleep(self.drain_wait).await;

        self.accepting.cancel();
        self.flow.end_streams();
        self.readiness.hang_up().await;
        let drained = tokio::time::timeout(self.drain_timeout, &mut self.server).await;
        if drained.is_err() {
            tracing::warn!(after = ?self.drain_timeout, "calls are still in flight: giving them up");
        }

        self.background.ending.cancel();
        self.background.tasks.close();
        self.background.tasks.wait().await;
        close(self.database).await;
        tracing::info!("stopped");
    }
}

async fn open(config: &Config) -> Result<Database, Error> {
    let database = connect(config, config.database_max_connections).await?;
    database.migrate().await.map_err(Error::Migrate)?;
    Ok(database)
}

async fn connect(config: &Config, connections: u32) -> Result<Database, Error> {
    let url = config.database_url.expose_secret();
    let connected = Database::connect(url, connections).await;
    connected.map_err(|source| Error::Connect {
        url: config.shown_database(),
        source,
    })
}

async fn close(database: Database) {
    if let Err(error) = database.close().await {
        tracing::warn!(%error, "the database was not closed in good order");
    }
}

/// Where events are published, if they are, and how they are written.
fn publisher(config: &Config, replica: Uuid) -> Result<Option<(Publisher, Encoder)>, Error> {
    let (Some(stream), Some(redis_url)) = (&config.events_redis_stream, &config.redis_url) else {
        return Ok(None);
    };
    let encoder = Encoder::new(config.events_format).map_err(Error::Encoder)?;
    let publisher = Publisher::new(publish::Settings {
        redis_url: redis_url.clone(),
        stream: stream.clone(),
        max_length: config.events_redis_max_length,
        format: config.events_format,
        replica,
    })?;
    Ok(Some((publisher, encoder)))
}

async fn flow(
    config: &Config,
    database: &Database,
    background: Background,
    sessions: Arc<Sessions>,
) -> Result<Flow, Error> {
    let replica = flow::new_id();
    let settings = quotes::Settings {
        ttl: config.quote_ttl,
        timeout: config.quote_timeout,
        redis_url: config.redis_url.clone(),
        replica,
    };
    let quotes = Quotes::new(&settings, background)?;
    let catalog = match &config.catalog_url {
        Some(url) => {
            let calls = rpc::remote_catalog::calls(url, config.catalog_timeout);
            Catalog::remote(calls.map_err(Error::Catalog)?, config.catalog_ttl)
        }
        None => Catalog::built_in(database.clone()),
    };
    let codes = Codes::new(config.redis_url.as_ref())?;
    Flow::new(replica, database.clone(), catalog, quotes, codes, sessions)
        .await
        .map_err(Error::Load)
}

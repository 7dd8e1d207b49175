//! The service as it is served, but for its database.

use std::{error::Error, fmt::Debug, io::Write as _, sync::Arc, time::Duration};

use cartwright::{
    auth::{
        Invalid,
        identity_provider::{self, IdentityProvider, KeySource},
        session_token::Sessions,
    },
    catalog::Catalog,
    domain::caller::{Caller, Principal},
    flow::Flow,
    limits::{self, Codes, Limits},
    quotes::{self, Background, Quotes},
    rpc::{
        self,
        authentication::{AuthenticatedService, AuthenticationLayer, Authenticator},
        import::{ImportError, Imported, import},
        in_flight::{InFlight, InFlightLayer},
        layers::{RpcLayer, RpcService},
        pb::ErrorReason,
    },
    store::Database,
};
use chrono::{DateTime, Utc};
use prost::bytes::{Buf as _, BufMut as _};
use tempfile::NamedTempFile;
use tokio::runtime::{self, Runtime};
use tonic::{
    Request, Status,
    body::Body,
    client::{Grpc, GrpcService},
    codec::{Codec, DecodeBuf, Decoder, EncodeBuf, Encoder},
    metadata::AsciiMetadataValue,
    service::Routes,
};
use tonic_types::StatusExt as _;
use tower::Layer as _;
use uuid::Uuid;

/// The shop whose settings requests are read by.
const SAMPLE_STORE: &str = include_str!("../../examples/store.yaml");
/// Signs shoppers' sessions.
pub const SESSION_SECRET: &str = "a secret of nobody, so that fuzzers can sign with it";
/// The identity provider's key, whose secret half is `bearer_token`'s: <https://www.rfc-editor.org/rfc/rfc8037#appendix-A>
const PROVIDER_KEYS: &str = r#"{"keys": [{
    "kty": "OKP", "crv": "Ed25519", "kid": "a", "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"
}]}"#;

/// A service whose database was closed after the sample shop had been loaded. A call does all that it does before its
/// first statement and is then refused, so that calls cost no I/O and leave nothing behind.
pub struct Service {
    runtime: Runtime,
    flow: Arc<Flow>,
    rpc: RpcService<InFlight<Routes>>,
    guarded: RpcService<AuthenticatedService<InFlight<Routes>>>,
    /// Verifies the tokens of shoppers' sessions.
    pub sessions: Arc<Sessions>,
    provider: Arc<IdentityProvider>,
}

impl Service {
    /// Sets it up, on this thread.
    #[must_use]
    pub fn new() -> Self {
        let runtime = runtime::Builder::new_current_thread().enable_all().build();
        let runtime = runtime.unwrap();
        let sessions = Arc::new(Sessions::of_process(&SESSION_SECRET.into()));
        let (flow, provider, routes) = runtime.block_on(async {
            let database = Database::connect("sqlite::memory:", 1).await.unwrap();
            database.migrate().await.unwrap();
            let flow = Arc::new(flow(&database, &sessions).await);
            import(&flow, SAMPLE_STORE).await.unwrap();
            database.close().await.unwrap();
            let (routes, _) = rpc::routes(Arc::clone(&flow)).await.unwrap();
            (flow, Arc::new(provider().await), routes.prepare())
        });
        let authenticator = Authenticator {
            required: true,
            anonymous_sessions: true,
            flow: Arc::clone(&flow),
            identity_provider: Some(Arc::clone(&provider)),
            identities: None,
            limits: Arc::new(limits()),
        };
        let outer = RpcLayer::new(Duration::from_mins(1));
        let inner = InFlightLayer::new(1_000).layer(routes);
        let guard = AuthenticationLayer(Arc::new(authenticator));
        Self {
            runtime,
            flow,
            rpc: outer.layer(inner.clone()),
            guarded: outer.layer(guard.layer(inner)),
            sessions,
            provider,
        }
    }

    /// Calls the method of this path, `/PACKAGE.SERVICE/METHOD`, as this caller, and takes the first message of the answer.
    pub fn call(&self, caller: Caller, path: &str, message: &[u8]) -> Result<(), Status> {
        let mut request = Request::new(message.to_vec());
        request.extensions_mut().insert(caller);
        self.runtime
            .block_on(answer(Grpc::new(self.rpc.clone()), path, request))
    }

    /// The same with an empty message as whoever has this token.
    pub fn call_with_token(&self, token: &str, path: &str) -> Result<(), Status> {
        let mut request = Request::new(Vec::new());
        let bearer = AsciiMetadataValue::try_from(format!("Bearer {token}")).unwrap();
        request.metadata_mut().insert("authorization", bearer);
        self.runtime
            .block_on(answer(Grpc::new(self.guarded.clone()), path, request))
    }

    /// Verifies a token as the identity provider's.
    pub fn verify(&self, token: &str, now: DateTime<Utc>) -> Result<Principal, Invalid> {
        self.runtime.block_on(self.provider.verify(token, now))
    }

    /// Imports a file.
    pub fn import(&self, yaml: &str) -> Result<Imported, ImportError> {
        self.runtime.block_on(import(&self.flow, yaml))
    }
}

/// Takes the first message of what the service answers.
async fn answer<S>(mut client: Grpc<S>, path: &str, request: Request<Vec<u8>>) -> Result<(), Status>
where
    S: GrpcService<Body>,
    S::Error: Debug,
    S::ResponseBody: http_body::Body<Data = prost::bytes::Bytes> + Send + 'static,
    <S::ResponseBody as http_body::Body>::Error: Into<Box<dyn Error + Send + Sync>>,
{
    client.ready().await.unwrap();
    let path = path.parse().unwrap();
    let answer = client.server_streaming(request, path, Bytes).await?;
    answer.into_inner().message().await?;
    Ok(())
}

async fn flow(database: &Database, sessions: &Arc<Sessions>) -> Flow {
    let replica = Uuid::nil();
    let settings = quotes::Settings {
        ttl: Duration::from_mins(1),
        timeout: Duration::from_secs(1),
        redis_url: None,
        replica,
    };
    let quotes = Quotes::new(&settings, Background::default()).unwrap();
    let catalog = Catalog::built_in(database.clone());
    let codes = Codes::new(None).unwrap();
    let sessions = Arc::clone(sessions);
    let flow = Flow::new(replica, database.clone(), catalog, quotes, codes, sessions).await;
    flow.unwrap()
}

async fn provider() -> IdentityProvider {
    let mut file = NamedTempFile::new().unwrap();
    file.write_all(PROVIDER_KEYS.as_bytes()).unwrap();
    let settings = identity_provider::Settings {
        keys: KeySource::File(file.path().to_owned()),
        issuer: "https://idp.example".to_owned(),
        audience: "shop".to_owned(),
        scope_claim: "scope".to_owned(),
        channels_claim: "channels".to_owned(),
    };
    IdentityProvider::new(settings).await.unwrap()
}

/// None.
fn limits() -> Limits {
    let settings = limits::Settings {
        token_rate: 0,
        session_rate: 0,
        token_calls: u32::MAX,
        wrong_credentials: 0,
        redis_url: None,
    };
    Limits::new(settings).unwrap()
}

/// Does the work, which may hold no more than so many bytes at a time.
pub fn bounded<T>(most_bytes: u64, work: impl FnOnce() -> T) -> T {
    let mut answer = None;
    let allocated = allocation_counter::measure(|| answer = Some(work()));
    assert!(
        allocated.bytes_max <= most_bytes,
        "{} bytes were held, of at most {most_bytes}",
        allocated.bytes_max
    );
    answer.unwrap()
}

/// A call is refused for a reason that the API documents, and never for a mistake of the service.
pub fn check(refusal: &Status) {
    let details = refusal.get_error_details();
    let info = details.error_info();
    let reason =
        info.and_then(|info| ErrorReason::from_str_name(&format!("ERROR_REASON_{}", info.reason)));
    assert!(
        !matches!(
            reason,
            None | Some(ErrorReason::Unspecified | ErrorReason::Internal)
        ),
        "{refusal:?}"
    );
}

/// Messages as the bytes that they are.
#[derive(Debug)]
struct Bytes;

impl Codec for Bytes {
    type Encode = Vec<u8>;
    type Decode = ();
    type Encoder = Self;
    type Decoder = Self;

    fn encoder(&mut self) -> Self {
        Self
    }

    fn decoder(&mut self) -> Self {
        Self
    }
}

impl Encoder for Bytes {
    type Item = Vec<u8>;
    type Error = Status;

    fn encode(&mut self, message: Vec<u8>, buffer: &mut EncodeBuf<'_>) -> Result<(), Status> {
        buffer.put_slice(&message);
        Ok(())
    }
}

impl Decoder for Bytes {
    type Item = ();
    type Error = Status;

    fn decode(&mut self, buffer: &mut DecodeBuf<'_>) -> Result<Option<()>, Status> {
        buffer.advance(buffer.remaining());
        Ok(Some(()))
    }
}

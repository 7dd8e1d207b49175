//! Shoppers' sessions, and the file of the keys that sign them.

use std::{fs, path::PathBuf};

use cartwright::rpc::pb::{self, session_service_client::SessionServiceClient};
use tempfile::TempDir;
use tonic::{Code, Request, Status, transport::Channel};

use super::{
    api::{Api, call},
    server::{Backend, TestServer},
    token::by,
};

/// A file of keys.
pub(crate) struct KeyFile {
    path: PathBuf,
    _folder: TempDir,
}

impl KeyFile {
    /// With these keys, each with the [`secret`] of its id.
    pub(crate) fn of(ids: &[&str]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let file = Self {
            path: folder.path().join("session-keys"),
            _folder: folder,
        };
        file.set(ids);
        file
    }

    /// From now on it has these.
    pub(crate) fn set(&self, ids: &[&str]) {
        let lines = ids.iter().map(|id| format!("{id} {}\n", secret(id)));
        self.write(&lines.collect::<String>());
    }

    /// From now on it reads so.
    pub(crate) fn write(&self, text: &str) {
        let new = self.path.with_extension("new");
        fs::write(&new, text).unwrap();
        fs::rename(&new, &self.path).unwrap();
    }

    /// The option by which the service uses it.
    pub(crate) fn option(&self) -> String {
        format!("--session-keys={}", self.path.display())
    }
}

/// The secret of the key with this id.
pub(crate) fn secret(id: &str) -> String {
    format!("{id:s<43}")
}

/// A shop whose sessions are signed with a key that replicas share.
pub(crate) struct KeyedShop {
    pub(crate) api: Api,
    pub(crate) keys: KeyFile,
}

impl KeyedShop {
    pub(crate) async fn start(backend: Backend) -> Self {
        let keys = KeyFile::of(&["first"]);
        let option = keys.option();
        // One client tries many tokens here.
        let options = [option.as_str(), "--wrong-credentials=0"];
        let api = Api::on(TestServer::with(backend, &options).await).await;
        Self { api, keys }
    }
}

/// A client of the service's sessions.
pub(crate) fn sessions(api: &Api) -> SessionServiceClient<Channel> {
    SessionServiceClient::new(api.server.channel())
}

/// The token of a new session of a customer, or of a guest where the id is empty, made in the name of whoever has `maker`.
pub(crate) async fn session(api: &Api, maker: Option<&str>, customer_id: &str) -> String {
    let request = pb::CreateSessionRequest {
        customer_id: customer_id.to_owned(),
        ..Default::default()
    };
    create_session(api, maker, request).await.token
}

/// A new session.
pub(crate) async fn create_session(
    api: &Api,
    maker: Option<&str>,
    request: pb::CreateSessionRequest,
) -> pb::CreateSessionResponse {
    let request = match maker {
        Some(token) => by(token, request),
        None => Request::new(request),
    };
    call!(sessions(api), create_session, request).unwrap()
}

/// A new session, and its token.
pub(crate) async fn create(api: &Api, request: pb::CreateSessionRequest) -> (pb::Session, String) {
    let answer = create_session(api, None, request).await;
    (answer.session.unwrap(), answer.token)
}

/// A new session of a customer, or of a guest where there is none.
pub(crate) async fn session_of(api: &Api, customer_id: &str) -> (pb::Session, String) {
    let request = pb::CreateSessionRequest {
        customer_id: customer_id.into(),
        ..Default::default()
    };
    create(api, request).await
}

/// What the service says to a token, whatever its caller may do.
pub(crate) async fn shown(api: &Api, token: &str) -> Result<(), Status> {
    match call!(api.store, get_store, by(token, pb::GetStoreRequest {})) {
        Err(status) if status.code() == Code::Unauthenticated => Err(status),
        _ => Ok(()),
    }
}

//! Who calls: everything that credentials are verified by.

use std::sync::Arc;

use super::Error;
use crate::{
    auth::{identity_provider::IdentityProvider, session_token::Sessions},
    config::{Authentication, Config},
    flow::{Flow, session},
    limits::Limits,
    quotes::Background,
    rpc::authentication::Authenticator,
    serve::Identities,
};

/// Who is asked who calls. Keys are kept up to date in the background.
pub(super) async fn authenticator(
    config: &Config,
    flow: &Arc<Flow>,
    identities: Option<Identities>,
    background: &Background,
) -> Result<Authenticator, Error> {
    let identity_provider = match config.credentials.identity_provider() {
        Some(settings) => {
            let provider = Arc::new(IdentityProvider::new(settings).await?);
            let follow = Arc::clone(&provider).follow_keys(background.ending.clone());
            background.tasks.spawn(follow);
            Some(provider)
        }
        None => None,
    };
    Ok(Authenticator {
        required: config.connections.authentication() == Authentication::Required,
        anonymous_sessions: config.credentials.anonymous_sessions,
        flow: Arc::clone(flow),
        identity_provider,
        identities,
        limits: Arc::new(Limits::new(config.limits())?),
    })
}

/// Who signs and verifies the tokens of sessions. Keys are kept up to date in the background.
pub(super) fn sessions(config: &Config, background: &Background) -> Result<Arc<Sessions>, Error> {
    let Some(file) = &config.credentials.session_keys else {
        return Ok(sessions_of_process());
    };
    let sessions = Arc::new(Sessions::of_file(file.clone())?);
    let follow = Arc::clone(&sessions).follow_file(background.ending.clone());
    background.tasks.spawn(follow);
    Ok(sessions)
}

/// The same with a key that no other process knows, which is enough for commands.
pub(super) fn sessions_of_process() -> Arc<Sessions> {
    Arc::new(Sessions::of_process(&session::new_secret()))
}

//! Who calls: everything that credentials are verified by.

use std::sync::Arc;

use secrecy::SecretString;

use super::Error;
use crate::{
    auth::session_token::Sessions,
    config::{Authentication, Config},
    domain::api_token::ALPHABET,
    flow::{self, Flow},
    limits::Limits,
    rpc::authentication::Authenticator,
    serve::Identities,
};

/// Letters of the key of sessions that only this process knows: 260 bits.
const KEY_LETTERS: u32 = 52;

/// Who is asked who calls.
pub(super) fn authenticator(
    config: &Config,
    flow: &Arc<Flow>,
    identities: Option<Identities>,
) -> Result<Authenticator, Error> {
    let secret = SecretString::from(flow::random_text(&ALPHABET, KEY_LETTERS));
    Ok(Authenticator {
        required: config.connections.authentication() == Authentication::Required,
        anonymous_sessions: false,
        flow: Arc::clone(flow),
        sessions: Arc::new(Sessions::of_process(&secret)),
        identity_provider: None,
        identities,
        limits: Arc::new(Limits::new(config.limits())?),
    })
}

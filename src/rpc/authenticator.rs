//! Tells who calls, by what the call shows.

use std::sync::Arc;

use http::{HeaderMap, HeaderValue, header::AUTHORIZATION};
use tonic::Status;

use super::error;
use crate::{
    auth::{self, Invalid, identity_provider::IdentityProvider},
    domain::{api_token, caller::Caller},
    flow::{self, Flow},
    limits::Limits,
    serve::{ClientCertificate, Identities, Peer},
};

/// Who is asked who calls.
pub struct Authenticator {
    /// Whether callers need credentials. Those that show some are held to them in any case.
    pub required: bool,
    /// Whether callers without credentials may begin sessions of guests.
    pub anonymous_sessions: bool,
    /// Knows API tokens and shoppers' sessions.
    pub flow: Arc<Flow>,
    /// Knows other tokens.
    pub identity_provider: Option<Arc<IdentityProvider>>,
    /// Who clients are by their certificates, where those are asked for.
    pub identities: Option<Identities>,
    /// What each caller may do.
    pub limits: Arc<Limits>,
}

impl Authenticator {
    /// Who sends a request with these headers, or why it cannot be told; none where it shows no credentials and needs some.
    /// A token goes before the certificate of the connection.
    pub(super) async fn caller(
        &self,
        headers: &HeaderMap,
        peer: Option<&Peer>,
    ) -> Result<Option<Caller>, Status> {
        if peer.is_some_and(|peer| peer.certificate == ClientCertificate::Missing) {
            return Err(error::certificate_missing());
        }
        let mut all = headers.get_all(AUTHORIZATION).iter();
        let Some(given) = all.next() else {
            return self.by_certificate(peer);
        };
        // A proxy before us may have looked at the other one.
        if all.next().is_some() {
            return Err(error::credentials_invalid("there are several"));
        }
        let address = peer.map(|peer| peer.address.ip());
        if let Some(address) = address {
            self.limits.check_address(address).await?;
        }
        match self.by_token(given).await {
            Ok(caller) => Ok(Some(caller)),
            Err(why) => {
                // Those that have ended were good once: nobody has guessed them.
                let has_ended = matches!(why, Invalid::Expired | Invalid::Revoked);
                if let Some(address) = address.filter(|_| !has_ended) {
                    self.limits.note_wrong_credentials(address).await;
                }
                Err(error::credentials_invalid(&why.to_string()))
            }
        }
    }

    async fn by_token(&self, given: &HeaderValue) -> Result<Caller, Invalid> {
        let token = bearer(given).ok_or(Invalid::NoBearer)?;
        if token.starts_with(api_token::MARK) {
            let principal = flow::api_token::verify(&self.flow, token);
            return principal.map(Caller::Management).ok_or(Invalid::ApiToken);
        }
        if auth::is_session(token)? {
            let session = flow::session::verify(&self.flow, token)?;
            return Ok(Caller::Storefront(Arc::new(session)));
        }
        let provider = self.identity_provider.as_ref();
        let provider = provider.ok_or(Invalid::Malformed)?;
        let principal = provider.verify(token, flow::now()).await?;
        Ok(Caller::Management(Arc::new(principal)))
    }

    /// Who the peer is by its certificate. Where identities are known, one that is not is nobody's.
    fn by_certificate(&self, peer: Option<&Peer>) -> Result<Option<Caller>, Status> {
        let known = self.identities.as_ref().zip(peer);
        if let Some(principal) = known.and_then(|(identities, peer)| identities.principal(peer)) {
            return Ok(Some(Caller::Management(principal)));
        }
        if !self.required {
            return Ok(Some(Caller::Trusted));
        }
        match peer.map(|peer| &peer.certificate) {
            Some(ClientCertificate::Shown { .. }) => Err(error::credentials_invalid(
                "nobody is known by this client certificate",
            )),
            _ => Ok(None),
        }
    }
}

/// The token of `Bearer TOKEN`; the scheme is written in any case (RFC 9110, 11.1).
fn bearer(given: &HeaderValue) -> Option<&str> {
    let (scheme, token) = given.to_str().ok()?.split_once(' ')?;
    let is_bearer = scheme.eq_ignore_ascii_case("bearer");
    is_bearer.then(|| token.trim())
}

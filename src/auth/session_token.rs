//! Sessions of shoppers as JSON Web Tokens (RFC 7519) that we sign and verify: nothing of a session is kept here.

use std::{
    path::PathBuf,
    sync::{Arc, LazyLock, Once, PoisonError, RwLock},
    time::Duration,
};

use chrono::{DateTime, TimeDelta, Utc};
use jsonwebtoken::{Algorithm, Header, Validation, decode, encode, errors};
use secrecy::SecretString;
use serde::{Deserialize, Serialize};
use tokio::task;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::{
    Invalid, MAX_TOKEN_BYTES, header,
    session_key::{KeyFileError, SessionKeys},
};
use crate::domain::{caller::Session, checkout::CustomerContext};

/// Longest life of a session. What was revoked is remembered for as long, so none is taken that would last longer.
pub const MAX_LIFETIME: TimeDelta = TimeDelta::days(30);

const ISSUER: &str = "cartwright";
const AUDIENCE: &str = "cartwright-storefront";
/// How often the file of keys is looked at.
const LOOK_INTERVAL: Duration = Duration::from_secs(2);

/// What has to be so in every token of a session. Its time is compared with ours by [`Claims::session`].
static VALIDATION: LazyLock<Validation> = LazyLock::new(|| {
    let mut validation = Validation::new(Algorithm::HS256);
    validation.set_issuer(&[ISSUER]);
    validation.set_audience(&[AUDIENCE]);
    validation.set_required_spec_claims(&["iss", "aud", "sub", "exp"]);
    validation.validate_exp = false;
    validation
});

/// Signs and verifies the tokens of sessions.
#[derive(Debug)]
pub struct Sessions {
    keys: RwLock<Arc<SessionKeys>>,
    /// Where the keys are; none where the process has one of its own.
    file: Option<PathBuf>,
    /// Tells once that sessions end with the process.
    told: Once,
}

/// Why a session has no token.
#[derive(Debug, thiserror::Error)]
#[expect(missing_docs, reason = "the messages say it")]
pub enum IssueError {
    #[error("the token of the session would be longer than {MAX_TOKEN_BYTES} bytes")]
    TooLong,
    #[error("the token of the session cannot be signed")]
    Sign(#[from] errors::Error),
}

/// What a token says. Further claims are not looked at.
#[derive(Serialize, Deserialize)]
struct Claims {
    #[serde(skip_deserializing)]
    iss: &'static str,
    #[serde(skip_deserializing)]
    aud: &'static str,
    /// The id of the session.
    sub: Uuid,
    /// In seconds since 1970, as the next.
    iat: i64,
    exp: i64,
    customer_id: String,
    customer: CustomerContext,
    channel_id: String,
}

impl Sessions {
    /// With the keys of a file, which is looked at again and again by [`Self::follow_file`].
    pub fn of_file(path: PathBuf) -> Result<Self, KeyFileError> {
        Ok(Self {
            keys: RwLock::new(Arc::new(SessionKeys::read(&path)?)),
            file: Some(path),
            told: Once::new(),
        })
    }

    /// With a key that no other process has: its sessions end with it, and other replicas do not know them.
    #[must_use]
    pub fn of_process(secret: &SecretString) -> Self {
        Self {
            keys: RwLock::new(Arc::new(SessionKeys::of_process(secret))),
            file: None,
            told: Once::new(),
        }
    }

    /// The token of a session, good until the session's whole second.
    pub fn issue(&self, session: &Session, now: DateTime<Utc>) -> Result<SecretString, IssueError> {
        if self.file.is_none() {
            self.told.call_once(|| {
                tracing::warn!(
                    "sessions end with this process, and other replicas do not know them: give --session-keys"
                );
            });
        }
        let keys = self.keys();
        let header = Header {
            kid: Some(keys.signing().id.clone()),
            ..Header::new(Algorithm::HS256)
        };
        let claims = Claims {
            iss: ISSUER,
            aud: AUDIENCE,
            sub: session.id,
            iat: now.timestamp(),
            exp: session.expire_time.timestamp(),
            customer_id: session.customer_id.clone(),
            customer: session.customer.clone(),
            channel_id: session.channel_id.clone(),
        };
        let token = encode(&header, &claims, &keys.signing().encoding)?;
        if token.len() > MAX_TOKEN_BYTES {
            return Err(IssueError::TooLong);
        }
        Ok(token.into())
    }

    /// The session of a token that we have signed and that has not expired. Whether it was revoked is not known here.
    pub fn verify(&self, token: &str, now: DateTime<Utc>) -> Result<Session, Invalid> {
        let header = header(token)?;
        if header.alg != Algorithm::HS256 {
            return Err(Invalid::Algorithm);
        }
        let keys = self.keys();
        let key = header.kid.and_then(|id| keys.find(&id));
        let key = key.ok_or(Invalid::UnknownKey)?;
        let verified = decode::<Claims>(token, &key.decoding, &VALIDATION)?;
        verified.claims.session(now)
    }

    /// Takes over the keys of the file, if there is one, whenever they have changed, until it is cancelled. While the file cannot be used the
    /// keys stay as they are, and the log tells why.
    pub async fn follow_file(self: Arc<Self>, cancelled: CancellationToken) {
        let Some(path) = self.file.clone() else {
            return;
        };
        let mut ticks = tokio::time::interval(LOOK_INTERVAL);
        let mut told = Ok(self.keys().ids().join(", "));
        while cancelled.run_until_cancelled(ticks.tick()).await.is_some() {
            let path = path.clone();
            let Ok(read) = task::spawn_blocking(move || SessionKeys::read(&path)).await else {
                continue;
            };
            let found = read.map(|keys| self.replace(keys));
            let found = found.map_err(|error| error.to_string());
            if found != told {
                match &found {
                    Ok(ids) => tracing::info!(ids, "took over the keys of sessions"),
                    Err(why) => tracing::warn!(why, "the file of --session-keys cannot be used"),
                }
                told = found;
            }
        }
    }

    fn keys(&self) -> Arc<SessionKeys> {
        Arc::clone(&self.keys.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Answers the ids of the new keys.
    fn replace(&self, keys: SessionKeys) -> String {
        let ids = keys.ids().join(", ");
        *self.keys.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(keys);
        ids
    }
}

impl Claims {
    fn session(self, now: DateTime<Utc>) -> Result<Session, Invalid> {
        let expire_time = DateTime::from_timestamp_secs(self.exp).ok_or(Invalid::Claims)?;
        if self.exp.saturating_sub(self.iat) > MAX_LIFETIME.num_seconds() {
            return Err(Invalid::Claims);
        }
        if expire_time <= now {
            return Err(Invalid::Expired);
        }
        Ok(Session {
            id: self.sub,
            customer_id: self.customer_id,
            customer: self.customer,
            channel_id: self.channel_id,
            expire_time,
        })
    }
}

#[cfg(test)]
mod tests;

//! API tokens: creating, revoking and knowing them.

use std::{
    collections::HashSet,
    mem,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use secrecy::SecretString;
use tokio_util::sync::CancellationToken;
use tracing::instrument;

use super::{Error, Flow, Guard, Result, audit, now, random_text};
use crate::{
    domain::{
        api_token::{
            ALPHABET, ApiToken, MARK, MAX_LIVING, NewApiToken, PREFIX_LETTERS, SECRET_LETTERS,
            SecretHash, parts,
        },
        audit::Action,
        caller::{Caller, Principal},
    },
    store,
};

/// How often it is kept which tokens were used.
const USE_INTERVAL: Duration = Duration::from_secs(10);

/// A token that was created.
#[derive(Debug)]
pub struct Created {
    /// As it is kept.
    pub token: ApiToken,
    /// The token itself, which is shown now and never again.
    pub text: SecretString,
}

/// Creates a token.
#[instrument(name = "flow.create_token", skip_all)]
pub async fn create(flow: &Flow, new: NewApiToken, guard: Guard) -> Result<Created> {
    let prefix = format!("{MARK}{}", random_text(&ALPHABET, PREFIX_LETTERS));
    let secret = random_text(&ALPHABET, SECRET_LETTERS);
    let text = SecretString::from(format!("{prefix}_{secret}"));
    let token = new.with(prefix, SecretHash::of(&secret), now());
    let transaction = flow.database.begin().await?;
    if !store::api_token::insert(&transaction, &token, MAX_LIVING).await? {
        return Err(Error::TooMany("API tokens: revoke one that nobody needs"));
    }
    audit::note(&transaction, &guard, Action::CreateToken, [&token.prefix]).await?;
    transaction.commit().await?;
    flow.reload().await?;
    Ok(Created { token, text })
}

/// All tokens there ever were, the oldest first.
#[instrument(name = "flow.list_tokens", skip_all)]
pub async fn list(flow: &Flow) -> Result<Vec<ApiToken>> {
    Ok(store::api_token::list(&flow.database).await?)
}

/// Revokes a token: this replica refuses it at once, others within about a second. Answers false when there is none with
/// this prefix that is not revoked.
#[instrument(name = "flow.revoke_token", skip_all)]
pub async fn revoke(flow: &Flow, prefix: &str, guard: Guard) -> Result<bool> {
    let transaction = flow.database.begin().await?;
    if !store::api_token::revoke(&transaction, prefix, now()).await? {
        return Ok(false);
    }
    audit::note(&transaction, &guard, Action::RevokeToken, [prefix]).await?;
    transaction.commit().await?;
    flow.reload().await?;
    Ok(true)
}

/// Who it is that has this token; none when it is none, or is not good any more. It asks nobody, and takes as long for a
/// secret that is wrong as for one of a token that is not there.
#[must_use]
pub fn verify(flow: &Flow, text: &str) -> Option<Arc<Principal>> {
    let (prefix, secret) = parts(text)?;
    let snapshot = flow.snapshot();
    let known = snapshot.access.token(prefix);
    let hash = known.map_or(&SecretHash::NOBODYS, |known| &known.token.secret_hash);
    let fits = hash.is_of(secret);
    let known = known.filter(|known| fits && known.token.is_alive(now()))?;
    flow.token_uses.note(prefix);
    Some(Arc::clone(&known.principal))
}

/// Whether who has begun a call may still go on with it.
#[must_use]
pub fn is_good(flow: &Flow, caller: &Caller) -> bool {
    flow.snapshot().access.is_good(caller, now())
}

/// Which tokens were used since that was last kept. Only tokens that are alive get here, so they are few.
#[derive(Debug, Default)]
pub(super) struct Uses(Mutex<HashSet<String>>);

impl Uses {
    fn note(&self, prefix: &str) {
        let mut used = self.lock();
        if !used.contains(prefix) {
            used.insert(prefix.to_owned());
        }
    }

    fn lock(&self) -> MutexGuard<'_, HashSet<String>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Flow {
    /// Keeps when tokens were last used, until it is cancelled; not on the way of those who use them.
    pub async fn keep_token_uses(self: Arc<Self>, cancelled: CancellationToken) {
        let mut ticks = tokio::time::interval(USE_INTERVAL);
        while cancelled.run_until_cancelled(ticks.tick()).await.is_some() {
            self.write_token_uses().await;
        }
        self.write_token_uses().await;
    }

    async fn write_token_uses(&self) {
        let used = mem::take(&mut *self.token_uses.lock());
        if used.is_empty() {
            return;
        }
        if let Err(error) = store::api_token::note_use(&self.database, &used, now()).await {
            tracing::warn!(%error, "when API tokens were used could not be kept: it is tried again");
            self.token_uses.lock().extend(used);
        }
    }
}

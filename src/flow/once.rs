//! Doing what a request asks for once, for everything that is not a change of one live checkout: a request id is
//! claimed in the transaction that does the work, together with the answer.

use std::sync::Arc;

use chrono::{DateTime, Duration, Utc};
use tokio::sync::Notify;
use uuid::Uuid;

use super::{Flow, Result, concurrent_change};
use crate::{
    domain::checkout::{REQUEST_MEMORY_HOURS, RequestKey, request_id_reused},
    store::{self, Connection, Transaction},
};

/// How a request begins.
pub(super) enum Once {
    /// It was answered before, with this.
    Answered(String),
    /// It is to be done in this transaction.
    New(Claim),
}

/// The transaction in which a request is done. Dropped without [`Claim::commit`], nothing has happened.
pub(super) struct Claim {
    pub(super) transaction: Transaction,
    request_id: Option<Uuid>,
    /// Wakes whoever places the events that were written here.
    written: Arc<Notify>,
}

/// What the request was answered with before, if it was. For requests that need other connections before their
/// transaction: none is ever asked for while one is held.
pub(super) async fn answered(
    flow: &Flow,
    request: &RequestKey,
    now: DateTime<Utc>,
) -> Result<Option<String>> {
    find(&flow.database, request, now).await
}

async fn find(
    c: &impl Connection,
    request: &RequestKey,
    now: DateTime<Utc>,
) -> Result<Option<String>> {
    let not_before = now - Duration::hours(REQUEST_MEMORY_HOURS);
    match store::request::find(c, request.id, not_before).await? {
        Some((digest, _)) if digest != request.digest => Err(request_id_reused(request.id).into()),
        found => Ok(found.map(|(_, answer)| answer)),
    }
}

/// Begins a request; without an id it is always new.
pub(super) async fn begin(
    flow: &Flow,
    request: Option<&RequestKey>,
    now: DateTime<Utc>,
) -> Result<Once> {
    let transaction = flow.database.begin().await?;
    let claim = |transaction, request_id| Claim {
        transaction,
        request_id,
        written: Arc::clone(&flow.events.written),
    };
    let Some(request) = request else {
        return Ok(Once::New(claim(transaction, None)));
    };
    // Whoever else has claimed it is waited for here.
    if store::request::claim(&transaction, request, now).await? {
        return Ok(Once::New(claim(transaction, Some(request.id))));
    }
    let answer = find(&transaction, request, now).await?;
    Ok(Once::Answered(answer.ok_or_else(concurrent_change)?))
}

impl Claim {
    /// Makes the work and its answer durable, together.
    pub(super) async fn commit(self, answer: &str) -> Result<()> {
        if let Some(id) = self.request_id {
            store::request::answer(&self.transaction, id, answer).await?;
        }
        self.transaction.commit().await?;
        self.written.notify_one();
        Ok(())
    }
}

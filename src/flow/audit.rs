//! The audit log.

use chrono::{DateTime, Utc};
use uuid::Uuid;

use super::{Flow, Guard, Result, new_id, now};
use crate::{
    domain::audit::{Action, AuditEntry},
    store::{self, Transaction},
};

/// What has no id, or one that is not to be told.
pub(super) const UNNAMED: [&str; 0] = [];
/// Entries that are read at once.
const PAGE: u64 = 1_000;

/// Writes down who does what to which things, in the transaction that does it.
pub(super) async fn note(
    transaction: &Transaction,
    guard: &Guard,
    action: Action,
    subjects: impl IntoIterator<Item: ToString>,
) -> Result<()> {
    let subjects = subjects.into_iter().map(|id| id.to_string());
    let entry = AuditEntry {
        id: new_id(),
        time: now(),
        caller: guard.caller.label(),
        action: action.name().to_owned(),
        subject_kind: action.subject_kind().to_owned(),
        subject_ids: subjects.collect(),
        request_id: guard.request.as_ref().map(|request| request.id),
    };
    Ok(store::audit::insert(transaction, entry).await?)
}

/// Reads the log, the oldest entry first.
pub struct Reader<'a> {
    flow: &'a Flow,
    since: Option<DateTime<Utc>>,
    after: Uuid,
    left: u64,
}

impl<'a> Reader<'a> {
    /// From a time on, or else from the beginning; at most `limit` entries, or else all.
    #[must_use]
    pub const fn new(flow: &'a Flow, since: Option<DateTime<Utc>>, limit: Option<u64>) -> Self {
        Self {
            flow,
            since,
            after: Uuid::nil(),
            left: match limit {
                Some(limit) => limit,
                None => u64::MAX,
            },
        }
    }

    /// The next entries; none when all were read.
    pub async fn next(&mut self) -> Result<Vec<AuditEntry>> {
        let limit = self.left.min(PAGE);
        let page = store::audit::list(&self.flow.database, self.since, self.after, limit).await?;
        self.left = self.left.saturating_sub(limit);
        self.after = page.last().map_or(self.after, |last| last.id);
        Ok(page)
    }
}

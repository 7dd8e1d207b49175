//! Forgetting what nobody needs any more, in batches that hold nobody up.

use std::{sync::Arc, time::Duration};

use chrono::{DateTime, TimeDelta, Utc};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::{Flow, Result, now};
use crate::{
    domain::checkout::REQUEST_MEMORY_HOURS,
    store::{self, event::Mark},
};

/// How often a replica looks for what can be forgotten.
const INTERVAL: Duration = Duration::from_hours(1);
/// Rows deleted by one statement.
const BATCH: u64 = 200;
/// Events deleted by one statement: there are many, and small.
const EVENTS: u64 = 1_000;
/// Pause after each: on SQLite others write then.
const PAUSE: Duration = Duration::from_millis(20);

/// How long things are kept.
#[derive(Debug, Clone, Copy)]
pub struct Retention {
    /// Carts, from the time at which they expired.
    pub carts: TimeDelta,
    /// Events: at least so long,
    pub events: TimeDelta,
    /// and until they were published.
    pub events_until_published: bool,
    /// Entries of the audit log.
    pub audit: TimeDelta,
}

impl Flow {
    /// Forgets what requests were answered with once nobody may repeat them any more, revoked sessions that have ended, and
    /// what has a `retention`, until it is cancelled. Any number of replicas may do so.
    pub async fn purge(self: Arc<Self>, retention: Retention, cancelled: CancellationToken) {
        let mut ticks = tokio::time::interval(INTERVAL);
        let purging = async {
            loop {
                ticks.tick().await;
                let now = now();
                let memory = TimeDelta::hours(REQUEST_MEMORY_HOURS);
                check("request ids", self.forget_requests(now - memory).await);
                check("events", self.forget_events(now, retention).await);
                check("revoked sessions", self.forget_sessions(now).await);
                check(
                    "audit entries",
                    self.forget_audit(now - retention.audit).await,
                );
                match self.purge_carts(now - retention.carts).await {
                    Ok(0) => {}
                    Ok(carts) => tracing::info!(carts, "purged expired carts"),
                    Err(error) => tracing::warn!(%error, "expired carts could not be purged"),
                }
            }
        };
        cancelled.run_until_cancelled(purging).await;
    }

    async fn forget_requests(&self, time: DateTime<Utc>) -> Result<()> {
        while store::request::forget_before(&self.database, time, BATCH).await? > 0 {
            tokio::time::sleep(PAUSE).await;
        }
        Ok(())
    }

    async fn forget_sessions(&self, time: DateTime<Utc>) -> Result<()> {
        while store::revoked_session::forget_before(&self.database, time, BATCH).await? > 0 {
            tokio::time::sleep(PAUSE).await;
        }
        Ok(())
    }

    async fn forget_audit(&self, time: DateTime<Utc>) -> Result<()> {
        while store::audit::forget_before(&self.database, time, BATCH).await? > 0 {
            tokio::time::sleep(PAUSE).await;
        }
        Ok(())
    }

    async fn forget_events(&self, now: DateTime<Utc>, retention: Retention) -> Result<()> {
        let time = now - retention.events;
        let mut done = vec![Mark::LookedThrough];
        if retention.events_until_published {
            done.push(Mark::Published);
        }
        while store::event::forget_before(&self.database, time, &done, EVENTS).await? > 0 {
            tokio::time::sleep(PAUSE).await;
        }
        Ok(())
    }

    /// Answers how many carts this replica has purged.
    async fn purge_carts(&self, time: DateTime<Utc>) -> Result<u64> {
        let (mut purged, mut after) = (0_u64, Uuid::nil());
        loop {
            let ids = store::checkout::ended(&self.database, time, after, BATCH).await?;
            let Some(last) = ids.last() else {
                return Ok(purged);
            };
            after = *last;
            let deleted = store::checkout::purge(&self.database, &ids, time).await?;
            purged = purged.saturating_add(deleted);
            tokio::time::sleep(PAUSE).await;
        }
    }
}

fn check(what: &str, forgotten: Result<()>) {
    if let Err(error) = forgotten {
        tracing::warn!(%error, "old {what} could not be forgotten");
    }
}

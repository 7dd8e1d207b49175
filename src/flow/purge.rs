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

/// How long events are kept.
#[derive(Debug, Clone, Copy)]
pub struct Retention {
    /// At least so long.
    pub time: TimeDelta,
    /// And until they were published.
    pub until_published: bool,
}

impl Flow {
    /// Forgets what requests were answered with once nobody may repeat them any more, carts that expired longer than
    /// `purge_after` ago, and events after their `retention`, until it is cancelled. Any number of replicas may do so.
    pub async fn purge(
        self: Arc<Self>,
        purge_after: TimeDelta,
        retention: Retention,
        cancelled: CancellationToken,
    ) {
        let mut ticks = tokio::time::interval(INTERVAL);
        let purging = async {
            loop {
                ticks.tick().await;
                let now = now();
                let memory = TimeDelta::hours(REQUEST_MEMORY_HOURS);
                if let Err(error) = self.forget_requests(now - memory).await {
                    tracing::warn!(%error, "old request ids could not be forgotten");
                }
                if let Err(error) = self.forget_events(now, retention).await {
                    tracing::warn!(%error, "old events could not be forgotten");
                }
                match self.purge_carts(now - purge_after).await {
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

    async fn forget_events(&self, now: DateTime<Utc>, retention: Retention) -> Result<()> {
        let time = now - retention.time;
        let mut done = vec![Mark::LookedThrough];
        if retention.until_published {
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

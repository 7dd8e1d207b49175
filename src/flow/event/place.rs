//! Giving events their places in the order in which all are told.

use std::{sync::Arc, time::Duration};

use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;

use crate::{flow::Flow, store};

/// How often events are looked for that a replica has left when it died.
const LOOK_INTERVAL: Duration = Duration::from_secs(1);
/// How long events gather, so that under load many of them are placed at once.
const GATHER: Duration = Duration::from_millis(5);

impl Flow {
    /// Gives events their places, until it is cancelled. Any number of replicas may do so: they take turns.
    pub async fn place_events(self: Arc<Self>, cancelled: CancellationToken) {
        let placing = async {
            loop {
                let written = timeout(LOOK_INTERVAL, self.events.written.notified()).await;
                if written.is_ok() {
                    sleep(GATHER).await;
                }
                match self.place_waiting().await {
                    Ok(()) | Err(store::StoreError::Serialization(_)) => {}
                    Err(error) => tracing::warn!(%error, "events could not be placed"),
                }
            }
        };
        cancelled.run_until_cancelled(placing).await;
        // Those of the last calls, which others would find a moment later.
        if let Err(error) = self.place_waiting().await {
            tracing::warn!(%error, "the last events are left to other replicas");
        }
    }

    async fn place_waiting(&self) -> store::Result<()> {
        while store::event::any_waiting(&self.database).await? {
            if store::event::place(&self.database).await? > 0 {
                self.events.placed.notify_one();
            }
        }
        Ok(())
    }
}

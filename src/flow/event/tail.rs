//! Reading each new event once, for everybody on this replica who listens.

use std::{convert::Infallible, sync::Arc, time::Duration};

use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;

use super::Told;
use crate::{
    flow::Flow,
    store::{self, event::Mark},
};

/// How often events are looked for without having heard of any: notifications can be lost, and some poolers of
/// connections swallow them.
const LOOK_INTERVAL: Duration = Duration::from_secs(1);
/// Pause before listening again after the connection was lost.
const LISTEN_AGAIN: Duration = Duration::from_secs(1);
/// Events that are read at once.
const PAGE: u16 = 500;

impl Flow {
    /// Tells those who listen on this replica of events that any replica has placed, until it is cancelled.
    pub async fn tail_events(self: Arc<Self>, cancelled: CancellationToken) {
        let both = async { tokio::join!(self.hear_of_events(), self.follow_events()) };
        cancelled.run_until_cancelled(both).await;
    }

    /// Wakes the tail when another replica has placed events.
    async fn hear_of_events(&self) {
        loop {
            match self.hear().await {
                Ok(None) => return,
                Err(error) => tracing::warn!(%error, "not listening for events of other replicas"),
            }
            sleep(LISTEN_AGAIN).await;
        }
    }

    /// Answers none where there is nothing to hear.
    async fn hear(&self) -> store::Result<Option<Infallible>> {
        let Some(mut listener) = store::event::listen(&self.database).await? else {
            return Ok(None);
        };
        loop {
            listener.heard().await?;
            self.events.placed.notify_one();
        }
    }

    async fn follow_events(&self) {
        let mut known = None;
        loop {
            let _ = timeout(LOOK_INTERVAL, self.events.placed.notified()).await;
            if self.events.told.receiver_count() == 0 {
                known = None;
                continue;
            }
            if let Err(error) = self.tell_new_events(&mut known).await {
                tracing::warn!(%error, "new events could not be read");
            }
        }
    }

    /// Tells of the events after the last known one. When none is known nobody listened before, and those who do now read
    /// what they have not seen themselves.
    async fn tell_new_events(&self, known: &mut Option<i64>) -> store::Result<()> {
        // Nobody listens any more where this fails.
        let tell = |told| drop(self.events.told.send(told));
        let mut last = if let Some(known) = *known {
            known
        } else {
            let last = store::event::mark(&self.database, Mark::Placed).await?;
            tell(Told::Skipped(last));
            last
        };
        loop {
            *known = Some(last);
            let page = store::event::list(&self.database, last, PAGE.into()).await?;
            let full = page.len() >= usize::from(PAGE);
            for event in page {
                last = event.position;
                tell(Told::Event(Arc::new(event)));
            }
            *known = Some(last);
            if !full {
                return Ok(());
            }
        }
    }
}

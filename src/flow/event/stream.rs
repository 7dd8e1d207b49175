//! Streams of events: first from the database, then as the tail tells them.

use std::{collections::VecDeque, sync::Arc, time::Duration};

use tokio::{
    sync::{OwnedSemaphorePermit, broadcast},
    time::{Instant, sleep_until},
};
use tracing::instrument;

use super::Told;
use crate::{
    domain::{
        event::{EventFilter, PlacedEvent, cursor},
        reason::{Reason, Refusal},
    },
    flow::{Error, Flow, Result},
    store::{self, event::Mark},
};

/// Events that are read at once.
const PAGE: u64 = 200;

/// Where a stream begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Start {
    /// With the event after this position.
    After(i64),
    /// With the oldest event that is kept.
    Oldest,
    /// With the next event that is placed.
    Now,
}

/// What a stream tells.
#[derive(Debug, Clone)]
pub enum Fed {
    /// The next event that is wanted.
    Event(Arc<PlacedEvent>),
    /// That there was none for a while, up to this position.
    Heartbeat(i64),
}

/// A stream of events.
pub struct EventFeed {
    flow: Arc<Flow>,
    told: broadcast::Receiver<Told>,
    filter: EventFilter,
    heartbeat: Duration,
    next_heartbeat: Instant,
    /// The last event that was looked at, wanted or not.
    position: i64,
    /// Those that were read after it and not looked at yet.
    page: VecDeque<PlacedEvent>,
    /// Whether there may be events after those that are not told.
    behind: bool,
    _place: OwnedSemaphorePermit,
}

/// Begins a stream: a heartbeat at once, then events and, when none was sent for so long, heartbeats.
#[instrument(name = "flow.stream_events", skip_all)]
pub async fn stream(
    flow: Arc<Flow>,
    start: Start,
    filter: EventFilter,
    heartbeat: Duration,
) -> Result<EventFeed> {
    if flow.draining.is_cancelled() {
        return Err(Error::Draining);
    }
    let place = Arc::clone(&flow.events.streams).try_acquire_owned();
    let place = place.map_err(|_| Error::TooMany("streams of events"))?;
    // First of all, so that nothing happens between what is read and what is told.
    let told = flow.listen_to_events();
    let position = position(&flow, start).await?;
    let mut feed = EventFeed {
        flow,
        told,
        filter,
        heartbeat,
        next_heartbeat: Instant::now(),
        position,
        page: VecDeque::new(),
        behind: true,
        _place: place,
    };
    feed.read().await?;
    Ok(feed)
}

/// The position after which the stream begins.
async fn position(flow: &Flow, start: Start) -> Result<i64> {
    let last = store::event::mark(&flow.database, Mark::Placed).await?;
    match start {
        Start::Now => Ok(last),
        Start::After(position) if position <= last => Ok(position),
        Start::After(_) => {
            let text = "is of no event of this shop: use one that it has answered";
            Err(Refusal::field("cursor", text).into())
        }
        Start::Oldest => {
            let oldest = store::event::list(&flow.database, 0, 1).await?;
            let oldest = oldest.first().map(|oldest| oldest.position);
            Ok(oldest.unwrap_or(1).saturating_sub(1))
        }
    }
}

impl EventFeed {
    /// What the stream tells next. Nothing is lost when the future is dropped.
    pub async fn next(&mut self) -> Result<Fed> {
        let flow = Arc::clone(&self.flow);
        loop {
            let event = tokio::select! {
                biased;
                () = flow.draining.cancelled() => return Err(Error::Draining),
                () = sleep_until(self.next_heartbeat) => {
                    self.next_heartbeat = Instant::now() + self.heartbeat;
                    return Ok(Fed::Heartbeat(self.position));
                }
                event = self.advance() => event?,
            };
            self.position = event.position;
            if self.filter.accepts(&event.event) {
                self.next_heartbeat = Instant::now() + self.heartbeat;
                return Ok(Fed::Event(event));
            }
        }
    }

    /// Whether the next event can only be known by reading it.
    pub(super) fn has_to_read(&self) -> bool {
        self.behind && self.page.is_empty()
    }

    /// The event after the last one. Positions have no gaps, so what is told is either the next one, or an older one, or a
    /// sign that some were not told.
    async fn advance(&mut self) -> Result<Arc<PlacedEvent>> {
        loop {
            if let Some(event) = self.page.pop_front() {
                return Ok(Arc::new(event));
            }
            if self.behind {
                self.read().await?;
                continue;
            }
            let next = self.position.saturating_add(1);
            match self.told.recv().await {
                Ok(Told::Event(event)) if event.position == next => return Ok(event),
                Ok(Told::Event(event)) => self.behind = event.position > next,
                Ok(Told::Skipped(position)) => self.behind = position >= next,
                Err(broadcast::error::RecvError::Lagged(_)) => self.behind = true,
                Err(broadcast::error::RecvError::Closed) => return Err(Error::Draining),
            }
        }
    }

    /// Reads the next events.
    async fn read(&mut self) -> Result<()> {
        let page = store::event::list(&self.flow.database, self.position, PAGE).await?;
        let next = self.position.saturating_add(1);
        match page.first() {
            Some(first) if first.position > next => Err(expired(first.position).into()),
            // The newest event is never deleted: nothing was missed.
            None => {
                self.behind = false;
                Ok(())
            }
            Some(_) => {
                self.page = page.into();
                Ok(())
            }
        }
    }
}

fn expired(oldest: i64) -> Refusal {
    let message = "events after the cursor have been deleted: find out what happened otherwise, and begin anew";
    Refusal::new(Reason::EventCursorExpired, message)
        .with("oldest_cursor", cursor(oldest.saturating_sub(1)))
}

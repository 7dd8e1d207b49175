//! Publishing events elsewhere, in their order and at least once.

use std::{sync::Arc, time::Duration};

use futures_util::FutureExt as _;
use tokio::time::sleep;

use super::{EventFeed, Fed, Start, stream};
use crate::{
    domain::event::{EventFilter, PlacedEvent},
    flow::{Error, Flow},
    publish::Publisher,
    redis_link::NoAnswer,
    store::{self, StoreError, event::Mark},
};

/// How often the lead is tried for, and tried again after an error.
const TRY_AGAIN: Duration = Duration::from_secs(1);
/// How often the lead is renewed while nothing happens: some times before it lapses.
const RENEW: Duration = Duration::from_secs(3);
/// Events that are published at once.
const BATCH: usize = 100;

/// Why an event cannot be written.
type EncodingError = Box<dyn std::error::Error + Send + Sync>;

/// Why publishing stopped for a moment.
#[derive(Debug, thiserror::Error)]
enum Stopped {
    #[error(transparent)]
    Flow(#[from] Error),
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Publisher(#[from] NoAnswer),
    #[error("an event cannot be written: {0}")]
    Encoding(EncodingError),
}

/// Publishes events as `encode` writes them, until streams are to end. Any number of replicas may do so: one of them has the
/// lead. While the publisher is away, events wait in the database.
pub async fn publish(
    flow: Arc<Flow>,
    publisher: Publisher,
    encode: impl Fn(&PlacedEvent) -> Result<Vec<u8>, EncodingError>,
) {
    let publishing = async {
        loop {
            if let Err(stopped) = lead(&flow, &publisher, &encode).await {
                // Another replica may fare better.
                publisher.resign().await;
                // That one was told of by the link.
                if !matches!(stopped, Stopped::Publisher(NoAnswer::Away)) {
                    tracing::warn!(error = %stopped, "events are not published for a moment");
                }
            }
            sleep(TRY_AGAIN).await;
        }
    };
    flow.draining.run_until_cancelled(publishing).await;
    publisher.resign().await;
}

/// Publishes as long as this replica has the lead.
async fn lead(
    flow: &Arc<Flow>,
    publisher: &Publisher,
    encode: &impl Fn(&PlacedEvent) -> Result<Vec<u8>, EncodingError>,
) -> Result<(), Stopped> {
    if !publisher.append(&[]).await? {
        return Ok(());
    }
    let mut feed = unpublished(flow).await?;
    loop {
        let events = batch(&mut feed).await?;
        let written: Result<Vec<_>, _> = events.iter().map(|event| encode(event)).collect();
        let written = written.map_err(Stopped::Encoding)?;
        // Without events it renews the lead.
        if !publisher.append(&written).await? {
            return Ok(());
        }
        if let Some(last) = events.last() {
            store::event::raise_mark(&flow.database, Mark::Published, last.position).await?;
        }
    }
}

/// The events that have not been published.
async fn unpublished(flow: &Arc<Flow>) -> Result<EventFeed, Stopped> {
    let published = store::event::mark(&flow.database, Mark::Published).await?;
    let begin = |start| stream(Arc::clone(flow), start, EventFilter::default(), RENEW);
    match begin(Start::After(published)).await {
        // They were deleted while nobody published.
        Err(Error::Refused(refusal)) => {
            tracing::warn!(
                published,
                "publishing goes on with the oldest event: {refusal}"
            );
            Ok(begin(Start::Oldest).await?)
        }
        feed => Ok(feed?),
    }
}

/// The next events, as many as there are by now; none after a while without any.
async fn batch(feed: &mut EventFeed) -> Result<Vec<Arc<PlacedEvent>>, Error> {
    let mut events = Vec::new();
    let mut told = feed.next().await?;
    while let Fed::Event(event) = told {
        events.push(event);
        if events.len() >= BATCH || feed.has_to_read() {
            break;
        }
        match feed.next().now_or_never() {
            Some(next) => told = next?,
            None => break,
        }
    }
    Ok(events)
}

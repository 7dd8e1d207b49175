//! Streams of events as callers have them.

use std::collections::BTreeMap;

use cartwright::rpc::pb::{
    self, event::Subject, event_service_client::EventServiceClient, stream_events_response::Message,
};
use tokio::time::timeout;
use tonic::{Status, Streaming, transport::Channel};

use super::PATIENCE;

/// A stream, with the cursor of its last message.
pub(crate) struct Events {
    stream: Streaming<pb::StreamEventsResponse>,
    pub(crate) cursor: String,
}

impl Events {
    /// Begins a stream of the service at this channel.
    pub(crate) async fn open(
        channel: Channel,
        request: pb::StreamEventsRequest,
    ) -> Result<Self, Status> {
        let stream = EventServiceClient::new(channel)
            .stream_events(request)
            .await?;
        Ok(Self {
            stream: stream.into_inner(),
            cursor: String::new(),
        })
    }

    /// From the oldest event on.
    pub(crate) async fn oldest(channel: Channel) -> Self {
        let request = pb::StreamEventsRequest::default();
        Self::open(channel, request).await.unwrap()
    }

    /// From the next event on: once this has answered, everything that happens is told.
    pub(crate) async fn now(channel: Channel) -> Self {
        let request = pb::StreamEventsRequest {
            start: pb::EventStart::Now.into(),
            ..Default::default()
        };
        let mut events = Self::open(channel, request).await.unwrap();
        assert_eq!(
            events.next().await.unwrap(),
            None,
            "a heartbeat comes first"
        );
        events
    }

    /// From the event after a cursor on.
    pub(crate) async fn after(channel: Channel, cursor: &str) -> Result<Self, Status> {
        let request = pb::StreamEventsRequest {
            cursor: cursor.into(),
            ..Default::default()
        };
        Self::open(channel, request).await
    }

    /// The next event, or none for a heartbeat.
    pub(crate) async fn next(&mut self) -> Result<Option<pb::Event>, Status> {
        let message = timeout(PATIENCE, self.stream.message()).await;
        let message = message.expect("nothing is told")?.expect("it ended");
        assert!(self.cursor <= message.cursor, "it went back");
        self.cursor = message.cursor;
        Ok(match message.message.unwrap() {
            Message::Event(event) => Some(event),
            Message::Heartbeat(pb::EventHeartbeat {}) => None,
        })
    }

    /// The next event.
    pub(crate) async fn event(&mut self) -> pb::Event {
        loop {
            if let Some(event) = self.next().await.unwrap() {
                return event;
            }
        }
    }

    /// The events up to the first one that is of this checkout or order, has this version, and is of this kind.
    pub(crate) async fn until(
        &mut self,
        kind: pb::EventKind,
        id: &str,
        version: i64,
    ) -> Vec<pb::Event> {
        let mut events = Vec::new();
        loop {
            let event = self.event().await;
            let found = event.kind() == kind && versioned(&event) == Some((id.into(), version));
            events.push(event);
            if found {
                return events;
            }
        }
    }

    /// So many events.
    pub(crate) async fn take(&mut self, count: usize) -> Vec<pb::Event> {
        let mut events = Vec::new();
        while events.len() < count {
            events.push(self.event().await);
        }
        events
    }
}

/// The checkout or order that an event is about, and the version that it tells of.
pub(crate) fn versioned(event: &pb::Event) -> Option<(String, i64)> {
    match event.subject.as_ref().unwrap() {
        Subject::Checkout(change) => Some((change.checkout_id.clone(), change.version)),
        Subject::Order(change) => Some((change.order_id.clone(), change.version)),
        Subject::Promotion(_) | Subject::CouponCode(_) => None,
    }
}

/// Checks that no version of any checkout or order is missing, doubled or out of order, and that their times rise. Answers
/// the last versions.
pub(crate) fn complete<'a>(
    events: impl IntoIterator<Item = &'a pb::Event>,
) -> BTreeMap<String, i64> {
    let mut seen: BTreeMap<String, (i64, (i64, i32))> = BTreeMap::new();
    for event in events {
        if event.kind() == pb::EventKind::CheckoutAbandoned {
            continue;
        }
        let Some((id, version)) = versioned(event) else {
            continue;
        };
        let time = event.time.unwrap();
        let time = (time.seconds, time.nanos);
        let (last, before) = seen.insert(id, (version, time)).unwrap_or_default();
        assert_eq!(version, last + 1, "{event:?}");
        assert!(before < time, "{event:?}");
    }
    let versions = seen.into_iter();
    versions.map(|(id, (version, _))| (id, version)).collect()
}

//! `EventService`.

use std::{ops::RangeInclusive, pin::Pin, sync::Arc, time::Duration};

use futures_util::stream;
use tokio_stream::Stream;
use tonic::{Request, Response, Status};

use super::{
    Answer, Api,
    fields::Fields,
    pb::{
        self, event_service_server::EventService, stream_events_response::Message as StreamMessage,
    },
    show,
};
use crate::{
    domain::event::{self, EventFilter, EventKind},
    flow::{
        self,
        event::{EventFeed, Fed, Start},
    },
};

/// How long nothing is sent before a heartbeat is: what callers may ask for, and what they get otherwise.
const HEARTBEATS: RangeInclusive<Duration> = Duration::from_secs(1)..=Duration::from_mins(5);
const HEARTBEAT: Duration = Duration::from_secs(15);
/// Most kinds to ask for.
const MAX_KINDS: usize = 50;

#[tonic::async_trait]
impl EventService for Api {
    type StreamEventsStream =
        Pin<Box<dyn Stream<Item = Result<pb::StreamEventsResponse, Status>> + Send>>;

    async fn stream_events(
        &self,
        request: Request<pb::StreamEventsRequest>,
    ) -> Answer<Self::StreamEventsStream> {
        let (request, mut fields) = Fields::of(request);
        let start = start(&mut fields, &request);
        let kinds = fields.each("kinds", request.kinds, 0..=MAX_KINDS, |fields, number| {
            fields.choice("", number, pb::EventKind::as_str_name)
        });
        let filter = EventFilter {
            kinds: kinds.into_iter().flatten().filter_map(known_kind).collect(),
            checkout_id: fields.optional_uuid("checkout_id", &request.checkout_id),
        };
        let given = request.heartbeat_interval;
        let bounds = "1 second to 5 minutes";
        let heartbeat = fields.duration("heartbeat_interval", given, HEARTBEATS, bounds);
        fields.of_every_channel();
        fields.finish()?;

        let flow = Arc::clone(&self.flow);
        let heartbeat = heartbeat.unwrap_or(HEARTBEAT);
        let feed = flow::event::stream(flow, start, filter, heartbeat).await?;
        let stream = stream::try_unfold(feed, async |mut feed: EventFeed| {
            let told = feed.next().await?;
            Ok(Some((response(&told), feed)))
        });
        Ok(Response::new(Box::pin(stream)))
    }
}

fn start(fields: &mut Fields, request: &pb::StreamEventsRequest) -> Start {
    if !request.cursor.is_empty() {
        let position = event::position_of(&request.cursor);
        if position.is_none() {
            fields.refuse("cursor", "must be the cursor of a message, or empty");
        }
        // A placeholder: what was refused is never looked at.
        return Start::After(position.unwrap_or_default());
    }
    match fields.optional_choice("start", request.start, pb::EventStart::as_str_name) {
        Some(pb::EventStart::Now) => Start::Now,
        Some(pb::EventStart::Oldest | pb::EventStart::Unspecified) | None => Start::Oldest,
    }
}

fn known_kind(shown: pb::EventKind) -> Option<EventKind> {
    let mut kinds = EventKind::ALL.iter().copied();
    kinds.find(|kind| show::event_kind(*kind) == shown)
}

fn response(told: &Fed) -> pb::StreamEventsResponse {
    let (position, message) = match told {
        Fed::Event(placed) => (
            placed.position,
            StreamMessage::Event(show::event(&placed.event)),
        ),
        Fed::Heartbeat(position) => (*position, StreamMessage::Heartbeat(pb::EventHeartbeat {})),
    };
    pb::StreamEventsResponse {
        cursor: event::cursor(position),
        message: Some(message),
    }
}

//! Those who follow the events all the time, whatever happens to their connection.

use std::{
    collections::BTreeMap,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use cartwright::rpc::pb::{
    self, Event, EventKind, EventStart, event::Subject, event_service_client::EventServiceClient,
    stream_events_response::Message,
};
use tokio::{task::JoinHandle, time::timeout};
use tonic::transport::Channel;

use super::post;
use crate::harness::{PATIENCE, database::TestDatabase};

/// A stream from each replica.
pub(crate) struct Followers {
    /// They stop when they have so many.
    enough: Arc<AtomicUsize>,
    streams: [JoinHandle<Vec<Event>>; 2],
}

impl Followers {
    pub(crate) fn start(channels: [Channel; 2]) -> Self {
        let enough = Arc::new(AtomicUsize::new(usize::MAX));
        let streams = channels.map(|channel| tokio::spawn(follow(channel, Arc::clone(&enough))));
        Self { enough, streams }
    }

    /// Checks that both were told the same in the same order, and of each version of each checkout and order once.
    pub(crate) async fn check(self, database: &TestDatabase) {
        let written = database.select("SELECT id::text FROM events").await;
        self.enough.store(written.len(), Ordering::Relaxed);
        let mut told = Vec::new();
        for stream in self.streams {
            let events = timeout(PATIENCE, stream).await;
            told.push(events.expect("events are missing").unwrap());
        }
        let ids = |events: &[Event]| events.iter().map(|it| it.id.clone()).collect::<Vec<_>>();
        let mut seen = ids(&told[0]);
        assert_eq!(seen, ids(&told[1]), "they were told different things");
        seen.sort_unstable();
        let mut written = written;
        written.sort_unstable();
        assert_eq!(seen, written, "not each event once");

        let found = versions(&told[0]);
        for table in ["checkouts", "orders"] {
            let select = format!("SELECT id::text || ' ' || version FROM {table}");
            for row in database.select(&select).await {
                let (id, version) = row.split_once(' ').unwrap();
                let all: Vec<i64> = (1..=version.parse().unwrap()).collect();
                let told = found.get(id).cloned().unwrap_or_default();
                assert_eq!(told, all, "events of {table} {id}");
            }
        }
    }
}

/// The versions of checkouts and orders in the order in which they were told.
fn versions(events: &[Event]) -> BTreeMap<&str, Vec<i64>> {
    let mut versions: BTreeMap<&str, Vec<i64>> = BTreeMap::new();
    for event in events {
        let (id, version) = match &event.subject {
            Some(Subject::Checkout(it)) if event.kind() != EventKind::CheckoutAbandoned => {
                (&it.checkout_id, it.version)
            }
            Some(Subject::Order(it)) => (&it.order_id, it.version),
            _ => continue,
        };
        versions.entry(id).or_default().push(version);
    }
    versions
}

async fn follow(channel: Channel, enough: Arc<AtomicUsize>) -> Vec<Event> {
    let mut client = EventServiceClient::new(channel);
    let (mut events, mut cursor) = (Vec::new(), String::new());
    loop {
        let request = pb::StreamEventsRequest {
            cursor: cursor.clone(),
            start: EventStart::Oldest.into(),
            heartbeat_interval: Some(prost_types::Duration {
                seconds: 1,
                nanos: 0,
            }),
            ..Default::default()
        };
        let broken = match client.stream_events(request).await {
            Err(status) => status,
            Ok(stream) => {
                let mut stream = stream.into_inner();
                loop {
                    let response = match stream.message().await {
                        Ok(response) => response.expect("it has no end of its own"),
                        Err(status) => break status,
                    };
                    cursor = response.cursor;
                    if let Some(Message::Event(event)) = response.message {
                        events.push(event);
                    }
                    if events.len() >= enough.load(Ordering::Relaxed) {
                        return events;
                    }
                }
            }
        };
        post::assert_lost(&broken);
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

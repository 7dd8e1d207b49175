//! Events: making them for changes, giving them their places, and telling those who listen.
//!
//! Whoever changes something writes an event with it. `place` gives committed events their positions, on one replica at
//! a time. `tail` reads each new event once on each replica, for everybody there who listens.

use std::sync::Arc;

use chrono::{DateTime, Utc};
use tokio::sync::{Notify, Semaphore, broadcast};

use super::{Flow, new_id};
use crate::{
    domain::{
        checkout::Checkout,
        event::{Event, EventKind, PlacedEvent, Subject, checkout_change, order_change},
        order::Order,
        promotion::{CouponCode, Promotion},
    },
    store::{self, Transaction},
    telemetry,
};

mod abandoned;
mod place;
mod publish;
mod stream;
mod tail;

pub use publish::publish;
pub use stream::{EventFeed, Fed, Start, stream};

/// Events that a listener may lag behind before it has to read them from the database. So many are kept in memory, once
/// for all listeners.
const LAG: usize = 4_096;
/// Streams of events at a time.
const STREAMS: usize = 256;

/// What is told of events on this replica.
pub(super) struct Events {
    /// Wakes whoever places events: one was written here.
    pub(super) written: Arc<Notify>,
    /// Wakes the tail: events were placed.
    placed: Notify,
    told: broadcast::Sender<Told>,
    /// The places for streams of events.
    streams: Arc<Semaphore>,
}

/// What listeners are told. They are told of each event after the last one they know, in order, or that they have to read
/// it from the database.
#[derive(Debug, Clone)]
pub(super) enum Told {
    /// The next event.
    Event(Arc<PlacedEvent>),
    /// There may be events up to this position that are not told here.
    Skipped(i64),
}

impl Default for Events {
    fn default() -> Self {
        Self {
            written: Arc::default(),
            placed: Notify::new(),
            told: broadcast::Sender::new(LAG),
            streams: Arc::new(Semaphore::new(STREAMS)),
        }
    }
}

impl Flow {
    /// Listens to the events of all replicas. Who listens is told of all that are placed from now on; who lags too far behind
    /// is told so by the channel, and has to read the database.
    pub(super) fn listen_to_events(&self) -> broadcast::Receiver<Told> {
        let receiver = self.events.told.subscribe();
        // The tail reads nothing while nobody listens.
        self.events.placed.notify_one();
        receiver
    }
}

/// The event of a checkout that was `before` and is `now`; none before is a new one.
pub(super) fn of_checkout(before: Option<&Checkout>, now: &Checkout) -> Event {
    new(checkout_change(before, now), now.update_time)
}

/// Tells of the last change of an order, in the transaction that makes it.
pub(super) async fn tell_of_order(transaction: &Transaction, order: &Order) -> store::Result<()> {
    let event = order_change(order).map(|change| new(change, order.update_time));
    store::event::insert(transaction, event.as_slice()).await
}

/// Tells of the last change of a promotion, in the transaction that makes it.
pub(super) async fn tell_of_promotion(
    transaction: &Transaction,
    kind: EventKind,
    promotion: &Promotion,
) -> store::Result<()> {
    let subject = Subject::Promotion {
        promotion_id: promotion.id,
        version: promotion.version,
    };
    tell(transaction, kind, subject, promotion.update_time).await
}

/// Tells of a code that was created or deleted, in the transaction that does so.
pub(super) async fn tell_of_code(
    transaction: &Transaction,
    kind: EventKind,
    code: &CouponCode,
    time: DateTime<Utc>,
) -> store::Result<()> {
    let subject = Subject::CouponCodes {
        promotion_id: code.promotion_id,
        code_id: Some(code.id),
        batch_id: code.batch_id,
        count: 1,
    };
    tell(transaction, kind, subject, time).await
}

/// Tells of anything, in the transaction that does it.
pub(super) async fn tell(
    transaction: &Transaction,
    kind: EventKind,
    subject: Subject,
    time: DateTime<Utc>,
) -> store::Result<()> {
    store::event::insert(transaction, &[new((kind, subject), time)]).await
}

/// An event of the request that is being done.
pub(super) fn new((kind, subject): (EventKind, Subject), time: DateTime<Utc>) -> Event {
    Event {
        id: new_id(),
        time,
        kind,
        subject,
        traceparent: telemetry::traceparent(),
    }
}

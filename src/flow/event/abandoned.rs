//! Telling of carts that somebody has left.
//!
//! Each change of a cart has an event. So it is enough to look through the events once they are old enough: the cart of
//! one that still has the version of its event was left since. Changing a cart costs nothing for it.

use std::{collections::HashMap, sync::Arc, time::Duration};

use chrono::{DateTime, TimeDelta, Utc};
use tokio::time::interval;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::new;
use crate::{
    domain::{
        checkout::Checkout,
        event::{CheckoutChange, Event, EventKind, PlacedEvent, Subject, after},
    },
    flow::{Flow, now},
    store::{self, event::Mark},
};

/// How often carts are looked for: a part of the time after which they are abandoned, within these bounds.
const LOOKS: u32 = 60;
const SHORTEST_INTERVAL: Duration = Duration::from_secs(1);
const LONGEST_INTERVAL: Duration = Duration::from_mins(1);
/// Events that are looked through in one transaction.
const PAGE: u16 = 500;

impl Flow {
    /// Tells of carts that nobody has changed for so long, once for each version that is left, until it is cancelled. Any
    /// number of replicas may do so: they take turns.
    pub async fn tell_of_abandoned_carts(
        self: Arc<Self>,
        abandoned_after: Duration,
        cancelled: CancellationToken,
    ) {
        let shortest = SHORTEST_INTERVAL;
        let interval = (abandoned_after / LOOKS).clamp(shortest, LONGEST_INTERVAL);
        let mut ticks = self::interval(interval);
        let abandoned_after = TimeDelta::from_std(abandoned_after).unwrap_or(TimeDelta::MAX);
        let telling = async {
            loop {
                ticks.tick().await;
                if let Err(error) = self.look_for_abandoned(now() - abandoned_after).await {
                    tracing::warn!(%error, "abandoned carts could not be looked for");
                }
            }
        };
        cancelled.run_until_cancelled(telling).await;
    }

    /// Looks through the events that happened before this time, and were not looked through yet.
    async fn look_for_abandoned(&self, before: DateTime<Utc>) -> store::Result<()> {
        loop {
            let transaction = self.database.begin().await?;
            let last = store::event::hold_mark(&transaction, Mark::LookedThrough).await?;
            let page = store::event::list(&transaction, last, PAGE.into()).await?;
            let old = page.iter().take_while(|placed| placed.event.time < before);
            let old: Vec<_> = old.collect();
            let Some(newest) = old.last() else {
                return Ok(());
            };
            let versions = versions(&old);
            let ids: Vec<Uuid> = versions.keys().copied().collect();
            let mut left = store::checkout::active_since(&transaction, &ids, before).await?;
            left.retain(|cart| versions.get(&cart.id) == Some(&cart.version));
            let now = now();
            let events = left.iter().filter_map(|cart| abandoned(cart, now));
            let events: Vec<_> = events.collect();
            store::event::insert(&transaction, &events).await?;
            let position = newest.position;
            store::event::move_mark(&transaction, Mark::LookedThrough, position).await?;
            transaction.commit().await?;
            if !events.is_empty() {
                self.events.written.notify_one();
            }
            if old.len() < usize::from(PAGE) {
                return Ok(());
            }
        }
    }
}

/// The carts that were created or changed, with their last versions.
fn versions(events: &[&PlacedEvent]) -> HashMap<Uuid, i64> {
    let changes = events.iter().filter_map(|placed| {
        let changed = matches!(
            placed.event.kind,
            EventKind::CheckoutCreated | EventKind::CheckoutUpdated
        );
        match &placed.event.subject {
            Subject::Checkout(change) if changed => Some((change.checkout_id, change.version)),
            _ => None,
        }
    });
    changes.collect()
}

/// That a cart was left, if it could be bought and there is somebody to write to.
fn abandoned(cart: &Checkout, now: DateTime<Utc>) -> Option<Event> {
    if cart.lines.is_empty() || cart.email.is_empty() || cart.check_alive(now).is_err() {
        return None;
    }
    let change = CheckoutChange {
        checkout_id: cart.id,
        version: cart.version,
        parts: Vec::new(),
        order_id: None,
    };
    let change = (EventKind::CheckoutAbandoned, Subject::Checkout(change));
    Some(new(change, after(cart.update_time, now)))
}

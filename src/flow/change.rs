//! One change of a checkout: read, decide, and write if nobody else has written in between; else again.

use std::{future::Future, sync::Arc, time::Duration};

use chrono::{DateTime, Utc};
use uuid::Uuid;

use super::{Error, Flow, Guard, Result, Snapshot, concurrent_change, now, refresh};
use crate::{
    catalog::Products,
    domain::{
        checkout::{Checkout, RequestKey, check_version},
        pricing,
        reason::{Reason, Refusal},
    },
    store::{self, StoreError},
};

/// How often a change is decided again because someone else was first. Callers on one replica take turns, so
/// only other replicas count.
pub(super) const ATTEMPTS: u32 = 50;

/// A checkout that is being changed, with what the change is decided by.
pub(super) struct Draft {
    pub(super) checkout: Checkout,
    pub(super) snapshot: Arc<Snapshot>,
    pub(super) now: DateTime<Utc>,
}

/// How a change begins.
#[expect(clippy::large_enum_variant, reason = "there is one in a call")]
pub(super) enum Opened {
    /// The request was answered before.
    Answered {
        checkout: Checkout,
        /// The order that it created, if it created one.
        order_id: Option<Uuid>,
    },
    /// The checkout as it was found, and as it is to be changed: without the messages of the change before.
    Draft { found: Checkout, draft: Draft },
}

/// Opens a checkout that lives, and has the version that is expected, for a change.
pub(super) async fn open(flow: &Flow, id: Uuid, guard: &Guard) -> Result<Opened> {
    let found = load(flow, id).await?;
    let now = now();
    if let Some(request) = &guard.request
        && let Some(seen) = found.seen(request, now)?
    {
        let order_id = seen.order_id;
        let checkout = found;
        return Ok(Opened::Answered { checkout, order_id });
    }
    found.check_alive(now)?;
    check_version(found.version, guard.expected_version)?;
    let messages = Vec::new();
    let draft = Draft {
        checkout: Checkout {
            messages,
            ..found.clone()
        },
        snapshot: flow.snapshot(),
        now,
    };
    Ok(Opened::Draft { found, draft })
}

/// Changes a checkout. `decide` may be called several times, each time on the newest version.
pub(super) async fn change<F, D>(flow: &Flow, id: Uuid, guard: Guard, decide: F) -> Result<Checkout>
where
    F: Fn(Draft) -> D,
    D: Future<Output = Result<Draft>>,
{
    let queue = flow.queue(id).await;
    let _turn = queue.lock().await;
    for attempt in 0..ATTEMPTS {
        let (found, mut draft) = match open(flow, id, &guard).await? {
            Opened::Answered { checkout, .. } => return Ok(checkout),
            Opened::Draft { found, draft } => (found, draft),
        };
        draft = decide(draft).await?;
        refresh::if_stale(flow, &mut draft).await?;
        refresh::balances(flow, &found, &mut draft).await?;
        refresh::settle(flow, &found, &mut draft).await?;
        let changed = draft.sealed(guard.request.clone());
        match store::checkout::replace(&flow.database, &changed, found.version).await {
            Ok(true) => return Ok(changed),
            Ok(false) | Err(StoreError::Serialization(_)) => pause(attempt).await,
            Err(error) => return Err(error.into()),
        }
    }
    Err(concurrent_change().into())
}

/// Waits before the next attempt, a little longer each time.
pub(super) async fn pause(attempt: u32) {
    tokio::time::sleep(Duration::from_millis(u64::from(attempt.min(20)))).await;
}

/// Loads a checkout, whatever state it is in.
pub(super) async fn load(flow: &Flow, id: Uuid) -> Result<Checkout> {
    let found = store::checkout::load(&flow.database, id).await?;
    found.ok_or_else(|| {
        let refusal = Refusal::new(Reason::CartNotFound, format!("there is no cart {id}"));
        Error::Refused(refusal.with("cart_id", id))
    })
}

impl Draft {
    /// The products with these ids that the catalog has.
    pub(super) async fn products(&self, flow: &Flow, ids: &[String]) -> Result<Products> {
        let revision = self.snapshot.revisions.catalog;
        Ok(flow.catalog.products(ids, revision).await?)
    }

    /// Prices the checkout anew.
    pub(super) fn price(&mut self) -> Result<()> {
        let Snapshot {
            store, promotions, ..
        } = &*self.snapshot;
        self.checkout.pricing = pricing::price(&self.checkout, store, promotions, self.now)?;
        Ok(())
    }

    /// The checkout as it is saved once it is settled: one version further, with a new life time.
    pub(super) fn sealed(mut self, request: Option<RequestKey>) -> Checkout {
        refresh::tell_of_coupons(&mut self.checkout);
        let mut checkout = self.checkout;
        checkout.version = checkout.version.saturating_add(1);
        checkout.update_time = self.now;
        checkout.expire_time = self.now + self.snapshot.store.cart_lifetime;
        if let Some(request) = request {
            checkout.remember(request, None, self.now);
        }
        checkout
    }
}

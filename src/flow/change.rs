//! One change of a checkout: read, decide, and write if nobody else has written in between; else again.

use std::{future::Future, sync::Arc, time::Duration};

use chrono::{DateTime, Utc};
use uuid::Uuid;

use super::{Error, Flow, Guard, Result, Snapshot, concurrent_change, event, holds, now, refresh};
use crate::{
    catalog::{Asking, Products},
    domain::{
        caller::Caller,
        checkout::{Checkout, CheckoutState, Outcome, check_version},
        event::after,
        pricing,
        reason::{Reason, Refusal},
        tax_estimate::TaxQuestion,
    },
    store::{self, StoreError, promotion::HeldUses},
};

/// How often a change is decided again because someone else was first. Callers on one replica take turns, so
/// only other replicas count.
pub(super) const ATTEMPTS: u32 = 50;

/// A checkout that is being changed, with what the change is decided by.
pub(super) struct Draft {
    pub(super) checkout: Checkout,
    pub(super) snapshot: Arc<Snapshot>,
    pub(super) now: DateTime<Utc>,
    /// When the oldest product was read that the remote catalog could not be asked for; none while it can.
    pub(super) stale_since: Option<DateTime<Utc>>,
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
    let found = load(flow, id, &guard.caller).await?;
    let now = now();
    if let Some(request) = &guard.request
        && let Some(seen) = found.seen(request, now)?
    {
        let order_id = match &seen.outcome {
            Outcome::Changed => None,
            Outcome::Ordered(id) => Some(*id),
            Outcome::Refused(why) => return Err(why.clone().into()),
        };
        let checkout = found;
        return Ok(Opened::Answered { checkout, order_id });
    }
    found.check_alive(now)?;
    check_version(found.version, guard.expected_version)?;
    let messages = Vec::new();
    // Nothing is held without orders.
    let held = if found.order_ids.is_empty() {
        HeldUses::default()
    } else {
        store::promotion::held_uses(&flow.database, id).await?
    };
    let draft = Draft {
        checkout: Checkout {
            messages,
            held_promotions: held.promotions,
            ..found.clone()
        },
        snapshot: flow.snapshot(),
        now,
        stale_since: None,
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
        // A cart that ends here needs no prices, nor any service outside that is asked for them.
        if draft.checkout.state == CheckoutState::Active {
            refresh::if_stale(flow, &mut draft).await?;
            refresh::balances(flow, &found, &mut draft).await?;
            refresh::settle(flow, &found, &mut draft).await?;
        }
        let mut changed = draft.sealed();
        changed.remember(guard.request.clone(), Outcome::Changed);
        match save(flow, &found, &changed).await {
            Ok(true) => return Ok(changed),
            Ok(false) | Err(StoreError::Serialization(_)) => pause(attempt).await,
            Err(error) => return Err(error.into()),
        }
    }
    Err(concurrent_change().into())
}

/// Saves a checkout that was found and has changed, tells of it, and gives back what it has reserved if it ends here. Answers
/// false when someone else was first.
pub(super) async fn save(flow: &Flow, found: &Checkout, changed: &Checkout) -> store::Result<bool> {
    let event = event::of_checkout(Some(found), changed);
    let saved = if changed.state == CheckoutState::Active || changed.order_ids.is_empty() {
        store::checkout::replace(&flow.database, changed, found.version, &event).await?
    } else {
        let transaction = flow.database.begin().await?;
        let saved = store::checkout::replace(&transaction, changed, found.version, &event).await?;
        if saved {
            holds::end(&transaction, changed.id, changed.update_time).await?;
            transaction.commit().await?;
        }
        saved
    };
    if saved {
        flow.events.written.notify_one();
    }
    Ok(saved)
}

/// Waits before the next attempt, a little longer each time.
pub(super) async fn pause(attempt: u32) {
    tokio::time::sleep(Duration::from_millis(u64::from(attempt.min(20)))).await;
}

/// Loads a checkout, whatever state it is in. One that the caller does not see is as good as none.
pub(super) async fn load(flow: &Flow, id: Uuid, caller: &Caller) -> Result<Checkout> {
    let found = store::checkout::load(&flow.database, id).await?;
    let seen = found.filter(|found| caller.sees(found));
    seen.ok_or_else(|| no_such_cart(id))
}

/// Refuses a cart that is not there.
pub(super) fn no_such_cart(id: Uuid) -> Error {
    let refusal = Refusal::new(Reason::CartNotFound, format!("there is no cart {id}"));
    refusal.with("cart_id", id).into()
}

impl Draft {
    /// What the catalog has under these ids.
    pub(super) async fn products(&mut self, flow: &Flow, ids: &[String]) -> Result<Products> {
        let products = flow.catalog.products(ids, self.asking()).await?;
        Ok(self.noted(products))
    }

    /// The same, as it is now.
    pub(super) async fn fresh_products(&mut self, flow: &Flow, ids: &[String]) -> Result<Products> {
        let products = flow.catalog.fresh(ids, self.asking()).await?;
        Ok(self.noted(products))
    }

    fn asking(&self) -> Asking<'_> {
        self.snapshot.asking(self.now)
    }

    /// Notes how old products are, to be told.
    fn noted(&mut self, products: Products) -> Products {
        let known = [self.stale_since, products.stale_since];
        self.stale_since = known.into_iter().flatten().min();
        products
    }

    /// Prices the checkout anew. Answers what the tax provider is to be asked, if anything.
    pub(super) fn price(&mut self) -> Result<Option<TaxQuestion>> {
        let Snapshot {
            store, promotions, ..
        } = &*self.snapshot;
        let (pricing, question) =
            pricing::price_and_ask(&self.checkout, store, promotions, self.now)?;
        self.checkout.pricing = pricing;
        Ok(question)
    }

    /// The checkout as it is saved once it is settled: one version further, with a new life time.
    pub(super) fn sealed(mut self) -> Checkout {
        refresh::tell_of_coupons(&mut self.checkout);
        refresh::tell_of_catalog(&mut self.checkout, self.stale_since);
        let mut checkout = self.checkout;
        checkout.version = checkout.version.saturating_add(1);
        checkout.update_time = after(checkout.update_time, self.now);
        checkout.expire_time = checkout.update_time + self.snapshot.store.cart_lifetime;
        checkout
    }
}

//! The tax provider: its estimates on checkouts, and what it is told of orders.

use std::{sync::Arc, time::Duration};

use chrono::{DateTime, TimeDelta, Utc};
use tokio::{task::JoinSet, time::timeout};
use tokio_util::sync::CancellationToken;
use tracing::instrument;
use uuid::Uuid;

use super::{Flow, Result, change::Draft, now};
use crate::{
    domain::{
        checkout::{Checkout, MessageCode},
        order::{Effect, Order, OrderStatus},
        store::{TaxFallback, TaxProvider},
        tax_estimate::{TaxEstimate, TaxQuestion},
    },
    store::{
        self, Transaction,
        order::{Ended, OrderKey},
        tax_task::{TaxAction, TaxTask},
    },
    tax::{Failure, RECORD_TIMEOUT},
};

/// How often a replica looks for tasks that another one has left.
const LOOK_INTERVAL: Duration = Duration::from_secs(1);
/// Tasks that a replica does side by side.
const TASKS_AT_A_TIME: u64 = 16;
/// How much longer than its call a task is claimed.
const CLAIM_MARGIN: Duration = Duration::from_secs(20);
/// Longest pause before a task is tried again, in seconds.
const LONGEST_PAUSE: i64 = 600;

/// Makes the taxes of a priced checkout those of the tax provider, if there is one and something to ask: `question`.
/// While it cannot be asked they come from the store's own rates, which is told.
pub(super) async fn estimate(
    flow: &Flow,
    draft: &mut Draft,
    question: Option<TaxQuestion>,
) -> Result<()> {
    let snapshot = Arc::clone(&draft.snapshot);
    let (Some(provider), Some(question)) = (&snapshot.store.tax.provider, question) else {
        draft.checkout.tax_estimate = None;
        return Ok(());
    };
    let kept = draft.checkout.tax_estimate.take();
    if let Some(kept) = kept.filter(|kept| kept.holds(provider, &question, draft.now)) {
        draft.checkout.tax_estimate = Some(kept);
        return Ok(());
    }
    let asked = flow.tax.estimate(provider, draft.checkout.id, &question);
    let why = match asked.await {
        Ok(taxes) => {
            draft.checkout.tax_estimate = Some(TaxEstimate {
                provider_url: provider.url.clone(),
                question,
                taxes,
                time: draft.now,
            });
            match draft.price() {
                Ok(_) => return Ok(()),
                // It could be priced before, so these taxes are the reason.
                Err(_) => "answered taxes beyond what can be held".to_owned(),
            }
        }
        Err(failure) => failure.to_string(),
    };
    tracing::debug!(%why, "taxes could not be estimated");
    draft.checkout.tax_estimate = None;
    draft.price()?;
    let text = format!("taxes come from the store's own rates: the tax provider {why}");
    let code = MessageCode::TaxProviderUnavailable;
    draft.checkout.tell(code, "", text);
    Ok(())
}

/// Whether no order is created of a checkout whose taxes could not be estimated.
pub(super) fn blocks(draft: &Draft) -> bool {
    let provider = draft.snapshot.store.tax.provider.as_ref();
    provider.is_some_and(|provider| provider.fallback == TaxFallback::Block)
}

/// Has the taxes of an order recorded that was paid, or taken back of one that was cancelled or refunded. It comes after
/// the order is saved, so that whoever changes the same order has waited there.
pub(super) async fn follow(transaction: &Transaction, order: &Order, effect: Effect) -> Result<()> {
    let action = match (effect, order.status) {
        (Effect::Settle, _) => TaxAction::Commit,
        (_, OrderStatus::Cancelled | OrderStatus::Refunded) => TaxAction::Void,
        _ => return Ok(()),
    };
    put(
        transaction,
        order.id,
        &order.snapshot,
        action,
        order.update_time,
    )
    .await
}

/// Has the taxes of orders taken back that were cancelled because another one was paid.
pub(super) async fn siblings_cancelled(
    transaction: &Transaction,
    siblings: &[Ended],
    now: DateTime<Utc>,
) -> Result<()> {
    for Ended { id, snapshot, .. } in siblings {
        put(transaction, *id, snapshot, TaxAction::Void, now).await?;
    }
    Ok(())
}

async fn put(
    transaction: &Transaction,
    order_id: Uuid,
    snapshot: &Checkout,
    action: TaxAction,
    now: DateTime<Utc>,
) -> Result<()> {
    if snapshot.tax_estimate.is_some() {
        store::tax_task::put(transaction, order_id, action, now).await?;
    }
    Ok(())
}

impl Flow {
    /// Tells the tax provider of orders that are paid or cancelled, until it is cancelled itself. Any number of replicas may
    /// do so. While no provider is set, what it is to be told waits.
    pub async fn tell_tax_provider(self: Arc<Self>, cancelled: CancellationToken) {
        let follow = async {
            loop {
                // At once when an order of this replica was settled.
                let _ = timeout(LOOK_INTERVAL, self.tax_tasks.notified()).await;
                if let Err(error) = self.do_tax_tasks().await {
                    tracing::warn!(%error, "what the tax provider is to be told could not be looked up");
                }
            }
        };
        cancelled.run_until_cancelled(follow).await;
    }

    /// Does the tasks that are due.
    async fn do_tax_tasks(self: &Arc<Self>) -> Result<()> {
        loop {
            let Some(provider) = self.snapshot().store.tax.provider.clone() else {
                return Ok(());
            };
            let due = store::tax_task::due(&self.database, now(), TASKS_AT_A_TIME).await?;
            let provider = Arc::new(provider);
            let mut tasks = JoinSet::new();
            for &order_id in &due {
                let (flow, provider) = (Arc::clone(self), Arc::clone(&provider));
                tasks.spawn(async move { do_tax_task(&flow, &provider, order_id).await });
            }
            while let Some(done) = tasks.join_next().await {
                match done {
                    Ok(done) => done?,
                    Err(error) => tracing::error!(%error, "a call of the tax provider broke off"),
                }
            }
            if due.is_empty() {
                return Ok(());
            }
        }
    }
}

/// Does the task of an order, unless somebody else does.
#[instrument(name = "flow.tell_tax_provider", skip_all)]
async fn do_tax_task(flow: &Flow, provider: &TaxProvider, order_id: Uuid) -> Result<()> {
    let began = now();
    let until = began + RECORD_TIMEOUT + CLAIM_MARGIN;
    let database = &flow.database;
    let Some(task) = store::tax_task::claim(database, order_id, began, until).await? else {
        return Ok(());
    };
    match tell(flow, provider, &task).await? {
        Ok(()) => store::tax_task::done(database, &task).await?,
        Err(why) => {
            tracing::warn!(%order_id, action = ?task.action, attempts = task.attempts, %why,
                "the tax provider could not be told of an order: trying again");
            let due_time = now() + pause(task.attempts);
            store::tax_task::postpone(database, &task, due_time).await?;
        }
    }
    Ok(())
}

async fn tell(
    flow: &Flow,
    provider: &TaxProvider,
    task: &TaxTask,
) -> Result<std::result::Result<(), Failure>> {
    if task.action == TaxAction::Void {
        return Ok(flow.tax.void(provider, task.order_id).await);
    }
    let found = store::order::load(&flow.database, OrderKey::Id(task.order_id)).await?;
    Ok(match &found {
        Some(order) => flow.tax.commit(provider, order).await,
        None => Ok(()),
    })
}

/// One second after the first attempt, then twice as long each time.
fn pause(attempts: i64) -> TimeDelta {
    let doublings = u32::try_from(attempts)
        .unwrap_or(u32::MAX)
        .saturating_sub(1);
    let seconds = 2_i64.saturating_pow(doublings).min(LONGEST_PAUSE);
    TimeDelta::seconds(seconds)
}

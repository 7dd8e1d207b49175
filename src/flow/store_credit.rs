//! Store credit: what customers have, and paying checkouts with it.

use tracing::instrument;
use uuid::Uuid;

use super::{
    Flow, Guard, Page, Paged, Result, audit,
    change::{ATTEMPTS, Draft, change, pause},
    concurrent_change, holds, new_id, now,
    once::{self, Claim, Once},
};
use crate::{
    domain::{
        audit::Action,
        checkout::{Checkout, check_version},
        ledger::{Change, EntryKind, LedgerEntry, Share},
        money::{Amount, Currency, Money},
        reason::Refusal,
        store_credit::StoreCredit,
    },
    store::{self, Connection},
};

/// Answers the store credit of a customer in a currency, by default the store's, with its ledger, newest first.
#[instrument(name = "flow.get_store_credit", skip_all)]
pub async fn get(
    flow: &Flow,
    customer_id: &str,
    currency: Option<Currency>,
    page: Page,
) -> Result<(StoreCredit, Paged<LedgerEntry>)> {
    let currency = currency.unwrap_or(flow.snapshot().store.default_currency);
    let credit = load(&flow.database, customer_id, currency).await?;
    // Without those that came since it was read.
    let before = page.key()?.unwrap_or(credit.version.saturating_add(1));
    let entries = store::balance::entries(&flow.database, credit.id, before, page.limit()).await?;
    let entries = page.of(entries, |entry| entry.version.to_string());
    Ok((credit, entries))
}

/// Sets the store credit of a customer in the currency of `balance`.
#[instrument(name = "flow.set_store_credit", skip_all)]
pub async fn set(
    flow: &Flow,
    customer_id: &str,
    balance: Money,
    note: &str,
    guard: Guard,
) -> Result<StoreCredit> {
    for attempt in 0..ATTEMPTS {
        let claim = match once::begin(flow, guard.request.as_ref(), now()).await? {
            Once::Answered(_) => return load(&flow.database, customer_id, balance.currency).await,
            Once::New(claim) => claim,
        };
        let current = load(&claim.transaction, customer_id, balance.currency).await?;
        check_version(current.version, guard.expected_version)?;
        if adjust(&claim, &current, balance.amount, note).await? {
            let changed = load(&claim.transaction, customer_id, balance.currency).await?;
            if changed.version > current.version {
                let (id, action) = (changed.id, Action::SetStoreCredit);
                audit::note(&claim.transaction, &guard, action, [id]).await?;
            }
            claim.commit("").await?;
            return Ok(changed);
        }
        drop(claim);
        pause(attempt).await;
    }
    Err(concurrent_change().into())
}

/// Makes the balance what it shall be. Answers false when someone else was first.
async fn adjust(claim: &Claim, current: &StoreCredit, to: Amount, note: &str) -> Result<bool> {
    let Money { currency, amount } = current.balance;
    let is_first = current.version == 0;
    let change = Change {
        id: new_id(),
        kind: if is_first {
            EntryKind::Issued
        } else {
            EntryKind::Adjusted
        },
        amount: to.minus(amount).map_err(Refusal::from)?,
        order_id: None,
        note: note.to_owned(),
        time: now(),
    };
    if change.amount.is_zero() {
        return Ok(true);
    }
    let (transaction, customer) = (&claim.transaction, &current.customer_id);
    Ok(if is_first {
        store::store_credit::insert(transaction, new_id(), customer, currency, &change).await?
    } else {
        let version = Some(current.version);
        store::balance::change(transaction, current.id, version, &change).await?
    })
}

/// Pays a checkout with the customer's store credit.
#[instrument(name = "flow.apply_store_credit", skip_all)]
pub async fn apply(flow: &Flow, id: Uuid, guard: Guard) -> Result<Checkout> {
    change(flow, id, guard, async |mut draft: Draft| {
        draft.checkout.check_customer()?;
        let available = available(flow, &draft.checkout).await?;
        draft.checkout.apply_store_credit(available)?;
        Ok(draft)
    })
    .await
}

/// Pays a checkout without store credit again.
#[instrument(name = "flow.remove_store_credit", skip_all)]
pub async fn remove(flow: &Flow, id: Uuid, guard: Guard) -> Result<Checkout> {
    change(flow, id, guard, async |mut draft: Draft| {
        draft.checkout.store_credit = None;
        Ok(draft)
    })
    .await
}

/// What store credit the checkout can pay with.
pub(super) async fn available(flow: &Flow, checkout: &Checkout) -> Result<Amount> {
    let credit = load(&flow.database, &checkout.customer_id, checkout.currency).await?;
    let left = Share {
        balance_id: credit.id,
        amount: credit.balance.amount,
    };
    holds::available_of(flow, checkout, left).await
}

/// The store credit of a customer; nothing, at version 0, where there never was any.
async fn load(c: &impl Connection, customer_id: &str, currency: Currency) -> Result<StoreCredit> {
    let found = store::store_credit::find(c, customer_id, currency).await?;
    Ok(found.unwrap_or_else(|| StoreCredit {
        id: Uuid::nil(),
        customer_id: customer_id.to_owned(),
        balance: Money {
            currency,
            amount: Amount::ZERO,
        },
        version: 0,
        update_time: None,
    }))
}

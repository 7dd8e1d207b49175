//! Erasing what is known of a customer. What is left is decided by `domain::erasure`.

use std::collections::HashSet;

use chrono::{DateTime, Utc};
use tracing::instrument;
use uuid::Uuid;

use super::{
    Error, Flow, Guard, Result, audit,
    change::{ATTEMPTS, pause},
    concurrent_change, event, new_id, now,
};
use crate::{
    domain::{
        audit::Action,
        event::{CheckoutChange, EventKind, OrderChange, Subject, after},
        gift_certificate::{Card, Party},
        reason::Reason,
    },
    store::{self, Transaction, erasure::OrderSnapshot},
};

/// How much was erased.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Erased {
    /// Carts, those that had ended included.
    pub carts: usize,
    /// Orders.
    pub orders: usize,
    /// Gift certificates, bought or received.
    pub gift_certificates: usize,
    /// Balances of store credit.
    pub store_credits: usize,
}

/// What was found of the customer on the way.
#[derive(Default)]
struct Found {
    carts: usize,
    orders: Vec<Uuid>,
    emails: HashSet<String>,
}

/// Erases what is known of a customer, all of it or nothing: payments and changes of the customer's carts wait meanwhile.
#[instrument(name = "flow.erase_customer", skip_all)]
pub async fn erase_customer(flow: &Flow, customer_id: &str, guard: Guard) -> Result<Erased> {
    for attempt in 0..ATTEMPTS {
        match try_erase(flow, customer_id, &guard).await {
            Ok(Some(erased)) => return Ok(erased),
            Ok(None) => {}
            Err(Error::Refused(refusal)) if refusal.reason == Reason::ConcurrentChange => {}
            Err(error) => return Err(error),
        }
        pause(attempt).await;
    }
    Err(concurrent_change().into())
}

/// Answers none when somebody else has changed an order meanwhile.
async fn try_erase(flow: &Flow, customer_id: &str, guard: &Guard) -> Result<Option<Erased>> {
    let transaction = flow.database.begin().await?;
    let pseudonym = format!("erased-{}", new_id());
    let mut found = Found::default();
    // In the order in which payments lock things: checkouts, orders, balances.
    for checkout_id in store::erasure::checkouts(&transaction, customer_id).await? {
        erase_cart(&transaction, customer_id, checkout_id, now(), &mut found).await?;
        let orders = store::erasure::orders(&transaction, checkout_id, customer_id).await?;
        for mut order in orders {
            found
                .emails
                .extend(order.snapshot.emails().map(str::to_owned));
            order.snapshot.anonymize(&pseudonym);
            if !store::erasure::replace_snapshot(&transaction, &order).await? {
                return Ok(None);
            }
            store::erasure::rewrite_history(&transaction, order.id, customer_id, &pseudonym)
                .await?;
            let time = after(order.update_time, now());
            event::tell(&transaction, EventKind::OrderErased, of_order(&order), time).await?;
            found.orders.push(order.id);
        }
    }
    store::erasure::rename_redemptions(&transaction, customer_id, &pseudonym).await?;
    let (gift_certificates, store_credits) =
        erase_balances(&transaction, customer_id, &pseudonym, &found).await?;
    audit::note(&transaction, guard, Action::EraseCustomer, audit::UNNAMED).await?;
    transaction.commit().await?;
    flow.events.written.notify_one();
    Ok(Some(Erased {
        carts: found.carts,
        orders: found.orders.len(),
        gift_certificates,
        store_credits,
    }))
}

/// That an order has another version, in which nothing but the customer is another.
fn of_order(order: &OrderSnapshot) -> Subject {
    Subject::Order(OrderChange {
        order_id: order.id,
        number: order.number,
        checkout_id: order.snapshot.id,
        version: order.version.saturating_add(1),
        from: Some(order.status),
        to: order.status,
        payment: None,
    })
}

/// Ends the cart, unless it has become somebody else's.
async fn erase_cart(
    transaction: &Transaction,
    customer_id: &str,
    id: Uuid,
    now: DateTime<Utc>,
    found: &mut Found,
) -> Result<()> {
    let Some(checkout) = store::checkout::hold(transaction, id).await? else {
        return Ok(());
    };
    if ![customer_id, ""].contains(&checkout.customer_id.as_str()) {
        return Ok(());
    }
    found.emails.extend(checkout.emails().map(str::to_owned));
    let tombstone = checkout.tombstone(after(checkout.update_time, now));
    store::checkout::keep(transaction, &tombstone).await?;
    let erased = Subject::Checkout(CheckoutChange {
        checkout_id: id,
        version: tombstone.version,
        parts: Vec::new(),
        order_id: None,
    });
    let kind = EventKind::CheckoutErased;
    event::tell(transaction, kind, erased, tombstone.update_time).await?;
    found.carts = found.carts.saturating_add(1);
    Ok(())
}

/// Empties gift certificates that the customer bought or received, and makes store credit the pseudonym's; by the ids of
/// their balances. What they are worth stays. Answers how many of each.
async fn erase_balances(
    transaction: &Transaction,
    customer_id: &str,
    pseudonym: &str,
    found: &Found,
) -> Result<(usize, usize)> {
    let emails: Vec<_> = found.emails.iter().cloned().collect();
    let cards = store::erasure::cards(transaction, &found.orders, &emails).await?;
    let credits = store::erasure::store_credits(transaction, customer_id).await?;
    let mut balances = credits.clone();
    balances.extend(cards.iter().map(|written| written.id));
    balances.sort_unstable();
    for id in balances {
        store::erasure::empty_notes(transaction, id).await?;
    }
    let erased = (cards.len(), credits.len());
    for mut written in cards {
        let bought = written
            .order_id
            .is_some_and(|id| found.orders.contains(&id));
        written.card = if bought {
            Card::default()
        } else {
            Card {
                recipient: Party::default(),
                message: String::new(),
                ..written.card
            }
        };
        store::erasure::write_card(transaction, &written).await?;
    }
    store::erasure::rename_store_credits(transaction, customer_id, pseudonym).await?;
    Ok(erased)
}

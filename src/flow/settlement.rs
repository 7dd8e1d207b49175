//! What the payment of one order means for its checkout and the other orders of it.

use super::{Result, event, tax};
use crate::{
    domain::{
        checkout::{Checkout, CheckoutState},
        event::{EventKind, OrderChange, Subject, after},
        order::Order,
    },
    store::{
        self, Transaction,
        order::{Ended, Sibling},
    },
};

/// Ends the checkout of an order that is being paid, cancels its other orders, hands those for which some money has moved
/// to people, and tells of all that. Answers false when another order has paid the checkout.
///
/// The order is later than whatever happened to it, and what happens here is later than all that.
pub(super) async fn end_checkout(transaction: &Transaction, order: &Order) -> Result<bool> {
    let id = order.snapshot.id;
    let Some(found) = store::checkout::hold(transaction, id).await? else {
        return Ok(false);
    };
    let siblings = store::order::siblings(transaction, id, order.id).await?;
    let times = siblings.iter().map(|sibling| sibling.update_time);
    let latest = times.fold(found.update_time, Ord::max);
    let now = after(latest, order.update_time);
    if !store::order::mark_paid(transaction, id, order.id, now).await? {
        return Ok(false);
    }
    let cancelled = store::order::cancel_siblings(transaction, id, order.id, now).await?;
    let flagged = store::order::flag_siblings(transaction, id, order.id, now).await?;
    tax::siblings_cancelled(transaction, &cancelled, now).await?;

    let paid = Checkout {
        version: found.version.saturating_add(1),
        state: CheckoutState::Paid { order_id: order.id },
        update_time: now,
        ..found.clone()
    };
    let mut events = vec![event::of_checkout(Some(&found), &paid)];
    let ended = cancelled.iter().chain(&flagged);
    let changes = ended.map(|ended| sibling_paid(ended, &siblings));
    events.extend(changes.map(|change| event::new(change, now)));
    store::event::insert(transaction, &events).await?;
    Ok(true)
}

fn sibling_paid(ended: &Ended, before: &[Sibling]) -> (EventKind, Subject) {
    let before = before.iter().find(|sibling| sibling.id == ended.id);
    let change = OrderChange {
        order_id: ended.id,
        number: ended.number,
        checkout_id: ended.snapshot.id,
        version: ended.version,
        from: before.map(|sibling| sibling.status),
        to: ended.status,
        payment: None,
    };
    (EventKind::OrderSiblingPaid, Subject::Order(change))
}

//! Orders as messages.

use std::iter;

use super::{
    address,
    checkout::{customer_context, fees, taxes, totals},
    consignment::consignments,
    coupon::coupons,
    gift_certificate::applied_gift_certificates,
    line_item::line_items,
    money, shopper, time,
};
use crate::{
    domain::{
        caller::Caller,
        money::Currency,
        order::{Order, OrderStatus, Payment, PaymentState},
        order_history::{HistoryEntry, HistoryEvent},
    },
    rpc::pb,
};

/// An order, from its snapshot, for this caller.
#[must_use]
pub fn order(order: &Order, caller: &Caller) -> pb::Order {
    let snapshot = &order.snapshot;
    let shown = pb::Order {
        id: order.id.to_string(),
        number: order.number,
        checkout_id: snapshot.id.to_string(),
        status: order_status(order.status).into(),
        status_reason: order.status_reason.clone(),
        channel_id: snapshot.channel_id.clone(),
        customer_id: snapshot.customer_id.clone(),
        email: snapshot.email.clone(),
        currency_code: snapshot.currency.code().to_owned(),
        tax_included: snapshot.pricing.tax_included,
        line_items: line_items(snapshot),
        billing_address: snapshot.billing_address.as_ref().map(address),
        consignments: consignments(snapshot),
        coupons: coupons(snapshot),
        taxes: taxes(snapshot),
        totals: Some(totals(snapshot.currency, &snapshot.pricing.totals)),
        payments: order
            .payments
            .iter()
            .map(|paid| payment(snapshot.currency, paid))
            .collect(),
        customer_message: snapshot.customer_message.clone(),
        staff_note: snapshot.staff_note.clone(),
        history: history(&order.history),
        create_time: time(order.create_time),
        update_time: time(order.update_time),
        paid_time: order.paid_time.and_then(time),
        fees: fees(snapshot),
        customer_context: Some(customer_context(snapshot)),
        tax_exemption: snapshot.pricing.tax_exemption.clone(),
        gift_certificates: applied_gift_certificates(snapshot, true),
        store_credit_applied: snapshot.store_credit.is_some(),
    };
    shopper::order(shown, caller)
}

/// What happened to an order, oldest first: each entry begins with the status that the one before has left.
fn history(entries: &[HistoryEntry]) -> Vec<pb::OrderHistoryEntry> {
    let left = entries.iter().map(|entry| order_status(entry.status));
    let before = iter::once(pb::OrderStatus::Unspecified).chain(left);
    let entries = entries.iter().zip(before);
    entries
        .map(|(entry, from)| history_entry(entry, from))
        .collect()
}

fn history_entry(entry: &HistoryEntry, from: pb::OrderStatus) -> pb::OrderHistoryEntry {
    use pb::OrderHistoryEvent as Shown;
    let (event, payment) = match &entry.event {
        HistoryEvent::Created => (Shown::Created, None),
        HistoryEvent::Payment { reference, state } => {
            (Shown::PaymentRecorded, Some((reference.clone(), *state)))
        }
        HistoryEvent::Cancelled => (Shown::Cancelled, None),
        HistoryEvent::SiblingPaid => (Shown::SiblingPaid, None),
        HistoryEvent::StatusUpdated => (Shown::StatusUpdated, None),
    };
    let (payment_reference, state) = payment.unzip();
    pb::OrderHistoryEntry {
        time: time(entry.time),
        event: event.into(),
        from_status: from.into(),
        to_status: order_status(entry.status).into(),
        payment_reference: payment_reference.unwrap_or_default(),
        payment_state: state.map(payment_state).unwrap_or_default().into(),
        actor: entry.actor.clone(),
        reason: entry.reason.clone(),
    }
}

fn payment(currency: Currency, payment: &Payment) -> pb::Payment {
    pb::Payment {
        id: payment.id.to_string(),
        method: payment.method.clone(),
        reference: payment.reference.clone(),
        amount: money(currency, payment.amount),
        state: payment_state(payment.state).into(),
        create_time: time(payment.create_time),
    }
}

pub(super) const fn payment_state(state: PaymentState) -> pb::PaymentState {
    match state {
        PaymentState::Pending => pb::PaymentState::Pending,
        PaymentState::Completed => pb::PaymentState::Completed,
        PaymentState::Failed => pb::PaymentState::Failed,
    }
}

/// The state of an order: the proto numbers them as `BigCommerce` does, from 1 instead of 0.
#[must_use]
pub fn order_status(status: OrderStatus) -> pb::OrderStatus {
    pb::OrderStatus::try_from(status.number().saturating_add(1)).unwrap_or_default()
}

//! Orders as messages.

use super::{
    address,
    checkout::{customer_context, fees, taxes, totals},
    consignment::consignments,
    coupon::coupons,
    gift_certificate::applied_gift_certificates,
    line_item::line_items,
    money, time,
};
use crate::{
    domain::{
        money::Currency,
        order::{Order, OrderStatus, Payment, PaymentState},
    },
    rpc::pb,
};

/// An order, from its snapshot.
#[must_use]
pub fn order(order: &Order) -> pb::Order {
    let snapshot = &order.snapshot;
    pb::Order {
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
        create_time: time(order.create_time),
        update_time: time(order.update_time),
        paid_time: order.paid_time.and_then(time),
        fees: fees(snapshot),
        customer_context: Some(customer_context(snapshot)),
        tax_exemption: snapshot.pricing.tax_exemption.clone(),
        gift_certificates: applied_gift_certificates(snapshot, true),
        store_credit_applied: snapshot.store_credit.is_some(),
    }
}

fn payment(currency: Currency, payment: &Payment) -> pb::Payment {
    let state = match payment.state {
        PaymentState::Pending => pb::PaymentState::Pending,
        PaymentState::Completed => pb::PaymentState::Completed,
        PaymentState::Failed => pb::PaymentState::Failed,
    };
    pb::Payment {
        id: payment.id.to_string(),
        method: payment.method.clone(),
        reference: payment.reference.clone(),
        amount: money(currency, payment.amount),
        state: state.into(),
        create_time: time(payment.create_time),
    }
}

/// The state of an order: the proto numbers them as `BigCommerce` does, from 1 instead of 0.
#[must_use]
pub fn order_status(status: OrderStatus) -> pb::OrderStatus {
    pb::OrderStatus::try_from(status.number().saturating_add(1)).unwrap_or_default()
}

//! Events as messages.

use super::{
    int,
    order::{order_status, payment_state},
    time,
};
use crate::{
    domain::event::{CheckoutChange, Event, EventKind, OrderChange, Part, Subject},
    rpc::pb::{self, event::Subject as Shown},
};

/// What happened.
#[must_use]
pub fn event(event: &Event) -> pb::Event {
    pb::Event {
        id: event.id.to_string(),
        time: time(event.time),
        kind: event_kind(event.kind).into(),
        subject: Some(subject(&event.subject)),
        traceparent: event.traceparent.clone(),
    }
}

fn subject(subject: &Subject) -> Shown {
    match subject {
        Subject::Checkout(change) => Shown::Checkout(checkout(change)),
        Subject::Order(change) => Shown::Order(order(change)),
        Subject::Promotion {
            promotion_id,
            version,
        } => Shown::Promotion(pb::PromotionEvent {
            promotion_id: promotion_id.to_string(),
            version: *version,
        }),
        Subject::CouponCodes {
            promotion_id,
            code_id,
            batch_id,
            count,
        } => Shown::CouponCode(pb::CouponCodeEvent {
            promotion_id: promotion_id.to_string(),
            coupon_code_id: code_id.map(|id| id.to_string()).unwrap_or_default(),
            batch_id: batch_id.map(|id| id.to_string()).unwrap_or_default(),
            count: int(*count),
        }),
    }
}

fn checkout(change: &CheckoutChange) -> pb::CheckoutEvent {
    let parts = change.parts.iter();
    pb::CheckoutEvent {
        checkout_id: change.checkout_id.to_string(),
        version: change.version,
        changed: parts.map(|part| checkout_part(*part).into()).collect(),
        order_id: change.order_id.map(|id| id.to_string()).unwrap_or_default(),
    }
}

fn order(change: &OrderChange) -> pb::OrderEvent {
    let payment = change.payment;
    let id = payment.map(|payment| payment.payment_id.to_string());
    let state = payment.map(|payment| payment_state(payment.state));
    pb::OrderEvent {
        order_id: change.order_id.to_string(),
        number: change.number,
        checkout_id: change.checkout_id.to_string(),
        version: change.version,
        from_status: change.from.map(order_status).unwrap_or_default().into(),
        to_status: order_status(change.to).into(),
        payment_id: id.unwrap_or_default(),
        payment_state: state.unwrap_or_default().into(),
    }
}

/// What kind of thing happened.
#[must_use]
pub const fn event_kind(kind: EventKind) -> pb::EventKind {
    match kind {
        EventKind::CheckoutCreated => pb::EventKind::CheckoutCreated,
        EventKind::CheckoutUpdated => pb::EventKind::CheckoutUpdated,
        EventKind::CheckoutDeleted => pb::EventKind::CheckoutDeleted,
        EventKind::CheckoutPaid => pb::EventKind::CheckoutPaid,
        EventKind::CheckoutAbandoned => pb::EventKind::CheckoutAbandoned,
        EventKind::CheckoutErased => pb::EventKind::CheckoutErased,
        EventKind::OrderCreated => pb::EventKind::OrderCreated,
        EventKind::OrderPaymentRecorded => pb::EventKind::OrderPaymentRecorded,
        EventKind::OrderCancelled => pb::EventKind::OrderCancelled,
        EventKind::OrderSiblingPaid => pb::EventKind::OrderSiblingPaid,
        EventKind::OrderStatusUpdated => pb::EventKind::OrderStatusUpdated,
        EventKind::OrderErased => pb::EventKind::OrderErased,
        EventKind::PromotionCreated => pb::EventKind::PromotionCreated,
        EventKind::PromotionUpdated => pb::EventKind::PromotionUpdated,
        EventKind::PromotionDeleted => pb::EventKind::PromotionDeleted,
        EventKind::CouponCodeCreated => pb::EventKind::CouponCodeCreated,
        EventKind::CouponCodeGenerated => pb::EventKind::CouponCodeGenerated,
        EventKind::CouponCodeDeleted => pb::EventKind::CouponCodeDeleted,
    }
}

const fn checkout_part(part: Part) -> pb::CheckoutPart {
    match part {
        Part::LineItems => pb::CheckoutPart::LineItems,
        Part::Customer => pb::CheckoutPart::Customer,
        Part::Channel => pb::CheckoutPart::Channel,
        Part::Currency => pb::CheckoutPart::Currency,
        Part::Coupons => pb::CheckoutPart::Coupons,
        Part::ManualDiscounts => pb::CheckoutPart::ManualDiscounts,
        Part::Fees => pb::CheckoutPart::Fees,
        Part::GiftCertificates => pb::CheckoutPart::GiftCertificates,
        Part::StoreCredit => pb::CheckoutPart::StoreCredit,
        Part::BillingAddress => pb::CheckoutPart::BillingAddress,
        Part::Consignments => pb::CheckoutPart::Consignments,
        Part::Notes => pb::CheckoutPart::Notes,
        Part::Orders => pb::CheckoutPart::Orders,
        Part::Totals => pb::CheckoutPart::Totals,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kinds_and_parts_are_shown_by_their_names() {
        for kind in EventKind::ALL {
            let name = kind.name().strip_prefix("cartwright.").unwrap();
            let name = name.replace('.', "_").to_uppercase();
            let shown = event_kind(*kind).as_str_name();
            assert_eq!(shown, format!("EVENT_KIND_{name}"));
            assert_eq!(EventKind::named(kind.name()), Some(*kind));
        }
        for part in Part::ALL {
            let shown = checkout_part(*part).as_str_name();
            assert_eq!(shown, format!("CHECKOUT_PART_{}", part.name()));
        }
    }

    #[test]
    fn the_proto_says_the_name_of_each_kind() {
        let proto = include_str!("../../../proto/cartwright/v1/event.proto");
        for kind in EventKind::ALL {
            let shown = event_kind(*kind).as_str_name();
            let (before, _) = proto.split_once(&format!("  {shown} = ")).unwrap();
            let comment = before.rsplit_once('\n').unwrap().0;
            assert!(before.contains(&format!("{}.", kind.name())), "{comment}");
        }
    }
}

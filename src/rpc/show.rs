//! What the domain has, as messages. Conversions that a single service needs are in that service's file.

use chrono::{DateTime, Utc};

use self::consignment::{consignments, quote_message, shipping_option};
use super::pb;
use crate::domain::{
    address::Address,
    cart::{LineItem, LineItemKind},
    checkout::{Checkout, Message, MessageCode},
    coupon::{AppliedCoupon, CouponType},
    money::{Amount, Currency},
    order::{Order, OrderStatus, Payment, PaymentState},
    pricing::{CouponOutcome, LinePricing, Totals},
    promotion::GivenDiscount,
    reason::Reason,
    shipping::{Quote, TransitTime, TransitUnits},
};

mod consignment;

/// An amount; in messages every amount is a message of its own.
#[must_use]
pub fn money(currency: Currency, amount: Amount) -> Option<pb::Money> {
    Some(pb::Money {
        currency_code: currency.code().to_owned(),
        amount_minor: amount.minor(),
    })
}

/// A point in time.
#[must_use]
pub fn time(time: DateTime<Utc>) -> Option<prost_types::Timestamp> {
    Some(prost_types::Timestamp {
        seconds: time.timestamp(),
        nanos: int(time.timestamp_subsec_nanos()),
    })
}

/// A number that is small enough by the limits of the domain.
#[must_use]
pub fn int(number: u32) -> i32 {
    i32::try_from(number).unwrap_or(i32::MAX)
}

/// The cart of a checkout.
#[must_use]
pub fn cart(checkout: &Checkout) -> pb::Cart {
    let (pricing, totals) = (&checkout.pricing, &checkout.pricing.totals);
    let money = |amount| money(checkout.currency, amount);
    pb::Cart {
        id: checkout.id.to_string(),
        version: checkout.version,
        channel_id: checkout.channel_id.clone(),
        customer_id: checkout.customer_id.clone(),
        email: checkout.email.clone(),
        currency_code: checkout.currency.code().to_owned(),
        tax_included: pricing.tax_included,
        line_items: line_items(checkout),
        coupons: coupons(checkout),
        base_amount: money(totals.base_amount),
        discount_amount: money(totals.discount_amount),
        cart_amount_ex_tax: money(totals.cart_amount_ex_tax),
        cart_amount_inc_tax: money(totals.cart_amount_inc_tax),
        create_time: time(checkout.create_time),
        update_time: time(checkout.update_time),
        expire_time: time(checkout.expire_time),
    }
}

/// A checkout, with what is offered for each consignment where that was asked for.
#[must_use]
pub fn checkout(checkout: &Checkout, quotes: Vec<Quote>) -> pb::Checkout {
    let mut consignments = consignments(checkout);
    for (consignment, quote) in consignments.iter_mut().zip(quotes) {
        let options = quote.options.iter();
        consignment.available_shipping_options = options
            .map(|option| shipping_option(checkout.currency, option))
            .collect();
        consignment.quote_messages = quote.messages.into_iter().map(quote_message).collect();
    }
    pb::Checkout {
        id: checkout.id.to_string(),
        version: checkout.version,
        cart: Some(cart(checkout)),
        billing_address: checkout.billing_address.as_ref().map(address),
        consignments,
        coupons: coupons(checkout),
        taxes: taxes(checkout),
        totals: Some(totals(checkout.currency, &checkout.pricing.totals)),
        messages: checkout.messages.iter().map(message).collect(),
        customer_message: checkout.customer_message.clone(),
        staff_note: checkout.staff_note.clone(),
        order_ids: checkout.order_ids.iter().map(ToString::to_string).collect(),
        create_time: time(checkout.create_time),
        update_time: time(checkout.update_time),
        expire_time: time(checkout.expire_time),
    }
}

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

/// A kind of coupon.
#[must_use]
pub fn coupon_type(kind: CouponType) -> pb::CouponType {
    match kind {
        CouponType::PerItemDiscount => pb::CouponType::PerItemDiscount,
        CouponType::PercentageDiscount => pb::CouponType::PercentageDiscount,
        CouponType::PerTotalDiscount => pb::CouponType::PerTotalDiscount,
        CouponType::ShippingDiscount => pb::CouponType::ShippingDiscount,
        CouponType::FreeShipping => pb::CouponType::FreeShipping,
    }
}

/// How long a shipment takes.
#[must_use]
pub fn transit_time(time: TransitTime) -> pb::TransitTime {
    let units = match time.units {
        TransitUnits::Hours => pb::TransitTimeUnits::Hours,
        TransitUnits::Days => pb::TransitTimeUnits::Days,
        TransitUnits::BusinessDays => pb::TransitTimeUnits::BusinessDays,
    };
    pb::TransitTime {
        units: units.into(),
        duration: int(time.duration),
    }
}

/// A postal address.
#[must_use]
pub fn address(address: &Address) -> pb::Address {
    let Address {
        id,
        first_name,
        last_name,
        company,
        email,
        phone,
        address1,
        address2,
        city,
        state_or_province,
        state_or_province_code,
        postal_code,
        country_code,
        custom_fields,
    } = address.clone();
    let custom_fields = custom_fields.into_iter();
    pb::Address {
        // Addresses of the settings have none.
        id: if id.is_nil() {
            String::new()
        } else {
            id.to_string()
        },
        first_name,
        last_name,
        company,
        email,
        phone,
        address1,
        address2,
        city,
        state_or_province,
        state_or_province_code,
        postal_code,
        country_code,
        custom_fields: custom_fields
            .map(|(field_id, field_value)| pb::CustomField {
                field_id,
                field_value,
            })
            .collect(),
    }
}

fn line_items(checkout: &Checkout) -> Vec<pb::LineItem> {
    let priced = checkout.lines.iter().zip(&checkout.pricing.lines);
    priced
        .map(|(line, priced)| line_item(checkout.currency, line, priced))
        .collect()
}

fn line_item(currency: Currency, line: &LineItem, priced: &LinePricing) -> pb::LineItem {
    let facts = &line.facts;
    let money = |amount| money(currency, amount);
    let kind = match facts.kind {
        LineItemKind::Physical => pb::LineItemKind::Physical,
        LineItemKind::Digital => pb::LineItemKind::Digital,
        LineItemKind::Custom => pb::LineItemKind::Custom,
    };
    let selections = facts
        .selections
        .iter()
        .map(|selection| pb::OptionSelection {
            option_id: selection.option_id.clone(),
            value: selection.value.clone(),
            name: selection.name.clone(),
            display_value: selection.display_value.clone(),
        });
    pb::LineItem {
        id: line.id.to_string(),
        kind: kind.into(),
        product_id: line.product_id.clone(),
        variant_id: line.variant_id.clone(),
        parent_id: line.parent_id.map(|id| id.to_string()).unwrap_or_default(),
        sku: facts.sku.clone(),
        name: facts.name.clone(),
        url: facts.url.clone(),
        image_url: facts.image_url.clone(),
        option_selections: selections.collect(),
        quantity: int(line.quantity),
        taxable: facts.taxable,
        requires_shipping: line.requires_shipping(),
        mutable: !line.is_custom(),
        // No promotion of this release adds lines.
        added_by_promotion: false,
        original_price: money(priced.original_price),
        list_price: money(priced.list_price),
        comparison_price: priced.comparison_price.and_then(money),
        extended_list_price: money(priced.extended_list_price),
        discounts: priced
            .discounts
            .iter()
            .map(|given| line_discount(currency, given))
            .collect(),
        discount_amount: money(priced.discount_amount),
        coupon_amount: money(priced.coupon_amount),
        extended_sale_price: money(priced.extended_sale_price),
        tax_amount: money(priced.tax_amount),
        price_overridden: line.price_override.is_some(),
    }
}

fn line_discount(currency: Currency, discount: &GivenDiscount) -> pb::LineItemDiscount {
    let source = match discount.code {
        Some(_) => pb::DiscountSource::Coupon,
        None => pb::DiscountSource::Automatic,
    };
    pb::LineItemDiscount {
        id: discount.promotion_id.to_string(),
        source: source.into(),
        promotion_id: discount.promotion_id.to_string(),
        code: discount.code.clone().unwrap_or_default(),
        amount: money(currency, discount.amount),
    }
}

fn coupons(checkout: &Checkout) -> Vec<pb::AppliedCoupon> {
    let outcomes = checkout.coupons.iter().zip(&checkout.pricing.coupons);
    outcomes
        .map(|(coupon, outcome)| applied_coupon(checkout.currency, coupon, outcome))
        .collect()
}

fn applied_coupon(
    currency: Currency,
    coupon: &AppliedCoupon,
    outcome: &CouponOutcome,
) -> pb::AppliedCoupon {
    let (status, status_reason) = match &outcome.refusal {
        None => (pb::CouponStatus::Applied, pb::ErrorReason::Unspecified),
        Some(why) => (pb::CouponStatus::NotQualifying, error_reason(why.reason)),
    };
    let promotion = &coupon.promotion;
    pb::AppliedCoupon {
        code: coupon.code.clone(),
        coupon_type: promotion
            .coupon_type
            .map(coupon_type)
            .unwrap_or_default()
            .into(),
        display_name: promotion.display_name.clone(),
        promotion_id: promotion.id.to_string(),
        discounted_amount: money(currency, outcome.discounted_amount),
        status: status.into(),
        status_reason: status_reason.into(),
    }
}

fn error_reason(reason: Reason) -> pb::ErrorReason {
    let name = format!("ERROR_REASON_{}", reason.name());
    pb::ErrorReason::from_str_name(&name).unwrap_or_default()
}

fn taxes(checkout: &Checkout) -> Vec<pb::Tax> {
    let taxes = checkout.pricing.taxes.iter();
    taxes
        .map(|(name, amount)| pb::Tax {
            name: name.clone(),
            amount: money(checkout.currency, *amount),
        })
        .collect()
}

fn totals(currency: Currency, totals: &Totals) -> pb::Totals {
    let money = |amount| money(currency, amount);
    let nothing = money(Amount::ZERO);
    pb::Totals {
        base_amount: money(totals.base_amount),
        subtotal_ex_tax: money(totals.subtotal_ex_tax),
        subtotal_inc_tax: money(totals.subtotal_inc_tax),
        discount_amount: money(totals.discount_amount),
        coupon_amount: money(totals.coupon_amount),
        shipping_cost_ex_tax: money(totals.shipping_cost_ex_tax),
        shipping_cost_inc_tax: money(totals.shipping_cost_inc_tax),
        shipping_discount_amount: money(totals.shipping_discount_amount),
        handling_cost_ex_tax: money(totals.handling_cost_ex_tax),
        handling_cost_inc_tax: money(totals.handling_cost_inc_tax),
        tax_total: money(totals.tax_total),
        grand_total: money(totals.grand_total),
        outstanding_balance: money(totals.outstanding_balance),
        // What this release does not have yet comes to nothing.
        gift_wrapping_ex_tax: nothing.clone(),
        gift_wrapping_inc_tax: nothing.clone(),
        fees_ex_tax: nothing.clone(),
        fees_inc_tax: nothing.clone(),
        gift_certificate_amount: nothing.clone(),
        store_credit_amount: nothing,
    }
}

fn message(message: &Message) -> pb::CheckoutMessage {
    let code = match message.code {
        MessageCode::PriceRefreshed => pb::CheckoutMessageCode::PriceRefreshed,
        MessageCode::ItemUnavailable => pb::CheckoutMessageCode::ItemUnavailable,
        MessageCode::ShippingOptionDropped => pb::CheckoutMessageCode::ShippingOptionDropped,
        MessageCode::CouponDropped => pb::CheckoutMessageCode::CouponDropped,
        MessageCode::CouponNotQualifying => pb::CheckoutMessageCode::CouponNotQualifying,
    };
    pb::CheckoutMessage {
        code: code.into(),
        subject: message.subject.clone(),
        text: message.text.clone(),
    }
}

#[cfg(test)]
mod tests;

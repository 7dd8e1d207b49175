//! Carts and checkouts as messages.

use super::{
    address,
    consignment::{consignments, quote_message, shipping_option},
    coupon::coupons,
    gift_certificate::applied_gift_certificates,
    int,
    line_item::line_items,
    money,
    notification::notice,
    shopper, time,
};
use crate::{
    domain::{
        caller::Caller,
        checkout::{Checkout, CheckoutEnd, Message, MessageCode},
        fee::Fee,
        manual_discount::ManualDiscount,
        money::Currency,
        pricing::{FeePricing, Totals},
        promotion::notification::Notice,
        shipping::Quote,
    },
    rpc::pb,
};

/// The cart of a checkout, for this caller.
#[must_use]
pub fn cart(checkout: &Checkout, caller: &Caller) -> pb::Cart {
    let (pricing, totals) = (&checkout.pricing, &checkout.pricing.totals);
    let money = |amount| money(checkout.currency, amount);
    let cart = pb::Cart {
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
        customer_context: Some(customer_context(checkout)),
    };
    shopper::cart(cart, caller)
}

pub(super) fn customer_context(checkout: &Checkout) -> pb::CustomerContext {
    let customer = &checkout.customer;
    pb::CustomerContext {
        customer_id: checkout.customer_id.clone(),
        group_ids: customer.group_ids.clone(),
        completed_order_count: int(customer.completed_order_count),
        tax_exemption: customer.tax_exemption.clone(),
    }
}

/// A checkout, for this caller, with what is offered for each consignment and what to tell of promotions, where that was asked
/// for.
#[must_use]
pub fn checkout(
    checkout: &Checkout,
    quotes: Vec<Quote>,
    notices: &[Notice],
    caller: &Caller,
) -> pb::Checkout {
    let mut consignments = consignments(checkout);
    for (consignment, quote) in consignments.iter_mut().zip(quotes) {
        let options = quote.options.iter();
        consignment.available_shipping_options = options
            .map(|option| shipping_option(checkout.currency, option))
            .collect();
        consignment.quote_messages = quote.messages.into_iter().map(quote_message).collect();
    }
    let shown = pb::Checkout {
        id: checkout.id.to_string(),
        version: checkout.version,
        cart: Some(cart(checkout, caller)),
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
        fees: fees(checkout),
        manual_discounts: checkout
            .manual_discounts
            .iter()
            .map(|discount| manual_discount(checkout.currency, discount))
            .collect(),
        tax_exemption: checkout.pricing.tax_exemption.clone(),
        promotion_notifications: notices.iter().map(notice).collect(),
        gift_certificates: applied_gift_certificates(checkout, false),
        store_credit_applied: checkout.store_credit.is_some(),
    };
    shopper::checkout(shown, caller)
}

/// How a checkout ended.
#[must_use]
pub fn checkout_end(end: CheckoutEnd) -> pb::CheckoutEnd {
    let (reason, order_id) = match end {
        CheckoutEnd::Expired => (pb::CheckoutEndReason::Expired, None),
        CheckoutEnd::Deleted => (pb::CheckoutEndReason::Deleted, None),
        CheckoutEnd::Paid { order_id } => (pb::CheckoutEndReason::Paid, Some(order_id)),
    };
    pb::CheckoutEnd {
        reason: reason.into(),
        order_id: order_id.map(|id| id.to_string()).unwrap_or_default(),
    }
}

pub(super) fn fees(checkout: &Checkout) -> Vec<pb::Fee> {
    let priced = checkout.fees.iter().zip(&checkout.pricing.fees);
    priced
        .map(|(fee, priced)| self::fee(checkout.currency, fee, priced))
        .collect()
}

fn fee(currency: Currency, fee: &Fee, priced: &FeePricing) -> pb::Fee {
    let money = |amount| money(currency, amount);
    pb::Fee {
        id: fee.id.to_string(),
        name: fee.name.clone(),
        display_name: fee.display_name.clone(),
        r#type: fee.kind.clone(),
        tax_class_id: fee.tax_class_id.clone().unwrap_or_default(),
        amount: money(fee.amount),
        cost_ex_tax: money(priced.cost_ex_tax),
        cost_inc_tax: money(priced.cost_inc_tax),
    }
}

fn manual_discount(currency: Currency, discount: &ManualDiscount) -> pb::ManualDiscount {
    let line_item_id = discount.line_item_id.map(|id| id.to_string());
    pb::ManualDiscount {
        id: discount.id.to_string(),
        name: discount.name.clone(),
        line_item_id: line_item_id.unwrap_or_default(),
        amount: money(currency, discount.amount),
    }
}

pub(super) fn taxes(checkout: &Checkout) -> Vec<pb::Tax> {
    let taxes = checkout.pricing.taxes.iter();
    taxes
        .map(|(name, amount)| pb::Tax {
            name: name.clone(),
            amount: money(checkout.currency, *amount),
        })
        .collect()
}

pub(super) fn totals(currency: Currency, totals: &Totals) -> pb::Totals {
    let money = |amount| money(currency, amount);
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
        gift_wrapping_ex_tax: money(totals.gift_wrapping_ex_tax),
        gift_wrapping_inc_tax: money(totals.gift_wrapping_inc_tax),
        fees_ex_tax: money(totals.fees_ex_tax),
        fees_inc_tax: money(totals.fees_inc_tax),
        gift_certificate_amount: money(totals.gift_certificate_amount),
        store_credit_amount: money(totals.store_credit_amount),
    }
}

fn message(message: &Message) -> pb::CheckoutMessage {
    let code = match message.code {
        MessageCode::PriceRefreshed => pb::CheckoutMessageCode::PriceRefreshed,
        MessageCode::ItemUnavailable => pb::CheckoutMessageCode::ItemUnavailable,
        MessageCode::ShippingOptionDropped => pb::CheckoutMessageCode::ShippingOptionDropped,
        MessageCode::CouponDropped => pb::CheckoutMessageCode::CouponDropped,
        MessageCode::CouponNotQualifying => pb::CheckoutMessageCode::CouponNotQualifying,
        MessageCode::GiftAdded => pb::CheckoutMessageCode::GiftAdded,
        MessageCode::GiftRemoved => pb::CheckoutMessageCode::GiftRemoved,
        MessageCode::GiftUnavailable => pb::CheckoutMessageCode::GiftUnavailable,
        MessageCode::GiftWrappingChanged => pb::CheckoutMessageCode::GiftWrappingChanged,
        MessageCode::GiftCertificateChanged => pb::CheckoutMessageCode::GiftCertificateChanged,
        MessageCode::StoreCreditDropped => pb::CheckoutMessageCode::StoreCreditDropped,
        MessageCode::CatalogStale => pb::CheckoutMessageCode::CatalogStale,
        MessageCode::TaxProviderUnavailable => pb::CheckoutMessageCode::TaxProviderUnavailable,
    };
    pb::CheckoutMessage {
        code: code.into(),
        subject: message.subject.clone(),
        text: message.text.clone(),
    }
}

//! Consignments and how they travel, as messages.

use super::{address, int, money, time, transit_time};
use crate::{
    domain::{
        checkout::Checkout,
        consignment::{Consignment, Fulfilment},
        money::Currency,
        pricing::ConsignmentPricing,
        promotion::GivenDiscount,
        shipping::{OptionKind, QuoteMessage, Severity, ShippingOption},
    },
    rpc::pb,
};

pub(super) fn consignments(checkout: &Checkout) -> Vec<pb::Consignment> {
    let priced = checkout
        .consignments
        .iter()
        .zip(&checkout.pricing.consignments);
    priced
        .map(|(consignment, priced)| self::consignment(checkout.currency, consignment, priced))
        .collect()
}

fn consignment(
    currency: Currency,
    consignment: &Consignment,
    priced: &ConsignmentPricing,
) -> pb::Consignment {
    let money = |amount| money(currency, amount);
    let (selected_shipping_option, selected_pickup_option) = match &consignment.fulfilment {
        Some(Fulfilment::Shipping(option)) => (Some(shipping_option(currency, option)), None),
        Some(Fulfilment::Pickup {
            method_id,
            display_name,
            ..
        }) => {
            let pickup = pb::PickupOption {
                pickup_method_id: method_id.clone(),
                display_name: display_name.clone(),
            };
            (None, Some(pickup))
        }
        None => (None, None),
    };
    let items = consignment
        .items
        .iter()
        .map(|item| pb::ConsignmentLineItem {
            line_item_id: item.line_item_id.to_string(),
            quantity: int(item.quantity),
        });
    let (coupon_discounts, discounts): (Vec<_>, Vec<_>) = priced
        .discounts
        .iter()
        .partition(|discount| discount.code().is_some());
    let shown = |discounts: Vec<&GivenDiscount>| {
        discounts
            .into_iter()
            .map(|given| shipping_discount(currency, given))
            .collect()
    };
    pb::Consignment {
        id: consignment.id.to_string(),
        address: Some(address(&consignment.address)),
        line_items: items.collect(),
        available_shipping_options: Vec::new(),
        selected_shipping_option,
        selected_pickup_option,
        shipping_cost_ex_tax: money(priced.shipping_cost_ex_tax),
        shipping_cost_inc_tax: money(priced.shipping_cost_inc_tax),
        handling_cost_ex_tax: money(priced.handling_cost_ex_tax),
        handling_cost_inc_tax: money(priced.handling_cost_inc_tax),
        discounts: shown(discounts),
        coupon_discounts: shown(coupon_discounts),
        quote_messages: Vec::new(),
    }
}

fn shipping_discount(currency: Currency, discount: &GivenDiscount) -> pb::ShippingDiscount {
    pb::ShippingDiscount {
        promotion_id: discount
            .promotion_id()
            .map(|id| id.to_string())
            .unwrap_or_default(),
        code: discount.code().unwrap_or_default().to_owned(),
        amount: money(currency, discount.amount),
    }
}

pub(super) fn shipping_option(currency: Currency, option: &ShippingOption) -> pb::ShippingOption {
    let kind = match option.kind {
        OptionKind::FlatPerOrder => pb::ShippingOptionType::FlatPerOrder,
        OptionKind::FlatPerItem => pb::ShippingOptionType::FlatPerItem,
        OptionKind::ByWeight => pb::ShippingOptionType::ByWeight,
        OptionKind::ByTotal => pb::ShippingOptionType::ByTotal,
        OptionKind::Free => pb::ShippingOptionType::Free,
        OptionKind::Pickup => pb::ShippingOptionType::Pickup,
        OptionKind::Carrier => pb::ShippingOptionType::Carrier,
    };
    pb::ShippingOption {
        id: option.id.clone(),
        r#type: kind.into(),
        description: option.description.clone(),
        additional_description: option.additional_description.clone(),
        image_url: option.image_url.clone(),
        cost: money(currency, option.cost),
        transit_time: option.transit_time.map(transit_time),
        carrier_code: option.carrier_code.clone(),
        quote_expire_time: option.expire_time.and_then(time),
        recommended: option.recommended,
        rate_id: option.rate_id.clone(),
        dispatch_date: option.dispatch_date.clone(),
    }
}

pub(super) fn quote_message(message: QuoteMessage) -> pb::QuoteMessage {
    let kind = match message.severity {
        Severity::Info => pb::QuoteMessageType::Info,
        Severity::Warning => pb::QuoteMessageType::Warning,
        Severity::Error => pb::QuoteMessageType::Error,
    };
    pb::QuoteMessage {
        r#type: kind.into(),
        carrier_code: message.carrier_code,
        text: message.text,
    }
}

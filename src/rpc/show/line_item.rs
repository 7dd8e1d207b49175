//! Line items as messages.

use super::{int, money};
use crate::{
    domain::{
        cart::{LineItem, LineItemKind},
        checkout::Checkout,
        gift_certificate::{Card, Party},
        gift_wrapping::GiftWrapping,
        money::Currency,
        pricing::LinePricing,
        promotion::{DiscountSource, GivenDiscount},
    },
    rpc::pb,
};

pub(super) fn line_items(checkout: &Checkout) -> Vec<pb::LineItem> {
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
        LineItemKind::GiftCertificate => pb::LineItemKind::GiftCertificate,
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
        mutable: line.is_mutable(),
        added_by_promotion: line.gift_of.is_some(),
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
        gift_wrapping: line
            .gift_wrapping
            .as_ref()
            .map(|wrapping| gift_wrapping(wrapping, money(priced.gift_wrapping_amount))),
        gift_certificate: line
            .gift_certificate
            .as_ref()
            .map(|card| gift_certificate(card, money(line.list_price()))),
        promotion_id: line.gift_of.map(|id| id.to_string()).unwrap_or_default(),
    }
}

fn gift_wrapping(wrapping: &GiftWrapping, amount: Option<pb::Money>) -> pb::GiftWrapping {
    pb::GiftWrapping {
        option_id: wrapping.option_id.clone(),
        name: wrapping.name.clone(),
        message: wrapping.message.clone(),
        wrap_together: wrapping.together,
        amount,
    }
}

fn gift_certificate(card: &Card, amount: Option<pb::Money>) -> pb::GiftCertificateItem {
    let party = |party: &Party| pb::GiftCertificateParty {
        name: party.name.clone(),
        email: party.email.clone(),
    };
    pb::GiftCertificateItem {
        theme: card.theme.clone(),
        amount,
        sender: Some(party(&card.sender)),
        recipient: Some(party(&card.recipient)),
        message: card.message.clone(),
    }
}

fn line_discount(currency: Currency, discount: &GivenDiscount) -> pb::LineItemDiscount {
    let (source, id) = match &discount.source {
        DiscountSource::Automatic { promotion_id } => (pb::DiscountSource::Automatic, promotion_id),
        DiscountSource::Coupon { promotion_id, .. } => (pb::DiscountSource::Coupon, promotion_id),
        DiscountSource::Manual { discount_id } => (pb::DiscountSource::Manual, discount_id),
    };
    pb::LineItemDiscount {
        id: id.to_string(),
        source: source.into(),
        promotion_id: discount
            .promotion_id()
            .map(|id| id.to_string())
            .unwrap_or_default(),
        code: discount.code().unwrap_or_default().to_owned(),
        amount: money(currency, discount.amount),
    }
}

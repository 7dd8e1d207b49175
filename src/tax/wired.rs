//! Questions and answers as the provider's messages.

use uuid::Uuid;

use super::Taxes;
use crate::{
    domain::{
        money::{Amount, Currency},
        order::Order,
        tax_estimate::{BadAnswer, TaxEstimate, TaxQuestion, Taxable, TaxableKind},
    },
    outbound::{self, wire},
};

pub(super) fn question(checkout_id: Uuid, question: &TaxQuestion) -> wire::EstimateTaxRequest {
    wire::EstimateTaxRequest {
        checkout_id: checkout_id.to_string(),
        currency_code: question.currency.code().to_owned(),
        customer_id: question.customer_id.clone(),
        customer_group_ids: question.customer_group_ids.clone(),
        origin: question.origin.as_ref().map(outbound::place),
        taxables: taxables(question),
    }
}

/// The taxes on each amount of the question, in their order; or what is wrong with the answer.
pub(super) fn taxes(
    question: &TaxQuestion,
    answer: wire::EstimateTaxResponse,
) -> Result<Taxes, BadAnswer> {
    let mut lines = Vec::with_capacity(answer.lines.len());
    for line in answer.lines {
        let mut taxes = Vec::with_capacity(line.taxes.len());
        for tax in line.taxes {
            let money = tax.amount.unwrap_or_default();
            if money.currency_code != question.currency.code() {
                return Err(BadAnswer::Currency(question.currency));
            }
            taxes.push((tax.name, money.amount_minor));
        }
        lines.push((line.taxable_id, taxes));
    }
    question.read_answer(lines)
}

pub(super) fn commit(order: &Order, charged: &TaxEstimate) -> wire::CommitTaxRequest {
    let TaxEstimate {
        question, taxes, ..
    } = charged;
    let currency = question.currency;
    let lines = question.taxables.iter().zip(taxes);
    let line = |(taxable, taxes): (&Taxable, &Vec<(String, Amount)>)| wire::TaxedLine {
        taxable_id: taxable.id.clone(),
        taxes: taxes.iter().map(|tax| named(tax, currency)).collect(),
    };
    wire::CommitTaxRequest {
        order_id: order.id.to_string(),
        order_number: order.number,
        currency_code: currency.code().to_owned(),
        customer_id: question.customer_id.clone(),
        customer_group_ids: question.customer_group_ids.clone(),
        origin: question.origin.as_ref().map(outbound::place),
        taxables: taxables(question),
        lines: lines.map(line).collect(),
    }
}

fn named((name, amount): &(String, Amount), currency: Currency) -> wire::Tax {
    wire::Tax {
        name: name.clone(),
        amount: Some(outbound::money(*amount, currency)),
    }
}

fn taxables(question: &TaxQuestion) -> Vec<wire::Taxable> {
    let taxables = question.taxables.iter();
    taxables
        .map(|taxable| self::taxable(taxable, question.currency))
        .collect()
}

fn taxable(taxable: &Taxable, currency: Currency) -> wire::Taxable {
    let kind = match taxable.kind {
        TaxableKind::Item => wire::TaxableKind::Item,
        TaxableKind::Shipping => wire::TaxableKind::Shipping,
        TaxableKind::Handling => wire::TaxableKind::Handling,
        TaxableKind::GiftWrapping => wire::TaxableKind::GiftWrapping,
        TaxableKind::Fee => wire::TaxableKind::Fee,
    };
    wire::Taxable {
        id: taxable.id.clone(),
        kind: kind.into(),
        tax_class_id: taxable.tax_class_id.clone(),
        amount: Some(outbound::money(taxable.amount, currency)),
        tax_included: taxable.tax_included,
        destination: Some(outbound::place(&taxable.destination)),
        product_id: taxable.product_id.clone(),
        sku: taxable.sku.clone(),
        quantity: i32::try_from(taxable.quantity).unwrap_or(i32::MAX),
    }
}

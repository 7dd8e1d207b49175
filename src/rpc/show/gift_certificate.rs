//! Gift certificates and store credit, with their ledgers, as messages.

use super::{money, pb, time};
use crate::domain::{
    checkout::Checkout,
    gift_certificate::{GiftCertificate, Party, masked},
    ledger::{EntryKind, LedgerEntry},
    money::{Amount, Currency},
    store_credit::StoreCredit,
};

/// A gift certificate.
#[must_use]
pub fn gift_certificate(certificate: &GiftCertificate) -> pb::GiftCertificate {
    let currency = certificate.amount.currency;
    let card = &certificate.card;
    let status = if certificate.enabled {
        pb::GiftCertificateStatus::Active
    } else {
        pb::GiftCertificateStatus::Disabled
    };
    let order_id = certificate.order_id.map(|id| id.to_string());
    pb::GiftCertificate {
        id: certificate.id.to_string(),
        code: certificate.code.clone(),
        status: status.into(),
        amount: money(currency, certificate.amount.amount),
        balance: money(currency, certificate.balance),
        sender: party(&card.sender),
        recipient: party(&card.recipient),
        theme: card.theme.clone(),
        message: card.message.clone(),
        expire_time: certificate.expire_time.and_then(time),
        order_id: order_id.unwrap_or_default(),
        version: certificate.version,
        create_time: time(certificate.create_time),
        update_time: time(certificate.update_time),
    }
}

/// Who gives or gets a gift certificate; none where nothing is known of them.
#[must_use]
pub fn party(party: &Party) -> Option<pb::GiftCertificateParty> {
    let Party { name, email } = party.clone();
    let known = !name.is_empty() || !email.is_empty();
    known.then_some(pb::GiftCertificateParty { name, email })
}

/// Store credit.
#[must_use]
pub fn store_credit(credit: &StoreCredit) -> pb::StoreCredit {
    pb::StoreCredit {
        customer_id: credit.customer_id.clone(),
        balance: money(credit.balance.currency, credit.balance.amount),
        version: credit.version,
        update_time: credit.update_time.and_then(time),
    }
}

/// A change of a balance in this currency.
#[must_use]
pub fn ledger_entry(currency: Currency, entry: &LedgerEntry) -> pb::LedgerEntry {
    let change = &entry.change;
    let kind = match change.kind {
        EntryKind::Issued => pb::LedgerEntryKind::Issued,
        EntryKind::Adjusted => pb::LedgerEntryKind::Adjusted,
        EntryKind::Redeemed => pb::LedgerEntryKind::Redeemed,
        EntryKind::Restored => pb::LedgerEntryKind::Restored,
    };
    let order_id = change.order_id.map(|id| id.to_string());
    pb::LedgerEntry {
        id: change.id.to_string(),
        kind: kind.into(),
        amount: money(currency, change.amount),
        balance: money(currency, entry.balance),
        order_id: order_id.unwrap_or_default(),
        note: change.note.clone(),
        create_time: time(change.time),
    }
}

/// The gift certificates of a checkout with what they pay. Their codes are masked for others than who entered them.
#[must_use]
pub fn applied_gift_certificates(
    checkout: &Checkout,
    is_masked: bool,
) -> Vec<pb::AppliedGiftCertificate> {
    let money = |amount| money(checkout.currency, amount);
    let certificates = checkout.gift_certificates.iter();
    let shown = certificates
        .zip(&checkout.pricing.gift_certificates)
        .map(|(certificate, pays)| {
            // What it pays is part of its balance.
            let remaining = certificate.balance.minus(*pays).unwrap_or(Amount::ZERO);
            pb::AppliedGiftCertificate {
                code: if is_masked {
                    masked(&certificate.code)
                } else {
                    certificate.code.clone()
                },
                balance: money(certificate.balance),
                applied_amount: money(*pays),
                remaining_balance: money(remaining),
            }
        });
    shown.collect()
}

//! Gift certificates as requests give them.

use super::pb::{self, get_gift_certificate_request::By};
use crate::{
    domain::gift_certificate::{Card, MAX_CODE_LENGTH, MAX_MESSAGE_LENGTH, Party},
    flow::gift_certificate::{
        GiftCertificateFilter, GiftCertificateKey, GiftCertificateUpdate, NewGiftCertificate,
    },
    rpc::fields::Fields,
};

/// What an update can change.
const CHANGEABLE: &[&str] = &[
    "status",
    "expire_time",
    "balance",
    "sender",
    "recipient",
    "theme",
    "message",
];

/// A gift certificate to issue.
pub(super) fn new_gift_certificate(
    fields: &mut Fields,
    request: pb::IssueGiftCertificateRequest,
) -> NewGiftCertificate {
    NewGiftCertificate {
        amount: fields.positive_money("amount", request.amount),
        code: (!request.code.is_empty()).then(|| code(fields, request.code)),
        card: Card {
            sender: party(fields, "sender", request.sender),
            recipient: party(fields, "recipient", request.recipient),
            theme: fields.text("theme", request.theme),
            message: fields.long_text_up_to("message", request.message, MAX_MESSAGE_LENGTH),
        },
        expire_time: fields.time("expire_time", request.expire_time),
        enabled: enabled(fields, request.status).unwrap_or(true),
    }
}

/// Who gives or gets a gift certificate; nobody is known where it is left out.
fn party(fields: &mut Fields, name: &str, party: Option<pb::GiftCertificateParty>) -> Party {
    let read = fields.message(name, party, |fields, party| Party {
        name: fields.text("name", party.name),
        email: fields.email("email", party.email),
    });
    read.unwrap_or_default()
}

/// What to change of a gift certificate.
pub(super) fn update(
    fields: &mut Fields,
    request: pb::UpdateGiftCertificateRequest,
) -> GiftCertificateUpdate {
    let mask = fields.mask(request.update_mask, CHANGEABLE);
    let names = |field, given| mask.names(field, given);
    let status = names("status", request.status != 0);
    let balance = names("balance", request.balance.is_some());
    let expire_time = names("expire_time", request.expire_time.is_some());
    let sender = names("sender", request.sender.is_some());
    let recipient = names("recipient", request.recipient.is_some());
    let theme = mask.text("theme", request.theme);
    let message = mask.text("message", request.message);
    GiftCertificateUpdate {
        enabled: status.then(|| enabled(fields, request.status).unwrap_or(true)),
        expire_time: expire_time.then(|| fields.time("expire_time", request.expire_time)),
        balance: balance.then(|| fields.required_money("balance", request.balance)),
        sender: sender.then(|| party(fields, "sender", request.sender)),
        recipient: recipient.then(|| party(fields, "recipient", request.recipient)),
        theme: theme.map(|theme| fields.text("theme", theme)),
        message: message.map(|text| fields.long_text_up_to("message", text, MAX_MESSAGE_LENGTH)),
        note: fields.text("note", request.note),
    }
}

/// Which gift certificates to list.
pub(super) fn filter(
    fields: &mut Fields,
    request: pb::ListGiftCertificatesRequest,
) -> GiftCertificateFilter {
    let email = fields.email("recipient_email", request.recipient_email);
    GiftCertificateFilter {
        enabled: enabled(fields, request.status),
        order_id: fields.optional_uuid("order_id", &request.order_id),
        recipient_email: (!email.is_empty()).then_some(email),
    }
}

/// What a gift certificate is found by. Without either, the id is the one to ask for.
pub(super) fn key(fields: &mut Fields, by: Option<By>) -> GiftCertificateKey {
    match by {
        Some(By::Code(text)) => GiftCertificateKey::Code(code(fields, text)),
        Some(By::Id(id)) => GiftCertificateKey::Id(fields.uuid("id", &id)),
        None => GiftCertificateKey::Id(fields.uuid("id", "")),
    }
}

/// A code that has to be given. Placeholder: the empty string.
pub(super) fn code(fields: &mut Fields, code: String) -> String {
    let allowed = |c: char| c.is_ascii_alphanumeric() || c == '-';
    if code.is_empty() {
        fields.refuse("code", "is required");
    } else if code.chars().count() > MAX_CODE_LENGTH || !code.chars().all(allowed) {
        let text = format!("must be 1 to {MAX_CODE_LENGTH} letters, digits and hyphens");
        fields.refuse("code", text);
    } else {
        return code;
    }
    String::new()
}

/// Whether a gift certificate pays; none where that is left unspecified.
fn enabled(fields: &mut Fields, status: i32) -> Option<bool> {
    let name_of = pb::GiftCertificateStatus::as_str_name;
    let status = fields.optional_choice("status", status, name_of)?;
    Some(status == pb::GiftCertificateStatus::Active)
}

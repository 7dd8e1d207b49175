//! Reads fees.

use uuid::Uuid;

use super::{fields::Fields, pb};
use crate::domain::fee::{MAX_FEES, NewFee};

/// The fees to add, at least one.
pub(super) fn added(fields: &mut Fields, fees: Vec<pb::NewFee>) -> Vec<NewFee> {
    fields.each("fees", fees, 1..=MAX_FEES, new_fee)
}

/// Which fees become what, at least one and each once.
pub(super) fn updated(fields: &mut Fields, updates: Vec<pb::FeeUpdate>) -> Vec<(Uuid, NewFee)> {
    let mut ids = Vec::new();
    let updates = fields.each("fees", updates, 1..=MAX_FEES, |fields, update| {
        let id = fields.uuid("fee_id", &update.fee_id);
        ids.push(id.to_string());
        let fee = fields.required_message("fee", update.fee, new_fee);
        fee.map(|fee| (id, fee))
    });
    fields.unique("fees", "fee_id", ids.iter().map(String::as_str));
    updates.into_iter().flatten().collect()
}

/// The fees to remove, at least one.
pub(super) fn deleted(fields: &mut Fields, ids: Vec<String>) -> Vec<Uuid> {
    fields.each("fee_ids", ids, 1..=MAX_FEES, |fields, id| {
        fields.uuid("", &id)
    })
}

fn new_fee(fields: &mut Fields, fee: pb::NewFee) -> NewFee {
    let name = fields.required_text("name", fee.name);
    let display_name = fields.text("display_name", fee.display_name);
    let tax_class_id = fields.text("tax_class_id", fee.tax_class_id);
    NewFee {
        display_name: if display_name.is_empty() {
            name.clone()
        } else {
            display_name
        },
        name,
        kind: fields.text("type", fee.r#type),
        tax_class_id: Some(tax_class_id).filter(|id| !id.is_empty()),
        amount: fields.positive_money("amount", fee.amount),
        path: fields.path().to_owned(),
    }
}

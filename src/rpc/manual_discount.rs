//! Reads discounts that are given by hand.

use super::{fields::Fields, pb};
use crate::domain::manual_discount::{MAX_MANUAL_DISCOUNTS, NewManualDiscount};

/// The discounts to give. There may be none.
pub(super) fn discounts(
    fields: &mut Fields,
    discounts: Vec<pb::ManualDiscount>,
) -> Vec<NewManualDiscount> {
    fields.each("discounts", discounts, 0..=MAX_MANUAL_DISCOUNTS, discount)
}

fn discount(fields: &mut Fields, discount: pb::ManualDiscount) -> NewManualDiscount {
    NewManualDiscount {
        name: fields.text("name", discount.name),
        line_item_id: fields.optional_uuid("line_item_id", &discount.line_item_id),
        amount: fields.positive_money("amount", discount.amount),
        path: fields.path().to_owned(),
    }
}

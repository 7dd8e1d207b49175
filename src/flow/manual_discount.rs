//! Discounts that are given by hand.

use tracing::instrument;
use uuid::Uuid;

use super::{
    Flow, Guard, Result,
    change::{Draft, change},
    new_id,
};
use crate::domain::{checkout::Checkout, manual_discount::NewManualDiscount};

/// Gives discounts in place of all that were given before.
#[instrument(name = "flow.apply_discounts", skip_all)]
pub async fn apply(
    flow: &Flow,
    id: Uuid,
    discounts: Vec<NewManualDiscount>,
    guard: Guard,
) -> Result<Checkout> {
    let discounts = &discounts;
    change(flow, id, guard, async |mut draft: Draft| {
        let discounts = discounts.iter();
        let discounts = discounts.map(|discount| (new_id(), discount.clone()));
        draft.checkout.set_manual_discounts(discounts.collect())?;
        Ok(draft)
    })
    .await
}

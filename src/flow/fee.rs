//! Fees of a checkout.

use tracing::instrument;
use uuid::Uuid;

use super::{
    Flow, Guard, Result,
    change::{Draft, change},
    new_id,
};
use crate::domain::{checkout::Checkout, fee::NewFee};

/// Adds fees, all or none.
#[instrument(name = "flow.add_fees", skip_all)]
pub async fn add(flow: &Flow, id: Uuid, fees: Vec<NewFee>, guard: Guard) -> Result<Checkout> {
    let fees = &fees;
    change(flow, id, guard, async |mut draft: Draft| {
        let fees = fees.iter().map(|fee| (new_id(), fee.clone())).collect();
        draft.checkout.add_fees(fees, &draft.snapshot.store)?;
        Ok(draft)
    })
    .await
}

/// Replaces the fees with these ids, all or none.
#[instrument(name = "flow.update_fees", skip_all)]
pub async fn update(
    flow: &Flow,
    id: Uuid,
    fees: Vec<(Uuid, NewFee)>,
    guard: Guard,
) -> Result<Checkout> {
    let fees = &fees;
    change(flow, id, guard, async |mut draft: Draft| {
        let store = &draft.snapshot.store;
        draft.checkout.update_fees(fees.clone(), store)?;
        Ok(draft)
    })
    .await
}

/// Removes fees, all or none.
#[instrument(name = "flow.delete_fees", skip_all)]
pub async fn delete(flow: &Flow, id: Uuid, fee_ids: Vec<Uuid>, guard: Guard) -> Result<Checkout> {
    let fee_ids = &fee_ids;
    change(flow, id, guard, async |mut draft: Draft| {
        draft.checkout.delete_fees(fee_ids)?;
        Ok(draft)
    })
    .await
}

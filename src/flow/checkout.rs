//! Checkouts: their texts, who pays, and what is offered for shipping.

use tracing::instrument;
use uuid::Uuid;

use super::{
    Flow, Guard, Result, Snapshot,
    change::{Draft, change},
    new_id, now,
};
use crate::domain::{
    address::Address,
    checkout::Checkout,
    pricing,
    promotion::notification::Notice,
    shipping::{Quote, RateRequest},
};
use crate::quotes::{Freshness, Wanted};

pub use super::cart::get;

/// What to change of a checkout; none stays.
#[derive(Debug, Clone, Default)]
pub struct CheckoutUpdate {
    /// What the shopper wrote.
    pub customer_message: Option<String>,
    /// What the staff wrote.
    pub staff_note: Option<String>,
}

/// Changes the texts.
#[instrument(name = "flow.update_checkout", skip_all)]
pub async fn update(
    flow: &Flow,
    id: Uuid,
    update: CheckoutUpdate,
    guard: Guard,
) -> Result<Checkout> {
    let update = &update;
    change(flow, id, guard, async |mut draft: Draft| {
        if let Some(message) = &update.customer_message {
            draft.checkout.customer_message.clone_from(message);
        }
        if let Some(note) = &update.staff_note {
            draft.checkout.staff_note.clone_from(note);
        }
        Ok(draft)
    })
    .await
}

/// Sets who pays.
#[instrument(name = "flow.add_billing_address", skip_all)]
pub async fn add_billing_address(
    flow: &Flow,
    id: Uuid,
    address: Address,
    guard: Guard,
) -> Result<Checkout> {
    let address = &address;
    change(flow, id, guard, async |mut draft: Draft| {
        draft.checkout.add_billing_address(Address {
            id: new_id(),
            ..address.clone()
        })?;
        Ok(draft)
    })
    .await
}

/// Replaces who pays. `address_id` may be left out.
#[instrument(name = "flow.update_billing_address", skip_all)]
pub async fn update_billing_address(
    flow: &Flow,
    id: Uuid,
    address_id: Option<Uuid>,
    address: Address,
    guard: Guard,
) -> Result<Checkout> {
    let address = &address;
    change(flow, id, guard, async |mut draft: Draft| {
        draft
            .checkout
            .update_billing_address(address_id, address.clone())?;
        Ok(draft)
    })
    .await
}

/// What to tell the shopper of promotions.
#[instrument(name = "flow.promotion_notices", skip_all)]
pub fn promotion_notices(flow: &Flow, checkout: &Checkout) -> Result<Vec<Notice>> {
    let Snapshot {
        store, promotions, ..
    } = &*flow.snapshot();
    Ok(pricing::notices(checkout, store, promotions, now())?)
}

/// What is offered for each consignment, in their order. Nothing while a country is not known.
#[instrument(name = "flow.shipping_quotes", skip_all)]
pub async fn shipping_quotes(flow: &Flow, checkout: &Checkout) -> Result<Vec<Quote>> {
    let store = &flow.snapshot().store;
    let consignments = checkout.consignments.iter();
    let wanted: Vec<_> = consignments
        .map(|consignment| Wanted {
            request: RateRequest::of(checkout, consignment, store),
            option_id: None,
        })
        .collect();
    let quotes = flow
        .quotes
        .quote_all(store, &wanted, Freshness::Recent, now());
    Ok(quotes.await?)
}

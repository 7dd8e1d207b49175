//! Consignments: adding, changing and removing them, and choosing how they travel.

use tracing::instrument;
use uuid::Uuid;

use super::{
    Flow, Guard, Result,
    change::{Draft, change},
    new_id, refresh,
};
use crate::domain::{
    address::Address,
    checkout::Checkout,
    consignment::{Consignment, ConsignmentItem, Fulfilment},
    reason::{Reason, Refusal},
    shipping::{Quote, RateRequest},
};

/// A consignment to add.
#[derive(Debug, Clone)]
pub struct NewConsignment {
    /// Where it goes.
    pub address: Address,
    /// What travels.
    pub items: Vec<ConsignmentItem>,
}

/// What to change of a consignment.
#[derive(Debug, Clone)]
#[expect(clippy::large_enum_variant, reason = "there is one in a call")]
pub enum ConsignmentUpdate {
    /// Address, items or both; none stays.
    Details {
        /// Where it goes.
        address: Option<Address>,
        /// What travels.
        items: Option<Vec<ConsignmentItem>>,
    },
    /// Select this shipping option.
    ShippingOption(String),
    /// Select this pickup method.
    PickupMethod(String),
}

/// Adds consignments, all or none.
#[instrument(name = "flow.add_consignments", skip_all)]
pub async fn add(
    flow: &Flow,
    id: Uuid,
    consignments: Vec<NewConsignment>,
    guard: Guard,
) -> Result<Checkout> {
    let consignments = &consignments;
    change(flow, id, guard, async |mut draft: Draft| {
        for (index, consignment) in consignments.iter().enumerate() {
            let consignment = Consignment {
                id: new_id(),
                address: Address {
                    id: new_id(),
                    ..consignment.address.clone()
                },
                items: consignment.items.clone(),
                fulfilment: None,
            };
            draft
                .checkout
                .add_consignment(consignment, &format!("consignments[{index}]"))?;
        }
        Ok(draft)
    })
    .await
}

/// Changes a consignment.
#[instrument(name = "flow.update_consignment", skip_all)]
pub async fn update(
    flow: &Flow,
    id: Uuid,
    consignment: Uuid,
    update: ConsignmentUpdate,
    guard: Guard,
) -> Result<Checkout> {
    let update = &update;
    change(flow, id, guard, async |mut draft: Draft| {
        match update {
            ConsignmentUpdate::Details { address, items } => {
                draft
                    .checkout
                    .change_consignment(consignment, address.clone(), items.clone())?;
            }
            ConsignmentUpdate::ShippingOption(option_id) => {
                select_option(flow, &mut draft, consignment, option_id).await?;
            }
            ConsignmentUpdate::PickupMethod(method_id) => {
                draft
                    .checkout
                    .choose_pickup(consignment, method_id, &draft.snapshot.store)?;
            }
        }
        Ok(draft)
    })
    .await
}

/// Removes a consignment.
#[instrument(name = "flow.delete_consignment", skip_all)]
pub async fn delete(flow: &Flow, id: Uuid, consignment: Uuid, guard: Guard) -> Result<Checkout> {
    change(flow, id, guard, async |mut draft: Draft| {
        draft.checkout.remove_consignment(consignment)?;
        Ok(draft)
    })
    .await
}

/// Selects an option that is offered now.
async fn select_option(flow: &Flow, draft: &mut Draft, id: Uuid, option_id: &str) -> Result<()> {
    // What is offered depends on what the lines are now.
    refresh::if_stale(flow, draft).await?;
    let store = &draft.snapshot.store;
    let consignment = draft.checkout.consignment_mut(id)?.clone();
    let quote = match RateRequest::of(&draft.checkout, &consignment, store) {
        Some(request) => flow.quotes.quote(store, &request, draft.now).await?,
        None => Quote::default(),
    };
    let offered = quote
        .options
        .iter()
        .map(|option| option.id.clone())
        .collect::<Vec<_>>()
        .join(",");
    let Some(option) = quote
        .options
        .into_iter()
        .find(|option| option.id == option_id)
    else {
        let way_out = if offered.is_empty() {
            "nothing is".to_owned()
        } else {
            format!("offered: {offered}")
        };
        let message = format!(
            "shipping option \"{option_id}\" is not offered for consignment {id}; {way_out}"
        );
        return Err(Refusal::new(Reason::ShippingOptionNotAvailable, message)
            .with("shipping_option_id", option_id)
            .with("available_shipping_option_ids", offered)
            .into());
    };
    draft.checkout.consignment_mut(id)?.fulfilment = Some(Fulfilment::Shipping(option));
    Ok(())
}

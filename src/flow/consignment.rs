//! Consignments: adding, changing and removing them, and choosing how they travel.

use tracing::instrument;
use uuid::Uuid;

use super::{
    Dependency, Error, Flow, Guard, Result,
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
use crate::quotes::{Freshness, Wanted};

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
    let mut wanted = Wanted {
        request: RateRequest::of(&draft.checkout, &consignment, store),
        option_id: Some(option_id.to_owned()),
    };
    let quotes = &flow.quotes;
    let rating = quotes.quote(store, wanted.clone(), Freshness::Current, draft.now);
    let mut quote = rating.await?;
    if let Some(option) = quote.take_option(option_id) {
        draft.checkout.consignment_mut(id)?.fulfilment = Some(Fulfilment::Shipping(option));
        return Ok(());
    }
    if let Some(carrier) = quote.failed_carriers.pop() {
        return Err(Error::Unavailable(Dependency::Carrier(carrier)));
    }
    wanted.option_id = None;
    let rating = quotes.quote(store, wanted, Freshness::Recent, draft.now);
    Err(not_offered(&rating.await?, id, option_id).into())
}

/// Refuses an option that is not among those that are offered.
fn not_offered(quote: &Quote, consignment: Uuid, option_id: &str) -> Refusal {
    let offered: Vec<_> = quote.options.iter().map(|o| o.id.as_str()).collect();
    let offered = offered.join(",");
    let way_out = if offered.is_empty() {
        "nothing is".to_owned()
    } else {
        format!("offered: {offered}")
    };
    let message = format!(
        "shipping option \"{option_id}\" is not offered for consignment {consignment}; {way_out}"
    );
    Refusal::new(Reason::ShippingOptionNotAvailable, message)
        .with("shipping_option_id", option_id)
        .with("available_shipping_option_ids", offered)
}

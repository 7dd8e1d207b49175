//! Consignments: which units go where, and how.

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::{
    address::Address,
    checkout::Checkout,
    money::Amount,
    reason::{Reason, Refusal, Result},
    shipping::ShippingOption,
    store::Store,
};

/// Most consignments of a checkout.
pub const MAX_CONSIGNMENTS: usize = 50;

/// Line items that travel together to one address.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Consignment {
    /// Cartwright's id.
    pub id: Uuid,
    /// Where it goes.
    pub address: Address,
    /// What travels.
    pub items: Vec<ConsignmentItem>,
    /// How it travels, once chosen.
    pub fulfilment: Option<Fulfilment>,
}

/// Units of a line in a consignment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct ConsignmentItem {
    /// The line.
    pub line_item_id: Uuid,
    /// Units.
    pub quantity: u32,
}

/// How a consignment gets to the shopper.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Fulfilment {
    /// Shipped.
    Shipping(ShippingOption),
    /// Picked up.
    Pickup {
        /// The store's pickup method.
        method_id: String,
        /// Its name.
        display_name: String,
        /// Where it is; its tax is due.
        address: Option<Address>,
    },
}

impl Consignment {
    /// The chosen shipping option, if it is shipped.
    #[must_use]
    pub const fn shipping_option(&self) -> Option<&ShippingOption> {
        match &self.fulfilment {
            Some(Fulfilment::Shipping(option)) => Some(option),
            _ => None,
        }
    }

    /// The address whose taxes are due.
    #[must_use]
    pub fn tax_address(&self) -> &Address {
        match &self.fulfilment {
            Some(Fulfilment::Pickup {
                address: Some(address),
                ..
            }) => address,
            _ => &self.address,
        }
    }

    /// Shipping cost and handling fee of the chosen option.
    #[must_use]
    pub fn costs(&self) -> (Amount, Amount) {
        self.shipping_option()
            .map_or((Amount::ZERO, Amount::ZERO), |option| {
                (option.cost, option.handling)
            })
    }
}

impl Checkout {
    /// Adds a consignment.
    pub fn add_consignment(&mut self, consignment: Consignment, path: &str) -> Result<()> {
        if self.consignments.len() >= MAX_CONSIGNMENTS {
            let text = format!("a checkout has at most {MAX_CONSIGNMENTS} consignments");
            return Err(Refusal::field(path, text));
        }
        self.consignments.push(consignment);
        self.check_assignments()
    }

    /// Changes address, items or both. The chosen option stays for the moment: whether it still stands
    /// depends on what is offered now.
    pub fn change_consignment(
        &mut self,
        id: Uuid,
        address: Option<Address>,
        items: Option<Vec<ConsignmentItem>>,
    ) -> Result<()> {
        let consignment = self.consignment_mut(id)?;
        if let Some(address) = address {
            consignment.address = Address {
                id: consignment.address.id,
                ..address
            };
        }
        if let Some(items) = items {
            consignment.items = items;
        }
        self.check_assignments()
    }

    /// Chooses a pickup method of the store.
    pub fn choose_pickup(&mut self, id: Uuid, method_id: &str, store: &Store) -> Result<()> {
        let consignment = self.consignment_mut(id)?;
        let Some(method) = store
            .enabled_pickup_methods()
            .find(|method| method.id == method_id)
        else {
            let offered: Vec<_> = store
                .enabled_pickup_methods()
                .map(|m| m.id.as_str())
                .collect();
            let message = format!(
                "the store has no pickup method \"{method_id}\": choose one that is offered"
            );
            return Err(Refusal::new(Reason::PickupMethodNotAvailable, message)
                .with("pickup_method_id", method_id)
                .with("available_pickup_method_ids", offered.join(",")));
        };
        consignment.fulfilment = Some(Fulfilment::Pickup {
            method_id: method.id.clone(),
            display_name: method.display_name.clone(),
            address: method.address.clone(),
        });
        Ok(())
    }

    /// Removes a consignment; its units are then in none.
    pub fn remove_consignment(&mut self, id: Uuid) -> Result<()> {
        self.consignment_mut(id)?;
        self.consignments.retain(|consignment| consignment.id != id);
        Ok(())
    }

    /// The consignment with this id, to change.
    pub fn consignment_mut(&mut self, id: Uuid) -> Result<&mut Consignment> {
        self.consignments
            .iter_mut()
            .find(|consignment| consignment.id == id)
            .ok_or_else(|| {
                let message = format!("the checkout has no consignment {id}");
                Refusal::new(Reason::ConsignmentNotFound, message).with("consignment_id", id)
            })
    }

    /// Units of each line that are in no consignment, in the order of the lines.
    #[must_use]
    pub fn unassigned(&self) -> Vec<u32> {
        let assigned = |id| -> u32 {
            let items = self
                .consignments
                .iter()
                .flat_map(|consignment| &consignment.items);
            items
                .filter(|item| item.line_item_id == id)
                .fold(0, |sum, i| sum.saturating_add(i.quantity))
        };
        self.lines
            .iter()
            .map(|line| line.quantity.saturating_sub(assigned(line.id)))
            .collect()
    }

    /// Every item exists, is shipped, and is assigned at most as often as the line has units.
    fn check_assignments(&self) -> Result<()> {
        for item in self
            .consignments
            .iter()
            .flat_map(|consignment| &consignment.items)
        {
            let line = self.line(item.line_item_id)?;
            if !line.requires_shipping() {
                let message = format!(
                    "line item {} is not shipped: leave it out of consignments",
                    line.id
                );
                return Err(Refusal::new(Reason::LineItemNotShippable, message)
                    .with("line_item_id", line.id));
            }
        }
        for line in &self.lines {
            let items = self
                .consignments
                .iter()
                .flat_map(|consignment| &consignment.items);
            let requested = items
                .filter(|item| item.line_item_id == line.id)
                .fold(0_u32, |sum, item| sum.saturating_add(item.quantity));
            if requested > line.quantity {
                let message = format!(
                    "line item {} has {} units, and {requested} would be in consignments",
                    line.id, line.quantity
                );
                return Err(Refusal::new(Reason::ConsignmentQuantityExceeded, message)
                    .with("line_item_id", line.id)
                    .with("available", line.quantity)
                    .with("requested", requested));
            }
        }
        Ok(())
    }
}

/// Takes units that no longer exist out of the consignments, the last ones first. A consignment that
/// is left without items goes.
pub fn trim(consignments: &mut Vec<Consignment>, line_item_id: Uuid, quantity: u32) {
    let mut left = quantity;
    let mut touched = false;
    for item in consignments
        .iter_mut()
        .flat_map(|consignment| &mut consignment.items)
    {
        if item.line_item_id == line_item_id {
            touched |= item.quantity > left;
            item.quantity = item.quantity.min(left);
            left = left.saturating_sub(item.quantity);
        }
    }
    if touched {
        for consignment in consignments.iter_mut() {
            consignment.items.retain(|item| item.quantity > 0);
        }
        consignments.retain(|consignment| !consignment.items.is_empty());
    }
}

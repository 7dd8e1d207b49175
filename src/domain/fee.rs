//! What the shop charges beside goods and shipping.

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::{
    checkout::Checkout,
    money::{Amount, Money},
    reason::{Reason, Refusal, Result},
    store::Store,
};

/// Most fees of a checkout.
pub const MAX_FEES: usize = 5;

/// A fee, taxed at the billing address.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fee {
    /// Cartwright's id.
    pub id: Uuid,
    /// Name for the shop's staff.
    pub name: String,
    /// Name for the shopper.
    pub display_name: String,
    /// What the caller knows it by.
    pub kind: String,
    /// Tax class; none for the store's class of fees.
    pub tax_class_id: Option<String>,
    /// How much, as entered.
    pub amount: Amount,
}

/// What a fee is to be.
#[derive(Debug, Clone)]
pub struct NewFee {
    /// Name for the shop's staff.
    pub name: String,
    /// Name for the shopper.
    pub display_name: String,
    /// What the caller knows it by.
    pub kind: String,
    /// Tax class; none for the store's class of fees.
    pub tax_class_id: Option<String>,
    /// How much, as entered.
    pub amount: Money,
    /// The request field, for errors: `fees[2]`.
    pub path: String,
}

impl NewFee {
    fn with_id(self, id: Uuid) -> Fee {
        Fee {
            id,
            name: self.name,
            display_name: self.display_name,
            kind: self.kind,
            tax_class_id: self.tax_class_id,
            amount: self.amount.amount,
        }
    }
}

impl Checkout {
    /// Adds fees, each with its id, all or none.
    pub fn add_fees(&mut self, fees: Vec<(Uuid, NewFee)>, store: &Store) -> Result<()> {
        let count = self.fees.len();
        if count.saturating_add(fees.len()) > MAX_FEES {
            let text = format!("a checkout has at most {MAX_FEES} fees, and this one has {count}");
            return Err(Refusal::field("fees", text));
        }
        self.check_new_fees(&fees, store)?;
        let fees = fees.into_iter();
        self.fees.extend(fees.map(|(id, fee)| fee.with_id(id)));
        Ok(())
    }

    /// Replaces the fees with these ids, whole, all or none.
    pub fn update_fees(&mut self, fees: Vec<(Uuid, NewFee)>, store: &Store) -> Result<()> {
        self.check_fees_exist(fees.iter().map(|(id, _)| *id))?;
        self.check_new_fees(&fees, store)?;
        for (id, fee) in fees {
            if let Some(existing) = self.fees.iter_mut().find(|existing| existing.id == id) {
                *existing = fee.with_id(id);
            }
        }
        Ok(())
    }

    /// Removes the fees with these ids, all or none.
    pub fn delete_fees(&mut self, ids: &[Uuid]) -> Result<()> {
        self.check_fees_exist(ids.iter().copied())?;
        self.fees.retain(|fee| !ids.contains(&fee.id));
        Ok(())
    }

    fn check_fees_exist(&self, mut ids: impl Iterator<Item = Uuid>) -> Result<()> {
        match ids.find(|id| !self.fees.iter().any(|fee| fee.id == *id)) {
            Some(id) => {
                let message = format!("the checkout has no fee {id}");
                Err(Refusal::new(Reason::FeeNotFound, message).with("fee_id", id))
            }
            None => Ok(()),
        }
    }

    fn check_new_fees(&self, fees: &[(Uuid, NewFee)], store: &Store) -> Result<()> {
        let mut refusals = Vec::new();
        for (_, fee) in fees {
            let path = &fee.path;
            refusals.extend(self.amount(fee.amount, &format!("{path}.amount")).err());
            if let Some(class) = &fee.tax_class_id
                && !store.tax_classes.iter().any(|known| known.id == *class)
            {
                let text = format!("\"{class}\" must be one of the store's tax classes");
                refusals.push(Refusal::field(format!("{path}.tax_class_id"), text));
            }
        }
        Refusal::merged(refusals).map_or(Ok(()), Err)
    }
}

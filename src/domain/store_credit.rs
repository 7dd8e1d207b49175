//! Store credit: money that the shop keeps for a customer to pay with.

use chrono::{DateTime, Utc};
use uuid::Uuid;

use super::{
    checkout::{Checkout, MessageCode},
    money::{Amount, Money},
    reason::{Reason, Refusal, Result},
};

/// What the shop keeps for a customer in one currency.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoreCredit {
    /// Id of the balance.
    pub id: Uuid,
    /// The caller's id of the customer.
    pub customer_id: String,
    /// What is left.
    pub balance: Money,
    /// Raised by one with every change; 0 when there never was any.
    pub version: i64,
    /// When it last changed; none when there never was any.
    pub update_time: Option<DateTime<Utc>>,
}

impl Checkout {
    /// Refuses store credit on a guest's checkout.
    pub fn check_customer(&self) -> Result<()> {
        if self.customer_id.is_empty() {
            let message = "store credit belongs to a customer: set the cart's customer_id first";
            return Err(Refusal::new(Reason::StoreCreditCustomerRequired, message));
        }
        Ok(())
    }

    /// Pays with store credit, of which the customer has this much.
    pub fn apply_store_credit(&mut self, available: Amount) -> Result<()> {
        self.check_customer()?;
        if available.is_zero() {
            return Err(self.store_credit_empty(available));
        }
        self.store_credit = Some(available);
        Ok(())
    }

    /// Takes store credit off because the customer changed, if it was applied.
    pub fn drop_store_credit(&mut self) {
        if self.store_credit.take().is_some() {
            let text = "store credit was taken off because the customer changed";
            self.tell(MessageCode::StoreCreditDropped, "", text);
        }
    }

    /// Why store credit does not pay what it paid before; none when it does.
    #[must_use]
    pub fn store_credit_shortfall(&self, paid: Amount) -> Option<Refusal> {
        let available = self.store_credit?;
        (available < paid).then(|| self.store_credit_empty(available))
    }

    /// Refuses to pay more than the customer has.
    #[must_use]
    pub fn store_credit_empty(&self, available: Amount) -> Refusal {
        let left = Money {
            currency: self.currency,
            amount: available,
        };
        let customer = &self.customer_id;
        let message =
            format!("customer \"{customer}\" has {left} of store credit: pay in another way");
        Refusal::new(Reason::StoreCreditEmpty, message)
            .with("customer_id", customer)
            .with("balance", available.minor())
            .with("currency_code", self.currency)
    }
}

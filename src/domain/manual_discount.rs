//! Discounts given by hand.

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::{
    cart::LineItem,
    checkout::Checkout,
    money::{Amount, Money},
    pricing::LinePricing,
    promotion::GivenDiscount,
    reason::{Reason, Refusal, Result},
};

/// Most manual discounts of a checkout.
pub const MAX_MANUAL_DISCOUNTS: usize = 100;

/// A discount given by hand.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ManualDiscount {
    /// Cartwright's id.
    pub id: Uuid,
    /// Name for people.
    pub name: String,
    /// The line it is on; none for the whole cart.
    pub line_item_id: Option<Uuid>,
    /// How much, as entered; it takes off up to what there is.
    pub amount: Amount,
}

/// A discount to give by hand.
#[derive(Debug, Clone)]
pub struct NewManualDiscount {
    /// Name for people.
    pub name: String,
    /// The line it is on; none for the whole cart.
    pub line_item_id: Option<Uuid>,
    /// How much, as entered.
    pub amount: Money,
    /// The request field, for errors: `discounts[2]`.
    pub path: String,
}

impl Checkout {
    /// Gives discounts by hand, each with its id, in place of all that were given before. Refused on lines that cannot be
    /// discounted, and on those that a coupon discounts.
    pub fn set_manual_discounts(
        &mut self,
        discounts: Vec<(Uuid, NewManualDiscount)>,
    ) -> Result<()> {
        let mut refusals = Vec::new();
        for (_, discount) in &discounts {
            let path = format!("{}.amount", discount.path);
            refusals.extend(self.amount(discount.amount, &path).err());
            refusals.extend(self.check_discountable(discount.line_item_id).err());
        }
        if let Some(refusal) = Refusal::merged(refusals) {
            return Err(refusal);
        }
        let discounts = discounts.into_iter().map(|(id, discount)| ManualDiscount {
            id,
            name: discount.name,
            line_item_id: discount.line_item_id,
            amount: discount.amount.amount,
        });
        self.manual_discounts = discounts.collect();
        Ok(())
    }

    /// Refuses a line, or without one the whole cart, that cannot be discounted by hand.
    fn check_discountable(&self, line_item_id: Option<Uuid>) -> Result<()> {
        if let Some(id) = line_item_id {
            let line = self.line(id)?;
            if !line.is_promotable() {
                let message = format!(
                    "line item {id} is a gift or a gift certificate, which has no discounts: leave it out"
                );
                let refusal = Refusal::new(Reason::LineItemNotMutable, message);
                return Err(refusal.with("line_item_id", id));
            }
        }
        let conflict = self
            .lines
            .iter()
            .zip(&self.pricing.lines)
            .filter(|(line, _)| line_item_id.is_none_or(|id| id == line.id))
            .find(|(_, priced)| !priced.coupon_amount.is_zero());
        conflict.map_or(Ok(()), |(line, priced)| Err(conflicts(line, priced)))
    }
}

fn conflicts(line: &LineItem, priced: &LinePricing) -> Refusal {
    let code = priced.discounts.iter().find_map(GivenDiscount::code);
    let code = code.unwrap_or_default();
    let message = format!(
        "coupon \"{code}\" discounts line item {}: remove it first",
        line.id
    );
    Refusal::new(Reason::DiscountConflictsWithCoupon, message)
        .with("line_item_id", line.id)
        .with("code", code)
}

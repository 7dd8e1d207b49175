//! The sums of a checkout.

use super::Totals;
use crate::domain::{
    money::{Amount, sum},
    reason::Result,
    tax::{Taxed, sum_by_name},
    tax_estimate::Taxable,
};

/// Amounts without and with tax, summed while lines and consignments are priced.
#[derive(Default)]
pub(super) struct Sums {
    pub(super) base_amount: Amount,
    pub(super) discount_amount: Amount,
    pub(super) coupon_amount: Amount,
    /// Goods before and after discounts, shipping likewise, and what is not discounted.
    pub(super) goods_before: Taxed,
    pub(super) goods: Taxed,
    pub(super) shipping_before: Taxed,
    pub(super) shipping: Taxed,
    pub(super) handling: Taxed,
    pub(super) gift_wrapping: Taxed,
    pub(super) fees: Taxed,
    /// What the tax provider is to be asked.
    pub(super) taxables: Vec<Taxable>,
}

impl Sums {
    pub(super) fn totals(self, with_tax: bool) -> Result<(Vec<(String, Amount)>, Totals)> {
        let shown = |taxed: &Taxed| if with_tax { taxed.inc } else { taxed.ex };
        let shipping_discount_amount = shown(&self.shipping_before).minus(shown(&self.shipping))?;
        let (cart_amount_ex_tax, cart_amount_inc_tax) = (self.goods.ex, self.goods.inc);
        let handling = (self.handling.ex, self.handling.inc);
        let gift_wrapping = (self.gift_wrapping.ex, self.gift_wrapping.inc);
        let fees = (self.fees.ex, self.fees.inc);
        let mut all = self.goods;
        for part in [self.shipping, self.handling, self.gift_wrapping, self.fees] {
            add(&mut all, part)?;
        }
        let taxes = sum_by_name(all.taxes)?;
        let totals = Totals {
            base_amount: self.base_amount,
            cart_amount_ex_tax,
            cart_amount_inc_tax,
            subtotal_ex_tax: self.goods_before.ex,
            subtotal_inc_tax: self.goods_before.inc,
            discount_amount: self.discount_amount,
            coupon_amount: self.coupon_amount,
            shipping_cost_ex_tax: self.shipping_before.ex,
            shipping_cost_inc_tax: self.shipping_before.inc,
            shipping_discount_amount,
            handling_cost_ex_tax: handling.0,
            handling_cost_inc_tax: handling.1,
            gift_wrapping_ex_tax: gift_wrapping.0,
            gift_wrapping_inc_tax: gift_wrapping.1,
            fees_ex_tax: fees.0,
            fees_inc_tax: fees.1,
            tax_total: sum(taxes.iter().map(|(_, amount)| *amount))?,
            grand_total: all.inc,
            outstanding_balance: all.inc,
            gift_certificate_amount: Amount::ZERO,
            store_credit_amount: Amount::ZERO,
        };
        Ok((taxes, totals))
    }
}

/// Adds a part to a sum.
pub(super) fn add(sum: &mut Taxed, part: Taxed) -> Result<()> {
    *sum = std::mem::take(sum).plus(part)?;
    Ok(())
}

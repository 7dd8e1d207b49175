//! What pricing answers.

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::domain::{money::Amount, promotion::GivenDiscount, reason::Refusal};

/// What a checkout comes to.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Pricing {
    /// Whether amounts without a word on tax are shown with it.
    pub tax_included: bool,
    /// Why no tax is due; empty when it is.
    pub tax_exemption: String,
    /// Of each line, in the order of the lines.
    pub lines: Vec<LinePricing>,
    /// Of each consignment, in their order.
    pub consignments: Vec<ConsignmentPricing>,
    /// Of each coupon, in their order.
    pub coupons: Vec<CouponOutcome>,
    /// Of each fee, in their order.
    pub fees: Vec<FeePricing>,
    /// What each gift certificate pays, in their order.
    pub gift_certificates: Vec<Amount>,
    /// The gifts that promotions give.
    pub gifts: Vec<Gift>,
    /// The promotions that apply and can be used in so many orders only.
    pub limited_promotions: Vec<Uuid>,
    /// Taxes by name.
    pub taxes: Vec<(String, Amount)>,
    /// The sums.
    pub totals: Totals,
}

/// Amounts of one line, as shown.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[expect(missing_docs, reason = "the proto's LineItem says what each is")]
pub struct LinePricing {
    pub original_price: Amount,
    pub list_price: Amount,
    pub comparison_price: Option<Amount>,
    pub extended_list_price: Amount,
    pub discounts: Vec<GivenDiscount>,
    pub discount_amount: Amount,
    pub coupon_amount: Amount,
    pub extended_sale_price: Amount,
    pub tax_amount: Amount,
    pub gift_wrapping_amount: Amount,
}

/// Amounts of one consignment.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[expect(missing_docs, reason = "the proto's Consignment says what each is")]
pub struct ConsignmentPricing {
    pub shipping_cost_ex_tax: Amount,
    pub shipping_cost_inc_tax: Amount,
    pub handling_cost_ex_tax: Amount,
    pub handling_cost_inc_tax: Amount,
    pub discounts: Vec<GivenDiscount>,
}

/// Amounts of one fee.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[expect(missing_docs, reason = "the proto's Fee says what each is")]
pub struct FeePricing {
    pub cost_ex_tax: Amount,
    pub cost_inc_tax: Amount,
}

/// A gift that a promotion gives.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Gift {
    /// The promotion.
    pub promotion_id: Uuid,
    /// The catalog's product id.
    pub product_id: String,
    /// The catalog's variant id; empty without variants.
    pub variant_id: String,
    /// Units.
    pub quantity: u32,
}

/// What became of a coupon.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct CouponOutcome {
    /// What it takes off goods and shipping, as shown.
    pub discounted_amount: Amount,
    /// Why it gives nothing; none when it qualifies.
    pub refusal: Option<Refusal>,
}

/// The sums.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[expect(missing_docs, reason = "the proto's Totals and Cart say what each is")]
pub struct Totals {
    pub base_amount: Amount,
    pub cart_amount_ex_tax: Amount,
    pub cart_amount_inc_tax: Amount,
    pub subtotal_ex_tax: Amount,
    pub subtotal_inc_tax: Amount,
    pub discount_amount: Amount,
    pub coupon_amount: Amount,
    pub shipping_cost_ex_tax: Amount,
    pub shipping_cost_inc_tax: Amount,
    pub shipping_discount_amount: Amount,
    pub handling_cost_ex_tax: Amount,
    pub handling_cost_inc_tax: Amount,
    pub gift_wrapping_ex_tax: Amount,
    pub gift_wrapping_inc_tax: Amount,
    pub fees_ex_tax: Amount,
    pub fees_inc_tax: Amount,
    pub tax_total: Amount,
    pub grand_total: Amount,
    pub gift_certificate_amount: Amount,
    pub store_credit_amount: Amount,
    pub outstanding_balance: Amount,
}

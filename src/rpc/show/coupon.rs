//! Coupons of a checkout as messages.

use super::money;
use crate::{
    domain::{
        checkout::Checkout,
        coupon::{AppliedCoupon, CouponType},
        money::Currency,
        pricing::CouponOutcome,
        reason::Reason,
    },
    rpc::pb,
};

/// A kind of coupon.
#[must_use]
pub fn coupon_type(kind: CouponType) -> pb::CouponType {
    match kind {
        CouponType::PerItemDiscount => pb::CouponType::PerItemDiscount,
        CouponType::PercentageDiscount => pb::CouponType::PercentageDiscount,
        CouponType::PerTotalDiscount => pb::CouponType::PerTotalDiscount,
        CouponType::ShippingDiscount => pb::CouponType::ShippingDiscount,
        CouponType::FreeShipping => pb::CouponType::FreeShipping,
    }
}

pub(super) fn coupons(checkout: &Checkout) -> Vec<pb::AppliedCoupon> {
    let outcomes = checkout.coupons.iter().zip(&checkout.pricing.coupons);
    outcomes
        .map(|(coupon, outcome)| applied_coupon(checkout.currency, coupon, outcome))
        .collect()
}

fn applied_coupon(
    currency: Currency,
    coupon: &AppliedCoupon,
    outcome: &CouponOutcome,
) -> pb::AppliedCoupon {
    let (status, status_reason) = match &outcome.refusal {
        None => (pb::CouponStatus::Applied, pb::ErrorReason::Unspecified),
        Some(why) => (pb::CouponStatus::NotQualifying, error_reason(why.reason)),
    };
    let promotion = &coupon.promotion;
    pb::AppliedCoupon {
        code: coupon.code.clone(),
        coupon_type: promotion
            .coupon_type
            .map(coupon_type)
            .unwrap_or_default()
            .into(),
        display_name: promotion.display_name.clone(),
        promotion_id: promotion.id.to_string(),
        discounted_amount: money(currency, outcome.discounted_amount),
        status: status.into(),
        status_reason: status_reason.into(),
    }
}

fn error_reason(reason: Reason) -> pb::ErrorReason {
    let name = format!("ERROR_REASON_{}", reason.name());
    pb::ErrorReason::from_str_name(&name).unwrap_or_default()
}

//! Coupons of a checkout.

use tracing::instrument;
use uuid::Uuid;

use super::{
    Flow, Guard, Result,
    change::{Draft, change},
    refresh::applied,
};
use crate::{
    domain::{
        checkout::Checkout,
        coupon::check_uses,
        promotion::CouponCode,
        reason::{Reason, Refusal},
    },
    store,
};

/// Applies a coupon that qualifies.
#[instrument(name = "flow.apply_coupon", skip_all)]
pub async fn apply(flow: &Flow, id: Uuid, code: String, guard: Guard) -> Result<Checkout> {
    let entered = &code;
    change(flow, id, guard, async |mut draft: Draft| {
        let found = store::promotion::find_code(&flow.database, entered).await?;
        let (code, promotion) = found.ok_or_else(|| not_found(entered))?;
        let coupon = applied(&code, promotion, entered.clone());
        draft.checkout.apply_coupon(coupon, &draft.snapshot.store)?;
        check_uses(
            &code,
            &draft.checkout.customer_id,
            uses_of_customer(flow, &code, &draft.checkout).await?,
        )?;
        draft.price()?;
        match draft
            .checkout
            .pricing
            .coupons
            .last()
            .and_then(|outcome| outcome.refusal.clone())
        {
            Some(refusal) => Err(refusal.into()),
            None => Ok(draft),
        }
    })
    .await
}

/// Removes a coupon.
#[instrument(name = "flow.remove_coupon", skip_all)]
pub async fn remove(flow: &Flow, id: Uuid, code: String, guard: Guard) -> Result<Checkout> {
    let code = &code;
    change(flow, id, guard, async |mut draft: Draft| {
        draft.checkout.remove_coupon(code)?;
        Ok(draft)
    })
    .await
}

/// How often the checkout's customer has redeemed a code; looked up only where that is limited.
pub(super) async fn uses_of_customer(
    flow: &Flow,
    code: &CouponCode,
    checkout: &Checkout,
) -> Result<i64> {
    if code.max_uses_per_customer.is_none() || checkout.customer_id.is_empty() {
        return Ok(0);
    }
    Ok(store::promotion::customer_uses(&flow.database, code.id, &checkout.customer_id).await?)
}

pub(super) fn not_found(code: &str) -> Refusal {
    Refusal::new(
        Reason::CouponNotFound,
        format!("there is no coupon \"{code}\""),
    )
    .with("code", code)
}

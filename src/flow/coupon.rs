//! Coupons of a checkout.

use tracing::instrument;
use uuid::Uuid;

use super::{
    Flow, Guard, Result,
    change::{Draft, change},
    code_tries::look_up,
    refresh::applied,
};
use crate::{
    domain::{
        checkout::Checkout,
        code_tries::CodeKind,
        coupon,
        promotion::CouponCode,
        reason::{self, Reason, Refusal},
    },
    store,
};

/// Applies a coupon that qualifies.
#[instrument(name = "flow.apply_coupon", skip_all)]
pub async fn apply(flow: &Flow, id: Uuid, code: String, guard: Guard) -> Result<Checkout> {
    let (entered, caller) = (&code, guard.caller.clone());
    let caller = &caller;
    change(flow, id, guard, async |mut draft: Draft| {
        let find = store::promotion::find_code(&flow.database, entered);
        let found = look_up(flow, caller, CodeKind::Coupon, entered, draft.now, find).await?;
        let (code, promotion) = found.ok_or_else(|| not_found(entered))?;
        let coupon = applied(&code, promotion, entered.clone());
        draft.checkout.apply_coupon(coupon, &draft.snapshot.store)?;
        check_uses(flow, &code, &draft.checkout).await??;
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

/// Refuses a code that has no uses left, for anyone or for the checkout's customer, unless the checkout holds one.
pub(super) async fn check_uses(
    flow: &Flow,
    code: &CouponCode,
    checkout: &Checkout,
) -> Result<reason::Result<()>> {
    if !code.is_limited() {
        return Ok(Ok(()));
    }
    let customer_id = &checkout.customer_id;
    if !checkout.order_ids.is_empty() {
        let held = store::promotion::held_uses(&flow.database, checkout.id).await?;
        if held.codes.contains(&(code.id, customer_id.clone())) {
            return Ok(Ok(()));
        }
    }
    let uses = if code.max_uses_per_customer.is_none() || customer_id.is_empty() {
        0
    } else {
        store::promotion::customer_uses(&flow.database, code.id, customer_id).await?
    };
    Ok(coupon::check_uses(code, customer_id, uses))
}

pub(super) fn not_found(code: &str) -> Refusal {
    Refusal::new(
        Reason::CouponNotFound,
        format!("there is no coupon \"{code}\""),
    )
    .with("code", code)
}

//! Promotions and coupon codes.

use chrono::{DateTime, Utc};
use tracing::instrument;
use uuid::Uuid;

use super::{
    Error, Flow, Page, Paged, Result,
    cart::parse_id,
    coupon::not_found as code_not_found,
    new_id, now,
    once::{self, Once},
};
use crate::{
    domain::{
        checkout::RequestKey,
        coupon::ClassicDiscount,
        money::Money,
        promotion::{CouponCode, ItemsMatcher, Promotion},
        reason::{Reason, Refusal},
    },
    store,
};

/// A classic coupon to create.
#[derive(Debug, Clone)]
#[expect(
    missing_docs,
    reason = "the proto's CreateCouponRequest says what each is"
)]
pub struct NewCoupon {
    pub code: String,
    pub name: String,
    pub display_name: String,
    pub discount: ClassicDiscount,
    pub minimum_purchase: Option<Money>,
    pub items: ItemsMatcher,
    pub shipping_country_codes: Vec<String>,
    pub shipping_method_ids: Vec<String>,
    pub start_time: Option<DateTime<Utc>>,
    pub end_time: Option<DateTime<Utc>>,
    pub max_uses: Option<i64>,
    pub max_uses_per_customer: Option<i64>,
    pub enabled: bool,
}

/// Creates a classic coupon and its code.
#[instrument(name = "flow.create_coupon", skip_all)]
pub async fn create_coupon(
    flow: &Flow,
    coupon: NewCoupon,
    request: Option<RequestKey>,
) -> Result<(Promotion, CouponCode)> {
    let now = now();
    let claim = match once::begin(flow, request.as_ref(), now).await? {
        Once::Answered(code_id) => return stored_coupon(flow, parse_id(&code_id)?).await,
        Once::New(claim) => claim,
    };
    let promotion = Promotion {
        id: new_id(),
        name: coupon.name,
        display_name: coupon.display_name,
        coupon_type: Some(coupon.discount.coupon_type()),
        priority: 0,
        enabled: coupon.enabled,
        start_time: coupon.start_time,
        end_time: coupon.end_time,
        shipping_country_codes: coupon.shipping_country_codes,
        rules: vec![coupon.discount.rule(
            coupon.minimum_purchase,
            coupon.items,
            coupon.shipping_method_ids,
        )],
        create_time: now,
    };
    let code = CouponCode {
        id: new_id(),
        promotion_id: promotion.id,
        code: coupon.code,
        max_uses: coupon.max_uses,
        max_uses_per_customer: coupon.max_uses_per_customer,
        uses: 0,
        create_time: now,
    };
    if !store::promotion::insert(&claim.transaction, &promotion, &code).await? {
        let message = format!(
            "code \"{}\" belongs to a promotion: choose another one",
            code.code
        );
        return Err(Refusal::new(Reason::CouponCodeExists, message)
            .with("code", code.code)
            .into());
    }
    claim.commit(&code.id.to_string()).await?;
    flow.reload().await?;
    Ok((promotion, code))
}

/// The coupon that an earlier request has created.
async fn stored_coupon(flow: &Flow, code_id: Uuid) -> Result<(Promotion, CouponCode)> {
    let found = store::promotion::codes(&flow.database, &[code_id]).await?;
    let (code, promotion) = found.into_iter().next().ok_or_else(|| {
        let message = "the coupon that this request created does not exist any more";
        Error::Refused(Refusal::new(Reason::CouponNotFound, message))
    })?;
    Ok((promotion, code))
}

/// Answers a promotion.
#[instrument(name = "flow.get_promotion", skip_all)]
pub async fn get(flow: &Flow, id: Uuid) -> Result<Promotion> {
    let found = store::promotion::load(&flow.database, id).await?;
    found.ok_or_else(|| not_found(id).into())
}

/// Lists promotions, newest first.
#[instrument(name = "flow.list_promotions", skip_all)]
pub async fn list(flow: &Flow, page: Page) -> Result<Paged<Promotion>> {
    let promotions = store::promotion::list(&flow.database, page.key()?, page.limit()).await?;
    Ok(page.of(promotions, |promotion| promotion.id.to_string()))
}

/// Deletes a promotion and its codes.
#[instrument(name = "flow.delete_promotion", skip_all)]
pub async fn delete(flow: &Flow, id: Uuid, request: Option<RequestKey>) -> Result<()> {
    let Once::New(claim) = once::begin(flow, request.as_ref(), now()).await? else {
        return Ok(());
    };
    if !store::promotion::delete(&claim.transaction, id).await? {
        return Err(not_found(id).into());
    }
    claim.commit("").await?;
    flow.reload().await
}

/// Lists the codes of a promotion, oldest first.
#[instrument(name = "flow.list_coupon_codes", skip_all)]
pub async fn list_codes(flow: &Flow, promotion: Uuid, page: Page) -> Result<Paged<CouponCode>> {
    get(flow, promotion).await?;
    let codes =
        store::promotion::list_codes(&flow.database, promotion, page.key()?, page.limit()).await?;
    Ok(page.of(codes, |code| code.id.to_string()))
}

/// Deletes a code.
#[instrument(name = "flow.delete_coupon_code", skip_all)]
pub async fn delete_code(flow: &Flow, code: &str, request: Option<RequestKey>) -> Result<()> {
    let Once::New(claim) = once::begin(flow, request.as_ref(), now()).await? else {
        return Ok(());
    };
    if !store::promotion::delete_code(&claim.transaction, code).await? {
        return Err(code_not_found(code).into());
    }
    claim.commit("").await?;
    flow.reload().await
}

fn not_found(id: Uuid) -> Refusal {
    Refusal::new(
        Reason::PromotionNotFound,
        format!("there is no promotion {id}"),
    )
    .with("promotion_id", id)
}

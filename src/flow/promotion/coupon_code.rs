//! Codes of promotions.

use chrono::{DateTime, Utc};
use tracing::instrument;
use uuid::Uuid;

use super::{get, not_found};
use crate::{
    domain::{
        audit::Action,
        coupon::CODE_ALPHABET,
        event::{EventKind, Subject},
        promotion::{CouponCode, Promotion, RedemptionType},
        reason::{Reason, Refusal},
    },
    flow::{
        Error, Flow, Guard, Page, Paged, Result, audit,
        cart::parse_id,
        coupon::not_found as code_not_found,
        event, new_id, now,
        once::{self, Once},
        random_text,
    },
    store::{self, Transaction},
};

/// How often codes that were taken are replaced by new ones before there are held to be too few of that length.
const ROUNDS: u32 = 20;

/// A code to create.
#[derive(Debug, Clone)]
#[expect(
    missing_docs,
    reason = "the proto's CreateCouponCodeRequest says what each is"
)]
pub struct NewCode {
    pub promotion_id: Uuid,
    pub code: String,
    pub max_uses: Option<i64>,
    pub max_uses_per_customer: Option<i64>,
}

/// Codes to generate.
#[derive(Debug, Clone)]
#[expect(
    missing_docs,
    reason = "the proto's GenerateCouponCodesRequest says what each is"
)]
pub struct NewCodes {
    pub promotion_id: Uuid,
    pub count: u32,
    pub prefix: String,
    pub length: u32,
    pub max_uses: Option<i64>,
    pub max_uses_per_customer: Option<i64>,
}

/// Creates a code of a promotion.
#[instrument(name = "flow.create_coupon_code", skip_all)]
pub async fn create_code(flow: &Flow, code: NewCode, guard: Guard) -> Result<CouponCode> {
    let now = now();
    let claim = match once::begin(flow, guard.request.as_ref(), now).await? {
        Once::Answered(id) => return Ok(stored(flow, parse_id(&id)?).await?.0),
        Once::New(claim) => claim,
    };
    hold_coupon(&claim.transaction, code.promotion_id).await?;
    let code = CouponCode {
        id: new_id(),
        promotion_id: code.promotion_id,
        code: code.code,
        batch_id: None,
        max_uses: code.max_uses,
        max_uses_per_customer: code.max_uses_per_customer,
        uses: 0,
        create_time: now,
    };
    insert(&claim.transaction, &code).await?;
    let action = Action::CreateCouponCode;
    audit::note(&claim.transaction, &guard, action, [code.id]).await?;
    claim.commit(&code.id.to_string()).await?;
    Ok(code)
}

/// Generates codes of a promotion, all or none. Answers the id of the batch and its codes.
#[instrument(name = "flow.generate_coupon_codes", skip_all)]
pub async fn generate_codes(
    flow: &Flow,
    wanted: NewCodes,
    guard: Guard,
) -> Result<(Uuid, Vec<String>)> {
    let now = now();
    let claim = match once::begin(flow, guard.request.as_ref(), now).await? {
        Once::Answered(id) => return stored_batch(flow, parse_id(&id)?).await,
        Once::New(claim) => claim,
    };
    hold_coupon(&claim.transaction, wanted.promotion_id).await?;
    let batch_id = new_id();
    let mut missing = u64::from(wanted.count);
    for _ in 0..ROUNDS {
        let codes = random_codes(&wanted, missing, batch_id, now);
        let inserted = store::promotion::insert_codes(&claim.transaction, &codes).await?;
        missing = missing.saturating_sub(inserted);
        if missing == 0 {
            let codes = store::promotion::batch(&claim.transaction, batch_id).await?;
            let generated = Subject::CouponCodes {
                promotion_id: wanted.promotion_id,
                code_id: None,
                batch_id: Some(batch_id),
                count: wanted.count,
            };
            let kind = EventKind::CouponCodeGenerated;
            event::tell(&claim.transaction, kind, generated, now).await?;
            let action = Action::GenerateCouponCodes;
            audit::note(&claim.transaction, &guard, action, [batch_id]).await?;
            claim.commit(&batch_id.to_string()).await?;
            return Ok((batch_id, codes));
        }
    }
    let text = "too many codes of this length are taken: choose a longer one or another prefix";
    Err(Refusal::field("length", text).into())
}

fn random_codes(
    wanted: &NewCodes,
    count: u64,
    batch_id: Uuid,
    now: DateTime<Utc>,
) -> Vec<CouponCode> {
    let code = |_| CouponCode {
        id: new_id(),
        promotion_id: wanted.promotion_id,
        code: format!(
            "{}{}",
            wanted.prefix,
            random_text(&CODE_ALPHABET, wanted.length)
        ),
        batch_id: Some(batch_id),
        max_uses: wanted.max_uses,
        max_uses_per_customer: wanted.max_uses_per_customer,
        uses: 0,
        create_time: now,
    };
    (0..count).map(code).collect()
}

/// Lists the codes of a promotion, oldest first; those of a batch, if one is given.
#[instrument(name = "flow.list_coupon_codes", skip_all)]
pub async fn list_codes(
    flow: &Flow,
    promotion: Uuid,
    batch_id: Option<Uuid>,
    page: Page,
) -> Result<Paged<CouponCode>> {
    get(flow, promotion).await?;
    let (after, limit) = (page.key()?, page.limit());
    let codes =
        store::promotion::list_codes(&flow.database, promotion, batch_id, after, limit).await?;
    Ok(page.of(codes, |code| code.id.to_string()))
}

/// Deletes a code.
#[instrument(name = "flow.delete_coupon_code", skip_all)]
pub async fn delete_code(flow: &Flow, code: &str, guard: Guard) -> Result<()> {
    let now = now();
    let Once::New(claim) = once::begin(flow, guard.request.as_ref(), now).await? else {
        return Ok(());
    };
    let deleted = store::promotion::delete_code(&claim.transaction, code).await?;
    let deleted = deleted.ok_or_else(|| code_not_found(code))?;
    let kind = EventKind::CouponCodeDeleted;
    event::tell_of_code(&claim.transaction, kind, &deleted, now).await?;
    let action = Action::DeleteCouponCode;
    audit::note(&claim.transaction, &guard, action, [deleted.id]).await?;
    claim.commit("").await?;
    flow.reload().await
}

/// Sees to it that a promotion can be given codes until the transaction ends.
async fn hold_coupon(transaction: &Transaction, id: Uuid) -> Result<()> {
    let found = store::promotion::hold(transaction, id).await?;
    let promotion = found.ok_or_else(|| not_found(id))?;
    if promotion.redemption == RedemptionType::Coupon {
        return Ok(());
    }
    let message = format!(
        "promotion \"{}\" applies by itself: only one of redemption type COUPON has codes",
        promotion.name
    );
    Err(Refusal::new(Reason::PromotionNotCoupon, message)
        .with("promotion_id", id)
        .into())
}

/// Adds a code that is not taken, and tells of it.
pub(super) async fn insert(transaction: &Transaction, code: &CouponCode) -> Result<()> {
    if store::promotion::insert_codes(transaction, std::slice::from_ref(code)).await? == 1 {
        let kind = EventKind::CouponCodeCreated;
        return Ok(event::tell_of_code(transaction, kind, code, code.create_time).await?);
    }
    let message = format!(
        "code \"{}\" belongs to a promotion: choose another one",
        code.code
    );
    Err(Refusal::new(Reason::CouponCodeExists, message)
        .with("code", &code.code)
        .into())
}

/// The code that an earlier request has created, with its promotion.
pub(super) async fn stored(flow: &Flow, id: Uuid) -> Result<(CouponCode, Promotion)> {
    let found = store::promotion::codes(&flow.database, &[id]).await?;
    found.into_iter().next().ok_or_else(gone)
}

/// The codes that an earlier request has generated, as far as they are still there.
async fn stored_batch(flow: &Flow, batch_id: Uuid) -> Result<(Uuid, Vec<String>)> {
    let codes = store::promotion::batch(&flow.database, batch_id).await?;
    if codes.is_empty() {
        return Err(gone());
    }
    Ok((batch_id, codes))
}

fn gone() -> Error {
    let message = "what this request created does not exist any more";
    Refusal::new(Reason::CouponNotFound, message).into()
}

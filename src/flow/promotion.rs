//! Promotions and coupon codes.

use chrono::{DateTime, Utc};
use tracing::instrument;
use uuid::Uuid;

use super::{
    Flow, Guard, Page, Paged, Result, audit,
    cart::parse_id,
    change::{ATTEMPTS, pause},
    concurrent_change, event, new_id, now,
    once::{self, Once},
};
use crate::{
    domain::{
        audit::Action,
        checkout::check_version,
        coupon::ClassicDiscount,
        event::{EventKind, Subject, after},
        money::Money,
        promotion::{CouponCode, Promotion, RedemptionType, items::ItemsMatcher},
        reason::{Reason, Refusal},
    },
    store,
};

mod coupon_code;

pub use crate::store::promotion::PromotionFilter;
pub use coupon_code::{NewCode, NewCodes, create_code, delete_code, generate_codes, list_codes};

/// Creates a promotion: as it is given, but for its id, version, uses and times.
#[instrument(name = "flow.create_promotion", skip_all)]
pub async fn create(flow: &Flow, promotion: Promotion, guard: Guard) -> Result<Promotion> {
    let now = now();
    let claim = match once::begin(flow, guard.request.as_ref(), now).await? {
        Once::Answered(id) => return get(flow, parse_id(&id)?).await,
        Once::New(claim) => claim,
    };
    let promotion = Promotion {
        id: new_id(),
        uses: 0,
        version: 1,
        create_time: now,
        update_time: now,
        ..promotion
    };
    store::promotion::insert(&claim.transaction, &promotion).await?;
    let kind = EventKind::PromotionCreated;
    event::tell_of_promotion(&claim.transaction, kind, &promotion).await?;
    let action = Action::CreatePromotion;
    audit::note(&claim.transaction, &guard, action, [promotion.id]).await?;
    claim.commit(&promotion.id.to_string()).await?;
    flow.reload().await?;
    Ok(promotion)
}

/// Changes a promotion: `change` is given it as it is and answers it as it shall be. It may be called several times,
/// each time on the newest version.
#[instrument(name = "flow.update_promotion", skip_all)]
pub async fn update(
    flow: &Flow,
    id: Uuid,
    change: impl Fn(&Promotion) -> std::result::Result<Promotion, Refusal> + Send,
    guard: Guard,
) -> Result<Promotion> {
    for attempt in 0..ATTEMPTS {
        let now = now();
        let claim = match once::begin(flow, guard.request.as_ref(), now).await? {
            Once::Answered(_) => return get(flow, id).await,
            Once::New(claim) => claim,
        };
        let found = store::promotion::load(&claim.transaction, id).await?;
        let current = found.ok_or_else(|| not_found(id))?;
        check_version(current.version, guard.expected_version)?;
        let changed = Promotion {
            id,
            redemption: current.redemption,
            coupon_type: current.coupon_type,
            uses: current.uses,
            version: current.version.saturating_add(1),
            create_time: current.create_time,
            update_time: after(current.update_time, now),
            ..change(&current)?
        };
        if store::promotion::replace(&claim.transaction, &changed, current.version).await? {
            let kind = EventKind::PromotionUpdated;
            event::tell_of_promotion(&claim.transaction, kind, &changed).await?;
            audit::note(&claim.transaction, &guard, Action::UpdatePromotion, [id]).await?;
            claim.commit("").await?;
            flow.reload().await?;
            return Ok(changed);
        }
        drop(claim);
        pause(attempt).await;
    }
    Err(concurrent_change().into())
}

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
    guard: Guard,
) -> Result<(Promotion, CouponCode)> {
    let now = now();
    let claim = match once::begin(flow, guard.request.as_ref(), now).await? {
        Once::Answered(code_id) => {
            return coupon_code::stored(flow, parse_id(&code_id)?)
                .await
                .map(|(code, promotion)| (promotion, code));
        }
        Once::New(claim) => claim,
    };
    let rule = coupon.discount.rule(
        coupon.minimum_purchase,
        coupon.items,
        coupon.shipping_method_ids,
    );
    let promotion = Promotion {
        display_name: coupon.display_name,
        redemption: RedemptionType::Coupon,
        coupon_type: Some(coupon.discount.coupon_type()),
        enabled: coupon.enabled,
        start_time: coupon.start_time,
        end_time: coupon.end_time,
        shipping_country_codes: coupon.shipping_country_codes,
        ..Promotion::new(new_id(), &coupon.name, vec![rule], now)
    };
    let code = CouponCode {
        id: new_id(),
        promotion_id: promotion.id,
        code: coupon.code,
        batch_id: None,
        max_uses: coupon.max_uses,
        max_uses_per_customer: coupon.max_uses_per_customer,
        uses: 0,
        create_time: now,
    };
    store::promotion::insert(&claim.transaction, &promotion).await?;
    let kind = EventKind::PromotionCreated;
    event::tell_of_promotion(&claim.transaction, kind, &promotion).await?;
    coupon_code::insert(&claim.transaction, &code).await?;
    let action = Action::CreateCoupon;
    audit::note(&claim.transaction, &guard, action, [promotion.id]).await?;
    claim.commit(&code.id.to_string()).await?;
    Ok((promotion, code))
}

/// Answers a promotion.
#[instrument(name = "flow.get_promotion", skip_all)]
pub async fn get(flow: &Flow, id: Uuid) -> Result<Promotion> {
    let found = store::promotion::load(&flow.database, id).await?;
    found.ok_or_else(|| not_found(id).into())
}

/// Whether there is a promotion with this name.
pub async fn is_there(flow: &Flow, name: &str) -> Result<bool> {
    Ok(store::promotion::is_there(&flow.database, name).await?)
}

/// Lists promotions, newest first.
#[instrument(name = "flow.list_promotions", skip_all)]
pub async fn list(flow: &Flow, filter: PromotionFilter, page: Page) -> Result<Paged<Promotion>> {
    let promotions =
        store::promotion::list(&flow.database, filter, page.key()?, page.limit()).await?;
    Ok(page.of(promotions, |promotion| promotion.id.to_string()))
}

/// Deletes a promotion and its codes.
#[instrument(name = "flow.delete_promotion", skip_all)]
pub async fn delete(flow: &Flow, id: Uuid, guard: Guard) -> Result<()> {
    let now = now();
    let Once::New(claim) = once::begin(flow, guard.request.as_ref(), now).await? else {
        return Ok(());
    };
    if !store::promotion::delete(&claim.transaction, id).await? {
        return Err(not_found(id).into());
    }
    let deleted = Subject::Promotion {
        promotion_id: id,
        version: 0,
    };
    event::tell(
        &claim.transaction,
        EventKind::PromotionDeleted,
        deleted,
        now,
    )
    .await?;
    audit::note(&claim.transaction, &guard, Action::DeletePromotion, [id]).await?;
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

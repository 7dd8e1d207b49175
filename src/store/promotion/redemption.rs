//! Which checkouts hold uses of codes and promotions whose uses are limited.
//!
//! Limits are exact: raising the counter locks the row of the code or promotion until the transaction ends, so those
//! who redeem one pass here one at a time. At `READ COMMITTED` each statement sees what was committed before it
//! began, and the guard of the update is tested again on the row as the one before left it. On SQLite there is one
//! writer anyway.
//!
//! Whoever redeems several does so in the order of their ids, codes before promotions, so that two of them wait for
//! each other rather than deadlock. Only those who use up two promotions at the same moment can, at the revision: one
//! of them is told to try again.

use chrono::{DateTime, Utc};
use sea_orm::{
    ColumnTrait, Condition, EntityTrait, ExprTrait, IntoActiveModel, PaginatorTrait, QueryFilter,
    QuerySelect, SelectExt,
    sea_query::{Expr, OnConflict},
};
use uuid::Uuid;

use crate::store::{
    Connection, Result, Transaction,
    entity::{
        coupon_code::{self, Column as Code},
        coupon_redemption::{self, Column as CodeHolder},
        promotion::{self, Column as Of},
        promotion_redemption::{self, Column as Holder},
    },
    revision::{self, Area},
};

/// What became of an attempt to redeem a code or a promotion.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Redemption {
    /// The checkout holds a use, now or since before.
    Held,
    /// It has been used as often as it can be.
    Exhausted,
    /// The customer has used the code as often as one can.
    CustomerExhausted,
    /// It is no more.
    Gone,
}

/// The uses that a checkout holds.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct HeldUses {
    /// The codes, each with the customer it was taken for.
    pub codes: Vec<(Uuid, String)>,
    /// The promotions.
    pub promotions: Vec<Uuid>,
}

/// The uses of limited codes and promotions that the checkout holds.
pub async fn held_uses(c: &impl Connection, checkout_id: Uuid) -> Result<HeldUses> {
    let codes = coupon_redemption::Entity::find()
        .select_only()
        .columns([CodeHolder::CodeId, CodeHolder::CustomerId])
        .filter(CodeHolder::CheckoutId.eq(checkout_id));
    let promotions = promotion_redemption::Entity::find()
        .select_only()
        .column(Holder::PromotionId)
        .filter(Holder::CheckoutId.eq(checkout_id));
    Ok(HeldUses {
        codes: codes.into_tuple().all(c.orm()).await?,
        promotions: promotions.into_tuple().all(c.orm()).await?,
    })
}

/// How many uses of the code checkouts of the customer hold.
pub async fn customer_uses(c: &impl Connection, code_id: Uuid, customer_id: &str) -> Result<i64> {
    let select = coupon_redemption::Entity::find()
        .filter(CodeHolder::CodeId.eq(code_id))
        .filter(CodeHolder::CustomerId.eq(customer_id));
    Ok(select.count(c.orm()).await?.try_into().unwrap_or(i64::MAX))
}

/// Takes a use of a limited code for the checkout, once however often it is called. When there is none left,
/// nothing is changed. See the module on the order of several.
///
/// The count of the customer's uses begins after the lock on the code was obtained, so it sees those of all who passed
/// before.
pub async fn redeem(
    transaction: &Transaction,
    code_id: Uuid,
    checkout_id: Uuid,
    order_id: Uuid,
    customer_id: &str,
    now: DateTime<Utc>,
) -> Result<Redemption> {
    let orm = transaction.orm();
    let row = coupon_redemption::Model {
        code_id,
        checkout_id,
        order_id,
        customer_id: customer_id.to_owned(),
        create_time: now,
    };
    let held = OnConflict::columns([CodeHolder::CodeId, CodeHolder::CheckoutId])
        .do_nothing()
        .to_owned();
    let insert = coupon_redemption::Entity::insert(row.into_active_model()).on_conflict(held);
    if insert.exec_without_returning(orm).await? == 0 {
        return Ok(Redemption::Held);
    }
    let count = coupon_code::Entity::update_many()
        .col_expr(Code::Uses, Expr::col(Code::Uses).add(1))
        .filter(Code::Id.eq(code_id))
        .filter(uses_left(Code::Uses, Code::MaxUses));
    let Some(code) = count.exec_with_returning(orm).await?.into_iter().next() else {
        forget_code_holder(transaction, code_id, checkout_id).await?;
        let there = coupon_code::Entity::find_by_id(code_id).exists(orm).await?;
        return Ok(refused(there));
    };
    if let Some(most) = code.max_uses_per_customer
        && customer_uses(transaction, code_id, customer_id).await? > most
    {
        release(transaction, code_id, checkout_id).await?;
        return Ok(Redemption::CustomerExhausted);
    }
    Ok(Redemption::Held)
}

/// Gives back the use of a code that the checkout holds, if it holds one.
pub async fn release(transaction: &Transaction, code_id: Uuid, checkout_id: Uuid) -> Result<()> {
    if forget_code_holder(transaction, code_id, checkout_id).await? {
        let give_back = coupon_code::Entity::update_many()
            .col_expr(Code::Uses, Expr::col(Code::Uses).sub(1))
            .filter(Code::Id.eq(code_id));
        give_back.exec(transaction.orm()).await?;
    }
    Ok(())
}

/// Takes a use of a limited promotion for the checkout, once however often it is called. When there is none left,
/// nothing is changed. Whoever takes the last one raises the revision, so that no replica goes on giving the
/// promotion away.
pub async fn redeem_promotion(
    transaction: &Transaction,
    promotion_id: Uuid,
    checkout_id: Uuid,
    order_id: Uuid,
    now: DateTime<Utc>,
) -> Result<Redemption> {
    let orm = transaction.orm();
    let row = promotion_redemption::Model {
        promotion_id,
        checkout_id,
        order_id,
        create_time: now,
    };
    let held = OnConflict::columns([Holder::PromotionId, Holder::CheckoutId])
        .do_nothing()
        .to_owned();
    let insert = promotion_redemption::Entity::insert(row.into_active_model()).on_conflict(held);
    if insert.exec_without_returning(orm).await? == 0 {
        return Ok(Redemption::Held);
    }
    let count = promotion::Entity::update_many()
        .col_expr(Of::Uses, Expr::col(Of::Uses).add(1))
        .filter(Of::Id.eq(promotion_id))
        .filter(uses_left(Of::Uses, Of::MaxUses));
    let counted = count.exec_with_returning(orm).await?;
    let Some(promotion) = counted.into_iter().next() else {
        forget_holder(transaction, promotion_id, checkout_id).await?;
        let select = promotion::Entity::find_by_id(promotion_id);
        return Ok(refused(select.exists(orm).await?));
    };
    if promotion.max_uses == Some(promotion.uses) {
        revision::bump(transaction, Area::Promotions).await?;
    }
    Ok(Redemption::Held)
}

/// Gives back the use of a promotion that the checkout holds, if it holds one. Whoever gives back the first of a
/// promotion that had none left raises the revision.
pub async fn release_promotion(
    transaction: &Transaction,
    promotion_id: Uuid,
    checkout_id: Uuid,
) -> Result<()> {
    if !forget_holder(transaction, promotion_id, checkout_id).await? {
        return Ok(());
    }
    let update = promotion::Entity::update_many()
        .col_expr(Of::Uses, Expr::col(Of::Uses).sub(1))
        .filter(Of::Id.eq(promotion_id));
    let updated = update.exec_with_returning(transaction.orm()).await?;
    let first = |row: &promotion::Model| row.max_uses == row.uses.checked_add(1);
    if updated.first().is_some_and(first) {
        revision::bump(transaction, Area::Promotions).await?;
    }
    Ok(())
}

/// That a counter has not reached its limit.
fn uses_left<C: ColumnTrait>(uses: C, most: C) -> Condition {
    Condition::any()
        .add(most.is_null())
        .add(Expr::col(uses).lt(Expr::col(most)))
}

const fn refused(there: bool) -> Redemption {
    if there {
        Redemption::Exhausted
    } else {
        Redemption::Gone
    }
}

/// Answers whether the checkout held a use.
async fn forget_code_holder(
    transaction: &Transaction,
    code_id: Uuid,
    checkout_id: Uuid,
) -> Result<bool> {
    let delete = coupon_redemption::Entity::delete_by_id((code_id, checkout_id));
    Ok(delete.exec(transaction.orm()).await?.rows_affected == 1)
}

/// Answers whether the checkout held a use.
async fn forget_holder(
    transaction: &Transaction,
    promotion_id: Uuid,
    checkout_id: Uuid,
) -> Result<bool> {
    let delete = promotion_redemption::Entity::delete_by_id((promotion_id, checkout_id));
    Ok(delete.exec(transaction.orm()).await?.rows_affected == 1)
}

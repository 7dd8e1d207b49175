//! Promotions, coupon codes, and which checkouts hold uses of a code.

use chrono::{DateTime, Utc};
use sea_orm::{
    ColumnTrait, Condition, EntityTrait, ExprTrait, IntoActiveModel, PaginatorTrait, QueryFilter,
    QueryOrder, QuerySelect, SelectExt,
    sea_query::{Expr, OnConflict},
};
use uuid::Uuid;

use super::{
    Connection, Result, Transaction, document,
    entity::{
        coupon_code::{self, Column as Code},
        coupon_redemption::{self, Column as Holder},
        promotion,
    },
    parse,
    revision::{self, Area},
};
use crate::domain::{
    coupon::normalized,
    promotion::{CouponCode, Promotion},
};

/// What became of an attempt to redeem a code.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Redemption {
    /// The checkout holds a use, now or since before.
    Held,
    /// The code has been used as often as it can be.
    Exhausted,
    /// The customer has used the code as often as one can.
    CustomerExhausted,
    /// The code is no more.
    Gone,
}

/// Adds a promotion with its code. Answers false, and adds nothing, when the code is taken.
pub async fn insert(
    transaction: &Transaction,
    promotion: &Promotion,
    code: &CouponCode,
) -> Result<bool> {
    let orm = transaction.orm();
    let row = promotion::Model {
        id: promotion.id,
        name: promotion.name.clone(),
        enabled: promotion.enabled,
        start_time: promotion.start_time,
        end_time: promotion.end_time,
        create_time: promotion.create_time,
        document: document(promotion)?,
    };
    let insert = promotion::Entity::insert(row.into_active_model());
    insert.exec_without_returning(orm).await?;

    let row = coupon_code::Model {
        id: code.id,
        promotion_id: promotion.id,
        code: code.code.clone(),
        normalized_code: normalized(&code.code),
        max_uses: code.max_uses,
        max_uses_per_customer: code.max_uses_per_customer,
        uses: code.uses,
        create_time: code.create_time,
    };
    // A violated constraint would end the transaction on PostgreSQL; a conflict ignored does not.
    let taken = OnConflict::column(Code::NormalizedCode)
        .do_nothing()
        .to_owned();
    let insert = coupon_code::Entity::insert(row.into_active_model()).on_conflict(taken);
    if insert.exec_without_returning(orm).await? == 0 {
        promotion::Entity::delete_by_id(promotion.id)
            .exec(orm)
            .await?;
        return Ok(false);
    }
    revision::bump(transaction, Area::Promotions).await?;
    Ok(true)
}

/// The promotion with this id, if there is one.
pub async fn load(c: &impl Connection, id: Uuid) -> Result<Option<Promotion>> {
    let row = promotion::Entity::find_by_id(id).one(c.orm()).await?;
    row.as_ref().map(promotion_of).transpose()
}

/// Promotions by id, the newest first, older than `before`; at most `limit`.
pub async fn list(c: &impl Connection, before: Option<Uuid>, limit: u64) -> Result<Vec<Promotion>> {
    let id = promotion::Column::Id;
    let mut select = promotion::Entity::find().order_by_desc(id).limit(limit);
    if let Some(before) = before {
        select = select.filter(id.lt(before));
    }
    select
        .all(c.orm())
        .await?
        .iter()
        .map(promotion_of)
        .collect()
}

/// Deletes a promotion and its codes. Answers whether it was there.
pub async fn delete(transaction: &Transaction, id: Uuid) -> Result<bool> {
    let delete = promotion::Entity::delete_by_id(id);
    if delete.exec(transaction.orm()).await?.rows_affected == 0 {
        return Ok(false);
    }
    revision::bump(transaction, Area::Promotions).await?;
    Ok(true)
}

/// The codes of a promotion by id, the oldest first, newer than `after`; at most `limit`.
pub async fn list_codes(
    c: &impl Connection,
    promotion_id: Uuid,
    after: Option<Uuid>,
    limit: u64,
) -> Result<Vec<CouponCode>> {
    let mut select = coupon_code::Entity::find()
        .filter(Code::PromotionId.eq(promotion_id))
        .order_by_asc(Code::Id)
        .limit(limit);
    if let Some(after) = after {
        select = select.filter(Code::Id.gt(after));
    }
    let rows = select.all(c.orm()).await?;
    Ok(rows.into_iter().map(code_of).collect())
}

/// The code as a shopper enters it, in whatever case, with its promotion.
pub async fn find_code(c: &impl Connection, code: &str) -> Result<Option<(CouponCode, Promotion)>> {
    let found = with_promotions(c, Code::NormalizedCode.eq(normalized(code))).await?;
    Ok(found.into_iter().next())
}

/// Those of these codes that there are, with their promotions, in no particular order.
pub async fn codes(c: &impl Connection, ids: &[Uuid]) -> Result<Vec<(CouponCode, Promotion)>> {
    if ids.is_empty() {
        return Ok(Vec::new());
    }
    with_promotions(c, Code::Id.is_in(ids.iter().copied())).await
}

async fn with_promotions(c: &impl Connection, which: Expr) -> Result<Vec<(CouponCode, Promotion)>> {
    let select = coupon_code::Entity::find()
        .filter(which)
        .find_both_related(promotion::Entity);
    let rows = select.all(c.orm()).await?;
    rows.into_iter()
        .map(|(code, promotion)| Ok((code_of(code), promotion_of(&promotion)?)))
        .collect()
}

/// Deletes a code. Answers whether it was there.
pub async fn delete_code(transaction: &Transaction, code: &str) -> Result<bool> {
    let delete =
        coupon_code::Entity::delete_many().filter(Code::NormalizedCode.eq(normalized(code)));
    if delete.exec(transaction.orm()).await?.rows_affected == 0 {
        return Ok(false);
    }
    revision::bump(transaction, Area::Promotions).await?;
    Ok(true)
}

/// How many uses of the code checkouts of the customer hold.
pub async fn customer_uses(c: &impl Connection, code_id: Uuid, customer_id: &str) -> Result<i64> {
    let select = coupon_redemption::Entity::find()
        .filter(Holder::CodeId.eq(code_id))
        .filter(Holder::CustomerId.eq(customer_id));
    Ok(select.count(c.orm()).await?.try_into().unwrap_or(i64::MAX))
}

/// Takes a use of a limited code for the checkout, once however often it is called. When there is none left,
/// nothing is changed. Whoever redeems several codes does so in the order of their ids, so that two of them
/// wait for each other rather than deadlock.
///
/// Limits are exact: raising the counter locks the code's row until the transaction ends, so those who redeem
/// one code pass here one at a time. At `READ COMMITTED` each statement sees what was committed before it began.
/// The count of the customer's uses begins after the lock was obtained, so it sees those of all who passed
/// before. On SQLite there is one writer anyway.
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
    let held = OnConflict::columns([Holder::CodeId, Holder::CheckoutId])
        .do_nothing()
        .to_owned();
    let insert = coupon_redemption::Entity::insert(row.into_active_model()).on_conflict(held);
    if insert.exec_without_returning(orm).await? == 0 {
        return Ok(Redemption::Held);
    }
    let uses_left = Condition::any()
        .add(Code::MaxUses.is_null())
        .add(Expr::col(Code::Uses).lt(Expr::col(Code::MaxUses)));
    let count = coupon_code::Entity::update_many()
        .col_expr(Code::Uses, Expr::col(Code::Uses).add(1))
        .filter(Code::Id.eq(code_id))
        .filter(uses_left);
    let Some(code) = count.exec_with_returning(orm).await?.into_iter().next() else {
        forget_holder(transaction, code_id, checkout_id).await?;
        let select = coupon_code::Entity::find_by_id(code_id);
        return Ok(if select.exists(orm).await? {
            Redemption::Exhausted
        } else {
            Redemption::Gone
        });
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
    if forget_holder(transaction, code_id, checkout_id).await? {
        let give_back = coupon_code::Entity::update_many()
            .col_expr(Code::Uses, Expr::col(Code::Uses).sub(1))
            .filter(Code::Id.eq(code_id));
        give_back.exec(transaction.orm()).await?;
    }
    Ok(())
}

/// Answers whether the checkout held a use.
async fn forget_holder(
    transaction: &Transaction,
    code_id: Uuid,
    checkout_id: Uuid,
) -> Result<bool> {
    let delete = coupon_redemption::Entity::delete_by_id((code_id, checkout_id));
    Ok(delete.exec(transaction.orm()).await?.rows_affected == 1)
}

fn promotion_of(row: &promotion::Model) -> Result<Promotion> {
    parse("promotion", &row.document)
}

fn code_of(row: coupon_code::Model) -> CouponCode {
    CouponCode {
        id: row.id,
        promotion_id: row.promotion_id,
        code: row.code,
        max_uses: row.max_uses,
        max_uses_per_customer: row.max_uses_per_customer,
        uses: row.uses,
        create_time: row.create_time,
    }
}

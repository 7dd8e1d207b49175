//! The codes of promotions.

use sea_orm::{
    ColumnTrait, EntityTrait, IntoActiveModel, QueryFilter, QueryOrder, QuerySelect,
    sea_query::{Expr, OnConflict},
};
use uuid::Uuid;

use super::promotion_of;
use crate::{
    domain::{
        coupon::normalized,
        promotion::{CouponCode, Promotion},
    },
    store::{
        Connection, Result, Transaction,
        entity::{
            coupon_code::{Column, Entity, Model},
            promotion,
        },
        revision::{self, Area},
    },
};

/// Rows of one statement: no database takes any number of parameters.
const MAX_ROWS: usize = 1_000;

/// Adds those of the codes that are not taken yet, and answers how many. Their promotions have to be there until the
/// transaction ends: see [`hold`](super::hold).
pub async fn insert_codes(transaction: &Transaction, codes: &[CouponCode]) -> Result<u64> {
    let mut inserted = 0_u64;
    for codes in codes.chunks(MAX_ROWS) {
        let rows = codes.iter().map(|code| row_of(code).into_active_model());
        // A violated constraint would end the transaction on PostgreSQL; a conflict ignored does not.
        let taken = OnConflict::column(Column::NormalizedCode)
            .do_nothing()
            .to_owned();
        let insert = Entity::insert_many(rows).on_conflict(taken);
        let added = insert.exec_without_returning(transaction.orm()).await?;
        inserted = inserted.saturating_add(added);
    }
    Ok(inserted)
}

/// The codes of a promotion by id, the oldest first, newer than `after`; at most `limit`. With a batch only those that
/// were generated in it.
pub async fn list_codes(
    c: &impl Connection,
    promotion_id: Uuid,
    batch_id: Option<Uuid>,
    after: Option<Uuid>,
    limit: u64,
) -> Result<Vec<CouponCode>> {
    let mut select = Entity::find()
        .filter(Column::PromotionId.eq(promotion_id))
        .order_by_asc(Column::Id)
        .limit(limit);
    if let Some(batch_id) = batch_id {
        select = select.filter(Column::BatchId.eq(batch_id));
    }
    if let Some(after) = after {
        select = select.filter(Column::Id.gt(after));
    }
    let rows = select.all(c.orm()).await?;
    Ok(rows.into_iter().map(code_of).collect())
}

/// The texts of all codes of a batch, in the order in which they were made.
pub async fn batch(c: &impl Connection, batch_id: Uuid) -> Result<Vec<String>> {
    let select = Entity::find()
        .filter(Column::BatchId.eq(batch_id))
        .order_by_asc(Column::Id)
        .select_only()
        .column(Column::Code);
    Ok(select.into_tuple().all(c.orm()).await?)
}

/// The code as a shopper enters it, in whatever case, with its promotion.
pub async fn find_code(c: &impl Connection, code: &str) -> Result<Option<(CouponCode, Promotion)>> {
    let found = with_promotions(c, Column::NormalizedCode.eq(normalized(code))).await?;
    Ok(found.into_iter().next())
}

/// Those of these codes that there are, with their promotions, in no particular order.
pub async fn codes(c: &impl Connection, ids: &[Uuid]) -> Result<Vec<(CouponCode, Promotion)>> {
    if ids.is_empty() {
        return Ok(Vec::new());
    }
    with_promotions(c, Column::Id.is_in(ids.iter().copied())).await
}

async fn with_promotions(c: &impl Connection, which: Expr) -> Result<Vec<(CouponCode, Promotion)>> {
    let select = Entity::find()
        .filter(which)
        .find_both_related(promotion::Entity);
    let rows = select.all(c.orm()).await?;
    rows.into_iter()
        .map(|(code, promotion)| Ok((code_of(code), promotion_of(&promotion)?)))
        .collect()
}

/// Deletes a code. Answers it, if it was there.
pub async fn delete_code(transaction: &Transaction, code: &str) -> Result<Option<CouponCode>> {
    let delete = Entity::delete_many().filter(Column::NormalizedCode.eq(normalized(code)));
    let deleted = delete.exec_with_returning(transaction.orm()).await?;
    let Some(code) = deleted.into_iter().next().map(code_of) else {
        return Ok(None);
    };
    revision::bump(transaction, Area::Promotions).await?;
    Ok(Some(code))
}

fn row_of(code: &CouponCode) -> Model {
    Model {
        id: code.id,
        promotion_id: code.promotion_id,
        code: code.code.clone(),
        normalized_code: normalized(&code.code),
        batch_id: code.batch_id,
        max_uses: code.max_uses,
        max_uses_per_customer: code.max_uses_per_customer,
        uses: code.uses,
        create_time: code.create_time,
    }
}

fn code_of(row: Model) -> CouponCode {
    CouponCode {
        id: row.id,
        promotion_id: row.promotion_id,
        code: row.code,
        batch_id: row.batch_id,
        max_uses: row.max_uses,
        max_uses_per_customer: row.max_uses_per_customer,
        uses: row.uses,
        create_time: row.create_time,
    }
}

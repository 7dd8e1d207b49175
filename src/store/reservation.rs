//! Until when checkouts hold what they have reserved: uses of codes and promotions, money of balances.
//!
//! What is held is in the tables of [`promotion`](super::promotion) and [`balance`](super::balance). A checkout without a
//! row here holds nothing, or what it holds does not lapse: a payment needs it, or has used it up. Whoever changes what a
//! checkout holds has locked the checkout first, by [changing it](super::checkout::replace) or by
//! [asking who paid it](super::order::paid_order_of).

use chrono::{DateTime, Utc};
use sea_orm::{
    ColumnTrait, EntityTrait, IntoActiveModel, QueryFilter, QueryOrder, QuerySelect,
    sea_query::OnConflict,
};
use uuid::Uuid;

use super::{
    Connection, Result, Transaction,
    entity::reservation::{Column, Entity, Model},
};

/// Lets what the checkout holds lapse at this time, whatever was said before.
pub async fn keep(
    transaction: &Transaction,
    checkout_id: Uuid,
    expire_time: DateTime<Utc>,
) -> Result<()> {
    let row = Model {
        checkout_id,
        expire_time,
    };
    let renewed = OnConflict::column(Column::CheckoutId)
        .update_column(Column::ExpireTime)
        .to_owned();
    let upsert = Entity::insert(row.into_active_model()).on_conflict(renewed);
    upsert.exec_without_returning(transaction.orm()).await?;
    Ok(())
}

/// Lets what the checkout holds lapse at this time, unless it lapses at another.
pub async fn unpin(
    transaction: &Transaction,
    checkout_id: Uuid,
    expire_time: DateTime<Utc>,
) -> Result<()> {
    let row = Model {
        checkout_id,
        expire_time,
    };
    let insert = Entity::insert(row.into_active_model()).on_conflict_do_nothing();
    insert.exec_without_returning(transaction.orm()).await?;
    Ok(())
}

/// Lets nothing lapse that the checkout holds. Answers whether it would have.
pub async fn pin(transaction: &Transaction, checkout_id: Uuid) -> Result<bool> {
    let delete = Entity::delete_by_id(checkout_id);
    Ok(delete.exec(transaction.orm()).await?.rows_affected == 1)
}

/// The checkouts whose reservations have lapsed, the longest first; at most `limit`.
pub async fn lapsed(c: &impl Connection, now: DateTime<Utc>, limit: u64) -> Result<Vec<Uuid>> {
    let select = Entity::find()
        .select_only()
        .column(Column::CheckoutId)
        .filter(Column::ExpireTime.lte(now))
        .order_by_asc(Column::ExpireTime)
        .limit(limit);
    Ok(select.into_tuple().all(c.orm()).await?)
}

/// Claims what the checkout has reserved, to give it back. Answers false when it has not lapsed, or somebody else was first.
pub async fn claim(
    transaction: &Transaction,
    checkout_id: Uuid,
    now: DateTime<Utc>,
) -> Result<bool> {
    let delete = Entity::delete_by_id(checkout_id).filter(Column::ExpireTime.lte(now));
    Ok(delete.exec(transaction.orm()).await?.rows_affected == 1)
}

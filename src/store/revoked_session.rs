//! Sessions that were revoked, until they would have ended anyway.

use std::collections::HashSet;

use chrono::{DateTime, Utc};
use sea_orm::{
    ActiveValue::Set,
    ColumnTrait, EntityTrait, Order, QueryFilter, QuerySelect,
    sea_query::{OnConflict, Query},
};
use uuid::Uuid;

use super::{
    Connection, Result, Transaction,
    entity::revoked_session::{ActiveModel, Column, Entity},
    revision::{self, Area},
};

/// Revokes a session that ends by itself at a time. One that is revoked already stays so.
pub async fn insert(
    transaction: &Transaction,
    session_id: Uuid,
    expire_time: DateTime<Utc>,
) -> Result<()> {
    let row = ActiveModel {
        session_id: Set(session_id),
        expire_time: Set(expire_time),
    };
    let known = OnConflict::column(Column::SessionId)
        .do_nothing()
        .to_owned();
    let insert = Entity::insert(row).on_conflict(known);
    insert.exec_without_returning(transaction.orm()).await?;
    revision::bump(transaction, Area::Access).await
}

/// Those that were revoked and have not ended at `now`.
pub async fn living(c: &impl Connection, now: DateTime<Utc>) -> Result<HashSet<Uuid>> {
    let select = Entity::find()
        .select_only()
        .column(Column::SessionId)
        .filter(Column::ExpireTime.gt(now));
    let ids: Vec<Uuid> = select.into_tuple().all(c.orm()).await?;
    Ok(ids.into_iter().collect())
}

/// Forgets up to `limit` of those that ended before `time`, and answers how many it forgot.
pub async fn forget_before(c: &impl Connection, time: DateTime<Utc>, limit: u64) -> Result<u64> {
    let ended = Query::select()
        .column(Column::SessionId)
        .from(Entity)
        .and_where(Column::ExpireTime.lt(time))
        .order_by(Column::ExpireTime, Order::Asc)
        .limit(limit)
        .to_owned();
    let delete = Entity::delete_many().filter(Column::SessionId.in_subquery(ended));
    Ok(delete.exec(c.orm()).await?.rows_affected)
}

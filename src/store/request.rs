//! The answers to requests that carry an id, so that one that comes again is answered again. Those that change
//! a checkout are remembered by the checkout itself.

use chrono::{DateTime, TimeDelta, Utc};
use sea_orm::{
    ActiveValue::Set,
    ColumnTrait, EntityTrait, Order, QueryFilter, QuerySelect,
    sea_query::{OnConflict, Query},
};
use uuid::Uuid;

use super::{
    Connection, Result, Transaction,
    entity::request::{ActiveModel, Column, Entity},
};
use crate::domain::checkout::{REQUEST_MEMORY_HOURS, RequestKey};

/// The digest and the answer of the request with this id, if it came at `not_before` or later.
pub async fn find(
    c: &impl Connection,
    id: Uuid,
    not_before: DateTime<Utc>,
) -> Result<Option<(String, String)>> {
    let select = Entity::find_by_id(id)
        .filter(Column::Time.gte(not_before))
        .select_only()
        .columns([Column::Digest, Column::Answer]);
    Ok(select.into_tuple().one(c.orm()).await?)
}

/// Takes the id for the transaction that does what the request asks for. Answers false when another one had it
/// within the last 24 hours; one that still runs is waited for.
pub async fn claim(
    transaction: &Transaction,
    key: &RequestKey,
    now: DateTime<Utc>,
) -> Result<bool> {
    let row = ActiveModel {
        id: Set(key.id),
        digest: Set(key.digest.clone()),
        answer: Set(String::new()),
        time: Set(now),
    };
    let forgotten = now - TimeDelta::hours(REQUEST_MEMORY_HOURS);
    let take_over = OnConflict::column(Column::Id)
        .update_columns([Column::Digest, Column::Answer, Column::Time])
        .action_and_where(Column::Time.lt(forgotten))
        .to_owned();
    let insert = Entity::insert(row).on_conflict(take_over);
    let claimed = insert.exec_without_returning(transaction.orm()).await?;
    Ok(claimed == 1)
}

/// Keeps the answer of a claimed request.
pub async fn answer(transaction: &Transaction, id: Uuid, answer: &str) -> Result<()> {
    let row = ActiveModel {
        answer: Set(answer.to_owned()),
        ..ActiveModel::default()
    };
    let update = Entity::update_many().set(row).filter(Column::Id.eq(id));
    update.exec(transaction.orm()).await?;
    Ok(())
}

/// Forgets up to `limit` of the requests that came before `time`, and answers how many it forgot.
pub async fn forget_before(c: &impl Connection, time: DateTime<Utc>, limit: u64) -> Result<u64> {
    let oldest = Query::select()
        .column(Column::Id)
        .from(Entity)
        .and_where(Column::Time.lt(time))
        .order_by(Column::Time, Order::Asc)
        .limit(limit)
        .to_owned();
    let delete = Entity::delete_many()
        .filter(Column::Id.in_subquery(oldest))
        // One of them may be taken over meanwhile.
        .filter(Column::Time.lt(time));
    Ok(delete.exec(c.orm()).await?.rows_affected)
}

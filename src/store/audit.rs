//! The audit log. Entries are written once, and deleted when they are old.

use chrono::{DateTime, Utc};
use sea_orm::{
    ActiveValue::Set, ColumnTrait, EntityTrait, Order, QueryFilter, QueryOrder, QuerySelect,
    sea_query::Query,
};
use uuid::Uuid;

use super::{
    Connection, Result, Transaction, document,
    entity::audit_entry::{ActiveModel, Column, Entity, Model},
    first_id_at, parse,
};
use crate::domain::audit::AuditEntry;

/// Adds an entry, in the transaction that does what it tells.
pub async fn insert(transaction: &Transaction, entry: AuditEntry) -> Result<()> {
    let row = ActiveModel {
        id: Set(entry.id),
        time: Set(entry.time),
        caller: Set(entry.caller),
        action: Set(entry.action),
        subject_kind: Set(entry.subject_kind),
        subject_ids: Set(document(&entry.subject_ids)?),
        request_id: Set(entry.request_id),
    };
    let insert = Entity::insert(row);
    insert.exec_without_returning(transaction.orm()).await?;
    Ok(())
}

/// The entries since a time, if one is given, after that with the id `after`; the oldest first, at most `limit`.
pub async fn list(
    c: &impl Connection,
    since: Option<DateTime<Utc>>,
    after: Uuid,
    limit: u64,
) -> Result<Vec<AuditEntry>> {
    let mut select = Entity::find()
        .filter(Column::Id.gt(after))
        .order_by_asc(Column::Id)
        .limit(limit);
    if let Some(since) = since {
        select = select
            .filter(Column::Id.gte(first_id_at(since)))
            .filter(Column::Time.gte(since));
    }
    let rows = select.all(c.orm()).await?;
    rows.into_iter().map(entry_of).collect()
}

/// Deletes up to `limit` of the entries from before `time`, and answers how many they were.
pub async fn forget_before(c: &impl Connection, time: DateTime<Utc>, limit: u64) -> Result<u64> {
    let oldest = Query::select()
        .column(Column::Id)
        .from(Entity)
        .and_where(Column::Id.lt(first_id_at(time)))
        .order_by(Column::Id, Order::Asc)
        .limit(limit)
        .to_owned();
    let delete = Entity::delete_many().filter(Column::Id.in_subquery(oldest));
    Ok(delete.exec(c.orm()).await?.rows_affected)
}

fn entry_of(row: Model) -> Result<AuditEntry> {
    Ok(AuditEntry {
        id: row.id,
        time: row.time,
        caller: row.caller,
        action: row.action,
        subject_kind: row.subject_kind,
        subject_ids: parse("audit entry", &row.subject_ids)?,
        request_id: row.request_id,
    })
}

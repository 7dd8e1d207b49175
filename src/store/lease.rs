//! Work that every replica can do and one does at a time.

use chrono::{DateTime, TimeDelta, Utc};
use sea_orm::{
    EntityTrait, ExprTrait, IntoActiveModel,
    sea_query::{Expr, OnConflict},
};
use uuid::Uuid;

use super::{
    Connection, Result,
    entity::lease::{Column, Entity, Model},
};

/// Takes or renews the lease on the work of this name. Answers false while another holder has it.
///
/// The clocks of replicas differ, and a holder can be slow: what is done under a lease has to be safe without it.
pub async fn take(
    c: &impl Connection,
    name: &str,
    holder: Uuid,
    now: DateTime<Utc>,
    length: TimeDelta,
) -> Result<bool> {
    let row = Model {
        name: name.to_owned(),
        holder,
        expire_time: now + length,
    };
    let free = Expr::col((Entity, Column::Holder)).eq(holder);
    let free = free.or(Expr::col((Entity, Column::ExpireTime)).lte(now));
    let taken = OnConflict::column(Column::Name)
        .update_columns([Column::Holder, Column::ExpireTime])
        .action_and_where(free)
        .to_owned();
    let upsert = Entity::insert(row.into_active_model()).on_conflict(taken);
    Ok(upsert.exec_without_returning(c.orm()).await? == 1)
}

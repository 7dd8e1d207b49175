//! What the tax provider is still to be told of orders: at most one task for each order.
//!
//! A task is written in the transaction that changes its order, and deleted once the provider has answered, so none is
//! lost, and one that was done may be done again when its replica dies before it is deleted. Whoever does it claims it
//! by moving its due time, so that others leave it alone meanwhile.

use chrono::{DateTime, Utc};
use sea_orm::{
    ColumnTrait, EntityTrait, ExprTrait, IntoActiveModel, QueryFilter, QueryOrder, QuerySelect,
    sea_query::{Expr, OnConflict},
};
use uuid::Uuid;

use super::{
    Connection, Result, StoreError, Transaction,
    entity::tax_task::{Column, Entity, Model},
};

/// What the provider is to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TaxAction {
    /// Record the taxes of a paid order.
    Commit,
    /// Take back what was recorded of a cancelled one, or will never be.
    Void,
}

/// One thing to tell the provider.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TaxTask {
    /// Of which order.
    pub order_id: Uuid,
    /// What.
    pub action: TaxAction,
    /// How often it has been tried.
    pub attempts: i64,
}

impl TaxAction {
    const fn name(self) -> &'static str {
        match self {
            Self::Commit => "commit",
            Self::Void => "void",
        }
    }
}

/// Adds a task that is due now. It replaces another one of the order, of which it keeps the due time: whoever does that
/// one at the moment ends first.
pub async fn put(
    transaction: &Transaction,
    order_id: Uuid,
    action: TaxAction,
    now: DateTime<Utc>,
) -> Result<()> {
    let row = Model {
        order_id,
        action: action.name().to_owned(),
        attempts: 0,
        due_time: now,
        create_time: now,
    };
    let replaced = OnConflict::column(Column::OrderId)
        .update_columns([Column::Action, Column::Attempts, Column::CreateTime])
        .to_owned();
    let upsert = Entity::insert(row.into_active_model()).on_conflict(replaced);
    upsert.exec_without_returning(transaction.orm()).await?;
    Ok(())
}

/// The orders with a task that is due, the longest first; at most `limit`.
pub async fn due(c: &impl Connection, now: DateTime<Utc>, limit: u64) -> Result<Vec<Uuid>> {
    let select = Entity::find()
        .select_only()
        .column(Column::OrderId)
        .filter(Column::DueTime.lte(now))
        .order_by_asc(Column::DueTime)
        .limit(limit);
    Ok(select.into_tuple().all(c.orm()).await?)
}

/// Claims the task of an order until a time; none when somebody else has, or has done it.
pub async fn claim(
    c: &impl Connection,
    order_id: Uuid,
    now: DateTime<Utc>,
    until: DateTime<Utc>,
) -> Result<Option<TaxTask>> {
    let update = Entity::update_many()
        .col_expr(Column::DueTime, Expr::value(until))
        .col_expr(Column::Attempts, Expr::col(Column::Attempts).add(1))
        .filter(Column::OrderId.eq(order_id))
        .filter(Column::DueTime.lte(now));
    let claimed = update.exec_with_returning(c.orm()).await?;
    claimed.into_iter().next().map(task_of).transpose()
}

/// Deletes a task that was done, unless another one has replaced it.
pub async fn done(c: &impl Connection, task: &TaxTask) -> Result<()> {
    let delete = Entity::delete_many()
        .filter(Column::OrderId.eq(task.order_id))
        .filter(Column::Action.eq(task.action.name()));
    delete.exec(c.orm()).await?;
    Ok(())
}

/// Makes a claimed task, or the one that has replaced it, due at another time.
pub async fn postpone(c: &impl Connection, task: &TaxTask, due_time: DateTime<Utc>) -> Result<()> {
    let update = Entity::update_many()
        .col_expr(Column::DueTime, Expr::value(due_time))
        .filter(Column::OrderId.eq(task.order_id));
    update.exec(c.orm()).await?;
    Ok(())
}

fn task_of(row: Model) -> Result<TaxTask> {
    let actions = [TaxAction::Commit, TaxAction::Void];
    let action = actions.into_iter().find(|a| a.name() == row.action);
    Ok(TaxTask {
        order_id: row.order_id,
        action: action.ok_or_else(|| StoreError::corrupt("tax action", row.action))?,
        attempts: row.attempts,
    })
}

//! Events: written with what they tell of, then placed, then read by position.
//!
//! Transactions are not committed in the order in which they begin. So an event gets its position after it is committed:
//! whoever reads all positions up to one has missed nothing before it.

use std::time::Duration;

use super::{
    Connection, Database, Result, StoreError, Transaction, document,
    entity::{
        event::{ActiveModel, Column, Entity, Model},
        event_mark,
    },
    parse,
};
use crate::domain::event::{Event, EventKind, PlacedEvent, Subject};
use chrono::{DateTime, Utc};
use sea_orm::{
    ActiveModelTrait as _,
    ActiveValue::{NotSet, Set},
    ColumnTrait, ConnectionTrait as _, DbBackend, EntityTrait, Iterable as _, QueryFilter,
    QueryOrder, QuerySelect, Select, SelectExt, Statement,
    sea_query::{CommonTableExpression, Expr, InsertStatement, Query, UpdateStatement},
    sqlx::postgres::{PgListener, PgPoolOptions},
};

/// The channel on which PostgreSQL tells replicas that events were placed.
const CHANNEL: &str = "cartwright_events";
/// How long to wait for the connection that listens.
const LISTEN_TIMEOUT: Duration = Duration::from_secs(5);
/// Events that are placed at once.
const PLACED_AT_ONCE: i64 = 1_000;

/// Up to which position something was done with events.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mark {
    /// Positions were given.
    Placed,
    /// Events were published elsewhere.
    Published,
    /// Abandoned carts were looked for.
    LookedThrough,
}

impl Mark {
    const fn name(self) -> &'static str {
        match self {
            Self::Placed => "placed",
            Self::Published => "published",
            Self::LookedThrough => "looked_through",
        }
    }
}

/// Writes events in the transaction that does what they tell of.
pub async fn insert(transaction: &Transaction, events: &[Event]) -> Result<()> {
    if events.is_empty() {
        return Ok(());
    }
    let rows = events.iter().map(row_of).collect::<Result<Vec<_>>>()?;
    let insert = Entity::insert_many(rows);
    insert.exec_without_returning(transaction.orm()).await?;
    Ok(())
}

/// A change of at most one row.
pub(super) enum Change {
    /// The row is added.
    Insert(InsertStatement),
    /// The row is changed if it is still as it should be.
    Update(UpdateStatement),
}

/// Makes a change together with its event, and answers whether the change was made. On PostgreSQL that is one statement;
/// SQLite, which knows none that changes two tables, has them in a transaction of their own.
pub(super) async fn change(c: &impl Connection, change: Change, event: &Event) -> Result<bool> {
    let orm = c.orm();
    if orm.get_database_backend() == DbBackend::Postgres {
        let both = both(change, event)?;
        return Ok(orm.execute(&both).await?.rows_affected() == 1);
    }
    let transaction = c.begin_here().await?;
    let changed = match &change {
        Change::Insert(insert) => transaction.orm().execute(insert).await?,
        Change::Update(update) => transaction.orm().execute(update).await?,
    };
    if changed.rows_affected() == 0 {
        return Ok(false);
    }
    insert(&transaction, std::slice::from_ref(event)).await?;
    transaction.commit().await?;
    Ok(true)
}

/// The statement that adds the event if the change was made.
fn both(change: Change, event: &Event) -> Result<InsertStatement> {
    let mut changed = CommonTableExpression::new();
    changed.table_name("changed");
    match change {
        Change::Insert(mut insert) => changed.query(insert.returning_col("id").take()),
        Change::Update(mut update) => changed.query(update.returning_col("id").take()),
    };
    let row = row_of(event)?;
    let mut select = Query::select();
    let mut columns = Vec::new();
    for column in Column::iter() {
        if let Some(value) = row.get(column).into_value() {
            columns.push(column);
            select.expr(Expr::value(value));
        }
    }
    let select = select.from("changed").take();
    let mut insert = Query::insert();
    insert.into_table(Entity).columns(columns);
    insert
        .select_from(select)
        .map_err(|error| StoreError::Other(error.into()))?;
    Ok(insert.with_cte(changed).take())
}

/// Gives committed events that wait their positions, by the time at which they happened. Answers how many; when they are
/// many, some may be left. Replicas take turns at it.
///
/// The turn begins with a statement of its own: those after it see everything that the one before has placed.
pub async fn place(database: &Database) -> Result<u64> {
    let transaction = database.begin().await?;
    let last = hold_mark(&transaction, Mark::Placed).await?;
    let orm = transaction.orm();
    let backend = orm.get_database_backend();
    let statement =
        Statement::from_sql_and_values(backend, PLACE, [last.into(), PLACED_AT_ONCE.into()]);
    let placed = orm.execute_raw(statement).await?.rows_affected();
    if placed == 0 {
        return Ok(0);
    }
    let new = i64::try_from(placed).unwrap_or(i64::MAX);
    move_mark(&transaction, Mark::Placed, last.saturating_add(new)).await?;
    if backend == DbBackend::Postgres {
        // At its commit the server lets no other transaction that tells something commit, so this is done here, once for
        // many events, and not by those who write them.
        orm.execute_unprepared(&format!("NOTIFY {CHANNEL}")).await?;
    }
    transaction.commit().await?;
    Ok(placed)
}

/// The positions follow the last one that was given, $1; there are up to $2 of them.
const PLACE: &str = "UPDATE events SET position = $1 + waiting.number FROM (
        SELECT id, row_number() OVER (ORDER BY time, id) AS number FROM (
            SELECT id, time FROM events WHERE position IS NULL ORDER BY time, id LIMIT $2
        ) AS oldest
    ) AS waiting WHERE events.id = waiting.id";

/// Whether events wait for their positions.
pub async fn any_waiting(c: &impl Connection) -> Result<bool> {
    let waiting = Entity::find().filter(Column::Position.is_null());
    Ok(waiting.exists(c.orm()).await?)
}

/// The events after a position, in their order; at most `limit`. What is between them was deleted because it was too old.
pub async fn list(c: &impl Connection, after: i64, limit: u64) -> Result<Vec<PlacedEvent>> {
    let select = Entity::find()
        .filter(Column::Position.gt(after))
        .order_by_asc(Column::Position)
        .limit(limit);
    let rows = select.all(c.orm()).await?;
    rows.into_iter().map(event_of).collect()
}

/// Deletes the oldest events if they happened before `time` and all that these marks stand for was done with them; at most
/// `limit`. Answers how many. The newest event is always kept, so that whoever has read up to it finds no gap.
pub async fn forget_before(
    c: &impl Connection,
    time: DateTime<Utc>,
    marks: &[Mark],
    limit: u64,
) -> Result<u64> {
    let mut until = mark(c, Mark::Placed).await?.saturating_sub(1);
    for done in marks {
        until = until.min(mark(c, *done).await?);
    }
    let select = Entity::find()
        .select_only()
        .columns([Column::Position, Column::Time])
        .filter(Column::Position.lte(until))
        .order_by_asc(Column::Position)
        .limit(limit);
    let oldest: Vec<(i64, DateTime<Utc>)> = select.into_tuple().all(c.orm()).await?;
    let mut old = oldest.into_iter().take_while(|(_, at)| *at < time);
    let Some((last, _)) = old.by_ref().last() else {
        return Ok(0);
    };
    let delete = Entity::delete_many().filter(Column::Position.lte(last));
    Ok(delete.exec(c.orm()).await?.rows_affected)
}

/// Up to which position something was done.
pub async fn mark(c: &impl Connection, mark: Mark) -> Result<i64> {
    position_of(event_mark::Entity::find_by_id(mark.name()), c).await
}

/// The same, and nobody else can do that until the transaction ends.
pub async fn hold_mark(transaction: &Transaction, mark: Mark) -> Result<i64> {
    let select = event_mark::Entity::find_by_id(mark.name()).lock_exclusive();
    position_of(select, transaction).await
}

async fn position_of(select: Select<event_mark::Entity>, c: &impl Connection) -> Result<i64> {
    let select = select.select_only().column(event_mark::Column::Position);
    let position = select.into_tuple().one(c.orm()).await?;
    position.ok_or_else(|| StoreError::corrupt("mark of events", "its row is gone"))
}

/// Remembers up to which position something was done.
pub async fn move_mark(transaction: &Transaction, mark: Mark, position: i64) -> Result<()> {
    let update = event_mark::Entity::update_many()
        .col_expr(event_mark::Column::Position, Expr::value(position))
        .filter(event_mark::Column::Name.eq(mark.name()));
    update.exec(transaction.orm()).await?;
    Ok(())
}

/// The same without a lock, unless somebody has done it up to a later position.
pub async fn raise_mark(c: &impl Connection, mark: Mark, position: i64) -> Result<()> {
    let update = event_mark::Entity::update_many()
        .col_expr(event_mark::Column::Position, Expr::value(position))
        .filter(event_mark::Column::Name.eq(mark.name()))
        .filter(event_mark::Column::Position.lt(position));
    update.exec(c.orm()).await?;
    Ok(())
}

/// Hears when any replica has placed events. It has a connection of its own.
#[derive(Debug)]
pub struct Listener(PgListener);

/// Begins to listen; none on SQLite, which has one replica.
pub async fn listen(database: &Database) -> Result<Option<Listener>> {
    let orm = database.orm();
    if orm.get_database_backend() != DbBackend::Postgres {
        return Ok(None);
    }
    let options = database.postgres_options();
    let pool = PgPoolOptions::new()
        .max_connections(1)
        .acquire_timeout(LISTEN_TIMEOUT)
        .max_lifetime(None)
        .idle_timeout(None)
        .connect_lazy_with(options);
    let mut listener = PgListener::connect_with(&pool).await?;
    listener.listen(CHANNEL).await?;
    Ok(Some(Listener(listener)))
}

impl Listener {
    /// Waits until events were placed, or may have been. After an error another one has to be made. Whoever drops the
    /// future may miss something.
    pub async fn heard(&mut self) -> Result<()> {
        // Without a notification, the connection was lost and another one was made.
        self.0.try_recv().await?;
        Ok(())
    }
}

fn row_of(event: &Event) -> Result<ActiveModel> {
    let (checkout_id, checkout_version) = match &event.subject {
        Subject::Checkout(change) => (Some(change.checkout_id), Some(change.version)),
        _ => (None, None),
    };
    Ok(ActiveModel {
        id: Set(event.id),
        position: NotSet,
        time: Set(event.time),
        kind: Set(event.kind.name().to_owned()),
        checkout_id: Set(checkout_id),
        checkout_version: Set(checkout_version),
        traceparent: Set(event.traceparent.clone()),
        document: Set(document(&event.subject)?),
    })
}

fn event_of(row: Model) -> Result<PlacedEvent> {
    let kind = EventKind::named(&row.kind);
    let event = Event {
        id: row.id,
        time: row.time,
        kind: kind.ok_or_else(|| StoreError::corrupt("event kind", row.kind.as_str()))?,
        subject: parse("event", &row.document)?,
        traceparent: row.traceparent,
    };
    Ok(PlacedEvent {
        position: row.position.unwrap_or_default(),
        event,
    })
}

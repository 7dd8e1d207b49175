//! Checkouts: one row each. Reading is one statement, and so is a change.

use chrono::{DateTime, Utc};
use sea_orm::{
    ActiveValue::NotSet,
    ActiveValue::Set,
    ColumnTrait, Condition, EntityTrait, ExprTrait, QueryFilter, QueryOrder, QuerySelect,
    QueryTrait, Select, SelectGetableTuple, Selector,
    sea_query::{Expr, Query},
};
use uuid::Uuid;

use super::{
    Connection, Result, Transaction, document,
    entity::{
        checkout::{ActiveModel, Column, Entity},
        order,
    },
    event::{self, Change},
    first_id_at, parse,
};
use crate::domain::{
    checkout::{Checkout, CheckoutState},
    event::Event,
    order::OrderStatus,
};

/// Adds a checkout, and tells of it.
pub async fn insert(c: &impl Connection, checkout: &Checkout, event: &Event) -> Result<()> {
    let insert = Entity::insert(row(checkout)?).into_query();
    event::change(c, Change::Insert(insert), event).await?;
    Ok(())
}

/// The checkout with this id, if there is one.
pub async fn load(c: &impl Connection, id: Uuid) -> Result<Option<Checkout>> {
    load_one(c, Entity::find_by_id(id)).await
}

/// The same, which nobody changes before the transaction ends; nor is any order of it created or paid.
pub async fn hold(transaction: &Transaction, id: Uuid) -> Result<Option<Checkout>> {
    load_one(transaction, Entity::find_by_id(id).lock_exclusive()).await
}

/// Those of these checkouts that there are, in any order.
pub async fn load_all(c: &impl Connection, ids: &[Uuid]) -> Result<Vec<Checkout>> {
    let select = Entity::find().filter(Column::Id.is_in(ids.iter().copied()));
    let rows = readable(select).all(c.orm()).await?;
    rows.into_iter().map(read).collect()
}

async fn load_one(c: &impl Connection, select: Select<Entity>) -> Result<Option<Checkout>> {
    let row = readable(select).one(c.orm()).await?;
    row.map(read).transpose()
}

/// What is read of a checkout: version, paid order and document.
type Readable = (i64, Option<Uuid>, String);

fn readable(select: Select<Entity>) -> Selector<SelectGetableTuple<Readable>> {
    let columns = [Column::Version, Column::PaidOrderId, Column::Document];
    select.select_only().columns(columns).into_tuple()
}

fn read((version, paid_order_id, document): Readable) -> Result<Checkout> {
    let mut checkout: Checkout = parse("checkout", &document)?;
    checkout.version = version;
    if let Some(order_id) = paid_order_id {
        checkout.state = CheckoutState::Paid { order_id };
    }
    Ok(checkout)
}

/// Replaces the checkout if it is still the version that was read and no order of it has been paid, and tells of it.
/// Answers whether it was.
pub async fn replace(
    c: &impl Connection,
    checkout: &Checkout,
    read_version: i64,
    event: &Event,
) -> Result<bool> {
    let update = Entity::update_many()
        .set(changeable(checkout)?)
        .filter(Column::Id.eq(checkout.id))
        .filter(Column::Version.eq(read_version))
        .filter(Column::PaidOrderId.is_null());
    event::change(c, Change::Update(update.into_query()), event).await
}

/// Keeps a checkout that the transaction [holds](hold), whatever state it is in. Telling of it is the caller's part.
pub async fn keep(transaction: &Transaction, checkout: &Checkout) -> Result<()> {
    let update = Entity::update_many().set(changeable(checkout)?);
    let update = update.filter(Column::Id.eq(checkout.id));
    update.exec(transaction.orm()).await?;
    Ok(())
}

fn changeable(checkout: &Checkout) -> Result<ActiveModel> {
    Ok(ActiveModel {
        id: NotSet,
        ..row(checkout)?
    })
}

/// Those of these checkouts that live and were last changed before `time`.
pub async fn active_since(
    c: &impl Connection,
    ids: &[Uuid],
    time: DateTime<Utc>,
) -> Result<Vec<Checkout>> {
    let select = Entity::find()
        .select_only()
        .columns([Column::Version, Column::Document])
        .filter(Column::Id.is_in(ids.iter().copied()))
        .filter(Column::State.eq(ACTIVE))
        .filter(Column::UpdateTime.lt(time));
    let rows: Vec<(i64, String)> = select.into_tuple().all(c.orm()).await?;
    let read = |(version, document): (i64, String)| {
        let checkout: Checkout = parse("checkout", &document)?;
        Ok(Checkout {
            version,
            ..checkout
        })
    };
    rows.into_iter().map(read).collect()
}

/// The checkouts that expired before `time`, whatever became of them, and have no order that can still be paid; by id
/// from `after` on, at most `limit`.
///
/// An order that can be paid needs the row of its checkout: it is there that the payments of one cart take turns. Ids tell
/// when they were made: the search ends at those of carts that were created after `time` and cannot have expired before.
pub async fn ended(
    c: &impl Connection,
    time: DateTime<Utc>,
    after: Uuid,
    limit: u64,
) -> Result<Vec<Uuid>> {
    let select = Entity::find()
        .select_only()
        .column(Column::Id)
        .filter(Column::Id.gt(after))
        .filter(Column::Id.lt(first_id_at(time)))
        .filter(nobody_needs(time))
        .order_by_asc(Column::Id)
        .limit(limit);
    Ok(select.into_tuple().all(c.orm()).await?)
}

/// Deletes those of these checkouts that [have ended](ended), and answers how many they were.
pub async fn purge(c: &impl Connection, ids: &[Uuid], time: DateTime<Utc>) -> Result<u64> {
    let delete = Entity::delete_many()
        .filter(Column::Id.is_in(ids.iter().copied()))
        .filter(nobody_needs(time));
    Ok(delete.exec(c.orm()).await?.rows_affected)
}

fn nobody_needs(time: DateTime<Utc>) -> Condition {
    let payable = OrderStatus::ALL
        .iter()
        .filter(|status| status.is_payable())
        .map(|status| status.name());
    let payable = Query::select()
        .expr(Expr::val(1))
        .from(order::Entity)
        .and_where(
            Expr::col((order::Entity, order::Column::CheckoutId)).equals((Entity, Column::Id)),
        )
        .and_where(order::Column::Status.is_in(payable))
        .to_owned();
    Condition::all()
        .add(Column::ExpireTime.lt(time))
        .add(Expr::exists(payable).not())
}

/// The name of a live checkout's state.
const ACTIVE: &str = "active";
/// The name of a paid checkout's state.
pub(super) const PAID: &str = "paid";

fn row(checkout: &Checkout) -> Result<ActiveModel> {
    let (state, paid_order_id) = match checkout.state {
        CheckoutState::Active => (ACTIVE, None),
        CheckoutState::Deleted => ("deleted", None),
        CheckoutState::Paid { order_id } => (PAID, Some(order_id)),
    };
    Ok(ActiveModel {
        id: Set(checkout.id),
        version: Set(checkout.version),
        state: Set(state.to_owned()),
        paid_order_id: Set(paid_order_id),
        customer_id: Set(checkout.customer_id.clone()),
        channel_id: Set(checkout.channel_id.clone()),
        expire_time: Set(checkout.expire_time),
        update_time: Set(checkout.update_time),
        document: Set(document(checkout)?),
    })
}

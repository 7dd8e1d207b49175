//! Checkouts: one row each. Reading is one statement, and so is a change.

use chrono::{DateTime, Utc};
use sea_orm::{
    ActiveValue::NotSet,
    ActiveValue::Set,
    ColumnTrait, Condition, EntityTrait, ExprTrait, QueryFilter, QueryOrder, QuerySelect, Select,
    sea_query::{Expr, Query},
};
use uuid::Uuid;

use super::{
    Connection, Result, Transaction, document,
    entity::{
        checkout::{ActiveModel, Column, Entity},
        order,
    },
    parse,
};
use crate::domain::{
    checkout::{Checkout, CheckoutState},
    order::OrderStatus,
};

/// Adds a checkout.
pub async fn insert(c: &impl Connection, checkout: &Checkout) -> Result<()> {
    let insert = Entity::insert(row(checkout)?);
    insert.exec_without_returning(c.orm()).await?;
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

async fn load_one(c: &impl Connection, select: Select<Entity>) -> Result<Option<Checkout>> {
    let columns = [Column::Version, Column::PaidOrderId, Column::Document];
    let select = select.select_only().columns(columns);
    let Some((version, paid_order_id, document)) = select
        .into_tuple::<(i64, Option<Uuid>, String)>()
        .one(c.orm())
        .await?
    else {
        return Ok(None);
    };
    let mut checkout: Checkout = parse("checkout", &document)?;
    checkout.version = version;
    if let Some(order_id) = paid_order_id {
        checkout.state = CheckoutState::Paid { order_id };
    }
    Ok(Some(checkout))
}

/// Keeps a checkout that the transaction [holds](hold), whatever state it is in.
pub async fn keep(transaction: &Transaction, checkout: &Checkout) -> Result<()> {
    let row = ActiveModel {
        id: NotSet,
        ..row(checkout)?
    };
    let update = Entity::update_many().set(row);
    let update = update.filter(Column::Id.eq(checkout.id));
    update.exec(transaction.orm()).await?;
    Ok(())
}

/// Replaces the checkout if it is still the version that was read and no order of it has been paid. Answers
/// whether it was.
pub async fn replace(c: &impl Connection, checkout: &Checkout, read_version: i64) -> Result<bool> {
    let row = ActiveModel {
        id: NotSet,
        ..row(checkout)?
    };
    let update = Entity::update_many()
        .set(row)
        .filter(Column::Id.eq(checkout.id))
        .filter(Column::Version.eq(read_version))
        .filter(Column::PaidOrderId.is_null());
    Ok(update.exec(c.orm()).await?.rows_affected == 1)
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

/// No id that was made at this time or later is less.
fn first_id_at(time: DateTime<Utc>) -> Uuid {
    let millis = u64::try_from(time.timestamp_millis()).unwrap_or_default();
    uuid::Builder::from_unix_timestamp_millis(millis, &[0; 10]).into_uuid()
}

/// The name of a paid checkout's state.
pub(super) const PAID: &str = "paid";

fn row(checkout: &Checkout) -> Result<ActiveModel> {
    let (state, paid_order_id) = match checkout.state {
        CheckoutState::Active => ("active", None),
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

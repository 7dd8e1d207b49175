//! Checkouts: one row each. Reading is one statement, and so is a change.

use sea_orm::{
    ActiveValue::NotSet, ActiveValue::Set, ColumnTrait, EntityTrait, QueryFilter, QuerySelect,
};
use uuid::Uuid;

use super::{
    Connection, Result, document,
    entity::checkout::{ActiveModel, Column, Entity},
    parse,
};
use crate::domain::checkout::{Checkout, CheckoutState};

/// Adds a checkout.
pub async fn insert(c: &impl Connection, checkout: &Checkout) -> Result<()> {
    let insert = Entity::insert(row(checkout)?);
    insert.exec_without_returning(c.orm()).await?;
    Ok(())
}

/// The checkout with this id, if there is one.
pub async fn load(c: &impl Connection, id: Uuid) -> Result<Option<Checkout>> {
    let columns = [Column::Version, Column::PaidOrderId, Column::Document];
    let select = Entity::find_by_id(id).select_only().columns(columns);
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

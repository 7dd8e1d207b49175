//! Orders with their payments, and what paying one means for its checkout and its siblings.

use chrono::{DateTime, Utc};
use sea_orm::{
    ActiveValue::NotSet,
    ActiveValue::Set,
    ColumnTrait, EntityTrait, ExprTrait, IntoActiveModel, LoaderTrait, QueryFilter, QueryOrder,
    QuerySelect, SelectExt,
    sea_query::{Expr, OnConflict, Query},
};
use uuid::Uuid;

use super::{
    Connection, Result, StoreError, Transaction,
    checkout::PAID,
    document,
    entity::{checkout, order, order_history as history, payment},
    order_history, parse,
};
use crate::domain::{
    checkout::Checkout,
    money::Amount,
    order::{Order, OrderStatus, Payment, PaymentState, sibling_paid},
    order_history::{HistoryEntry, HistoryEvent},
};

/// What an order is found by.
#[derive(Debug, Clone, Copy)]
pub enum OrderKey {
    /// Its id.
    Id(Uuid),
    /// Its number.
    Number(i64),
}

/// Which orders to list; none is any.
#[derive(Debug, Clone, Default)]
pub struct OrderFilter {
    /// Of this customer.
    pub customer_id: Option<String>,
    /// Of one of these sales channels.
    pub channel_ids: Option<Vec<String>>,
    /// Of this checkout.
    pub checkout_id: Option<Uuid>,
    /// In this state.
    pub status: Option<OrderStatus>,
}

/// Adds an order without payments, with its history, and answers its number. The request ids that the checkout remembers are
/// left out of the snapshot.
pub async fn insert(transaction: &Transaction, order: &Order) -> Result<i64> {
    let snapshot = Checkout {
        requests: Vec::new(),
        ..order.snapshot.clone()
    };
    let row = order::ActiveModel {
        number: NotSet,
        id: Set(order.id),
        checkout_id: Set(snapshot.id),
        version: Set(order.version),
        status: Set(order.status.name().to_owned()),
        status_reason: Set(order.status_reason.clone()),
        customer_id: Set(snapshot.customer_id.clone()),
        channel_id: Set(snapshot.channel_id.clone()),
        currency_code: Set(snapshot.currency.code().to_owned()),
        grand_total: Set(snapshot.pricing.totals.grand_total.minor()),
        create_time: Set(order.create_time),
        update_time: Set(order.update_time),
        paid_time: Set(order.paid_time),
        document: Set(document(&snapshot)?),
    };
    let inserted = order::Entity::insert(row).exec(transaction.orm()).await?;
    keep_last_entry(transaction, order).await?;
    Ok(inserted.last_insert_id)
}

/// The order with its payments, if there is one.
pub async fn load(c: &impl Connection, key: OrderKey) -> Result<Option<Order>> {
    let condition = match key {
        OrderKey::Id(id) => order::Column::Id.eq(id),
        OrderKey::Number(number) => order::Column::Number.eq(number),
    };
    let select = order::Entity::find()
        .filter(condition)
        .find_with_related(payment::Entity)
        .order_by_asc(payment::Column::CreateTime)
        .order_by_asc(payment::Column::Id);
    let Some((order, payments)) = select.all(c.orm()).await?.into_iter().next() else {
        return Ok(None);
    };
    let entries = history::Entity::find()
        .filter(history::Column::OrderId.eq(order.id))
        .order_by_asc(history::Column::Version);
    let entries = entries.all(c.orm()).await?;
    order_of(order, payments, entries).map(Some)
}

/// Orders by number, the highest first, below `before`; at most `limit`.
pub async fn list(
    c: &impl Connection,
    filter: &OrderFilter,
    before: Option<i64>,
    limit: u64,
) -> Result<Vec<Order>> {
    let mut select = order::Entity::find()
        .order_by_desc(order::Column::Number)
        .limit(limit);
    if let Some(before) = before {
        select = select.filter(order::Column::Number.lt(before));
    }
    if let Some(customer_id) = &filter.customer_id {
        select = select.filter(order::Column::CustomerId.eq(customer_id.as_str()));
    }
    if let Some(channel_ids) = &filter.channel_ids {
        select = select.filter(order::Column::ChannelId.is_in(channel_ids));
    }
    if let Some(checkout_id) = filter.checkout_id {
        select = select.filter(order::Column::CheckoutId.eq(checkout_id));
    }
    if let Some(status) = filter.status {
        select = select.filter(order::Column::Status.eq(status.name()));
    }
    let orders = select.all(c.orm()).await?;
    let select = payment::Entity::find()
        .order_by_asc(payment::Column::CreateTime)
        .order_by_asc(payment::Column::Id);
    let payments = orders.load_many(select, c.orm()).await?;
    let select = history::Entity::find().order_by_asc(history::Column::Version);
    let entries = orders.load_many(select, c.orm()).await?;
    let orders = orders.into_iter().zip(payments).zip(entries);
    orders
        .map(|((order, payments), entries)| order_of(order, payments, entries))
        .collect()
}

/// Keeps the state of the order, and the last entry of its history, if it is still the version that was read. Answers
/// whether it was. Payments are kept by [`save_payment`], and the snapshot never changes.
pub async fn update(transaction: &Transaction, order: &Order, read_version: i64) -> Result<bool> {
    let row = order::ActiveModel {
        version: Set(order.version),
        status: Set(order.status.name().to_owned()),
        status_reason: Set(order.status_reason.clone()),
        update_time: Set(order.update_time),
        paid_time: Set(order.paid_time),
        ..order::ActiveModel::default()
    };
    let update = order::Entity::update_many()
        .set(row)
        .filter(order::Column::Id.eq(order.id))
        .filter(order::Column::Version.eq(read_version));
    let updated = update.exec(transaction.orm()).await?.rows_affected == 1;
    if updated {
        keep_last_entry(transaction, order).await?;
    }
    Ok(updated)
}

async fn keep_last_entry(transaction: &Transaction, order: &Order) -> Result<()> {
    match order.history.last() {
        Some(entry) => order_history::add(transaction, &[(order.id, order.version)], entry).await,
        None => Ok(()),
    }
}

/// Adds a payment, or keeps the next state of the one with the same reference.
pub async fn save_payment(c: &impl Connection, order_id: Uuid, payment: &Payment) -> Result<()> {
    let row = payment::Model {
        id: payment.id,
        order_id,
        method: payment.method.clone(),
        reference: payment.reference.clone(),
        amount: payment.amount.minor(),
        state: payment.state.name().to_owned(),
        create_time: payment.create_time,
    };
    let key = [payment::Column::OrderId, payment::Column::Reference];
    let known = OnConflict::columns(key)
        .update_column(payment::Column::State)
        .to_owned();
    let upsert = payment::Entity::insert(row.into_active_model()).on_conflict(known);
    upsert.exec_without_returning(c.orm()).await?;
    Ok(())
}

/// Ends the checkout as paid by this order, unless another one has paid it. Answers whether it did. It does
/// not matter whether the cart was deleted or has expired: an order pays what its snapshot says.
pub async fn mark_paid(
    c: &impl Connection,
    checkout_id: Uuid,
    order_id: Uuid,
    now: DateTime<Utc>,
) -> Result<bool> {
    use checkout::Column;
    let update = checkout::Entity::update_many()
        .col_expr(Column::State, Expr::value(PAID))
        .col_expr(Column::PaidOrderId, Expr::value(order_id))
        .col_expr(Column::Version, Expr::col(Column::Version).add(1))
        .col_expr(Column::UpdateTime, Expr::value(now))
        .filter(Column::Id.eq(checkout_id))
        .filter(Column::PaidOrderId.is_null());
    Ok(update.exec(c.orm()).await?.rows_affected == 1)
}

/// An order as it is before another one of its checkout is paid.
#[derive(Debug, Clone)]
pub struct Sibling {
    /// Its id.
    pub id: Uuid,
    /// Its state.
    pub status: OrderStatus,
    /// When it last changed.
    pub update_time: DateTime<Utc>,
}

/// An order as it is since another one of its checkout was paid.
#[derive(Debug, Clone, PartialEq)]
pub struct Ended {
    /// Its id.
    pub id: Uuid,
    /// Its number.
    pub number: i64,
    /// Its version.
    pub version: i64,
    /// Its state.
    pub status: OrderStatus,
    /// The checkout as it was.
    pub snapshot: Checkout,
}

/// The orders of the checkout but for one.
pub async fn siblings(
    c: &impl Connection,
    checkout_id: Uuid,
    order_id: Uuid,
) -> Result<Vec<Sibling>> {
    use order::Column;
    let select = order::Entity::find()
        .select_only()
        .columns([Column::Id, Column::Status, Column::UpdateTime])
        .filter(Column::CheckoutId.eq(checkout_id))
        .filter(Column::Id.ne(order_id));
    let rows: Vec<(Uuid, String, DateTime<Utc>)> = select.into_tuple().all(c.orm()).await?;
    let read = |(id, status, update_time): (_, String, _)| {
        Ok(Sibling {
            id,
            status: status_named(&status)?,
            update_time,
        })
    };
    rows.into_iter().map(read).collect()
}

/// Cancels the orders of the checkout that wait for a payment, but for the one that was paid. Answers those it cancelled.
pub async fn cancel_siblings(
    transaction: &Transaction,
    checkout_id: Uuid,
    paid_order_id: Uuid,
    now: DateTime<Utc>,
) -> Result<Vec<Ended>> {
    use order::Column;
    let waiting = [OrderStatus::Incomplete, OrderStatus::Declined].map(OrderStatus::name);
    let update = order::Entity::update_many()
        .col_expr(Column::Status, Expr::value(OrderStatus::Cancelled.name()))
        .col_expr(Column::UpdateTime, Expr::value(now))
        .col_expr(Column::Version, Expr::col(Column::Version).add(1))
        .filter(Column::CheckoutId.eq(checkout_id))
        .filter(Column::Id.ne(paid_order_id))
        .filter(Column::Status.is_in(waiting));
    let cancelled = update.exec_with_returning(transaction.orm()).await?;
    tell_siblings(transaction, cancelled, paid_order_id, now).await
}

/// Hands the orders of the checkout for which some money has moved to people, but for the one that was paid. Answers those.
pub async fn flag_siblings(
    transaction: &Transaction,
    checkout_id: Uuid,
    paid_order_id: Uuid,
    now: DateTime<Utc>,
) -> Result<Vec<Ended>> {
    use order::Column;
    let some_paid = Query::select()
        .column(payment::Column::OrderId)
        .from(payment::Entity)
        .and_where(payment::Column::State.eq(PaymentState::Completed.name()))
        .to_owned();
    let status = OrderStatus::ManualVerificationRequired;
    let reason = sibling_paid(paid_order_id);
    let update = order::Entity::update_many()
        .col_expr(Column::Status, Expr::value(status.name()))
        .col_expr(Column::StatusReason, Expr::value(reason))
        .col_expr(Column::UpdateTime, Expr::value(now))
        .col_expr(Column::Version, Expr::col(Column::Version).add(1))
        .filter(Column::CheckoutId.eq(checkout_id))
        .filter(Column::Id.ne(paid_order_id))
        .filter(Column::Status.eq(OrderStatus::AwaitingPayment.name()))
        .filter(Column::Id.in_subquery(some_paid));
    let flagged = update.exec_with_returning(transaction.orm()).await?;
    tell_siblings(transaction, flagged, paid_order_id, now).await
}

/// Adds to the history of orders that they got another status because their sibling was paid.
async fn tell_siblings(
    transaction: &Transaction,
    siblings: Vec<order::Model>,
    paid_order_id: Uuid,
    now: DateTime<Utc>,
) -> Result<Vec<Ended>> {
    let ended = |row: order::Model| {
        Ok(Ended {
            id: row.id,
            number: row.number,
            version: row.version,
            status: status_named(&row.status)?,
            snapshot: parse("order", &row.document)?,
        })
    };
    let siblings = siblings.into_iter().map(ended);
    let siblings: Vec<_> = siblings.collect::<Result<_>>()?;
    if let Some(Ended { status, .. }) = siblings.first() {
        let entry = HistoryEntry {
            reason: sibling_paid(paid_order_id),
            ..HistoryEntry::new(*status, HistoryEvent::SiblingPaid, now)
        };
        let versions = siblings.iter().map(|ended| (ended.id, ended.version));
        order_history::add(transaction, &versions.collect::<Vec<_>>(), &entry).await?;
    }
    Ok(siblings)
}

/// The order that paid the checkout, if one has. Until the transaction ends nobody else gets an answer: payments of one
/// checkout take turns from here on.
pub async fn paid_order_of(c: &impl Connection, checkout_id: Uuid) -> Result<Option<Uuid>> {
    let select = checkout::Entity::find_by_id(checkout_id)
        .select_only()
        .column(checkout::Column::PaidOrderId)
        .lock_exclusive();
    let paid: Option<Option<Uuid>> = select.into_tuple().one(c.orm()).await?;
    Ok(paid.flatten())
}

/// Whether money is moving or has moved for an order of the checkout that can still be paid.
pub async fn has_open_payment(c: &impl Connection, checkout_id: Uuid) -> Result<bool> {
    let open = [PaymentState::Pending, PaymentState::Completed].map(PaymentState::name);
    let select = payment::Entity::find()
        .inner_join(order::Entity)
        .filter(order::Column::CheckoutId.eq(checkout_id))
        .filter(order::Column::Status.is_in(payable()))
        .filter(payment::Column::State.is_in(open));
    Ok(select.exists(c.orm()).await?)
}

/// Whether an order of the checkout can still be paid.
pub async fn has_payable(c: &impl Connection, checkout_id: Uuid) -> Result<bool> {
    let select = order::Entity::find()
        .filter(order::Column::CheckoutId.eq(checkout_id))
        .filter(order::Column::Status.is_in(payable()));
    Ok(select.exists(c.orm()).await?)
}

/// The names of the statuses of orders that can still be paid.
fn payable() -> impl Iterator<Item = &'static str> {
    let payable = OrderStatus::ALL.iter().filter(|status| status.is_payable());
    payable.map(|status| status.name())
}

fn order_of(
    row: order::Model,
    payments: Vec<payment::Model>,
    entries: Vec<history::Model>,
) -> Result<Order> {
    Ok(Order {
        id: row.id,
        number: row.number,
        version: row.version,
        status: status_named(&row.status)?,
        status_reason: row.status_reason,
        snapshot: parse("order", &row.document)?,
        payments: payments
            .into_iter()
            .map(payment_of)
            .collect::<Result<_>>()?,
        history: entries
            .into_iter()
            .map(order_history::entry_of)
            .collect::<Result<_>>()?,
        create_time: row.create_time,
        update_time: row.update_time,
        paid_time: row.paid_time,
    })
}

/// The state of this name.
pub(super) fn status_named(name: &str) -> Result<OrderStatus> {
    OrderStatus::named(name).ok_or_else(|| StoreError::corrupt("order status", name))
}

fn payment_of(row: payment::Model) -> Result<Payment> {
    let state = PaymentState::named(&row.state);
    Ok(Payment {
        id: row.id,
        method: row.method,
        reference: row.reference,
        amount: Amount::new(row.amount),
        state: state.ok_or_else(|| StoreError::corrupt("payment state", row.state))?,
        create_time: row.create_time,
    })
}

//! What is kept of one customer, to be erased. The caller decides what is left, in one transaction.

use chrono::{DateTime, Utc};
use sea_orm::{
    ColumnTrait, EntityTrait, ExprTrait, QueryFilter, QueryOrder, QuerySelect,
    sea_query::{Expr, Query},
};
use uuid::Uuid;

use super::{
    Connection as _, Result, Transaction, document,
    entity::{
        balance, checkout, coupon_redemption, gift_certificate, ledger_entry, order, order_history,
    },
    order::status_named,
    parse,
};
use crate::domain::{
    checkout::Checkout, gift_certificate::Card, order::OrderStatus, order_history::HistoryEvent,
};

/// An order as far as it is erased.
#[derive(Debug, Clone)]
pub struct OrderSnapshot {
    /// Id of the order.
    pub id: Uuid,
    /// Its number.
    pub number: i64,
    /// The version that was read.
    pub version: i64,
    /// Its state.
    pub status: OrderStatus,
    /// When it last changed.
    pub update_time: DateTime<Utc>,
    /// The checkout as it was.
    pub snapshot: Checkout,
}

/// A gift certificate as far as it is erased. Its balance has the same id.
#[derive(Debug, Clone)]
pub struct WrittenCard {
    /// Id of the gift certificate.
    pub id: Uuid,
    /// What is written on it.
    pub card: Card,
    /// The order that bought it.
    pub order_id: Option<Uuid>,
}

/// The checkouts that are the customer's, or of which there are orders that are; by id.
pub async fn checkouts(transaction: &Transaction, customer_id: &str) -> Result<Vec<Uuid>> {
    use checkout::Column;
    let own = checkout::Entity::find()
        .select_only()
        .column(Column::Id)
        .filter(Column::CustomerId.eq(customer_id));
    let ordered = order::Entity::find()
        .select_only()
        .column(order::Column::CheckoutId)
        .filter(order::Column::CustomerId.eq(customer_id));
    let mut ids: Vec<Uuid> = own.into_tuple().all(transaction.orm()).await?;
    ids.extend(ordered.into_tuple::<Uuid>().all(transaction.orm()).await?);
    ids.sort_unstable();
    ids.dedup();
    Ok(ids)
}

/// The orders of a checkout that are the customer's or a guest's.
pub async fn orders(
    transaction: &Transaction,
    checkout_id: Uuid,
    customer_id: &str,
) -> Result<Vec<OrderSnapshot>> {
    use order::Column;
    let select = order::Entity::find()
        .filter(Column::CheckoutId.eq(checkout_id))
        .filter(Column::CustomerId.is_in([customer_id, ""]))
        .order_by_asc(Column::Number);
    let rows = select.all(transaction.orm()).await?;
    let read = |row: order::Model| {
        Ok(OrderSnapshot {
            id: row.id,
            number: row.number,
            version: row.version,
            status: status_named(&row.status)?,
            update_time: row.update_time,
            snapshot: parse("order", &row.document)?,
        })
    };
    rows.into_iter().map(read).collect()
}

/// Keeps another snapshot of an order if it is still the version that was read. Answers whether it was.
pub async fn replace_snapshot(transaction: &Transaction, changed: &OrderSnapshot) -> Result<bool> {
    use order::Column;
    let customer_id = changed.snapshot.customer_id.as_str();
    let update = order::Entity::update_many()
        .col_expr(Column::Document, Expr::value(document(&changed.snapshot)?))
        .col_expr(Column::CustomerId, Expr::value(customer_id))
        .col_expr(Column::Version, Expr::col(Column::Version).add(1))
        .filter(Column::Id.eq(changed.id))
        .filter(Column::Version.eq(changed.version));
    Ok(update.exec(transaction.orm()).await?.rows_affected == 1)
}

/// Empties what callers said of why an order was changed, and makes what the customer did the pseudonym's.
pub async fn rewrite_history(
    transaction: &Transaction,
    order_id: Uuid,
    customer_id: &str,
    pseudonym: &str,
) -> Result<()> {
    use order_history::Column;
    let told = [HistoryEvent::StatusUpdated, HistoryEvent::Cancelled].map(|event| event.name());
    let told = Column::OrderId.eq(order_id).and(Column::Event.is_in(told));
    let reasons = Query::select()
        .column(Column::Reason)
        .from(order_history::Entity)
        .and_where(told.clone())
        .to_owned();
    let update = order::Entity::update_many()
        .col_expr(order::Column::StatusReason, Expr::value(""))
        .filter(order::Column::Id.eq(order_id))
        .filter(order::Column::StatusReason.in_subquery(reasons));
    update.exec(transaction.orm()).await?;
    let update = order_history::Entity::update_many()
        .col_expr(Column::Reason, Expr::value(""))
        .filter(told);
    update.exec(transaction.orm()).await?;
    let update = order_history::Entity::update_many()
        .col_expr(Column::Actor, Expr::value(pseudonym))
        .filter(Column::OrderId.eq(order_id))
        .filter(Column::Actor.eq(customer_id));
    update.exec(transaction.orm()).await?;
    Ok(())
}

/// Makes the uses of coupons that count for the customer count for the pseudonym.
pub async fn rename_redemptions(
    transaction: &Transaction,
    customer_id: &str,
    pseudonym: &str,
) -> Result<()> {
    use coupon_redemption::Column;
    let update = coupon_redemption::Entity::update_many()
        .col_expr(Column::CustomerId, Expr::value(pseudonym))
        .filter(Column::CustomerId.eq(customer_id));
    update.exec(transaction.orm()).await?;
    Ok(())
}

/// The gift certificates that these orders bought, or that were sent to these addresses.
pub async fn cards(
    transaction: &Transaction,
    orders: &[Uuid],
    emails: &[String],
) -> Result<Vec<WrittenCard>> {
    use gift_certificate::Column;
    let theirs = Column::OrderId
        .is_in(orders.iter().copied())
        .or(Column::RecipientEmail.is_in(emails));
    let select = gift_certificate::Entity::find().filter(theirs);
    let rows = select.all(transaction.orm()).await?;
    let read = |row: gift_certificate::Model| {
        Ok(WrittenCard {
            id: row.id,
            card: parse("gift certificate", &row.card)?,
            order_id: row.order_id,
        })
    };
    rows.into_iter().map(read).collect()
}

/// Keeps what is written on a gift certificate.
pub async fn write_card(transaction: &Transaction, written: &WrittenCard) -> Result<()> {
    use gift_certificate::Column;
    let recipient = written.card.recipient.email.as_str();
    let update = gift_certificate::Entity::update_many()
        .col_expr(Column::Card, Expr::value(document(&written.card)?))
        .col_expr(Column::RecipientEmail, Expr::value(recipient))
        .filter(Column::Id.eq(written.id));
    update.exec(transaction.orm()).await?;
    Ok(())
}

/// The balances of the customer's store credit.
pub async fn store_credits(transaction: &Transaction, customer_id: &str) -> Result<Vec<Uuid>> {
    use balance::Column;
    let select = balance::Entity::find()
        .select_only()
        .column(Column::Id)
        .filter(Column::CustomerId.eq(customer_id));
    Ok(select.into_tuple().all(transaction.orm()).await?)
}

/// Raises the version of a balance, which locks it, and empties the notes of its ledger.
pub async fn empty_notes(transaction: &Transaction, balance_id: Uuid) -> Result<()> {
    use balance::Column;
    let lock = balance::Entity::update_many()
        .col_expr(Column::Version, Expr::col(Column::Version).add(1))
        .filter(Column::Id.eq(balance_id));
    lock.exec(transaction.orm()).await?;
    let update = ledger_entry::Entity::update_many()
        .col_expr(ledger_entry::Column::Note, Expr::value(""))
        .filter(ledger_entry::Column::BalanceId.eq(balance_id))
        .filter(ledger_entry::Column::Note.ne(""));
    update.exec(transaction.orm()).await?;
    Ok(())
}

/// Makes the customer's store credit the pseudonym's.
pub async fn rename_store_credits(
    transaction: &Transaction,
    customer_id: &str,
    pseudonym: &str,
) -> Result<()> {
    use balance::Column;
    let update = balance::Entity::update_many()
        .col_expr(Column::CustomerId, Expr::value(pseudonym))
        .filter(Column::CustomerId.eq(customer_id));
    update.exec(transaction.orm()).await?;
    Ok(())
}

//! Balances of gift certificates and store credit, with their ledgers, and what checkouts hold of them.
//!
//! A balance changes only together with an entry of its ledger, so the entries always sum to it; and it never goes
//! below zero, however many change it at once.

use sea_orm::{
    ColumnTrait, Condition, EntityTrait, ExprTrait, IntoActiveModel, JoinType, QueryFilter,
    QueryOrder, QuerySelect, RelationTrait,
    sea_query::{Expr, OnConflict},
};
use uuid::Uuid;

use super::{
    Connection, Result, StoreError, Transaction,
    entity::{
        balance::{self, Column},
        balance_hold::{self, Column as Hold},
        ledger_entry::{self, Column as Entry},
    },
};
use crate::domain::{
    ledger::{Change, EntryKind, LedgerEntry, Share},
    money::{Amount, Currency},
};

/// Adds a balance that begins with a change, at version 1. Answers false, and adds nothing, when the customer has one in
/// the currency.
pub(super) async fn insert(
    transaction: &Transaction,
    id: Uuid,
    customer_id: Option<&str>,
    currency: Currency,
    first: &Change,
) -> Result<bool> {
    let row = balance::Model {
        id,
        customer_id: customer_id.map(ToOwned::to_owned),
        currency_code: currency.code().to_owned(),
        balance: first.amount.minor(),
        version: 1,
        create_time: first.time,
        update_time: first.time,
    };
    let taken = OnConflict::columns([Column::CustomerId, Column::CurrencyCode])
        .do_nothing()
        .to_owned();
    let insert = balance::Entity::insert(row.clone().into_active_model()).on_conflict(taken);
    let inserted = insert.exec_without_returning(transaction.orm()).await? == 1;
    if inserted {
        append(transaction, &row, first).await?;
    }
    Ok(inserted)
}

/// Changes a balance and answers whether it did: not when less is left than is taken, nor when a version was read and
/// it is another one by now. A change of nothing raises the version alone.
///
/// Raising it locks the balance until the transaction ends. Whoever changes several does so in the order of their ids,
/// so that two of them wait for each other rather than deadlock.
pub async fn change(
    transaction: &Transaction,
    id: Uuid,
    read_version: Option<i64>,
    change: &Change,
) -> Result<bool> {
    let delta = change.amount.minor();
    let mut update = balance::Entity::update_many()
        .col_expr(Column::Balance, Expr::col(Column::Balance).add(delta))
        .col_expr(Column::Version, Expr::col(Column::Version).add(1))
        .col_expr(Column::UpdateTime, Expr::value(change.time))
        .filter(Column::Id.eq(id))
        .filter(Column::Balance.gte(delta.saturating_neg()));
    if let Some(version) = read_version {
        update = update.filter(Column::Version.eq(version));
    }
    let changed = update.exec_with_returning(transaction.orm()).await?;
    let Some(row) = changed.first() else {
        return Ok(false);
    };
    if delta != 0 {
        append(transaction, row, change).await?;
    }
    Ok(true)
}

/// Adds the change that made the balance what it is now to its ledger.
async fn append(transaction: &Transaction, made: &balance::Model, change: &Change) -> Result<()> {
    let row = ledger_entry::Model {
        balance_id: made.id,
        version: made.version,
        id: change.id,
        kind: change.kind.name().to_owned(),
        amount: change.amount.minor(),
        balance: made.balance,
        order_id: change.order_id,
        note: change.note.clone(),
        create_time: change.time,
    };
    let insert = ledger_entry::Entity::insert(row.into_active_model());
    insert.exec_without_returning(transaction.orm()).await?;
    Ok(())
}

/// The entries of a ledger, the newest first, older than the one that made version `before`; at most `limit`.
pub async fn entries(
    c: &impl Connection,
    balance_id: Uuid,
    before: i64,
    limit: u64,
) -> Result<Vec<LedgerEntry>> {
    let select = ledger_entry::Entity::find()
        .filter(Entry::BalanceId.eq(balance_id))
        .filter(Entry::Version.lt(before))
        .order_by_desc(Entry::Version)
        .limit(limit);
    let rows = select.all(c.orm()).await?;
    rows.into_iter().map(entry_of).collect()
}

/// What of these balances the checkout can pay with, in no particular order: what is left, and what it holds itself.
pub async fn available(c: &impl Connection, ids: &[Uuid], checkout_id: Uuid) -> Result<Vec<Share>> {
    let holds = balance::Relation::Hold.def().on_condition(move |_, hold| {
        let of_checkout = Expr::col((hold, Hold::CheckoutId)).eq(checkout_id);
        Condition::all().add(of_checkout)
    });
    let select = balance::Entity::find()
        .select_only()
        .columns([Column::Id, Column::Balance])
        .column(Hold::Amount)
        .join(JoinType::LeftJoin, holds)
        .filter(Column::Id.is_in(ids.iter().copied()));
    let rows: Vec<(Uuid, i64, Option<i64>)> = select.into_tuple().all(c.orm()).await?;
    let share = |(balance_id, left, held): (Uuid, i64, Option<i64>)| Share {
        balance_id,
        amount: Amount::new(left.saturating_add(held.unwrap_or_default())),
    };
    Ok(rows.into_iter().map(share).collect())
}

/// What the checkout holds of any balance.
pub async fn held(c: &impl Connection, checkout_id: Uuid) -> Result<Vec<Share>> {
    let select = balance_hold::Entity::find().filter(Hold::CheckoutId.eq(checkout_id));
    let rows = select.all(c.orm()).await?;
    let share = |row: balance_hold::Model| Share {
        balance_id: row.balance_id,
        amount: Amount::new(row.amount),
    };
    Ok(rows.into_iter().map(share).collect())
}

/// Keeps how much of a balance the checkout holds from now on. The caller [changes](change) the balance accordingly.
pub async fn hold(transaction: &Transaction, checkout_id: Uuid, share: Share) -> Result<()> {
    let Share { balance_id, amount } = share;
    if amount.is_zero() {
        let delete = balance_hold::Entity::delete_by_id((checkout_id, balance_id));
        delete.exec(transaction.orm()).await?;
        return Ok(());
    }
    let row = balance_hold::Model {
        checkout_id,
        balance_id,
        amount: amount.minor(),
    };
    let known = OnConflict::columns([Hold::CheckoutId, Hold::BalanceId])
        .update_column(Hold::Amount)
        .to_owned();
    let upsert = balance_hold::Entity::insert(row.into_active_model()).on_conflict(known);
    upsert.exec_without_returning(transaction.orm()).await?;
    Ok(())
}

fn entry_of(row: ledger_entry::Model) -> Result<LedgerEntry> {
    let kind = EntryKind::ALL.into_iter().find(|k| k.name() == row.kind);
    Ok(LedgerEntry {
        change: Change {
            id: row.id,
            kind: kind.ok_or_else(|| StoreError::corrupt("ledger entry", row.kind))?,
            amount: Amount::new(row.amount),
            order_id: row.order_id,
            note: row.note,
            time: row.create_time,
        },
        balance: Amount::new(row.balance),
        version: row.version,
    })
}

/// The currency of a balance.
pub(super) fn currency_of(row: &balance::Model) -> Result<Currency> {
    let code = &row.currency_code;
    code.parse()
        .map_err(|error| StoreError::corrupt("currency", format!("{code}: {error}")))
}

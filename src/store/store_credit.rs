//! Store credit: the balances that belong to a customer.

use sea_orm::{ColumnTrait, EntityTrait, QueryFilter};
use uuid::Uuid;

use super::{
    Connection, Result, Transaction,
    balance::{self, currency_of},
    entity::balance::{Column, Entity},
};
use crate::domain::{
    ledger::Change,
    money::{Amount, Currency, Money},
    store_credit::StoreCredit,
};

/// The store credit of a customer in a currency, if there ever was any.
pub async fn find(
    c: &impl Connection,
    customer_id: &str,
    currency: Currency,
) -> Result<Option<StoreCredit>> {
    let select = Entity::find()
        .filter(Column::CustomerId.eq(customer_id))
        .filter(Column::CurrencyCode.eq(currency.code()));
    let Some(row) = select.one(c.orm()).await? else {
        return Ok(None);
    };
    Ok(Some(StoreCredit {
        id: row.id,
        customer_id: customer_id.to_owned(),
        balance: Money {
            currency: currency_of(&row)?,
            amount: Amount::new(row.balance),
        },
        version: row.version,
        update_time: Some(row.update_time),
    }))
}

/// Adds the first store credit of a customer in a currency. Answers false, and adds nothing, when there is some.
pub async fn insert(
    transaction: &Transaction,
    id: Uuid,
    customer_id: &str,
    currency: Currency,
    first: &Change,
) -> Result<bool> {
    balance::insert(transaction, id, Some(customer_id), currency, first).await
}

//! API tokens.

use chrono::{DateTime, Utc};
use sea_orm::{
    ActiveValue::Set, ColumnTrait, Condition, EntityTrait, PaginatorTrait, QueryFilter, QueryOrder,
    sea_query::Expr,
};

use super::{
    Connection, Result, StoreError, Transaction, document,
    entity::api_token::{ActiveModel, Column, Entity, Model},
    parse,
    revision::{self, Area},
};
use crate::domain::{
    api_token::{ApiToken, SecretHash},
    caller::Grants,
};

/// Adds a token. Nobody else adds one before the transaction ends. Answers false, and adds none, when `most` are alive.
pub async fn insert(transaction: &Transaction, token: &ApiToken, most: u64) -> Result<bool> {
    // First, so that they are counted one after the other.
    revision::bump(transaction, Area::Access).await?;
    let alive = Entity::find().filter(is_alive(token.create_time));
    if alive.count(transaction.orm()).await? >= most {
        return Ok(false);
    }
    let insert = Entity::insert(row_of(token)?);
    insert.exec_without_returning(transaction.orm()).await?;
    Ok(true)
}

/// Revokes a token at a time. Answers whether there was one with this prefix that was not revoked.
pub async fn revoke(transaction: &Transaction, prefix: &str, now: DateTime<Utc>) -> Result<bool> {
    let update = Entity::update_many()
        .col_expr(Column::RevokeTime, Expr::value(now))
        .filter(Column::Prefix.eq(prefix))
        .filter(Column::RevokeTime.is_null());
    if update.exec(transaction.orm()).await?.rows_affected == 0 {
        return Ok(false);
    }
    revision::bump(transaction, Area::Access).await?;
    Ok(true)
}

/// Notes that these tokens were used at a time.
pub async fn note_use(
    c: &impl Connection,
    prefixes: impl IntoIterator<Item = &String> + Send,
    time: DateTime<Utc>,
) -> Result<()> {
    let prefixes = prefixes.into_iter().map(String::as_str);
    let update = Entity::update_many()
        .col_expr(Column::LastUseTime, Expr::value(time))
        .filter(Column::Prefix.is_in(prefixes));
    update.exec(c.orm()).await?;
    Ok(())
}

/// Those that are neither revoked nor expired at `now`, in no particular order.
pub async fn living(c: &impl Connection, now: DateTime<Utc>) -> Result<Vec<ApiToken>> {
    let rows = Entity::find().filter(is_alive(now)).all(c.orm()).await?;
    rows.into_iter().map(token_of).collect()
}

/// All there ever were, the oldest first.
pub async fn list(c: &impl Connection) -> Result<Vec<ApiToken>> {
    let select = Entity::find()
        .order_by_asc(Column::CreateTime)
        .order_by_asc(Column::Prefix);
    let rows = select.all(c.orm()).await?;
    rows.into_iter().map(token_of).collect()
}

fn is_alive(now: DateTime<Utc>) -> Condition {
    let not_expired = Condition::any()
        .add(Column::ExpireTime.is_null())
        .add(Column::ExpireTime.gt(now));
    Condition::all()
        .add(Column::RevokeTime.is_null())
        .add(not_expired)
}

fn row_of(token: &ApiToken) -> Result<ActiveModel> {
    Ok(ActiveModel {
        prefix: Set(token.prefix.clone()),
        secret_hash: Set(token.secret_hash.as_bytes().to_vec()),
        name: Set(token.name.clone()),
        scopes: Set(token.grants.to_string()),
        channels: Set(document(&token.channels)?),
        create_time: Set(token.create_time),
        expire_time: Set(token.expire_time),
        revoke_time: Set(token.revoke_time),
        last_use_time: Set(token.last_use_time),
    })
}

fn token_of(row: Model) -> Result<ApiToken> {
    let hash = <[u8; 32]>::try_from(row.secret_hash);
    let hash =
        hash.map_err(|_| StoreError::corrupt("hash of an API token", row.prefix.as_str()))?;
    Ok(ApiToken {
        secret_hash: SecretHash::from_bytes(hash),
        name: row.name,
        grants: grants_of(&row.scopes),
        channels: parse("channels of an API token", &row.channels)?,
        create_time: row.create_time,
        expire_time: row.expire_time,
        revoke_time: row.revoke_time,
        last_use_time: row.last_use_time,
        prefix: row.prefix,
    })
}

/// A scope that only a newer release knows grants nothing here.
fn grants_of(scopes: &str) -> Grants {
    let mut grants = Grants::default();
    for name in scopes.split(' ') {
        let _ = grants.add_named(name);
    }
    grants
}

//! Gift certificates. What is left of one is the balance with the same id.

use sea_orm::{
    ActiveValue::Set,
    ColumnTrait, EntityTrait, IntoActiveModel, QueryFilter, QueryOrder, QuerySelect,
    sea_query::{Expr, OnConflict},
};
use uuid::Uuid;

use super::{
    Connection, Result, Transaction,
    balance::{self, currency_of},
    document,
    entity::{
        balance as kept,
        gift_certificate::{ActiveModel, Column, Entity, Model},
    },
    parse,
};
use crate::domain::{
    gift_certificate::{GiftCertificate, normalized},
    ledger::Change,
    money::{Amount, Money},
};

/// Which gift certificates to list; none is any.
#[derive(Debug, Clone, Default)]
pub struct GiftCertificateFilter {
    /// Whether they pay.
    pub enabled: Option<bool>,
    /// That this order bought.
    pub order_id: Option<Uuid>,
    /// Of the recipient with this e-mail address.
    pub recipient_email: Option<String>,
}

/// Adds a gift certificate, whose balance begins with `first`. Answers false, and adds nothing, when the code is taken.
pub async fn insert(
    transaction: &Transaction,
    certificate: &GiftCertificate,
    first: &Change,
) -> Result<bool> {
    let row = Model {
        id: certificate.id,
        code: certificate.code.clone(),
        normalized_code: normalized(&certificate.code),
        enabled: certificate.enabled,
        amount: certificate.amount.amount.minor(),
        recipient_email: certificate.card.recipient.email.clone(),
        expire_time: certificate.expire_time,
        order_id: certificate.order_id,
        card: document(&certificate.card)?,
    };
    // A violated constraint would end the transaction on PostgreSQL; a conflict ignored does not.
    let taken = OnConflict::column(Column::NormalizedCode)
        .do_nothing()
        .to_owned();
    let insert = Entity::insert(row.into_active_model()).on_conflict(taken);
    if insert.exec_without_returning(transaction.orm()).await? == 0 {
        return Ok(false);
    }
    let currency = certificate.amount.currency;
    balance::insert(transaction, certificate.id, None, currency, first).await
}

/// The gift certificate with this id, if there is one.
pub async fn load(c: &impl Connection, id: Uuid) -> Result<Option<GiftCertificate>> {
    let found = with_balances(c, Column::Id.eq(id)).await?;
    Ok(found.into_iter().next())
}

/// Those of these gift certificates that there are, in no particular order.
pub async fn load_many(c: &impl Connection, ids: &[Uuid]) -> Result<Vec<GiftCertificate>> {
    with_balances(c, Column::Id.is_in(ids.iter().copied())).await
}

/// The gift certificate with this code, in whatever case, if there is one.
pub async fn find(c: &impl Connection, code: &str) -> Result<Option<GiftCertificate>> {
    let found = with_balances(c, Column::NormalizedCode.eq(normalized(code))).await?;
    Ok(found.into_iter().next())
}

async fn with_balances(c: &impl Connection, which: Expr) -> Result<Vec<GiftCertificate>> {
    let select = Entity::find().filter(which).find_both_related(kept::Entity);
    let rows = select.all(c.orm()).await?;
    rows.into_iter().map(certificate_of).collect()
}

/// Gift certificates by id, the newest first, older than `before`; at most `limit`.
pub async fn list(
    c: &impl Connection,
    filter: &GiftCertificateFilter,
    before: Option<Uuid>,
    limit: u64,
) -> Result<Vec<GiftCertificate>> {
    let mut select = Entity::find().order_by_desc(Column::Id).limit(limit);
    if let Some(before) = before {
        select = select.filter(Column::Id.lt(before));
    }
    if let Some(enabled) = filter.enabled {
        select = select.filter(Column::Enabled.eq(enabled));
    }
    if let Some(order_id) = filter.order_id {
        select = select.filter(Column::OrderId.eq(order_id));
    }
    if let Some(email) = &filter.recipient_email {
        select = select.filter(Column::RecipientEmail.eq(email.as_str()));
    }
    let rows = select.find_both_related(kept::Entity).all(c.orm()).await?;
    rows.into_iter().map(certificate_of).collect()
}

/// Keeps whether a gift certificate pays, until when and what is written on it. The caller
/// [changes](balance::change) its balance, if only by nothing.
pub async fn update(transaction: &Transaction, certificate: &GiftCertificate) -> Result<()> {
    let row = ActiveModel {
        enabled: Set(certificate.enabled),
        recipient_email: Set(certificate.card.recipient.email.clone()),
        expire_time: Set(certificate.expire_time),
        card: Set(document(&certificate.card)?),
        ..ActiveModel::default()
    };
    let update = Entity::update_many()
        .set(row)
        .filter(Column::Id.eq(certificate.id));
    update.exec(transaction.orm()).await?;
    Ok(())
}

fn certificate_of((row, balance): (Model, kept::Model)) -> Result<GiftCertificate> {
    Ok(GiftCertificate {
        id: row.id,
        code: row.code,
        enabled: row.enabled,
        amount: Money {
            currency: currency_of(&balance)?,
            amount: Amount::new(row.amount),
        },
        balance: Amount::new(balance.balance),
        card: parse("gift certificate", &row.card)?,
        expire_time: row.expire_time,
        order_id: row.order_id,
        version: balance.version,
        create_time: balance.create_time,
        update_time: balance.update_time,
    })
}

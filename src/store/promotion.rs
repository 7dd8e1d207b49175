//! Promotions, coupon codes, and which checkouts hold uses of them.

use chrono::{DateTime, Utc};
use sea_orm::{
    ActiveValue::{NotSet, Set},
    ColumnTrait, Condition, EntityTrait, QueryFilter, QueryOrder, QuerySelect, SelectExt,
    sea_query::LockType,
};
use uuid::Uuid;

use super::{
    Connection, Result, Transaction, document,
    entity::promotion::{ActiveModel, Column, Entity, Model},
    parse,
    revision::{self, Area},
};
use crate::domain::promotion::{Promotion, RedemptionType};

mod coupon_code;
mod redemption;

pub use coupon_code::{batch, codes, delete_code, find_code, insert_codes, list_codes};
pub use redemption::{
    HeldUses, Redemption, customer_uses, held_uses, redeem, redeem_promotion, release,
    release_promotion,
};

/// Which promotions to list; none is any.
#[derive(Debug, Clone, Copy, Default)]
pub struct PromotionFilter {
    /// That come to a checkout in this way.
    pub redemption: Option<RedemptionType>,
    /// That are in force, or switched off.
    pub enabled: Option<bool>,
}

/// Adds a promotion. One that applies by itself raises the revision; another one nobody can know yet.
pub async fn insert(transaction: &Transaction, promotion: &Promotion) -> Result<()> {
    let row = ActiveModel {
        id: Set(promotion.id),
        redemption: Set(redemption_name(promotion.redemption).to_owned()),
        uses: Set(promotion.uses),
        create_time: Set(promotion.create_time),
        ..changeable(promotion)?
    };
    let insert = Entity::insert(row);
    insert.exec_without_returning(transaction.orm()).await?;
    if promotion.redemption == RedemptionType::Automatic {
        revision::bump(transaction, Area::Promotions).await?;
    }
    Ok(())
}

/// Replaces a promotion if it is still the version that was read. Answers whether it was. Its uses are not touched.
pub async fn replace(
    transaction: &Transaction,
    promotion: &Promotion,
    read_version: i64,
) -> Result<bool> {
    let update = Entity::update_many()
        .set(changeable(promotion)?)
        .filter(Column::Id.eq(promotion.id))
        .filter(Column::Version.eq(read_version));
    if update.exec(transaction.orm()).await?.rows_affected == 0 {
        return Ok(false);
    }
    revision::bump(transaction, Area::Promotions).await?;
    Ok(true)
}

/// The promotion with this id, if there is one.
pub async fn load(c: &impl Connection, id: Uuid) -> Result<Option<Promotion>> {
    let row = Entity::find_by_id(id).one(c.orm()).await?;
    row.as_ref().map(promotion_of).transpose()
}

/// The promotion with this id, if there is one, which nobody deletes before the transaction ends.
pub async fn hold(transaction: &Transaction, id: Uuid) -> Result<Option<Promotion>> {
    let select = Entity::find_by_id(id).lock(LockType::KeyShare);
    let row = select.one(transaction.orm()).await?;
    row.as_ref().map(promotion_of).transpose()
}

/// Whether there is a promotion with this name.
pub async fn is_there(c: &impl Connection, name: &str) -> Result<bool> {
    let select = Entity::find().filter(Column::Name.eq(name));
    Ok(select.exists(c.orm()).await?)
}

/// Promotions by id, the newest first, older than `before`; at most `limit`.
pub async fn list(
    c: &impl Connection,
    filter: PromotionFilter,
    before: Option<Uuid>,
    limit: u64,
) -> Result<Vec<Promotion>> {
    let mut select = Entity::find().order_by_desc(Column::Id).limit(limit);
    if let Some(before) = before {
        select = select.filter(Column::Id.lt(before));
    }
    if let Some(redemption) = filter.redemption {
        select = select.filter(Column::Redemption.eq(redemption_name(redemption)));
    }
    if let Some(enabled) = filter.enabled {
        select = select.filter(Column::Enabled.eq(enabled));
    }
    let rows = select.all(c.orm()).await?;
    rows.iter().map(promotion_of).collect()
}

/// Every promotion that applies by itself, is switched on and has not ended at `now`, in no particular order. Those that
/// start later are among them, and those without uses left, which go on for the checkouts that hold one.
pub async fn active(c: &impl Connection, now: DateTime<Utc>) -> Result<Vec<Promotion>> {
    let not_ended = Condition::any()
        .add(Column::EndTime.is_null())
        .add(Column::EndTime.gt(now));
    let automatic = redemption_name(RedemptionType::Automatic);
    let select = Entity::find()
        .filter(Column::Redemption.eq(automatic))
        .filter(Column::Enabled.eq(true))
        .filter(not_ended);
    let rows = select.all(c.orm()).await?;
    rows.iter().map(promotion_of).collect()
}

/// Deletes a promotion and its codes. Answers whether it was there.
pub async fn delete(transaction: &Transaction, id: Uuid) -> Result<bool> {
    let delete = Entity::delete_by_id(id);
    if delete.exec(transaction.orm()).await?.rows_affected == 0 {
        return Ok(false);
    }
    revision::bump(transaction, Area::Promotions).await?;
    Ok(true)
}

/// What an update may change.
fn changeable(promotion: &Promotion) -> Result<ActiveModel> {
    Ok(ActiveModel {
        id: NotSet,
        name: Set(promotion.name.clone()),
        redemption: NotSet,
        enabled: Set(promotion.enabled),
        start_time: Set(promotion.start_time),
        end_time: Set(promotion.end_time),
        max_uses: Set(promotion.max_uses),
        uses: NotSet,
        version: Set(promotion.version),
        create_time: NotSet,
        document: Set(document(promotion)?),
    })
}

fn promotion_of(row: &Model) -> Result<Promotion> {
    let promotion: Promotion = parse("promotion", &row.document)?;
    Ok(Promotion {
        uses: row.uses,
        version: row.version,
        ..promotion
    })
}

const fn redemption_name(redemption: RedemptionType) -> &'static str {
    match redemption {
        RedemptionType::Automatic => "AUTOMATIC",
        RedemptionType::Coupon => "COUPON",
    }
}

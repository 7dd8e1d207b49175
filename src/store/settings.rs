//! The settings of the shop: at most one row.

use sea_orm::{
    ActiveValue::Set, ColumnTrait, EntityTrait, QueryFilter, QuerySelect, sea_query::OnConflict,
};

use super::{
    Connection, Result, Transaction, document,
    entity::store_settings::{ActiveModel, Column, Entity},
    parse,
    revision::{self, Area},
};
use crate::domain::store::Store;

/// The id of the row.
const THE_STORE: i32 = 1;

/// The settings; none in a new database.
pub async fn load(c: &impl Connection) -> Result<Option<Store>> {
    let columns = [Column::Version, Column::Document];
    let select = Entity::find_by_id(THE_STORE).select_only().columns(columns);
    let Some((version, document)) = select.into_tuple::<(i64, String)>().one(c.orm()).await? else {
        return Ok(None);
    };
    let store: Store = parse("store", &document)?;
    Ok(Some(Store { version, ..store }))
}

/// Replaces the settings if they are still the version that was read, 0 being that of a new database. Answers
/// whether they were.
pub async fn replace(transaction: &Transaction, store: &Store, read_version: i64) -> Result<bool> {
    let mut row = ActiveModel {
        version: Set(store.version),
        document: Set(document(store)?),
        ..ActiveModel::default()
    };
    let replaced = if read_version == 0 {
        row.id = Set(THE_STORE);
        let there = OnConflict::column(Column::Id).do_nothing().to_owned();
        let insert = Entity::insert(row).on_conflict(there);
        insert.exec_without_returning(transaction.orm()).await? == 1
    } else {
        let update = Entity::update_many()
            .set(row)
            .filter(Column::Id.eq(THE_STORE))
            .filter(Column::Version.eq(read_version));
        update.exec(transaction.orm()).await?.rows_affected == 1
    };
    if replaced {
        revision::bump(transaction, Area::Store).await?;
    }
    Ok(replaced)
}

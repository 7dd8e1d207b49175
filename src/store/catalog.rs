//! The built-in catalog.

use std::collections::HashMap;

use sea_orm::{
    ColumnTrait, EntityTrait, ExprTrait, IntoActiveModel, QueryFilter, QueryOrder, QuerySelect,
    SelectExt,
    sea_query::{Expr, OnConflict},
};

use super::{
    Connection, Result, Transaction, document,
    entity::product::{Column, Entity, Model},
    parse,
    revision::{self, Area},
    stock,
};
use crate::domain::catalog::Product;

/// Creates or replaces products, of which no two have the same id, and answers them with their new versions. To
/// `keep_stock` is to leave the stock of what is counted already as it is.
pub async fn upsert(
    transaction: &Transaction,
    products: &[Product],
    keep_stock: bool,
) -> Result<Vec<Product>> {
    if products.is_empty() {
        return Ok(Vec::new());
    }
    // First, so that nobody else counts the same products meanwhile.
    revision::bump(transaction, Area::Catalog).await?;
    let mut products = products.to_vec();
    stock::count(transaction, &mut products, keep_stock).await?;
    let rows = products.iter().map(row).collect::<Result<Vec<_>>>()?;
    let rows = rows.into_iter().map(IntoActiveModel::into_active_model);
    let next_version = Expr::col((Entity, Column::Version)).add(1);
    let replace = OnConflict::column(Column::Id)
        .update_columns([Column::Name, Column::Document])
        .value(Column::Version, next_version)
        .to_owned();
    let upsert = Entity::insert_many(rows).on_conflict(replace);
    let kept = upsert.exec_with_returning(transaction.orm()).await?;

    let versions: HashMap<_, _> = kept.into_iter().map(|row| (row.id, row.version)).collect();
    for product in &mut products {
        product.version = versions.get(&product.id).copied().unwrap_or_default();
    }
    Ok(products)
}

/// The product with this id, if there is one.
pub async fn load(c: &impl Connection, id: &str) -> Result<Option<Product>> {
    let row = Entity::find_by_id(id).one(c.orm()).await?;
    row.as_ref().map(product).transpose()
}

/// The products with these ids that there are, in no particular order.
pub async fn load_many(c: &impl Connection, ids: &[String]) -> Result<Vec<Product>> {
    if ids.is_empty() {
        return Ok(Vec::new());
    }
    let select = Entity::find().filter(Column::Id.is_in(ids.iter().map(String::as_str)));
    let rows = select.all(c.orm()).await?;
    rows.iter().map(product).collect()
}

/// Products by id, above `after`; at most `limit`.
pub async fn list(c: &impl Connection, after: Option<&str>, limit: u64) -> Result<Vec<Product>> {
    let mut select = Entity::find().order_by_asc(Column::Id).limit(limit);
    if let Some(after) = after {
        select = select.filter(Column::Id.gt(after));
    }
    let rows = select.all(c.orm()).await?;
    rows.iter().map(product).collect()
}

/// Deletes a product, which is not counted any more then. Answers whether it was there.
pub async fn delete(transaction: &Transaction, id: &str) -> Result<bool> {
    if !Entity::find_by_id(id).exists(transaction.orm()).await? {
        return Ok(false);
    }
    // First, as when products are upserted.
    revision::bump(transaction, Area::Catalog).await?;
    let deleted = Entity::delete_by_id(id).exec(transaction.orm()).await?;
    stock::uncount(transaction, id).await?;
    Ok(deleted.rows_affected == 1)
}

fn row(product: &Product) -> Result<Model> {
    Ok(Model {
        id: product.id.clone(),
        name: product.name.clone(),
        version: 1,
        document: document(product)?,
    })
}

fn product(row: &Model) -> Result<Product> {
    let product: Product = parse("product", &row.document)?;
    Ok(Product {
        version: row.version,
        ..product
    })
}

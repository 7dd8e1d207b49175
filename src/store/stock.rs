//! Stock: how much there is of each variant that is counted, and what checkouts have reserved of it.
//!
//! What is reserved of a variant is always the sum of what checkouts hold of it, also while it is not counted. Changing a
//! variant locks it until the transaction ends, so whoever changes several does so in the order of their keys: they wait
//! for each other rather than deadlock. What has to be left is tested again on the row as the one before left it.

use std::collections::BTreeMap;

use sea_orm::{
    ColumnTrait, Condition, EntityTrait, ExprTrait, IntoActiveModel, QueryFilter,
    sea_query::{Expr, OnConflict},
};
use uuid::Uuid;

use super::{
    Connection, Result, Transaction,
    entity::{
        stock::{self, Column},
        stock_hold::{self, Column as Hold},
    },
};
use crate::domain::{
    catalog::Product,
    stock::{Stock, StockMove, Units, VariantKey},
};

/// Rows written by one statement, far below the number of parameters that a statement may have.
const BATCH: usize = 1_000;

/// What is kept of a variant that is counted, or was while something of it was reserved.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Kept {
    /// Units that are not sold; none while it is not counted.
    pub level: Option<i64>,
    /// Units that checkouts hold.
    pub reserved: i64,
}

impl Kept {
    /// The stock; none while it is not counted.
    #[must_use]
    pub fn stock(self) -> Option<Stock> {
        let reserved = self.reserved;
        self.level.map(|level| Stock { level, reserved })
    }
}

/// What is kept of any variant of these products.
pub async fn of_products<'a>(
    c: &impl Connection,
    product_ids: impl IntoIterator<Item = &'a str>,
) -> Result<BTreeMap<VariantKey, Kept>> {
    let select = stock::Entity::find().filter(Column::ProductId.is_in(product_ids));
    let rows = select.all(c.orm()).await?;
    Ok(rows.into_iter().map(kept).collect())
}

/// What is kept of these variants.
pub async fn find<'a>(
    c: &impl Connection,
    keys: impl Iterator<Item = &'a VariantKey> + Clone,
) -> Result<BTreeMap<VariantKey, Kept>> {
    let variants = keys.clone().map(|key| key.variant_id.as_str());
    let products = keys.map(|key| key.product_id.as_str());
    // Some more than these where variants of different products have one id.
    let select = stock::Entity::find()
        .filter(Column::ProductId.is_in(products))
        .filter(Column::VariantId.is_in(variants));
    let rows = select.all(c.orm()).await?;
    Ok(rows.into_iter().map(kept).collect())
}

fn kept(row: stock::Model) -> (VariantKey, Kept) {
    let key = VariantKey {
        product_id: row.product_id,
        variant_id: row.variant_id,
    };
    let (level, reserved) = (row.level, row.reserved);
    (key, Kept { level, reserved })
}

/// Counts the variants of these products as the products say from now on, and no others of theirs. To `keep` is to leave
/// the level of what is counted already. The products are made to say what is so then. The caller keeps others from
/// changing the catalog.
pub(super) async fn count(
    transaction: &Transaction,
    products: &mut [Product],
    keep: bool,
) -> Result<()> {
    let ids: Vec<String> = products.iter().map(|product| product.id.clone()).collect();
    let mut known = of_products(transaction, ids.iter().map(String::as_str)).await?;
    let mut levels = BTreeMap::new();
    for (key, stock) in products.iter_mut().flat_map(Product::stock_mut) {
        let before = known.remove(&key);
        let counted = before.and_then(Kept::stock);
        if keep && counted.is_some() {
            *stock = counted;
            continue;
        }
        if let Some(stock) = stock {
            stock.reserved = before.map_or(0, |kept| kept.reserved);
        }
        if stock.is_some() || before.is_some() {
            levels.insert(key, stock.map(|stock| stock.level));
        }
    }
    levels.extend(known.into_keys().map(|key| (key, None)));
    let forgotten = levels.values().any(Option::is_none);
    set_levels(transaction, levels).await?;
    if forgotten {
        forget(transaction, &ids).await?;
    }
    Ok(())
}

/// Counts nothing of a product any more.
pub(super) async fn uncount(transaction: &Transaction, product_id: &str) -> Result<()> {
    let known = of_products(transaction, [product_id]).await?;
    let levels = known.into_keys().map(|key| (key, None));
    set_levels(transaction, levels.collect()).await?;
    forget(transaction, &[product_id.to_owned()]).await
}

/// Counts a variant, and sets its level.
pub async fn set_level(transaction: &Transaction, key: &VariantKey, level: i64) -> Result<()> {
    let levels = BTreeMap::from([(key.clone(), Some(level))]);
    set_levels(transaction, levels).await
}

/// Lets something be reserved of a variant of which nothing is kept, without counting it.
pub async fn keep_uncounted(transaction: &Transaction, key: &VariantKey) -> Result<()> {
    let row = stock::Model {
        product_id: key.product_id.clone(),
        variant_id: key.variant_id.clone(),
        level: None,
        reserved: 0,
    };
    let known = OnConflict::columns([Column::ProductId, Column::VariantId])
        .do_nothing()
        .to_owned();
    let insert = stock::Entity::insert(row.into_active_model()).on_conflict(known);
    insert.exec_without_returning(transaction.orm()).await?;
    Ok(())
}

/// Sets the levels of variants; none counts a variant no more.
async fn set_levels(
    transaction: &Transaction,
    levels: BTreeMap<VariantKey, Option<i64>>,
) -> Result<()> {
    let row = |(key, level): (VariantKey, Option<i64>)| stock::Model {
        product_id: key.product_id,
        variant_id: key.variant_id,
        level,
        reserved: 0,
    };
    let rows: Vec<_> = levels.into_iter().map(row).collect();
    for batch in rows.chunks(BATCH) {
        let known = OnConflict::columns([Column::ProductId, Column::VariantId])
            .update_column(Column::Level)
            .to_owned();
        let rows = batch
            .iter()
            .cloned()
            .map(IntoActiveModel::into_active_model);
        let upsert = stock::Entity::insert_many(rows).on_conflict(known);
        upsert.exec_without_returning(transaction.orm()).await?;
    }
    Ok(())
}

/// Forgets what is not counted and of which nobody holds anything.
async fn forget(transaction: &Transaction, product_ids: &[String]) -> Result<()> {
    let delete = stock::Entity::delete_many()
        .filter(Column::ProductId.is_in(product_ids.iter().map(String::as_str)))
        .filter(Column::Level.is_null())
        .filter(Column::Reserved.eq(0));
    delete.exec(transaction.orm()).await?;
    Ok(())
}

/// What the checkout holds of any variant.
pub async fn held(c: &impl Connection, checkout_id: Uuid) -> Result<Units> {
    let select = stock_hold::Entity::find().filter(Hold::CheckoutId.eq(checkout_id));
    let rows = select.all(c.orm()).await?;
    let unit = |row: stock_hold::Model| {
        let key = VariantKey {
            product_id: row.product_id,
            variant_id: row.variant_id,
        };
        (key, row.quantity)
    };
    Ok(rows.into_iter().map(unit).collect())
}

/// Changes what is kept of a variant. Answers false, and changes nothing, where less is left than that takes, or where
/// nothing is kept of it. The caller keeps what the checkout [holds](hold) then.
pub async fn change(transaction: &Transaction, step: &StockMove) -> Result<bool> {
    let VariantKey {
        product_id,
        variant_id,
    } = &step.key;
    let mut update = stock::Entity::update_many()
        .col_expr(
            Column::Reserved,
            Expr::col(Column::Reserved).add(step.reserved()),
        )
        .col_expr(Column::Level, Expr::col(Column::Level).sub(step.sold))
        .filter(Column::ProductId.eq(product_id.as_str()))
        .filter(Column::VariantId.eq(variant_id.as_str()));
    if step.taken() > 0 {
        let left = Expr::col(Column::Level).sub(Expr::col(Column::Reserved));
        let enough = Condition::any()
            .add(Column::Level.is_null())
            .add(left.gte(step.taken()));
        update = update.filter(enough);
    }
    Ok(update.exec(transaction.orm()).await?.rows_affected == 1)
}

/// Makes what the checkout holds something else. The caller [changes](change) what is reserved accordingly.
pub async fn hold(
    transaction: &Transaction,
    checkout_id: Uuid,
    before: &Units,
    after: &Units,
) -> Result<()> {
    if before == after {
        return Ok(());
    }
    if !before.is_empty() {
        let delete = stock_hold::Entity::delete_many().filter(Hold::CheckoutId.eq(checkout_id));
        delete.exec(transaction.orm()).await?;
    }
    if !after.is_empty() {
        let row = |(key, quantity): (&VariantKey, &i64)| stock_hold::Model {
            checkout_id,
            product_id: key.product_id.clone(),
            variant_id: key.variant_id.clone(),
            quantity: *quantity,
        };
        let rows = after.iter().map(|held| row(held).into_active_model());
        let insert = stock_hold::Entity::insert_many(rows);
        insert.exec_without_returning(transaction.orm()).await?;
    }
    Ok(())
}

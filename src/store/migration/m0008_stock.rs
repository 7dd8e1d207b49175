//! What counting stock adds: how much there is of a variant, and which checkout has reserved how much of it.

use sea_orm_migration::{
    prelude::*,
    schema::{big_integer, big_integer_null, text, uuid},
};

use super::m0001_initial::table;

#[derive(DeriveMigrationName)]
pub(super) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager.create_table(stock()).await?;
        manager.create_table(stock_holds()).await
    }
}

/// Without a level what was reserved while it was counted is still known. They outlive their product.
fn stock() -> TableCreateStatement {
    table("stock")
        .col(text("product_id"))
        .col(text("variant_id"))
        .col(big_integer_null("level"))
        .col(big_integer("reserved").check(Expr::col("reserved").gte(0)))
        .primary_key(Index::create().col("product_id").col("variant_id"))
        .take()
}

/// The units of one variant always sum to what is reserved of it.
fn stock_holds() -> TableCreateStatement {
    table("stock_holds")
        .col(uuid("checkout_id"))
        .col(text("product_id"))
        .col(text("variant_id"))
        .col(big_integer("quantity"))
        .primary_key(
            Index::create()
                .col("checkout_id")
                .col("product_id")
                .col("variant_id"),
        )
        .foreign_key(
            ForeignKey::create()
                .from_tbl("stock_holds")
                .from_col("product_id")
                .from_col("variant_id")
                .to_tbl("stock")
                .to_col("product_id")
                .to_col("variant_id"),
        )
        .take()
}

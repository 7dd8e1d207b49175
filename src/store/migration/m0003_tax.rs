//! What a tax provider adds: what it is still to be told of orders.

use sea_orm_migration::{
    prelude::*,
    schema::{big_integer, pk_uuid, text, timestamp_with_time_zone as time},
};

use super::m0001_initial::{index, table};

#[derive(DeriveMigrationName)]
pub(super) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager.create_table(tax_tasks()).await?;
        manager
            .create_index(index("tax_tasks", &["due_time"]))
            .await
    }
}

/// Written with the order, deleted when the provider has answered. What it is told is in the order's document.
fn tax_tasks() -> TableCreateStatement {
    table("tax_tasks")
        .col(pk_uuid("order_id"))
        .col(text("action"))
        .col(big_integer("attempts"))
        .col(time("due_time"))
        .col(time("create_time"))
        .take()
}

//! The history of orders: what happened to each of them.

use sea_orm_migration::{
    prelude::*,
    schema::{big_integer, text, timestamp_with_time_zone as time, uuid},
};

use super::m0001_initial::table;

#[derive(DeriveMigrationName)]
pub(super) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager.create_table(order_history()).await
    }
}

/// By the version of the order that a change made: one entry for each, and never two.
fn order_history() -> TableCreateStatement {
    table("order_history")
        .col(uuid("order_id"))
        .col(big_integer("version"))
        .col(time("time"))
        .col(text("event"))
        .col(text("payment_reference"))
        .col(text("payment_state"))
        .col(text("status"))
        .col(text("actor"))
        .col(text("reason"))
        .primary_key(Index::create().col("order_id").col("version"))
        .foreign_key(
            ForeignKey::create()
                .from("order_history", "order_id")
                .to("orders", "id"),
        )
        .take()
}

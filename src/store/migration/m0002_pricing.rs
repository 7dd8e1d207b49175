//! What full pricing adds: promotions of every kind, gift certificates and store credit.

use sea_orm_migration::{
    prelude::*,
    schema::{
        big_integer, big_integer_null, boolean, pk_uuid, text, text_null,
        timestamp_with_time_zone as time, timestamp_with_time_zone_null as time_null, uuid,
        uuid_null,
    },
};

use super::m0001_initial::{index, table};

#[derive(DeriveMigrationName)]
pub(super) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        promotions(manager).await?;
        balances(manager).await
    }
}

/// `uses` and `version` tell the truth over the document: a redemption changes them alone. The defaults are for
/// rows of the first release, and for those that its replicas go on adding: coupons without a limit of their own.
async fn promotions(manager: &SchemaManager<'_>) -> Result<(), DbErr> {
    for column in [
        text("redemption").default("COUPON").take(),
        big_integer("version").default(1).take(),
        big_integer_null("max_uses"),
        big_integer("uses").default(0).take(),
    ] {
        add_column(manager, "promotions", column).await?;
    }
    add_column(manager, "coupon_codes", uuid_null("batch_id")).await?;
    manager.create_table(promotion_redemptions()).await?;
    for index in [
        index("promotions", &["redemption", "id"]),
        index("coupon_codes", &["batch_id", "id"]),
    ] {
        manager.create_index(index).await?;
    }
    Ok(())
}

/// Which checkout holds a use of which promotion. They outlive their promotion, as those of codes do.
fn promotion_redemptions() -> TableCreateStatement {
    table("promotion_redemptions")
        .col(uuid("promotion_id"))
        .col(uuid("checkout_id"))
        .col(uuid("order_id"))
        .col(time("create_time"))
        .primary_key(Index::create().col("promotion_id").col("checkout_id"))
        .take()
}

/// SQLite adds one column at a time.
async fn add_column(
    manager: &SchemaManager<'_>,
    table: &'static str,
    column: ColumnDef,
) -> Result<(), DbErr> {
    let alter = Table::alter().table(table).add_column(column).take();
    manager.alter_table(alter).await
}

/// Money that can be paid with: store credit, which has a customer, and what is left of gift certificates.
async fn balances(manager: &SchemaManager<'_>) -> Result<(), DbErr> {
    let balances = table("balances")
        .col(pk_uuid("id"))
        .col(text_null("customer_id"))
        .col(text("currency_code"))
        .col(big_integer("balance"))
        .col(big_integer("version"))
        .col(time("create_time"))
        .col(time("update_time"))
        .index(
            Index::create()
                .unique()
                .col("customer_id")
                .col("currency_code"),
        )
        .take();
    for table in [
        balances,
        ledger_entries(),
        balance_holds(),
        gift_certificates(),
    ] {
        manager.create_table(table).await?;
    }
    for index in [
        index("gift_certificates", &["order_id"]),
        index("gift_certificates", &["recipient_email", "id"]),
    ] {
        manager.create_index(index).await?;
    }
    Ok(())
}

/// Each change of a balance, by the version that it made.
fn ledger_entries() -> TableCreateStatement {
    table("ledger_entries")
        .col(uuid("balance_id"))
        .col(big_integer("version"))
        .col(uuid("id"))
        .col(text("kind"))
        .col(big_integer("amount"))
        .col(big_integer("balance"))
        .col(uuid_null("order_id"))
        .col(text("note"))
        .col(time("create_time"))
        .primary_key(Index::create().col("balance_id").col("version"))
        .foreign_key(&mut to_balance("ledger_entries"))
        .take()
}

/// How much of which balance a checkout holds: taken when a payment begins, given back when it fails.
fn balance_holds() -> TableCreateStatement {
    table("balance_holds")
        .col(uuid("checkout_id"))
        .col(uuid("balance_id"))
        .col(big_integer("amount"))
        .primary_key(Index::create().col("checkout_id").col("balance_id"))
        .foreign_key(&mut to_balance("balance_holds"))
        .take()
}

/// The id is that of the balance, which comes second: the code may be taken.
fn gift_certificates() -> TableCreateStatement {
    table("gift_certificates")
        .col(pk_uuid("id"))
        .col(text("code"))
        .col(text("normalized_code").unique_key())
        .col(boolean("enabled"))
        .col(big_integer("amount"))
        .col(text("recipient_email"))
        .col(time_null("expire_time"))
        .col(uuid_null("order_id"))
        .col(text("card"))
        .take()
}

fn to_balance(table: &'static str) -> ForeignKeyCreateStatement {
    let mut key = ForeignKey::create();
    key.from(table, "balance_id").to("balances", "id");
    key
}

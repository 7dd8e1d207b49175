//! The tables of the first release.
//!
//! Documents are `text`: SQL never looks into them, and text costs neither database a parse.

use sea_orm_migration::{
    prelude::*,
    schema::{
        big_integer, big_integer_null, big_pk_auto, boolean, integer, pk_uuid, text,
        timestamp_with_time_zone as time, timestamp_with_time_zone_null as time_null, uuid,
        uuid_null, uuid_uniq,
    },
};

#[derive(DeriveMigrationName)]
pub(super) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        for table in [
            checkouts(),
            orders(),
            payments(),
            products(),
            promotions(),
            coupon_codes(),
            coupon_redemptions(),
            store_settings(),
            revisions(),
            requests(),
        ] {
            manager.create_table(table).await?;
        }
        for index in [
            index("orders", &["checkout_id"]),
            index("orders", &["customer_id", "number"]),
            index("orders", &["status", "number"]),
            index("coupon_codes", &["promotion_id", "id"]),
            index("coupon_redemptions", &["code_id", "customer_id"]),
            index("requests", &["time"]),
        ] {
            manager.create_index(index).await?;
        }
        let mut rows = Query::insert();
        rows.into_table("revisions").columns(["name", "revision"]);
        for name in ["catalog", "promotions", "store"] {
            rows.values([name.into(), 0.into()])
                .map_err(|error| DbErr::Migration(error.to_string()))?;
        }
        manager.execute(rows).await
    }
}

/// `paid_order_id` and `version` tell the truth over the document: a payment changes them alone. There is no
/// index but the key, so that a change of a cart touches none.
fn checkouts() -> TableCreateStatement {
    table("checkouts")
        .col(pk_uuid("id"))
        .col(big_integer("version"))
        .col(text("state"))
        .col(uuid_null("paid_order_id"))
        .col(text("customer_id"))
        .col(text("channel_id"))
        .col(time("expire_time"))
        .col(time("update_time"))
        .col(text("document"))
        .take()
}

/// The document is the checkout as it was; it never changes.
fn orders() -> TableCreateStatement {
    table("orders")
        .col(big_pk_auto("number"))
        .col(uuid_uniq("id"))
        .col(uuid("checkout_id"))
        .col(big_integer("version"))
        .col(text("status"))
        .col(text("status_reason"))
        .col(text("customer_id"))
        .col(text("channel_id"))
        .col(text("currency_code"))
        .col(big_integer("grand_total"))
        .col(time("create_time"))
        .col(time("update_time"))
        .col(time_null("paid_time"))
        .col(text("document"))
        .take()
}

fn payments() -> TableCreateStatement {
    table("payments")
        .col(pk_uuid("id"))
        .col(uuid("order_id"))
        .col(text("method"))
        .col(text("reference"))
        .col(big_integer("amount"))
        .col(text("state"))
        .col(time("create_time"))
        .index(Index::create().unique().col("order_id").col("reference"))
        .foreign_key(
            ForeignKey::create()
                .from("payments", "order_id")
                .to("orders", "id"),
        )
        .take()
}

fn products() -> TableCreateStatement {
    table("products")
        .col(text("id").primary_key())
        .col(text("name"))
        .col(big_integer("version"))
        .col(text("document"))
        .take()
}

fn promotions() -> TableCreateStatement {
    table("promotions")
        .col(pk_uuid("id"))
        .col(text("name"))
        .col(boolean("enabled"))
        .col(time_null("start_time"))
        .col(time_null("end_time"))
        .col(time("create_time"))
        .col(text("document"))
        .take()
}

fn coupon_codes() -> TableCreateStatement {
    table("coupon_codes")
        .col(pk_uuid("id"))
        .col(uuid("promotion_id"))
        .col(text("code"))
        .col(text("normalized_code").unique_key())
        .col(big_integer_null("max_uses"))
        .col(big_integer_null("max_uses_per_customer"))
        .col(big_integer("uses"))
        .col(time("create_time"))
        .foreign_key(
            ForeignKey::create()
                .from("coupon_codes", "promotion_id")
                .to("promotions", "id")
                .on_delete(ForeignKeyAction::Cascade),
        )
        .take()
}

/// Which checkout holds a use of which code. They outlive their code: with a foreign key, redeeming a code
/// that has just been deleted would break the whole transaction rather than tell.
fn coupon_redemptions() -> TableCreateStatement {
    table("coupon_redemptions")
        .col(uuid("code_id"))
        .col(uuid("checkout_id"))
        .col(uuid("order_id"))
        .col(text("customer_id"))
        .col(time("create_time"))
        .primary_key(Index::create().col("code_id").col("checkout_id"))
        .take()
}

/// At most one row.
fn store_settings() -> TableCreateStatement {
    table("store_settings")
        .col(integer("id").primary_key())
        .col(big_integer("version"))
        .col(text("document"))
        .take()
}

/// How often what replicas keep in memory has been changed.
fn revisions() -> TableCreateStatement {
    table("revisions")
        .col(text("name").primary_key())
        .col(big_integer("revision"))
        .take()
}

/// Answers to requests with an id, by that id.
fn requests() -> TableCreateStatement {
    table("requests")
        .col(pk_uuid("id"))
        .col(text("digest"))
        .col(text("answer"))
        .col(time("time"))
        .take()
}

pub(super) fn table(name: &'static str) -> TableCreateStatement {
    Table::create().table(name).take()
}

pub(super) fn index(table: &'static str, columns: &[&'static str]) -> IndexCreateStatement {
    let mut index = Index::create();
    index
        .name(format!("{table}_{}_idx", columns.join("_")))
        .table(table);
    for column in columns {
        index.col(*column);
    }
    index
}

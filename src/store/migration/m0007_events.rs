//! Events, which are written with what they tell of and get their place later.

use sea_orm_migration::{
    prelude::*,
    schema::{
        big_integer, big_integer_null, pk_uuid, text, timestamp_with_time_zone as time, uuid_null,
    },
};

use super::m0001_initial::table;

#[derive(DeriveMigrationName)]
pub(super) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        for table in [events(), event_marks()] {
            manager.create_table(table).await?;
        }
        let waiting = Index::create()
            .name("events_waiting_idx")
            .table("events")
            .col("time")
            .col("id")
            .and_where(Expr::col("position").is_null())
            .take();
        manager.create_index(waiting).await?;
        let mut rows = Query::insert();
        rows.into_table("event_marks").columns(["name", "position"]);
        for name in ["placed", "published", "looked_through"] {
            rows.values([name.into(), 0.into()])
                .map_err(|error| DbErr::Migration(error.to_string()))?;
        }
        manager.execute(rows).await
    }
}

/// An event waits without a position until it is committed and has been placed. Checkout and version are those of events
/// of checkouts, by which abandoned carts are found.
fn events() -> TableCreateStatement {
    table("events")
        .col(pk_uuid("id"))
        .col(big_integer_null("position").unique_key())
        .col(time("time"))
        .col(text("kind"))
        .col(uuid_null("checkout_id"))
        .col(big_integer_null("checkout_version"))
        .col(text("traceparent"))
        .col(text("document"))
        .take()
}

/// Up to which position something was done with events: given to them (`placed`), published elsewhere (`published`), and
/// looked through for abandoned carts (`looked_through`). Who does so locks the row, so that one replica does at a time.
fn event_marks() -> TableCreateStatement {
    table("event_marks")
        .col(text("name").primary_key())
        .col(big_integer("position"))
        .take()
}

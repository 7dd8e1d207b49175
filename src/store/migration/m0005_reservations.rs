//! What reservations add: until when a checkout holds what no payment needs, and which replica gives back what lapsed.

use sea_orm_migration::{
    prelude::*,
    schema::{pk_uuid, string, timestamp_with_time_zone as time, uuid},
};

use super::m0001_initial::{index, table};

#[derive(DeriveMigrationName)]
pub(super) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager.create_table(reservations()).await?;
        manager.create_table(leases()).await?;
        for index in [
            index("reservations", &["expire_time"]),
            index("coupon_redemptions", &["checkout_id"]),
            index("promotion_redemptions", &["checkout_id"]),
        ] {
            manager.create_index(index).await?;
        }
        Ok(())
    }
}

/// A checkout that holds something and has no row here holds it for good, or for a payment: so do those of the release
/// before.
fn reservations() -> TableCreateStatement {
    table("reservations")
        .col(pk_uuid("checkout_id"))
        .col(time("expire_time"))
        .take()
}

fn leases() -> TableCreateStatement {
    table("leases")
        .col(string("name").primary_key())
        .col(uuid("holder"))
        .col(time("expire_time"))
        .take()
}

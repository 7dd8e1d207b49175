//! What belongs to a customer is found, to be erased. Expired carts are found by their ids, which tell their age: an index
//! on the time at which they expire would be touched by each change of a cart, and these never are.

use sea_orm_migration::prelude::*;

use super::m0001_initial::index;

#[derive(DeriveMigrationName)]
pub(super) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        for table in ["checkouts", "coupon_redemptions"] {
            manager.create_index(index(table, &["customer_id"])).await?;
        }
        Ok(())
    }
}

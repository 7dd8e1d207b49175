//! How the tables came about, oldest first. A released migration is never edited.

use sea_orm_migration::{MigrationTrait, MigratorTrait, async_trait};

mod m0001_initial;
mod m0002_pricing;
mod m0003_tax;
mod m0004_order_history;
mod m0005_reservations;
mod m0006_purge;
mod m0007_events;
mod m0008_stock;
mod m0009_access;

pub(super) struct Migrator;

#[async_trait::async_trait]
impl MigratorTrait for Migrator {
    fn migrations() -> Vec<Box<dyn MigrationTrait>> {
        vec![
            Box::new(m0001_initial::Migration),
            Box::new(m0002_pricing::Migration),
            Box::new(m0003_tax::Migration),
            Box::new(m0004_order_history::Migration),
            Box::new(m0005_reservations::Migration),
            Box::new(m0006_purge::Migration),
            Box::new(m0007_events::Migration),
            Box::new(m0008_stock::Migration),
            Box::new(m0009_access::Migration),
        ]
    }
}

//! The built-in catalog: products in the database, kept in memory until they change.

use std::{sync::Arc, time::Duration};

use moka::future::Cache;

use super::{Listing, Products};
use crate::{
    domain::catalog::Product,
    store::{self, Database},
};

/// Most products kept in memory, and for how long after they were last asked for.
const CACHED_PRODUCTS: u64 = 10_000;
const CACHE_IDLE: Duration = Duration::from_mins(10);

/// The catalog in the database.
#[derive(Debug)]
pub(super) struct BuiltIn {
    database: Database,
    /// By revision of the catalog and id, so that a product that was read just before a change is never taken
    /// for one that was read after it.
    cache: Cache<(i64, String), Arc<Product>>,
}

impl BuiltIn {
    pub(super) fn new(database: Database) -> Self {
        let cache = Cache::builder()
            .max_capacity(CACHED_PRODUCTS)
            .time_to_idle(CACHE_IDLE)
            .build();
        Self { database, cache }
    }

    /// The products with these ids that exist, as they were at this revision of the catalog or later.
    pub(super) async fn products(&self, ids: &[String], revision: i64) -> store::Result<Products> {
        let mut found = Products::default();
        let mut unknown = Vec::new();
        for id in ids {
            match self.cache.get(&(revision, id.clone())).await {
                Some(product) => found.insert(id.clone(), Listing::Product(product)),
                None => unknown.push(id.clone()),
            }
        }
        if !unknown.is_empty() {
            self.read(&unknown, revision, &mut found).await?;
        }
        Ok(found)
    }

    /// The same, as they are in the database now.
    pub(super) async fn fresh(&self, ids: &[String], revision: i64) -> store::Result<Products> {
        let mut found = Products::default();
        self.read(ids, revision, &mut found).await?;
        Ok(found)
    }

    async fn read(&self, ids: &[String], revision: i64, found: &mut Products) -> store::Result<()> {
        for product in store::catalog::load_many(&self.database, ids).await? {
            let (id, product) = (product.id.clone(), Arc::new(product));
            let key = (revision, id.clone());
            self.cache.insert(key, Arc::clone(&product)).await;
            found.insert(id, Listing::Product(product));
        }
        Ok(())
    }
}

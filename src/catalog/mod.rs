//! The catalog as carts see it: products by id, kept in memory until the catalog changes.

use std::{collections::HashMap, sync::Arc, time::Duration};

use moka::future::Cache;

use crate::{
    domain::catalog::Product,
    store::{self, Database},
};

/// Most products kept in memory, and for how long after they were last asked for.
const CACHED_PRODUCTS: u64 = 10_000;
const CACHE_IDLE: Duration = Duration::from_mins(10);

/// Products by id.
pub type Products = HashMap<String, Arc<Product>>;

/// The built-in catalog.
pub struct Catalog {
    database: Database,
    /// By revision of the catalog and id, so that a product that was read just before a change is never taken
    /// for one that was read after it.
    cache: Cache<(i64, String), Arc<Product>>,
}

impl Catalog {
    /// The catalog in this database.
    #[must_use]
    pub fn new(database: Database) -> Self {
        let cache = Cache::builder()
            .max_capacity(CACHED_PRODUCTS)
            .time_to_idle(CACHE_IDLE)
            .build();
        Self { database, cache }
    }

    /// The products with these ids that exist, as they were at this revision of the catalog or later.
    pub async fn products(&self, ids: &[String], revision: i64) -> store::Result<Products> {
        let mut found = Products::new();
        let mut unknown = Vec::new();
        for id in ids {
            match self.cache.get(&(revision, id.clone())).await {
                Some(product) => drop(found.insert(id.clone(), product)),
                None => unknown.push(id.clone()),
            }
        }
        if !unknown.is_empty() {
            found.extend(self.fresh(&unknown, revision).await?);
        }
        Ok(found)
    }

    /// The same, as they are in the database now.
    pub async fn fresh(&self, ids: &[String], revision: i64) -> store::Result<Products> {
        let mut found = Products::new();
        for product in store::catalog::load_many(&self.database, ids).await? {
            let (id, product) = (product.id.clone(), Arc::new(product));
            let key = (revision, id.clone());
            self.cache.insert(key, Arc::clone(&product)).await;
            found.insert(id, product);
        }
        Ok(found)
    }
}

//! The catalog as carts see it: products by id, kept in memory until the catalog changes.

use std::{collections::HashMap, sync::Arc};

use moka::future::Cache;

use crate::{
    domain::catalog::Product,
    store::{self, Database},
};

/// Most products kept in memory.
const CACHED_PRODUCTS: u64 = 10_000;

/// Products by id.
pub type Products = HashMap<String, Arc<Product>>;

/// The built-in catalog.
pub struct Catalog {
    database: Database,
    cache: Cache<String, Arc<Product>>,
}

impl Catalog {
    /// The catalog in this database.
    #[must_use]
    pub fn new(database: Database) -> Self {
        Self {
            database,
            cache: Cache::new(CACHED_PRODUCTS),
        }
    }

    /// The products with these ids that exist, from memory where possible. What is in memory is at most as old as
    /// the last call of [`Self::forget`].
    pub async fn products(&self, ids: &[String]) -> store::Result<Products> {
        let mut found = Products::new();
        let mut unknown = Vec::new();
        for id in ids {
            match self.cache.get(id).await {
                Some(product) => drop(found.insert(id.clone(), product)),
                None => unknown.push(id.clone()),
            }
        }
        if !unknown.is_empty() {
            found.extend(self.fresh(&unknown).await?);
        }
        Ok(found)
    }

    /// The same, as they are in the database now.
    pub async fn fresh(&self, ids: &[String]) -> store::Result<Products> {
        let products = store::catalog::load_many(&self.database, ids).await?;
        let products = products
            .into_iter()
            .map(|product| (product.id.clone(), Arc::new(product)));
        let products: Products = products.collect();
        for (id, product) in &products {
            self.cache.insert(id.clone(), Arc::clone(product)).await;
        }
        Ok(products)
    }

    /// Forgets what is in memory: the catalog has changed.
    pub fn forget(&self) {
        self.cache.invalidate_all();
    }
}

//! The catalog as carts see it: products by id, from this database or from a service outside, kept in memory.

mod built_in;
mod remote;

use std::{collections::HashMap, sync::Arc, time::Duration};

use chrono::{DateTime, Utc};

use self::{built_in::BuiltIn, remote::Remote};
use crate::{
    domain::{
        catalog::Product,
        reason::{Reason, Refusal, Result},
        store::Store,
    },
    outbound::Outbound,
    store::{Database, StoreError},
};

/// The catalog. One for the whole process.
#[derive(Debug)]
pub struct Catalog(Kind);

#[derive(Debug)]
enum Kind {
    BuiltIn(BuiltIn),
    Remote(Arc<Remote>),
}

/// What a look-up goes by.
#[derive(Debug, Clone, Copy)]
pub struct Asking<'a> {
    /// The current revision of the built-in catalog.
    pub revision: i64,
    /// The settings, whose currency and tax classes a remote catalog's products have to be in.
    pub store: &'a Arc<Store>,
    /// The time.
    pub now: DateTime<Utc>,
}

/// A call to a remote catalog.
pub type Calls = Outbound<Wanted, Listings>;

/// What a remote catalog is asked for.
#[derive(Debug, Clone)]
pub struct Wanted {
    /// Ids of products, each once, at most [`MAX_PER_CALL`].
    pub ids: Vec<String>,
    /// The settings by which the answer is read.
    pub store: Arc<Store>,
}

/// Most products of one call to a remote catalog.
pub const MAX_PER_CALL: usize = 100;

/// What a remote catalog answers, by id. What is not in it does not exist.
pub type Listings = HashMap<String, Listing>;

/// What a catalog has under an id.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Listing {
    /// A product.
    Product(Arc<Product>),
    /// Something that cannot be sold, since it is not described as it has to be.
    Malformed,
    /// Nothing.
    Missing,
}

/// Why products could not be looked up.
#[derive(Debug, thiserror::Error)]
pub enum LookupError {
    /// The database of the built-in catalog.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The remote catalog cannot be asked, and has not been asked for all of the products before.
    #[error("the remote catalog is out of reach")]
    Unreachable,
}

impl Catalog {
    /// The catalog in this database.
    #[must_use]
    pub fn built_in(database: Database) -> Self {
        Self(Kind::BuiltIn(BuiltIn::new(database)))
    }

    /// The catalog that answers these calls. A product is used for `ttl` until it is asked for again, and longer when
    /// it cannot be.
    #[must_use]
    pub fn remote(calls: Calls, ttl: Duration) -> Self {
        Self(Kind::Remote(Arc::new(Remote::new(calls, ttl))))
    }

    /// Whether products live elsewhere. Nothing tells when they change.
    #[must_use]
    pub const fn is_remote(&self) -> bool {
        matches!(self.0, Kind::Remote(_))
    }

    /// What there is under these ids, not older than the current revision or, of a remote catalog, its time to live.
    pub async fn products(
        &self,
        ids: &[String],
        asking: Asking<'_>,
    ) -> std::result::Result<Products, LookupError> {
        match &self.0 {
            Kind::BuiltIn(catalog) => Ok(catalog.products(ids, asking.revision).await?),
            Kind::Remote(catalog) => catalog.products(ids, asking).await,
        }
    }

    /// The same, as it is now.
    pub async fn fresh(
        &self,
        ids: &[String],
        asking: Asking<'_>,
    ) -> std::result::Result<Products, LookupError> {
        match &self.0 {
            Kind::BuiltIn(catalog) => Ok(catalog.fresh(ids, asking.revision).await?),
            Kind::Remote(catalog) => catalog.fresh(ids, asking).await,
        }
    }
}

/// What was looked up.
#[derive(Debug, Default)]
pub struct Products {
    listings: Listings,
    /// When the oldest of them was read, where the remote catalog could not be asked for all of them; else none.
    pub stale_since: Option<DateTime<Utc>>,
}

impl Products {
    /// The product with this id. Refused where there is none, or one that cannot be sold.
    pub fn get(&self, id: &str) -> Result<&Arc<Product>> {
        match self.listings.get(id) {
            Some(Listing::Product(product)) => Ok(product),
            Some(Listing::Malformed) => Err(malformed(id)),
            Some(Listing::Missing) | None => Err(not_found(id)),
        }
    }

    /// All products.
    pub fn into_products(self) -> impl Iterator<Item = Arc<Product>> {
        self.listings
            .into_values()
            .filter_map(|listing| match listing {
                Listing::Product(product) => Some(product),
                Listing::Malformed | Listing::Missing => None,
            })
    }

    fn insert(&mut self, id: String, listing: Listing) {
        self.listings.insert(id, listing);
    }
}

/// Refuses a product that the catalog does not have.
#[must_use]
pub fn not_found(id: &str) -> Refusal {
    let message = format!("the catalog has no product \"{id}\"");
    Refusal::new(Reason::ProductNotFound, message).with("product_id", id)
}

fn malformed(id: &str) -> Refusal {
    let message = format!(
        "product \"{id}\" cannot be bought at the moment: the remote catalog does not describe it as it has to"
    );
    Refusal::new(Reason::ProductNotPurchasable, message)
        .with("product_id", id)
        .with("variant_id", "")
}

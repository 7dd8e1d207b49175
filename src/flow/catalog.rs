//! The catalog, as those who manage it see it. A remote one is read only.

use std::{collections::HashSet, sync::Arc};

use tracing::instrument;

use super::{
    Flow, Page, Paged, Result, now,
    once::{self, Once},
};
use crate::{
    catalog::{Products, not_found},
    domain::{
        catalog::Product,
        checkout::RequestKey,
        reason::{Reason, Refusal},
    },
    store,
};

/// Refuses what only the built-in catalog can do.
pub fn check_built_in(flow: &Flow) -> Result<()> {
    if flow.catalog.is_remote() {
        let message = "products live in a remote catalog: change and list them there";
        return Err(Refusal::new(Reason::CatalogIsRemote, message).into());
    }
    Ok(())
}

/// Creates or replaces products, all or none.
#[instrument(name = "flow.upsert_products", skip_all)]
pub async fn upsert(
    flow: &Flow,
    products: Vec<Product>,
    request: Option<RequestKey>,
) -> Result<Vec<Product>> {
    check_built_in(flow)?;
    match once::begin(flow, request.as_ref(), now()).await? {
        Once::Answered(_) => {
            let ids: Vec<_> = products.into_iter().map(|product| product.id).collect();
            Ok(store::catalog::load_many(&flow.database, &ids).await?)
        }
        Once::New(claim) => {
            let stored = store::catalog::upsert(&claim.transaction, &products).await?;
            claim.commit("").await?;
            flow.reload().await?;
            Ok(stored)
        }
    }
}

/// Answers a product.
#[instrument(name = "flow.get_product", skip_all)]
pub async fn get(flow: &Flow, id: &str) -> Result<Arc<Product>> {
    let products = read(flow, &[id.to_owned()]).await?;
    Ok(products.get(id).map(Arc::clone)?)
}

/// What there is under these ids: in the database now, or in the remote catalog within its time to live.
async fn read(flow: &Flow, ids: &[String]) -> Result<Products> {
    let snapshot = flow.snapshot();
    let asking = snapshot.asking(now());
    Ok(if flow.catalog.is_remote() {
        flow.catalog.products(ids, asking).await?
    } else {
        flow.catalog.fresh(ids, asking).await?
    })
}

/// Lists products by id.
#[instrument(name = "flow.list_products", skip_all)]
pub async fn list(flow: &Flow, page: Page) -> Result<Paged<Product>> {
    check_built_in(flow)?;
    let products =
        store::catalog::list(&flow.database, page.after.as_deref(), page.limit()).await?;
    Ok(page.of(products, |product| product.id.clone()))
}

/// Deletes a product.
#[instrument(name = "flow.delete_product", skip_all)]
pub async fn delete(flow: &Flow, id: &str, request: Option<RequestKey>) -> Result<()> {
    check_built_in(flow)?;
    let Once::New(claim) = once::begin(flow, request.as_ref(), now()).await? else {
        return Ok(());
    };
    if !store::catalog::delete(&claim.transaction, id).await? {
        return Err(not_found(id).into());
    }
    claim.commit("").await?;
    flow.reload().await
}

/// The products of these references (product id, variant id or empty for all), each once with the
/// variants asked for. What does not exist, or cannot be sold, is left out.
#[instrument(name = "flow.batch_get_variants", skip_all)]
pub async fn batch_get(flow: &Flow, references: &[(String, String)]) -> Result<Vec<Product>> {
    let ids: HashSet<&String> = references
        .iter()
        .map(|(product_id, _)| product_id)
        .collect();
    let ids: Vec<String> = ids.into_iter().cloned().collect();
    let products = read(flow, &ids).await?.into_products();
    let mut products: Vec<_> = products.map(Arc::unwrap_or_clone).collect();
    let wanted = |product_id: &str, variant_id: &str| {
        references.iter().any(|(product, variant)| {
            product == product_id && (variant.is_empty() || variant == variant_id)
        })
    };
    for product in &mut products {
        let id = product.id.clone();
        product.variants.retain(|variant| wanted(&id, &variant.id));
    }
    products.sort_by(|a, b| a.id.cmp(&b.id));
    Ok(products)
}

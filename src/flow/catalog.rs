//! The catalog, as those who manage it see it. A remote one is read only.

use std::{collections::HashSet, sync::Arc};

use tracing::instrument;

use super::{
    Flow, Guard, Page, Paged, Result, audit, now,
    once::{self, Once},
};
use crate::{
    catalog::{Products, not_found},
    domain::{
        audit::Action,
        catalog::Product,
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

/// Creates or replaces products, all or none. To `keep_stock` is to leave the stock of what is counted already as it is.
#[instrument(name = "flow.upsert_products", skip_all)]
pub async fn upsert(
    flow: &Flow,
    products: Vec<Product>,
    keep_stock: bool,
    guard: Guard,
) -> Result<Vec<Product>> {
    check_built_in(flow)?;
    match once::begin(flow, guard.request.as_ref(), now()).await? {
        Once::Answered(_) => {
            let ids: Vec<_> = products.into_iter().map(|product| product.id).collect();
            let mut products = store::catalog::load_many(&flow.database, &ids).await?;
            tell_stock(flow, &mut products).await?;
            Ok(products)
        }
        Once::New(claim) => {
            let stored = store::catalog::upsert(&claim.transaction, &products, keep_stock).await?;
            let ids = stored.iter().map(|product| &product.id);
            audit::note(&claim.transaction, &guard, Action::UpsertProducts, ids).await?;
            claim.commit("").await?;
            flow.reload().await?;
            Ok(stored)
        }
    }
}

/// Answers a product.
#[instrument(name = "flow.get_product", skip_all)]
pub async fn get(flow: &Flow, id: &str) -> Result<Product> {
    let products = read(flow, &[id.to_owned()]).await?;
    let mut product = Product::clone(products.get(id)?);
    tell_stock(flow, std::slice::from_mut(&mut product)).await?;
    Ok(product)
}

/// Makes products tell what is in stock and reserved now. Of a remote catalog's, the level is what it told.
async fn tell_stock(flow: &Flow, products: &mut [Product]) -> Result<()> {
    let counted = products.iter().filter(|product| product.is_counted());
    let ids: Vec<&str> = counted.map(|product| product.id.as_str()).collect();
    if ids.is_empty() {
        return Ok(());
    }
    let kept = store::stock::of_products(&flow.database, ids).await?;
    for (key, stock) in products.iter_mut().flat_map(Product::stock_mut) {
        let Some(told) = stock else {
            continue;
        };
        let kept = kept.get(&key);
        if flow.catalog.is_remote() {
            told.reserved = kept.map_or(0, |kept| kept.reserved);
        } else {
            *stock = kept.and_then(|kept| kept.stock());
        }
    }
    Ok(())
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
    let mut products =
        store::catalog::list(&flow.database, page.after.as_deref(), page.limit()).await?;
    tell_stock(flow, &mut products).await?;
    Ok(page.of(products, |product| product.id.clone()))
}

/// Deletes a product.
#[instrument(name = "flow.delete_product", skip_all)]
pub async fn delete(flow: &Flow, id: &str, guard: Guard) -> Result<()> {
    check_built_in(flow)?;
    let Once::New(claim) = once::begin(flow, guard.request.as_ref(), now()).await? else {
        return Ok(());
    };
    if !store::catalog::delete(&claim.transaction, id).await? {
        return Err(not_found(id).into());
    }
    audit::note(&claim.transaction, &guard, Action::DeleteProduct, [id]).await?;
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
    tell_stock(flow, &mut products).await?;
    Ok(products)
}

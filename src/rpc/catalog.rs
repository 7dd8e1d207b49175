//! `CatalogService`.

use tonic::{Request, Response};

use super::{
    Answer, Api,
    fields::{Fields, page_token},
    pb::{self, catalog_service_server::CatalogService},
};
use crate::flow;

pub(super) mod read;
mod show;

/// Most products, or references to them, of a call.
pub(super) const MAX_PRODUCTS: usize = 100;

#[tonic::async_trait]
impl CatalogService for Api {
    async fn upsert_products(
        &self,
        request: Request<pb::UpsertProductsRequest>,
    ) -> Answer<pb::UpsertProductsResponse> {
        let (mut request, mut fields) = Fields::of(request);
        let store = flow::settings::get(&self.flow).await?;
        let guard = fields.guard(&mut request);
        let products = fields.each(
            "products",
            request.products,
            1..=MAX_PRODUCTS,
            |fields, product| read::product(fields, product, &store),
        );
        fields.unique(
            "products",
            "id",
            products.iter().map(|product| product.id.as_str()),
        );
        fields.finish()?;
        let keep_stock = request.keep_stock;
        let products = flow::catalog::upsert(&self.flow, products, keep_stock, guard).await?;
        let products = products.iter().map(show::product).collect();
        Ok(Response::new(pb::UpsertProductsResponse { products }))
    }

    async fn get_product(
        &self,
        request: Request<pb::GetProductRequest>,
    ) -> Answer<pb::GetProductResponse> {
        let (request, mut fields) = Fields::of(request);
        let id = fields.required_text("product_id", request.product_id);
        fields.finish()?;
        let product = flow::catalog::get(&self.flow, &id).await?;
        let product = Some(show::product(&product));
        Ok(Response::new(pb::GetProductResponse { product }))
    }

    async fn list_products(
        &self,
        request: Request<pb::ListProductsRequest>,
    ) -> Answer<pb::ListProductsResponse> {
        let (request, mut fields) = Fields::of(request);
        let page = fields.page(request.page_size, &request.page_token);
        fields.finish()?;
        let page = flow::catalog::list(&self.flow, page).await?;
        let products = page.items.iter();
        Ok(Response::new(pb::ListProductsResponse {
            products: products.map(show::product).collect(),
            next_page_token: page_token(page.next.as_deref()),
        }))
    }

    async fn delete_product(
        &self,
        request: Request<pb::DeleteProductRequest>,
    ) -> Answer<pb::DeleteProductResponse> {
        let (mut request, mut fields) = Fields::of(request);
        let guard = fields.guard(&mut request);
        let id = fields.required_text("product_id", request.product_id);
        fields.finish()?;
        flow::catalog::delete(&self.flow, &id, guard).await?;
        Ok(Response::new(pb::DeleteProductResponse {}))
    }

    async fn batch_get_variants(
        &self,
        request: Request<pb::BatchGetVariantsRequest>,
    ) -> Answer<pb::BatchGetVariantsResponse> {
        let (request, mut fields) = Fields::of(request);
        let references = fields.each(
            "variants",
            request.variants,
            1..=MAX_PRODUCTS,
            |fields, variant| {
                let product_id = fields.required_text("product_id", variant.product_id);
                (product_id, fields.text("variant_id", variant.variant_id))
            },
        );
        fields.finish()?;
        let products = flow::catalog::batch_get(&self.flow, &references).await?;
        let products = products.iter().map(show::product).collect();
        Ok(Response::new(pb::BatchGetVariantsResponse { products }))
    }
}

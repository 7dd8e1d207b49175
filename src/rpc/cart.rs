//! `CartService`.

use tonic::{Request, Response};

use super::{
    Answer, Api,
    fields::Fields,
    pb::{self, cart_service_server::CartService},
    show,
};
use crate::flow;

mod read;

pub(super) use self::read::new_customer;

#[tonic::async_trait]
impl CartService for Api {
    async fn create_cart(
        &self,
        request: Request<pb::CreateCartRequest>,
    ) -> Answer<pb::CreateCartResponse> {
        let (mut request, mut fields) = Fields::of(request);
        let guard = fields.guard(&mut request);
        let cart = read::new_cart(&mut fields, request);
        let caller = fields.finish()?;
        let checkout = flow::cart::create(&self.flow, cart, guard).await?;
        let cart = Some(show::cart(&checkout, &caller));
        Ok(Response::new(pb::CreateCartResponse { cart }))
    }

    async fn get_cart(&self, request: Request<pb::GetCartRequest>) -> Answer<pb::GetCartResponse> {
        let (request, mut fields) = Fields::of(request);
        let id = fields.uuid("cart_id", &request.cart_id);
        let caller = fields.finish()?;
        let checkout = flow::cart::get(&self.flow, id, &caller).await?;
        let cart = Some(show::cart(&checkout, &caller));
        Ok(Response::new(pb::GetCartResponse { cart }))
    }

    async fn update_cart(
        &self,
        request: Request<pb::UpdateCartRequest>,
    ) -> Answer<pb::UpdateCartResponse> {
        let (mut request, mut fields) = Fields::of(request);
        let guard = fields.guard(&mut request);
        let id = fields.uuid("cart_id", &request.cart_id);
        let update = read::update(&mut fields, request);
        let caller = fields.finish()?;
        let checkout = flow::cart::update(&self.flow, id, update, guard).await?;
        let cart = Some(show::cart(&checkout, &caller));
        Ok(Response::new(pb::UpdateCartResponse { cart }))
    }

    async fn delete_cart(
        &self,
        request: Request<pb::DeleteCartRequest>,
    ) -> Answer<pb::DeleteCartResponse> {
        let (mut request, mut fields) = Fields::of(request);
        let guard = fields.guard(&mut request);
        let id = fields.uuid("cart_id", &request.cart_id);
        fields.finish()?;
        flow::cart::delete(&self.flow, id, guard).await?;
        Ok(Response::new(pb::DeleteCartResponse {}))
    }

    async fn add_line_items(
        &self,
        request: Request<pb::AddLineItemsRequest>,
    ) -> Answer<pb::AddLineItemsResponse> {
        let (mut request, mut fields) = Fields::of(request);
        let guard = fields.guard(&mut request);
        let id = fields.uuid("cart_id", &request.cart_id);
        let items = read::items(
            &mut fields,
            request.line_items,
            request.custom_items,
            request.gift_certificates,
        );
        let caller = fields.finish()?;
        let checkout = flow::line_item::add(&self.flow, id, items, guard).await?;
        let cart = Some(show::cart(&checkout, &caller));
        Ok(Response::new(pb::AddLineItemsResponse { cart }))
    }

    async fn update_line_item(
        &self,
        request: Request<pb::UpdateLineItemRequest>,
    ) -> Answer<pb::UpdateLineItemResponse> {
        let (mut request, mut fields) = Fields::of(request);
        let guard = fields.guard(&mut request);
        let id = fields.uuid("cart_id", &request.cart_id);
        let line = fields.uuid("line_item_id", &request.line_item_id);
        let update = read::line_item_update(&mut fields, request);
        let caller = fields.finish()?;
        let checkout = flow::line_item::update(&self.flow, id, line, update, guard).await?;
        let cart = Some(show::cart(&checkout, &caller));
        Ok(Response::new(pb::UpdateLineItemResponse { cart }))
    }

    async fn delete_line_item(
        &self,
        request: Request<pb::DeleteLineItemRequest>,
    ) -> Answer<pb::DeleteLineItemResponse> {
        let (mut request, mut fields) = Fields::of(request);
        let guard = fields.guard(&mut request);
        let id = fields.uuid("cart_id", &request.cart_id);
        let line = fields.uuid("line_item_id", &request.line_item_id);
        let caller = fields.finish()?;
        let checkout = flow::line_item::delete(&self.flow, id, line, guard).await?;
        let cart = checkout
            .as_ref()
            .map(|checkout| show::cart(checkout, &caller));
        Ok(Response::new(pb::DeleteLineItemResponse { cart }))
    }
}

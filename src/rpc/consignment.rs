//! `ConsignmentService`.

use tonic::{Request, Response};

use super::{
    Answer, Api,
    fields::Fields,
    pb::{
        self, consignment_service_server::ConsignmentService, update_consignment_request::Update,
    },
};
use crate::{
    domain::{
        cart::MAX_LINES,
        consignment::{ConsignmentItem, MAX_CONSIGNMENTS},
    },
    flow::{
        self,
        consignment::{ConsignmentUpdate, NewConsignment},
    },
};

#[tonic::async_trait]
impl ConsignmentService for Api {
    async fn add_consignments(
        &self,
        request: Request<pb::AddConsignmentsRequest>,
    ) -> Answer<pb::AddConsignmentsResponse> {
        let (mut request, mut fields) = Fields::of(request);
        let guard = fields.guard(&mut request);
        let id = fields.uuid("checkout_id", &request.checkout_id);
        let consignments = fields.each(
            "consignments",
            request.consignments,
            1..=MAX_CONSIGNMENTS,
            consignment,
        );
        let include = fields.include(request.include);
        let caller = fields.finish()?;
        let checkout = flow::consignment::add(&self.flow, id, consignments, guard).await?;
        let checkout = self.show(&checkout, include, &caller).await?;
        Ok(Response::new(pb::AddConsignmentsResponse { checkout }))
    }

    async fn update_consignment(
        &self,
        request: Request<pb::UpdateConsignmentRequest>,
    ) -> Answer<pb::UpdateConsignmentResponse> {
        let (mut request, mut fields) = Fields::of(request);
        let guard = fields.guard(&mut request);
        let id = fields.uuid("checkout_id", &request.checkout_id);
        let consignment = fields.uuid("consignment_id", &request.consignment_id);
        let update = update(&mut fields, request.update);
        let include = fields.include(request.include);
        let caller = fields.finish()?;
        let checkout =
            flow::consignment::update(&self.flow, id, consignment, update, guard).await?;
        let checkout = self.show(&checkout, include, &caller).await?;
        Ok(Response::new(pb::UpdateConsignmentResponse { checkout }))
    }

    async fn delete_consignment(
        &self,
        request: Request<pb::DeleteConsignmentRequest>,
    ) -> Answer<pb::DeleteConsignmentResponse> {
        let (mut request, mut fields) = Fields::of(request);
        let guard = fields.guard(&mut request);
        let id = fields.uuid("checkout_id", &request.checkout_id);
        let consignment = fields.uuid("consignment_id", &request.consignment_id);
        let include = fields.include(request.include);
        let caller = fields.finish()?;
        let checkout = flow::consignment::delete(&self.flow, id, consignment, guard).await?;
        let checkout = self.show(&checkout, include, &caller).await?;
        Ok(Response::new(pb::DeleteConsignmentResponse { checkout }))
    }
}

fn consignment(fields: &mut Fields, details: pb::ConsignmentDetails) -> NewConsignment {
    let address = fields.required_message("address", details.address, Fields::address);
    NewConsignment {
        address: address.unwrap_or_default(),
        items: fields.each("line_items", details.line_items, 1..=MAX_LINES, item),
    }
}

fn item(fields: &mut Fields, item: pb::ConsignmentLineItem) -> ConsignmentItem {
    let pb::ConsignmentLineItem {
        line_item_id,
        quantity,
    } = item;
    ConsignmentItem {
        line_item_id: fields.uuid("line_item_id", &line_item_id),
        quantity: fields.quantity("quantity", quantity),
    }
}

fn update(fields: &mut Fields, update: Option<Update>) -> ConsignmentUpdate {
    match update {
        Some(Update::Details(details)) => {
            fields.within("details", |fields| changes(fields, details))
        }
        Some(Update::ShippingOptionId(id)) => {
            ConsignmentUpdate::ShippingOption(fields.required_text("shipping_option_id", id))
        }
        Some(Update::PickupMethodId(id)) => {
            ConsignmentUpdate::PickupMethod(fields.required_text("pickup_method_id", id))
        }
        None => {
            fields.refuse(
                "update",
                "must be one of details, shipping_option_id, pickup_method_id",
            );
            ConsignmentUpdate::Details {
                address: None,
                items: None,
            }
        }
    }
}

fn changes(fields: &mut Fields, details: pb::ConsignmentDetails) -> ConsignmentUpdate {
    let items = (!details.line_items.is_empty()).then_some(details.line_items);
    if details.address.is_none() && items.is_none() {
        fields.refuse("", "must have an address, line_items or both");
    }
    ConsignmentUpdate::Details {
        address: fields.message("address", details.address, Fields::address),
        items: items.map(|items| fields.each("line_items", items, 1..=MAX_LINES, item)),
    }
}

//! `CheckoutService`.

use tonic::{Request, Response, Status};

use super::{
    Answer, Api,
    fields::Fields,
    pb::{self, checkout_service_server::CheckoutService},
    show,
};
use crate::{
    domain::checkout::Checkout,
    flow::{self, checkout::CheckoutUpdate},
};

impl Api {
    /// A checkout as it is answered, with the shipping options of its consignments if they are asked for.
    pub(super) async fn show(
        &self,
        checkout: &Checkout,
        with_options: bool,
    ) -> Result<Option<pb::Checkout>, Status> {
        let quotes = if with_options {
            flow::checkout::shipping_quotes(&self.flow, checkout).await?
        } else {
            Vec::new()
        };
        Ok(Some(show::checkout(checkout, quotes)))
    }
}

#[tonic::async_trait]
impl CheckoutService for Api {
    async fn get_checkout(
        &self,
        request: Request<pb::GetCheckoutRequest>,
    ) -> Answer<pb::GetCheckoutResponse> {
        let request = request.into_inner();
        let mut fields = Fields::default();
        let id = fields.uuid("checkout_id", &request.checkout_id);
        let with_options = fields.includes_shipping_options(request.include);
        fields.finish()?;
        let checkout = flow::checkout::get(&self.flow, id).await?;
        let checkout = self.show(&checkout, with_options).await?;
        Ok(Response::new(pb::GetCheckoutResponse { checkout }))
    }

    async fn update_checkout(
        &self,
        request: Request<pb::UpdateCheckoutRequest>,
    ) -> Answer<pb::UpdateCheckoutResponse> {
        let mut request = request.into_inner();
        let mut fields = Fields::default();
        let guard = fields.guard(&mut request);
        let id = fields.uuid("checkout_id", &request.checkout_id);
        let mask = fields.mask(request.update_mask, &["customer_message", "staff_note"]);
        let message = mask.text("customer_message", request.customer_message);
        let note = mask.text("staff_note", request.staff_note);
        let update = CheckoutUpdate {
            customer_message: message.map(|text| fields.long_text("customer_message", text)),
            staff_note: note.map(|text| fields.long_text("staff_note", text)),
        };
        let with_options = fields.includes_shipping_options(request.include);
        fields.finish()?;
        let checkout = flow::checkout::update(&self.flow, id, update, guard).await?;
        let checkout = self.show(&checkout, with_options).await?;
        Ok(Response::new(pb::UpdateCheckoutResponse { checkout }))
    }

    async fn add_billing_address(
        &self,
        request: Request<pb::AddBillingAddressRequest>,
    ) -> Answer<pb::AddBillingAddressResponse> {
        let mut request = request.into_inner();
        let mut fields = Fields::default();
        let guard = fields.guard(&mut request);
        let id = fields.uuid("checkout_id", &request.checkout_id);
        let address = fields.required_message("address", request.address, Fields::address);
        let with_options = fields.includes_shipping_options(request.include);
        fields.finish()?;
        let address = address.unwrap_or_default();
        let checkout = flow::checkout::add_billing_address(&self.flow, id, address, guard).await?;
        let checkout = self.show(&checkout, with_options).await?;
        Ok(Response::new(pb::AddBillingAddressResponse { checkout }))
    }

    async fn update_billing_address(
        &self,
        request: Request<pb::UpdateBillingAddressRequest>,
    ) -> Answer<pb::UpdateBillingAddressResponse> {
        let mut request = request.into_inner();
        let mut fields = Fields::default();
        let guard = fields.guard(&mut request);
        let id = fields.uuid("checkout_id", &request.checkout_id);
        let address_id = fields.optional_uuid("address_id", &request.address_id);
        let address = fields.required_message("address", request.address, Fields::address);
        let with_options = fields.includes_shipping_options(request.include);
        fields.finish()?;
        let address = address.unwrap_or_default();
        let checkout =
            flow::checkout::update_billing_address(&self.flow, id, address_id, address, guard)
                .await?;
        let checkout = self.show(&checkout, with_options).await?;
        Ok(Response::new(pb::UpdateBillingAddressResponse { checkout }))
    }
}

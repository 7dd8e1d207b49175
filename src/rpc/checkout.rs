//! `CheckoutService`.

use std::sync::Arc;

use futures_util::stream;
use tonic::{Request, Response, Status, codegen::BoxStream};

use super::{
    Answer, Api, fee,
    fields::{Fields, Include},
    manual_discount,
    pb::{self, checkout_service_server::CheckoutService},
    show,
};
use crate::{
    domain::{caller::Caller, checkout::Checkout},
    flow::{self, checkout::CheckoutUpdate, watch::Seen},
};

impl Api {
    /// A checkout as it is answered to this caller, with what is asked for in addition.
    pub(super) async fn show(
        &self,
        checkout: &Checkout,
        include: Include,
        caller: &Caller,
    ) -> Result<Option<pb::Checkout>, Status> {
        let quotes = if include.shipping_options {
            flow::checkout::shipping_quotes(&self.flow, checkout).await?
        } else {
            Vec::new()
        };
        let notices = if include.promotion_notifications {
            flow::checkout::promotion_notices(&self.flow, checkout)?
        } else {
            Vec::new()
        };
        Ok(Some(show::checkout(checkout, quotes, &notices, caller)))
    }

    async fn show_seen(
        &self,
        seen: &Seen,
        include: Include,
        caller: &Caller,
    ) -> Result<pb::WatchCheckoutResponse, Status> {
        // Nothing is offered any more for a checkout that has ended.
        let include = if seen.end.is_some() {
            Include::default()
        } else {
            include
        };
        Ok(pb::WatchCheckoutResponse {
            checkout: self.show(&seen.checkout, include, caller).await?,
            end: seen.end.map(show::checkout_end),
        })
    }
}

#[tonic::async_trait]
impl CheckoutService for Api {
    async fn get_checkout(
        &self,
        request: Request<pb::GetCheckoutRequest>,
    ) -> Answer<pb::GetCheckoutResponse> {
        let (request, mut fields) = Fields::of(request);
        let id = fields.uuid("checkout_id", &request.checkout_id);
        let include = fields.include(request.include);
        let caller = fields.finish()?;
        let checkout = flow::checkout::get(&self.flow, id, &caller).await?;
        let checkout = self.show(&checkout, include, &caller).await?;
        Ok(Response::new(pb::GetCheckoutResponse { checkout }))
    }

    type WatchCheckoutStream = BoxStream<pb::WatchCheckoutResponse>;

    async fn watch_checkout(
        &self,
        request: Request<pb::WatchCheckoutRequest>,
    ) -> Answer<Self::WatchCheckoutStream> {
        let (request, mut fields) = Fields::of(request);
        let id = fields.uuid("checkout_id", &request.checkout_id);
        let include = fields.include(request.include);
        let caller = fields.finish()?;
        let watcher = flow::watch::watch(Arc::clone(&self.flow), id, caller).await?;
        let begin = (self.clone(), watcher);
        let stream = stream::try_unfold(begin, move |(api, mut watcher)| async move {
            let Some(seen) = watcher.next().await? else {
                return Ok(None);
            };
            let response = api.show_seen(&seen, include, watcher.caller()).await?;
            Ok(Some((response, (api, watcher))))
        });
        Ok(Response::new(Box::pin(stream)))
    }

    async fn update_checkout(
        &self,
        request: Request<pb::UpdateCheckoutRequest>,
    ) -> Answer<pb::UpdateCheckoutResponse> {
        let (mut request, mut fields) = Fields::of(request);
        let guard = fields.guard(&mut request);
        let id = fields.uuid("checkout_id", &request.checkout_id);
        let mask = fields.mask(request.update_mask, &["customer_message", "staff_note"]);
        let message = mask.text("customer_message", request.customer_message);
        let note = mask.text("staff_note", request.staff_note);
        fields.not_for_shoppers("staff_note", note.is_some());
        let update = CheckoutUpdate {
            customer_message: message.map(|text| fields.long_text("customer_message", text)),
            staff_note: note.map(|text| fields.long_text("staff_note", text)),
        };
        let include = fields.include(request.include);
        let caller = fields.finish()?;
        let checkout = flow::checkout::update(&self.flow, id, update, guard).await?;
        let checkout = self.show(&checkout, include, &caller).await?;
        Ok(Response::new(pb::UpdateCheckoutResponse { checkout }))
    }

    async fn add_billing_address(
        &self,
        request: Request<pb::AddBillingAddressRequest>,
    ) -> Answer<pb::AddBillingAddressResponse> {
        let (mut request, mut fields) = Fields::of(request);
        let guard = fields.guard(&mut request);
        let id = fields.uuid("checkout_id", &request.checkout_id);
        let address = fields.required_message("address", request.address, Fields::address);
        let include = fields.include(request.include);
        let caller = fields.finish()?;
        let address = address.unwrap_or_default();
        let checkout = flow::checkout::add_billing_address(&self.flow, id, address, guard).await?;
        let checkout = self.show(&checkout, include, &caller).await?;
        Ok(Response::new(pb::AddBillingAddressResponse { checkout }))
    }

    async fn update_billing_address(
        &self,
        request: Request<pb::UpdateBillingAddressRequest>,
    ) -> Answer<pb::UpdateBillingAddressResponse> {
        let (mut request, mut fields) = Fields::of(request);
        let guard = fields.guard(&mut request);
        let id = fields.uuid("checkout_id", &request.checkout_id);
        let address_id = fields.optional_uuid("address_id", &request.address_id);
        let address = fields.required_message("address", request.address, Fields::address);
        let include = fields.include(request.include);
        let caller = fields.finish()?;
        let address = address.unwrap_or_default();
        let checkout =
            flow::checkout::update_billing_address(&self.flow, id, address_id, address, guard)
                .await?;
        let checkout = self.show(&checkout, include, &caller).await?;
        Ok(Response::new(pb::UpdateBillingAddressResponse { checkout }))
    }

    async fn apply_discounts(
        &self,
        request: Request<pb::ApplyDiscountsRequest>,
    ) -> Answer<pb::ApplyDiscountsResponse> {
        let (mut request, mut fields) = Fields::of(request);
        let guard = fields.guard(&mut request);
        let id = fields.uuid("checkout_id", &request.checkout_id);
        let discounts = manual_discount::discounts(&mut fields, request.discounts);
        let include = fields.include(request.include);
        let caller = fields.finish()?;
        let checkout = flow::manual_discount::apply(&self.flow, id, discounts, guard).await?;
        let checkout = self.show(&checkout, include, &caller).await?;
        Ok(Response::new(pb::ApplyDiscountsResponse { checkout }))
    }

    async fn add_fees(&self, request: Request<pb::AddFeesRequest>) -> Answer<pb::AddFeesResponse> {
        let (mut request, mut fields) = Fields::of(request);
        let guard = fields.guard(&mut request);
        let id = fields.uuid("checkout_id", &request.checkout_id);
        let fees = fee::added(&mut fields, request.fees);
        let include = fields.include(request.include);
        let caller = fields.finish()?;
        let checkout = flow::fee::add(&self.flow, id, fees, guard).await?;
        let checkout = self.show(&checkout, include, &caller).await?;
        Ok(Response::new(pb::AddFeesResponse { checkout }))
    }

    async fn update_fees(
        &self,
        request: Request<pb::UpdateFeesRequest>,
    ) -> Answer<pb::UpdateFeesResponse> {
        let (mut request, mut fields) = Fields::of(request);
        let guard = fields.guard(&mut request);
        let id = fields.uuid("checkout_id", &request.checkout_id);
        let fees = fee::updated(&mut fields, request.fees);
        let include = fields.include(request.include);
        let caller = fields.finish()?;
        let checkout = flow::fee::update(&self.flow, id, fees, guard).await?;
        let checkout = self.show(&checkout, include, &caller).await?;
        Ok(Response::new(pb::UpdateFeesResponse { checkout }))
    }

    async fn delete_fees(
        &self,
        request: Request<pb::DeleteFeesRequest>,
    ) -> Answer<pb::DeleteFeesResponse> {
        let (mut request, mut fields) = Fields::of(request);
        let guard = fields.guard(&mut request);
        let id = fields.uuid("checkout_id", &request.checkout_id);
        let fees = fee::deleted(&mut fields, request.fee_ids);
        let include = fields.include(request.include);
        let caller = fields.finish()?;
        let checkout = flow::fee::delete(&self.flow, id, fees, guard).await?;
        let checkout = self.show(&checkout, include, &caller).await?;
        Ok(Response::new(pb::DeleteFeesResponse { checkout }))
    }

    async fn apply_store_credit(
        &self,
        request: Request<pb::ApplyStoreCreditRequest>,
    ) -> Answer<pb::ApplyStoreCreditResponse> {
        let (mut request, mut fields) = Fields::of(request);
        let guard = fields.guard(&mut request);
        let id = fields.uuid("checkout_id", &request.checkout_id);
        let include = fields.include(request.include);
        let caller = fields.finish()?;
        let checkout = flow::store_credit::apply(&self.flow, id, guard).await?;
        let checkout = self.show(&checkout, include, &caller).await?;
        Ok(Response::new(pb::ApplyStoreCreditResponse { checkout }))
    }

    async fn remove_store_credit(
        &self,
        request: Request<pb::RemoveStoreCreditRequest>,
    ) -> Answer<pb::RemoveStoreCreditResponse> {
        let (mut request, mut fields) = Fields::of(request);
        let guard = fields.guard(&mut request);
        let id = fields.uuid("checkout_id", &request.checkout_id);
        let include = fields.include(request.include);
        let caller = fields.finish()?;
        let checkout = flow::store_credit::remove(&self.flow, id, guard).await?;
        let checkout = self.show(&checkout, include, &caller).await?;
        Ok(Response::new(pb::RemoveStoreCreditResponse { checkout }))
    }
}

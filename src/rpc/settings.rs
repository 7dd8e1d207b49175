//! `StoreService`.

use tonic::{Request, Response};

use super::{
    Answer, Api,
    fields::{Fields, Mask, page_token, replaceable},
    pb::{self, store_service_server::StoreService},
    show::gift_certificate::{ledger_entry, store_credit},
};
use crate::{
    domain::{
        caller::{Access, Scope},
        reason::Refusal,
        store::Store,
    },
    flow,
};

mod outside;
pub(super) mod read;
mod show;

#[tonic::async_trait]
impl StoreService for Api {
    async fn get_store(
        &self,
        request: Request<pb::GetStoreRequest>,
    ) -> Answer<pb::GetStoreResponse> {
        let (_, fields) = Fields::of(request);
        let caller = fields.finish()?;
        let store = flow::settings::get(&self.flow).await?;
        let mut shown = show::store(&store);
        if !caller.may(Scope::Store, Access::Write) {
            outside::hide_credentials(&mut shown);
        }
        let store = Some(shown);
        Ok(Response::new(pb::GetStoreResponse { store }))
    }

    async fn update_store(
        &self,
        request: Request<pb::UpdateStoreRequest>,
    ) -> Answer<pb::UpdateStoreResponse> {
        let (mut request, mut fields) = Fields::of(request);
        let guard = fields.guard(&mut request);
        let mask = fields.mask(request.update_mask, FIELDS);
        let given = fields.required_message("store", request.store, |_, store| store);
        fields.finish()?;
        let given = given.unwrap_or_default();
        let change = |current: &Store| changed(current, &given, &mask);
        let store = flow::settings::update(&self.flow, change, guard).await?;
        let store = Some(show::store(&store));
        Ok(Response::new(pb::UpdateStoreResponse { store }))
    }

    async fn get_store_credit(
        &self,
        request: Request<pb::GetStoreCreditRequest>,
    ) -> Answer<pb::GetStoreCreditResponse> {
        let (request, mut fields) = Fields::of(request);
        let customer_id = fields.required_text("customer_id", request.customer_id);
        let currency = fields.optional_currency("currency_code", &request.currency_code);
        let page = fields.page(request.page_size, &request.page_token);
        fields.finish()?;
        let (credit, page) =
            flow::store_credit::get(&self.flow, &customer_id, currency, page).await?;
        let currency = credit.balance.currency;
        let entries = page.items.iter();
        Ok(Response::new(pb::GetStoreCreditResponse {
            store_credit: Some(store_credit(&credit)),
            entries: entries.map(|entry| ledger_entry(currency, entry)).collect(),
            next_page_token: page_token(page.next.as_deref()),
        }))
    }

    async fn set_store_credit(
        &self,
        request: Request<pb::SetStoreCreditRequest>,
    ) -> Answer<pb::SetStoreCreditResponse> {
        let (mut request, mut fields) = Fields::of(request);
        let guard = fields.guard(&mut request);
        let customer_id = fields.required_text("customer_id", request.customer_id);
        let balance = fields.required_money("balance", request.balance);
        let note = fields.text("note", request.note);
        fields.finish()?;
        let credit =
            flow::store_credit::set(&self.flow, &customer_id, balance, &note, guard).await?;
        let store_credit = Some(store_credit(&credit));
        Ok(Response::new(pb::SetStoreCreditResponse { store_credit }))
    }
}

/// The settings with the fields of the mask replaced. The whole is checked, for what is left refers to
/// what is replaced.
fn changed(current: &Store, given: &pb::Store, mask: &Mask) -> Result<Store, Refusal> {
    let document = overlaid(show::store(current), given, mask);
    let mut fields = Fields::default();
    let store = fields.within("store", |fields| read::store(fields, document));
    fields.finish().map(|_| store)
}

replaceable!(
    pb::Store;
    name,
    default_currency_code,
    currencies,
    cart_lifetime,
    allow_multiple_coupons,
    discount_overridden_prices,
    origin,
    tax,
    tax_classes,
    tax_zones,
    shipping_zones,
    pickup_methods,
    gift_wrapping_options,
    carriers,
    reservation_lifetime,
);

#[cfg(test)]
mod tests;

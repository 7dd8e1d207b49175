//! `StoreService`.

use tonic::{Request, Response};

use super::{
    Answer, Api,
    fields::{Fields, Mask},
    pb::{self, store_service_server::StoreService},
};
use crate::{
    domain::{reason::Refusal, store::Store},
    flow,
};

pub(super) mod read;
mod show;

#[tonic::async_trait]
impl StoreService for Api {
    async fn get_store(
        &self,
        _request: Request<pb::GetStoreRequest>,
    ) -> Answer<pb::GetStoreResponse> {
        let store = flow::settings::get(&self.flow).await?;
        let store = Some(show::store(&store));
        Ok(Response::new(pb::GetStoreResponse { store }))
    }

    async fn update_store(
        &self,
        request: Request<pb::UpdateStoreRequest>,
    ) -> Answer<pb::UpdateStoreResponse> {
        let mut request = request.into_inner();
        let mut fields = Fields::default();
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
}

/// The settings with the fields of the mask replaced. The whole is checked, for what is left refers to
/// what is replaced.
fn changed(current: &Store, given: &pb::Store, mask: &Mask) -> Result<Store, Refusal> {
    let document = overlaid(show::store(current), given, mask);
    let mut fields = Fields::default();
    let store = fields.within("store", |fields| read::store(fields, document));
    fields.finish().map(|()| store)
}

macro_rules! replaceable {
    ($($field:ident),* $(,)?) => {
        /// The top-level fields that can be replaced.
        const FIELDS: &[&str] = &[$(stringify!($field)),*];

        fn overlaid(mut document: pb::Store, given: &pb::Store, mask: &Mask) -> pb::Store {
            $(if mask.names(stringify!($field), true) {
                document.$field.clone_from(&given.$field);
            })*
            document
        }
    };
}

replaceable!(
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
);

#[cfg(test)]
mod tests;

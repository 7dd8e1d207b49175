//! gRPC: parses requests into domain types, calls the flow, and shows what it answers. One file per
//! service; [`fields`] reads requests, [`show`] builds answers, [`error`] is the one mapping of errors.

use std::sync::Arc;

use tonic::service::Routes;
use tonic_health::{ServingStatus, server::HealthReporter};

use crate::flow::Flow;

pub mod access;
pub mod authentication;
mod authenticator;
mod cart;
mod catalog;
mod checkout;
pub mod cloud_event;
mod consignment;
mod coupon;
pub mod error;
mod event;
mod fee;
pub mod fields;
mod gift_certificate;
pub mod import;
pub mod in_flight;
pub mod layers;
mod manual_discount;
mod order;
mod promotion;
pub mod remote_catalog;
mod session;
mod settings;
pub mod show;
pub mod unfolding;

generated! {
    /// The messages and services of `proto/cartwright/v1`, generated.
    pub mod pb = "cartwright.v1";
}

/// The descriptors of all protos, with their imports and comments.
pub const FILE_DESCRIPTOR_SET: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/descriptors.bin"));

/// The largest request, in bytes.
pub const MAX_REQUEST_BYTES: usize = 1024 * 1024;

/// Every service of this crate, by its full name.
pub const SERVICES: [&str; 11] = [
    pb::cart_service_server::SERVICE_NAME,
    pb::catalog_service_server::SERVICE_NAME,
    pb::checkout_service_server::SERVICE_NAME,
    pb::consignment_service_server::SERVICE_NAME,
    pb::coupon_service_server::SERVICE_NAME,
    pb::event_service_server::SERVICE_NAME,
    pb::gift_certificate_service_server::SERVICE_NAME,
    pb::order_service_server::SERVICE_NAME,
    pb::promotion_service_server::SERVICE_NAME,
    pb::session_service_server::SERVICE_NAME,
    pb::store_service_server::SERVICE_NAME,
];

/// The name by which the health service tells that the process lives, whatever else is out of reach. Under the name of a
/// service, or none, it tells whether calls can be served.
pub const LIVENESS: &str = "liveness";

/// What a method answers.
type Answer<T> = Result<tonic::Response<T>, tonic::Status>;

/// Implements every service; each file beside this one has one of them.
#[derive(Clone)]
struct Api {
    flow: Arc<Flow>,
}

/// Every service together with health and reflection, and the reporter by which health is changed; all
/// of them are `SERVING`.
///
/// # Errors
/// Descriptors that reflection cannot read, which would be a mistake of the build.
pub async fn routes(
    flow: Arc<Flow>,
) -> Result<(Routes, HealthReporter), tonic_reflection::server::Error> {
    let api = Api { flow };
    let mut routes = Routes::builder();
    macro_rules! serve {
        ($($module:ident::$server:ident),* $(,)?) => {$(
            routes.add_service(
                pb::$module::$server::new(api.clone()).max_decoding_message_size(MAX_REQUEST_BYTES),
            );
        )*};
    }
    serve!(
        cart_service_server::CartServiceServer,
        catalog_service_server::CatalogServiceServer,
        checkout_service_server::CheckoutServiceServer,
        consignment_service_server::ConsignmentServiceServer,
        coupon_service_server::CouponServiceServer,
        event_service_server::EventServiceServer,
        gift_certificate_service_server::GiftCertificateServiceServer,
        order_service_server::OrderServiceServer,
        promotion_service_server::PromotionServiceServer,
        session_service_server::SessionServiceServer,
        store_service_server::StoreServiceServer,
    );

    let (reporter, health) = tonic_health::server::health_reporter();
    for service in SERVICES.into_iter().chain([LIVENESS]) {
        reporter
            .set_service_status(service, ServingStatus::Serving)
            .await;
    }
    routes.add_service(health);
    routes.add_service(reflection().build_v1()?);
    routes.add_service(reflection().build_v1alpha()?);
    Ok((routes.routes(), reporter))
}

fn reflection() -> tonic_reflection::server::Builder<'static> {
    tonic_reflection::server::Builder::configure()
        .register_encoded_file_descriptor_set(FILE_DESCRIPTOR_SET)
        .register_encoded_file_descriptor_set(tonic_health::pb::FILE_DESCRIPTOR_SET)
        // With these, tools such as grpcurl can show the details of an error.
        .register_encoded_file_descriptor_set(tonic_types::pb::FILE_DESCRIPTOR_SET)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_service_of_the_protos_is_served_and_reflected() {
        let pool = prost_reflect::DescriptorPool::decode(FILE_DESCRIPTOR_SET).unwrap();
        let mut described: Vec<_> = pool
            .services()
            .map(|service| service.full_name().to_owned())
            .collect();
        described.sort();
        assert_eq!(described, SERVICES);
        assert!(reflection().build_v1().is_ok());
        assert!(reflection().build_v1alpha().is_ok());
    }
}

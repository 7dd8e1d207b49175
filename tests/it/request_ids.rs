//! Requests that are repeated with their `request_id`: after the answer, at the same time, on another replica, and after
//! what they were about is gone.

use std::{collections::BTreeMap, fmt::Debug};

use cartwright::rpc::{FILE_DESCRIPTOR_SET, pb};
use prost::Message as _;
use prost_types::{FileDescriptorSet, method_options::IdempotencyLevel};
use tokio::join;
use tokio_stream::StreamExt as _;
use tonic::{Code, Status};
use tonic_types::StatusExt as _;
use uuid::Uuid;

use crate::harness::api::{
    Api, address, call, item, minor, on_every_backend, percentage_coupon, refused, usd,
};

on_every_backend!(
    duplicates_at_the_same_time_change_a_checkout_once,
    duplicates_at_the_same_time_create_one_thing,
    a_repeated_request_is_answered_whatever_happened_since,
    an_order_that_was_refused_for_its_price_is_refused_again,
    a_request_with_maps_is_the_same_in_any_order,
);

fn id(number: u128) -> String {
    Uuid::from_u128(number).to_string()
}

/// Makes a request several times at once, on two replicas, and once more. Answers what all of them were answered, but for
/// those that were told to try again.
async fn repeatedly<A: PartialEq + Debug>(
    replicas: [&Api; 2],
    request: impl AsyncFn(&Api) -> Result<A, Status>,
) -> A {
    let [one, other] = replicas;
    let (a, b, c, d) = join!(request(one), request(other), request(one), request(other));
    let last = request(other).await.unwrap();
    for answer in [a, b, c, d] {
        match answer {
            Ok(answer) => assert_eq!(answer, last),
            Err(status) => {
                assert_eq!(status.code(), Code::Aborted, "{status:?}");
                assert!(status.get_error_details().retry_info().is_some());
            }
        }
    }
    last
}

async fn duplicates_at_the_same_time_change_a_checkout_once(api: Api) {
    let other = api.replica().await;
    let replicas = [&api, &other];
    let cart = repeatedly(replicas, async |api| {
        let request = pb::CreateCartRequest {
            line_items: vec![item("poster", 1)],
            request_id: id(1),
            ..Default::default()
        };
        call!(api.carts, create_cart, request)
    });
    let cart = cart.await.cart.unwrap();
    let added = repeatedly(replicas, async |api| {
        let request = pb::AddLineItemsRequest {
            cart_id: cart.id.clone(),
            line_items: vec![item("poster", 1)],
            request_id: id(2),
            ..Default::default()
        };
        call!(api.carts, add_line_items, request)
    });
    let added = added.await.cart.unwrap();
    assert_eq!((added.line_items[0].quantity, added.version), (2, 2));

    let checkout = api.make_ready(&added).await;
    let order = repeatedly(replicas, async |api| {
        let request = pb::CreateOrderRequest {
            checkout_id: checkout.id.clone(),
            request_id: id(3),
            ..Default::default()
        };
        call!(api.orders, create_order, request)
    });
    let order = order.await.order.unwrap();
    assert_eq!(
        api.get(&checkout.id).await.order_ids,
        std::slice::from_ref(&order.id)
    );
    let outstanding = order.totals.as_ref().unwrap().outstanding_balance.clone();
    for (number, state) in [
        (4, pb::PaymentState::Pending),
        (5, pb::PaymentState::Completed),
    ] {
        let paid = repeatedly(replicas, async |api| {
            let request = pb::RecordPaymentRequest {
                order_id: order.id.clone(),
                method: "card".into(),
                reference: "one".into(),
                amount: outstanding.clone(),
                state: state.into(),
                request_id: id(number),
                ..Default::default()
            };
            call!(api.orders, record_payment, request)
        });
        let paid = paid.await.order.unwrap();
        assert_eq!((paid.payments.len(), paid.payments[0].state()), (1, state));
    }
}

async fn duplicates_at_the_same_time_create_one_thing(api: Api) {
    let other = api.replica().await;
    let replicas = [&api, &other];
    let coupon = repeatedly(replicas, async |api| {
        let request = pb::CreateCouponRequest {
            request_id: id(1),
            ..percentage_coupon("ONCE", "10")
        };
        call!(api.promotions, create_coupon, request)
    });
    let promotion_id = coupon.await.promotion.unwrap().id;
    let codes = repeatedly(replicas, async |api| {
        let request = pb::GenerateCouponCodesRequest {
            promotion_id: promotion_id.clone(),
            count: 3,
            request_id: id(2),
            ..Default::default()
        };
        let mut codes = Vec::new();
        let mut answers = call!(api.promotions, generate_coupon_codes, request)?;
        while let Some(answer) = answers.next().await {
            codes.extend(answer?.codes);
        }
        codes.sort();
        Ok(codes)
    });
    assert_eq!(codes.await.len(), 3);
    let request = pb::ListCouponCodesRequest {
        promotion_id,
        ..Default::default()
    };
    let listed = call!(api.promotions, list_coupon_codes, request).unwrap();
    assert_eq!(listed.coupon_codes.len(), 4);

    repeatedly(replicas, async |api| {
        let request = pb::IssueGiftCertificateRequest {
            amount: usd(500),
            request_id: id(3),
            ..Default::default()
        };
        call!(api.gift_certificates, issue_gift_certificate, request)
    })
    .await;
    let request = pb::ListGiftCertificatesRequest::default();
    let issued = call!(api.gift_certificates, list_gift_certificates, request).unwrap();
    assert_eq!(issued.gift_certificates.len(), 1);

    repeatedly(replicas, async |api| {
        let request = pb::SetStoreCreditRequest {
            customer_id: "ann".into(),
            balance: usd(700),
            request_id: id(4),
            ..Default::default()
        };
        call!(api.store, set_store_credit, request)
    })
    .await;
    assert_eq!(api.credit_ledger("ann").await.1.len(), 1);
}

async fn a_repeated_request_is_answered_whatever_happened_since(api: Api) {
    api.coupon(percentage_coupon("GONE", "10")).await;
    let cart = api.cart(vec![item("ebook", 1)]).await;
    let apply = pb::ApplyCouponRequest {
        checkout_id: cart.id.clone(),
        code: "GONE".into(),
        expected_version: Some(1),
        request_id: id(1),
        ..Default::default()
    };
    call!(api.coupons, apply_coupon, apply.clone()).unwrap();
    let create = pb::CreateCartRequest {
        line_items: vec![item("poster", 1)],
        request_id: id(2),
        ..Default::default()
    };
    let created = call!(api.carts, create_cart, create.clone()).unwrap();
    for product_id in ["ebook", "poster"] {
        let request = pb::DeleteProductRequest {
            product_id: product_id.into(),
            ..Default::default()
        };
        call!(api.catalog, delete_product, request).unwrap();
    }
    // The version has passed, the coupon is on the checkout, and the products are gone.
    let again = call!(api.coupons, apply_coupon, apply.clone()).unwrap();
    assert_eq!(again.checkout.unwrap().version, 2);
    let again = call!(api.carts, create_cart, create).unwrap();
    assert_eq!(again, created);
    let request = pb::DeleteCartRequest {
        cart_id: cart.id,
        ..Default::default()
    };
    call!(api.carts, delete_cart, request).unwrap();
    call!(api.coupons, apply_coupon, apply).unwrap();
}

async fn an_order_that_was_refused_for_its_price_is_refused_again(api: Api) {
    let cart = api.cart(vec![item("ebook", 1)]).await;
    api.bill(&cart.id, address("CA")).await;
    let mut dearer = crate::harness::api::products();
    dearer.retain(|product| product.id == "ebook");
    dearer[0].price = usd(900);
    let request = pb::UpsertProductsRequest {
        products: dearer,
        ..Default::default()
    };
    call!(api.catalog, upsert_products, request).unwrap();

    let request = |number| pb::CreateOrderRequest {
        checkout_id: cart.id.clone(),
        request_id: id(number),
        ..Default::default()
    };
    let create = async |number| call!(api.orders, create_order, request(number));
    let told = async || {
        let details = refused(create(1).await, Code::FailedPrecondition, "PRICE_CHANGED");
        details.error_info().unwrap().metadata.clone()
    };
    let first = told().await;
    // Whoever has not read that answer has not seen the price.
    assert_eq!(told().await, first);
    assert!(api.get(&cart.id).await.order_ids.is_empty());
    let order = create(2).await.unwrap().order.unwrap();
    assert_eq!(minor(&order.totals.unwrap().base_amount), 900);
}

async fn a_request_with_maps_is_the_same_in_any_order(api: Api) {
    let options: BTreeMap<_, _> = (0..20)
        .map(|n| (format!("key{n}"), n.to_string()))
        .collect();
    let http = pb::HttpCarrier {
        url: "http://localhost:1/rate".into(),
        connection_options: options,
        ..Default::default()
    };
    let carrier = pb::Carrier {
        id: "parcels".into(),
        endpoint: Some(pb::carrier::Endpoint::Http(http)),
        ..Default::default()
    };
    let request = pb::UpdateStoreRequest {
        store: Some(pb::Store {
            carriers: vec![carrier],
            ..crate::harness::api::store()
        }),
        request_id: id(1),
        ..Default::default()
    };
    let first = call!(api.store, update_store, request.clone()).unwrap();
    for _ in 0..10 {
        let again = call!(api.store, update_store, request.clone());
        assert_eq!(again.unwrap(), first);
    }
}

/// An RPC without an id could not be repeated safely.
#[test]
fn every_rpc_that_changes_something_takes_a_request_id() {
    let files = FileDescriptorSet::decode(FILE_DESCRIPTOR_SET).unwrap().file;
    let messages: BTreeMap<_, _> = files
        .iter()
        .flat_map(|file| &file.message_type)
        .map(|message| (message.name(), message))
        .collect();
    let methods = files.iter().flat_map(|file| &file.service);
    let mut changing = 0;
    for method in methods.flat_map(|service| &service.method) {
        let options = method.options.as_ref();
        if options.is_some_and(|o| o.idempotency_level() == IdempotencyLevel::NoSideEffects) {
            continue;
        }
        changing += 1;
        let name = method.input_type().rsplit('.').next().unwrap();
        let fields = &messages[name].field;
        assert!(
            fields.iter().any(|field| field.name() == "request_id"),
            "{name} has no request_id"
        );
    }
    assert!(changing > 35, "{changing} RPCs that change something");
}

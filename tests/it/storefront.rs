//! What shoppers may do, with whose carts and orders, and what they are shown of them.

use std::collections::BTreeMap;

use cartwright::rpc::pb::{self, session_service_client::SessionServiceClient};
use serde_json::{Value, json};
use tonic::{Code, Status};
use tonic_types::StatusExt as _;

use crate::harness::{
    any::{call_any, methods, name},
    api::{Api, address, call, custom, item, on_every_backend, refused, usd},
    session::{create_session, session},
    token::by,
};

on_every_backend!(
    carts_of_others_are_not_there,
    orders_of_others_are_not_there,
    a_customer_has_the_same_carts_in_every_session,
    a_session_is_for_its_sales_channel,
    prices_and_customers_are_not_for_shoppers_to_say,
    what_is_the_shops_is_not_shown,
    a_cart_that_becomes_another_customers_is_gone,
    a_request_of_another_shopper_is_not_answered_again,
    a_watch_ends_with_its_session,
    a_cart_is_watched_by_whom_it_is,
);

fn new_cart() -> pb::CreateCartRequest {
    pb::CreateCartRequest {
        line_items: vec![item("poster", 1)],
        ..Default::default()
    }
}

async fn cart_of(api: &Api, token: &str) -> pb::Cart {
    let created = call!(api.carts, create_cart, by(token, new_cart()));
    created.unwrap().cart.unwrap()
}

async fn get(api: &Api, token: &str, cart_id: &str) -> Result<pb::Cart, Status> {
    let cart_id = cart_id.to_owned();
    let request = by(token, pb::GetCartRequest { cart_id });
    Ok(call!(api.carts, get_cart, request)?.cart.unwrap())
}

/// A request of each RPC that shoppers may call, about this checkout and nothing else that there is.
fn requests(checkout: &pb::Checkout, order_id: &str) -> BTreeMap<&'static str, Value> {
    let id = checkout.id.as_str();
    let line = &checkout.cart.as_ref().unwrap().line_items[0].id;
    let consignment = &checkout.consignments[0].id;
    let address = json!({"country_code": "US"});
    let items = json!([{"product_id": "poster", "quantity": 1}]);
    let details =
        json!({"address": address, "line_items": [{"line_item_id": line, "quantity": 1}]});
    BTreeMap::from([
        ("CartService.GetCart", json!({"cart_id": id})),
        (
            "CartService.UpdateCart",
            json!({"cart_id": id, "email": "x@example.com"}),
        ),
        ("CartService.DeleteCart", json!({"cart_id": id})),
        (
            "CartService.AddLineItems",
            json!({"cart_id": id, "line_items": items}),
        ),
        (
            "CartService.UpdateLineItem",
            json!({"cart_id": id, "line_item_id": line, "quantity": 2}),
        ),
        (
            "CartService.DeleteLineItem",
            json!({"cart_id": id, "line_item_id": line}),
        ),
        ("CheckoutService.GetCheckout", json!({"checkout_id": id})),
        ("CheckoutService.WatchCheckout", json!({"checkout_id": id})),
        (
            "CheckoutService.UpdateCheckout",
            json!({"checkout_id": id, "customer_message": "x"}),
        ),
        (
            "CheckoutService.AddBillingAddress",
            json!({"checkout_id": id, "address": address}),
        ),
        (
            "CheckoutService.UpdateBillingAddress",
            json!({"checkout_id": id, "address": address}),
        ),
        (
            "CheckoutService.ApplyStoreCredit",
            json!({"checkout_id": id}),
        ),
        (
            "CheckoutService.RemoveStoreCredit",
            json!({"checkout_id": id}),
        ),
        (
            "ConsignmentService.AddConsignments",
            json!({"checkout_id": id, "consignments": [details]}),
        ),
        (
            "ConsignmentService.UpdateConsignment",
            json!({"checkout_id": id, "consignment_id": consignment, "shipping_option_id": "us/us-ground"}),
        ),
        (
            "ConsignmentService.DeleteConsignment",
            json!({"checkout_id": id, "consignment_id": consignment}),
        ),
        (
            "CouponService.ApplyCoupon",
            json!({"checkout_id": id, "code": "TEN"}),
        ),
        (
            "CouponService.RemoveCoupon",
            json!({"checkout_id": id, "code": "TEN"}),
        ),
        (
            "GiftCertificateService.ApplyGiftCertificate",
            json!({"checkout_id": id, "code": "GIFT"}),
        ),
        (
            "GiftCertificateService.RemoveGiftCertificate",
            json!({"checkout_id": id, "code": "GIFT"}),
        ),
        ("OrderService.CreateOrder", json!({"checkout_id": id})),
        ("OrderService.GetOrder", json!({"order_id": order_id})),
        ("OrderService.ListOrders", json!({"checkout_id": id})),
    ])
}

async fn carts_of_others_are_not_there(api: Api) {
    let owner = session(&api, None, "").await;
    let cart = cart_of(&api, &owner).await;
    let checkout = api.make_ready(&cart).await;
    let order = api.order(&checkout.id).await.unwrap();
    let requests = requests(&checkout, &order.id);
    let before = api.get(&checkout.id).await;

    let guest = session(&api, None, "").await;
    let customer = session(&api, None, "customer-1").await;
    for method in methods() {
        let rpc = name(&method);
        let Some(request) = requests.get(rpc.as_str()) else {
            continue;
        };
        for stranger in [&guest, &customer] {
            if rpc == "OrderService.ListOrders" && stranger == &customer {
                // Of their own, which are none of this checkout.
                continue;
            }
            let answer = call_any(&api.server.channel(), &method, request, Some(stranger)).await;
            let reason = if rpc == "OrderService.GetOrder" {
                "ORDER_NOT_FOUND"
            } else {
                "CART_NOT_FOUND"
            };
            let status = answer.expect_err(&rpc);
            let info = status.get_details_error_info().unwrap();
            assert_eq!(
                (status.code(), info.reason.as_str()),
                (Code::NotFound, reason),
                "{rpc}"
            );
        }
    }
    assert_eq!(api.get(&checkout.id).await, before);
    // As if there had never been one.
    let never = "01936f3c-0000-7000-8000-000000000000";
    let message = |id: &str, error: Status| error.message().replace(id, "ID");
    let foreign = get(&api, &guest, &cart.id).await.unwrap_err();
    let unknown = get(&api, &guest, never).await.unwrap_err();
    assert_eq!(message(&cart.id, foreign), message(never, unknown));
    assert_eq!(get(&api, &owner, &cart.id).await.unwrap().id, cart.id);
}

#[test]
fn every_rpc_for_shoppers_is_tried_with_carts_of_others() {
    let checkout = pb::Checkout {
        cart: Some(pb::Cart {
            line_items: vec![pb::LineItem::default()],
            ..Default::default()
        }),
        consignments: vec![pb::Consignment::default()],
        ..Default::default()
    };
    let tried = requests(&checkout, "");
    for method in methods() {
        let path = format!("/{}/{}", method.parent_service().full_name(), method.name());
        let who = cartwright::rpc::access::needs(&path).unwrap().who;
        let is_for_shoppers = who == cartwright::rpc::access::Who::Shoppers;
        // A cart of one's own cannot be a stranger's; claiming has tests of its own.
        let is_apart = ["CreateCart", "ClaimCart"].contains(&method.name());
        let rpc = name(&method);
        assert_eq!(
            tried.contains_key(rpc.as_str()),
            is_for_shoppers && !is_apart,
            "{rpc}"
        );
    }
}

async fn orders_of_others_are_not_there(api: Api) {
    let (one, other) = (
        session(&api, None, "customer-1").await,
        session(&api, None, "customer-2").await,
    );
    let guest = session(&api, None, "").await;
    let mut orders = Vec::new();
    for token in [&one, &other, &guest] {
        let cart = cart_of(&api, token).await;
        let checkout = api.make_ready(&cart).await;
        let checkout_id = checkout.id;
        let request = by(
            token,
            pb::CreateOrderRequest {
                checkout_id,
                ..Default::default()
            },
        );
        orders.push(
            call!(api.orders, create_order, request)
                .unwrap()
                .order
                .unwrap(),
        );
    }
    let list = async |token: &str, checkout_id: &str| {
        let checkout_id = checkout_id.to_owned();
        let request = by(
            token,
            pb::ListOrdersRequest {
                checkout_id,
                ..Default::default()
            },
        );
        let listed = call!(api.orders, list_orders, request)?;
        Ok::<_, Status>(
            listed
                .orders
                .into_iter()
                .map(|order| order.id)
                .collect::<Vec<_>>(),
        )
    };
    assert_eq!(list(&one, "").await.unwrap(), [orders[0].id.as_str()]);
    assert_eq!(list(&other, "").await.unwrap(), [orders[1].id.as_str()]);
    assert!(list(&one, &orders[1].checkout_id).await.unwrap().is_empty());
    refused(
        list(&guest, "").await,
        Code::InvalidArgument,
        "INVALID_FIELDS",
    );
    assert_eq!(
        list(&guest, &orders[2].checkout_id).await.unwrap(),
        [orders[2].id.as_str()]
    );
    let request = pb::ListOrdersRequest {
        customer_id: "customer-1".into(),
        ..Default::default()
    };
    let asked = call!(api.orders, list_orders, by(&other, request));
    refused(asked, Code::PermissionDenied, "STOREFRONT_NOT_ALLOWED");

    for (token, own) in [(&one, 0), (&other, 1), (&guest, 2)] {
        for (index, order) in orders.iter().enumerate() {
            for key in [
                pb::get_order_request::By::OrderId(order.id.clone()),
                pb::get_order_request::By::Number(order.number),
            ] {
                let request = by(token, pb::GetOrderRequest { by: Some(key) });
                let answer = call!(api.orders, get_order, request);
                if index == own {
                    assert_eq!(answer.unwrap().order.unwrap().id, order.id);
                } else {
                    refused(answer, Code::NotFound, "ORDER_NOT_FOUND");
                }
            }
        }
    }
}

async fn a_customer_has_the_same_carts_in_every_session(api: Api) {
    let phone = session(&api, None, "customer-1").await;
    let cart = cart_of(&api, &phone).await;
    assert_eq!(cart.customer_id, "customer-1");
    let laptop = session(&api, None, "customer-1").await;
    assert_eq!(get(&api, &laptop, &cart.id).await.unwrap().id, cart.id);
    // Carts that services make for the customer, too.
    let request = pb::CreateCartRequest {
        customer_id: "customer-1".into(),
        ..new_cart()
    };
    let made = call!(api.carts, create_cart, request)
        .unwrap()
        .cart
        .unwrap();
    assert_eq!(get(&api, &laptop, &made.id).await.unwrap().id, made.id);
}

async fn a_session_is_for_its_sales_channel(api: Api) {
    let request = pb::CreateSessionRequest {
        customer_id: "customer-1".into(),
        channel_id: "eu".into(),
        ..Default::default()
    };
    let european = create_session(&api, None, request).await.token;
    let cart = cart_of(&api, &european).await;
    assert_eq!(cart.channel_id, "eu");
    let elsewhere = session(&api, None, "customer-1").await;
    refused(
        get(&api, &elsewhere, &cart.id).await,
        Code::NotFound,
        "CART_NOT_FOUND",
    );
    let request = pb::CreateCartRequest {
        channel_id: "us".into(),
        ..new_cart()
    };
    let created = call!(api.carts, create_cart, by(&european, request));
    refused(created, Code::PermissionDenied, "CHANNEL_NOT_ALLOWED");
}

async fn prices_and_customers_are_not_for_shoppers_to_say(api: Api) {
    let token = session(&api, None, "customer-1").await;
    let cart = cart_of(&api, &token).await;
    let denied = |answer: Result<(), Status>, fields: &[&str]| {
        let details = refused(answer, Code::PermissionDenied, "STOREFRONT_NOT_ALLOWED");
        let violations = &details.bad_request().unwrap().field_violations;
        let named: Vec<_> = violations
            .iter()
            .map(|violation| violation.field.as_str())
            .collect();
        assert_eq!(named, fields);
        assert_eq!(details.error_info().unwrap().metadata["field"], fields[0]);
    };
    let mut cheap = item("poster", 1);
    cheap.list_price = usd(1);
    let request = pb::CreateCartRequest {
        customer_id: "customer-2".into(),
        customer_context: Some(pb::CustomerContext::default()),
        line_items: vec![cheap.clone()],
        custom_items: vec![custom("Thing", 1, 1)],
        ..Default::default()
    };
    let created = call!(api.carts, create_cart, by(&token, request)).map(drop);
    let fields = [
        "customer_id",
        "customer_context",
        "custom_items",
        "line_items[0].list_price",
    ];
    denied(created, &fields);
    let request = pb::AddLineItemsRequest {
        cart_id: cart.id.clone(),
        line_items: vec![cheap],
        ..Default::default()
    };
    let added = call!(api.carts, add_line_items, by(&token, request)).map(drop);
    denied(added, &["line_items[0].list_price"]);
    let request = pb::UpdateLineItemRequest {
        cart_id: cart.id.clone(),
        line_item_id: cart.line_items[0].id.clone(),
        list_price: usd(1),
        ..Default::default()
    };
    let updated = call!(api.carts, update_line_item, by(&token, request)).map(drop);
    denied(updated, &["list_price"]);
    let request = pb::UpdateCartRequest {
        cart_id: cart.id.clone(),
        customer_id: "customer-2".into(),
        channel_id: "eu".into(),
        customer_context: Some(pb::CustomerContext::default()),
        ..Default::default()
    };
    let updated = call!(api.carts, update_cart, by(&token, request)).map(drop);
    denied(updated, &["customer_id", "customer_context", "channel_id"]);
    let request = pb::UpdateCheckoutRequest {
        checkout_id: cart.id.clone(),
        staff_note: "x".into(),
        ..Default::default()
    };
    let updated = call!(api.checkouts, update_checkout, by(&token, request)).map(drop);
    denied(updated, &["staff_note"]);
    assert_eq!(
        get(&api, &token, &cart.id).await.unwrap().version,
        cart.version
    );
}

async fn what_is_the_shops_is_not_shown(api: Api) {
    let request = pb::CreateSessionRequest {
        customer_id: "customer-1".into(),
        customer_context: Some(pb::CustomerContext {
            group_ids: vec!["difficult".into()],
            ..Default::default()
        }),
        ..Default::default()
    };
    let token = create_session(&api, None, request).await.token;
    let cart = cart_of(&api, &token).await;
    assert_eq!(cart.customer_context, None);
    let known = api
        .get(&cart.id)
        .await
        .cart
        .unwrap()
        .customer_context
        .unwrap();
    assert_eq!(known.group_ids, ["difficult"]);

    api.certificate("FULL-CODE-1234", 10_000).await;
    let request = pb::ApplyGiftCertificateRequest {
        checkout_id: cart.id.clone(),
        code: "FULL-CODE-1234".into(),
        ..Default::default()
    };
    let applied = call!(
        api.gift_certificates,
        apply_gift_certificate,
        by(&token, request)
    );
    let applied = applied.unwrap().checkout.unwrap();
    assert_eq!(applied.gift_certificates[0].code, "****-****-1234");
    let request = pb::UpdateCheckoutRequest {
        checkout_id: cart.id.clone(),
        staff_note: "haggles".into(),
        ..Default::default()
    };
    call!(api.checkouts, update_checkout, request).unwrap();
    let request = pb::GetCheckoutRequest {
        checkout_id: cart.id.clone(),
        include: vec![],
    };
    let seen = call!(api.checkouts, get_checkout, by(&token, request))
        .unwrap()
        .checkout
        .unwrap();
    assert_eq!(seen.staff_note, "");
    assert_eq!(seen.gift_certificates[0].code, "****-****-1234");

    api.make_ready(&cart).await;
    let request = pb::CreateOrderRequest {
        checkout_id: cart.id.clone(),
        ..Default::default()
    };
    let order = call!(api.orders, create_order, by(&token, request))
        .unwrap()
        .order
        .unwrap();
    assert_eq!((order.staff_note.as_str(), order.history.len()), ("", 0));
    assert_eq!(order.customer_context, None);
    assert_eq!(order.gift_certificates[0].code, "****-****-1234");
    let by_id = pb::get_order_request::By::OrderId(order.id.clone());
    let request = pb::GetOrderRequest { by: Some(by_id) };
    let shown = call!(api.orders, get_order, request)
        .unwrap()
        .order
        .unwrap();
    assert_eq!(
        (shown.staff_note.as_str(), shown.history.len()),
        ("haggles", 1)
    );
}

async fn a_cart_that_becomes_another_customers_is_gone(api: Api) {
    let guest = session(&api, None, "").await;
    let cart = cart_of(&api, &guest).await;
    let request = pb::UpdateCartRequest {
        cart_id: cart.id.clone(),
        customer_id: "customer-1".into(),
        ..Default::default()
    };
    call!(api.carts, update_cart, request).unwrap();
    refused(
        get(&api, &guest, &cart.id).await,
        Code::NotFound,
        "CART_NOT_FOUND",
    );
    let customer = session(&api, None, "customer-1").await;
    assert_eq!(get(&api, &customer, &cart.id).await.unwrap().id, cart.id);
}

async fn a_request_of_another_shopper_is_not_answered_again(api: Api) {
    let request = pb::CreateCartRequest {
        request_id: "01936f3c-0000-7000-8000-000000000001".into(),
        ..new_cart()
    };
    let (one, other) = (session(&api, None, "").await, session(&api, None, "").await);
    let first = call!(api.carts, create_cart, by(&one, request.clone())).unwrap();
    let again = call!(api.carts, create_cart, by(&one, request.clone())).unwrap();
    assert_eq!(first, again);
    let stolen = call!(api.carts, create_cart, by(&other, request));
    refused(stolen, Code::InvalidArgument, "REQUEST_ID_REUSED");
}

async fn a_watch_ends_with_its_session(api: Api) {
    let created = create_session(&api, None, pb::CreateSessionRequest::default()).await;
    let cart = cart_of(&api, &created.token).await;
    let request = pb::WatchCheckoutRequest {
        checkout_id: cart.id,
        include: vec![],
    };
    let mut watch = call!(api.checkouts, watch_checkout, by(&created.token, request)).unwrap();
    watch
        .message()
        .await
        .unwrap()
        .expect("the checkout as it is");
    let sessions = SessionServiceClient::new(api.server.channel());
    let session_id = created.session.unwrap().id;
    let request = pb::RevokeSessionRequest {
        session_id,
        ..Default::default()
    };
    call!(sessions, revoke_session, request).unwrap();
    refused(
        watch.message().await,
        Code::Unauthenticated,
        "CREDENTIALS_INVALID",
    );
}

async fn a_cart_is_watched_by_whom_it_is(api: Api) {
    let guest = session(&api, None, "").await;
    let cart = cart_of(&api, &guest).await;
    let request = pb::WatchCheckoutRequest {
        checkout_id: cart.id.clone(),
        include: vec![],
    };
    let mut watch = call!(api.checkouts, watch_checkout, by(&guest, request)).unwrap();
    watch
        .message()
        .await
        .unwrap()
        .expect("the checkout as it is");
    api.bill(&cart.id, address("US")).await;
    watch.message().await.unwrap().expect("a change");
    let request = pb::UpdateCartRequest {
        cart_id: cart.id.clone(),
        customer_id: "customer-1".into(),
        ..Default::default()
    };
    call!(api.carts, update_cart, request).unwrap();
    refused(watch.message().await, Code::NotFound, "CART_NOT_FOUND");
}

//! What is secret or personal is told to nobody who reads logs, traces or metrics, whatever is logged: every value of that
//! kind has [`MARK`] in it here, which is looked for in all that the program writes and exports.

use cartwright::rpc::pb::{
    self, CheckoutInclude, PaymentState, cart_service_client::CartServiceClient,
    catalog_service_client::CatalogServiceClient, checkout_service_client::CheckoutServiceClient,
    consignment_service_client::ConsignmentServiceClient,
    coupon_service_client::CouponServiceClient, event_service_client::EventServiceClient,
    gift_certificate_service_client::GiftCertificateServiceClient,
    order_service_client::OrderServiceClient, promotion_service_client::PromotionServiceClient,
    session_service_client::SessionServiceClient, store_service_client::StoreServiceClient,
};
use prost_reflect::{DynamicMessage, Value};
use serde_json::json;
use tonic::{Code, transport::Channel};

use crate::{
    corpus::fuzz::messages::filled,
    erasure::{kraft, party, planted_address, planted_cart},
    harness::{
        any::{call_any, methods},
        api::{call, details, item, percentage_coupon, products, usd},
        carrier::{Carrier, store_with},
        database::TestDatabase,
        otlp::OtlpReceiver,
        postgres::PostgresServer,
        redis::RedisServer,
        server::{Binary, run},
        token::by,
    },
};

const MARK: &str = "planted";
/// As bytes are written for people, in hexadecimal and in decimal.
const MARK_AS_BYTES: [&str; 2] = ["706c616e746564", "112, 108, 97, 110, 116, 101, 100"];
/// The carrier, of whom all of them are told: what is looked for can be found.
const CONTROL: &str = "control-carrier";

const CUSTOMER: &str = "planted-customer-id";
const CERTIFICATE: &str = "PLANTED-GIFT";
const COUPON: &str = "PLANTED-COUPON";

#[tokio::test(flavor = "multi_thread")]
async fn in_text_on_servers() {
    let postgres = PostgresServer::started();
    let redis = RedisServer::started_with(&["--requirepass", "planted-redis-password"]);
    let user = "://cartwright:planted-database-password@";
    let database = postgres.url().replace("://cartwright@", user);
    let redis = redis.url().replace("://", "://:planted-redis-password@");
    nothing_is_told("text", &database, &[("REDIS_URL", &redis)]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn in_json_embedded() {
    let database = TestDatabase::sqlite();
    nothing_is_told("json", &database.url, &[]).await;
}

#[test]
fn in_what_commands_say() {
    for variables in [
        ("DATABASE_URL", "mysql://user:planted-password@host/name"),
        (
            "DATABASE_URL",
            "postgres://user:planted-password@127.0.0.1:1/name",
        ),
        ("DATABASE_URL", "postgres://user:planted/password@[::1/name"),
        ("REDIS_URL", "http://user:planted-password@host"),
        ("REDIS_URL", "redis://user:planted-password@host:port"),
        ("REDIS_URL", "redis-cluster://user:planted-password@"),
    ] {
        let output = run(&["serve", "--listen=127.0.0.1:0"], &[variables, LOUD]);
        assert!(!output.status.success());
        assert_untold(variables.1, &String::from_utf8(output.stderr).unwrap());
    }
}

const LOUD: (&str, &str) = ("CARTWRIGHT_LOG", "trace");

/// Goes through everything on a program of its own, which logs and exports all that it can.
async fn nothing_is_told(format: &str, database_url: &str, variables: &[(&str, &str)]) {
    let api_token = api_token(database_url);
    let collector = OtlpReceiver::start().await;
    let loud = [
        LOUD,
        ("DATABASE_URL", database_url),
        ("CARTWRIGHT_LOG_FORMAT", format),
        ("OTEL_EXPORTER_OTLP_ENDPOINT", collector.endpoint()),
        ("OTEL_METRIC_EXPORT_INTERVAL", "100"),
    ];
    let mut server = Binary::start(&["serve"], &[&loud, variables].concat());
    let channel = server.channel();
    let carrier = Carrier::http();
    set_up(&channel, &carrier).await;
    let order_id = buy(&channel, &carrier).await;
    let session_token = look_around(&channel, &api_token, order_id).await;
    be_refused(&channel).await;

    let of_control = [("service", "carrier/control-carrier")];
    let calls = "cartwright.outbound.duration";
    collector
        .metric(calls, &of_control, |calls| calls >= 1.0)
        .await;
    server.terminate();
    let (_, log) = server.wait();
    for (what, told) in [("the log", log), ("the collector", collector.texts())] {
        assert!(told.contains(CONTROL), "{what} was not told of the carrier");
        assert_untold(what, &told);
        for secret in secrets(&api_token).chain(secrets(&session_token)) {
            assert!(!told.contains(secret), "{what} was told {secret}");
        }
    }
}

/// The parts of a token that are secret, or say what is in it.
fn secrets(token: &str) -> impl Iterator<Item = &str> {
    token
        .split(['.', '_'])
        .skip(1)
        .filter(|part| part.len() > 20)
}

/// Makes a token by the command line, which logs nothing of it but its prefix.
fn api_token(database_url: &str) -> String {
    let command = ["token", "create", "--name=crm", "--scope=carts:write"];
    let output = run(&command, &[("DATABASE_URL", database_url), LOUD]);
    let token = String::from_utf8(output.stdout).unwrap().trim().to_owned();
    let log = String::from_utf8(output.stderr).unwrap();
    assert!(log.contains(token.rsplit_once('_').unwrap().0), "{log}");
    assert_eq!(
        secrets(&token)
            .filter(|secret| log.contains(secret))
            .count(),
        0
    );
    assert_untold("the log of the command", &log);
    token
}

#[track_caller]
fn assert_untold(what: &str, told: &str) {
    let told = told.to_lowercase();
    for mark in MARK_AS_BYTES.iter().chain(&[MARK]) {
        if let Some(place) = told.find(mark) {
            let (from, to) = (place.saturating_sub(2_000), place + 100);
            let (from, to) = (told.floor_char_boundary(from), told.ceil_char_boundary(to));
            panic!("{what} was told {mark}: {}", &told[from..to]);
        }
    }
}

/// The customer comes with a session, which is answered. A stranger who knows the ids is told nothing of what is there.
async fn look_around(channel: &Channel, api_token: &str, order_id: String) -> String {
    let carts = CartServiceClient::new(channel.clone());
    let owner = session(channel, api_token, CUSTOMER).await;
    let stranger = session(channel, api_token, "stranger").await;
    let request = pb::CreateCartRequest {
        line_items: vec![item("poster", 1)],
        email: "planted@cart.example".into(),
        ..Default::default()
    };
    let cart = call!(carts, create_cart, by(&owner, request)).unwrap();
    let cart_id = cart.cart.unwrap().id;
    let request = pb::GetCartRequest { cart_id };
    call!(carts, get_cart, by(&owner, request.clone())).unwrap();
    let by_id = pb::GetOrderRequest {
        by: Some(pb::get_order_request::By::OrderId(order_id)),
    };
    let orders = OrderServiceClient::new(channel.clone());
    for refused in [
        call!(carts, get_cart, by(&stranger, request)).unwrap_err(),
        call!(orders, get_order, by(&stranger, by_id)).unwrap_err(),
    ] {
        assert_eq!(refused.code(), Code::NotFound);
        assert_untold("a stranger", &format!("{refused:?}"));
    }
    owner
}

/// The token of a session.
async fn session(channel: &Channel, api_token: &str, customer_id: &str) -> String {
    let request = pb::CreateSessionRequest {
        customer_id: customer_id.into(),
        ..Default::default()
    };
    let sessions = SessionServiceClient::new(channel.clone());
    call!(sessions, create_session, by(api_token, request))
        .unwrap()
        .token
}

/// A shop with secrets of its own: what a carrier knows it by, a coupon, a gift certificate, what a customer has.
async fn set_up(channel: &Channel, carrier: &Carrier) {
    let mut settings = carrier.settings(CONTROL);
    if let Some(pb::carrier::Endpoint::Http(http)) = &mut settings.endpoint {
        let key = ("api_key".to_owned(), "planted-carrier-key".to_owned());
        http.connection_options.extend([key]);
    }
    let request = pb::UpdateStoreRequest {
        store: Some(pb::Store {
            gift_wrapping_options: vec![kraft()],
            ..store_with(vec![settings])
        }),
        ..Default::default()
    };
    let store = StoreServiceClient::new(channel.clone());
    call!(store, update_store, request).unwrap();
    let request = pb::UpsertProductsRequest {
        products: products(),
        ..Default::default()
    };
    let catalog = CatalogServiceClient::new(channel.clone());
    call!(catalog, upsert_products, request).unwrap();
    let promotions = PromotionServiceClient::new(channel.clone());
    call!(promotions, create_coupon, percentage_coupon(COUPON, "10")).unwrap();
    let request = pb::IssueGiftCertificateRequest {
        code: CERTIFICATE.into(),
        amount: usd(500),
        sender: party("planted-grandma"),
        recipient: party("planted-grandson"),
        message: "planted-wish".into(),
        ..Default::default()
    };
    let certificates = GiftCertificateServiceClient::new(channel.clone());
    call!(certificates, issue_gift_certificate, request).unwrap();
    let request = pb::SetStoreCreditRequest {
        customer_id: CUSTOMER.into(),
        balance: usd(300),
        note: "planted-credit-note".into(),
        ..Default::default()
    };
    call!(store, set_store_credit, request).unwrap();
}

/// A customer buys with all of it, and services of the shop look at it. Answers the id of the order.
async fn buy(channel: &Channel, carrier: &Carrier) -> String {
    let checkouts = CheckoutServiceClient::new(channel.clone());
    let certificates = GiftCertificateServiceClient::new(channel.clone());
    let cart = ship(channel, 1).await;
    carrier.behave(json!({ "mode": "fail" }));
    ship(channel, 2).await;
    let checkout_id = cart.id;
    let request = pb::UpdateCheckoutRequest {
        checkout_id: checkout_id.clone(),
        customer_message: "planted-message".into(),
        staff_note: "planted-staff-note".into(),
        ..Default::default()
    };
    call!(checkouts, update_checkout, request).unwrap();
    let request = pb::ApplyCouponRequest {
        checkout_id: checkout_id.clone(),
        code: COUPON.into(),
        ..Default::default()
    };
    call!(
        CouponServiceClient::new(channel.clone()),
        apply_coupon,
        request
    )
    .unwrap();
    let request = pb::ApplyGiftCertificateRequest {
        checkout_id: checkout_id.clone(),
        code: CERTIFICATE.into(),
        ..Default::default()
    };
    call!(certificates, apply_gift_certificate, request).unwrap();
    let request = pb::ApplyStoreCreditRequest {
        checkout_id: checkout_id.clone(),
        ..Default::default()
    };
    call!(checkouts, apply_store_credit, request).unwrap();
    let request = pb::WatchCheckoutRequest {
        checkout_id: checkout_id.clone(),
        ..Default::default()
    };
    let mut changes = call!(checkouts, watch_checkout, request).unwrap();
    changes.message().await.unwrap().unwrap();
    let order_id = order(channel, checkout_id).await;

    let request = pb::GetGiftCertificateRequest {
        by: Some(pb::get_gift_certificate_request::By::Code(
            CERTIFICATE.into(),
        )),
        ..Default::default()
    };
    call!(certificates, get_gift_certificate, request).unwrap();
    let request = pb::ListGiftCertificatesRequest {
        recipient_email: "planted-grandson@party.example".into(),
        ..Default::default()
    };
    call!(certificates, list_gift_certificates, request).unwrap();
    let request = pb::GetStoreCreditRequest {
        customer_id: CUSTOMER.into(),
        ..Default::default()
    };
    call!(
        StoreServiceClient::new(channel.clone()),
        get_store_credit,
        request
    )
    .unwrap();
    let events = EventServiceClient::new(channel.clone());
    let mut events = call!(events, stream_events, pb::StreamEventsRequest::default()).unwrap();
    events.message().await.unwrap().unwrap();
    order_id
}

/// A cart of so many posters beside others, with something personal in every field, shipped after asking what there is.
async fn ship(channel: &Channel, posters: i32) -> pb::Cart {
    let mut request = planted_cart();
    request.line_items.push(item("poster", posters));
    let carts = CartServiceClient::new(channel.clone());
    let cart = call!(carts, create_cart, request).unwrap().cart.unwrap();
    let request = pb::AddBillingAddressRequest {
        checkout_id: cart.id.clone(),
        address: Some(planted_address()),
        ..Default::default()
    };
    let checkouts = CheckoutServiceClient::new(channel.clone());
    call!(checkouts, add_billing_address, request).unwrap();
    let goods = cart.line_items.iter().filter(|it| it.requires_shipping);
    let items: Vec<_> = goods.map(|it| (it.id.as_str(), it.quantity)).collect();
    let request = pb::AddConsignmentsRequest {
        checkout_id: cart.id.clone(),
        consignments: vec![details(planted_address(), &items)],
        include: vec![CheckoutInclude::AvailableShippingOptions.into()],
        ..Default::default()
    };
    let consignments = ConsignmentServiceClient::new(channel.clone());
    let checkout = call!(consignments, add_consignments, request).unwrap();
    let request = pb::UpdateConsignmentRequest {
        checkout_id: cart.id.clone(),
        consignment_id: checkout.checkout.unwrap().consignments[0].id.clone(),
        update: Some(pb::update_consignment_request::Update::ShippingOptionId(
            "us/us-ground".into(),
        )),
        ..Default::default()
    };
    call!(consignments, update_consignment, request).unwrap();
    cart
}

/// Orders, fails to pay and pays. Answers the id of the order.
async fn order(channel: &Channel, checkout_id: String) -> String {
    let orders = OrderServiceClient::new(channel.clone());
    let request = pb::CreateOrderRequest {
        checkout_id,
        ..Default::default()
    };
    let order = call!(orders, create_order, request).unwrap().order.unwrap();
    for state in [PaymentState::Failed, PaymentState::Completed] {
        let request = pb::RecordPaymentRequest {
            order_id: order.id.clone(),
            method: "card".into(),
            reference: format!("planted-reference-{}", i32::from(state)),
            amount: order.totals.clone().unwrap().outstanding_balance,
            state: state.into(),
            actor: "planted-actor".into(),
            ..Default::default()
        };
        call!(orders, record_payment, request).unwrap();
    }
    let request = pb::UpdateOrderStatusRequest {
        order_id: order.id.clone(),
        status: pb::OrderStatus::ManualVerificationRequired.into(),
        actor: "planted-actor".into(),
        reason: "planted-reason".into(),
        ..Default::default()
    };
    call!(orders, update_order_status, request).unwrap();
    let request = pb::ListOrdersRequest::default();
    call!(orders, list_orders, request).unwrap();
    order.id
}

/// What is refused is not told either: the same again, credentials that are not known, and requests of every kind with
/// something planted in every text.
async fn be_refused(channel: &Channel) {
    let promotions = PromotionServiceClient::new(channel.clone());
    let again = percentage_coupon(COUPON, "10");
    let refused = call!(promotions, create_coupon, again).unwrap_err();
    assert_eq!(refused.code(), Code::AlreadyExists);
    let request = pb::IssueGiftCertificateRequest {
        code: CERTIFICATE.into(),
        amount: usd(500),
        ..Default::default()
    };
    let certificates = GiftCertificateServiceClient::new(channel.clone());
    let refused = call!(certificates, issue_gift_certificate, request).unwrap_err();
    assert_eq!(refused.code(), Code::AlreadyExists);
    for credentials in ["cwt_planted0", "planted.planted.planted", "planted"] {
        let request = by(credentials, pb::CreateCartRequest::default());
        let carts = CartServiceClient::new(channel.clone());
        let refused = call!(carts, create_cart, request).unwrap_err();
        assert_eq!(refused.code(), Code::Unauthenticated);
        assert_untold("the caller", &format!("{refused:?}"));
    }
    for method in methods() {
        let mut message = filled(&method.input(), &mut |_| 0);
        plant(&mut message);
        let message = serde_json::to_value(message).unwrap();
        // Most are refused for their fields, the others for what is not there.
        let _ = call_any(channel, &method, &message, None).await;
    }
}

/// Puts something to be found into every text.
fn plant(message: &mut DynamicMessage) {
    for (_, value) in message.fields_mut() {
        plant_in(value);
    }
}

fn plant_in(value: &mut Value) {
    match value {
        Value::String(text) => "planted-text".clone_into(text),
        Value::Message(message) => plant(message),
        Value::List(items) => items.iter_mut().for_each(plant_in),
        Value::Map(items) => items.values_mut().for_each(plant_in),
        _ => {}
    }
}

//! Calls of shoppers and of nobody knows whom, over a real channel.

use cartwright::rpc::pb;
use tonic::{Code, Status};

use super::{by, token_of};
use crate::harness::{
    PATIENCE,
    api::{Api, call, item, on_every_backend, refused},
    otlp::OtlpReceiver,
    server::{Backend, Binary, TestServer},
};

on_every_backend!(super::started =>
    a_session_has_so_many_calls_and_others_have_theirs,
    streams_count_until_they_end,
    wrong_credentials_shut_an_address_out,
);

async fn started(backend: Backend) -> Api {
    Api::on(TestServer::with(backend, &["--session-rate=3"]).await).await
}

/// A cart of the session, by which it is called.
async fn cart(api: &Api, token: &str) -> String {
    let request = pb::CreateCartRequest {
        line_items: vec![item("lamp", 1)],
        ..Default::default()
    };
    let created = call!(api.carts, create_cart, by(token, request));
    created.unwrap().cart.unwrap().id
}

async fn look(api: &Api, token: &str, cart_id: &str) -> Result<(), Status> {
    let request = pb::GetCartRequest {
        cart_id: cart_id.into(),
    };
    call!(api.carts, get_cart, by(token, request)).map(drop)
}

async fn a_session_has_so_many_calls_and_others_have_theirs(api: Api) {
    let (one, other) = (token_of(&api, "").await, token_of(&api, "").await);
    let [cart_of_one, cart_of_other] = [cart(&api, &one).await, cart(&api, &other).await];
    let mut calls = 1;
    let refusal = loop {
        match look(&api, &one, &cart_of_one).await {
            Ok(()) => calls += 1,
            refused => break refused,
        }
        assert!(calls < 10_000);
    };
    assert!(calls >= 30);
    let details = refused(refusal, Code::ResourceExhausted, "RATE_LIMITED");
    assert!(details.quota_failure().is_some());
    look(&api, &other, &cart_of_other).await.unwrap();
    for _ in 0..100 {
        api.get(&cart_of_one).await;
    }
}

async fn streams_count_until_they_end(api: Api) {
    let token = token_of(&api, "").await;
    let checkout_id = cart(&api, &token).await;
    let watch = async || {
        let request = pb::WatchCheckoutRequest {
            checkout_id: checkout_id.clone(),
            ..Default::default()
        };
        call!(api.checkouts, watch_checkout, by(&token, request))
    };
    let mut watches = Vec::new();
    for _ in 0..16 {
        watches.push(watch().await.unwrap());
    }
    let refusal = watch().await.map(drop);
    let details = refused(refusal, Code::ResourceExhausted, "RATE_LIMITED");
    let violations = &details.quota_failure().unwrap().violations;
    assert!(violations[0].description.contains("16 calls at a time"));

    watches.pop();
    let began = tokio::time::Instant::now();
    // Until the server has noticed, and until calls in vain do not count any more.
    while watch().await.is_err() {
        assert!(began.elapsed() < PATIENCE);
        tokio::time::sleep(std::time::Duration::from_millis(500)).await;
    }
}

async fn wrong_credentials_shut_an_address_out(api: Api) {
    let token = token_of(&api, "").await;
    let cart_id = cart(&api, &token).await;
    let mut wrong = 0;
    let refusal = loop {
        match look(&api, "nonsense", &cart_id).await {
            Err(status) if status.code() == Code::Unauthenticated => wrong += 1,
            refused => break refused,
        }
        assert!(wrong < 10_000);
    };
    assert!(wrong >= 30);
    refused(refusal, Code::ResourceExhausted, "RATE_LIMITED");
    // Good ones are not looked at either; without any, this server lets everybody in.
    let refusal = look(&api, &token, &cart_id).await;
    refused(refusal, Code::ResourceExhausted, "RATE_LIMITED");
    api.get(&cart_id).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_refused_is_measured() {
    let receiver = OtlpReceiver::start().await;
    let variables = [
        ("OTEL_EXPORTER_OTLP_ENDPOINT", receiver.endpoint()),
        ("OTEL_METRIC_EXPORT_INTERVAL", "100"),
        ("CARTWRIGHT_SESSION_RATE", "1"),
    ];
    let server = Binary::start(&["serve", "--demo-store"], &variables);
    let channel = server.channel();
    let carts = pb::cart_service_client::CartServiceClient::new(channel.clone());
    let coupons = pb::coupon_service_client::CouponServiceClient::new(channel.clone());
    let sessions = pb::session_service_client::SessionServiceClient::new(channel);
    let created = call!(
        sessions,
        create_session,
        pb::CreateSessionRequest::default()
    );
    let token = created.unwrap().token;
    let request = pb::CreateCartRequest {
        line_items: vec![item("enamel-mug", 1)],
        ..Default::default()
    };
    let cart = call!(carts, create_cart, by(&token, request)).unwrap().cart;
    let cart_id = cart.unwrap().id;
    for number in 0..100 {
        let request = pb::ApplyCouponRequest {
            checkout_id: cart_id.clone(),
            code: format!("GUESS{number}"),
            ..Default::default()
        };
        call!(coupons, apply_coupon, by(&token, request)).unwrap_err();
    }
    for (metric, attribute, least) in [
        ("cartwright.codes.wrong", ("kind", "coupon"), 5.0),
        ("cartwright.calls.limited", ("limit", "wrong_coupons"), 1.0),
        ("cartwright.calls.limited", ("limit", "session_rate"), 1.0),
    ] {
        receiver
            .metric(metric, &[attribute], |count| count >= least)
            .await;
    }
}

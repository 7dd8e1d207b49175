//! Shoppers' sessions: whose carts they see, how they are revoked, and how a guest's cart becomes a customer's.

use std::time::Duration;

use cartwright::rpc::pb;
use tonic::{Code, Status};
use uuid::Uuid;

use crate::harness::{
    api::{Api, bad_fields, call, item, on_every_backend, refused},
    server::{Backend, TestServer, run},
    session::{KeyFile, KeyedShop, create, session_of, sessions, shown},
    token::{by, until},
};

on_every_backend!(
    super::KeyedShop::start =>
    a_guest_sees_the_carts_of_the_session_alone,
    a_customer_sees_all_that_is_theirs,
    what_the_shop_says_of_a_customer_is_in_their_carts,
    a_repeated_request_is_answered_with_the_same_session,
    a_revoked_session_is_refused_by_every_replica,
    keys_are_exchanged_while_it_serves,
    whoever_signs_in_claims_the_guests_cart,
    only_a_customer_claims_and_only_what_was_theirs,
);

const DAY: i64 = 24 * 60 * 60;

fn seconds(seconds: i64) -> Option<prost_types::Duration> {
    Some(prost_types::Duration { seconds, nanos: 0 })
}

fn new_cart() -> pb::CreateCartRequest {
    pb::CreateCartRequest {
        line_items: vec![item("poster", 1)],
        ..Default::default()
    }
}

/// A cart that is created with a session's token.
async fn cart_by(api: &Api, token: &str) -> pb::Cart {
    let created = call!(api.carts, create_cart, by(token, new_cart()));
    created.unwrap().cart.unwrap()
}

async fn seen(api: &Api, token: &str, cart_id: &str) -> Result<pb::Cart, Status> {
    let request = pb::GetCartRequest {
        cart_id: cart_id.into(),
    };
    call!(api.carts, get_cart, by(token, request)).map(|answer| answer.cart.unwrap())
}

#[track_caller]
fn is_not_there(cart: Result<pb::Cart, Status>) {
    refused(cart, Code::NotFound, "CART_NOT_FOUND");
}

fn uuid(number: u128) -> String {
    Uuid::from_u128(number).to_string()
}

async fn a_guest_sees_the_carts_of_the_session_alone(shop: KeyedShop) {
    let api = &shop.api;
    let (session, token) = session_of(api, "").await;
    assert_eq!(session.customer_id, "");
    assert_eq!(session.channel_id, "default");
    let cart = cart_by(api, &token).await;
    assert_eq!(seen(api, &token, &cart.id).await.unwrap().id, cart.id);
    let (_, other) = session_of(api, "").await;
    is_not_there(seen(api, &other, &cart.id).await);
    let foreign = api.cart(vec![item("poster", 1)]).await;
    is_not_there(seen(api, &token, &foreign.id).await);
    is_not_there(seen(api, &token, &uuid(1)).await);
    // It is for a channel, and so are its carts.
    let elsewhere = pb::CreateSessionRequest {
        channel_id: "eu".into(),
        ..Default::default()
    };
    let (session, elsewhere) = create(api, elsewhere).await;
    assert_eq!(session.channel_id, "eu");
    assert_eq!(cart_by(api, &elsewhere).await.channel_id, "eu");
}

async fn a_customer_sees_all_that_is_theirs(shop: KeyedShop) {
    let api = &shop.api;
    let (_, phone) = session_of(api, "alice").await;
    let (_, laptop) = session_of(api, "alice").await;
    let cart = cart_by(api, &phone).await;
    assert_eq!(cart.customer_id, "alice");
    assert_eq!(seen(api, &laptop, &cart.id).await.unwrap().id, cart.id);
    let (_, bob) = session_of(api, "bob").await;
    is_not_there(seen(api, &bob, &cart.id).await);
}

async fn what_the_shop_says_of_a_customer_is_in_their_carts(shop: KeyedShop) {
    let api = &shop.api;
    let context = pb::CustomerContext {
        customer_id: "alice".into(),
        group_ids: vec!["vip".into()],
        completed_order_count: 3,
        ..Default::default()
    };
    let request = pb::CreateSessionRequest {
        customer_context: Some(context.clone()),
        time_to_live: seconds(60),
        ..Default::default()
    };
    let (session, token) = create(api, request.clone()).await;
    assert_eq!(session.customer_id, "alice");
    let cart = cart_by(api, &token).await;
    assert_eq!(cart.customer_context, None);
    let get = pb::GetCartRequest {
        cart_id: cart.id.clone(),
    };
    let cart = call!(api.carts, get_cart, get).unwrap().cart.unwrap();
    assert_eq!(cart.customer_context, Some(context));

    let create = async |request| call!(sessions(api), create_session, request);
    for seconds in [seconds(59), seconds(30 * DAY + 1), seconds(-1)] {
        let request = pb::CreateSessionRequest {
            time_to_live: seconds,
            ..request.clone()
        };
        assert_eq!(bad_fields(create(request).await), ["time_to_live"]);
    }
    let mut much = request;
    let context = much.customer_context.as_mut().unwrap();
    context.group_ids = (0..100).map(|n| format!("{n:x>200}")).collect();
    assert_eq!(bad_fields(create(much).await), ["customer_context"]);
}

async fn a_repeated_request_is_answered_with_the_same_session(shop: KeyedShop) {
    let api = &shop.api;
    let request = pb::CreateSessionRequest {
        customer_id: "alice".into(),
        request_id: uuid(1),
        ..Default::default()
    };
    let (first, token) = create(api, request.clone()).await;
    // Of whom it is, and by what it is known, is kept nowhere.
    let texts = api.server.texts().await;
    let (_, signature) = token.rsplit_once('.').unwrap();
    assert!(texts.contains(&first.id));
    assert!(!texts.contains("alice") && !texts.contains(signature));
    let replica = api.replica().await;
    let (again, another) = create(&replica, request.clone()).await;
    assert_eq!(again, first);
    let cart = cart_by(api, &token).await;
    assert_eq!(seen(api, &another, &cart.id).await.unwrap().id, cart.id);
    let other = pb::CreateSessionRequest {
        customer_id: "bob".into(),
        ..request
    };
    let other = call!(sessions(api), create_session, other);
    refused(other, Code::InvalidArgument, "REQUEST_ID_REUSED");
}

async fn a_revoked_session_is_refused_by_every_replica(shop: KeyedShop) {
    let api = &shop.api;
    let replica = api.replica().await;
    let (session, token) = session_of(api, "alice").await;
    let (_, other) = session_of(api, "alice").await;
    shown(&replica, &token).await.unwrap();
    let request = pb::RevokeSessionRequest {
        session_id: session.id,
        request_id: uuid(2),
    };
    for _ in 0..2 {
        call!(sessions(api), revoke_session, request.clone()).unwrap();
    }
    let told = refused(
        shown(api, &token).await,
        Code::Unauthenticated,
        "CREDENTIALS_INVALID",
    );
    assert!(told.error_info().unwrap().metadata.is_empty());
    until(&replica, &token, false).await;
    let later = api.replica().await;
    refused(
        shown(&later, &token).await,
        Code::Unauthenticated,
        "CREDENTIALS_INVALID",
    );
    for api in [api, &replica, &later] {
        shown(api, &other).await.unwrap();
    }
    let none = call!(
        sessions(api),
        revoke_session,
        pb::RevokeSessionRequest::default()
    );
    assert_eq!(bad_fields(none), ["session_id"]);
}

async fn keys_are_exchanged_while_it_serves(shop: KeyedShop) {
    let KeyedShop { api, keys } = &shop;
    let (_, old) = session_of(api, "").await;
    keys.set(&["second", "first"]);
    let new = loop {
        let (_, token) = session_of(api, "").await;
        if token.split('.').next() != old.split('.').next() {
            break token;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    };
    shown(api, &old).await.unwrap();
    shown(api, &new).await.unwrap();
    keys.set(&["second"]);
    until(api, &old, false).await;
    shown(api, &new).await.unwrap();
    // What cannot be used changes nothing, however often it is looked at.
    keys.write("third short\n");
    tokio::time::sleep(Duration::from_secs(5)).await;
    shown(api, &new).await.unwrap();
    keys.set(&["second", "first"]);
    until(api, &old, true).await;
}

async fn claim(api: &Api, token: &str, guest: &str, cart_id: &str) -> Result<pb::Cart, Status> {
    let request = pb::ClaimCartRequest {
        cart_id: cart_id.into(),
        guest_session_token: guest.into(),
        request_id: uuid(3),
        expected_version: None,
    };
    let claimed = call!(sessions(api), claim_cart, by(token, request));
    claimed.map(|answer| answer.cart.unwrap())
}

async fn whoever_signs_in_claims_the_guests_cart(shop: KeyedShop) {
    let api = &shop.api;
    let (_, guest) = session_of(api, "").await;
    let cart = cart_by(api, &guest).await;
    let (_, other_guest) = session_of(api, "").await;
    let (_, alice) = session_of(api, "alice").await;
    is_not_there(claim(api, &alice, &other_guest, &cart.id).await);
    let claimed = claim(api, &alice, &guest, &cart.id).await.unwrap();
    assert_eq!(
        (claimed.id.as_str(), claimed.customer_id.as_str()),
        (cart.id.as_str(), "alice")
    );
    assert_eq!(claimed.version, cart.version + 1);
    // Once more is once.
    let again = claim(api, &alice, &guest, &cart.id).await.unwrap();
    assert_eq!(again.version, claimed.version);
    is_not_there(seen(api, &guest, &cart.id).await);
    seen(api, &alice, &cart.id).await.unwrap();
    let (_, laptop) = session_of(api, "alice").await;
    seen(api, &laptop, &cart.id).await.unwrap();
    // It is no guest's any more.
    let (_, bob) = session_of(api, "bob").await;
    is_not_there(claim(api, &bob, &guest, &cart.id).await);
}

async fn only_a_customer_claims_and_only_what_was_theirs(shop: KeyedShop) {
    let api = &shop.api;
    let (session, guest) = session_of(api, "").await;
    let cart = cart_by(api, &guest).await;
    let (_, alice) = session_of(api, "alice").await;
    let (_, bob) = session_of(api, "bob").await;
    let why = (Code::FailedPrecondition, "CUSTOMER_SESSION_REQUIRED");
    refused(claim(api, &guest, &guest, &cart.id).await, why.0, why.1);
    let request = pb::ClaimCartRequest {
        cart_id: cart.id.clone(),
        guest_session_token: guest.clone(),
        ..Default::default()
    };
    let by_the_shop = call!(sessions(api), claim_cart, request);
    refused(by_the_shop, why.0, why.1);
    for token in ["", "guest", &bob, &guest[1..]] {
        let claimed = claim(api, &alice, token, &cart.id).await;
        assert_eq!(bad_fields(claimed), ["guest_session_token"]);
    }
    let elsewhere = pb::CreateSessionRequest {
        customer_id: "alice".into(),
        channel_id: "eu".into(),
        ..Default::default()
    };
    let (_, elsewhere) = create(api, elsewhere).await;
    is_not_there(claim(api, &elsewhere, &guest, &cart.id).await);
    let revoke = pb::RevokeSessionRequest {
        session_id: session.id,
        ..Default::default()
    };
    call!(sessions(api), revoke_session, revoke).unwrap();
    let claimed = claim(api, &alice, &guest, &cart.id).await;
    assert_eq!(bad_fields(claimed), ["guest_session_token"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn anybody_may_be_a_guest_where_that_is_allowed() {
    let shop = Api::start(Backend::Embedded).await;
    let required = ["--authentication=required"];
    let closed = Api::of(shop.server.replica_with(&required).await);
    let nobody = pb::CreateSessionRequest::default();
    let created = call!(sessions(&closed), create_session, nobody.clone());
    refused(created, Code::Unauthenticated, "CREDENTIALS_MISSING");

    let options = [required[0], "--anonymous-sessions"];
    let open = Api::of(shop.server.replica_with(&options).await);
    let (session, token) = create(&open, nobody.clone()).await;
    assert_eq!(
        (session.customer_id.as_str(), session.channel_id.as_str()),
        ("", "default")
    );
    let cart = cart_by(&open, &token).await;
    seen(&open, &token, &cart.id).await.unwrap();
    let (_, other) = create(&open, nobody.clone()).await;
    is_not_there(seen(&open, &other, &cart.id).await);

    let create = async |request| call!(sessions(&open), create_session, request);
    let denied = |created, reason| drop(refused(created, Code::PermissionDenied, reason));
    let customer = pb::CreateSessionRequest {
        customer_id: "alice".into(),
        ..nobody.clone()
    };
    denied(create(customer).await, "STOREFRONT_NOT_ALLOWED");
    let context = pb::CreateSessionRequest {
        customer_context: Some(pb::CustomerContext::default()),
        ..nobody.clone()
    };
    denied(create(context).await, "STOREFRONT_NOT_ALLOWED");
    let repeatable = pb::CreateSessionRequest {
        request_id: uuid(1),
        ..nobody.clone()
    };
    denied(create(repeatable).await, "STOREFRONT_NOT_ALLOWED");
    let channel = pb::CreateSessionRequest {
        channel_id: "eu".into(),
        ..nobody.clone()
    };
    denied(create(channel).await, "CHANNEL_NOT_ALLOWED");
    let long = pb::CreateSessionRequest {
        time_to_live: seconds(DAY + 1),
        ..nobody.clone()
    };
    assert_eq!(bad_fields(create(long).await), ["time_to_live"]);
    // Nothing else is for nobody, and a session is nobody who creates sessions.
    let carts = call!(open.carts, create_cart, new_cart());
    refused(carts, Code::Unauthenticated, "CREDENTIALS_MISSING");
    let again = call!(sessions(&open), create_session, by(&token, nobody));
    denied(again, "STOREFRONT_NOT_ALLOWED");
}

#[tokio::test(flavor = "multi_thread")]
async fn sessions_of_a_process_are_known_to_it_alone() {
    let api = Api::start(Backend::Embedded).await;
    let (_, token) = session_of(&api, "").await;
    shown(&api, &token).await.unwrap();
    let replica = api.replica().await;
    refused(
        shown(&replica, &token).await,
        Code::Unauthenticated,
        "CREDENTIALS_INVALID",
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_is_made_by_the_command_line() {
    let printed = || {
        let output = run(&["session-key"], &[]);
        assert_eq!(output.status.code(), Some(0));
        String::from_utf8(output.stdout).unwrap()
    };
    let (line, other) = (printed(), printed());
    let secret = |line: &str| line.trim_end().split_once(' ').unwrap().1.to_owned();
    assert_ne!(secret(&line), secret(&other));

    let keys = KeyFile::of(&[]);
    let option = keys.option();
    let refusal = run(&["serve", &option, "--listen=127.0.0.1:0"], &[]);
    assert_eq!(refusal.status.code(), Some(64));
    assert!(
        String::from_utf8(refusal.stderr)
            .unwrap()
            .contains("has no key")
    );
    keys.write(&line);
    let server = TestServer::with(Backend::Embedded, &[&option]).await;
    let api = Api::on(server).await;
    let (_, token) = session_of(&api, "").await;
    shown(&api.replica().await, &token).await.unwrap();
}

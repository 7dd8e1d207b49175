//! Carts that somebody has left.

use std::collections::BTreeSet;

use cartwright::rpc::pb::{self, EventKind as Kind, event::Subject};

use super::note;
use crate::harness::{
    api::{Api, call, item, on_every_backend},
    events::{Events, versioned},
    server::{Backend, TestServer},
};

on_every_backend!(super::hasty => carts_that_were_left, a_cart_is_left_again_when_it_was_changed);

/// A shop whose carts are abandoned soon.
async fn hasty(backend: Backend) -> Api {
    Api::on(TestServer::with(backend, &["--abandoned-after=1s"]).await).await
}

async fn left(api: &Api, email: &str) -> pb::Cart {
    let create = pb::CreateCartRequest {
        line_items: vec![item("poster", 1)],
        email: email.into(),
        ..Default::default()
    };
    call!(api.carts, create_cart, create).unwrap().cart.unwrap()
}

async fn only_abandoned(api: &Api) -> Events {
    let request = pb::StreamEventsRequest {
        kinds: vec![Kind::CheckoutAbandoned.into()],
        ..Default::default()
    };
    Events::open(api.server.channel(), request).await.unwrap()
}

async fn carts_that_were_left(api: Api) {
    // Two that look for them, one that tells.
    let other = api.replica().await;
    let nobodys = left(&api, "").await;
    let deleted = left(&api, "ada@example.com").await;
    let delete = pb::DeleteCartRequest {
        cart_id: deleted.id.clone(),
        ..Default::default()
    };
    call!(api.carts, delete_cart, delete).unwrap();
    let expired = left(&api, "ada@example.com").await;
    api.server.expire(&expired.id).await;
    let mut carts = BTreeSet::new();
    for _ in 0..5 {
        carts.insert(left(&other, "ada@example.com").await.id);
    }
    let mut events = only_abandoned(&api).await;
    let mut told = BTreeSet::new();
    for event in events.take(carts.len()).await {
        let Some(Subject::Checkout(change)) = event.subject else {
            panic!("{:?}", event.subject)
        };
        assert_eq!((change.version, change.changed.len()), (1, 0));
        assert!(told.insert(change.checkout_id), "it is told once");
    }
    assert_eq!(told, carts, "not {nobodys:?}");
}

async fn a_cart_is_left_again_when_it_was_changed(api: Api) {
    let cart = left(&api, "ada@example.com").await;
    let mut events = only_abandoned(&api).await;
    let version = |event: &pb::Event| versioned(event).unwrap().1;
    assert_eq!(version(&events.event().await), 1);
    note(&api, &cart.id, "x").await;
    assert_eq!(version(&events.event().await), 2);
    let mut whole = Events::oldest(api.server.channel()).await;
    let told = whole.until(Kind::CheckoutAbandoned, &cart.id, 2).await;
    let kinds: Vec<_> = told.iter().map(pb::Event::kind).collect();
    let expected = [
        Kind::CheckoutCreated,
        Kind::CheckoutAbandoned,
        Kind::CheckoutUpdated,
        Kind::CheckoutAbandoned,
    ];
    assert_eq!(kinds, expected);
}

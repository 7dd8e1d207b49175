//! What is told of everything that happens, to whom, and that nobody misses any of it.

mod abandoned;
mod kinds;
mod losses;

use std::collections::BTreeSet;

use cartwright::{
    domain::event::{EventKind, after, cursor},
    rpc::pb::{self, EventKind as Kind},
};
use chrono::{DateTime, Utc};
use tokio::task::JoinSet;
use tonic::Code;
use uuid::Uuid;

use crate::harness::{
    api::{Api, bad_fields, call, custom, item, on_every_backend, refused},
    events::{Events, complete, versioned},
};

on_every_backend!(
    a_stream_goes_on_from_its_cursor,
    every_stream_has_the_same_order_on_every_replica,
    only_what_is_asked_for_is_told,
    a_cursor_is_refused_when_it_is_none,
    requests_are_checked,
    there_is_a_limit_of_streams,
    a_server_that_stops_ends_its_streams,
);

#[test]
fn the_kinds_are_documented() {
    let rows = EventKind::ALL
        .iter()
        .map(|kind| format!("| `{}` | {} |\n", kind.name(), kind.when()));
    let table: String = rows.collect();
    let docs = include_str!("../../docs/events.md");
    assert!(docs.contains(&table), "docs/events.md should have\n{table}");
}

#[test]
fn a_later_change_has_a_later_time_whatever_the_clocks_say() {
    let time = |text: &str| text.parse::<DateTime<Utc>>().unwrap();
    let noon = time("2026-11-23T12:00:00Z");
    let just_after = time("2026-11-23T12:00:00.000001Z");
    assert_eq!(after(noon, noon), just_after);
    assert_eq!(after(noon, time("2026-11-23T11:59:00Z")), just_after);
    let later = time("2026-11-23T12:00:01Z");
    assert_eq!(after(noon, later), later);
    let latest = DateTime::<Utc>::MAX_UTC;
    assert_eq!(after(latest, noon), noon, "there is nothing later");
}

async fn note(api: &Api, checkout_id: &str, note: &str) -> pb::Checkout {
    let request = pb::UpdateCheckoutRequest {
        checkout_id: checkout_id.into(),
        staff_note: note.into(),
        ..Default::default()
    };
    let answer = call!(api.checkouts, update_checkout, request).unwrap();
    answer.checkout.unwrap()
}

async fn a_stream_goes_on_from_its_cursor(api: Api) {
    let cart = api.cart(vec![item("poster", 1)]).await;
    let mut first = Events::oldest(api.server.channel()).await;
    let told = first.until(Kind::CheckoutCreated, &cart.id, 1).await;
    for version in 2..=5 {
        assert_eq!(note(&api, &cart.id, "x").await.version, version);
    }
    let mut second = Events::after(api.server.channel(), &first.cursor)
        .await
        .unwrap();
    let rest = second.until(Kind::CheckoutUpdated, &cart.id, 5).await;
    assert_eq!(rest.len(), 4);
    let both: Vec<_> = told.iter().chain(&rest).collect();
    assert_eq!(complete(both)[&cart.id], 5);
    // The first one has gone on meanwhile, and has the same.
    assert_eq!(first.take(4).await, rest);
    assert_eq!(first.cursor, second.cursor);

    let channel = api.server.channel();
    let restart = api.server.stop_to_restart().await;
    drop(channel);
    let server = restart();
    let again = Events::after(server.channel(), &second.cursor).await;
    let mut again = again.unwrap();
    assert_eq!(again.next().await.unwrap(), None);
    let request = pb::UpdateCheckoutRequest {
        checkout_id: cart.id.clone(),
        staff_note: "y".into(),
        ..Default::default()
    };
    let mut checkouts = pb::checkout_service_client::CheckoutServiceClient::new(server.channel());
    checkouts.update_checkout(request).await.unwrap();
    assert_eq!(versioned(&again.event().await), Some((cart.id, 6)));
}

async fn every_stream_has_the_same_order_on_every_replica(api: Api) {
    let other = api.replica().await;
    let mut here = Events::now(api.server.channel()).await;
    let mut there = Events::now(other.server.channel()).await;
    let mut carts = Vec::new();
    for _ in 0..4 {
        carts.push(api.custom_cart(&[100]).await.id);
    }
    let mut changes = JoinSet::new();
    for number in 0..80 {
        let request = pb::AddLineItemsRequest {
            cart_id: carts[number % carts.len()].clone(),
            custom_items: vec![custom(&format!("Thing {number}"), 1, 100)],
            ..Default::default()
        };
        let mut client = if number % 3 == 0 { &other } else { &api }.carts.clone();
        changes.spawn(async move { client.add_line_items(request).await.unwrap() });
    }
    changes.join_all().await;
    let told = here.take(84).await;
    assert_eq!(there.take(84).await, told);
    let versions = complete(&told);
    assert_eq!(versions.into_values().collect::<Vec<_>>(), [21; 4]);
    let ids: BTreeSet<_> = told.iter().map(|event| &event.id).collect();
    assert_eq!(ids.len(), told.len(), "each has an id of its own");
    // Whoever comes late reads the same.
    let mut late = Events::oldest(other.server.channel()).await;
    assert_eq!(late.take(84).await, told);
}

async fn only_what_is_asked_for_is_told(api: Api) {
    let [wanted, other] = [
        api.cart(vec![item("poster", 1)]).await,
        api.cart(vec![item("poster", 1)]).await,
    ];
    let request = pb::StreamEventsRequest {
        kinds: vec![Kind::CheckoutUpdated.into(), Kind::CheckoutDeleted.into()],
        checkout_id: wanted.id.clone(),
        heartbeat_interval: Some(prost_types::Duration {
            seconds: 1,
            nanos: 0,
        }),
        ..Default::default()
    };
    let mut events = Events::open(api.server.channel(), request.clone())
        .await
        .unwrap();
    assert_eq!(events.next().await.unwrap(), None);
    note(&api, &other.id, "x").await;
    note(&api, &wanted.id, "x").await;
    let told = events.event().await;
    assert_eq!(versioned(&told), Some((wanted.id.clone(), 2)));
    assert_eq!(told.kind(), Kind::CheckoutUpdated);
    // A heartbeat takes along whoever waits past what was left out.
    let mut everything = Events::oldest(api.server.channel()).await;
    note(&api, &other.id, "y").await;
    everything.until(Kind::CheckoutUpdated, &other.id, 3).await;
    while events.cursor < everything.cursor {
        assert_eq!(events.next().await.unwrap(), None);
    }
    assert_eq!(events.cursor, everything.cursor);
    let request = pb::DeleteCartRequest {
        cart_id: wanted.id.clone(),
        ..Default::default()
    };
    call!(api.carts, delete_cart, request).unwrap();
    let told = events.event().await;
    assert_eq!(told.kind(), Kind::CheckoutDeleted);
    assert_eq!(versioned(&told), Some((wanted.id, 3)));
}

async fn a_cursor_is_refused_when_it_is_none(api: Api) {
    let channel = || api.server.channel();
    let mut events = Events::now(channel()).await;
    let cart = api.cart(vec![item("poster", 1)]).await;
    events.until(Kind::CheckoutCreated, &cart.id, 1).await;
    for wrong in [
        "7",
        "x",
        "-000000000000001",
        "zzzzzzzzzzzzzzzz",
        &"0".repeat(99),
    ] {
        let answer = Events::after(channel(), wrong).await;
        assert_eq!(bad_fields(answer.map(drop)), ["cursor"], "{wrong}");
    }
    // Of an event that nobody was told of: it must be of another shop.
    let beyond = Events::after(channel(), &cursor(1_000_000)).await;
    assert_eq!(bad_fields(beyond.map(drop)), ["cursor"]);
}

async fn requests_are_checked(api: Api) {
    let seconds = |seconds, nanos| Some(prost_types::Duration { seconds, nanos });
    let wrong = pb::StreamEventsRequest {
        start: 99,
        kinds: vec![Kind::OrderCreated.into(), 0, 99],
        checkout_id: "x".into(),
        heartbeat_interval: seconds(0, 999_999_999),
        ..Default::default()
    };
    let answer = Events::open(api.server.channel(), wrong).await;
    let fields = [
        "start",
        "kinds[1]",
        "kinds[2]",
        "checkout_id",
        "heartbeat_interval",
    ];
    assert_eq!(bad_fields(answer.map(drop)), fields);
    let wrong = pb::StreamEventsRequest {
        kinds: vec![Kind::OrderCreated.into(); 51],
        heartbeat_interval: seconds(300, 1),
        ..Default::default()
    };
    let answer = Events::open(api.server.channel(), wrong).await;
    assert_eq!(
        bad_fields(answer.map(drop)),
        ["kinds", "heartbeat_interval"]
    );
}

async fn there_is_a_limit_of_streams(api: Api) {
    let mut streams = Vec::new();
    for _ in 0..256 {
        streams.push(Events::now(api.server.channel()).await);
    }
    let answer = Events::after(api.server.channel(), "").await;
    refused(answer.map(drop), Code::ResourceExhausted, "OVERLOADED");
    // They wait, and hold up nobody.
    let cart = api.cart(vec![item("poster", 1)]).await;
    for stream in &mut streams {
        stream.until(Kind::CheckoutCreated, &cart.id, 1).await;
    }
    streams.pop();
    while Events::after(api.server.channel(), "").await.is_err() {
        tokio::task::yield_now().await;
    }
}

async fn a_server_that_stops_ends_its_streams(api: Api) {
    let mut events = Events::now(api.server.channel()).await;
    let cart = api.cart(vec![item("poster", 1)]).await;
    events.until(Kind::CheckoutCreated, &cart.id, 1).await;
    let stopping = tokio::spawn(api.server.stop());
    let ended = loop {
        match events.next().await {
            Ok(told) => assert_eq!(told, None),
            Err(status) => break status,
        }
    };
    refused(Err::<(), _>(ended), Code::Unavailable, "DRAINING");
    stopping.await.unwrap();
}

/// Ids as tests give them to requests.
fn request_id(number: u128) -> String {
    Uuid::from_u128(number).to_string()
}

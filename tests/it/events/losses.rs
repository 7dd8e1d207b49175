//! That nothing is lost when something dies, is away, is slow, or comes too late.

use std::time::Duration;

use cartwright::{
    domain::event::{Event, Subject},
    rpc::pb::{self, EventKind as Kind, cart_service_client::CartServiceClient},
    store,
};
use tokio::{sync::mpsc, time::sleep};
use tonic::Code;
use uuid::Uuid;

use super::note;
use crate::harness::{
    api::{Api, call, item, on_every_backend, refused},
    database::TestDatabase,
    events::{Events, complete, versioned},
    server::{Binary, TestServer},
};

on_every_backend!(
    what_a_replica_left_when_it_died_is_told,
    whoever_lags_behind_catches_up,
    events_are_kept_for_a_while,
);

/// An event of its own, which nothing happened for.
fn made_up(number: u128) -> Event {
    let promotion_id = Uuid::from_u128(number);
    Event {
        id: Uuid::from_u128(number),
        time: "2026-11-23T10:00:00Z".parse().unwrap(),
        kind: cartwright::domain::event::EventKind::PromotionUpdated,
        subject: Subject::Promotion {
            promotion_id,
            version: 1,
        },
        traceparent: String::new(),
    }
}

/// Commits so many events as a replica does that dies before it has placed them.
async fn leave(api: &Api, numbers: std::ops::Range<u128>) {
    let database = api.server.database().await;
    let events: Vec<_> = numbers.map(made_up).collect();
    let transaction = database.begin().await.unwrap();
    for events in events.chunks(1_000) {
        let inserted = store::event::insert(&transaction, events).await;
        inserted.unwrap();
    }
    transaction.commit().await.unwrap();
    database.close().await.unwrap();
}

async fn what_a_replica_left_when_it_died_is_told(api: Api) {
    let mut events = Events::now(api.server.channel()).await;
    leave(&api, 1..4).await;
    for number in 1..4 {
        assert_eq!(events.event().await.id, Uuid::from_u128(number).to_string());
    }
}

async fn whoever_lags_behind_catches_up(api: Api) {
    // More than is kept in memory for them, and than fits into what their connections hold.
    const MANY: u128 = 12_000;
    let mut idle = Events::now(api.server.channel()).await;
    leave(&api, 1..MANY).await;
    let mut busy = Events::oldest(api.server.channel()).await;
    for number in 1..MANY {
        let expected = Uuid::from_u128(number).to_string();
        assert_eq!(busy.event().await.id, expected);
    }
    let cart = api.cart(vec![item("poster", 1)]).await;
    for number in 1..MANY {
        let expected = Uuid::from_u128(number).to_string();
        assert_eq!(idle.event().await.id, expected);
    }
    for events in [&mut busy, &mut idle] {
        let next = events.event().await;
        assert_eq!(versioned(&next), Some((cart.id.clone(), 1)));
    }
}

async fn events_are_kept_for_a_while(api: Api) {
    let cart = api.cart(vec![item("poster", 1)]).await;
    let mut events = Events::oldest(api.server.channel()).await;
    events.until(Kind::CheckoutCreated, &cart.id, 1).await;
    let old = events.cursor.clone();
    note(&api, &cart.id, "x").await;
    note(&api, &cart.id, "y").await;
    events.until(Kind::CheckoutUpdated, &cart.id, 3).await;
    sleep(Duration::from_millis(1_100)).await;

    // It forgets when it starts. Events that may tell of abandoned carts are needed until that was looked for.
    let hasty = ["--event-retention=1s", "--abandoned-after=1s"];
    let refusal = loop {
        let other = api.server.replica_with(&hasty).await;
        match Events::after(other.channel(), &old).await {
            Ok(_) => sleep(Duration::from_millis(100)).await,
            Err(status) => break status,
        }
    };
    let details = refused(
        Err::<(), _>(refusal),
        Code::FailedPrecondition,
        "EVENT_CURSOR_EXPIRED",
    );
    let oldest = &details.error_info().unwrap().metadata["oldest_cursor"];
    let mut rest = Events::after(api.server.channel(), oldest).await.unwrap();
    let kept = rest.event().await;
    assert_eq!(versioned(&kept), Some((cart.id.clone(), 3)), "the newest");
    // Whoever has read all of it finds no gap, and the others begin with what there is.
    note(&api, &cart.id, "z").await;
    for events in [&mut rest, &mut events] {
        let next = events.event().await;
        assert_eq!(versioned(&next), Some((cart.id.clone(), 4)));
    }
    let mut oldest = Events::oldest(api.server.channel()).await;
    assert_eq!(oldest.event().await, kept);
}

/// The program is killed in the middle of changes: each that it has answered is told by whoever comes next.
#[tokio::test(flavor = "multi_thread")]
async fn what_was_answered_before_a_kill_is_told() {
    let database = TestDatabase::postgres().await;
    let url = format!("--database-url={}", database.url);
    let mut cursor = String::new();
    let mut told = Vec::new();
    for _ in 0..3 {
        let server = Binary::start(&["serve", "--demo-store", &url], &[]);
        let (answers, mut answered) = mpsc::unbounded_channel();
        for _ in 0..16 {
            let mut carts = CartServiceClient::new(server.channel());
            let answers = answers.clone();
            tokio::spawn(async move {
                loop {
                    let create = pb::CreateCartRequest {
                        line_items: vec![item("harbor-cookbook-ebook", 1)],
                        ..Default::default()
                    };
                    match carts.create_cart(create).await {
                        Ok(answer) => answers.send(answer.into_inner().cart.unwrap().id).unwrap(),
                        Err(_) => return,
                    }
                }
            });
        }
        drop(answers);
        let mut missing = Vec::new();
        while missing.len() < 50 {
            missing.push(answered.recv().await.expect("it answers"));
        }
        drop(server);
        while let Some(cart) = answered.recv().await {
            missing.push(cart);
        }

        let next = Binary::start(&["serve", &url], &[]);
        let mut events = Events::after(next.channel(), &cursor).await.unwrap();
        while !missing.is_empty() {
            let event = events.event().await;
            let id = versioned(&event).map(|(id, _)| id);
            missing.retain(|cart| Some(cart) != id.as_ref());
            told.push(event);
        }
        cursor = events.cursor;
    }
    complete(told.iter().filter(|event| versioned(event).is_some()));
}

/// The database goes away and comes back: streams go on or say that they end, and nothing is missing.
#[tokio::test(flavor = "multi_thread")]
async fn a_stream_survives_an_outage_of_the_database() {
    let (server, proxy) = TestServer::start_behind_proxy().await;
    let api = Api::on(server).await;
    let cart = api.cart(vec![item("poster", 1)]).await;
    let mut events = Events::oldest(api.server.channel()).await;
    events.until(Kind::CheckoutCreated, &cart.id, 1).await;
    for version in 2..=4 {
        proxy.cut();
        let update = pb::UpdateCheckoutRequest {
            checkout_id: cart.id.clone(),
            staff_note: version.to_string(),
            ..Default::default()
        };
        let failed = call!(api.checkouts, update_checkout, update.clone());
        refused(failed, Code::Unavailable, "DATABASE_UNAVAILABLE");
        proxy.mend();
        while call!(api.checkouts, update_checkout, update.clone()).is_err() {
            sleep(Duration::from_millis(50)).await;
        }
        let event = loop {
            match events.next().await {
                Ok(Some(event)) => break event,
                Ok(None) => {}
                Err(status) => {
                    assert_eq!(status.code(), Code::Unavailable, "{}", status.message());
                    let cursor = events.cursor.clone();
                    let again = Events::after(api.server.channel(), &cursor).await;
                    if let Ok(again) = again {
                        events = again;
                    }
                }
            }
        };
        assert_eq!(versioned(&event), Some((cart.id.clone(), version)));
    }
}

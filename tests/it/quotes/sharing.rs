//! One call to a carrier serves all who want to know the same.

use std::time::Duration;

use cartwright::rpc::pb;
use serde_json::json;
use tokio::task::JoinSet;

use super::{Shop, answer, look, offered, only, options, seconds, settings, until};
use crate::harness::{
    api::{Api, address, call, details, item, on_every_backend},
    carrier::Carrier,
    server::{Backend, TestServer},
};

on_every_backend!(
    equal_baskets_to_one_place_share_a_call,
    whatever_an_answer_depends_on_makes_another_call,
    a_shopper_who_goes_away_takes_nothing_from_others,
);

/// A consignment of a new cart, to this address.
async fn consignment(api: &Api, address: pb::Address) -> pb::Checkout {
    let cart = api.cart(vec![item("poster", 2)]).await;
    let line = cart.line_items[0].id.clone();
    let request = pb::AddConsignmentsRequest {
        checkout_id: cart.id,
        consignments: vec![details(address, &[(&line, 2)])],
        ..Default::default()
    };
    let added = call!(api.consignments, add_consignments, request);
    added.unwrap().checkout.unwrap()
}

async fn equal_baskets_to_one_place_share_a_call(api: Api) {
    let shop = Shop::open(api).await;
    let first = consignment(&shop.api, address("US")).await;
    let neighbour = pb::Address {
        first_name: "Alan".into(),
        last_name: "Turing".into(),
        address1: "7 Side Street".into(),
        postal_code: "7 3301".into(),
        ..address("US")
    };
    let second = consignment(&shop.api, neighbour).await;
    let options = offered(&shop.api, &first).await;
    assert_eq!(options[0], ("us/parcels/GND".to_owned(), 725));
    assert_eq!(offered(&shop.api, &second).await, options);
    assert_eq!(shop.parcels.calls(), 1);
}

async fn whatever_an_answer_depends_on_makes_another_call(api: Api) {
    let shop = Shop::open(api).await;
    let elsewhere = pb::Address {
        postal_code: "73302".into(),
        ..address("US")
    };
    let baskets = [
        shop.basket().await,
        consignment(&shop.api, address("US")).await,
        consignment(&shop.api, elsewhere).await,
    ];
    for (calls, basket) in (1..).zip(&baskets) {
        assert_eq!(offered(&shop.api, basket).await[0].1, 725);
        assert_eq!(shop.parcels.calls(), calls);
    }
    // So do the carrier's settings.
    let request = pb::GetStoreRequest::default();
    let mut store = call!(shop.api.store, get_store, request)
        .unwrap()
        .store
        .unwrap();
    store.shipping_zones[0].carriers[0]
        .options
        .insert("tariff".into(), "b".into());
    let request = pb::UpdateStoreRequest {
        store: Some(store),
        ..Default::default()
    };
    call!(shop.api.store, update_store, request).unwrap();
    offered(&shop.api, &baskets[0]).await;
    assert_eq!(shop.parcels.calls(), 4);
}

async fn a_shopper_who_goes_away_takes_nothing_from_others(api: Api) {
    let shop = Shop::open(api).await;
    let (first, second) = (shop.basket().await, shop.basket().await);
    let slow = json!({ "answer": answer("GND", 725, 60), "delay_ms": 1000 });
    shop.parcels.behave(slow);
    let going = tokio::spawn({
        let checkouts = shop.api.checkouts.clone();
        let request = pb::GetCheckoutRequest {
            checkout_id: first.id.clone(),
            include: vec![pb::CheckoutInclude::AvailableShippingOptions.into()],
        };
        async move { checkouts.clone().get_checkout(request).await }
    });
    shop.wait_for_calls(1).await;
    going.abort();
    assert!(going.await.unwrap_err().is_cancelled());
    assert_eq!(
        offered(&shop.api, &second).await,
        only("us/parcels/GND", 725)
    );
    assert_eq!(shop.parcels.calls(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn replicas_share_answers() {
    let shop = Shop::open(Api::start(Backend::Servers).await).await;
    let replica = shop.api.replica().await;
    let basket = shop.basket().await;
    let options = offered(&shop.api, &basket).await;
    assert_eq!(options[0], ("us/parcels/GND".to_owned(), 725));
    assert_eq!(offered(&replica, &basket).await, options);
    assert_eq!(shop.parcels.calls(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_crowd_on_two_replicas_makes_one_call() {
    let server = TestServer::with(Backend::Servers, &["--quote-timeout=30s"]).await;
    let shop = Shop::open(Api::on(server).await).await;
    let replica = shop.api.replica().await;
    // Both have been in use: they are connected to Redis.
    let elsewhere = shop.baskets(&["73302"]).await;
    for api in [&shop.api, &replica] {
        offered(api, &elsewhere).await;
    }
    let before = shop.parcels.calls();
    let slow = json!({ "answer": answer("GND", 725, 60), "delay_ms": 300 });
    shop.parcels.behave(slow);
    let mut baskets = Vec::new();
    for _ in 0..20 {
        baskets.push(shop.basket().await);
    }
    let mut crowd = JoinSet::new();
    for shopper in 0..500 {
        let api = if shopper % 2 == 0 {
            &shop.api
        } else {
            &replica
        };
        let mut checkouts = api.checkouts.clone();
        let request = pb::GetCheckoutRequest {
            checkout_id: baskets[shopper % baskets.len()].id.clone(),
            include: vec![pb::CheckoutInclude::AvailableShippingOptions.into()],
        };
        crowd.spawn(async move { checkouts.get_checkout(request).await });
    }
    for answer in crowd.join_all().await {
        let checkout = answer.unwrap().into_inner().checkout.unwrap();
        let offered = options(&checkout.consignments[0]);
        assert_eq!(offered, only("us/parcels/GND", 725));
    }
    assert_eq!(shop.parcels.calls() - before, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn carriers_that_are_late_are_left_out_and_their_answers_found_later() {
    let server = TestServer::with(Backend::Embedded, &["--quote-timeout=500ms"]).await;
    let late = Carrier::grpc();
    let slow = json!({ "answer": answer("SEA", 300, 60), "delay_ms": 2500 });
    late.behave(slow);
    let others = vec![settings("late", &late)];
    let shop = Shop::with(Api::on(server).await, others).await;
    shop.offers("GND", 725, 60);
    let basket = shop.basket().await;

    let checkout = look(&shop.api, &basket.id).await.unwrap();
    let [consignment] = &checkout.consignments[..] else {
        panic!("one consignment, not {:?}", checkout.consignments)
    };
    let fallback = ("us/us-fallback".to_owned(), 900);
    let ground = ("us/parcels/GND".to_owned(), 725);
    assert_eq!(options(consignment), [ground.clone(), fallback]);
    let [message] = &consignment.quote_messages[..] else {
        panic!("one message, not {:?}", consignment.quote_messages)
    };
    assert_eq!(
        (message.carrier_code.as_str(), message.text.as_str()),
        ("late", "did not answer in time")
    );

    let both = [("us/late/SEA".to_owned(), 300), ground];
    until(async || offered(&shop.api, &basket).await == both).await;
    assert_eq!(late.calls(), 1);
    assert_eq!(shop.parcels.calls(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn consignments_are_asked_for_side_by_side() {
    let shop = Shop::open(Api::start(Backend::Embedded).await).await;
    let slow = json!({ "answer": answer("GND", 725, 60), "delay_ms": 300 });
    shop.parcels.behave(slow);
    let postal_codes: Vec<_> = (10..30).map(|number| format!("733{number}")).collect();
    let postal_codes: Vec<_> = postal_codes.iter().map(String::as_str).collect();
    let basket = shop.baskets(&postal_codes).await;
    let checkout = look(&shop.api, &basket.id).await.unwrap();
    for consignment in &checkout.consignments {
        assert_eq!(options(consignment), only("us/parcels/GND", 725));
    }
    let report = shop.parcels.report();
    assert_eq!(report["calls"], 20);
    let most = report["most_at_a_time"].as_u64().unwrap();
    assert!((2..=8).contains(&most), "{most} at a time");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_service_that_ends_does_not_wait_for_carriers() {
    let server = TestServer::with(Backend::Embedded, &["--quote-timeout=100ms"]).await;
    let hanging = Carrier::grpc();
    hanging.behave(json!({ "mode": "hang" }));
    let others = vec![pb::Carrier {
        timeout: seconds(30),
        ..settings("hanging", &hanging)
    }];
    let shop = Shop::with(Api::on(server).await, others).await;
    let basket = shop.basket().await;
    let options = offered(&shop.api, &basket).await;
    assert!(options.contains(&("us/us-fallback".to_owned(), 900)));
    let stopping = shop.api.server.stop();
    let stopped = tokio::time::timeout(Duration::from_secs(20), stopping).await;
    stopped.expect("it waits for the carrier");
}

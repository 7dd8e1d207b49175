//! What becomes of answers with time, and of carriers that fail.

use std::time::{Duration, Instant};

use cartwright::rpc::pb;
use serde_json::json;
use tokio::time::sleep;
use tonic::Code;

use super::{Shop, answer, look, offered, only, options, until};
use crate::harness::{
    api::{Api, address, call, details, item, on_every_backend, refused},
    carrier::{Carrier, store_with},
};

on_every_backend!(
    an_answer_that_has_expired_is_shown_while_it_is_renewed,
    a_carrier_that_failed_is_left_alone_for_a_moment,
    what_cannot_be_renewed_is_told_and_cannot_be_selected,
    what_no_carrier_has_a_part_in_is_selected_without_asking_any,
    an_option_of_a_carrier_that_cannot_be_asked,
);

/// Lets answers expire that hold for a second.
async fn a_second() {
    sleep(Duration::from_millis(1100)).await;
}

async fn an_answer_that_has_expired_is_shown_while_it_is_renewed(api: Api) {
    let shop = Shop::open(api).await;
    shop.offers("GND", 725, 1);
    let basket = shop.basket().await;
    assert_eq!(
        offered(&shop.api, &basket).await,
        only("us/parcels/GND", 725)
    );
    a_second().await;
    let slow = json!({ "answer": answer("GND", 825, 60), "delay_ms": 2000 });
    shop.parcels.behave(slow);
    for _ in 0..5 {
        let options = offered(&shop.api, &basket).await;
        assert_eq!(options, only("us/parcels/GND", 725));
    }
    let renewed = only("us/parcels/GND", 825);
    until(async || offered(&shop.api, &basket).await == renewed).await;
    assert_eq!(shop.parcels.calls(), 2);
    // What is chosen has to hold: here it does.
    let id = &basket.consignments[0].id;
    let selected = shop.api.select(&basket.id, id, "us/parcels/GND").await;
    selected.unwrap();
    assert_eq!(shop.parcels.calls(), 2);
}

async fn a_carrier_that_failed_is_left_alone_for_a_moment(api: Api) {
    let shop = Shop::open(api).await;
    shop.parcels.behave(json!({ "mode": "fail" }));
    let basket = shop.basket().await;
    let start = Instant::now();
    for _ in 0..5 {
        let checkout = look(&shop.api, &basket.id).await.unwrap();
        let consignment = &checkout.consignments[0];
        assert_eq!(options(consignment), only("us/us-fallback", 900));
        assert_eq!(consignment.quote_messages[0].carrier_code, "parcels");
    }
    let calls = shop.parcels.calls();
    // On a machine that stands still the moment may have passed.
    assert!(
        calls == 1 || start.elapsed() > Duration::from_secs(5),
        "{calls} calls"
    );
    shop.offers("GND", 725, 60);
    let again = only("us/parcels/GND", 725);
    until(async || offered(&shop.api, &basket).await == again).await;
    assert_eq!(shop.parcels.calls(), calls + 1);
}

async fn what_cannot_be_renewed_is_told_and_cannot_be_selected(api: Api) {
    let shop = Shop::open(api).await;
    shop.offers("GND", 725, 1);
    let basket = shop.basket().await;
    offered(&shop.api, &basket).await;
    a_second().await;
    shop.parcels.behave(json!({ "mode": "fail" }));
    // It is shown until the carrier has failed to renew it; then the fallback steps in.
    let fallback = only("us/us-fallback", 900);
    until(async || offered(&shop.api, &basket).await == fallback).await;
    let checkout = look(&shop.api, &basket.id).await.unwrap();
    let [message] = checkout.consignments[0].quote_messages.as_slice() else {
        panic!("{checkout:?}")
    };
    assert_eq!(
        (message.carrier_code.as_str(), message.text.as_str()),
        ("parcels", "answered gRPC status Unavailable")
    );
    let id = &basket.consignments[0].id;
    let selected = shop.api.select(&basket.id, id, "us/parcels/GND").await;
    refused(selected, Code::Unavailable, "CARRIER_UNAVAILABLE");
}

async fn what_no_carrier_has_a_part_in_is_selected_without_asking_any(api: Api) {
    let (parcels, others) = (Carrier::http(), Carrier::http());
    let carriers = [parcels.settings("parcels"), others.settings("others")];
    api.set_up(store_with(carriers.into())).await;
    parcels.behave(json!({ "mode": "hang" }));
    let cart = api.cart(vec![item("poster", 1)]).await;
    let line = cart.line_items[0].id.as_str();
    let request = pb::AddConsignmentsRequest {
        checkout_id: cart.id.clone(),
        consignments: vec![details(address("US"), &[(line, 1)])],
        ..Default::default()
    };
    let added = call!(api.consignments, add_consignments, request).unwrap();
    let id = &added.checkout.unwrap().consignments[0].id;

    api.select(&cart.id, id, "us/us-ground").await.unwrap();
    assert_eq!((parcels.calls(), others.calls()), (0, 0));
    api.select(&cart.id, id, "us/others/GND").await.unwrap();
    assert_eq!((parcels.calls(), others.calls()), (0, 1));
}

async fn an_option_of_a_carrier_that_cannot_be_asked(api: Api) {
    let shop = Shop::open(api).await;
    shop.parcels.behave(json!({ "mode": "fail" }));
    let basket = shop.basket().await;
    let id = &basket.consignments[0].id;
    let select = async |option| shop.api.select(&basket.id, id, option).await;

    let selected = select("us/parcels/GND").await;
    let details = refused(selected, Code::Unavailable, "CARRIER_UNAVAILABLE");
    let metadata = &details.error_info().unwrap().metadata;
    assert_eq!(metadata["carrier_id"], "parcels");
    assert_eq!(shop.api.get(&basket.id).await, basket, "nothing was done");

    let selected = select("us/others/GND").await;
    let reason = "SHIPPING_OPTION_NOT_AVAILABLE";
    let details = refused(selected, Code::FailedPrecondition, reason);
    let metadata = &details.error_info().unwrap().metadata;
    assert_eq!(metadata["available_shipping_option_ids"], "us/us-fallback");
    select("us/us-fallback").await.unwrap();
}

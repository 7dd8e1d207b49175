//! Orders whose shipping quotes have expired, and those whose have not.

use std::time::Duration;

use cartwright::rpc::pb;
use serde_json::json;
use tokio::time::sleep;
use tonic::{Code, Status};

use super::{Shop, until};
use crate::harness::{
    api::{Api, address, call, minor, on_every_backend, refused, usd},
    server::{Backend, TestServer},
};

on_every_backend!(
    a_quote_that_holds_is_not_asked_for_again,
    an_expired_quote_is_renewed_at_the_same_price,
    an_expired_quote_at_another_price,
    an_expired_quote_of_an_option_that_is_gone,
    an_expired_quote_of_a_carrier_that_cannot_be_asked,
    a_handling_fee_that_was_added_changes_the_price_and_keeps_the_option,
);

/// A checkout that lacks nothing for an order, by ground for 7.25, which holds for so many seconds.
async fn ready(shop: &Shop, seconds: u32) -> pb::Checkout {
    shop.offers("GND", 725, seconds);
    let basket = shop.basket().await;
    shop.api.bill(&basket.id, address("US")).await;
    let id = &basket.consignments[0].id;
    let selected = shop.api.select(&basket.id, id, "us/parcels/GND").await;
    selected.unwrap()
}

/// The same, with a quote that has expired.
async fn expired(api: Api) -> (Shop, pb::Checkout) {
    let shop = Shop::open(api).await;
    let checkout = ready(&shop, 1).await;
    sleep(Duration::from_millis(1100)).await;
    (shop, checkout)
}

/// What stands in the way of an order, by reason, with the texts.
#[track_caller]
fn obstacles(order: Result<pb::Order, Status>) -> Vec<(String, String)> {
    let details = refused(order, Code::FailedPrecondition, "CHECKOUT_INCOMPLETE");
    let violations = &details.precondition_failure().unwrap().violations;
    let violations = violations.iter();
    violations
        .map(|violation| (violation.r#type.clone(), violation.description.clone()))
        .collect()
}

fn selected(checkout: &pb::Checkout) -> Option<&pb::ShippingOption> {
    checkout.consignments[0].selected_shipping_option.as_ref()
}

fn holds_until(checkout: &pb::Checkout) -> i64 {
    let option = selected(checkout).unwrap();
    option.quote_expire_time.unwrap().seconds
}

async fn a_quote_that_holds_is_not_asked_for_again(api: Api) {
    let shop = Shop::open(api).await;
    let checkout = ready(&shop, 60).await;
    shop.parcels.behave(json!({ "mode": "fail" }));
    shop.api.order(&checkout.id).await.unwrap();
    assert_eq!(shop.parcels.calls(), 1);
}

async fn an_expired_quote_is_renewed_at_the_same_price(api: Api) {
    let (shop, checkout) = expired(api).await;
    shop.offers("GND", 725, 60);
    let order = shop.api.order(&checkout.id).await.unwrap();
    assert_eq!(order.totals, checkout.totals);
    assert_eq!(shop.parcels.calls(), 2);
    let renewed = shop.api.get(&checkout.id).await;
    assert!(holds_until(&renewed) > holds_until(&checkout) + 30);
}

async fn an_expired_quote_at_another_price(api: Api) {
    let (shop, checkout) = expired(api).await;
    shop.offers("GND", 825, 60);
    let order = shop.api.order(&checkout.id).await;
    let details = refused(order, Code::FailedPrecondition, "PRICE_CHANGED");
    // 4 % tax on the shipping, too.
    let before = minor(&checkout.totals.as_ref().unwrap().grand_total);
    let metadata = &details.error_info().unwrap().metadata;
    assert_eq!(metadata["grand_total"], (before + 104).to_string());

    let shown = shop.api.get(&checkout.id).await;
    assert_eq!(minor(&selected(&shown).unwrap().cost), 825);
    let order = shop.api.order(&checkout.id).await.unwrap();
    assert_eq!(order.totals, shown.totals);
    assert_eq!(shop.parcels.calls(), 2);
}

async fn an_expired_quote_of_an_option_that_is_gone(api: Api) {
    let (shop, checkout) = expired(api).await;
    shop.offers("AIR", 725, 60);
    let obstacles = obstacles(shop.api.order(&checkout.id).await);
    let reasons: Vec<_> = obstacles
        .iter()
        .map(|(reason, _)| reason.as_str())
        .collect();
    assert!(
        reasons.contains(&"SHIPPING_OPTION_NOT_AVAILABLE"),
        "{obstacles:?}"
    );
    let shown = shop.api.get(&checkout.id).await;
    assert_eq!(selected(&shown), None);
    let id = &checkout.consignments[0].id;
    let select = shop.api.select(&checkout.id, id, "us/parcels/AIR").await;
    select.unwrap();
    shop.api.order(&checkout.id).await.unwrap();
}

async fn an_expired_quote_of_a_carrier_that_cannot_be_asked(api: Api) {
    let (shop, checkout) = expired(api).await;
    shop.parcels.behave(json!({ "mode": "fail" }));
    let obstacles = obstacles(shop.api.order(&checkout.id).await);
    let [(reason, text)] = &obstacles[..] else {
        panic!("one obstacle, not {obstacles:?}")
    };
    assert_eq!(reason, "SHIPPING_OPTION_NOT_AVAILABLE");
    assert!(
        text.contains("carrier \"parcels\" cannot be asked now"),
        "{text}"
    );
    let shown = shop.api.get(&checkout.id).await;
    assert_eq!(shown, checkout, "the selection stays");

    shop.offers("GND", 725, 60);
    until(async || shop.api.order(&checkout.id).await.is_ok()).await;
}

async fn a_handling_fee_that_was_added_changes_the_price_and_keeps_the_option(api: Api) {
    let shop = Shop::open(api).await;
    let checkout = ready(&shop, 60).await;
    let store = call!(shop.api.store, get_store, pb::GetStoreRequest {});
    let mut store = store.unwrap().store.unwrap();
    store.shipping_zones[0].handling_fee = Some(pb::HandlingFee {
        fee: Some(pb::handling_fee::Fee::Fixed(usd(100).unwrap())),
    });
    shop.api.set_up(store).await;
    refused(
        shop.api.order(&checkout.id).await,
        Code::FailedPrecondition,
        "PRICE_CHANGED",
    );
    let shown = shop.api.get(&checkout.id).await;
    assert_eq!(selected(&shown).unwrap().id, "us/parcels/GND");
    let consignment = &shown.consignments[0];
    assert_eq!(minor(&consignment.handling_cost_ex_tax), 100);
    shop.api.order(&checkout.id).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn an_expired_quote_of_the_stores_own_method() {
    let server = TestServer::with(Backend::Embedded, &["--quote-ttl=1s"]).await;
    let api = Api::on(server).await;
    let checkout = api.ready().await;
    sleep(Duration::from_millis(1100)).await;
    let order = api.order(&checkout.id).await.unwrap();
    assert_eq!(order.totals, checkout.totals);
    let renewed = api.get(&checkout.id).await;
    assert!(holds_until(&renewed) > holds_until(&checkout));
}

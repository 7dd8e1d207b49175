//! Carriers: services outside that quote shipping, each in a process of its own, well or not.

mod answers;
mod asked;
mod observed;

use std::time::Duration;

use cartwright::rpc::pb::{self, QuoteMessageType};
use serde_json::json;
use tokio::{task::JoinSet, time::sleep};

use crate::harness::{
    PATIENCE,
    api::{Api, address, details, item, minor, on_every_backend},
    carrier::{Carrier, Kind, store_with},
};

on_every_backend!(
    rates_are_offered_and_ordered,
    a_fault_costs_the_carriers_own_options_only,
    a_call_that_failed_for_now_is_tried_again,
    a_carrier_that_fails_too_often_is_left_alone_until_it_is_back,
    no_more_calls_at_a_time_than_allowed,
    a_carrier_that_is_set_up_anew_is_asked_anew,
    a_carrier_that_is_disabled_is_not_asked,
);

/// Ids of the options with what they cost, cheapest first.
fn offered(consignment: &pb::Consignment) -> Vec<(&str, i64)> {
    let options = consignment.available_shipping_options.iter();
    options
        .map(|option| (option.id.as_str(), minor(&option.cost)))
        .collect()
}

/// What the consignment's quotes come with: how serious, who says it, and what.
fn told(consignment: &pb::Consignment) -> Vec<(QuoteMessageType, &str, &str)> {
    let messages = consignment.quote_messages.iter();
    let message = |m: &'_ pb::QuoteMessage| m.r#type();
    messages
        .map(|m| (message(m), m.carrier_code.as_str(), m.text.as_str()))
        .collect()
}

/// A new checkout that ships so many posters within the United States; as many as no other of the test has, so that
/// carriers are asked.
async fn ship(api: &Api, posters: i32) -> pb::Checkout {
    let cart = api.cart(vec![item("poster", posters)]).await;
    let line = cart.line_items[0].id.as_str();
    api.consign(&cart.id, address("US"), &[(line, posters)])
        .await
}

/// The consignment of such a checkout.
async fn quote(api: &Api, posters: i32) -> pb::Consignment {
    ship(api, posters).await.consignments.remove(0)
}

async fn rates_are_offered_and_ordered(api: Api) {
    for (posters, kind) in [(1, Kind::Http), (2, Kind::Grpc)] {
        let carrier = Carrier::start(kind);
        api.set_up(store_with(vec![carrier.settings("parcels")]))
            .await;
        let checkout = ship(&api, posters).await;
        let consignment = &checkout.consignments[0];
        let expected = [
            ("us/us-express", i64::from(posters) * 500),
            ("us/parcels/GND", 725),
            ("us/us-ground", 800),
            ("us/parcels/AIR", 1999),
        ];
        let mut expected = expected.to_vec();
        expected.sort_by_key(|(_, cost)| *cost);
        assert_eq!(offered(consignment), expected);
        assert_eq!(told(consignment), []);

        let again = quote(&api, posters).await;
        assert_eq!(
            offered(&again),
            expected,
            "the same offers have the same ids"
        );
        assert_eq!(carrier.calls(), 1, "an equal basket shares the answer");

        let consignment_id = &consignment.id;
        api.select(&checkout.id, consignment_id, "us/parcels/AIR")
            .await
            .unwrap();
        api.bill(&checkout.id, address("US")).await;
        let order = api.order(&checkout.id).await.unwrap();
        let option = order.consignments[0]
            .selected_shipping_option
            .as_ref()
            .unwrap();
        assert!(option.quote_expire_time.is_some());
        let expected = pb::ShippingOption {
            id: "us/parcels/AIR".into(),
            r#type: pb::ShippingOptionType::Carrier.into(),
            description: "By air".into(),
            additional_description: "By air service".into(),
            cost: option.cost.clone(),
            transit_time: Some(pb::TransitTime {
                units: pb::TransitTimeUnits::BusinessDays.into(),
                duration: 3,
            }),
            carrier_code: "parcels".into(),
            quote_expire_time: option.quote_expire_time,
            rate_id: "rate-AIR".into(),
            dispatch_date: "2026-11-24".into(),
            ..Default::default()
        };
        assert_eq!(option, &expected);
        assert_eq!(minor(&option.cost), 1999);
    }
}

/// How a carrier fails, and what is told of it to begin with.
fn faults(kind: Kind) -> Vec<(&'static str, &'static str)> {
    let no_rate = "answered no rate that can be offered: left out \"GND\": it costs ";
    let common = [
        ("hang", "did not answer within 500ms"),
        ("wrong_currency", no_rate),
        ("negative", no_rate),
    ];
    let json = "answered what is no JSON of the contract";
    let own = match kind {
        Kind::Http => vec![
            ("fail", "answered HTTP 500"),
            ("redirect", "answered HTTP 307"),
            ("many_headers", "broke off"),
            ("malformed", json),
            ("wrong_type", json),
            ("huge", "answered more than 256 KiB"),
            // It does not come back from this one.
            ("die", "broke off"),
        ],
        Kind::Grpc => vec![
            ("fail", "answered gRPC status Unavailable"),
            ("malformed", "answered gRPC status Internal"),
            ("wrong_type", "answered gRPC status Internal"),
            ("huge", "answered more than is taken"),
            ("die", "cannot be reached, or broke off"),
        ],
    };
    [common.to_vec(), own].concat()
}

async fn a_fault_costs_the_carriers_own_options_only(api: Api) {
    for kind in [Kind::Http, Kind::Grpc] {
        let sick = Carrier::start(kind);
        let well = Carrier::http();
        let settings = pb::Carrier {
            timeout: Some(prost_types::Duration {
                seconds: 0,
                nanos: 500_000_000,
            }),
            max_retries: Some(0),
            ..sick.settings("sick")
        };
        api.set_up(store_with(vec![settings, well.settings("well")]))
            .await;
        let expected = [
            "us/us-express",
            "us/us-fallback",
            "us/us-ground",
            "us/well/AIR",
            "us/well/GND",
        ];
        for (posters, (mode, why)) in (1..).zip(faults(kind)) {
            // Well in between, so that it is never left alone.
            sick.behave(json!({}));
            let consignment = quote(&api, 100 + posters).await;
            assert_eq!(told(&consignment), [], "before {kind:?} {mode}");
            sick.behave(json!({ "mode": mode }));
            let consignment = quote(&api, posters).await;
            let [(QuoteMessageType::Error, "sick", text)] = told(&consignment)[..] else {
                panic!("{kind:?} {mode}: {:?}", told(&consignment));
            };
            assert!(text.starts_with(why), "{kind:?} {mode}: {text}");
            assert!(
                !text.contains("127.0.0.1") && !text.contains("10.1.2.3"),
                "{text}"
            );
            let mut ids: Vec<_> = offered(&consignment).iter().map(|(id, _)| *id).collect();
            ids.sort_unstable();
            // Large baskets ship for free too.
            ids.retain(|id| *id != "us/us-free");
            assert_eq!(ids, expected, "{kind:?} {mode}");
        }
    }
}

async fn a_call_that_failed_for_now_is_tried_again(api: Api) {
    for (first, kind) in [(1, Kind::Http), (3, Kind::Grpc)] {
        let carrier = Carrier::start(kind);
        api.set_up(store_with(vec![carrier.settings("parcels")]))
            .await;
        carrier.behave(json!({ "mode": "fail", "times": 1 }));
        assert_eq!(told(&quote(&api, first).await), []);
        assert_eq!(carrier.calls(), 2);
        carrier.behave(json!({ "mode": "fail", "times": 2 }));
        assert_eq!(
            told(&quote(&api, first + 1).await).len(),
            1,
            "once by default"
        );
        assert_eq!(carrier.calls(), 4);
    }
}

async fn a_carrier_that_fails_too_often_is_left_alone_until_it_is_back(api: Api) {
    let carrier = Carrier::http();
    let settings = pb::Carrier {
        max_retries: Some(0),
        ..carrier.settings("parcels")
    };
    api.set_up(store_with(vec![settings])).await;
    carrier.behave(json!({ "mode": "fail" }));
    for posters in 1..=5 {
        let consignment = quote(&api, posters).await;
        assert_eq!(told(&consignment)[0].2, "answered HTTP 500");
    }
    let consignment = quote(&api, 6).await;
    let left_alone = "is not asked at the moment: it failed too often";
    assert_eq!(
        told(&consignment),
        [(QuoteMessageType::Error, "parcels", left_alone)]
    );
    assert_eq!(carrier.calls(), 5);

    carrier.behave(json!({}));
    let back = async {
        for posters in 7.. {
            if told(&quote(&api, posters).await).is_empty() {
                return posters;
            }
            sleep(Duration::from_millis(200)).await;
        }
        unreachable!("posters do not run out")
    };
    let posters = tokio::time::timeout(PATIENCE, back)
        .await
        .expect("it comes back");
    assert_eq!(carrier.calls(), 6, "one call tried");
    quote(&api, posters + 1).await;
    assert_eq!(carrier.calls(), 7, "it is asked as before");
}

async fn no_more_calls_at_a_time_than_allowed(api: Api) {
    for kind in [Kind::Http, Kind::Grpc] {
        let carrier = Carrier::start(kind);
        let settings = pb::Carrier {
            max_concurrent_calls: 3,
            timeout: Some(prost_types::Duration {
                seconds: 30,
                nanos: 0,
            }),
            ..carrier.settings("parcels")
        };
        api.set_up(store_with(vec![settings])).await;
        carrier.slow(200);
        let mut shoppers = JoinSet::new();
        for posters in 1..=12 {
            let cart = api.cart(vec![item("poster", posters)]).await;
            let line = cart.line_items[0].id.as_str();
            let request = pb::AddConsignmentsRequest {
                checkout_id: cart.id.clone(),
                consignments: vec![details(address("US"), &[(line, posters)])],
                include: vec![pb::CheckoutInclude::AvailableShippingOptions.into()],
                ..Default::default()
            };
            let mut client = api.consignments.clone();
            shoppers.spawn(async move { client.add_consignments(request).await.unwrap() });
        }
        for answer in shoppers.join_all().await {
            let checkout = answer.into_inner().checkout.unwrap();
            assert_eq!(told(&checkout.consignments[0]), []);
        }
        let report = carrier.report();
        assert_eq!(
            (&report["calls"], &report["most_at_a_time"]),
            (&json!(12), &json!(3))
        );
    }
}

async fn a_carrier_that_is_set_up_anew_is_asked_anew(api: Api) {
    let (before, after) = (Carrier::http(), Carrier::grpc());
    api.set_up(store_with(vec![before.settings("parcels")]))
        .await;
    quote(&api, 1).await;
    api.set_up(store_with(vec![after.settings("parcels")]))
        .await;
    quote(&api, 1).await;
    assert_eq!((before.calls(), after.calls()), (1, 1));
}

async fn a_carrier_that_is_disabled_is_not_asked(api: Api) {
    let carrier = Carrier::http();
    let settings = pb::Carrier {
        disabled: true,
        ..carrier.settings("parcels")
    };
    api.set_up(store_with(vec![settings])).await;
    let consignment = quote(&api, 1).await;
    assert_eq!(
        offered(&consignment),
        [("us/us-express", 500), ("us/us-ground", 800)]
    );
    assert_eq!((told(&consignment), carrier.calls()), (vec![], 0));
}

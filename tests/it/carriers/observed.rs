//! What a collector of OpenTelemetry is told of the calls of carriers.

use std::time::Duration;

use cartwright::rpc::pb::{
    self, cart_service_client::CartServiceClient,
    consignment_service_client::ConsignmentServiceClient, store_service_client::StoreServiceClient,
};
use serde_json::json;
use tokio::time::sleep;
use tonic::Request;

use crate::harness::{
    api::{address, details, item},
    carrier::{Carrier, Kind, store_with},
    otlp::{OtlpReceiver, the},
    server::Binary,
};

/// The program with the sample shop, which tells a collector often.
async fn observed() -> (Binary, OtlpReceiver) {
    let receiver = OtlpReceiver::start().await;
    let variables = [
        ("OTEL_EXPORTER_OTLP_ENDPOINT", receiver.endpoint()),
        ("OTEL_METRIC_EXPORT_INTERVAL", "100"),
    ];
    let server = Binary::serve_demo_store_on_servers(&variables).await;
    (server, receiver)
}

/// Ships within the United States by this carrier beside the shop's own methods.
async fn ship_by(server: &Binary, carrier: pb::Carrier) {
    let request = pb::UpdateStoreRequest {
        store: Some(store_with(vec![carrier])),
        update_mask: Some(prost_types::FieldMask {
            paths: vec!["carriers".into(), "shipping_zones".into()],
        }),
        ..Default::default()
    };
    let mut store = StoreServiceClient::new(server.channel());
    store.update_store(request).await.unwrap();
}

/// Asks for the options of so many mugs, in the trace of `traceparent`.
async fn quote(server: &Binary, mugs: i32, traceparent: &str) {
    let request = pb::CreateCartRequest {
        line_items: vec![item("enamel-mug", mugs)],
        ..Default::default()
    };
    let mut carts = CartServiceClient::new(server.channel());
    let cart = carts.create_cart(request).await.unwrap().into_inner();
    let cart = cart.cart.unwrap();
    let line = cart.line_items[0].id.as_str();
    let mut request = Request::new(pb::AddConsignmentsRequest {
        checkout_id: cart.id.clone(),
        consignments: vec![details(address("US"), &[(line, mugs)])],
        include: vec![pb::CheckoutInclude::AvailableShippingOptions.into()],
        ..Default::default()
    });
    let metadata = request.metadata_mut();
    metadata.insert("traceparent", traceparent.parse().unwrap());
    let mut consignments = ConsignmentServiceClient::new(server.channel());
    consignments.add_consignments(request).await.unwrap();
}

fn trace(number: u32) -> (String, String) {
    let trace_id = format!("4bf92f3577b34da6a3ce929d{number:08x}");
    let parent = format!("00-{trace_id}-00f067aa0ba902b7-01");
    (trace_id, parent)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_carrier_is_told_the_trace() {
    let (server, receiver) = observed().await;
    for (number, kind) in (1..).zip([Kind::Http, Kind::Grpc]) {
        let carrier = Carrier::start(kind);
        ship_by(&server, carrier.settings("parcels")).await;
        let (trace_id, parent) = trace(number);
        quote(&server, 1, &parent).await;
        let spans = receiver
            .spans_of_trace(&trace_id, |spans| {
                spans.iter().any(|span| span.name == "outbound.call")
            })
            .await;
        let span = the(&spans, "outbound.call");
        assert_eq!(span.attribute("peer.service"), "carrier/parcels");
        let (_, headers) = carrier.last_request();
        let expected = format!("00-{trace_id}-{}-01", span.id);
        assert_eq!(headers["traceparent"], expected);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn calls_and_breaker_are_measured() {
    let (server, receiver) = observed().await;
    let carrier = Carrier::http();
    let settings = pb::Carrier {
        max_retries: Some(0),
        ..carrier.settings("parcels")
    };
    ship_by(&server, settings).await;
    let (calls, breaker) = (
        "cartwright.outbound.duration",
        "cartwright.outbound.breaker.state",
    );
    let of = |outcome| [("service", "carrier/parcels"), ("outcome", outcome)];
    let parcels = [("service", "carrier/parcels")];
    let (_, parent) = trace(0);

    quote(&server, 1, &parent).await;
    receiver
        .metric(calls, &of("ok"), |count| count >= 1.0)
        .await;
    receiver
        .metric(breaker, &parcels, |state| state < 0.5)
        .await;
    carrier.behave(json!({ "mode": "fail" }));
    for mugs in 2..=7 {
        quote(&server, mugs, &parent).await;
    }
    receiver
        .metric(calls, &of("failed"), |count| count >= 5.0)
        .await;
    receiver
        .metric(calls, &of("rejected"), |count| count >= 1.0)
        .await;
    receiver
        .metric(breaker, &parcels, |state| state > 1.5)
        .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn lookups_of_the_cache_are_measured_and_trips_to_redis_traced() {
    let (server, receiver) = observed().await;
    let carrier = Carrier::http();
    let settings = pb::Carrier {
        quote_lifetime: Some(prost_types::Duration {
            seconds: 1,
            nanos: 0,
        }),
        ..carrier.settings("parcels")
    };
    ship_by(&server, settings).await;
    let lookups = "cartwright.quotes.cache.lookups";
    let of = |result| [("carrier", "parcels"), ("result", result)];
    let some = |count| count >= 1.0;
    let (trace_id, parent) = trace(3);

    quote(&server, 1, &parent).await;
    receiver.metric(lookups, &of("miss"), some).await;
    let spans = receiver
        .spans_of_trace(&trace_id, |spans| {
            spans.iter().any(|span| span.name == "cache.put")
        })
        .await;
    for span in spans.iter().filter(|span| span.name == "cache.get") {
        assert_eq!(span.attribute("db.system.name"), "redis");
        assert_eq!(span.attribute("hit"), "false");
    }
    sleep(Duration::from_millis(1_100)).await;
    quote(&server, 1, &parent).await;
    receiver.metric(lookups, &of("stale"), some).await;
    // Renewed in the background, and found while it holds.
    for _ in 0..20 {
        quote(&server, 1, &parent).await;
    }
    receiver.metric(lookups, &of("hit"), some).await;

    carrier.behave(json!({ "mode": "fail" }));
    quote(&server, 2, &parent).await;
    quote(&server, 2, &parent).await;
    receiver.metric(lookups, &of("failed"), some).await;
}

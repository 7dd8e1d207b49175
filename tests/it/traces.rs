//! The spans of single calls to the program, received over OTLP: the way of a call, and how many statements
//! it takes.

use cartwright::rpc::pb::{
    self, cart_service_client::CartServiceClient, checkout_service_client::CheckoutServiceClient,
    coupon_service_client::CouponServiceClient, order_service_client::OrderServiceClient,
    promotion_service_client::PromotionServiceClient,
};
use tonic::Request;

use crate::harness::{
    api::{address, item, percentage_coupon},
    otlp::{OtlpReceiver, Span, the, tree},
    server::Binary,
};

/// The trace id and the `traceparent` of a caller's trace.
fn trace(number: u32) -> (String, String) {
    let trace_id = format!("4bf92f3577b34da6a3ce929d{number:08x}");
    let parent = format!("00-{trace_id}-00f067aa0ba902b7-01");
    (trace_id, parent)
}

fn traced<T>(message: T, traceparent: &str) -> Request<T> {
    let mut request = Request::new(message);
    request
        .metadata_mut()
        .insert("traceparent", traceparent.parse().unwrap());
    request
}

/// The SQL statements among the spans. One that changes a checkout and writes its event is an `EXECUTE`, as spans call what
/// begins with something else.
fn statements(spans: &[Span]) -> Vec<&str> {
    let kinds = ["SELECT", "INSERT", "UPDATE", "DELETE", "EXECUTE"];
    spans
        .iter()
        .filter(|span| !["sea_orm.begin", "sea_orm.commit"].contains(&span.name.as_str()))
        .map(|span| span.attribute("db.operation"))
        .filter(|op| kinds.contains(op))
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_trace_shows_the_way_of_a_call_and_how_many_statements_it_takes() {
    let receiver = OtlpReceiver::start().await;
    let variables = [("OTEL_EXPORTER_OTLP_ENDPOINT", receiver.endpoint())];
    let server = Binary::serve_demo_store_on_servers(&variables).await;
    let channel = server.channel();
    let mut carts = CartServiceClient::new(channel.clone());
    let mut checkouts = CheckoutServiceClient::new(channel.clone());
    let mut coupons = CouponServiceClient::new(channel.clone());
    let mut orders = OrderServiceClient::new(channel.clone());
    PromotionServiceClient::new(channel)
        .create_coupon(percentage_coupon("TRACED", "10"))
        .await
        .unwrap();

    let line_items = vec![item("harbor-cookbook-ebook", 1)];
    let create = pb::CreateCartRequest {
        line_items,
        ..Default::default()
    };
    let id = carts
        .create_cart(create)
        .await
        .unwrap()
        .into_inner()
        .cart
        .unwrap()
        .id;
    let bill = pb::AddBillingAddressRequest {
        checkout_id: id.clone(),
        address: Some(address("US")),
        ..Default::default()
    };
    checkouts.add_billing_address(bill).await.unwrap();

    let add = pb::AddLineItemsRequest {
        cart_id: id.clone(),
        line_items: vec![item("harbor-cookbook-ebook", 1)],
        ..Default::default()
    };
    carts
        .add_line_items(traced(add, &trace(1).1))
        .await
        .unwrap();
    let apply = pb::ApplyCouponRequest {
        checkout_id: id.clone(),
        code: "TRACED".into(),
        ..Default::default()
    };
    coupons
        .apply_coupon(traced(apply, &trace(2).1))
        .await
        .unwrap();
    let get = pb::GetCheckoutRequest {
        checkout_id: id.clone(),
        include: vec![],
    };
    checkouts
        .get_checkout(traced(get, &trace(3).1))
        .await
        .unwrap();
    let order = pb::CreateOrderRequest {
        checkout_id: id,
        ..Default::default()
    };
    orders
        .create_order(traced(order, &trace(4).1))
        .await
        .unwrap();

    for (number, rpc, expected) in [
        (
            1,
            "cartwright.v1.CartService/AddLineItems",
            vec!["SELECT", "EXECUTE"],
        ),
        (
            2,
            "cartwright.v1.CouponService/ApplyCoupon",
            vec!["SELECT", "SELECT", "EXECUTE"],
        ),
        (
            3,
            "cartwright.v1.CheckoutService/GetCheckout",
            vec!["SELECT"],
        ),
        (
            4,
            "cartwright.v1.OrderService/CreateOrder",
            // The checkout, the coupon, the product; then the checkout with its event, the order, its history and its event.
            vec![
                "SELECT", "SELECT", "SELECT", "EXECUTE", "INSERT", "INSERT", "INSERT",
            ],
        ),
    ] {
        let (trace_id, _) = trace(number);
        let whole = |spans: &[Span]| spans.iter().any(|span| span.name == rpc);
        let spans = receiver.spans_of_trace(&trace_id, whole).await;
        let root = the(&spans, rpc);
        assert_eq!(
            root.parent_id, "00f067aa0ba902b7",
            "under the caller's span"
        );
        assert_eq!(root.attribute("rpc.system"), "grpc");
        assert!(!root.failed);
        assert_eq!(statements(&spans), expected, "{}", tree(&spans));
    }

    let spans = receiver.spans_of_trace(&trace(4).0, |_| true).await;
    let rpc = the(&spans, "cartwright.v1.OrderService/CreateOrder");
    let flow = the(&spans, "flow.create_order");
    assert_eq!(flow.parent_id, rpc.id, "{}", tree(&spans));
    // Everything else is below the flow.
    for span in spans
        .iter()
        .filter(|span| ![&rpc.id, &flow.id].contains(&&span.id))
    {
        let mut ancestor = span;
        while ancestor.parent_id != flow.id {
            ancestor = spans
                .iter()
                .find(|span| span.id == ancestor.parent_id)
                .unwrap();
        }
    }
}

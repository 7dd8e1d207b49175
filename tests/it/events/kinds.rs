//! Each kind of event after what it tells of.

use cartwright::rpc::pb::{
    self, CheckoutPart as Part, EventKind as Kind, OrderStatus, PaymentState,
    cart_service_client::CartServiceClient, event::Subject,
};
use tonic::Request;

use super::{note, request_id};
use crate::harness::{
    api::{Api, call, item, minor, on_every_backend, percentage_coupon},
    events::{Events, complete},
    promotion::ten_percent,
    server::{Binary, run},
};

on_every_backend!(
    the_events_of_a_whole_life,
    a_refused_or_repeated_request_tells_nothing,
    promotions_and_codes,
    what_is_erased,
    nothing_of_the_customer_is_told,
);
/// What is told of a checkout.
fn checkout(event: &pb::Event) -> (Kind, i64, Vec<Part>, String) {
    let Some(Subject::Checkout(change)) = &event.subject else {
        panic!("{event:?}")
    };
    let changed = change.changed().collect();
    (
        event.kind(),
        change.version,
        changed,
        change.order_id.clone(),
    )
}

/// What is told of an order.
fn order(event: &pb::Event) -> (Kind, &str, i64, OrderStatus, OrderStatus) {
    let Some(Subject::Order(change)) = &event.subject else {
        panic!("{event:?}")
    };
    (
        event.kind(),
        &change.order_id,
        change.version,
        change.from_status(),
        change.to_status(),
    )
}

async fn the_events_of_a_whole_life(api: Api) {
    use OrderStatus as S;
    let mut events = Events::now(api.server.channel()).await;
    let cart = api.ready().await;
    let told = events.take(4).await;
    let (kind, version, parts, _) = checkout(&told[0]);
    assert_eq!((kind, version), (Kind::CheckoutCreated, 1));
    assert_eq!(parts, [Part::LineItems, Part::Channel, Part::Totals]);
    let asked_for = [Part::BillingAddress, Part::Consignments, Part::Consignments];
    for (event, (version, part)) in told[1..].iter().zip((2..).zip(asked_for)) {
        let (kind, changed, mut parts, order_id) = checkout(event);
        // Taxes may follow an address.
        parts.retain(|part| *part != Part::Totals);
        let expected = (Kind::CheckoutUpdated, version, vec![part], String::new());
        assert_eq!((kind, changed, parts, order_id), expected);
    }
    let (_, _, parts, _) = checkout(&told[3]);
    assert_eq!(parts, [Part::Consignments, Part::Totals], "shipping costs");

    let [first, second] = [
        api.order(&cart.id).await.unwrap(),
        api.order(&cart.id).await.unwrap(),
    ];
    let told = events.take(4).await;
    for (pair, (created, version)) in told.chunks(2).zip([(&first, 5), (&second, 6)]) {
        let parts = vec![Part::Orders];
        let expected = (Kind::CheckoutUpdated, version, parts, created.id.clone());
        assert_eq!(checkout(&pair[0]), expected);
        let unset = S::Unspecified;
        let expected = (Kind::OrderCreated, &*created.id, 1, unset, S::Incomplete);
        assert_eq!(order(&pair[1]), expected);
    }

    let total = minor(&first.totals.as_ref().unwrap().outstanding_balance);
    for state in [PaymentState::Pending, PaymentState::Completed] {
        api.pay(&first, "a", total, state).await.unwrap();
    }
    let paid = call!(
        api.orders,
        get_order,
        pb::GetOrderRequest {
            by: Some(pb::get_order_request::By::OrderId(first.id.clone())),
        }
    );
    let paid = paid.unwrap().order.unwrap();
    let told = events.take(4).await;
    let pending = told.iter().find(|event| order_version(event, &first) == 2);
    let recorded = Kind::OrderPaymentRecorded;
    let expected = (recorded, &*first.id, 2, S::Incomplete, S::AwaitingPayment);
    assert_eq!(order(pending.unwrap()), expected);
    let completed = told.iter().find(|event| order_version(event, &first) == 3);
    let completed = completed.unwrap();
    let done = S::AwaitingFulfillment;
    let expected = (recorded, &*first.id, 3, S::AwaitingPayment, done);
    assert_eq!(order(completed), expected);
    let Some(Subject::Order(change)) = &completed.subject else {
        unreachable!("it was looked at")
    };
    assert_eq!(change.number, first.number);
    assert_eq!(change.checkout_id, cart.id);
    assert_eq!(change.payment_id, paid.payments[0].id);
    assert_eq!(change.payment_state(), PaymentState::Completed);
    let ended = told.iter().find(|event| event.kind() == Kind::CheckoutPaid);
    let expected = (Kind::CheckoutPaid, 7, Vec::new(), first.id.clone());
    assert_eq!(checkout(ended.unwrap()), expected);
    let sibling = told.iter().find(|event| order_version(event, &second) == 2);
    let kind = Kind::OrderSiblingPaid;
    let expected = (kind, &*second.id, 2, S::Incomplete, S::Cancelled);
    assert_eq!(order(sibling.unwrap()), expected);

    api.update_status(&first, S::Shipped).await.unwrap();
    let kind = Kind::OrderStatusUpdated;
    let expected = (kind, &*first.id, 4, done, S::Shipped);
    assert_eq!(order(&events.event().await), expected);

    let mut whole = Events::oldest(api.server.channel()).await;
    let versions = complete(&whole.take(13).await);
    let expected = [(cart.id, 7), (first.id, 4), (second.id, 2)];
    assert_eq!(versions, expected.into());
}

/// The version that an event tells of this order; 0 when it is of anything else.
fn order_version(event: &pb::Event, of: &pb::Order) -> i64 {
    match &event.subject {
        Some(Subject::Order(change)) if change.order_id == of.id => change.version,
        _ => 0,
    }
}

async fn a_refused_or_repeated_request_tells_nothing(api: Api) {
    let mut events = Events::now(api.server.channel()).await;
    let create = pb::CreateCartRequest {
        line_items: vec![item("poster", 1)],
        request_id: request_id(1),
        ..Default::default()
    };
    let cart = call!(api.carts, create_cart, create.clone())
        .unwrap()
        .cart
        .unwrap();
    let update = pb::UpdateCheckoutRequest {
        checkout_id: cart.id.clone(),
        staff_note: "x".into(),
        request_id: request_id(2),
        ..Default::default()
    };
    for _ in 0..3 {
        call!(api.carts, create_cart, create.clone()).unwrap();
        call!(api.checkouts, update_checkout, update.clone()).unwrap();
        api.apply(&cart.id, "NONE").await.unwrap_err();
    }
    let stale = pb::UpdateCheckoutRequest {
        request_id: String::new(),
        expected_version: Some(1),
        ..update
    };
    call!(api.checkouts, update_checkout, stale).unwrap_err();
    let cancelled = api.order(&api.ready().await.id).await.unwrap();
    let cancel = pb::CancelOrderRequest {
        order_id: cancelled.id.clone(),
        ..Default::default()
    };
    for _ in 0..2 {
        call!(api.orders, cancel_order, cancel.clone()).unwrap();
    }
    let delete = pb::DeleteCartRequest {
        cart_id: cart.id.clone(),
        ..Default::default()
    };
    call!(api.carts, delete_cart, delete).unwrap();
    // Of the first cart: created, updated, deleted. Of the second: four versions, then its order.
    let told = events.until(Kind::CheckoutDeleted, &cart.id, 3).await;
    assert_eq!(told.len(), 3 + 5 + 2);
    let last = complete(&told);
    assert_eq!(last[&cart.id], 3);
    assert_eq!(last[&cancelled.id], 2);
    assert_eq!(told[told.len() - 2].kind(), Kind::OrderCancelled);
}

async fn promotions_and_codes(api: Api) {
    let mut events = Events::now(api.server.channel()).await;
    let coupon = api.coupon(percentage_coupon("SAVE", "10")).await;
    let classic = coupon.promotion.unwrap().id;
    let promotion = api.create_promotion(ten_percent("Ten")).await.unwrap();
    let renamed = pb::Promotion {
        name: "Tenth".into(),
        ..promotion.clone()
    };
    api.update_promotion(renamed, &["name"]).await.unwrap();
    let create = pb::CreateCouponCodeRequest {
        promotion_id: classic.clone(),
        code: "MORE".into(),
        ..Default::default()
    };
    let code = call!(api.promotions, create_coupon_code, create).unwrap();
    let code = code.coupon_code.unwrap();
    let generate = pb::GenerateCouponCodesRequest {
        promotion_id: classic.clone(),
        count: 7,
        length: 12,
        ..Default::default()
    };
    let mut generated = call!(api.promotions, generate_coupon_codes, generate).unwrap();
    let batch = generated.message().await.unwrap().unwrap().batch_id;
    let delete = pb::DeleteCouponCodeRequest {
        code: "MORE".into(),
        ..Default::default()
    };
    call!(api.promotions, delete_coupon_code, delete).unwrap();
    let delete = pb::DeletePromotionRequest {
        promotion_id: promotion.id.clone(),
        ..Default::default()
    };
    call!(api.promotions, delete_promotion, delete).unwrap();

    let of_promotion = |promotion_id: &str, version| {
        Subject::Promotion(pb::PromotionEvent {
            promotion_id: promotion_id.into(),
            version,
        })
    };
    let of_code = |coupon_code_id: &str, batch_id: &str, count| {
        Subject::CouponCode(pb::CouponCodeEvent {
            promotion_id: classic.clone(),
            coupon_code_id: coupon_code_id.into(),
            batch_id: batch_id.into(),
            count,
        })
    };
    let of_coupon = of_code(&coupon.coupon_code.unwrap().id, "", 1);
    let expected = [
        (Kind::PromotionCreated, of_promotion(&classic, 1)),
        (Kind::CouponCodeCreated, of_coupon),
        (Kind::PromotionCreated, of_promotion(&promotion.id, 1)),
        (Kind::PromotionUpdated, of_promotion(&promotion.id, 2)),
        (Kind::CouponCodeCreated, of_code(&code.id, "", 1)),
        (Kind::CouponCodeGenerated, of_code("", &batch, 7)),
        (Kind::CouponCodeDeleted, of_code(&code.id, "", 1)),
        (Kind::PromotionDeleted, of_promotion(&promotion.id, 0)),
    ];
    for (kind, subject) in expected {
        let event = events.event().await;
        assert_eq!((event.kind(), event.subject.unwrap()), (kind, subject));
    }
}

async fn what_is_erased(api: Api) {
    let create = pb::CreateCartRequest {
        line_items: vec![item("poster", 1)],
        customer_id: "ada".into(),
        ..Default::default()
    };
    let cart = call!(api.carts, create_cart, create).unwrap().cart.unwrap();
    api.make_ready(&cart).await;
    let created = api.order(&cart.id).await.unwrap();
    let mut events = Events::oldest(api.server.channel()).await;
    let mut told = events.until(Kind::OrderCreated, &created.id, 1).await;
    let arguments = [
        "erase-customer",
        "ada",
        "--database-url",
        api.server.database_url(),
    ];
    assert!(run(&arguments, &[]).status.success());
    let erased = events.take(2).await;
    let expected = (Kind::CheckoutErased, 6, Vec::new(), String::new());
    assert_eq!(checkout(&erased[0]), expected);
    let same = OrderStatus::Incomplete;
    let expected = (Kind::OrderErased, &*created.id, 2, same, same);
    assert_eq!(order(&erased[1]), expected);
    told.extend(erased);
    complete(&told);
}

async fn nothing_of_the_customer_is_told(api: Api) {
    let mut events = Events::now(api.server.channel()).await;
    api.certificate("GIFT-SECRET", 1_000).await;
    api.coupon(percentage_coupon("COUPON-SECRET", "10")).await;
    let create = pb::CreateCartRequest {
        line_items: vec![item("poster", 1)],
        customer_id: "customer-secret".into(),
        email: "secret@example.com".into(),
        ..Default::default()
    };
    let cart = call!(api.carts, create_cart, create).unwrap().cart.unwrap();
    let checkout = api.make_ready(&cart).await;
    api.apply(&cart.id, "COUPON-SECRET").await.unwrap();
    api.apply_certificate(&cart.id, "GIFT-SECRET")
        .await
        .unwrap();
    note(&api, &cart.id, "a secret note").await;
    let order = api.order(&cart.id).await.unwrap();
    let total = minor(&order.totals.as_ref().unwrap().outstanding_balance);
    let paid = api.pay(&order, "ch-secret", total, PaymentState::Completed);
    paid.await.unwrap();
    let told = events
        .until(Kind::CheckoutPaid, &cart.id, checkout.version + 5)
        .await;
    let text = format!("{told:?}").to_lowercase();
    for secret in ["secret", "lovelace", "springfield", "main st", "73301"] {
        assert!(!text.contains(secret), "{secret}: {text}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_trace_of_the_caller_is_kept() {
    let server = Binary::serve_demo_store();
    let mut events = Events::now(server.channel()).await;
    let mut request = Request::new(pb::CreateCartRequest {
        line_items: vec![item("harbor-cookbook-ebook", 1)],
        ..Default::default()
    });
    let trace = "4bf92f3577b34da6a3ce929d0e0e4736";
    let parent = format!("00-{trace}-00f067aa0ba902b7-01");
    let metadata = request.metadata_mut();
    metadata.insert("traceparent", parent.parse().unwrap());
    let mut carts = CartServiceClient::new(server.channel());
    carts.create_cart(request).await.unwrap();
    let told = events.event().await.traceparent;
    assert_eq!(told.split('-').nth(1), Some(trace), "{told}");
}

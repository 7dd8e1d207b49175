//! `OrderService`.

use cartwright::rpc::pb::{self, OrderStatus, PaymentState};
use tonic::Code;
use uuid::Uuid;

use crate::harness::api::{
    Api, address, bad_fields, call, engraved, item, minor, on_every_backend, refused, usd,
};

on_every_backend!(
    from_cart_to_paid_order,
    everything_that_is_missing_at_once,
    several_orders_from_one_cart,
    an_order_keeps_its_snapshot,
    changed_prices_are_not_ordered_silently,
    what_is_no_longer_offered_is_not_ordered,
    payments_in_parts,
    pending_completed_failed,
    money_that_has_moved_is_never_lost,
    nothing_outstanding,
    payments_are_checked,
    orders_are_cancelled,
    an_order_that_is_paid_in_part_is_cancelled,
    a_payment_that_fails_after_a_sibling_was_paid,
    payments_of_nothing_pay_once,
    orders_are_listed,
    a_repeated_request_creates_one_order,
    an_order_outlives_its_deleted_cart,
    blank_is_missing,
    money_of_a_sibling_is_handed_to_people,
);

fn total(order: &pb::Order) -> i64 {
    minor(&order.totals.as_ref().unwrap().outstanding_balance)
}

async fn get(api: &Api, order: &pb::Order) -> pb::Order {
    let by = Some(pb::get_order_request::By::OrderId(order.id.clone()));
    call!(api.orders, get_order, pb::GetOrderRequest { by })
        .unwrap()
        .order
        .unwrap()
}

fn violations(details: &tonic_types::ErrorDetails) -> Vec<String> {
    let failure = details.precondition_failure().unwrap();
    failure
        .violations
        .iter()
        .map(|violation| violation.r#type.clone())
        .collect()
}

async fn from_cart_to_paid_order(api: Api) {
    let checkout = api.ready().await;
    assert_eq!(minor(&checkout.totals.as_ref().unwrap().grand_total), 4155);
    let order = api.order(&checkout.id).await.unwrap();
    assert_eq!(
        (order.status(), total(&order)),
        (OrderStatus::Incomplete, 4155)
    );
    assert!(order.number > 0);
    assert_eq!(order.line_items, checkout.cart.as_ref().unwrap().line_items);
    assert_eq!(get(&api, &order).await, order);
    let by = Some(pb::get_order_request::By::Number(order.number));
    assert_eq!(
        call!(api.orders, get_order, pb::GetOrderRequest { by })
            .unwrap()
            .order
            .unwrap(),
        order
    );
    assert_eq!(api.get(&checkout.id).await.order_ids, [order.id.as_str()]);

    let paid = api
        .pay(&order, "ch_1", 4155, PaymentState::Completed)
        .await
        .unwrap();
    assert_eq!(paid.status(), OrderStatus::AwaitingFulfillment);
    assert!(paid.paid_time.is_some());
    assert_eq!(
        (
            paid.payments[0].reference.as_str(),
            minor(&paid.payments[0].amount)
        ),
        ("ch_1", 4155)
    );
    assert_eq!(get(&api, &order).await, paid);
    let gone = call!(
        api.carts,
        get_cart,
        pb::GetCartRequest {
            cart_id: checkout.id.clone()
        }
    );
    let refusal = refused(gone, Code::NotFound, "CART_PAID");
    assert_eq!(refusal.error_info().unwrap().metadata["order_id"], order.id);
    refused(api.order(&checkout.id).await, Code::NotFound, "CART_PAID");
}

async fn everything_that_is_missing_at_once(api: Api) {
    let cart = api
        .cart(vec![item("poster", 2), engraved("Ada"), item("ebook", 1)])
        .await;
    let refusal = refused(
        api.order(&cart.id).await,
        Code::FailedPrecondition,
        "CHECKOUT_INCOMPLETE",
    );
    assert_eq!(
        violations(&refusal),
        [
            "BILLING_ADDRESS_MISSING",
            "LINE_ITEM_NOT_CONSIGNED",
            "LINE_ITEM_NOT_CONSIGNED"
        ]
    );
    let half = pb::Address {
        country_code: "US".into(),
        first_name: "Ada".into(),
        ..Default::default()
    };
    api.bill(&cart.id, half.clone()).await;
    api.consign(&cart.id, half, &[(&cart.line_items[0].id, 1)])
        .await;
    let refusal = refused(
        api.order(&cart.id).await,
        Code::FailedPrecondition,
        "CHECKOUT_INCOMPLETE",
    );
    let found = violations(&refusal);
    let count = |reason: &str| found.iter().filter(|found| *found == reason).count();
    // last_name, address1, city, state_or_province, postal_code.
    assert_eq!(count("BILLING_ADDRESS_INCOMPLETE"), 5);
    assert_eq!(count("SHIPPING_ADDRESS_INCOMPLETE"), 5);
    assert_eq!(
        (
            count("LINE_ITEM_NOT_CONSIGNED"),
            count("SHIPPING_OPTION_NOT_SELECTED")
        ),
        (2, 1)
    );
    let subjects = &refusal.precondition_failure().unwrap().violations;
    assert!(
        subjects
            .iter()
            .any(|violation| violation.subject == "billing_address.last_name")
    );
    // Digital goods alone need no consignment.
    let cart = api.cart(vec![item("ebook", 1)]).await;
    api.bill(&cart.id, address("US")).await;
    api.order(&cart.id).await.unwrap();
}

async fn several_orders_from_one_cart(api: Api) {
    let checkout = api.ready().await;
    let first = api.order(&checkout.id).await.unwrap();
    let second = api.order(&checkout.id).await.unwrap();
    assert!(second.number > first.number);
    assert_eq!(
        api.get(&checkout.id).await.order_ids,
        [first.id.as_str(), second.id.as_str()]
    );
    api.pay(&first, "a", total(&first), PaymentState::Completed)
        .await
        .unwrap();
    assert_eq!(get(&api, &second).await.status(), OrderStatus::Cancelled);
    let answer = api
        .pay(&second, "a", total(&second), PaymentState::Completed)
        .await;
    let refusal = refused(answer, Code::FailedPrecondition, "SIBLING_ORDER_PAID");
    assert_eq!(
        refusal.error_info().unwrap().metadata["paid_order_id"],
        first.id
    );
    let answer = api
        .pay(&first, "b", total(&first), PaymentState::Completed)
        .await;
    refused(answer, Code::FailedPrecondition, "ORDER_ALREADY_PAID");
}

async fn an_order_keeps_its_snapshot(api: Api) {
    let checkout = api.ready().await;
    let order = api.order(&checkout.id).await.unwrap();
    let more = pb::AddLineItemsRequest {
        cart_id: checkout.id.clone(),
        line_items: vec![item("lamp", 3)],
        ..Default::default()
    };
    call!(api.carts, add_line_items, more).unwrap();
    let mut poster = crate::harness::api::products().remove(0);
    poster.price = usd(1);
    let request = pb::UpsertProductsRequest {
        products: vec![poster],
        ..Default::default()
    };
    call!(api.catalog, upsert_products, request).unwrap();
    assert_eq!(get(&api, &order).await, order);
    // It pays what it says, whatever became of the cart.
    let paid = api
        .pay(&order, "a", 4155, PaymentState::Completed)
        .await
        .unwrap();
    assert_eq!(paid.status(), OrderStatus::AwaitingFulfillment);
}

async fn changed_prices_are_not_ordered_silently(api: Api) {
    let checkout = api.ready().await;
    let mut poster = crate::harness::api::products().remove(0);
    poster.price = usd(5000);
    let request = pb::UpsertProductsRequest {
        products: vec![poster],
        ..Default::default()
    };
    call!(api.catalog, upsert_products, request).unwrap();
    let refusal = refused(
        api.order(&checkout.id).await,
        Code::FailedPrecondition,
        "PRICE_CHANGED",
    );
    let metadata = &refusal.error_info().unwrap().metadata;
    assert_eq!(metadata["grand_total"], "6032");
    let now = api.get(&checkout.id).await;
    assert_eq!(minor(&now.totals.unwrap().grand_total), 6032);
    assert_eq!(
        now.messages[0].code(),
        pb::CheckoutMessageCode::PriceRefreshed
    );
    assert_eq!(total(&api.order(&checkout.id).await.unwrap()), 6032);
}

async fn what_is_no_longer_offered_is_not_ordered(api: Api) {
    let checkout = api.ready().await;
    let mut store = crate::harness::api::store();
    store.shipping_zones[0].methods.remove(0);
    let request = pb::UpdateStoreRequest {
        store: Some(store),
        ..Default::default()
    };
    call!(api.store, update_store, request).unwrap();
    let mut poster = crate::harness::api::products().remove(0);
    poster.not_purchasable = true;
    let request = pb::UpsertProductsRequest {
        products: vec![poster],
        ..Default::default()
    };
    call!(api.catalog, upsert_products, request).unwrap();
    let refusal = refused(
        api.order(&checkout.id).await,
        Code::FailedPrecondition,
        "CHECKOUT_INCOMPLETE",
    );
    let mut found = violations(&refusal);
    found.sort();
    assert_eq!(
        found,
        [
            "PRICE_CHANGED",
            "PRODUCT_NOT_PURCHASABLE",
            "SHIPPING_OPTION_NOT_AVAILABLE",
            "SHIPPING_OPTION_NOT_SELECTED"
        ]
    );
}

async fn payments_in_parts(api: Api) {
    let order = api.order(&api.ready().await.id).await.unwrap();
    let part = api
        .pay(&order, "a", 4000, PaymentState::Completed)
        .await
        .unwrap();
    assert_eq!(part.status(), OrderStatus::AwaitingPayment);
    let refusal = refused(
        api.pay(&order, "b", 156, PaymentState::Completed).await,
        Code::FailedPrecondition,
        "PAYMENT_EXCEEDS_OUTSTANDING",
    );
    assert_eq!(
        refusal.error_info().unwrap().metadata["outstanding_balance"],
        "155"
    );
    let paid = api
        .pay(&order, "b", 155, PaymentState::Completed)
        .await
        .unwrap();
    assert_eq!(
        (paid.status(), paid.payments.len()),
        (OrderStatus::AwaitingFulfillment, 2)
    );
}

async fn pending_completed_failed(api: Api) {
    let order = api.order(&api.ready().await.id).await.unwrap();
    let pending = api
        .pay(&order, "a", 4155, PaymentState::Pending)
        .await
        .unwrap();
    assert_eq!(pending.status(), OrderStatus::AwaitingPayment);
    // What is pending counts: nobody captures twice.
    refused(
        api.pay(&order, "b", 4155, PaymentState::Pending).await,
        Code::FailedPrecondition,
        "PAYMENT_EXCEEDS_OUTSTANDING",
    );
    let failed = api
        .pay(&order, "a", 4155, PaymentState::Failed)
        .await
        .unwrap();
    assert_eq!(failed.status(), OrderStatus::Declined);
    refused(
        api.pay(&order, "a", 4155, PaymentState::Completed).await,
        Code::FailedPrecondition,
        "PAYMENT_REFERENCE_CONFLICT",
    );
    // Another try with another card.
    api.pay(&order, "c", 4155, PaymentState::Pending)
        .await
        .unwrap();
    let paid = api
        .pay(&order, "c", 4155, PaymentState::Completed)
        .await
        .unwrap();
    assert_eq!(paid.status(), OrderStatus::AwaitingFulfillment);
    // Recording it again changes nothing.
    assert_eq!(
        api.pay(&order, "c", 4155, PaymentState::Completed)
            .await
            .unwrap(),
        paid
    );
    refused(
        api.pay(&order, "c", 4154, PaymentState::Completed).await,
        Code::FailedPrecondition,
        "PAYMENT_REFERENCE_CONFLICT",
    );
}

async fn money_that_has_moved_is_never_lost(api: Api) {
    let checkout = api.ready().await;
    let first = api.order(&checkout.id).await.unwrap();
    let second = api.order(&checkout.id).await.unwrap();
    api.pay(&first, "a", 4155, PaymentState::Pending)
        .await
        .unwrap();
    api.pay(&second, "b", 4155, PaymentState::Completed)
        .await
        .unwrap();
    let late = api
        .pay(&first, "a", 4155, PaymentState::Completed)
        .await
        .unwrap();
    assert_eq!(late.status(), OrderStatus::ManualVerificationRequired);
    assert!(late.status_reason.contains(&second.id));
    assert_eq!(late.payments[0].state(), PaymentState::Completed);
}

async fn nothing_outstanding(api: Api) {
    let cart = api.custom_cart(&[0]).await;
    let checkout = api.make_ready(&cart).await;
    let free = pb::CreateCouponRequest {
        code: "FREE".into(),
        r#type: pb::CouponType::FreeShipping.into(),
        ..Default::default()
    };
    api.coupon(free).await;
    api.apply(&checkout.id, "FREE").await.unwrap();
    let order = api.order(&checkout.id).await.unwrap();
    assert_eq!(total(&order), 0);
    let paid = api
        .pay(&order, "none", 0, PaymentState::Completed)
        .await
        .unwrap();
    assert_eq!(paid.status(), OrderStatus::AwaitingFulfillment);
}

async fn payments_are_checked(api: Api) {
    let order = api.order(&api.ready().await.id).await.unwrap();
    let request = |reference: &str, amount| pb::RecordPaymentRequest {
        order_id: order.id.clone(),
        method: "card".into(),
        reference: reference.into(),
        amount,
        ..Default::default()
    };
    let pay = |request| {
        let mut orders = api.orders.clone();
        async move { orders.record_payment(request).await }
    };
    assert_eq!(bad_fields(pay(request("", usd(1))).await), ["reference"]);
    assert_eq!(bad_fields(pay(request("a", None)).await), ["amount"]);
    assert_eq!(
        bad_fields(pay(request("a", usd(-1))).await),
        ["amount.amount_minor"]
    );
    assert_eq!(
        bad_fields(pay(request("a", usd(0))).await),
        ["amount.amount_minor"]
    );
    let unknown_state = pb::RecordPaymentRequest {
        state: 77,
        ..request("a", usd(1))
    };
    assert_eq!(bad_fields(pay(unknown_state).await), ["state"]);
    let euros = Some(pb::Money {
        currency_code: "EUR".into(),
        amount_minor: 4155,
    });
    refused(
        pay(request("a", euros)).await,
        Code::InvalidArgument,
        "CURRENCY_MISMATCH",
    );
    let nobody = pb::RecordPaymentRequest {
        order_id: Uuid::nil().to_string(),
        ..request("a", usd(1))
    };
    refused(pay(nobody).await, Code::NotFound, "ORDER_NOT_FOUND");
    assert_eq!(get(&api, &order).await, order, "nothing was changed");
}

async fn orders_are_cancelled(api: Api) {
    let cancel = |order: &pb::Order| {
        let request = pb::CancelOrderRequest {
            order_id: order.id.clone(),
            ..Default::default()
        };
        let mut orders = api.orders.clone();
        async move { orders.cancel_order(request).await }
    };
    let checkout = api.ready().await;
    let order = api.order(&checkout.id).await.unwrap();
    let cancelled = cancel(&order).await.unwrap().into_inner().order.unwrap();
    assert_eq!(cancelled.status(), OrderStatus::Cancelled);
    cancel(&order).await.unwrap();
    refused(
        api.pay(&order, "a", 4155, PaymentState::Completed).await,
        Code::FailedPrecondition,
        "ORDER_STATUS_NOT_ALLOWED",
    );
    // The cart goes on.
    let next = api.order(&checkout.id).await.unwrap();
    api.pay(&next, "a", 4155, PaymentState::Pending)
        .await
        .unwrap();
    refused(
        cancel(&next).await,
        Code::FailedPrecondition,
        "ORDER_STATUS_NOT_ALLOWED",
    );
    api.pay(&next, "a", 4155, PaymentState::Completed)
        .await
        .unwrap();
    refused(
        cancel(&next).await,
        Code::FailedPrecondition,
        "ORDER_ALREADY_PAID",
    );
}

async fn an_order_that_is_paid_in_part_is_cancelled(api: Api) {
    let order = api.order(&api.ready().await.id).await.unwrap();
    api.pay(&order, "a", 1000, PaymentState::Completed)
        .await
        .unwrap();
    api.pay(&order, "b", 3155, PaymentState::Pending)
        .await
        .unwrap();
    let cancel = pb::CancelOrderRequest {
        order_id: order.id.clone(),
        actor: "ann".into(),
        reason: "it takes too long".into(),
        ..Default::default()
    };
    let early = call!(api.orders, cancel_order, cancel.clone());
    refused(early, Code::FailedPrecondition, "ORDER_STATUS_NOT_ALLOWED");
    let failed = api.pay(&order, "b", 3155, PaymentState::Failed).await;
    assert_eq!(failed.unwrap().status(), OrderStatus::AwaitingPayment);

    let cancelled = call!(api.orders, cancel_order, cancel).unwrap();
    let cancelled = cancelled.order.unwrap();
    assert_eq!(cancelled.status(), OrderStatus::Cancelled);
    assert_eq!(cancelled.payments.len(), 2, "what has moved stays recorded");
    let last = cancelled.history.last().unwrap();
    assert_eq!(
        (
            last.actor.as_str(),
            last.reason.as_str(),
            last.from_status()
        ),
        ("ann", "it takes too long", OrderStatus::AwaitingPayment)
    );
    let refund = pb::UpdateOrderStatusRequest {
        order_id: order.id,
        status: OrderStatus::Refunded.into(),
        ..Default::default()
    };
    let refunded = call!(api.orders, update_order_status, refund).unwrap();
    assert_eq!(refunded.order.unwrap().status(), OrderStatus::Refunded);
}

async fn a_payment_that_fails_after_a_sibling_was_paid(api: Api) {
    let checkout = api.ready().await;
    let late = api.order(&checkout.id).await.unwrap();
    let paid = api.order(&checkout.id).await.unwrap();
    api.pay(&late, "a", 4155, PaymentState::Pending)
        .await
        .unwrap();
    api.pay(&paid, "b", 4155, PaymentState::Completed)
        .await
        .unwrap();
    let failed = api.pay(&late, "a", 4155, PaymentState::Failed).await;
    let failed = failed.unwrap();
    assert_eq!(failed.status(), OrderStatus::Cancelled);
    assert!(failed.status_reason.contains(&paid.id), "{failed:?}");
}

async fn payments_of_nothing_pay_once(api: Api) {
    let checkout = api.ready().await;
    api.certificate("ALL", 10_000).await;
    api.apply_certificate(&checkout.id, "ALL").await.unwrap();
    let order = api.order(&checkout.id).await.unwrap();
    for (reference, state) in [
        ("a", PaymentState::Pending),
        ("b", PaymentState::Pending),
        ("a", PaymentState::Completed),
        ("b", PaymentState::Completed),
    ] {
        api.pay(&order, reference, 0, state).await.unwrap();
    }
    let paid = get(&api, &order).await;
    assert_eq!(paid.status(), OrderStatus::AwaitingFulfillment);
    assert!(paid.paid_time.is_some());
}

async fn orders_are_listed(api: Api) {
    let checkout = api.ready().await;
    let mut numbers = Vec::new();
    for _ in 0..3 {
        numbers.insert(0, api.order(&checkout.id).await.unwrap().number);
    }
    let other = api.order(&api.ready().await.id).await.unwrap();
    let list = |request: pb::ListOrdersRequest| {
        let mut orders = api.orders.clone();
        async move {
            orders
                .list_orders(request)
                .await
                .map(tonic::Response::into_inner)
        }
    };
    let of_checkout = pb::ListOrdersRequest {
        checkout_id: checkout.id.clone(),
        page_size: 2,
        ..Default::default()
    };
    let first = list(of_checkout.clone()).await.unwrap();
    let token = first.next_page_token.clone();
    let second = list(pb::ListOrdersRequest {
        page_token: token,
        ..of_checkout.clone()
    })
    .await
    .unwrap();
    let listed: Vec<_> = first
        .orders
        .iter()
        .chain(&second.orders)
        .map(|order| order.number)
        .collect();
    assert_eq!((listed, second.next_page_token.as_str()), (numbers, ""));
    let all = list(pb::ListOrdersRequest::default()).await.unwrap();
    assert_eq!((all.orders.len(), &all.orders[0]), (4, &other));
    api.pay(&other, "a", 4155, PaymentState::Completed)
        .await
        .unwrap();
    let paid = pb::ListOrdersRequest {
        status: OrderStatus::AwaitingFulfillment.into(),
        ..Default::default()
    };
    let paid = list(paid).await.unwrap();
    assert_eq!((paid.orders.len(), paid.orders[0].payments.len()), (1, 1));
    let bad = pb::ListOrdersRequest {
        page_size: -1,
        page_token: "?".into(),
        status: 99,
        ..Default::default()
    };
    assert_eq!(
        bad_fields(list(bad).await),
        ["page_size", "page_token", "status"]
    );
}

async fn a_repeated_request_creates_one_order(api: Api) {
    let checkout = api.ready().await;
    let request = pb::CreateOrderRequest {
        checkout_id: checkout.id.clone(),
        request_id: Uuid::from_u128(11).to_string(),
        ..Default::default()
    };
    let first = call!(api.orders, create_order, request.clone()).unwrap();
    assert_eq!(
        call!(api.orders, create_order, request.clone()).unwrap(),
        first
    );
    assert_eq!(api.get(&checkout.id).await.order_ids.len(), 1);
    let pay = pb::RecordPaymentRequest {
        order_id: first.order.as_ref().unwrap().id.clone(),
        method: "card".into(),
        reference: "a".into(),
        amount: usd(4155),
        request_id: Uuid::from_u128(12).to_string(),
        ..Default::default()
    };
    let paid = call!(api.orders, record_payment, pay.clone()).unwrap();
    assert_eq!(
        call!(api.orders, record_payment, pay.clone()).unwrap(),
        paid
    );
    let other = pb::RecordPaymentRequest {
        reference: "b".into(),
        ..pay
    };
    refused(
        call!(api.orders, record_payment, other),
        Code::InvalidArgument,
        "REQUEST_ID_REUSED",
    );
    // Also after the cart has ended.
    let again = call!(api.orders, create_order, request)
        .unwrap()
        .order
        .unwrap();
    assert_eq!(again.id, paid.order.unwrap().id);
}

async fn an_order_outlives_its_deleted_cart(api: Api) {
    let checkout = api.ready().await;
    let order = api.order(&checkout.id).await.unwrap();
    let delete = pb::DeleteCartRequest {
        cart_id: checkout.id.clone(),
        ..Default::default()
    };
    call!(api.carts, delete_cart, delete).unwrap();
    let paid = api
        .pay(&order, "a", 4155, PaymentState::Completed)
        .await
        .unwrap();
    assert_eq!(paid.status(), OrderStatus::AwaitingFulfillment);
}

async fn blank_is_missing(api: Api) {
    let cart = api.cart(vec![item("ebook", 1)]).await;
    let blank = pb::Address {
        last_name: "  ".into(),
        ..address("US")
    };
    api.bill(&cart.id, blank).await;
    let refusal = refused(
        api.order(&cart.id).await,
        Code::FailedPrecondition,
        "CHECKOUT_INCOMPLETE",
    );
    assert_eq!(violations(&refusal), ["BILLING_ADDRESS_INCOMPLETE"]);
}

async fn money_of_a_sibling_is_handed_to_people(api: Api) {
    let checkout = api.ready().await;
    let first = api.order(&checkout.id).await.unwrap();
    let second = api.order(&checkout.id).await.unwrap();
    let third = api.order(&checkout.id).await.unwrap();
    api.pay(&first, "a", 100, PaymentState::Completed)
        .await
        .unwrap();
    api.pay(&third, "c", 100, PaymentState::Pending)
        .await
        .unwrap();
    api.pay(&second, "b", total(&second), PaymentState::Completed)
        .await
        .unwrap();
    let first = get(&api, &first).await;
    assert_eq!(first.status(), OrderStatus::ManualVerificationRequired);
    assert!(first.status_reason.contains(&second.id));
    // Nothing has moved for the third yet.
    let third = get(&api, &third).await;
    assert_eq!(third.status(), OrderStatus::AwaitingPayment);
}

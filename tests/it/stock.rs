//! Stock that the shop counts: what carts can have of it, and what becomes of it with their orders.

use cartwright::rpc::pb::{self, OrderStatus, PaymentState};
use tokio::join;
use tonic::{Code, Status};

use crate::harness::{
    api::{Api, address, call, item, minor, on_every_backend, refused, usd, variant},
    promotion::promotion,
    server::run,
};

mod catalog;

on_every_backend!(
    units_are_reserved_sold_and_returned,
    what_is_reserved_is_renewed_and_lapses,
    what_sibling_orders_hold_ends_with_them,
    a_declined_payment_keeps_the_reservation_for_a_while,
    the_last_unit_goes_to_one_of_two_orders,
    the_last_unit_is_paid_once,
    orders_of_the_same_variants_do_not_block_each_other,
    nothing_is_put_into_a_cart_that_is_not_left,
    an_order_names_each_line_that_it_lacks,
    a_payment_that_comes_too_late_names_what_is_gone,
    gifts_are_given_while_there_are_any,
    an_erased_customer_leaves_what_was_reserved,
);

/// So many tickets at 5.00, which are not shipped; none are not counted.
fn tickets(id: &str, level: Option<i64>) -> pb::Product {
    pb::Product {
        id: id.into(),
        name: format!("The {id}"),
        r#type: pb::ProductType::Digital.into(),
        price: usd(500),
        stock_level: level,
        ..Default::default()
    }
}

/// Shirts of the sizes s and m.
fn shirts(small: Option<i64>, medium: Option<i64>) -> pb::Product {
    let variant = |id: &str, level| pb::Variant {
        id: id.into(),
        stock_level: level,
        ..Default::default()
    };
    pb::Product {
        variants: vec![variant("s", small), variant("m", medium)],
        ..tickets("shirt", None)
    }
}

async fn upsert(api: &Api, products: Vec<pb::Product>) -> Vec<pb::Product> {
    let request = pb::UpsertProductsRequest {
        products,
        ..Default::default()
    };
    let answer = call!(api.catalog, upsert_products, request);
    answer.unwrap().products
}

async fn get(api: &Api, id: &str) -> pb::Product {
    let request = pb::GetProductRequest {
        product_id: id.into(),
    };
    let answer = call!(api.catalog, get_product, request);
    answer.unwrap().product.unwrap()
}

/// Units that are not sold, and those of them that can be ordered.
async fn stock(api: &Api, id: &str) -> (i64, i64) {
    let product = get(api, id).await;
    (
        product.stock_level.unwrap(),
        product.available_stock.unwrap(),
    )
}

/// A cart that lacks nothing for an order.
async fn ready(api: &Api, items: Vec<pb::NewLineItem>) -> pb::Cart {
    let cart = api.cart(items).await;
    api.bill(&cart.id, address("CA")).await;
    cart
}

async fn ordered(api: &Api, id: &str, quantity: i32) -> (pb::Cart, pb::Order) {
    let cart = ready(api, vec![item(id, quantity)]).await;
    let order = api.order(&cart.id).await.unwrap();
    (cart, order)
}

async fn set_quantity(api: &Api, cart: &pb::Cart, quantity: i32) -> Result<(), Status> {
    let request = pb::UpdateLineItemRequest {
        cart_id: cart.id.clone(),
        line_item_id: cart.line_items[0].id.clone(),
        quantity: Some(quantity),
        ..Default::default()
    };
    call!(api.carts, update_line_item, request).map(drop)
}

async fn add(api: &Api, cart_id: &str, line_items: Vec<pb::NewLineItem>) -> Result<(), Status> {
    let request = pb::AddLineItemsRequest {
        cart_id: cart_id.into(),
        line_items,
        ..Default::default()
    };
    call!(api.carts, add_line_items, request).map(drop)
}

async fn pay(
    api: &Api,
    order: &pb::Order,
    reference: &str,
    state: PaymentState,
) -> Result<pb::Order, Status> {
    let outstanding = minor(&order.totals.as_ref().unwrap().outstanding_balance);
    api.pay(order, reference, outstanding, state).await
}

async fn cancel(api: &Api, order: &pb::Order) {
    let request = pb::CancelOrderRequest {
        order_id: order.id.clone(),
        ..Default::default()
    };
    call!(api.orders, cancel_order, request).unwrap();
}

/// Type and subject of each violation.
#[track_caller]
fn violations<T: std::fmt::Debug>(
    answer: Result<T, Status>,
    reason: &str,
) -> Vec<(String, String)> {
    let details = refused(answer, Code::FailedPrecondition, reason);
    let failure = details.precondition_failure().unwrap();
    let violations = failure.violations.iter();
    violations
        .map(|one| (one.r#type.clone(), one.subject.clone()))
        .collect()
}

fn exhausted<const N: usize>(subjects: [&str; N]) -> Vec<(String, String)> {
    let violation = |subject: &str| ("STOCK_EXHAUSTED".to_owned(), subject.to_owned());
    subjects.into_iter().map(violation).collect()
}

/// What of which variant was asked for, and what is left.
#[track_caller]
fn exhausted_metadata<T: std::fmt::Debug>(answer: Result<T, Status>) -> [String; 4] {
    let details = refused(answer, Code::FailedPrecondition, "STOCK_EXHAUSTED");
    let metadata = &details.error_info().unwrap().metadata;
    ["product_id", "variant_id", "requested", "available"].map(|key| metadata[key].clone())
}

async fn units_are_reserved_sold_and_returned(api: Api) {
    upsert(&api, vec![tickets("opera", Some(5))]).await;
    let cart = ready(&api, vec![item("opera", 2)]).await;
    assert_eq!(stock(&api, "opera").await, (5, 5));
    let order = api.order(&cart.id).await.unwrap();
    assert_eq!(stock(&api, "opera").await, (5, 3));
    pay(&api, &order, "a", PaymentState::Pending).await.unwrap();
    assert_eq!(stock(&api, "opera").await, (5, 3));
    for _ in 0..2 {
        pay(&api, &order, "a", PaymentState::Completed)
            .await
            .unwrap();
        assert_eq!(stock(&api, "opera").await, (3, 3));
    }
    api.update_status(&order, OrderStatus::AwaitingPickup)
        .await
        .unwrap();
    assert_eq!(stock(&api, "opera").await, (3, 3));
    for _ in 0..2 {
        api.update_status(&order, OrderStatus::Cancelled)
            .await
            .unwrap();
        assert_eq!(stock(&api, "opera").await, (5, 5));
    }
    api.update_status(&order, OrderStatus::Refunded)
        .await
        .unwrap();
    assert_eq!(stock(&api, "opera").await, (5, 5));
    // Goods that were paid back without being cancelled may be gone; those that had to be looked at are there.
    for (status, left) in [
        (OrderStatus::Refunded, 4),
        (OrderStatus::ManualVerificationRequired, 4),
    ] {
        let (_, order) = ordered(&api, "opera", 1).await;
        pay(&api, &order, "b", PaymentState::Completed)
            .await
            .unwrap();
        api.update_status(&order, status).await.unwrap();
        let cancelled = api.update_status(&order, OrderStatus::Cancelled).await;
        assert_eq!(cancelled.is_ok(), status != OrderStatus::Refunded);
        assert_eq!(stock(&api, "opera").await, (left, left));
    }
}

async fn what_is_reserved_is_renewed_and_lapses(api: Api) {
    upsert(&api, vec![tickets("opera", Some(5))]).await;
    let (cart, order) = ordered(&api, "opera", 2).await;
    api.order(&cart.id).await.unwrap();
    assert_eq!(stock(&api, "opera").await, (5, 3));
    for quantity in [5, 1, 4] {
        set_quantity(&api, &cart, quantity).await.unwrap();
        api.order(&cart.id).await.unwrap();
        assert_eq!(stock(&api, "opera").await, (5, 5 - i64::from(quantity)));
    }
    api.server.lapse(&cart.id).await;
    assert_eq!(stock(&api, "opera").await, (5, 5));
    // The first order takes again what it needs, and not what the later ones did.
    pay(&api, &order, "a", PaymentState::Pending).await.unwrap();
    assert_eq!(stock(&api, "opera").await, (5, 3));
    pay(&api, &order, "a", PaymentState::Completed)
        .await
        .unwrap();
    assert_eq!(stock(&api, "opera").await, (3, 3));
}

async fn what_sibling_orders_hold_ends_with_them(api: Api) {
    upsert(&api, vec![tickets("opera", Some(5))]).await;
    let (cart, first) = ordered(&api, "opera", 3).await;
    pay(&api, &first, "a", PaymentState::Pending).await.unwrap();
    set_quantity(&api, &cart, 1).await.unwrap();
    let second = api.order(&cart.id).await.unwrap();
    assert_eq!(stock(&api, "opera").await, (5, 2), "a payment needs three");
    pay(&api, &second, "b", PaymentState::Completed)
        .await
        .unwrap();
    assert_eq!(stock(&api, "opera").await, (4, 4));
    // What completes too late holds and takes nothing.
    let late = pay(&api, &first, "a", PaymentState::Completed)
        .await
        .unwrap();
    assert_eq!(late.status(), OrderStatus::ManualVerificationRequired);
    assert_eq!(stock(&api, "opera").await, (4, 4));
    api.update_status(&late, OrderStatus::Cancelled)
        .await
        .unwrap();
    assert_eq!(stock(&api, "opera").await, (4, 4));

    let (cart, first) = ordered(&api, "opera", 2).await;
    let second = api.order(&cart.id).await.unwrap();
    cancel(&api, &first).await;
    assert_eq!(stock(&api, "opera").await, (4, 2));
    cancel(&api, &second).await;
    assert_eq!(stock(&api, "opera").await, (4, 4));
    api.order(&cart.id).await.unwrap();
    assert_eq!(stock(&api, "opera").await, (4, 2));
    let request = pb::DeleteCartRequest {
        cart_id: cart.id,
        ..Default::default()
    };
    call!(api.carts, delete_cart, request).unwrap();
    assert_eq!(stock(&api, "opera").await, (4, 4));
}

async fn a_declined_payment_keeps_the_reservation_for_a_while(api: Api) {
    upsert(&api, vec![tickets("opera", Some(5))]).await;
    let (cart, order) = ordered(&api, "opera", 2).await;
    pay(&api, &order, "a", PaymentState::Pending).await.unwrap();
    let declined = pay(&api, &order, "a", PaymentState::Failed).await.unwrap();
    assert_eq!(declined.status(), OrderStatus::Declined);
    assert_eq!(stock(&api, "opera").await, (5, 3));
    api.server.lapse(&cart.id).await;
    assert_eq!(stock(&api, "opera").await, (5, 5));
    cancel(&api, &order).await;
    assert_eq!(stock(&api, "opera").await, (5, 5));
}

async fn the_last_unit_goes_to_one_of_two_orders(api: Api) {
    let other = api.replica().await;
    for _ in 0..50 {
        upsert(&api, vec![tickets("opera", Some(3))]).await;
        let carts = [
            ready(&api, vec![item("opera", 2)]).await,
            ready(&api, vec![item("opera", 2)]).await,
        ];
        let answers = join!(api.order(&carts[0].id), other.order(&carts[1].id));
        let (won, lost, loser) = match answers {
            (Ok(order), lost) => (order, lost, &carts[1]),
            (lost, Ok(order)) => (order, lost, &carts[0]),
            (first, second) => panic!("{first:?} {second:?}"),
        };
        assert!(lost.as_ref().unwrap_err().message().contains("1 of"));
        assert_eq!(
            violations(lost, "CHECKOUT_INCOMPLETE"),
            exhausted([&loser.line_items[0].id])
        );
        assert_eq!(stock(&api, "opera").await, (3, 1));
        pay(&api, &won, "a", PaymentState::Completed).await.unwrap();
        assert_eq!(stock(&other, "opera").await, (1, 1));
    }
}

async fn the_last_unit_is_paid_once(api: Api) {
    let other = api.replica().await;
    upsert(&api, vec![tickets("opera", Some(100))]).await;
    let mut pairs = Vec::new();
    for _ in 0..20 {
        let (one, first) = ordered(&api, "opera", 1).await;
        let (two, second) = ordered(&api, "opera", 1).await;
        pairs.push((first, second));
        join!(api.server.lapse(&one.id), api.server.lapse(&two.id));
    }
    assert_eq!(stock(&api, "opera").await, (100, 100));
    for (first, second) in pairs {
        upsert(&api, vec![tickets("opera", Some(1))]).await;
        let state = PaymentState::Completed;
        let answers = join!(
            pay(&api, &first, "a", state),
            pay(&other, &second, "a", state)
        );
        let (lost, loser) = match answers {
            (Ok(_), lost) => (lost, second),
            (lost, Ok(_)) => (lost, first),
            (first, second) => panic!("{first:?} {second:?}"),
        };
        let line = &loser.line_items[0].id;
        assert_eq!(violations(lost, "STOCK_EXHAUSTED"), exhausted([line]));
        assert_eq!(stock(&api, "opera").await, (0, 0));
    }
}

async fn orders_of_the_same_variants_do_not_block_each_other(api: Api) {
    let other = api.replica().await;
    upsert(
        &api,
        vec![
            shirts(Some(200), Some(200)),
            tickets("opera", Some(200)),
            tickets("ballet", Some(200)),
        ],
    )
    .await;
    let mut items = vec![
        item("opera", 1),
        variant("shirt", "m", 1),
        variant("shirt", "s", 1),
        item("ballet", 1),
    ];
    for _ in 0..20 {
        let first = ready(&api, items.clone()).await;
        items.reverse();
        let second = ready(&api, items.clone()).await;
        let keep = pb::UpsertProductsRequest {
            products: vec![shirts(None, None), tickets("opera", None)],
            keep_stock: true,
            ..Default::default()
        };
        let (first, second, kept) = join!(api.order(&first.id), other.order(&second.id), async {
            call!(api.catalog, upsert_products, keep)
        });
        kept.unwrap();
        let (first, second) = (first.unwrap(), second.unwrap());
        let state = PaymentState::Completed;
        let (first, second) = join!(
            pay(&api, &first, "a", state),
            pay(&other, &second, "a", state)
        );
        first.unwrap();
        second.unwrap();
    }
    for id in ["opera", "ballet"] {
        assert_eq!(stock(&api, id).await, (160, 160));
    }
    for variant in get(&api, "shirt").await.variants {
        assert_eq!(
            (variant.stock_level, variant.available_stock),
            (Some(160), Some(160))
        );
    }
}

async fn nothing_is_put_into_a_cart_that_is_not_left(api: Api) {
    let other = api.replica().await;
    let products = vec![shirts(Some(1), Some(3)), tickets("opera", Some(0))];
    upsert(&api, products).await;
    let request = pb::CreateCartRequest {
        line_items: vec![
            variant("shirt", "m", 2),
            item("poster", 1),
            variant("shirt", "s", 2),
            variant("shirt", "m", 2),
            item("opera", 1),
        ],
        ..Default::default()
    };
    let answer = call!(api.carts, create_cart, request);
    let message = answer.as_ref().unwrap_err().message().to_owned();
    assert!(message.contains("3 of \"The shirt\" (m) are left, not 4: lower the quantity"));
    assert!(message.contains("1 of \"The shirt\" (s) are left, not 2: lower the quantity"));
    assert!(message.contains("none of \"The opera\" is left: remove it"));
    assert_eq!(
        violations(answer, "STOCK_EXHAUSTED"),
        exhausted([
            "line_items[0]",
            "line_items[2]",
            "line_items[3]",
            "line_items[4]"
        ])
    );

    let cart = ready(&api, vec![variant("shirt", "m", 2)]).await;
    add(&api, &cart.id, vec![item("poster", 1)]).await.unwrap();
    let more = add(&api, &cart.id, vec![variant("shirt", "m", 2)]).await;
    assert_eq!(exhausted_metadata(more), ["shirt", "m", "4", "3"]);
    set_quantity(&api, &cart, 3).await.unwrap();
    let more = set_quantity(&api, &cart, 4).await;
    assert_eq!(
        violations(more, "STOCK_EXHAUSTED"),
        exhausted([&cart.line_items[0].id])
    );

    // What its own orders hold can be had, what others hold cannot, on any replica at once.
    let mine = ready(&api, vec![variant("shirt", "m", 2)]).await;
    api.order(&mine.id).await.unwrap();
    set_quantity(&other, &mine, 3).await.unwrap();
    let more = add(&other, &cart.id, vec![variant("shirt", "m", 1)]).await;
    assert_eq!(exhausted_metadata(more), ["shirt", "m", "4", "1"]);
    // Fewer are still too many; other lines are not in the way of anything else.
    let fewer = set_quantity(&other, &cart, 2).await;
    assert_eq!(exhausted_metadata(fewer), ["shirt", "m", "2", "1"]);
    set_quantity(&other, &cart, 1).await.unwrap();
    add(&other, &cart.id, vec![variant("shirt", "s", 1)])
        .await
        .unwrap();
}

async fn an_order_names_each_line_that_it_lacks(api: Api) {
    let products = vec![
        shirts(Some(5), Some(5)),
        tickets("opera", Some(5)),
        tickets("ballet", Some(5)),
    ];
    upsert(&api, products).await;
    let mut items = vec![
        variant("shirt", "s", 2),
        variant("shirt", "m", 2),
        item("opera", 2),
        item("ballet", 2),
    ];
    // A second line of the same variant, which belongs to the first.
    let cart = api.cart(items.clone()).await;
    let child = pb::NewLineItem {
        parent_id: cart.line_items[0].id.clone(),
        ..variant("shirt", "s", 1)
    };
    add(&api, &cart.id, vec![child]).await.unwrap();
    let lines = api.get(&cart.id).await.cart.unwrap().line_items;
    items.retain(|item| item.product_id != "ballet");
    for item in &mut items {
        item.quantity = 4;
    }
    items[0].quantity = 3;
    let taken = ready(&api, items).await;
    api.order(&taken.id).await.unwrap();

    let order = api.order(&cart.id).await;
    let mut found = violations(order, "CHECKOUT_INCOMPLETE");
    found.retain(|(reason, _)| reason == "STOCK_EXHAUSTED");
    let expected = [0, 1, 2, 4].map(|index| lines[index].id.as_str());
    assert_eq!(found, exhausted(expected));
    api.server.lapse(&taken.id).await;
    api.bill(&cart.id, address("CA")).await;
    api.order(&cart.id).await.unwrap();
    let shirt = get(&api, "shirt").await;
    let left: Vec<_> = shirt.variants.iter().map(|v| v.available_stock).collect();
    assert_eq!(left, [Some(2), Some(3)]);
    assert_eq!(stock(&api, "ballet").await, (5, 3));
}

async fn a_payment_that_comes_too_late_names_what_is_gone(api: Api) {
    upsert(
        &api,
        vec![tickets("opera", Some(2)), tickets("ballet", Some(9))],
    )
    .await;
    let cart = ready(&api, vec![item("opera", 2), item("ballet", 2)]).await;
    let order = api.order(&cart.id).await.unwrap();
    api.server.lapse(&cart.id).await;
    let (_, other) = ordered(&api, "opera", 1).await;
    for state in [PaymentState::Pending, PaymentState::Completed] {
        let late = pay(&api, &order, "a", state).await;
        assert_eq!(exhausted_metadata(late), ["opera", "", "2", "1"]);
        assert_eq!(stock(&api, "ballet").await, (9, 9), "all or nothing");
    }
    cancel(&api, &other).await;
    pay(&api, &order, "a", PaymentState::Completed)
        .await
        .unwrap();
    assert_eq!(stock(&api, "opera").await, (0, 0));
    assert_eq!(stock(&api, "ballet").await, (7, 7));
}

async fn gifts_are_given_while_there_are_any(api: Api) {
    upsert(
        &api,
        vec![tickets("opera", None), tickets("program", Some(3))],
    )
    .await;
    let gift = promotion(serde_json::json!({
        "name": "A program with each opera",
        "rules": [{
            "condition": { "cart": { "items": { "products": { "ids": ["opera"] } }, "minimum_quantity": 1 } },
            "action": { "gift_item": { "product_id": "program", "quantity": 2 } },
        }],
    }));
    api.create_promotion(gift).await.unwrap();
    let lines = |cart: &pb::Cart| {
        let lines = cart.line_items.iter();
        lines
            .map(|line| (line.product_id.clone(), line.quantity))
            .collect::<Vec<_>>()
    };
    let (opera, program) = (("opera".to_owned(), 1), ("program".to_owned(), 2));
    let cart = ready(&api, vec![item("opera", 1)]).await;
    assert_eq!(lines(&cart), [opera.clone(), program.clone()]);
    let late = ready(&api, vec![item("opera", 1)]).await;
    assert_eq!(lines(&late), [opera.clone(), program]);
    api.order(&cart.id).await.unwrap();
    assert_eq!(stock(&api, "program").await, (3, 1));

    // One is left, which is not what the promotion gives; it is told before it is ordered.
    let refused = api.order(&late.id).await.unwrap_err();
    assert!(refused.message().contains("not given any more"));
    let checkout = api.get(&late.id).await;
    assert_eq!(
        lines(checkout.cart.as_ref().unwrap()),
        std::slice::from_ref(&opera)
    );
    let code = pb::CheckoutMessageCode::GiftUnavailable;
    assert!(checkout.messages.iter().any(|told| told.code() == code));
    api.order(&late.id).await.unwrap();

    // Who buys the last one gets it, and no gift.
    let bought = ready(&api, vec![item("opera", 1), item("program", 1)]).await;
    assert_eq!(lines(&bought), [opera, ("program".to_owned(), 1)]);
    api.order(&bought.id).await.unwrap();
    assert_eq!(stock(&api, "program").await, (3, 0));
}

async fn an_erased_customer_leaves_what_was_reserved(api: Api) {
    upsert(&api, vec![tickets("opera", Some(5))]).await;
    let request = pb::CreateCartRequest {
        customer_id: "somebody".into(),
        line_items: vec![item("opera", 2)],
        ..Default::default()
    };
    let created = call!(api.carts, create_cart, request).unwrap();
    let cart = created.cart.unwrap();
    api.bill(&cart.id, address("CA")).await;
    api.order(&cart.id).await.unwrap();
    let url = api.server.database_url();
    let arguments = ["erase-customer", "somebody", "--database-url", url];
    assert!(run(&arguments, &[]).status.success());
    assert_eq!(stock(&api, "opera").await, (5, 3));
    api.server.lapse(&cart.id).await;
    assert_eq!(stock(&api, "opera").await, (5, 5));
}

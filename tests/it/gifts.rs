//! Gifts of promotions: lines that come and go with the condition.

use cartwright::rpc::pb::{self, CheckoutMessageCode};
use serde_json::json;
use tonic::Code;

use crate::harness::{
    api::{Api, address, call, details, item, minor, on_every_backend, refused},
    promotion::promotion,
};

on_every_backend!(
    a_gift_comes_and_goes_with_its_condition,
    every_twenty_dollars_another_one,
    a_gift_travels_with_the_first_consignment,
    a_gift_that_cannot_be_had_is_told,
    nobody_else_changes_a_gift,
    a_gift_satisfies_no_condition_and_is_not_discounted,
    an_order_keeps_its_gifts,
    a_gift_that_went_is_told_before_the_order,
);

/// A sticker for every `dollars` spent, once or as often as they are.
fn sticker(dollars: i64, once: bool) -> pb::Promotion {
    promotion(json!({
        "name": "A sticker for you",
        "rules": [{
            "condition": { "cart": { "minimum_spend": {
                "currency_code": "USD", "amount_minor": dollars * 100,
            } } },
            "action": { "gift_item": { "product_id": "sticker" } },
            "apply_once": once,
        }],
    }))
}

/// Product, units and what they come to of each line that a promotion added.
fn gifts(cart: &pb::Cart) -> Vec<(&str, i32, i64)> {
    let added = cart
        .line_items
        .iter()
        .filter(|line| line.added_by_promotion);
    added
        .map(|line| {
            let price = minor(&line.extended_sale_price);
            (line.product_id.as_str(), line.quantity, price)
        })
        .collect()
}

fn codes(checkout: &pb::Checkout) -> Vec<CheckoutMessageCode> {
    let messages = checkout.messages.iter();
    messages.map(pb::CheckoutMessage::code).collect()
}

async fn set_quantity(api: &Api, cart: &pb::Cart, quantity: i32) -> pb::Checkout {
    let request = pb::UpdateLineItemRequest {
        cart_id: cart.id.clone(),
        line_item_id: cart.line_items[0].id.clone(),
        quantity: Some(quantity),
        ..Default::default()
    };
    call!(api.carts, update_line_item, request).unwrap();
    api.get(&cart.id).await
}

async fn a_gift_comes_and_goes_with_its_condition(api: Api) {
    let gift = api.create_promotion(sticker(60, true)).await.unwrap();
    let cart = api.cart(vec![item("poster", 1)]).await;
    assert_eq!(gifts(&cart), []);

    let checkout = set_quantity(&api, &cart, 2).await;
    let changed = checkout.cart.as_ref().unwrap();
    assert_eq!(gifts(changed), [("sticker", 1, 0)]);
    assert_eq!(codes(&checkout), [CheckoutMessageCode::GiftAdded]);
    let line = &changed.line_items[1];
    assert_eq!(line.promotion_id, gift.id);
    assert!(!line.mutable && line.requires_shipping);
    // It is worth 2.00, and costs nothing.
    assert_eq!(
        (minor(&line.original_price), minor(&line.list_price)),
        (200, 0)
    );
    assert_eq!(minor(&changed.base_amount), 2 * 3195);

    let checkout = set_quantity(&api, &cart, 3).await;
    assert_eq!(checkout.cart.as_ref().unwrap().line_items[1].id, line.id);
    assert_eq!(codes(&checkout), []);

    let checkout = set_quantity(&api, &cart, 1).await;
    assert_eq!(gifts(checkout.cart.as_ref().unwrap()), []);
    assert_eq!(codes(&checkout), [CheckoutMessageCode::GiftRemoved]);
}

async fn every_twenty_dollars_another_one(api: Api) {
    api.create_promotion(sticker(20, false)).await.unwrap();
    // Each poster is a set of its own: 31.95 is more than 20.00.
    let cart = api.cart(vec![item("poster", 3)]).await;
    assert_eq!(gifts(&cart), [("sticker", 3, 0)]);
    let checkout = set_quantity(&api, &cart, 2).await;
    assert_eq!(gifts(checkout.cart.as_ref().unwrap()), [("sticker", 2, 0)]);
    assert_eq!(codes(&checkout), [CheckoutMessageCode::GiftRemoved]);
}

async fn a_gift_travels_with_the_first_consignment(api: Api) {
    let gift = promotion(json!({
        "name": "A lamp for two posters",
        "rules": [{
            "condition": { "cart": { "minimum_quantity": 2 } },
            "action": { "gift_item": { "product_id": "lamp" } },
        }],
    }));
    api.create_promotion(gift).await.unwrap();
    let cart = api.cart(vec![item("poster", 2)]).await;
    let (poster, lamp) = (&cart.line_items[0].id, &cart.line_items[1].id);
    api.consign(&cart.id, address("US"), &[(poster, 1)]).await;
    let checkout = api.consign(&cart.id, address("US"), &[(poster, 1)]).await;
    let items = |at: usize| {
        let items = checkout.consignments[at].line_items.iter();
        items
            .map(|item| (item.line_item_id.as_str(), item.quantity))
            .collect::<Vec<_>>()
    };
    assert_eq!(items(0), [(poster.as_str(), 1), (lamp.as_str(), 1)]);
    assert_eq!(items(1), [(poster.as_str(), 1)]);

    let without = pb::UpdateConsignmentRequest {
        checkout_id: cart.id.clone(),
        consignment_id: checkout.consignments[0].id.clone(),
        update: Some(pb::update_consignment_request::Update::Details(details(
            address("US"),
            &[(poster, 1)],
        ))),
        ..Default::default()
    };
    let answer = call!(api.consignments, update_consignment, without).unwrap();
    let first = &answer.checkout.unwrap().consignments[0];
    assert_eq!(first.line_items.len(), 2, "it is put back into the first");

    let fewer = set_quantity(&api, &cart, 1).await;
    let left = &fewer.consignments[0].line_items;
    assert_eq!(left.len(), 1, "the lamp went, and its units: {left:?}");
}

async fn a_gift_that_cannot_be_had_is_told(api: Api) {
    let gift = promotion(json!({
        "name": "A ghost",
        "rules": [{ "action": { "gift_item": { "product_id": "ghost" } } }],
    }));
    let gift = api.create_promotion(gift).await.unwrap();
    let cart = api.cart(vec![item("poster", 1)]).await;
    assert_eq!(gifts(&cart), []);
    let checkout = api.get(&cart.id).await;
    let [message] = checkout.messages.as_slice() else {
        panic!("one message: {:?}", checkout.messages)
    };
    assert_eq!(message.code(), CheckoutMessageCode::GiftUnavailable);
    assert_eq!(message.subject, gift.id);
}

async fn nobody_else_changes_a_gift(api: Api) {
    api.create_promotion(sticker(1, true)).await.unwrap();
    let cart = api.cart(vec![item("poster", 1)]).await;
    let gift = cart.line_items[1].id.clone();
    let update = pb::UpdateLineItemRequest {
        cart_id: cart.id.clone(),
        line_item_id: gift.clone(),
        quantity: Some(5),
        ..Default::default()
    };
    let answer = call!(api.carts, update_line_item, update);
    refused(answer, Code::FailedPrecondition, "LINE_ITEM_NOT_MUTABLE");
    let delete = pb::DeleteLineItemRequest {
        cart_id: cart.id.clone(),
        line_item_id: gift,
        ..Default::default()
    };
    let answer = call!(api.carts, delete_line_item, delete.clone());
    refused(answer, Code::FailedPrecondition, "LINE_ITEM_NOT_MUTABLE");
    // With the last line that is no gift the cart goes.
    let last = pb::DeleteLineItemRequest {
        line_item_id: cart.line_items[0].id.clone(),
        ..delete
    };
    let answer = call!(api.carts, delete_line_item, last).unwrap();
    assert_eq!(answer.cart, None);
}

async fn a_gift_satisfies_no_condition_and_is_not_discounted(api: Api) {
    api.create_promotion(sticker(1, true)).await.unwrap();
    let two = promotion(json!({
        "name": "10 % off two or more",
        "priority": 5,
        "rules": [{
            "condition": { "cart": { "minimum_quantity": 2 } },
            "action": { "cart_value": { "discount": { "percentage_amount": "10" } } },
        }],
    }));
    api.create_promotion(two).await.unwrap();
    let cart = api.cart(vec![item("poster", 1)]).await;
    assert_eq!(gifts(&cart), [("sticker", 1, 0)]);
    assert_eq!(minor(&cart.discount_amount), 0);
}

async fn an_order_keeps_its_gifts(api: Api) {
    let gift = api.create_promotion(sticker(1, true)).await.unwrap();
    let checkout = api.ready().await;
    let order = api.order(&checkout.id).await.unwrap();
    let given = order
        .line_items
        .iter()
        .filter(|line| line.added_by_promotion);
    assert_eq!(given.count(), 1);
    let delete = pb::DeletePromotionRequest {
        promotion_id: gift.id,
        ..Default::default()
    };
    call!(api.promotions, delete_promotion, delete).unwrap();
    let get = pb::GetOrderRequest {
        by: Some(pb::get_order_request::By::OrderId(order.id.clone())),
    };
    let again = call!(api.orders, get_order, get).unwrap().order.unwrap();
    assert_eq!(again.line_items, order.line_items);
}

async fn a_gift_that_went_is_told_before_the_order(api: Api) {
    let gift = api.create_promotion(sticker(1, true)).await.unwrap();
    let checkout = api.ready().await;
    let delete = pb::DeletePromotionRequest {
        promotion_id: gift.id,
        ..Default::default()
    };
    call!(api.promotions, delete_promotion, delete).unwrap();
    let answer = api.order(&checkout.id).await;
    refused(answer, Code::FailedPrecondition, "PRICE_CHANGED");
    let order = api.order(&checkout.id).await.unwrap();
    assert!(order.line_items.iter().all(|line| !line.added_by_promotion));
}

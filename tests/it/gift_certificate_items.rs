//! Gift certificates as goods: lines of a cart that buy them.

use cartwright::rpc::pb;
use tonic::{Code, Status};
use uuid::Uuid;

use crate::harness::api::{
    Api, address, bad_fields, call, custom, details, item, minor, on_every_backend,
    percentage_coupon, refused, usd,
};

on_every_backend!(
    each_is_a_line_of_its_own,
    never_discounted_nor_taxed,
    ordered_without_a_consignment,
    worth_one_to_a_thousand_of_the_currency,
    what_is_wrong_with_one,
    a_hundred_items_of_all_kinds_in_a_call,
    not_updated_not_shipped_but_removed,
    they_bind_the_currency,
    repeated_and_stale_requests,
);

fn party(name: &str) -> Option<pb::GiftCertificateParty> {
    Some(pb::GiftCertificateParty {
        name: name.into(),
        email: format!("{name}@example.com"),
    })
}

fn money(code: &str, amount_minor: i64) -> Option<pb::Money> {
    Some(pb::Money {
        currency_code: code.into(),
        amount_minor,
    })
}

fn worth(amount: Option<pb::Money>) -> pb::NewGiftCertificateItem {
    pb::NewGiftCertificateItem {
        amount,
        sender: party("ada"),
        recipient: party("bob"),
        theme: "birthday".into(),
        message: "Many happy\nreturns".into(),
        name: String::new(),
    }
}

fn creation(gift_certificates: Vec<pb::NewGiftCertificateItem>) -> pb::CreateCartRequest {
    pb::CreateCartRequest {
        gift_certificates,
        ..Default::default()
    }
}

async fn create(api: &Api, request: pb::CreateCartRequest) -> Result<pb::Cart, Status> {
    Ok(call!(api.carts, create_cart, request)?.cart.unwrap())
}

async fn each_is_a_line_of_its_own(api: Api) {
    let birthday = pb::NewGiftCertificateItem {
        name: "Birthday card".into(),
        ..worth(usd(5_000))
    };
    let cart = create(&api, creation(vec![worth(usd(5_000)), birthday])).await;
    let cart = cart.unwrap();
    let request = pb::AddLineItemsRequest {
        cart_id: cart.id.clone(),
        gift_certificates: vec![worth(usd(5_000))],
        ..Default::default()
    };
    let cart = call!(api.carts, add_line_items, request)
        .unwrap()
        .cart
        .unwrap();
    let names: Vec<_> = cart
        .line_items
        .iter()
        .map(|line| line.name.as_str())
        .collect();
    assert_eq!(
        names,
        ["Gift certificate", "Birthday card", "Gift certificate"]
    );
    let line = &cart.line_items[0];
    assert_eq!(line.kind(), pb::LineItemKind::GiftCertificate);
    assert_eq!(
        (
            line.quantity,
            line.mutable,
            line.taxable,
            line.requires_shipping
        ),
        (1, false, false, false)
    );
    assert_eq!(
        (minor(&line.list_price), minor(&line.extended_sale_price)),
        (5_000, 5_000)
    );
    assert_eq!(
        line.gift_certificate,
        Some(pb::GiftCertificateItem {
            theme: "birthday".into(),
            amount: usd(5_000),
            sender: party("ada"),
            recipient: party("bob"),
            message: "Many happy\nreturns".into(),
        })
    );
    assert_eq!(minor(&cart.base_amount), 15_000);
}

async fn never_discounted_nor_taxed(api: Api) {
    api.coupon(percentage_coupon("HALF", "50")).await;
    let request = pb::CreateCartRequest {
        line_items: vec![item("ebook", 1)],
        ..creation(vec![worth(usd(5_000))])
    };
    let cart = create(&api, request).await.unwrap();
    api.bill(&cart.id, address("US")).await;
    let checkout = api.apply(&cart.id, "HALF").await.unwrap();
    let [ebook, certificate] = checkout.cart.unwrap().line_items.try_into().unwrap();
    assert_eq!(
        (minor(&ebook.coupon_amount), minor(&ebook.tax_amount)),
        (250, 10)
    );
    assert_eq!(
        (
            minor(&certificate.coupon_amount),
            minor(&certificate.tax_amount),
            minor(&certificate.extended_sale_price)
        ),
        (0, 0, 5_000)
    );
    assert_eq!(minor(&checkout.totals.unwrap().grand_total), 5_260);
}

async fn ordered_without_a_consignment(api: Api) {
    let cart = create(&api, creation(vec![worth(usd(2_500))])).await;
    let cart = cart.unwrap();
    api.bill(&cart.id, address("US")).await;
    let order = api.order(&cart.id).await.unwrap();
    assert_eq!(order.line_items, cart.line_items);
    assert_eq!(minor(&order.totals.as_ref().unwrap().grand_total), 2_500);
    let paid = api
        .pay(&order, "ch_1", 2_500, pb::PaymentState::Completed)
        .await
        .unwrap();
    assert_eq!(paid.status(), pb::OrderStatus::AwaitingFulfillment);
}

async fn worth_one_to_a_thousand_of_the_currency(api: Api) {
    for (code, unit) in [("USD", 100), ("EUR", 100), ("JPY", 1)] {
        let of = |amount| pb::CreateCartRequest {
            currency_code: code.into(),
            ..creation(vec![worth(money(code, amount))])
        };
        for amount in [unit, 1_000 * unit] {
            let cart = create(&api, of(amount)).await.unwrap();
            assert_eq!(minor(&cart.base_amount), amount);
        }
        for amount in [-1, 0, unit - 1, 1_000 * unit + 1, i64::MAX] {
            assert_eq!(
                bad_fields(create(&api, of(amount)).await),
                ["gift_certificates[0].amount.amount_minor"],
                "{amount} {code}"
            );
        }
    }
}

async fn what_is_wrong_with_one(api: Api) {
    let nobody = pb::GiftCertificateParty {
        name: " ".into(),
        email: "nobody".into(),
    };
    let wrong = pb::NewGiftCertificateItem {
        amount: None,
        sender: None,
        recipient: Some(nobody),
        theme: "t".repeat(256),
        message: "é".repeat(201),
        name: "n".repeat(256),
    };
    let mut fields = bad_fields(create(&api, creation(vec![wrong])).await);
    fields.sort();
    assert_eq!(
        fields,
        [
            "gift_certificates[0].amount",
            "gift_certificates[0].message",
            "gift_certificates[0].name",
            "gift_certificates[0].recipient.email",
            "gift_certificates[0].recipient.name",
            "gift_certificates[0].sender",
            "gift_certificates[0].theme",
        ]
    );
    let unnamed = pb::NewGiftCertificateItem {
        sender: Some(pb::GiftCertificateParty::default()),
        ..worth(usd(100))
    };
    assert_eq!(
        bad_fields(create(&api, creation(vec![worth(usd(100)), unnamed])).await),
        [
            "gift_certificates[1].sender.name",
            "gift_certificates[1].sender.email"
        ]
    );
    let longest = pb::NewGiftCertificateItem {
        message: "é".repeat(200),
        ..worth(usd(100))
    };
    create(&api, creation(vec![longest])).await.unwrap();
}

async fn a_hundred_items_of_all_kinds_in_a_call(api: Api) {
    let of = |certificates: usize| pb::CreateCartRequest {
        line_items: vec![item("poster", 1); 40],
        custom_items: vec![custom("Thing", 1, 100); 30],
        ..creation(vec![worth(usd(100)); certificates])
    };
    assert_eq!(bad_fields(create(&api, of(31)).await), ["line_items"]);
    let cart = create(&api, of(30)).await.unwrap();
    assert_eq!(cart.line_items.len(), 1 + 30 + 30);
    let request = pb::AddLineItemsRequest {
        cart_id: cart.id,
        gift_certificates: vec![worth(usd(100)); 101],
        ..Default::default()
    };
    assert_eq!(
        bad_fields(call!(api.carts, add_line_items, request)),
        ["line_items"]
    );
}

async fn not_updated_not_shipped_but_removed(api: Api) {
    let cart = create(&api, creation(vec![worth(usd(100)), worth(usd(200))])).await;
    let cart = cart.unwrap();
    let [first, second] = [&cart.line_items[0].id, &cart.line_items[1].id];
    let update = pb::UpdateLineItemRequest {
        cart_id: cart.id.clone(),
        line_item_id: first.clone(),
        quantity: Some(2),
        ..Default::default()
    };
    refused(
        call!(api.carts, update_line_item, update),
        Code::FailedPrecondition,
        "LINE_ITEM_NOT_MUTABLE",
    );
    let consignment = pb::AddConsignmentsRequest {
        checkout_id: cart.id.clone(),
        consignments: vec![details(address("US"), &[(first, 1)])],
        ..Default::default()
    };
    refused(
        call!(api.consignments, add_consignments, consignment),
        Code::FailedPrecondition,
        "LINE_ITEM_NOT_SHIPPABLE",
    );
    let delete = |line_item_id: &str| pb::DeleteLineItemRequest {
        cart_id: cart.id.clone(),
        line_item_id: line_item_id.into(),
        ..Default::default()
    };
    let left = call!(api.carts, delete_line_item, delete(first)).unwrap();
    assert_eq!(left.cart.unwrap().line_items.len(), 1);
    let none = call!(api.carts, delete_line_item, delete(second)).unwrap();
    assert_eq!(none.cart, None);
    let gone = pb::GetCartRequest {
        cart_id: cart.id.clone(),
    };
    refused(
        call!(api.carts, get_cart, gone),
        Code::NotFound,
        "CART_DELETED",
    );
}

async fn they_bind_the_currency(api: Api) {
    let cart = api.cart(vec![item("poster", 1)]).await;
    let add = |amount| pb::AddLineItemsRequest {
        cart_id: cart.id.clone(),
        gift_certificates: vec![worth(amount)],
        ..Default::default()
    };
    assert_eq!(
        bad_fields(call!(api.carts, add_line_items, add(money("EUR", 100)))),
        ["gift_certificates[0].amount.currency_code"]
    );
    call!(api.carts, add_line_items, add(usd(100))).unwrap();
    let request = pb::UpdateCartRequest {
        cart_id: cart.id.clone(),
        currency_code: "EUR".into(),
        ..Default::default()
    };
    refused(
        call!(api.carts, update_cart, request),
        Code::FailedPrecondition,
        "CURRENCY_NOT_CHANGEABLE",
    );
}

async fn repeated_and_stale_requests(api: Api) {
    let cart = api.cart(vec![item("poster", 1)]).await;
    let adding = pb::AddLineItemsRequest {
        cart_id: cart.id,
        gift_certificates: vec![worth(usd(100))],
        request_id: Uuid::from_u128(1).to_string(),
        expected_version: Some(1),
        ..Default::default()
    };
    let added = call!(api.carts, add_line_items, adding.clone()).unwrap();
    assert_eq!(
        call!(api.carts, add_line_items, adding.clone()).unwrap(),
        added
    );
    let other = pb::AddLineItemsRequest {
        gift_certificates: vec![worth(usd(200))],
        ..adding.clone()
    };
    refused(
        call!(api.carts, add_line_items, other),
        Code::InvalidArgument,
        "REQUEST_ID_REUSED",
    );
    let stale = pb::AddLineItemsRequest {
        request_id: String::new(),
        ..adding
    };
    refused(
        call!(api.carts, add_line_items, stale),
        Code::Aborted,
        "VERSION_MISMATCH",
    );
}

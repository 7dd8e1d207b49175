//! Bad input of every kind is refused with the field and the limit, all violations at once, and changes nothing.

use cartwright::rpc::pb;
use tonic::Code;

use crate::harness::api::{
    Api, address, bad_fields, call, custom, details, item, on_every_backend, refused, usd,
};

on_every_backend!(
    ids_and_required_fields,
    every_violation_at_once,
    texts_that_are_too_long,
    amounts,
    unknown_enum_values,
    too_many,
    addresses,
    masks,
);

async fn ids_and_required_fields(api: Api) {
    for cart_id in ["", "nonsense", "0193", "'; drop table checkouts; --"] {
        let request = pb::GetCartRequest {
            cart_id: cart_id.into(),
        };
        assert_eq!(
            bad_fields(call!(api.carts, get_cart, request)),
            ["cart_id"],
            "{cart_id}"
        );
    }
    let request = pb::GetCheckoutRequest::default();
    assert_eq!(
        bad_fields(call!(api.checkouts, get_checkout, request)),
        ["checkout_id"]
    );
    let request = pb::AddBillingAddressRequest {
        checkout_id: "x".into(),
        ..Default::default()
    };
    assert_eq!(
        bad_fields(call!(api.checkouts, add_billing_address, request)),
        ["checkout_id", "address"]
    );
    assert_eq!(
        bad_fields(call!(
            api.orders,
            get_order,
            pb::GetOrderRequest { by: None }
        )),
        ["order_id"]
    );
    let empty = pb::CreateCartRequest::default();
    assert_eq!(
        bad_fields(call!(api.carts, create_cart, empty)),
        ["line_items"]
    );
    let bad_request_id = pb::CreateCartRequest {
        line_items: vec![item("poster", 1)],
        request_id: "seven".into(),
        ..Default::default()
    };
    assert_eq!(
        bad_fields(call!(api.carts, create_cart, bad_request_id)),
        ["request_id"]
    );
}

async fn every_violation_at_once(api: Api) {
    let request = pb::CreateCartRequest {
        line_items: vec![item("", 0), item("poster", 10_000)],
        custom_items: vec![pb::NewCustomItem {
            list_price: None,
            ..custom("", -1, 0)
        }],
        currency_code: "usd".into(),
        email: "nobody".into(),
        request_id: "seven".into(),
        ..Default::default()
    };
    let mut fields = bad_fields(call!(api.carts, create_cart, request));
    fields.sort();
    assert_eq!(
        fields,
        [
            "currency_code",
            "custom_items[0].list_price",
            "custom_items[0].name",
            "custom_items[0].quantity",
            "email",
            "line_items[0].product_id",
            "line_items[0].quantity",
            "line_items[1].quantity",
            "request_id",
        ]
    );
}

async fn texts_that_are_too_long(api: Api) {
    let checkout = api.ready().await;
    let update = |message: String, note: String| pb::UpdateCheckoutRequest {
        checkout_id: checkout.id.clone(),
        customer_message: message,
        staff_note: note,
        ..Default::default()
    };
    let request = update("é".repeat(2_000), "ok".into());
    let changed = call!(api.checkouts, update_checkout, request)
        .unwrap()
        .checkout
        .unwrap();
    assert_eq!(
        (
            changed.customer_message.chars().count(),
            changed.staff_note.as_str()
        ),
        (2_000, "ok")
    );
    let request = update("é".repeat(2_001), "n".repeat(2_001));
    assert_eq!(
        bad_fields(call!(api.checkouts, update_checkout, request)),
        ["customer_message", "staff_note"]
    );
    let request = pb::CreateCartRequest {
        custom_items: vec![custom(&"x".repeat(256), 1, 100)],
        customer_id: "c".repeat(256),
        ..Default::default()
    };
    let mut fields = bad_fields(call!(api.carts, create_cart, request));
    fields.sort();
    assert_eq!(fields, ["custom_items[0].name", "customer_id"]);
}

async fn amounts(api: Api) {
    let priced = |money: Option<pb::Money>| pb::CreateCartRequest {
        custom_items: vec![pb::NewCustomItem {
            list_price: money,
            ..custom("Thing", 9_999, 0)
        }],
        ..Default::default()
    };
    let money = |code: &str, amount_minor| {
        Some(pb::Money {
            currency_code: code.into(),
            amount_minor,
        })
    };
    for (price, field) in [
        (None, "custom_items[0].list_price"),
        (usd(-1), "custom_items[0].list_price.amount_minor"),
        (
            usd(1_000_000_000_001),
            "custom_items[0].list_price.amount_minor",
        ),
        (usd(i64::MIN), "custom_items[0].list_price.amount_minor"),
        (money("", 1), "custom_items[0].list_price.currency_code"),
        (money("US", 1), "custom_items[0].list_price.currency_code"),
        (money("XAU", 1), "custom_items[0].list_price.currency_code"),
        (money("EUR", 1), "custom_items[0].list_price.currency_code"),
    ] {
        assert_eq!(
            bad_fields(call!(api.carts, create_cart, priced(price))),
            [field]
        );
    }
    // Lines that are each within the limits can still be too much together.
    let mut cart = call!(api.carts, create_cart, priced(usd(1_000_000_000_000)))
        .unwrap()
        .cart
        .unwrap();
    let lines = pb::AddLineItemsRequest {
        cart_id: cart.id.clone(),
        custom_items: vec![custom("Thing", 9_999, 1_000_000_000_000); 100],
        ..Default::default()
    };
    let overflow = loop {
        match call!(api.carts, add_line_items, lines.clone()) {
            Ok(answer) => cart = answer.cart.unwrap(),
            Err(status) => break status,
        }
    };
    let reason = tonic_types::StatusExt::get_error_details(&overflow);
    let reason = reason.error_info().unwrap().reason.clone();
    assert!(
        ["AMOUNT_OVERFLOW", "INVALID_FIELDS"].contains(&reason.as_str()),
        "{reason}"
    );
    assert_eq!(
        api.get(&cart.id).await.version,
        cart.version,
        "nothing was changed"
    );
}

async fn unknown_enum_values(api: Api) {
    let checkout = api.ready().await;
    for include in [0, 99, -1] {
        let request = pb::GetCheckoutRequest {
            checkout_id: checkout.id.clone(),
            include: vec![include],
        };
        assert_eq!(
            bad_fields(call!(api.checkouts, get_checkout, request)),
            ["include[0]"]
        );
    }
}

async fn too_many(api: Api) {
    let request = pb::CreateCartRequest {
        line_items: vec![item("poster", 1); 101],
        ..Default::default()
    };
    assert_eq!(
        bad_fields(call!(api.carts, create_cart, request)),
        ["line_items"]
    );
    let request = pb::CreateCartRequest {
        line_items: vec![item("", 0); 10_000],
        ..Default::default()
    };
    let fields = bad_fields(call!(api.carts, create_cart, request));
    assert!(
        fields.contains(&"line_items".to_owned()) && fields.len() <= 101,
        "{}",
        fields.len()
    );
    // 500 lines are allowed, one more is not.
    let thing = |number: usize| custom(&format!("Thing {number}"), 1, 100);
    let cart = api.custom_cart(&[100; 100]).await;
    let add = |count: usize| pb::AddLineItemsRequest {
        cart_id: cart.id.clone(),
        custom_items: (0..count).map(thing).collect(),
        ..Default::default()
    };
    for _ in 0..4 {
        call!(api.carts, add_line_items, add(100)).unwrap();
    }
    assert_eq!(
        bad_fields(call!(api.carts, add_line_items, add(1))),
        ["custom_items[0]"]
    );
    let checkout = api.get(&cart.id).await;
    assert_eq!(checkout.cart.unwrap().line_items.len(), 500);
}

async fn addresses(api: Api) {
    let cart = api.cart(vec![item("poster", 1)]).await;
    for (address, field) in [
        (
            pb::Address {
                country_code: "usa".into(),
                ..address("US")
            },
            "address.country_code",
        ),
        (
            pb::Address {
                country_code: "us".into(),
                ..address("US")
            },
            "address.country_code",
        ),
        (
            pb::Address {
                country_code: "ZZ".into(),
                ..address("US")
            },
            "address.country_code",
        ),
        (
            pb::Address {
                country_code: String::new(),
                ..address("US")
            },
            "address.country_code",
        ),
        (
            pb::Address {
                email: "@".into(),
                ..address("US")
            },
            "address.email",
        ),
        (
            pb::Address {
                city: "x".repeat(256),
                ..address("US")
            },
            "address.city",
        ),
        (
            pb::Address {
                custom_fields: vec![pb::CustomField::default(); 21],
                ..address("US")
            },
            "address.custom_fields",
        ),
    ] {
        let request = pb::AddBillingAddressRequest {
            checkout_id: cart.id.clone(),
            address: Some(address),
            ..Default::default()
        };
        let fields = bad_fields(call!(api.checkouts, add_billing_address, request));
        assert!(
            fields.contains(&field.to_owned()),
            "{field} is not among {fields:?}"
        );
    }
    let first = api.bill(&cart.id, address("US")).await;
    let id = first.billing_address.unwrap().id;
    let again = pb::AddBillingAddressRequest {
        checkout_id: cart.id.clone(),
        address: Some(address("CA")),
        ..Default::default()
    };
    let refusal = refused(
        call!(api.checkouts, add_billing_address, again),
        Code::AlreadyExists,
        "BILLING_ADDRESS_EXISTS",
    );
    assert_eq!(refusal.error_info().unwrap().metadata["address_id"], id);
    let update = |address_id: &str| pb::UpdateBillingAddressRequest {
        checkout_id: cart.id.clone(),
        address_id: address_id.into(),
        address: Some(address("CA")),
        ..Default::default()
    };
    let other = "00000000-0000-0000-0000-000000000000";
    refused(
        call!(api.checkouts, update_billing_address, update(other)),
        Code::NotFound,
        "BILLING_ADDRESS_NOT_FOUND",
    );
    let changed = call!(api.checkouts, update_billing_address, update(&id))
        .unwrap()
        .checkout
        .unwrap();
    let billing = changed.billing_address.unwrap();
    assert_eq!((billing.id, billing.country_code.as_str()), (id, "CA"));
    // A consignment needs a country to be quoted.
    let nowhere = pb::AddConsignmentsRequest {
        checkout_id: cart.id.clone(),
        consignments: vec![details(
            pb::Address::default(),
            &[(&cart.line_items[0].id, 1)],
        )],
        ..Default::default()
    };
    assert_eq!(
        bad_fields(call!(api.consignments, add_consignments, nowhere)),
        ["consignments[0].address.country_code"]
    );
}

async fn masks(api: Api) {
    let cart = api.cart(vec![item("poster", 1)]).await;
    let request = pb::UpdateCartRequest {
        cart_id: cart.id.clone(),
        update_mask: Some(prost_types::FieldMask {
            paths: vec!["line_items".into()],
        }),
        ..Default::default()
    };
    assert_eq!(
        bad_fields(call!(api.carts, update_cart, request)),
        ["update_mask.paths[0]"]
    );
    let request = pb::UpdateCheckoutRequest {
        checkout_id: cart.id.clone(),
        customer_message: "kept out".into(),
        staff_note: "taken".into(),
        update_mask: Some(prost_types::FieldMask {
            paths: vec!["staff_note".into()],
        }),
        ..Default::default()
    };
    let changed = call!(api.checkouts, update_checkout, request)
        .unwrap()
        .checkout
        .unwrap();
    assert_eq!(
        (
            changed.customer_message.as_str(),
            changed.staff_note.as_str()
        ),
        ("", "taken")
    );
}

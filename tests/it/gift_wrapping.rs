//! Gift wrapping: what the store offers, what it costs, and what becomes of it.

use cartwright::rpc::pb::{self, CheckoutMessageCode::GiftWrappingChanged};
use tonic::{Code, Status};
use uuid::Uuid;

use crate::harness::api::{
    Api, bad_fields, call, custom, item, minor, on_every_backend, refused, store, usd,
};

on_every_backend!(
    each_unit_or_all_together,
    taxed_in_its_own_class,
    what_is_not_available,
    what_is_wrong_with_a_request,
    other_wrapping_is_another_line,
    changed_and_taken_off,
    custom_items_are_wrapped_when_they_are_added,
    follows_the_settings,
    an_order_is_refused_when_it_changed,
    in_other_currencies,
    repeated_and_stale_requests,
);

fn option(id: &str, price: i64) -> pb::GiftWrappingOption {
    pb::GiftWrappingOption {
        id: id.into(),
        name: id.to_uppercase(),
        price: usd(price),
        ..Default::default()
    }
}

/// Kraft paper for 2.50 that can be written on, satin for 5.00, plain for nothing, and velvet that is not offered.
fn options() -> Vec<pb::GiftWrappingOption> {
    vec![
        pb::GiftWrappingOption {
            allow_message: true,
            ..option("kraft", 250)
        },
        option("satin", 500),
        pb::GiftWrappingOption {
            price: None,
            ..option("plain", 0)
        },
        pb::GiftWrappingOption {
            disabled: true,
            ..option("velvet", 900)
        },
    ]
}

async fn offer(api: &Api, options: Vec<pb::GiftWrappingOption>) {
    let request = pb::UpdateStoreRequest {
        store: Some(pb::Store {
            gift_wrapping_options: options,
            ..Default::default()
        }),
        update_mask: Some(prost_types::FieldMask {
            paths: vec!["gift_wrapping_options".into()],
        }),
        ..Default::default()
    };
    call!(api.store, update_store, request).unwrap();
}

fn wrap(option_id: &str) -> pb::NewGiftWrapping {
    pb::NewGiftWrapping {
        option_id: option_id.into(),
        ..Default::default()
    }
}

fn written(option_id: &str, message: &str) -> pb::NewGiftWrapping {
    pb::NewGiftWrapping {
        message: message.into(),
        ..wrap(option_id)
    }
}

fn together(option_id: &str) -> pb::NewGiftWrapping {
    pb::NewGiftWrapping {
        wrap_together: true,
        ..wrap(option_id)
    }
}

fn wrapped(item: pb::NewLineItem, wrapping: pb::NewGiftWrapping) -> pb::NewLineItem {
    pb::NewLineItem {
        gift_wrapping: Some(wrapping),
        ..item
    }
}

fn update(cart: &pb::Cart, wrapping: pb::NewGiftWrapping) -> pb::UpdateLineItemRequest {
    pb::UpdateLineItemRequest {
        cart_id: cart.id.clone(),
        line_item_id: cart.line_items[0].id.clone(),
        gift_wrapping: Some(wrapping),
        ..Default::default()
    }
}

async fn rewrap(
    api: &Api,
    cart: &pb::Cart,
    wrapping: pb::NewGiftWrapping,
) -> Result<pb::Cart, Status> {
    let answer = call!(api.carts, update_line_item, update(cart, wrapping))?;
    Ok(answer.cart.unwrap())
}

async fn add(api: &Api, cart: &pb::Cart, line: pb::NewLineItem) -> Result<pb::Cart, Status> {
    let request = pb::AddLineItemsRequest {
        cart_id: cart.id.clone(),
        line_items: vec![line],
        ..Default::default()
    };
    Ok(call!(api.carts, add_line_items, request)?.cart.unwrap())
}

/// Option and amount of each line's wrapping.
fn shown(cart: &pb::Cart) -> Vec<Option<(&str, i64)>> {
    let lines = cart.line_items.iter();
    let wrapping = |line| {
        let wrapping: &pb::GiftWrapping = Option::as_ref(line)?;
        Some((wrapping.option_id.as_str(), minor(&wrapping.amount)))
    };
    lines.map(|line| wrapping(&line.gift_wrapping)).collect()
}

/// The wrapping without and with tax.
fn sums(checkout: &pb::Checkout) -> (i64, i64) {
    let totals = checkout.totals.as_ref().unwrap();
    (
        minor(&totals.gift_wrapping_ex_tax),
        minor(&totals.gift_wrapping_inc_tax),
    )
}

async fn each_unit_or_all_together(api: Api) {
    offer(&api, options()).await;
    let cart = api
        .cart(vec![
            wrapped(item("poster", 2), written("kraft", "For Bob")),
            wrapped(item("lamp", 3), together("satin")),
            wrapped(item("sticker", 1), wrap("plain")),
            item("anvil", 1),
        ])
        .await;
    assert_eq!(
        shown(&cart),
        [
            Some(("kraft", 500)),
            Some(("satin", 500)),
            Some(("plain", 0)),
            None
        ]
    );
    let kraft = cart.line_items[0].gift_wrapping.as_ref().unwrap();
    assert_eq!(
        (
            kraft.name.as_str(),
            kraft.message.as_str(),
            kraft.wrap_together
        ),
        ("KRAFT", "For Bob", false)
    );
    assert!(
        cart.line_items[1]
            .gift_wrapping
            .as_ref()
            .unwrap()
            .wrap_together
    );
    // It is no part of the goods.
    assert_eq!(minor(&cart.base_amount), 6_390 + 4_500 + 200 + 9_000);
    let before = api.get(&cart.id).await;
    assert_eq!(sums(&before), (1_000, 1_000));
    assert_eq!(
        minor(&before.totals.unwrap().grand_total),
        6_390 + 4_500 + 200 + 9_000 + 1_000
    );

    let more = pb::UpdateLineItemRequest {
        quantity: Some(3),
        gift_wrapping: None,
        ..update(&cart, wrap(""))
    };
    let cart = call!(api.carts, update_line_item, more)
        .unwrap()
        .cart
        .unwrap();
    assert_eq!(shown(&cart)[0], Some(("kraft", 750)));
}

async fn taxed_in_its_own_class(api: Api) {
    offer(&api, options()).await;
    let cart = api
        .cart(vec![wrapped(item("poster", 2), wrap("kraft"))])
        .await;
    let checkout = api.make_ready(&cart).await;
    // 4 % as on goods, unless set otherwise.
    assert_eq!(sums(&checkout), (500, 520));
    let totals = checkout.totals.unwrap();
    assert_eq!(
        (minor(&totals.tax_total), minor(&totals.grand_total)),
        (256 + 32 + 20, 6_390 + 800 + 500 + 308)
    );
    let mut settings = store();
    settings.tax_classes.push(pb::TaxClass {
        id: "services".into(),
        name: "Services".into(),
    });
    settings.tax = Some(pb::TaxSettings {
        gift_wrapping_tax_class_id: "services".into(),
        ..Default::default()
    });
    settings.gift_wrapping_options = options();
    let request = pb::UpdateStoreRequest {
        store: Some(settings),
        ..Default::default()
    };
    call!(api.store, update_store, request).unwrap();
    rewrap(&api, &cart, wrap("kraft")).await.unwrap();
    assert_eq!(sums(&api.get(&cart.id).await), (500, 500));
}

async fn what_is_not_available(api: Api) {
    offer(&api, options()).await;
    let cart = api.cart(vec![item("poster", 1)]).await;
    let refusal = |result: Result<pb::Cart, Status>| {
        let refusal = refused(
            result,
            Code::FailedPrecondition,
            "GIFT_WRAPPING_NOT_AVAILABLE",
        );
        let metadata = refusal.error_info().unwrap().metadata.clone();
        [
            metadata["gift_wrapping_option_id"].clone(),
            metadata["available_gift_wrapping_option_ids"].clone(),
        ]
    };
    for (wrapping, available) in [
        (wrap("tissue"), "kraft,satin,plain"),
        (wrap("velvet"), "kraft,satin,plain"),
        (written("satin", "For Bob"), "kraft"),
        (written("velvet", "For Bob"), "kraft"),
    ] {
        let expected = [wrapping.option_id.clone(), available.to_owned()];
        assert_eq!(
            refusal(rewrap(&api, &cart, wrapping.clone()).await),
            expected
        );
        let line = wrapped(item("lamp", 1), wrapping);
        assert_eq!(refusal(add(&api, &cart, line).await), expected);
    }
    // Only what is shipped is wrapped.
    let download = wrapped(item("ebook", 1), wrap("kraft"));
    assert_eq!(refusal(add(&api, &cart, download).await), ["kraft", ""]);
    let ebook = api.cart(vec![item("ebook", 1)]).await;
    assert_eq!(
        refusal(rewrap(&api, &ebook, wrap("kraft")).await),
        ["kraft", ""]
    );
    assert_eq!(api.get(&cart.id).await.version, 1, "nothing was changed");
}

async fn what_is_wrong_with_a_request(api: Api) {
    offer(&api, options()).await;
    let request = pb::CreateCartRequest {
        line_items: vec![
            wrapped(item("poster", 1), wrap("")),
            wrapped(item("poster", 1), written("kraft", &"m".repeat(256))),
        ],
        custom_items: vec![pb::NewCustomItem {
            gift_wrapping: Some(wrap(&"o".repeat(256))),
            ..custom("Thing", 1, 100)
        }],
        ..Default::default()
    };
    assert_eq!(
        bad_fields(call!(api.carts, create_cart, request)),
        [
            "line_items[0].gift_wrapping.option_id",
            "line_items[1].gift_wrapping.message",
            "custom_items[0].gift_wrapping.option_id",
        ]
    );
    let cart = api.cart(vec![item("poster", 1)]).await;
    for wrapping in [written("", "For Bob"), together("")] {
        assert_eq!(
            bad_fields(rewrap(&api, &cart, wrapping).await),
            ["gift_wrapping.option_id"]
        );
    }
    let nothing = pb::UpdateLineItemRequest {
        gift_wrapping: None,
        ..update(&cart, wrap(""))
    };
    assert_eq!(
        bad_fields(call!(api.carts, update_line_item, nothing)),
        ["quantity"]
    );
    let longest = written("kraft", &"m".repeat(255));
    rewrap(&api, &cart, longest).await.unwrap();
}

async fn other_wrapping_is_another_line(api: Api) {
    offer(&api, options()).await;
    let poster = |wrapping| wrapped(item("poster", 1), wrapping);
    let cart = api
        .cart(vec![
            item("poster", 1),
            poster(wrap("kraft")),
            poster(wrap("satin")),
            poster(together("kraft")),
            poster(written("kraft", "For Bob")),
        ])
        .await;
    assert_eq!(cart.line_items.len(), 5);
    // What it costs by now makes no difference.
    offer(&api, vec![options().swap_remove(0), option("satin", 600)]).await;
    let cart = add(&api, &cart, poster(wrap("satin"))).await.unwrap();
    let quantities: Vec<_> = cart.line_items.iter().map(|line| line.quantity).collect();
    assert_eq!(quantities, [1, 1, 2, 1, 1]);
    assert_eq!(shown(&cart)[2], Some(("satin", 1_200)));
}

async fn changed_and_taken_off(api: Api) {
    offer(&api, options()).await;
    let cart = api.cart(vec![item("poster", 2)]).await;
    assert_eq!(shown(&cart), [None]);
    let wrapped = rewrap(&api, &cart, wrap("kraft")).await.unwrap();
    assert_eq!(shown(&wrapped), [Some(("kraft", 500))]);
    let both = pb::UpdateLineItemRequest {
        quantity: Some(3),
        list_price: usd(1_000),
        ..update(&cart, together("satin"))
    };
    let changed = call!(api.carts, update_line_item, both)
        .unwrap()
        .cart
        .unwrap();
    assert_eq!(shown(&changed), [Some(("satin", 500))]);
    assert_eq!(minor(&changed.base_amount), 3_000);
    let plain = rewrap(&api, &cart, wrap("")).await.unwrap();
    assert_eq!(shown(&plain), [None]);
    assert_eq!(sums(&api.get(&cart.id).await), (0, 0));
}

async fn custom_items_are_wrapped_when_they_are_added(api: Api) {
    offer(&api, options()).await;
    let request = pb::CreateCartRequest {
        custom_items: vec![pb::NewCustomItem {
            gift_wrapping: Some(wrap("kraft")),
            ..custom("Thing", 2, 1_000)
        }],
        ..Default::default()
    };
    let cart = call!(api.carts, create_cart, request)
        .unwrap()
        .cart
        .unwrap();
    assert_eq!(shown(&cart), [Some(("kraft", 500))]);
    refused(
        rewrap(&api, &cart, wrap("satin")).await,
        Code::FailedPrecondition,
        "LINE_ITEM_NOT_MUTABLE",
    );
}

async fn follows_the_settings(api: Api) {
    offer(&api, options()).await;
    let cart = api
        .cart(vec![
            wrapped(item("poster", 1), written("kraft", "For Bob")),
            wrapped(item("lamp", 1), wrap("satin")),
            wrapped(item("anvil", 1), wrap("plain")),
        ])
        .await;
    let renamed = pb::GiftWrappingOption {
        name: "Brown paper".into(),
        allow_message: true,
        ..option("kraft", 300)
    };
    let satin = pb::GiftWrappingOption {
        disabled: true,
        ..option("satin", 500)
    };
    offer(&api, vec![renamed, satin, options().swap_remove(2)]).await;
    // Until its next change the checkout is as it was last shown.
    assert_eq!(api.get(&cart.id).await.cart.unwrap(), cart);
    let request = pb::UpdateCheckoutRequest {
        checkout_id: cart.id.clone(),
        staff_note: "look".into(),
        ..Default::default()
    };
    let checkout = call!(api.checkouts, update_checkout, request)
        .unwrap()
        .checkout
        .unwrap();
    let now = checkout.cart.as_ref().unwrap();
    assert_eq!(shown(now), [Some(("kraft", 300)), None, Some(("plain", 0))]);
    let kraft = now.line_items[0].gift_wrapping.as_ref().unwrap();
    assert_eq!(
        (kraft.name.as_str(), kraft.message.as_str()),
        ("Brown paper", "For Bob")
    );
    let told: Vec<_> = checkout
        .messages
        .iter()
        .map(|message| (message.code(), &message.subject))
        .collect();
    assert_eq!(
        told,
        [
            (GiftWrappingChanged, &cart.line_items[0].id),
            (GiftWrappingChanged, &cart.line_items[1].id),
        ]
    );
    // An option that takes no message any more is not what was chosen.
    offer(&api, vec![option("kraft", 300)]).await;
    add(&api, &cart, item("poster", 1)).await.unwrap();
    assert_eq!(
        shown(&api.get(&cart.id).await.cart.unwrap()),
        [None, None, None, None]
    );
}

async fn an_order_is_refused_when_it_changed(api: Api) {
    offer(&api, options()).await;
    let cart = api
        .cart(vec![wrapped(item("poster", 1), wrap("kraft"))])
        .await;
    api.make_ready(&cart).await;
    offer(&api, vec![option("kraft", 400)]).await;
    refused(
        api.order(&cart.id).await,
        Code::FailedPrecondition,
        "PRICE_CHANGED",
    );
    let checkout = api.get(&cart.id).await;
    assert_eq!(sums(&checkout), (400, 416));
    assert_eq!(checkout.messages[0].code(), GiftWrappingChanged);

    offer(&api, vec![]).await;
    let refusal = refused(
        api.order(&cart.id).await,
        Code::FailedPrecondition,
        "CHECKOUT_INCOMPLETE",
    );
    let violations = refusal.precondition_failure().unwrap().violations.clone();
    let told: Vec<_> = violations
        .iter()
        .map(|violation| (violation.r#type.as_str(), violation.subject.as_str()))
        .collect();
    assert_eq!(
        told,
        [
            (
                "GIFT_WRAPPING_NOT_AVAILABLE",
                cart.line_items[0].id.as_str()
            ),
            ("PRICE_CHANGED", "totals"),
        ]
    );
    let order = api.order(&cart.id).await.unwrap();
    assert_eq!(order.line_items[0].gift_wrapping, None);
}

async fn in_other_currencies(api: Api) {
    offer(&api, options()).await;
    let request = pb::CreateCartRequest {
        line_items: vec![wrapped(item("poster", 2), wrap("kraft"))],
        currency_code: "EUR".into(),
        ..Default::default()
    };
    let cart = call!(api.carts, create_cart, request)
        .unwrap()
        .cart
        .unwrap();
    // Half as many euro as dollars.
    assert_eq!(shown(&cart), [Some(("kraft", 250))]);
    let to = |code: &str| pb::UpdateCartRequest {
        cart_id: cart.id.clone(),
        currency_code: code.into(),
        ..Default::default()
    };
    let yen = call!(api.carts, update_cart, to("JPY"))
        .unwrap()
        .cart
        .unwrap();
    assert_eq!(shown(&yen), [Some(("kraft", 750))]);
    assert!(api.get(&cart.id).await.messages.is_empty());
    // What is not offered any more is told all the same.
    offer(&api, vec![]).await;
    let euro = call!(api.carts, update_cart, to("EUR"))
        .unwrap()
        .cart
        .unwrap();
    assert_eq!(shown(&euro), [None]);
    let messages = api.get(&cart.id).await.messages;
    let codes: Vec<_> = messages.iter().map(pb::CheckoutMessage::code).collect();
    assert_eq!(codes, [GiftWrappingChanged]);
}

async fn repeated_and_stale_requests(api: Api) {
    offer(&api, options()).await;
    let cart = api.cart(vec![item("poster", 1)]).await;
    let wrapping = pb::UpdateLineItemRequest {
        request_id: Uuid::from_u128(1).to_string(),
        expected_version: Some(1),
        ..update(&cart, wrap("kraft"))
    };
    let wrapped = call!(api.carts, update_line_item, wrapping.clone()).unwrap();
    assert_eq!(
        call!(api.carts, update_line_item, wrapping.clone()).unwrap(),
        wrapped
    );
    let other = pb::UpdateLineItemRequest {
        gift_wrapping: Some(wrap("satin")),
        ..wrapping.clone()
    };
    refused(
        call!(api.carts, update_line_item, other),
        Code::InvalidArgument,
        "REQUEST_ID_REUSED",
    );
    let stale = pb::UpdateLineItemRequest {
        request_id: String::new(),
        ..wrapping
    };
    refused(
        call!(api.carts, update_line_item, stale),
        Code::Aborted,
        "VERSION_MISMATCH",
    );
}

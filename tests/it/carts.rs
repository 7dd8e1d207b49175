//! `CartService`.

use cartwright::rpc::pb::{self, LineItemKind};
use tonic::Code;
use uuid::Uuid;

use crate::harness::api::{
    Api, address, bad_fields, call, custom, details, engraved, item, minor, on_every_backend,
    refused, usd, variant,
};

on_every_backend!(
    a_cart_of_every_kind,
    the_same_variant_raises_the_quantity,
    modifiers_are_checked_and_priced,
    quantities_are_enforced,
    products_that_cannot_be_bought,
    lines_change_and_go,
    a_custom_item_cannot_be_updated,
    a_line_that_belongs_to_another_goes_with_it,
    another_currency,
    another_customer,
    carts_end,
    a_repeated_request_is_applied_once,
    versions,
    prices_are_refreshed_and_told,
    an_expired_cart,
    wrong_items_are_told_together,
    a_currency_that_the_store_gives_up,
    another_default_currency,
);

fn add(cart_id: &str, line_items: Vec<pb::NewLineItem>) -> pb::AddLineItemsRequest {
    pb::AddLineItemsRequest {
        cart_id: cart_id.into(),
        line_items,
        ..Default::default()
    }
}

async fn a_cart_of_every_kind(api: Api) {
    let request = pb::CreateCartRequest {
        line_items: vec![
            variant("tee", "tee-m", 2),
            engraved("Ada"),
            item("ebook", 1),
            item("lamp", 1),
        ],
        custom_items: vec![custom("Gift wrap by hand", 1, 450)],
        customer_id: "customer-1".into(),
        email: "ada@example.com".into(),
        ..Default::default()
    };
    let cart = call!(api.carts, create_cart, request)
        .unwrap()
        .cart
        .unwrap();
    assert_eq!(
        (
            cart.version,
            cart.currency_code.as_str(),
            cart.channel_id.as_str()
        ),
        (1, "USD", "default")
    );
    let kinds: Vec<_> = cart.line_items.iter().map(pb::LineItem::kind).collect();
    use LineItemKind::{Custom, Digital, Physical};
    assert_eq!(kinds, [Physical, Physical, Digital, Physical, Custom]);
    let prices: Vec<_> = cart
        .line_items
        .iter()
        .map(|line| minor(&line.list_price))
        .collect();
    assert_eq!(prices, [2200, 1250, 500, 1500, 450]);
    let tee = &cart.line_items[0];
    assert_eq!(
        (
            tee.sku.as_str(),
            tee.option_selections[0].display_value.as_str()
        ),
        ("TEE-m", "M")
    );
    assert_eq!(minor(&tee.extended_list_price), 4400);
    let lamp = &cart.line_items[3];
    assert_eq!(
        (minor(&lamp.original_price), minor(&lamp.comparison_price)),
        (2000, 2500)
    );
    assert!(!cart.line_items[2].requires_shipping && cart.line_items[4].requires_shipping);
    assert_eq!(minor(&cart.base_amount), 4400 + 1250 + 500 + 1500 + 450);
    let again = call!(
        api.carts,
        get_cart,
        pb::GetCartRequest {
            cart_id: cart.id.clone()
        }
    )
    .unwrap();
    assert_eq!(again.cart.unwrap(), cart);
}

async fn the_same_variant_raises_the_quantity(api: Api) {
    let cart = api
        .cart(vec![variant("tee", "tee-s", 1), engraved("Ada")])
        .await;
    let overridden = pb::NewLineItem {
        list_price: usd(100),
        ..variant("tee", "tee-s", 1)
    };
    let items = vec![
        variant("tee", "tee-s", 2),
        engraved("Ada"),
        engraved("Bob"),
        overridden,
    ];
    let cart = call!(api.carts, add_line_items, add(&cart.id, items))
        .unwrap()
        .cart
        .unwrap();
    let quantities: Vec<_> = cart.line_items.iter().map(|line| line.quantity).collect();
    assert_eq!(quantities, [3, 2, 1, 1]);
    assert!(cart.line_items[3].price_overridden);
    assert_eq!(cart.version, 2);
}

async fn modifiers_are_checked_and_priced(api: Api) {
    let answer = |option_id: &str, value: &str| pb::NewOptionSelection {
        option_id: option_id.into(),
        value: value.into(),
    };
    let mug = |option_selections| pb::CreateCartRequest {
        line_items: vec![pb::NewLineItem {
            option_selections,
            ..item("mug", 1)
        }],
        ..Default::default()
    };
    let full = mug(vec![
        answer("engraving", "Ada"),
        answer("box", "true"),
        answer("glaze", "gold"),
    ]);
    let cart = call!(api.carts, create_cart, full).unwrap().cart.unwrap();
    assert_eq!(minor(&cart.base_amount), 1000 + 250 + 100 + 300);

    for missing in [vec![], vec![answer("engraving", "  ")]] {
        let refusal = refused(
            call!(api.carts, create_cart, mug(missing)),
            Code::InvalidArgument,
            "MODIFIER_REQUIRED",
        );
        assert_eq!(refusal.error_info().unwrap().metadata["name"], "Engraving");
    }
    for wrong in [("glaze", "pink"), ("box", "maybe"), ("nonsense", "x")] {
        let request = mug(vec![answer("engraving", "Ada"), answer(wrong.0, wrong.1)]);
        let fields = bad_fields(call!(api.carts, create_cart, request));
        assert_eq!(fields, ["line_items[0].option_selections"], "{wrong:?}");
    }
    let long = mug(vec![answer("engraving", &"x".repeat(256))]);
    assert!(!bad_fields(call!(api.carts, create_cart, long)).is_empty());
}

async fn quantities_are_enforced(api: Api) {
    let request = |line: pb::NewLineItem| pb::CreateCartRequest {
        line_items: vec![line],
        ..Default::default()
    };
    for quantity in [4, 11] {
        let answer = call!(api.carts, create_cart, request(item("candle", quantity)));
        let refusal = refused(
            answer,
            Code::FailedPrecondition,
            "PURCHASE_QUANTITY_NOT_ALLOWED",
        );
        assert_eq!(refusal.error_info().unwrap().metadata["minimum"], "5");
    }
    for quantity in [0, -1, 10_000, i32::MAX, i32::MIN] {
        let fields = bad_fields(call!(
            api.carts,
            create_cart,
            request(item("poster", quantity))
        ));
        assert_eq!(fields, ["line_items[0].quantity"]);
    }
    let cart = api.cart(vec![item("poster", 9_999)]).await;
    let fields = bad_fields(call!(
        api.carts,
        add_line_items,
        add(&cart.id, vec![item("poster", 1)])
    ));
    assert_eq!(fields, ["line_items[0].quantity"]);
    // The whole call is refused when one item is.
    let cart = api.cart(vec![item("candle", 5)]).await;
    let items = vec![item("poster", 1), item("candle", 6)];
    let answer = call!(api.carts, add_line_items, add(&cart.id, items));
    refused(
        answer,
        Code::FailedPrecondition,
        "PURCHASE_QUANTITY_NOT_ALLOWED",
    );
    assert_eq!(api.get(&cart.id).await.cart.unwrap().line_items.len(), 1);
}

async fn products_that_cannot_be_bought(api: Api) {
    let create = |line: pb::NewLineItem| {
        let request = pb::CreateCartRequest {
            line_items: vec![line],
            ..Default::default()
        };
        let mut carts = api.carts.clone();
        async move { carts.create_cart(request).await }
    };
    refused(
        create(item("ghost", 1)).await,
        Code::FailedPrecondition,
        "PRODUCT_NOT_PURCHASABLE",
    );
    refused(
        create(item("nothing", 1)).await,
        Code::NotFound,
        "PRODUCT_NOT_FOUND",
    );
    refused(
        create(variant("tee", "tee-xl", 1)).await,
        Code::NotFound,
        "VARIANT_NOT_FOUND",
    );
    refused(
        create(item("tee", 1)).await,
        Code::InvalidArgument,
        "VARIANT_REQUIRED",
    );
    let euros = pb::Money {
        currency_code: "EUR".into(),
        amount_minor: 100,
    };
    let overridden = pb::NewLineItem {
        list_price: Some(euros),
        ..item("poster", 1)
    };
    refused(
        create(overridden).await,
        Code::InvalidArgument,
        "CURRENCY_MISMATCH",
    );
}

async fn lines_change_and_go(api: Api) {
    let cart = api.cart(vec![item("poster", 1), item("lamp", 4)]).await;
    let line = cart.line_items[1].id.clone();
    let update = |quantity, list_price| pb::UpdateLineItemRequest {
        cart_id: cart.id.clone(),
        line_item_id: line.clone(),
        quantity,
        list_price,
        ..Default::default()
    };
    api.consign(&cart.id, address("US"), &[(&line, 3)]).await;
    api.consign(&cart.id, address("CA"), &[(&line, 1)]).await;
    let changed = call!(api.carts, update_line_item, update(Some(2), usd(1000)))
        .unwrap()
        .cart
        .unwrap();
    assert_eq!(minor(&changed.line_items[1].extended_list_price), 2000);
    // The units that are gone left the last consignment first, and it went with them.
    let checkout = api.get(&cart.id).await;
    assert_eq!(checkout.consignments.len(), 1);
    assert_eq!(checkout.consignments[0].line_items[0].quantity, 2);

    assert!(!bad_fields(call!(api.carts, update_line_item, update(None, None))).is_empty());
    let unknown = pb::UpdateLineItemRequest {
        line_item_id: Uuid::nil().to_string(),
        ..update(Some(1), None)
    };
    refused(
        call!(api.carts, update_line_item, unknown),
        Code::NotFound,
        "LINE_ITEM_NOT_FOUND",
    );

    let delete = |line_item_id: &str| pb::DeleteLineItemRequest {
        cart_id: cart.id.clone(),
        line_item_id: line_item_id.into(),
        ..Default::default()
    };
    let left = call!(api.carts, delete_line_item, delete(&line))
        .unwrap()
        .cart
        .unwrap();
    assert_eq!(left.line_items.len(), 1);
    assert!(api.get(&cart.id).await.consignments.is_empty());
    let last = call!(api.carts, delete_line_item, delete(&left.line_items[0].id)).unwrap();
    assert_eq!(last.cart, None);
    let gone = call!(
        api.carts,
        get_cart,
        pb::GetCartRequest {
            cart_id: cart.id.clone()
        }
    );
    refused(gone, Code::NotFound, "CART_DELETED");
}

async fn a_custom_item_cannot_be_updated(api: Api) {
    let cart = api.custom_cart(&[1000]).await;
    let request = pb::UpdateLineItemRequest {
        cart_id: cart.id.clone(),
        line_item_id: cart.line_items[0].id.clone(),
        quantity: Some(2),
        ..Default::default()
    };
    refused(
        call!(api.carts, update_line_item, request),
        Code::FailedPrecondition,
        "LINE_ITEM_NOT_MUTABLE",
    );
    assert!(!cart.line_items[0].mutable);
}

async fn a_line_that_belongs_to_another_goes_with_it(api: Api) {
    let cart = api.cart(vec![item("poster", 1), item("lamp", 1)]).await;
    let parent_id = cart.line_items[0].id.clone();
    let child = pb::NewLineItem {
        parent_id: parent_id.clone(),
        ..item("sticker", 1)
    };
    let cart = call!(api.carts, add_line_items, add(&cart.id, vec![child]))
        .unwrap()
        .cart
        .unwrap();
    assert_eq!(cart.line_items[2].parent_id, parent_id);
    let delete = pb::DeleteLineItemRequest {
        cart_id: cart.id.clone(),
        line_item_id: parent_id,
        ..Default::default()
    };
    let left = call!(api.carts, delete_line_item, delete)
        .unwrap()
        .cart
        .unwrap();
    let names: Vec<_> = left
        .line_items
        .iter()
        .map(|line| line.product_id.as_str())
        .collect();
    assert_eq!(names, ["lamp"]);
}

async fn another_currency(api: Api) {
    let cart = api.cart(vec![item("poster", 1), engraved("Ada")]).await;
    let to = |currency_code: &str| pb::UpdateCartRequest {
        cart_id: cart.id.clone(),
        currency_code: currency_code.into(),
        ..Default::default()
    };
    let yen = call!(api.carts, update_cart, to("JPY"))
        .unwrap()
        .cart
        .unwrap();
    assert_eq!(
        minor(&yen.line_items[0].list_price),
        4793,
        "31.95 × 150 = 4792.5, rounded away from zero"
    );
    assert_eq!(minor(&yen.line_items[1].list_price), 1875);
    assert_eq!(
        bad_fields(call!(api.carts, update_cart, to("GBP"))),
        ["currency_code"]
    );
    assert_eq!(
        bad_fields(call!(api.carts, update_cart, to("XYZ"))),
        ["currency_code"]
    );
    let custom = api.custom_cart(&[100]).await;
    let request = pb::UpdateCartRequest {
        cart_id: custom.id,
        ..to("EUR")
    };
    refused(
        call!(api.carts, update_cart, request),
        Code::FailedPrecondition,
        "CURRENCY_NOT_CHANGEABLE",
    );
}

async fn another_customer(api: Api) {
    let checkout = api.ready().await;
    api.coupon(crate::harness::api::percentage_coupon("TEN", "10"))
        .await;
    api.apply(&checkout.id, "ten").await.unwrap();
    let request = pb::UpdateCartRequest {
        cart_id: checkout.id.clone(),
        customer_id: "someone".into(),
        email: "someone@example.com".into(),
        ..Default::default()
    };
    let cart = call!(api.carts, update_cart, request)
        .unwrap()
        .cart
        .unwrap();
    assert_eq!(
        (cart.customer_id.as_str(), cart.email.as_str()),
        ("someone", "someone@example.com")
    );
    let checkout = api.get(&checkout.id).await;
    assert!(checkout.coupons.is_empty());
    assert_eq!(checkout.consignments[0].selected_shipping_option, None);
    let codes: Vec<_> = checkout
        .messages
        .iter()
        .map(pb::CheckoutMessage::code)
        .collect();
    use pb::CheckoutMessageCode::{CouponDropped, ShippingOptionDropped};
    assert_eq!(codes, [CouponDropped, ShippingOptionDropped]);
    // A mask makes it a guest's again, and leaves the e-mail address.
    let request = pb::UpdateCartRequest {
        cart_id: checkout.id.clone(),
        update_mask: Some(prost_types::FieldMask {
            paths: vec!["customer_id".into()],
        }),
        ..Default::default()
    };
    let cart = call!(api.carts, update_cart, request)
        .unwrap()
        .cart
        .unwrap();
    assert_eq!(
        (cart.customer_id.as_str(), cart.email.as_str()),
        ("", "someone@example.com")
    );
}

async fn carts_end(api: Api) {
    let cart = api.cart(vec![item("poster", 1)]).await;
    let delete = pb::DeleteCartRequest {
        cart_id: cart.id.clone(),
        ..Default::default()
    };
    call!(api.carts, delete_cart, delete.clone()).unwrap();
    refused(
        call!(api.carts, delete_cart, delete),
        Code::NotFound,
        "CART_DELETED",
    );
    refused(
        call!(
            api.carts,
            add_line_items,
            add(&cart.id, vec![item("poster", 1)])
        ),
        Code::NotFound,
        "CART_DELETED",
    );
    let unknown = pb::GetCartRequest {
        cart_id: Uuid::nil().to_string(),
    };
    refused(
        call!(api.carts, get_cart, unknown),
        Code::NotFound,
        "CART_NOT_FOUND",
    );
}

async fn a_repeated_request_is_applied_once(api: Api) {
    let request_id = Uuid::from_u128(7).to_string();
    let create = pb::CreateCartRequest {
        line_items: vec![item("poster", 1)],
        request_id: request_id.clone(),
        ..Default::default()
    };
    let first = call!(api.carts, create_cart, create.clone()).unwrap();
    assert_eq!(
        call!(api.carts, create_cart, create.clone()).unwrap(),
        first
    );
    let other = pb::CreateCartRequest {
        line_items: vec![item("poster", 2)],
        ..create
    };
    refused(
        call!(api.carts, create_cart, other),
        Code::InvalidArgument,
        "REQUEST_ID_REUSED",
    );

    let cart = first.cart.unwrap();
    let add = pb::AddLineItemsRequest {
        request_id,
        ..add(&cart.id, vec![item("poster", 1)])
    };
    let second = call!(api.carts, add_line_items, add.clone()).unwrap();
    assert_eq!(
        call!(api.carts, add_line_items, add.clone()).unwrap(),
        second
    );
    assert_eq!(second.cart.as_ref().unwrap().line_items[0].quantity, 2);
    let other = pb::AddLineItemsRequest {
        line_items: vec![item("poster", 3)],
        ..add
    };
    refused(
        call!(api.carts, add_line_items, other),
        Code::InvalidArgument,
        "REQUEST_ID_REUSED",
    );

    let delete = pb::DeleteCartRequest {
        cart_id: cart.id,
        request_id: Uuid::from_u128(8).to_string(),
        ..Default::default()
    };
    call!(api.carts, delete_cart, delete.clone()).unwrap();
    call!(api.carts, delete_cart, delete).unwrap();
}

async fn versions(api: Api) {
    let cart = api.cart(vec![item("poster", 1)]).await;
    let at = |expected_version| pb::AddLineItemsRequest {
        expected_version: Some(expected_version),
        ..add(&cart.id, vec![item("poster", 1)])
    };
    assert_eq!(
        call!(api.carts, add_line_items, at(1))
            .unwrap()
            .cart
            .unwrap()
            .version,
        2
    );
    let refusal = refused(
        call!(api.carts, add_line_items, at(1)),
        Code::Aborted,
        "VERSION_MISMATCH",
    );
    assert_eq!(
        refusal.error_info().unwrap().metadata["current_version"],
        "2"
    );
}

async fn prices_are_refreshed_and_told(api: Api) {
    let cart = api.cart(vec![item("poster", 1), item("lamp", 1)]).await;
    let mut poster = crate::harness::api::products().remove(0);
    poster.price = usd(4000);
    let request = pb::UpsertProductsRequest {
        products: vec![poster],
        ..Default::default()
    };
    call!(api.catalog, upsert_products, request).unwrap();
    // Reading shows the cart as it was; the next change takes the new price over and says so.
    assert_eq!(
        minor(&api.get(&cart.id).await.cart.unwrap().base_amount),
        4695
    );
    let checkout = api.bill(&cart.id, address("US")).await;
    assert_eq!(minor(&checkout.cart.unwrap().base_amount), 5500);
    assert_eq!(checkout.messages.len(), 1);
    assert_eq!(
        checkout.messages[0].code(),
        pb::CheckoutMessageCode::PriceRefreshed
    );
    assert_eq!(checkout.messages[0].subject, cart.line_items[0].id);
    // A message is about one change.
    let next = call!(
        api.carts,
        add_line_items,
        add(&cart.id, vec![item("lamp", 1)])
    )
    .unwrap()
    .cart
    .unwrap();
    assert!(api.get(&next.id).await.messages.is_empty());
}

async fn an_expired_cart(api: Api) {
    let seconds = prost_types::Duration {
        seconds: 60,
        nanos: 0,
    };
    let store = pb::Store {
        cart_lifetime: Some(seconds),
        ..crate::harness::api::store()
    };
    let request = pb::UpdateStoreRequest {
        store: Some(store),
        ..Default::default()
    };
    call!(api.store, update_store, request).unwrap();
    let cart = api.cart(vec![item("poster", 1)]).await;
    let (created, expires) = (cart.create_time.unwrap(), cart.expire_time.unwrap());
    assert_eq!(expires.seconds - created.seconds, 60);
    // No test waits a minute: the row says that it is over.
    api.server.expire(&cart.id).await;
    refused(
        call!(
            api.carts,
            get_cart,
            pb::GetCartRequest {
                cart_id: cart.id.clone()
            }
        ),
        Code::NotFound,
        "CART_EXPIRED",
    );
    let consign = pb::AddConsignmentsRequest {
        checkout_id: cart.id.clone(),
        consignments: vec![details(address("US"), &[(&cart.line_items[0].id, 1)])],
        ..Default::default()
    };
    refused(
        call!(api.consignments, add_consignments, consign),
        Code::NotFound,
        "CART_EXPIRED",
    );
}

async fn wrong_items_are_told_together(api: Api) {
    let contradiction = pb::NewOptionSelection {
        option_id: "size".into(),
        value: "m".into(),
    };
    let request = pb::CreateCartRequest {
        line_items: vec![
            item("tee", 1),
            item("mug", 1),
            pb::NewLineItem {
                option_selections: vec![contradiction],
                ..variant("tee", "tee-s", 1)
            },
        ],
        ..Default::default()
    };
    let fields = bad_fields(call!(api.carts, create_cart, request));
    assert_eq!(
        fields,
        [
            "line_items[0].variant_id",
            "line_items[1].option_selections",
            "line_items[2].option_selections"
        ]
    );
}

async fn a_currency_that_the_store_gives_up(api: Api) {
    let request = pb::CreateCartRequest {
        line_items: vec![item("poster", 1)],
        currency_code: "JPY".into(),
        ..Default::default()
    };
    let cart = call!(api.carts, create_cart, request)
        .unwrap()
        .cart
        .unwrap();
    let without = pb::Store {
        currencies: vec![],
        ..crate::harness::api::store()
    };
    let request = pb::UpdateStoreRequest {
        store: Some(without),
        ..Default::default()
    };
    call!(api.store, update_store, request).unwrap();
    let refusal = refused(
        call!(
            api.carts,
            add_line_items,
            add(&cart.id, vec![item("poster", 1)])
        ),
        Code::FailedPrecondition,
        "CURRENCY_NOT_SUPPORTED",
    );
    assert_eq!(
        refusal.error_info().unwrap().metadata["currency_code"],
        "JPY"
    );
    // It keeps its figures, cannot be ordered, and can go on in another currency.
    let checkout = api.bill(&cart.id, address("US")).await;
    assert_eq!(minor(&checkout.cart.unwrap().base_amount), 4793);
    let refusal = refused(
        api.order(&cart.id).await,
        Code::FailedPrecondition,
        "CHECKOUT_INCOMPLETE",
    );
    let violations = &refusal.precondition_failure().unwrap().violations;
    assert!(
        violations
            .iter()
            .any(|it| it.r#type == "CURRENCY_NOT_SUPPORTED")
    );
    let request = pb::UpdateCartRequest {
        cart_id: cart.id.clone(),
        currency_code: "USD".into(),
        ..Default::default()
    };
    let cart = call!(api.carts, update_cart, request)
        .unwrap()
        .cart
        .unwrap();
    assert_eq!(minor(&cart.base_amount), 3195);
}

async fn another_default_currency(api: Api) {
    let store = pb::Store {
        default_currency_code: "GBP".into(),
        ..Default::default()
    };
    let request = pb::UpdateStoreRequest {
        store: Some(store),
        ..Default::default()
    };
    call!(api.store, update_store, request).unwrap();
    // A price of 31.95 USD is not one of 31.95 GBP.
    let request = pb::CreateCartRequest {
        line_items: vec![item("poster", 1)],
        ..Default::default()
    };
    refused(
        call!(api.carts, create_cart, request.clone()),
        Code::FailedPrecondition,
        "PRODUCT_NOT_PURCHASABLE",
    );
    let get = pb::GetProductRequest {
        product_id: "poster".into(),
    };
    let mut poster = call!(api.catalog, get_product, get)
        .unwrap()
        .product
        .unwrap();
    assert_eq!(poster.price, usd(3195));
    poster.price.as_mut().unwrap().currency_code = "GBP".into();
    let upsert = pb::UpsertProductsRequest {
        products: vec![poster],
        ..Default::default()
    };
    call!(api.catalog, upsert_products, upsert).unwrap();
    call!(api.carts, create_cart, request).unwrap();
}

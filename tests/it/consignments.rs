//! `ConsignmentService`, and what a checkout shows of shipping.

use cartwright::rpc::pb::{self, update_consignment_request::Update};
use tonic::Code;
use uuid::Uuid;

use crate::harness::api::{
    Api, address, bad_fields, call, details, item, minor, on_every_backend, refused,
};

on_every_backend!(
    options_are_answered_only_when_asked_for,
    an_option_that_is_not_offered,
    split_over_two_addresses,
    changes_drop_an_option_unless_it_is_offered_at_the_same_cost,
    pickup,
    fixed_and_free_shipping_products,
    nothing_is_offered_where_the_store_does_not_ship,
    assignments_are_checked,
    consignments_go,
    several_at_once_all_or_none,
    one_thing_at_a_time,
);

fn update(checkout: &pb::Checkout, index: usize, update: Update) -> pb::UpdateConsignmentRequest {
    pb::UpdateConsignmentRequest {
        checkout_id: checkout.id.clone(),
        consignment_id: checkout.consignments[index].id.clone(),
        update: Some(update),
        include: vec![pb::CheckoutInclude::AvailableShippingOptions.into()],
        ..Default::default()
    }
}

fn option_ids(consignment: &pb::Consignment) -> Vec<&str> {
    consignment
        .available_shipping_options
        .iter()
        .map(|option| option.id.as_str())
        .collect()
}

async fn options_are_answered_only_when_asked_for(api: Api) {
    let cart = api.cart(vec![item("poster", 2)]).await;
    let line = cart.line_items[0].id.as_str();
    let checkout = api.consign(&cart.id, address("US"), &[(line, 2)]).await;
    let consignment = &checkout.consignments[0];
    assert_eq!(option_ids(consignment), ["us/us-ground", "us/us-express"]);
    let ground = &consignment.available_shipping_options[0];
    assert_eq!((minor(&ground.cost), ground.recommended), (800, true));
    assert_eq!(minor(&consignment.available_shipping_options[1].cost), 1000);
    assert!(ground.quote_expire_time.is_some());
    assert!(
        api.get(&cart.id).await.consignments[0]
            .available_shipping_options
            .is_empty()
    );

    let selected = api
        .select(&cart.id, &consignment.id, "us/us-express")
        .await
        .unwrap();
    let consignment = &selected.consignments[0];
    assert_eq!(
        consignment.selected_shipping_option.as_ref().unwrap().id,
        "us/us-express"
    );
    assert!(consignment.available_shipping_options.is_empty());
    assert_eq!(
        (
            minor(&consignment.shipping_cost_ex_tax),
            minor(&consignment.shipping_cost_inc_tax)
        ),
        (1000, 1040)
    );
    let totals = selected.totals.unwrap();
    assert_eq!(minor(&totals.tax_total), 256 + 40);
    assert_eq!(minor(&totals.grand_total), 6390 + 1000 + 296);
}

async fn an_option_that_is_not_offered(api: Api) {
    let cart = api.cart(vec![item("poster", 1)]).await;
    let checkout = api
        .consign(&cart.id, address("US"), &[(&cart.line_items[0].id, 1)])
        .await;
    for option in ["us/us-free", "ca/ca-post", "nonsense"] {
        let refusal = refused(
            api.select(&cart.id, &checkout.consignments[0].id, option)
                .await,
            Code::FailedPrecondition,
            "SHIPPING_OPTION_NOT_AVAILABLE",
        );
        let metadata = &refusal.error_info().unwrap().metadata;
        assert_eq!(
            metadata["available_shipping_option_ids"],
            "us/us-express,us/us-ground"
        );
    }
    assert_eq!(
        api.get(&cart.id).await.version,
        checkout.version,
        "nothing was changed"
    );
}

async fn split_over_two_addresses(api: Api) {
    let cart = api.cart(vec![item("poster", 3)]).await;
    let line = cart.line_items[0].id.as_str();
    api.consign(&cart.id, address("US"), &[(line, 2)]).await;
    let checkout = api.consign(&cart.id, address("CA"), &[(line, 1)]).await;
    api.select(&cart.id, &checkout.consignments[0].id, "us/us-ground")
        .await
        .unwrap();
    let checkout = api
        .select(&cart.id, &checkout.consignments[1].id, "ca/ca-post")
        .await
        .unwrap();
    let taxes: Vec<_> = checkout
        .taxes
        .iter()
        .map(|tax| (tax.name.as_str(), minor(&tax.amount)))
        .collect();
    // 63.90 and 8.00 at 4 %; 31.95, 15.00 and 2.00 handling at 5 %, each rounded by itself.
    assert_eq!(taxes, [("Sales tax", 256 + 32), ("GST", 160 + 75 + 10)]);
    let totals = checkout.totals.unwrap();
    assert_eq!(minor(&totals.handling_cost_ex_tax), 200);
    assert_eq!(
        minor(&totals.grand_total),
        9585 + 800 + 1500 + 200 + 288 + 245
    );
}

async fn changes_drop_an_option_unless_it_is_offered_at_the_same_cost(api: Api) {
    let cart = api.cart(vec![item("poster", 2)]).await;
    let line = cart.line_items[0].id.clone();
    let checkout = api.consign(&cart.id, address("US"), &[(&line, 1)]).await;
    let by = async |option: &str| {
        api.select(&checkout.id, &checkout.consignments[0].id, option)
            .await
    };
    by("us/us-ground").await.unwrap();
    // Another street in the same zone, more units: ground costs the same.
    let elsewhere = pb::Address {
        address1: "9 Elm St".into(),
        ..address("US")
    };
    let request = update(
        &checkout,
        0,
        Update::Details(details(elsewhere, &[(&line, 2)])),
    );
    let kept = call!(api.consignments, update_consignment, request)
        .unwrap()
        .checkout
        .unwrap();
    assert!(kept.consignments[0].selected_shipping_option.is_some());
    assert_eq!(
        kept.consignments[0].address.as_ref().unwrap().address1,
        "9 Elm St"
    );
    // Express costs by the item: fewer units make it another offer.
    by("us/us-express").await.unwrap();
    let items = pb::ConsignmentDetails {
        address: None,
        ..details(address("US"), &[(&line, 1)])
    };
    let request = update(&checkout, 0, Update::Details(items));
    let dropped = call!(api.consignments, update_consignment, request)
        .unwrap()
        .checkout
        .unwrap();
    assert_eq!(dropped.consignments[0].selected_shipping_option, None);
    assert_eq!(
        dropped.messages[0].code(),
        pb::CheckoutMessageCode::ShippingOptionDropped
    );
    assert_eq!(minor(&dropped.totals.unwrap().shipping_cost_ex_tax), 0);
    // More units in the cart alone change no consignment.
    by("us/us-express").await.unwrap();
    let more = pb::AddLineItemsRequest {
        cart_id: cart.id.clone(),
        line_items: vec![item("poster", 1)],
        ..Default::default()
    };
    call!(api.carts, add_line_items, more).unwrap();
    assert!(
        api.get(&cart.id).await.consignments[0]
            .selected_shipping_option
            .is_some()
    );
    // Another country has other offers.
    let abroad = pb::ConsignmentDetails {
        address: Some(address("CA")),
        line_items: vec![],
    };
    let request = update(&checkout, 0, Update::Details(abroad));
    let dropped = call!(api.consignments, update_consignment, request)
        .unwrap()
        .checkout
        .unwrap();
    assert_eq!(dropped.consignments[0].selected_shipping_option, None);
    assert_eq!(option_ids(&dropped.consignments[0]), ["ca/ca-post"]);
}

async fn pickup(api: Api) {
    let cart = api.cart(vec![item("poster", 1)]).await;
    let checkout = api
        .consign(&cart.id, address("CA"), &[(&cart.line_items[0].id, 1)])
        .await;
    let request = update(&checkout, 0, Update::PickupMethodId("downtown".into()));
    let picked = call!(api.consignments, update_consignment, request)
        .unwrap()
        .checkout
        .unwrap();
    let pickup = picked.consignments[0]
        .selected_pickup_option
        .as_ref()
        .unwrap();
    assert_eq!(pickup.display_name, "Downtown");
    assert_eq!(
        picked.taxes[0].name, "Sales tax",
        "the tax of the place where it is picked up"
    );
    let request = update(&checkout, 0, Update::PickupMethodId("uptown".into()));
    let refusal = refused(
        call!(api.consignments, update_consignment, request),
        Code::FailedPrecondition,
        "PICKUP_METHOD_NOT_AVAILABLE",
    );
    assert_eq!(
        refusal.error_info().unwrap().metadata["available_pickup_method_ids"],
        "downtown"
    );
}

async fn fixed_and_free_shipping_products(api: Api) {
    let cart = api
        .cart(vec![
            item("anvil", 2),
            item("sticker", 3),
            item("poster", 1),
        ])
        .await;
    let [anvil, sticker, poster] = [0, 1, 2].map(|index: usize| cart.line_items[index].id.as_str());
    let all = api
        .consign(
            &cart.id,
            address("US"),
            &[(anvil, 2), (sticker, 3), (poster, 1)],
        )
        .await;
    let costs: Vec<_> = all.consignments[0]
        .available_shipping_options
        .iter()
        .map(|option| (option.id.as_str(), minor(&option.cost)))
        .collect();
    assert_eq!(
        costs,
        [
            ("us/us-free", 5000),
            ("us/us-express", 5500),
            ("us/us-ground", 5800)
        ]
    );
    let cart = api.cart(vec![item("sticker", 3)]).await;
    let free = api
        .consign(&cart.id, address("US"), &[(&cart.line_items[0].id, 3)])
        .await;
    assert!(
        free.consignments[0]
            .available_shipping_options
            .iter()
            .all(|option| minor(&option.cost) == 0)
    );
}

async fn nothing_is_offered_where_the_store_does_not_ship(api: Api) {
    let cart = api.cart(vec![item("poster", 1)]).await;
    let checkout = api
        .consign(&cart.id, address("FR"), &[(&cart.line_items[0].id, 1)])
        .await;
    let consignment = &checkout.consignments[0];
    assert!(consignment.available_shipping_options.is_empty());
    assert_eq!(
        consignment.quote_messages[0].r#type(),
        pb::QuoteMessageType::Warning
    );
    assert!(consignment.quote_messages[0].text.contains("FR"));
}

async fn assignments_are_checked(api: Api) {
    let cart = api.cart(vec![item("poster", 2), item("ebook", 1)]).await;
    let (poster, ebook) = (
        cart.line_items[0].id.as_str(),
        cart.line_items[1].id.as_str(),
    );
    let add = |items: &[(&str, i32)]| {
        let request = pb::AddConsignmentsRequest {
            checkout_id: cart.id.clone(),
            consignments: vec![details(address("US"), items)],
            ..Default::default()
        };
        let mut consignments = api.consignments.clone();
        async move { consignments.add_consignments(request).await }
    };
    let refusal = refused(
        add(&[(poster, 3)]).await,
        Code::FailedPrecondition,
        "CONSIGNMENT_QUANTITY_EXCEEDED",
    );
    assert_eq!(refusal.error_info().unwrap().metadata["available"], "2");
    refused(
        add(&[(ebook, 1)]).await,
        Code::FailedPrecondition,
        "LINE_ITEM_NOT_SHIPPABLE",
    );
    let nobody = Uuid::nil().to_string();
    refused(
        add(&[(&nobody, 1)]).await,
        Code::NotFound,
        "LINE_ITEM_NOT_FOUND",
    );
    assert_eq!(
        bad_fields(add(&[(poster, 0)]).await),
        ["consignments[0].line_items[0].quantity"]
    );
    assert_eq!(bad_fields(add(&[]).await), ["consignments[0].line_items"]);
    add(&[(poster, 2)]).await.unwrap();
    refused(
        add(&[(poster, 1)]).await,
        Code::FailedPrecondition,
        "CONSIGNMENT_QUANTITY_EXCEEDED",
    );
}

async fn consignments_go(api: Api) {
    let checkout = api.ready().await;
    let delete = |consignment_id: String| pb::DeleteConsignmentRequest {
        checkout_id: checkout.id.clone(),
        consignment_id,
        ..Default::default()
    };
    let id = checkout.consignments[0].id.clone();
    let left = call!(api.consignments, delete_consignment, delete(id.clone()))
        .unwrap()
        .checkout
        .unwrap();
    assert!(left.consignments.is_empty());
    assert_eq!(minor(&left.totals.unwrap().shipping_cost_ex_tax), 0);
    refused(
        call!(api.consignments, delete_consignment, delete(id)),
        Code::NotFound,
        "CONSIGNMENT_NOT_FOUND",
    );
}

async fn several_at_once_all_or_none(api: Api) {
    let cart = api.cart(vec![item("poster", 2)]).await;
    let line = cart.line_items[0].id.as_str();
    let add = |quantities: &[i32]| {
        let consignments = quantities
            .iter()
            .map(|quantity| details(address("US"), &[(line, *quantity)]))
            .collect();
        let request = pb::AddConsignmentsRequest {
            checkout_id: cart.id.clone(),
            consignments,
            ..Default::default()
        };
        let mut client = api.consignments.clone();
        async move { client.add_consignments(request).await }
    };
    refused(
        add(&[1, 2]).await,
        Code::FailedPrecondition,
        "CONSIGNMENT_QUANTITY_EXCEEDED",
    );
    assert!(api.get(&cart.id).await.consignments.is_empty());
    let both = add(&[1, 1]).await.unwrap().into_inner().checkout.unwrap();
    assert_eq!((both.consignments.len(), both.version), (2, 2));
    assert!(bad_fields(add(&[1; 51]).await).contains(&"consignments".to_owned()));
}

async fn one_thing_at_a_time(api: Api) {
    let checkout = api.ready().await;
    let nothing = pb::UpdateConsignmentRequest {
        update: None,
        ..update(&checkout, 0, Update::PickupMethodId(String::new()))
    };
    assert_eq!(
        bad_fields(call!(api.consignments, update_consignment, nothing)),
        ["update"]
    );
    let empty = update(
        &checkout,
        0,
        Update::Details(pb::ConsignmentDetails::default()),
    );
    assert!(!bad_fields(call!(api.consignments, update_consignment, empty)).is_empty());
}

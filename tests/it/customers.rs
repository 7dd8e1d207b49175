//! What callers say of a customer: group, orders, tax exemption.

use cartwright::rpc::pb;
use tonic::Code;
use uuid::Uuid;

use crate::harness::api::{
    Api, bad_fields, call, item, minor, on_every_backend, percentage_coupon, refused, store,
};

on_every_backend!(
    said_at_creation_and_told_again,
    the_customer_id_is_given_in_either_place,
    another_customer_alone_is_one_of_whom_nothing_is_known,
    the_same_customer_keeps_coupons_and_shipping,
    a_guest_has_a_context_too,
    exempt_customers_pay_no_tax,
    what_is_wrong_with_a_context,
    repeated_and_stale_requests,
);

fn ada() -> pb::CustomerContext {
    pb::CustomerContext {
        customer_id: "ada".into(),
        group_ids: vec!["trade".into(), "vip".into()],
        completed_order_count: 7,
        tax_exemption: "EX-1".into(),
    }
}

fn creation(context: pb::CustomerContext) -> pb::CreateCartRequest {
    pb::CreateCartRequest {
        line_items: vec![item("poster", 1)],
        customer_context: Some(context),
        ..Default::default()
    }
}

fn update(cart_id: &str, context: pb::CustomerContext) -> pb::UpdateCartRequest {
    pb::UpdateCartRequest {
        cart_id: cart_id.into(),
        customer_context: Some(context),
        ..Default::default()
    }
}

async fn create(api: &Api, request: pb::CreateCartRequest) -> pb::Cart {
    call!(api.carts, create_cart, request)
        .unwrap()
        .cart
        .unwrap()
}

async fn change(api: &Api, request: pb::UpdateCartRequest) -> pb::Cart {
    call!(api.carts, update_cart, request)
        .unwrap()
        .cart
        .unwrap()
}

async fn said_at_creation_and_told_again(api: Api) {
    let cart = create(&api, creation(ada())).await;
    assert_eq!(cart.customer_id, "ada");
    assert_eq!(cart.customer_context, Some(ada()));
    let checkout = api.make_ready(&cart).await;
    assert_eq!(checkout.tax_exemption, "EX-1");
    let order = api.order(&cart.id).await.unwrap();
    assert_eq!(order.customer_context, Some(ada()));
    assert_eq!(order.tax_exemption, "EX-1");
}

async fn the_customer_id_is_given_in_either_place(api: Api) {
    let without_id = pb::CustomerContext {
        customer_id: String::new(),
        ..ada()
    };
    for (beside, context) in [("ada", without_id), ("ada", ada()), ("", ada())] {
        let request = pb::CreateCartRequest {
            customer_id: beside.into(),
            ..creation(context.clone())
        };
        let cart = create(&api, request).await;
        assert_eq!(cart.customer_context, Some(ada()));
        let guest = create(&api, creation(pb::CustomerContext::default())).await;
        let request = pb::UpdateCartRequest {
            customer_id: beside.into(),
            ..update(&guest.id, context)
        };
        assert_eq!(change(&api, request).await.customer_context, Some(ada()));
    }
    let request = pb::CreateCartRequest {
        customer_id: "bob".into(),
        ..creation(ada())
    };
    assert_eq!(
        bad_fields(call!(api.carts, create_cart, request)),
        ["customer_context.customer_id"]
    );
    let cart = api.cart(vec![item("poster", 1)]).await;
    let request = pb::UpdateCartRequest {
        customer_id: "bob".into(),
        ..update(&cart.id, ada())
    };
    assert_eq!(
        bad_fields(call!(api.carts, update_cart, request)),
        ["customer_context.customer_id"]
    );
}

async fn another_customer_alone_is_one_of_whom_nothing_is_known(api: Api) {
    let cart = create(&api, creation(ada())).await;
    let to = |customer_id: &str| pb::UpdateCartRequest {
        cart_id: cart.id.clone(),
        customer_id: customer_id.into(),
        ..Default::default()
    };
    let same = change(&api, to("ada")).await;
    assert_eq!(same.customer_context, Some(ada()));
    let other = change(&api, to("bob")).await;
    let unknown = pb::CustomerContext {
        customer_id: "bob".into(),
        ..Default::default()
    };
    assert_eq!(other.customer_context, Some(unknown));
    assert_eq!(api.get(&cart.id).await.tax_exemption, "");
}

async fn the_same_customer_keeps_coupons_and_shipping(api: Api) {
    api.coupon(percentage_coupon("TEN", "10")).await;
    let cart = create(&api, creation(ada())).await;
    api.make_ready(&cart).await;
    api.apply(&cart.id, "TEN").await.unwrap();
    let promoted = pb::CustomerContext {
        completed_order_count: 8,
        ..ada()
    };
    let changed = change(&api, update(&cart.id, promoted.clone())).await;
    assert_eq!(changed.customer_context, Some(promoted));
    let checkout = api.get(&cart.id).await;
    assert_eq!(checkout.coupons.len(), 1);
    assert!(checkout.consignments[0].selected_shipping_option.is_some());

    let bob = pb::CustomerContext {
        customer_id: "bob".into(),
        ..ada()
    };
    let changed = change(&api, update(&cart.id, bob.clone())).await;
    assert_eq!(changed.customer_context, Some(bob));
    let checkout = api.get(&cart.id).await;
    assert!(checkout.coupons.is_empty());
    assert_eq!(checkout.consignments[0].selected_shipping_option, None);
}

async fn a_guest_has_a_context_too(api: Api) {
    let group = pb::CustomerContext {
        group_ids: vec!["newsletter".into()],
        ..Default::default()
    };
    let cart = create(&api, creation(group.clone())).await;
    assert_eq!(cart.customer_id, "");
    assert_eq!(cart.customer_context, Some(group));
    // Named by the mask and left out, it is emptied; the customer stays.
    let cart = create(&api, creation(ada())).await;
    let request = pb::UpdateCartRequest {
        cart_id: cart.id,
        update_mask: Some(prost_types::FieldMask {
            paths: vec!["customer_context".into()],
        }),
        ..Default::default()
    };
    let unknown = pb::CustomerContext {
        customer_id: "ada".into(),
        ..Default::default()
    };
    assert_eq!(change(&api, request).await.customer_context, Some(unknown));
}

async fn exempt_customers_pay_no_tax(api: Api) {
    let checkout = api.ready().await;
    let tax = |checkout: &pb::Checkout| minor(&checkout.totals.as_ref().unwrap().tax_total);
    assert_eq!((tax(&checkout), checkout.tax_exemption.as_str()), (160, ""));
    let by_certificate = pb::CustomerContext {
        tax_exemption: "EX-1".into(),
        ..Default::default()
    };
    change(&api, update(&checkout.id, by_certificate)).await;
    let exempt = api.get(&checkout.id).await;
    assert_eq!((tax(&exempt), exempt.tax_exemption.as_str()), (0, "EX-1"));
    assert!(exempt.taxes.is_empty());
    assert_eq!(minor(&exempt.totals.unwrap().grand_total), 3_995);

    let in_group = pb::CustomerContext {
        group_ids: vec!["trade".into()],
        ..Default::default()
    };
    change(&api, update(&checkout.id, in_group.clone())).await;
    assert_eq!(tax(&api.get(&checkout.id).await), 160);
    let request = pb::UpdateStoreRequest {
        store: Some(pb::Store {
            tax: Some(pb::TaxSettings {
                exempt_customer_group_ids: vec!["trade".into()],
                ..Default::default()
            }),
            ..store()
        }),
        ..Default::default()
    };
    call!(api.store, update_store, request).unwrap();
    change(&api, update(&checkout.id, in_group)).await;
    let exempt = api.get(&checkout.id).await;
    assert_eq!(tax(&exempt), 0);
    assert!(!exempt.tax_exemption.is_empty(), "the group is named");
}

async fn what_is_wrong_with_a_context(api: Api) {
    let most = pb::CustomerContext {
        customer_id: "c".repeat(255),
        group_ids: (0..100).map(|group| format!("group {group}")).collect(),
        completed_order_count: 1_000_000,
        tax_exemption: "t".repeat(255),
    };
    let cart = create(&api, creation(most.clone())).await;
    assert_eq!(cart.customer_context, Some(most.clone()));

    let too_much = pb::CustomerContext {
        customer_id: "c".repeat(256),
        group_ids: vec!["group".into(); 101],
        completed_order_count: 1_000_001,
        tax_exemption: "t".repeat(256),
    };
    let paths = [
        "customer_context.completed_order_count",
        "customer_context.customer_id",
        "customer_context.group_ids",
        "customer_context.tax_exemption",
    ];
    let mut fields = bad_fields(call!(api.carts, create_cart, creation(too_much.clone())));
    fields.sort();
    assert_eq!(fields, paths);
    let mut fields = bad_fields(call!(api.carts, update_cart, update(&cart.id, too_much)));
    fields.sort();
    assert_eq!(fields, paths);

    let nonsense = pb::CustomerContext {
        group_ids: vec!["trade".into(), String::new()],
        completed_order_count: -1,
        ..Default::default()
    };
    let mut fields = bad_fields(call!(api.carts, update_cart, update(&cart.id, nonsense)));
    fields.sort();
    assert_eq!(
        fields,
        [
            "customer_context.completed_order_count",
            "customer_context.group_ids[1]"
        ]
    );
    let kept = api.get(&cart.id).await.cart.unwrap();
    assert_eq!(kept.customer_context, Some(most));
}

async fn repeated_and_stale_requests(api: Api) {
    let cart = create(&api, creation(pb::CustomerContext::default())).await;
    let request = pb::UpdateCartRequest {
        request_id: Uuid::from_u128(1).to_string(),
        ..update(&cart.id, ada())
    };
    let first = change(&api, request.clone()).await;
    assert_eq!(change(&api, request.clone()).await, first);
    let other = pb::UpdateCartRequest {
        customer_context: Some(pb::CustomerContext::default()),
        ..request
    };
    refused(
        call!(api.carts, update_cart, other),
        Code::InvalidArgument,
        "REQUEST_ID_REUSED",
    );
    let stale = pb::UpdateCartRequest {
        expected_version: Some(1),
        ..update(&cart.id, pb::CustomerContext::default())
    };
    refused(
        call!(api.carts, update_cart, stale),
        Code::Aborted,
        "VERSION_MISMATCH",
    );
    assert_eq!(api.get(&cart.id).await.version, 2);
}

//! Fees: what the shop charges beside goods and shipping.

use cartwright::rpc::pb;
use tonic::{Code, Status};
use uuid::Uuid;

use crate::harness::api::{
    Api, address, bad_fields, call, item, minor, on_every_backend, refused, store, usd,
};

on_every_backend!(
    added_changed_and_removed,
    taxed_at_the_billing_address,
    taxed_in_their_own_class,
    at_most_five,
    all_or_none,
    what_is_wrong_with_a_fee,
    they_bind_the_currency,
    an_order_keeps_them,
    repeated_and_stale_requests,
);

fn fee(name: &str, amount: i64) -> pb::NewFee {
    pb::NewFee {
        name: name.into(),
        amount: usd(amount),
        ..Default::default()
    }
}

fn addition(checkout_id: &str, fees: Vec<pb::NewFee>) -> pb::AddFeesRequest {
    pb::AddFeesRequest {
        checkout_id: checkout_id.into(),
        fees,
        ..Default::default()
    }
}

fn update(checkout_id: &str, fees: &[(&str, pb::NewFee)]) -> pb::UpdateFeesRequest {
    let update = |(fee_id, fee): &(&str, pb::NewFee)| pb::FeeUpdate {
        fee_id: (*fee_id).into(),
        fee: Some(fee.clone()),
    };
    pb::UpdateFeesRequest {
        checkout_id: checkout_id.into(),
        fees: fees.iter().map(update).collect(),
        ..Default::default()
    }
}

fn deletion(checkout_id: &str, fee_ids: &[&str]) -> pb::DeleteFeesRequest {
    pb::DeleteFeesRequest {
        checkout_id: checkout_id.into(),
        fee_ids: fee_ids.iter().map(|id| (*id).into()).collect(),
        ..Default::default()
    }
}

async fn add(api: &Api, id: &str, fees: Vec<pb::NewFee>) -> Result<pb::Checkout, Status> {
    let answer = call!(api.checkouts, add_fees, addition(id, fees))?;
    Ok(answer.checkout.unwrap())
}

fn totals(checkout: &pb::Checkout) -> &pb::Totals {
    checkout.totals.as_ref().unwrap()
}

/// The fees without and with tax.
fn sums(checkout: &pb::Checkout) -> (i64, i64) {
    let totals = totals(checkout);
    (minor(&totals.fees_ex_tax), minor(&totals.fees_inc_tax))
}

async fn added_changed_and_removed(api: Api) {
    let cart = api.cart(vec![item("poster", 1)]).await;
    let insurance = pb::NewFee {
        display_name: "Shipping insurance".into(),
        r#type: "insurance".into(),
        ..fee("INS", 199)
    };
    let checkout = add(&api, &cart.id, vec![insurance, fee("Rush", 500)])
        .await
        .unwrap();
    let [first, second] = checkout.fees.as_slice() else {
        panic!("two fees: {:?}", checkout.fees)
    };
    assert_eq!(
        (
            first.name.as_str(),
            first.display_name.as_str(),
            first.r#type.as_str()
        ),
        ("INS", "Shipping insurance", "insurance")
    );
    assert_eq!(
        second.display_name, "Rush",
        "the name, unless there is another"
    );
    assert_eq!((minor(&first.amount), minor(&second.amount)), (199, 500));
    assert_eq!(sums(&checkout), (699, 699));
    assert_eq!(minor(&totals(&checkout).grand_total), 3_195 + 699);

    let request = update(&cart.id, &[(&second.id, fee("Faster", 900))]);
    let changed = call!(api.checkouts, update_fees, request)
        .unwrap()
        .checkout
        .unwrap();
    assert_eq!(changed.fees[0], *first);
    let faster = &changed.fees[1];
    assert_eq!(
        (&faster.id, faster.name.as_str(), minor(&faster.amount)),
        (&second.id, "Faster", 900)
    );
    assert_eq!(sums(&changed), (1_099, 1_099));

    let request = deletion(&cart.id, &[&first.id]);
    let left = call!(api.checkouts, delete_fees, request)
        .unwrap()
        .checkout
        .unwrap();
    assert_eq!(left.fees, std::slice::from_ref(faster));
    assert_eq!(api.get(&cart.id).await, left);
    let request = deletion(&cart.id, &[&second.id]);
    let none = call!(api.checkouts, delete_fees, request)
        .unwrap()
        .checkout
        .unwrap();
    assert_eq!((none.fees.len(), sums(&none)), (0, (0, 0)));
}

async fn taxed_at_the_billing_address(api: Api) {
    let cart = api.cart(vec![item("poster", 1)]).await;
    add(&api, &cart.id, vec![fee("Rush", 500)]).await.unwrap();
    let checkout = api.bill(&cart.id, address("CA")).await;
    // 5 % in Canada, wherever the goods go.
    api.consign(&cart.id, address("US"), &[(&cart.line_items[0].id, 1)])
        .await;
    let fee = &checkout.fees[0];
    assert_eq!(
        (
            minor(&fee.amount),
            minor(&fee.cost_ex_tax),
            minor(&fee.cost_inc_tax)
        ),
        (500, 500, 525)
    );
    let checkout = api.get(&cart.id).await;
    assert_eq!(sums(&checkout), (500, 525));
    let taxes: Vec<_> = checkout
        .taxes
        .iter()
        .map(|tax| (tax.name.as_str(), minor(&tax.amount)))
        .collect();
    assert_eq!(taxes.len(), 2);
    assert!(
        taxes.contains(&("GST", 25)) && taxes.contains(&("Sales tax", 128)),
        "{taxes:?}"
    );
    assert_eq!(
        minor(&totals(&checkout).grand_total),
        3_195 + 500 + 25 + 128
    );
}

async fn taxed_in_their_own_class(api: Api) {
    let class = |id: &str| pb::TaxClass {
        id: id.into(),
        name: id.into(),
    };
    let mut settings = store();
    settings
        .tax_classes
        .extend([class("services"), class("reduced")]);
    settings.tax_zones[0].rates[0]
        .class_rates
        .push(pb::TaxClassRate {
            tax_class_id: "reduced".into(),
            rate: "0.02".into(),
        });
    settings.tax = Some(pb::TaxSettings {
        fee_tax_class_id: "services".into(),
        ..Default::default()
    });
    let request = pb::UpdateStoreRequest {
        store: Some(settings),
        ..Default::default()
    };
    call!(api.store, update_store, request).unwrap();

    let cart = api.cart(vec![item("poster", 1)]).await;
    api.bill(&cart.id, address("US")).await;
    let reduced = pb::NewFee {
        tax_class_id: "reduced".into(),
        ..fee("Reduced", 1_000)
    };
    let checkout = add(&api, &cart.id, vec![fee("Untaxed", 1_000), reduced])
        .await
        .unwrap();
    let costs: Vec<_> = checkout
        .fees
        .iter()
        .map(|fee| (fee.tax_class_id.as_str(), minor(&fee.cost_inc_tax)))
        .collect();
    assert_eq!(costs, [("", 1_000), ("reduced", 1_020)]);
}

async fn at_most_five(api: Api) {
    let cart = api.cart(vec![item("poster", 1)]).await;
    let fees = |count: usize| vec![fee("Fee", 100); count];
    for count in [0, 6] {
        assert_eq!(bad_fields(add(&api, &cart.id, fees(count)).await), ["fees"]);
    }
    add(&api, &cart.id, fees(3)).await.unwrap();
    assert_eq!(bad_fields(add(&api, &cart.id, fees(3)).await), ["fees"]);
    let full = add(&api, &cart.id, fees(2)).await.unwrap();
    assert_eq!(full.fees.len(), 5);
    assert_eq!(bad_fields(add(&api, &cart.id, fees(1)).await), ["fees"]);
    assert_eq!(api.get(&cart.id).await, full);
}

async fn all_or_none(api: Api) {
    let cart = api.cart(vec![item("poster", 1)]).await;
    let checkout = add(&api, &cart.id, vec![fee("Rush", 500)]).await.unwrap();
    let (known, unknown) = (checkout.fees[0].id.as_str(), Uuid::from_u128(1).to_string());
    let changes = [(known, fee("Faster", 900)), (&unknown, fee("Other", 1))];
    let request = update(&cart.id, &changes);
    let refusal = refused(
        call!(api.checkouts, update_fees, request),
        Code::NotFound,
        "FEE_NOT_FOUND",
    );
    assert_eq!(refusal.error_info().unwrap().metadata["fee_id"], unknown);
    let resource = refusal.resource_info().unwrap();
    assert_eq!(
        (resource.resource_type.as_str(), &resource.resource_name),
        ("cartwright.v1.Fee", &unknown)
    );
    let request = deletion(&cart.id, &[known, &unknown]);
    refused(
        call!(api.checkouts, delete_fees, request),
        Code::NotFound,
        "FEE_NOT_FOUND",
    );
    let wrong_class = pb::NewFee {
        tax_class_id: "luxury".into(),
        ..fee("Other", 1)
    };
    let fields = bad_fields(add(&api, &cart.id, vec![fee("Fine", 1), wrong_class]).await);
    assert_eq!(fields, ["fees[1].tax_class_id"]);
    assert_eq!(api.get(&cart.id).await, checkout);
}

async fn what_is_wrong_with_a_fee(api: Api) {
    let cart = api.cart(vec![item("poster", 1)]).await;
    let euro = Some(pb::Money {
        currency_code: "EUR".into(),
        amount_minor: 100,
    });
    let wrong = pb::NewFee {
        display_name: "d".repeat(256),
        r#type: "t".repeat(256),
        tax_class_id: "c".repeat(256),
        ..fee("", 0)
    };
    let paths = [
        "name",
        "display_name",
        "type",
        "tax_class_id",
        "amount.amount_minor",
    ];
    let at = |prefix: &str| {
        let mut paths: Vec<_> = paths
            .iter()
            .map(|path| format!("{prefix}.{path}"))
            .collect();
        paths.sort();
        paths
    };
    let mut fields = bad_fields(add(&api, &cart.id, vec![wrong.clone()]).await);
    fields.sort();
    assert_eq!(fields, at("fees[0]"));

    let id = Uuid::from_u128(1).to_string();
    let request = update(&cart.id, &[(&id, wrong), (&id, fee("Twice", 1))]);
    let mut fields = bad_fields(call!(api.checkouts, update_fees, request));
    fields.sort();
    let mut expected = at("fees[0].fee");
    expected.push("fees[1].fee_id".into());
    assert_eq!(fields, expected);

    for (amount, path) in [
        (None, "fees[0].amount"),
        (usd(-1), "fees[0].amount.amount_minor"),
        (usd(1_000_000_000_001), "fees[0].amount.amount_minor"),
        (euro.clone(), "fees[0].amount.currency_code"),
    ] {
        let fee = pb::NewFee {
            amount,
            ..fee("Fee", 1)
        };
        assert_eq!(bad_fields(add(&api, &cart.id, vec![fee]).await), [path]);
    }
    let refusal = add(
        &api,
        &cart.id,
        vec![pb::NewFee {
            amount: euro,
            ..fee("Fee", 1)
        }],
    );
    let refusal = refused(refusal.await, Code::InvalidArgument, "CURRENCY_MISMATCH");
    let metadata = &refusal.error_info().unwrap().metadata;
    assert_eq!(
        (
            metadata["currency_code"].as_str(),
            metadata["expected_currency_code"].as_str()
        ),
        ("EUR", "USD")
    );
    let request = pb::UpdateFeesRequest {
        checkout_id: "x".into(),
        fees: vec![pb::FeeUpdate::default()],
        ..Default::default()
    };
    assert_eq!(
        bad_fields(call!(api.checkouts, update_fees, request)),
        ["checkout_id", "fees[0].fee_id", "fees[0].fee"]
    );
    assert_eq!(
        bad_fields(call!(api.checkouts, delete_fees, deletion(&cart.id, &[]))),
        ["fee_ids"]
    );
    let request = deletion(&cart.id, &["", "x"]);
    assert_eq!(
        bad_fields(call!(api.checkouts, delete_fees, request)),
        ["fee_ids[0]", "fee_ids[1]"]
    );
    assert_eq!(
        bad_fields(call!(
            api.checkouts,
            delete_fees,
            deletion(&cart.id, &[id.as_str(); 6])
        )),
        ["fee_ids"]
    );
}

async fn they_bind_the_currency(api: Api) {
    let cart = api.cart(vec![item("poster", 1)]).await;
    let checkout = add(&api, &cart.id, vec![fee("Rush", 500)]).await.unwrap();
    let request = pb::UpdateCartRequest {
        cart_id: cart.id.clone(),
        currency_code: "EUR".into(),
        ..Default::default()
    };
    let status = call!(api.carts, update_cart, request.clone()).unwrap_err();
    assert!(status.message().contains("\"Rush\""), "{status:?}");
    let refusal = refused(
        Err::<(), _>(status),
        Code::FailedPrecondition,
        "CURRENCY_NOT_CHANGEABLE",
    );
    assert_eq!(
        refusal.error_info().unwrap().metadata["currency_code"],
        "EUR"
    );
    let removal = deletion(&cart.id, &[&checkout.fees[0].id]);
    call!(api.checkouts, delete_fees, removal).unwrap();
    let changed = call!(api.carts, update_cart, request).unwrap();
    assert_eq!(changed.cart.unwrap().currency_code, "EUR");
}

async fn an_order_keeps_them(api: Api) {
    let checkout = api.ready().await;
    let checkout = add(&api, &checkout.id, vec![fee("Rush", 500)])
        .await
        .unwrap();
    let order = api.order(&checkout.id).await.unwrap();
    let removal = deletion(&checkout.id, &[&checkout.fees[0].id]);
    call!(api.checkouts, delete_fees, removal).unwrap();
    assert_eq!(order.fees, checkout.fees);
    let total = minor(&order.totals.as_ref().unwrap().grand_total);
    assert_eq!(total, 4_155 + 520);
    let paid = api
        .pay(&order, "ch_1", total, pb::PaymentState::Completed)
        .await
        .unwrap();
    assert_eq!(paid.fees, checkout.fees);
}

async fn repeated_and_stale_requests(api: Api) {
    let cart = api.cart(vec![item("poster", 1)]).await;
    let id = |number| Uuid::from_u128(number).to_string();
    let adding = pb::AddFeesRequest {
        request_id: id(1),
        expected_version: Some(1),
        ..addition(&cart.id, vec![fee("Rush", 500)])
    };
    let added = call!(api.checkouts, add_fees, adding.clone()).unwrap();
    assert_eq!(
        call!(api.checkouts, add_fees, adding.clone()).unwrap(),
        added
    );
    let other = pb::AddFeesRequest {
        fees: vec![fee("Rush", 501)],
        ..adding.clone()
    };
    refused(
        call!(api.checkouts, add_fees, other),
        Code::InvalidArgument,
        "REQUEST_ID_REUSED",
    );
    let stale = pb::AddFeesRequest {
        request_id: String::new(),
        ..adding
    };
    refused(
        call!(api.checkouts, add_fees, stale),
        Code::Aborted,
        "VERSION_MISMATCH",
    );

    let fee_id = added.checkout.unwrap().fees[0].id.clone();
    let changing = pb::UpdateFeesRequest {
        request_id: id(2),
        expected_version: Some(2),
        ..update(&cart.id, &[(&fee_id, fee("Faster", 900))])
    };
    let changed = call!(api.checkouts, update_fees, changing.clone()).unwrap();
    assert_eq!(
        call!(api.checkouts, update_fees, changing.clone()).unwrap(),
        changed
    );
    let stale = pb::UpdateFeesRequest {
        request_id: id(3),
        ..changing
    };
    refused(
        call!(api.checkouts, update_fees, stale),
        Code::Aborted,
        "VERSION_MISMATCH",
    );

    let removing = pb::DeleteFeesRequest {
        request_id: id(4),
        expected_version: Some(3),
        ..deletion(&cart.id, &[&fee_id])
    };
    let removed = call!(api.checkouts, delete_fees, removing.clone()).unwrap();
    assert_eq!(
        call!(api.checkouts, delete_fees, removing.clone()).unwrap(),
        removed
    );
    let stale = pb::DeleteFeesRequest {
        request_id: id(5),
        ..removing
    };
    refused(
        call!(api.checkouts, delete_fees, stale),
        Code::Aborted,
        "VERSION_MISMATCH",
    );
    assert_eq!(api.get(&cart.id).await.version, 4);
}

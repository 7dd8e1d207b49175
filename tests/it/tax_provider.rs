//! Taxes by a provider, which serves in another process: what it is asked, what becomes of its answers, and what holds
//! while it cannot be asked.

use std::time::Duration;

use cartwright::rpc::pb::{self, CheckoutMessageCode::TaxProviderUnavailable};
use serde_json::{Value, json};
use tokio::time::{Instant, sleep};
use tonic::Code;

use crate::harness::{
    PATIENCE,
    api::{Api, address, call, item, minor, on_every_backend, percentage_coupon, refused, usd},
    tax::TaxService,
};

on_every_backend!(
    all_that_is_charged,
    asked_only_when_it_matters,
    entered_with_tax_at_home_and_abroad,
    shown_with_tax,
    what_can_go_wrong,
    one_failure_is_not_noticed,
    a_provider_that_is_gone_and_back,
    an_old_estimate_is_asked_for_again,
    another_provider_is_asked_anew,
    without_a_provider,
);

/// Taxes by name.
fn taxes(checkout: &pb::Checkout) -> Vec<(&str, i64)> {
    let taxes = checkout.taxes.iter();
    taxes
        .map(|tax| (tax.name.as_str(), minor(&tax.amount)))
        .collect()
}

fn totals(checkout: &pb::Checkout) -> &pb::Totals {
    checkout.totals.as_ref().unwrap()
}

fn grand_total(checkout: &pb::Checkout) -> i64 {
    minor(&totals(checkout).grand_total)
}

/// Why the provider could not be asked, by the message of the checkout; none when it was.
fn trouble(checkout: &pb::Checkout) -> Option<&str> {
    let mut messages = checkout.messages.iter();
    let found = messages.find(|message| message.code() == TaxProviderUnavailable)?;
    Some(&found.text)
}

async fn write(api: &Api, checkout: &pb::Checkout, message: &str) -> pb::Checkout {
    let request = pb::UpdateCheckoutRequest {
        checkout_id: checkout.id.clone(),
        customer_message: message.into(),
        ..Default::default()
    };
    let answer = call!(api.checkouts, update_checkout, request).unwrap();
    answer.checkout.unwrap()
}

async fn add_fee(api: &Api, checkout: &pb::Checkout, amount: i64) -> pb::Checkout {
    let fee = pb::NewFee {
        name: "Insurance".into(),
        amount: usd(amount),
        ..Default::default()
    };
    let request = pb::AddFeesRequest {
        checkout_id: checkout.id.clone(),
        fees: vec![fee],
        ..Default::default()
    };
    let answer = call!(api.checkouts, add_fees, request).unwrap();
    answer.checkout.unwrap()
}

fn kraft() -> pb::GiftWrappingOption {
    pb::GiftWrappingOption {
        id: "kraft".into(),
        name: "Kraft paper".into(),
        price: usd(250),
        ..Default::default()
    }
}

async fn all_that_is_charged(api: Api) {
    let provider = TaxService::start();
    let mut store = provider.store();
    store.gift_wrapping_options = vec![kraft()];
    store.origin = Some(address("US"));
    api.set_up(store).await;
    let wrapped = pb::NewLineItem {
        gift_wrapping: Some(pb::NewGiftWrapping {
            option_id: "kraft".into(),
            ..Default::default()
        }),
        ..item("poster", 3)
    };
    let request = pb::CreateCartRequest {
        line_items: vec![wrapped, item("ebook", 1)],
        customer_id: "ada".into(),
        customer_context: Some(pb::CustomerContext {
            customer_id: "ada".into(),
            group_ids: vec!["vip".into(), "club".into()],
            ..Default::default()
        }),
        ..Default::default()
    };
    let cart = call!(api.carts, create_cart, request)
        .unwrap()
        .cart
        .unwrap();
    let (id, posters, ebook) = (&cart.id, &cart.line_items[0].id, &cart.line_items[1].id);
    api.bill(id, address("US")).await;
    api.consign(id, address("US"), &[(posters, 2)]).await;
    let checkout = api.consign(id, address("CA"), &[(posters, 1)]).await;
    let [here, there] = [0, 1].map(|index| checkout.consignments[index].id.clone());
    api.select(id, &here, "us/us-ground").await.unwrap();
    let checkout = api.select(id, &there, "ca/ca-post").await.unwrap();
    let checkout = add_fee(&api, &checkout, 199).await;

    let fee = &checkout.fees[0].id;
    let question = provider.questions().pop().unwrap();
    let asked: Vec<_> = question["taxables"].as_array().unwrap().iter().collect();
    let asked: Vec<_> = asked.into_iter().map(summary).collect();
    let (item, wrapping) = ("ITEM", "GIFT_WRAPPING");
    let expected = [
        (format!("item/{posters}/{here}"), item, 6_390, "US", 2),
        (format!("item/{posters}/{there}"), item, 3_195, "CA", 1),
        (
            format!("gift-wrapping/{posters}/{here}"),
            wrapping,
            500,
            "US",
            1,
        ),
        (
            format!("gift-wrapping/{posters}/{there}"),
            wrapping,
            250,
            "CA",
            1,
        ),
        (format!("item/{ebook}"), item, 500, "US", 1),
        (format!("shipping/{here}"), "SHIPPING", 800, "US", 1),
        (format!("shipping/{there}"), "SHIPPING", 1_500, "CA", 1),
        (format!("handling/{there}"), "HANDLING", 200, "CA", 1),
        (format!("fee/{fee}"), "FEE", 199, "US", 1),
    ];
    let expected = expected.map(|(id, kind, amount, country, units)| {
        (
            id,
            format!("TAXABLE_KIND_{kind}"),
            amount,
            country.to_owned(),
            units,
        )
    });
    assert_eq!(asked, expected);
    assert_eq!(question["checkout_id"], json!(id));
    assert_eq!(question["currency_code"], json!("USD"));
    assert_eq!(question["customer_id"], json!("ada"));
    assert_eq!(question["customer_group_ids"], json!(["club", "vip"]));
    assert_eq!(question["origin"]["postal_code"], json!("73301"));
    let first = &question["taxables"][0];
    assert_eq!(first["product_id"], json!("poster"));
    assert_eq!(first["sku"], json!("POSTER"));
    assert_eq!(first["tax_class_id"], json!("standard"));
    let place = json!({
        "country_code": "US", "state_or_province_code": "TX", "postal_code": "73301",
        "city": "Springfield", "address1": "12 Main St",
    });
    assert_eq!(first["destination"], place, "never who is there");

    // 6 % and 1 % of 63.90, 5.00, 5.00, 8.00, 1.99, and 5 % of 31.95, 2.50, 15.00, 2.00, each rounded.
    let state = 383 + 30 + 30 + 48 + 12;
    let city = 64 + 5 + 5 + 8 + 2;
    let gst = 160 + 13 + 75 + 10;
    let expected = [("State tax", state), ("City tax", city), ("GST", gst)];
    assert_eq!(taxes(&checkout), expected);
    assert_eq!(minor(&totals(&checkout).tax_total), state + city + gst);
    let before = 10_085 + 750 + 2_300 + 200 + 199;
    assert_eq!(grand_total(&checkout), before + state + city + gst);
    assert_eq!(trouble(&checkout), None);
    assert_eq!(api.get(id).await.taxes, checkout.taxes);
}

/// Id, kind, amount, country and units of an amount that was asked.
fn summary(taxable: &Value) -> (String, String, i64, String, i64) {
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let minor = text(&taxable["amount"]["amount_minor"]);
    (
        text(&taxable["id"]),
        text(&taxable["kind"]),
        minor.parse().unwrap(),
        text(&taxable["destination"]["country_code"]),
        taxable["quantity"].as_i64().unwrap(),
    )
}

async fn asked_only_when_it_matters(api: Api) {
    let provider = TaxService::start();
    api.set_up(provider.store()).await;
    let asked = || provider.questions().len();
    let cart = api.cart(vec![item("poster", 1)]).await;
    assert_eq!(asked(), 0, "no address is known");
    let checkout = api.bill(&cart.id, address("US")).await;
    assert_eq!(
        (asked(), taxes(&checkout)),
        (1, vec![("State tax", 192), ("City tax", 32)])
    );

    let checkout = write(&api, &checkout, "Ring twice").await;
    assert_eq!((asked(), minor(&totals(&checkout).tax_total)), (1, 224));
    add_fee(&api, &checkout, 100).await;
    assert_eq!(asked(), 2, "more is charged");
    let update = |context: pb::CustomerContext| pb::UpdateCartRequest {
        cart_id: cart.id.clone(),
        customer_context: Some(context),
        ..Default::default()
    };
    let in_a_group = pb::CustomerContext {
        group_ids: vec!["vip".into()],
        ..Default::default()
    };
    call!(api.carts, update_cart, update(in_a_group)).unwrap();
    assert_eq!(asked(), 3, "it may depend on who buys");

    let exempt = pb::CustomerContext {
        tax_exemption: "charity".into(),
        ..Default::default()
    };
    call!(api.carts, update_cart, update(exempt)).unwrap();
    let checkout = api.get(&cart.id).await;
    assert_eq!((asked(), taxes(&checkout)), (3, vec![]));
    assert_eq!(checkout.tax_exemption, "charity");

    let free = api.custom_cart(&[0]).await;
    api.bill(&free.id, address("US")).await;
    assert_eq!(asked(), 3, "nothing is charged");
}

async fn entered_with_tax_at_home_and_abroad(api: Api) {
    let provider = TaxService::start();
    let mut store = provider.store();
    let tax = store.tax.as_mut().unwrap();
    tax.prices_include_tax = true;
    tax.show_prices_with_tax = true;
    tax.home_tax_zone_id = "us".into();
    api.set_up(store).await;

    let home = api.ready().await;
    let question = provider.questions().pop().unwrap();
    let [poster, shipping] = [0, 1].map(|index| question["taxables"][index].clone());
    assert_eq!(poster["tax_included"], json!(true));
    assert_eq!([summary(&poster).2, summary(&shipping).2], [3_195, 800]);
    // Of 31.95 and 8.00 that contain 6 % and 1 %.
    assert_eq!(
        taxes(&home),
        [("State tax", 179 + 45), ("City tax", 30 + 7)]
    );
    assert_eq!(grand_total(&home), 3_195 + 800);
    assert_eq!(minor(&totals(&home).shipping_cost_ex_tax), 800 - 52);

    let cart = api.cart(vec![item("poster", 1)]).await;
    let line = cart.line_items[0].id.as_str();
    let checkout = api.consign(&cart.id, address("CA"), &[(line, 1)]).await;
    let consignment = &checkout.consignments[0].id;
    let abroad = api
        .select(&cart.id, consignment, "ca/ca-post")
        .await
        .unwrap();
    let question = provider.questions().pop().unwrap();
    let asked = question["taxables"].as_array().unwrap();
    assert!(asked.iter().all(|one| one.get("tax_included").is_none()));
    // 31.95, 15.00 and 2.00 without the 4 % of the home zone, and 5 % on that.
    let amounts: Vec<_> = asked.iter().map(|one| summary(one).2).collect();
    assert_eq!(amounts, [3_072, 1_442, 192]);
    assert_eq!(taxes(&abroad), [("GST", 154 + 72 + 10)]);
    assert_eq!(grand_total(&abroad), 3_226 + 1_514 + 202);
    let line = &abroad.cart.as_ref().unwrap().line_items[0];
    assert_eq!(minor(&line.list_price), 3_226);
}

async fn shown_with_tax(api: Api) {
    let provider = TaxService::start();
    let mut store = provider.store();
    let tax = store.tax.as_mut().unwrap();
    tax.show_prices_with_tax = true;
    tax.home_tax_zone_id = "us".into();
    api.set_up(store).await;
    api.coupon(percentage_coupon("TENTH", "10")).await;
    api.coupon(percentage_coupon("GIFT", "100")).await;
    let cart = api.cart(vec![item("poster", 2)]).await;
    api.bill(&cart.id, address("US")).await;
    let checkout = api.apply(&cart.id, "TENTH").await.unwrap();
    // 57.51 are charged, with 3.45 and 0.58 of tax; all else is shown with as much tax in proportion.
    let line = &checkout.cart.as_ref().unwrap().line_items[0];
    assert_eq!(minor(&line.extended_sale_price), 5_751 + 345 + 58);
    assert_eq!(minor(&line.list_price), 3_195 + 224);
    assert_eq!(minor(&line.extended_list_price), 6_390 + 448);
    assert_eq!(minor(&line.coupon_amount), 6_838 - 6_154);
    assert_eq!(minor(&totals(&checkout).subtotal_inc_tax), 6_838);

    let request = pb::RemoveCouponRequest {
        checkout_id: cart.id.clone(),
        code: "TENTH".into(),
        ..Default::default()
    };
    call!(api.coupons, remove_coupon, request).unwrap();
    let free = api.apply(&cart.id, "GIFT").await.unwrap();
    let line = &free.cart.as_ref().unwrap().line_items[0];
    assert_eq!((grand_total(&free), taxes(&free)), (0, vec![]));
    assert_eq!(minor(&line.extended_list_price), 6_390);
}

/// Each way to fail, and how the checkout tells it.
const FAILURES: [(&str, &str); 12] = [
    ("fail", "answered gRPC status Unavailable"),
    ("die", "cannot be reached, or broke off"),
    ("hang", "did not answer within"),
    ("malformed", "answered gRPC status Internal"),
    ("wrong_type", "answered gRPC status Internal"),
    ("wrong_currency", "answered a tax that is not in USD"),
    ("negative", "answered a tax on item/"),
    ("too_much", "answered a tax on item/"),
    ("nameless", "whose name has not 1 to 255 characters"),
    ("too_many", "answered more than 20 taxes on item/"),
    ("missing", "answered no taxes on item/"),
    ("twice", "answered the taxes on item/"),
];

async fn what_can_go_wrong(api: Api) {
    for (mode, why) in FAILURES {
        let mut provider = TaxService::start();
        let mut store = provider.store();
        let settings = store.tax.as_mut().unwrap().provider.as_mut().unwrap();
        if mode == "hang" {
            settings.timeout = prost_types::Duration::try_from(Duration::from_millis(300)).ok();
        }
        let mut blocking = store.clone();
        let settings = blocking.tax.as_mut().unwrap().provider.as_mut().unwrap();
        settings.set_fallback(pb::TaxFallback::Block);

        api.set_up(store).await;
        provider.behave(json!({ "mode": mode }));
        let checkout = api.ready().await;
        let by_zones = vec![("Sales tax", 160)];
        assert_eq!(taxes(&checkout), by_zones, "{mode}");
        let told = trouble(&checkout).unwrap_or_else(|| panic!("{mode}: nothing is told"));
        assert!(told.contains(why), "{mode}: {told}");
        let address = told.contains("10.1.2.3") || told.contains("127.0.0.1");
        assert!(!address, "{told}");
        let order = api.order(&checkout.id).await.unwrap();
        assert_eq!(minor(&order.totals.unwrap().tax_total), 160);

        api.set_up(blocking).await;
        let checkout = write(&api, &checkout, "Please").await;
        assert_eq!(taxes(&checkout), by_zones, "{mode}");
        let order = api.order(&checkout.id).await;
        let details = refused(order, Code::FailedPrecondition, "CHECKOUT_INCOMPLETE");
        let violations = &details.precondition_failure().unwrap().violations;
        let types: Vec<_> = violations.iter().map(|one| one.r#type.as_str()).collect();
        assert_eq!(types, ["TAX_NOT_AVAILABLE"], "{mode}");

        provider.restart();
        let checkout = recovered(&api, &checkout).await;
        assert_eq!(
            taxes(&checkout),
            [("State tax", 192 + 48), ("City tax", 32 + 8)]
        );
        api.order(&checkout.id).await.unwrap();
    }
}

/// The checkout once the provider is asked again, which may take a while after failures.
async fn recovered(api: &Api, checkout: &pb::Checkout) -> pb::Checkout {
    let end = Instant::now() + PATIENCE;
    loop {
        let checkout = write(api, checkout, "Are you there?").await;
        let Some(why) = trouble(&checkout) else {
            return checkout;
        };
        assert!(Instant::now() < end, "it is not asked any more: {why}");
        sleep(Duration::from_millis(100)).await;
    }
}

async fn one_failure_is_not_noticed(api: Api) {
    let provider = TaxService::start();
    api.set_up(provider.store()).await;
    provider.behave(json!({"mode": "fail", "times": 1}));
    let cart = api.cart(vec![item("poster", 1)]).await;
    let checkout = api.bill(&cart.id, address("US")).await;
    assert_eq!((trouble(&checkout), provider.questions().len()), (None, 2));
}

async fn a_provider_that_is_gone_and_back(api: Api) {
    let mut provider = TaxService::start();
    api.set_up(provider.store()).await;
    let checkout = api.ready().await;
    provider.kill();
    let kept = write(&api, &checkout, "Nothing to ask").await;
    assert_eq!((taxes(&kept), trouble(&kept)), (taxes(&checkout), None));
    let without = add_fee(&api, &checkout, 100).await;
    assert_eq!(taxes(&without), [("Sales tax", 164)]);
    assert!(trouble(&without).is_some());
    provider.restart();
    let with = recovered(&api, &checkout).await;
    assert_eq!(
        taxes(&with),
        [("State tax", 192 + 48 + 6), ("City tax", 32 + 8 + 1)]
    );
}

async fn an_old_estimate_is_asked_for_again(api: Api) {
    let provider = TaxService::start();
    api.set_up(provider.store()).await;
    let checkout = api.ready().await;
    let asked = provider.questions().len();
    provider.behave(json!({"rates": {"US": {"State tax": 1000}}}));
    let order = api.order(&checkout.id).await.unwrap();
    assert_eq!(
        minor(&order.totals.unwrap().tax_total),
        280,
        "it counts for ten minutes"
    );
    assert_eq!(provider.questions().len(), asked);

    api.server.age_taxes(&checkout.id).await;
    let details = refused(
        api.order(&checkout.id).await,
        Code::FailedPrecondition,
        "PRICE_CHANGED",
    );
    let metadata = &details.error_info().unwrap().metadata;
    assert_eq!(metadata["grand_total"], (3_995 + 320 + 80).to_string());
    assert_eq!(
        taxes(&api.get(&checkout.id).await),
        [("State tax", 320 + 80)]
    );
    assert_eq!(provider.questions().len(), asked + 1);

    api.server.age_taxes(&checkout.id).await;
    let order = api.order(&checkout.id).await.unwrap();
    assert_eq!(
        minor(&order.totals.unwrap().tax_total),
        400,
        "asked again, and the same"
    );
    assert_eq!(provider.questions().len(), asked + 2);
}

async fn another_provider_is_asked_anew(api: Api) {
    let (first, second) = (TaxService::start(), TaxService::start());
    api.set_up(first.store()).await;
    let checkout = api.ready().await;
    second.behave(json!({"rates": {"US": {"State tax": 1000}}}));
    api.set_up(second.store()).await;
    refused(
        api.order(&checkout.id).await,
        Code::FailedPrecondition,
        "PRICE_CHANGED",
    );
    assert_eq!(
        taxes(&api.get(&checkout.id).await),
        [("State tax", 320 + 80)]
    );
}

async fn without_a_provider(api: Api) {
    let provider = TaxService::start();
    api.set_up(provider.store()).await;
    let checkout = api.ready().await;
    assert_eq!(minor(&totals(&checkout).tax_total), 280);
    api.set_up(crate::harness::api::store()).await;
    let checkout = write(&api, &checkout, "No provider any more").await;
    assert_eq!(
        (taxes(&checkout), trouble(&checkout)),
        (vec![("Sales tax", 160)], None)
    );
}

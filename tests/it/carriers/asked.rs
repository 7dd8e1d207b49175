//! What carriers are told, and what not.

use cartwright::rpc::pb;
use serde_json::{Value, json};

use crate::harness::{
    api::{Api, address, call, item, minor, on_every_backend, products, usd},
    carrier::{Carrier, store_with},
};

on_every_backend!(
    sizes_weights_and_options_by_http,
    sizes_weights_and_options_by_grpc,
    nobody_is_told_who_it_is_for,
    goods_that_are_not_to_be_quoted,
);

/// A shop whose posters have sizes, and a cart of two of a customer of some groups, with an e-mail address.
async fn cart_of_sized_posters(api: &Api) -> pb::Cart {
    let mut poster = products().remove(0);
    (poster.length_mm, poster.width_mm, poster.height_mm) = (605, 100, 254);
    let request = pb::UpsertProductsRequest {
        products: vec![poster],
        ..Default::default()
    };
    call!(api.catalog, upsert_products, request).unwrap();
    let request = pb::CreateCartRequest {
        line_items: vec![item("poster", 2)],
        email: "ada@example.com".into(),
        customer_id: "customer-7".into(),
        customer_context: Some(pb::CustomerContext {
            group_ids: vec!["vip".into(), "12".into()],
            ..Default::default()
        }),
        ..Default::default()
    };
    call!(api.carts, create_cart, request)
        .unwrap()
        .cart
        .unwrap()
}

/// The test shop in Austin with these carriers, each with an option for the zone.
fn store(carriers: Vec<pb::Carrier>) -> pb::Store {
    let mut store = store_with(carriers);
    store.origin = Some(pb::Address {
        company: "Acme Inc".into(),
        address1: "1 Dock Rd".into(),
        city: "Austin".into(),
        ..address("US")
    });
    for carrier in &mut store.shipping_zones[0].carriers {
        carrier.options = [("depot".to_owned(), "north".to_owned())].into();
    }
    store
}

async fn consign_all(api: &Api, cart: &pb::Cart) -> pb::Consignment {
    let lines = cart.line_items.iter();
    let items: Vec<_> = lines
        .map(|line| (line.id.as_str(), line.quantity))
        .collect();
    let checkout = api.consign(&cart.id, address("US"), &items).await;
    checkout.consignments[0].clone()
}

fn http(carrier: pb::Carrier, change: impl FnOnce(&mut pb::HttpCarrier)) -> pb::Carrier {
    let Some(pb::carrier::Endpoint::Http(mut http)) = carrier.endpoint else {
        panic!("an HTTP carrier");
    };
    change(&mut http);
    pb::Carrier {
        endpoint: Some(pb::carrier::Endpoint::Http(http)),
        ..carrier
    }
}

async fn sizes_weights_and_options_by_http(api: Api) {
    let (metric, imperial) = (Carrier::http(), Carrier::http());
    let options = [("account".to_owned(), "4711".to_owned())];
    api.set_up(store(vec![
        http(metric.settings("metric"), |http| {
            http.connection_options = options.into();
        }),
        http(imperial.settings("imperial"), |http| {
            http.measurement_system = pb::MeasurementSystem::Imperial.into();
        }),
    ]))
    .await;
    let cart = cart_of_sized_posters(&api).await;
    consign_all(&api, &cart).await;

    let value = json!({ "currency": "USD", "amount": 31.95 });
    let item = |units: [&str; 2], sizes: [f64; 4]| {
        json!({
            "sku": "POSTER",
            "variant_id": "",
            "product_id": "poster",
            "name": "The poster",
            "length": { "units": units[0], "value": sizes[0] },
            "width": { "units": units[0], "value": sizes[1] },
            "height": { "units": units[0], "value": sizes[2] },
            "weight": { "units": units[1], "value": sizes[3] },
            "discounted_price": value,
            "declared_value": value,
            "quantity": 2,
            "attributes": [],
        })
    };
    let place = |city: &str| {
        json!({
            "street_1": "",
            "street_2": "",
            "zip": "73301",
            "city": city,
            "state_iso2": "TX",
            "country_iso2": "US",
            "address_type": "RESIDENTIAL",
        })
    };
    let expected = |item: Value, options: Value| {
        json!({
            "base_options": {
                "origin": place("Austin"),
                "destination": place("Springfield"),
                "items": [item],
                "customer": { "customer_groups": [
                    { "customer_group_id": 12, "customer_group_name": "12" },
                    { "customer_group_id": "vip", "customer_group_name": "vip" },
                ] },
                "store_id": "Test shop",
                "request_context": { "reference_values": [] },
            },
            "zone_options": { "depot": "north" },
            "connection_options": options,
            "rate_options": [],
        })
    };
    let (asked, headers) = metric.last_request();
    let sized = item(["cm", "g"], [60.5, 10.0, 25.4, 300.0]);
    assert_eq!(
        floats(asked),
        floats(expected(sized, json!({ "account": "4711" })))
    );
    assert_eq!(headers["content-type"], "application/json");
    let (asked, _) = imperial.last_request();
    let sized = item(["in", "oz"], [23.82, 3.94, 10.0, 10.58]);
    assert_eq!(floats(asked), floats(expected(sized, json!({}))));
}

/// With every number as a float, since 10 and 10.0 are the same in JSON.
fn floats(value: Value) -> Value {
    match value {
        Value::Number(number) => number.as_f64().into(),
        Value::Array(values) => values.into_iter().map(floats).collect(),
        Value::Object(values) => values
            .into_iter()
            .map(|(key, value)| (key, floats(value)))
            .collect(),
        other => other,
    }
}

async fn sizes_weights_and_options_by_grpc(api: Api) {
    let carrier = Carrier::grpc();
    api.set_up(store(vec![carrier.settings("parcels")])).await;
    let cart = cart_of_sized_posters(&api).await;
    consign_all(&api, &cart).await;
    let place = |city: &str| {
        json!({
            "country_code": "US",
            "state_or_province_code": "TX",
            "postal_code": "73301",
            "city": city,
        })
    };
    let expected = json!({
        "carrier_id": "parcels",
        "currency_code": "USD",
        "origin": place("Austin"),
        "destination": place("Springfield"),
        "items": [{
            "product_id": "poster",
            "sku": "POSTER",
            "name": "The poster",
            "quantity": 2,
            "unit_value": { "currency_code": "USD", "amount_minor": "3195" },
            "weight_grams": "300",
            "length_mm": 605,
            "width_mm": 100,
            "height_mm": 254,
        }],
        "customer_group_ids": ["12", "vip"],
        "zone_options": { "depot": "north" },
    });
    assert_eq!(carrier.last_request().0, expected);
}

async fn nobody_is_told_who_it_is_for(api: Api) {
    for carrier in [Carrier::http(), Carrier::grpc()] {
        let who = ["Ada", "Lovelace", "ada@example.com", "customer-7", "Acme"];
        let street = ["12 Main St", "1 Dock Rd"];
        for needs_street in [false, true] {
            let settings = pb::Carrier {
                needs_street,
                ..carrier.settings("parcels")
            };
            api.set_up(store(vec![settings])).await;
            let cart = cart_of_sized_posters(&api).await;
            consign_all(&api, &cart).await;
            let (asked, headers) = carrier.last_request();
            let all = format!("{asked} {headers}");
            assert!(!who.iter().any(|word| all.contains(word)), "{all}");
            assert_eq!(
                street.map(|word| all.contains(word)),
                [needs_street; 2],
                "{all}"
            );
        }
    }
}

async fn goods_that_are_not_to_be_quoted(api: Api) {
    let carrier = Carrier::http();
    let mut store = store(vec![carrier.settings("parcels")]);
    store.shipping_zones[0].handling_fee = Some(pb::HandlingFee {
        fee: Some(pb::handling_fee::Fee::Fixed(usd(150).unwrap())),
    });
    api.set_up(store).await;
    let told_of = || {
        let (asked, _) = carrier.last_request();
        let items = asked["base_options"]["items"].as_array().unwrap().clone();
        let ids = items
            .iter()
            .map(|item| item["product_id"].as_str().unwrap().to_owned());
        ids.collect::<Vec<_>>()
    };
    let cost_by_ground = async |products: &[&str]| {
        let items = products.iter().map(|product| item(product, 1)).collect();
        let cart = api.cart(items).await;
        let consignment = consign_all(&api, &cart).await;
        let checkout = api
            .select(&cart.id, &consignment.id, "us/parcels/GND")
            .await
            .unwrap();
        let consignment = &checkout.consignments[0];
        (
            minor(&consignment.shipping_cost_ex_tax),
            minor(&consignment.handling_cost_ex_tax),
        )
    };
    // An anvil ships for 25.00 and a sticker for nothing: the carrier quotes the poster only.
    assert_eq!(
        cost_by_ground(&["poster", "anvil", "sticker"]).await,
        (725 + 2500, 150)
    );
    assert_eq!(told_of(), ["poster"]);
    // Where nothing is to be quoted it says which services there are.
    assert_eq!(cost_by_ground(&["anvil", "sticker"]).await, (2500, 150));
    assert_eq!(told_of(), ["anvil", "sticker"]);
    assert_eq!(cost_by_ground(&["sticker"]).await, (0, 150));
}

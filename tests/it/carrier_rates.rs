//! How what carriers answered becomes shipping options beside the store's own methods.

use std::sync::Arc;

use cartwright::domain::{
    carrier::{
        Asked, Carrier, CarrierAnswer, CarrierEndpoint, CarrierRate, DEFAULT_MAX_CONCURRENT_CALLS,
        DEFAULT_MAX_RETRIES, DEFAULT_QUOTE_LIFETIME, DEFAULT_TIMEOUT, ZoneCarrier,
    },
    location::Location,
    money::Rate,
    rating::{carriers, quote},
    shipping::{OptionKind, Place, Quote, QuoteMessage, RateRequest, RatedItem, Severity},
    store::{HandlingFee, MethodRate, ShippingMethod, ShippingZone, Store},
};

use crate::harness::shop::{amount, currency, now};

fn carrier(id: &str) -> Carrier {
    Carrier {
        id: id.into(),
        display_name: String::new(),
        enabled: true,
        endpoint: CarrierEndpoint::Grpc {
            url: "http://carrier:50051".into(),
        },
        timeout: DEFAULT_TIMEOUT,
        max_retries: DEFAULT_MAX_RETRIES,
        max_concurrent_calls: DEFAULT_MAX_CONCURRENT_CALLS,
        quote_lifetime: DEFAULT_QUOTE_LIFETIME,
        needs_street: false,
    }
}

fn method(id: &str, cost: i64) -> ShippingMethod {
    ShippingMethod {
        id: id.into(),
        name: id.into(),
        description: String::new(),
        enabled: true,
        transit_time: None,
        image_url: String::new(),
        rate: MethodRate::FlatPerOrder(amount(cost)),
        fallback: false,
    }
}

/// Ships everywhere by the post for 8.00 and, when a carrier fails, by bicycle for 20.00; asks two carriers.
fn store() -> Store {
    let bicycle = ShippingMethod {
        fallback: true,
        ..method("bicycle", 2_000)
    };
    let asked = |id: &str| ZoneCarrier {
        carrier_id: id.into(),
        options: vec![("depot".into(), id.to_uppercase())],
    };
    Store {
        currencies: vec![(currency("EUR"), Rate::parse("0.5").unwrap())],
        carriers: vec![carrier("ups"), carrier("dhl"), carrier("unused")],
        shipping_zones: vec![ShippingZone {
            id: "world".into(),
            name: String::new(),
            enabled: true,
            locations: vec![Location::RestOfWorld],
            methods: vec![method("post", 800), bicycle],
            handling_fee: None,
            carriers: vec![asked("ups"), asked("dhl")],
        }],
        ..Store::empty(currency("USD"))
    }
}

fn item() -> RatedItem {
    RatedItem {
        product_id: "mug".into(),
        variant_id: String::new(),
        sku: "MUG".into(),
        name: "Mug".into(),
        measures: cartwright::domain::catalog::Measures::default(),
        value: amount(1_000),
        free_shipping: false,
        fixed_cost: None,
        quantity: 2,
    }
}

fn request(items: Vec<RatedItem>) -> RateRequest {
    RateRequest {
        currency: currency("USD"),
        origin: None,
        destination: Place {
            country_code: "US".into(),
            ..Place::default()
        },
        customer_group_ids: Vec::new(),
        items,
    }
}

fn rate(code: &str, cost: i64) -> CarrierRate {
    CarrierRate {
        carrier_code: None,
        code: code.into(),
        display_name: format!("The {code}"),
        description: "By truck".into(),
        image_url: String::new(),
        cost: amount(cost),
        transit_time: None,
        rate_id: format!("rate-{code}"),
        dispatch_date: "2026-11-24".into(),
    }
}

fn answered(carrier_id: &str, rates: Vec<CarrierRate>) -> Asked {
    let answer = CarrierAnswer {
        rates,
        messages: Vec::new(),
        expire_time: now(),
    };
    Asked {
        carrier_id: carrier_id.into(),
        result: Ok(Arc::new(answer)),
    }
}

fn failed(carrier_id: &str) -> Asked {
    Asked {
        carrier_id: carrier_id.into(),
        result: Err("did not answer within 2s".into()),
    }
}

/// Id and cost of what is offered.
fn offered(quote: &Quote) -> Vec<(&str, i64)> {
    let options = quote.options.iter();
    options
        .map(|option| (option.id.as_str(), option.cost.minor()))
        .collect()
}

#[test]
fn the_enabled_carriers_of_the_zone_are_asked_with_its_options() {
    let mut store = store();
    let request = request(vec![item()]);
    let asked = |store: &Store| -> Vec<_> {
        let carriers = carriers(store, &request, None);
        carriers
            .map(|(carrier, options)| (carrier.id.clone(), options[0].1.clone()))
            .collect()
    };
    let both = [
        ("ups".to_owned(), "UPS".to_owned()),
        ("dhl".to_owned(), "DHL".to_owned()),
    ];
    assert_eq!(asked(&store), both);
    store.carriers[0].enabled = false;
    assert_eq!(asked(&store), both[1..]);
    store.shipping_zones[0].enabled = false;
    assert_eq!(asked(&store), []);
}

#[test]
fn rates_of_carriers_stand_among_the_methods_cheapest_first() {
    let aggregated = CarrierRate {
        carrier_code: Some("fedex".into()),
        ..rate("GND", 600)
    };
    let asked = [
        answered("ups", vec![rate("AIR", 1_500), aggregated]),
        answered("dhl", vec![rate("GND", 800)]),
    ];
    let quote = quote(&store(), &request(vec![item()]), &asked).unwrap();
    assert_eq!(
        offered(&quote),
        [
            ("world/ups/fedex/GND", 600),
            ("world/post", 800),
            ("world/dhl/GND", 800),
            ("world/ups/AIR", 1_500)
        ]
    );
    let [fedex, _, dhl, _] = quote.options.as_slice() else {
        panic!("{quote:?}")
    };
    assert_eq!(
        (fedex.carrier_code.as_str(), fedex.method_id.as_str()),
        ("fedex", "ups/fedex/GND")
    );
    assert_eq!(
        (dhl.carrier_code.as_str(), dhl.kind, dhl.zone_id()),
        ("dhl", OptionKind::Carrier, "world")
    );
    assert_eq!(
        (
            dhl.description.as_str(),
            dhl.additional_description.as_str()
        ),
        ("The GND", "By truck")
    );
    assert_eq!(
        (
            dhl.rate_id.as_str(),
            dhl.dispatch_date.as_str(),
            dhl.expire_time
        ),
        ("rate-GND", "2026-11-24", Some(now()))
    );
    assert!(fedex.recommended && !dhl.recommended);
    assert_eq!(quote.messages, []);
}

#[test]
fn a_carrier_that_fails_costs_its_own_options_and_calls_the_fallback() {
    let asked = [failed("ups"), answered("dhl", vec![rate("GND", 500)])];
    let quote = quote(&store(), &request(vec![item()]), &asked).unwrap();
    assert_eq!(
        offered(&quote),
        [
            ("world/dhl/GND", 500),
            ("world/post", 800),
            ("world/bicycle", 2_000)
        ]
    );
    assert_eq!(
        quote.messages,
        [QuoteMessage {
            severity: Severity::Error,
            carrier_code: "ups".into(),
            text: "did not answer within 2s".into(),
        }]
    );
    assert_eq!(quote.failed_carriers, ["ups"]);
}

#[test]
fn a_carrier_that_offers_nothing_has_not_failed() {
    let mut store = store();
    store.shipping_zones[0].methods.remove(0);
    let asked = [answered("ups", Vec::new()), answered("dhl", Vec::new())];
    let quote = quote(&store, &request(vec![item()]), &asked).unwrap();
    assert_eq!(offered(&quote), []);
    let [message] = quote.messages.as_slice() else {
        panic!("{quote:?}")
    };
    assert_eq!(
        (message.severity, message.carrier_code.as_str()),
        (Severity::Warning, "built-in")
    );
}

#[test]
fn goods_with_a_shipping_cost_of_their_own_add_it_to_every_option() {
    let asked = [answered("ups", vec![rate("GND", 600)])];
    let fixed = RatedItem {
        fixed_cost: Some(amount(250)),
        ..item()
    };
    let free = RatedItem {
        free_shipping: true,
        ..item()
    };
    for (items, ups, post) in [
        (vec![item(), fixed.clone()], 1_100, 1_300),
        (vec![item(), free.clone()], 600, 800),
        (vec![fixed, free.clone()], 500, 500),
        (vec![free], 0, 0),
    ] {
        let quote = quote(&store(), &request(items), &asked).unwrap();
        let mut costs = offered(&quote);
        costs.sort_unstable();
        assert_eq!(costs, [("world/post", post), ("world/ups/GND", ups)]);
    }
}

#[test]
fn handling_is_added_to_what_carriers_offer_and_their_costs_are_not_converted() {
    let mut store = store();
    let asked = [answered("ups", vec![rate("GND", 600)])];
    let in_euro = RateRequest {
        currency: currency("EUR"),
        ..request(vec![item()])
    };
    for (fee, handling) in [
        (
            HandlingFee::Percentage(Rate::parse_percentage("10").unwrap()),
            [40, 60],
        ),
        (HandlingFee::Fixed(amount(300)), [150, 150]),
    ] {
        store.shipping_zones[0].handling_fee = Some(fee);
        let quote = quote(&store, &in_euro, &asked).unwrap();
        assert_eq!(
            offered(&quote),
            [("world/post", 400), ("world/ups/GND", 600)]
        );
        let fees: Vec<_> = quote
            .options
            .iter()
            .map(|option| option.handling.minor())
            .collect();
        assert_eq!(fees, handling);
    }
}

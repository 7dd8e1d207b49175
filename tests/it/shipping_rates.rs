//! What the store's own zones and methods offer for a consignment.

use cartwright::domain::{
    catalog::Measures,
    location::Location,
    money::Rate,
    rating,
    reason::Reason,
    shipping::{OptionKind, Place, Quote, RateRequest, RatedItem, Severity},
    store::{HandlingFee, MethodRate, RateRange, ShippingMethod, ShippingZone, Store},
};

use crate::harness::shop::{amount, currency};

fn country(code: &str, states: &[&str], postal_codes: &[&str]) -> Location {
    let owned = |list: &[&str]| list.iter().map(|text| (*text).to_owned()).collect();
    Location::Country {
        country_code: code.into(),
        states: owned(states),
        postal_codes: owned(postal_codes),
    }
}

fn zone(id: &str, location: Location, methods: &[(&str, MethodRate)]) -> ShippingZone {
    let method = |(id, rate): &(&str, MethodRate)| ShippingMethod {
        id: (*id).into(),
        name: format!("Method {id}"),
        description: String::new(),
        enabled: true,
        transit_time: None,
        image_url: String::new(),
        rate: rate.clone(),
        fallback: false,
    };
    ShippingZone {
        id: id.into(),
        name: id.into(),
        enabled: true,
        locations: vec![location],
        methods: methods.iter().map(method).collect(),
        handling_fee: None,
        carriers: Vec::new(),
    }
}

/// A shop in USD that takes EUR and JPY too.
fn store(shipping_zones: Vec<ShippingZone>) -> Store {
    let rate = |text| Rate::parse(text).unwrap();
    Store {
        currencies: vec![
            (currency("EUR"), rate("0.5")),
            (currency("JPY"), rate("150")),
        ],
        shipping_zones,
        ..Store::empty(currency("USD"))
    }
}

/// A shop with one zone, the United States, with these methods.
fn us(methods: &[(&str, MethodRate)]) -> Store {
    store(vec![zone("us", country("US", &[], &[]), methods)])
}

/// Units of something with a weight in grams and a price in USD.
fn goods(weight_grams: i64, value: i64, quantity: u32) -> RatedItem {
    RatedItem {
        product_id: String::new(),
        variant_id: String::new(),
        sku: String::new(),
        name: String::new(),
        measures: Measures {
            weight_grams,
            ..Measures::default()
        },
        value: amount(value),
        free_shipping: false,
        fixed_cost: None,
        quantity,
    }
}

fn request(items: &[RatedItem]) -> RateRequest {
    RateRequest {
        currency: currency("USD"),
        origin: None,
        destination: Place {
            country_code: "US".into(),
            state_or_province_code: "NY".into(),
            postal_code: "10001".into(),
            ..Place::default()
        },
        customer_group_ids: Vec::new(),
        items: items.to_vec(),
    }
}

/// What the store's own methods offer.
fn rate(store: &Store, request: &RateRequest) -> cartwright::domain::reason::Result<Quote> {
    rating::quote(store, request, &[])
}

/// Id, cost and handling of what is offered.
fn offered(quote: &Quote) -> Vec<(&str, i64, i64)> {
    let option = |option: &'_ cartwright::domain::shipping::ShippingOption| {
        (option.cost.minor(), option.handling.minor())
    };
    quote
        .options
        .iter()
        .map(|o| (o.id.as_str(), option(o).0, option(o).1))
        .collect()
}

/// Cost of the only method, if it is offered.
fn cost(method: &MethodRate, items: &[RatedItem]) -> Option<i64> {
    let quote = rate(&us(&[("only", method.clone())]), &request(items)).unwrap();
    assert!(quote.options.len() <= 1 && quote.options.is_empty() != quote.messages.is_empty());
    quote.options.first().map(|option| option.cost.minor())
}

fn range(from: i64, to: Option<i64>, cost: i64) -> RateRange {
    RateRange {
        from,
        to,
        cost: amount(cost),
    }
}

#[test]
fn flat_rates_are_per_order_or_per_item() {
    let items = [goods(100, 1000, 2), goods(0, 0, 3)];
    assert_eq!(
        cost(&MethodRate::FlatPerOrder(amount(800)), &items),
        Some(800)
    );
    assert_eq!(
        cost(&MethodRate::FlatPerItem(amount(150)), &items),
        Some(750)
    );
    assert_eq!(cost(&MethodRate::Pickup(amount(0)), &items), Some(0));
}

#[test]
fn ranges_include_their_first_value_and_end_before_their_last() {
    let by_weight = MethodRate::ByWeight(vec![
        range(0, Some(1000), 500),
        range(1000, Some(5000), 900),
    ]);
    for (grams, expected) in [
        (0, Some(500)),
        (999, Some(500)),
        (1000, Some(900)),
        (4999, Some(900)),
        (5000, None),
    ] {
        assert_eq!(
            cost(&by_weight, &[goods(grams, 1, 1)]),
            expected,
            "{grams} g"
        );
    }
    assert_eq!(
        cost(&by_weight, &[goods(400, 1, 2), goods(200, 1, 1)]),
        Some(900)
    );

    let by_total = MethodRate::ByTotal(vec![range(1000, Some(5000), 700), range(5000, None, 0)]);
    for (value, expected) in [
        (999, None),
        (1000, Some(700)),
        (4999, Some(700)),
        (5000, Some(0)),
        (900_000, Some(0)),
    ] {
        assert_eq!(
            cost(&by_total, &[goods(1, value, 1)]),
            expected,
            "{value} minor units"
        );
    }
}

#[test]
fn shipping_is_free_from_the_minimum_on() {
    let free = MethodRate::Free(amount(5000));
    assert_eq!(cost(&free, &[goods(1, 4999, 1)]), None);
    assert_eq!(cost(&free, &[goods(1, 2500, 2)]), Some(0));
}

#[test]
fn goods_with_free_or_fixed_shipping_are_not_quoted_but_count_for_the_total() {
    let free = |items: RatedItem| RatedItem {
        free_shipping: true,
        ..items
    };
    let fixed = |items: RatedItem, cost| RatedItem {
        fixed_cost: Some(amount(cost)),
        ..items
    };
    let per_item = MethodRate::FlatPerItem(amount(150));
    let by_weight = MethodRate::ByWeight(vec![range(0, Some(1000), 500)]);
    let from_fifty = MethodRate::Free(amount(5000));

    let mixed = [
        goods(100, 1000, 1),
        free(goods(5000, 3000, 2)),
        fixed(goods(5000, 1000, 2), 400),
    ];
    assert_eq!(cost(&per_item, &mixed), Some(150 + 2 * 400));
    assert_eq!(cost(&by_weight, &mixed), Some(500 + 2 * 400));
    assert_eq!(cost(&from_fifty, &mixed), Some(2 * 400));

    // Nothing is left to be quoted.
    assert_eq!(
        cost(
            &MethodRate::FlatPerOrder(amount(800)),
            &[free(goods(1, 1, 1))]
        ),
        Some(0)
    );
    assert_eq!(
        cost(
            &MethodRate::FlatPerOrder(amount(800)),
            &[fixed(goods(1, 1, 3), 250)]
        ),
        Some(750)
    );
}

#[test]
fn handling_is_fixed_or_a_part_of_the_cost() {
    let mut store = us(&[
        ("flat", MethodRate::FlatPerOrder(amount(805))),
        ("free", MethodRate::Free(amount(0))),
    ]);
    let items = [goods(1, 1000, 1)];
    store.shipping_zones[0].handling_fee = Some(HandlingFee::Fixed(amount(200)));
    let quote = rate(&store, &request(&items)).unwrap();
    assert_eq!(
        offered(&quote),
        [("us/free", 0, 200), ("us/flat", 805, 200)]
    );
    store.shipping_zones[0].handling_fee = Some(HandlingFee::Percentage(
        Rate::parse_percentage("10").unwrap(),
    ));
    let quote = rate(&store, &request(&items)).unwrap();
    assert_eq!(offered(&quote), [("us/free", 0, 0), ("us/flat", 805, 81)]);
}

#[test]
fn the_most_specific_enabled_zone_rates() {
    let flat = |cost| [("flat", MethodRate::FlatPerOrder(amount(cost)))];
    let mut store = store(vec![
        zone("world", Location::RestOfWorld, &flat(4)),
        zone("us", country("US", &[], &[]), &flat(3)),
        zone("ny", country("US", &["NY"], &[]), &flat(2)),
        zone("city", country("US", &[], &["100??"]), &flat(1)),
    ]);
    let request = request(&[goods(1, 1, 1)]);
    for expected in ["city", "ny", "us", "world"] {
        let quote = rate(&store, &request).unwrap();
        assert_eq!(quote.options[0].id, format!("{expected}/flat"));
        let zone = store
            .shipping_zones
            .iter_mut()
            .find(|zone| zone.id == expected)
            .unwrap();
        zone.enabled = false;
    }
    let quote = rate(&store, &request).unwrap();
    assert!(quote.options.is_empty());
    let [message] = quote.messages.as_slice() else {
        panic!("one message, not {:?}", quote.messages)
    };
    assert_eq!(message.severity, Severity::Warning);
    assert_eq!(message.text, "the store does not ship to US");
}

#[test]
fn costs_are_converted_and_ranges_stay_in_the_stores_currency() {
    let store = us(&[
        ("flat", MethodRate::FlatPerOrder(amount(805))),
        (
            "total",
            MethodRate::ByTotal(vec![range(2000, Some(2001), 600)]),
        ),
    ]);
    let in_currency = |code: &str, value| RateRequest {
        currency: currency(code),
        ..request(&[goods(1, value, 1)])
    };
    // 10.00 EUR are 20.00 USD; 4.025 EUR round up.
    let quote = rate(&store, &in_currency("EUR", 1000)).unwrap();
    assert_eq!(offered(&quote), [("us/total", 300, 0), ("us/flat", 403, 0)]);
    // 3,000 JPY are 20.00 USD; 1,207.5 JPY round up.
    let quote = rate(&store, &in_currency("JPY", 3000)).unwrap();
    assert_eq!(
        offered(&quote),
        [("us/total", 900, 0), ("us/flat", 1208, 0)]
    );
}

#[test]
fn the_cheapest_comes_first_and_the_cheapest_that_is_shipped_is_recommended() {
    let mut store = us(&[
        ("express", MethodRate::FlatPerOrder(amount(2000))),
        ("ground", MethodRate::FlatPerOrder(amount(800))),
        ("also-ground", MethodRate::FlatPerItem(amount(800))),
        ("pickup", MethodRate::Pickup(amount(0))),
        ("switched-off", MethodRate::Free(amount(0))),
    ]);
    store.shipping_zones[0].methods[4].enabled = false;
    let quote = rate(&store, &request(&[goods(1, 1, 1)])).unwrap();
    let ids: Vec<_> = quote
        .options
        .iter()
        .map(|option| option.method_id.as_str())
        .collect();
    assert_eq!(ids, ["pickup", "ground", "also-ground", "express"]);
    let recommended: Vec<_> = quote
        .options
        .iter()
        .filter(|option| option.recommended)
        .collect();
    assert_eq!(
        recommended
            .iter()
            .map(|option| option.method_id.as_str())
            .collect::<Vec<_>>(),
        ["ground"]
    );
    assert_eq!(quote.options[0].kind, OptionKind::Pickup);
}

#[test]
fn a_cost_that_cannot_be_held_is_refused() {
    let store = us(&[("item", MethodRate::FlatPerItem(amount(i64::MAX)))]);
    assert_eq!(
        rate(&store, &request(&[goods(1, 1, 2)]))
            .unwrap_err()
            .reason,
        Reason::AmountOverflow
    );
    let store = us(&[("flat", MethodRate::FlatPerOrder(amount(1)))]);
    assert_eq!(
        rate(&store, &request(&[goods(1, i64::MAX, 2)]))
            .unwrap_err()
            .reason,
        Reason::AmountOverflow
    );
}

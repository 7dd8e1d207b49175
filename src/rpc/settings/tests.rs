use super::*;
use crate::domain::{money::Currency, store::DEFAULT_CART_LIFETIME};
use pb::carrier::Endpoint;

#[expect(clippy::unnecessary_wraps, reason = "fields are optional")]
fn usd(amount_minor: i64) -> Option<pb::Money> {
    Some(pb::Money {
        currency_code: "USD".into(),
        amount_minor,
    })
}

fn tax_zone(id: &str) -> pb::TaxZone {
    let rate = pb::TaxRate {
        name: "VAT".into(),
        priority: 1,
        class_rates: vec![pb::TaxClassRate {
            tax_class_id: "goods".into(),
            rate: "0.2".into(),
        }],
    };
    pb::TaxZone {
        id: id.into(),
        locations: vec![pb::Location {
            country_code: "GB".into(),
            ..Default::default()
        }],
        rates: vec![rate],
        ..Default::default()
    }
}

fn method(id: &str, rate: Rate) -> pb::ShippingMethod {
    pb::ShippingMethod {
        id: id.into(),
        rate: Some(rate),
        ..Default::default()
    }
}

use pb::shipping_method::Rate;

fn table(ranges: &[(i64, i64)]) -> pb::RateTable {
    let ranges = ranges.iter();
    pb::RateTable {
        ranges: ranges
            .map(|(from, to)| pb::RateRange {
                from: *from,
                to: *to,
                cost: usd(1),
            })
            .collect(),
    }
}

fn document() -> pb::Store {
    let world = pb::Location {
        rest_of_world: true,
        ..Default::default()
    };
    let class = |id: &str| pb::TaxClass {
        id: id.into(),
        name: id.into(),
    };
    pb::Store {
        name: "Shop".into(),
        default_currency_code: "USD".into(),
        currencies: vec![pb::StoreCurrency {
            code: "EUR".into(),
            exchange_rate: "0.9".into(),
        }],
        cart_lifetime: Some(prost_types::Duration {
            seconds: 3_600,
            nanos: 0,
        }),
        origin: Some(pb::Address {
            country_code: "GB".into(),
            ..Default::default()
        }),
        tax: Some(pb::TaxSettings {
            show_prices_with_tax: true,
            home_tax_zone_id: "uk".into(),
            gift_wrapping_tax_class_id: "goods".into(),
            fee_tax_class_id: "goods".into(),
            exempt_customer_group_ids: vec!["trade".into()],
            provider: Some(pb::TaxProvider {
                url: "https://tax.example.com".into(),
                timeout: seconds(1),
                fallback: pb::TaxFallback::Block.into(),
            }),
            ..Default::default()
        }),
        tax_classes: vec![class("goods"), class("food")],
        tax_zones: vec![tax_zone("uk")],
        shipping_zones: vec![pb::ShippingZone {
            id: "world".into(),
            locations: vec![world],
            methods: vec![
                method("post", Rate::ByWeight(table(&[(0, 500), (500, 0)]))),
                method(
                    "free",
                    Rate::Free(pb::FreeShipping {
                        minimum_total: usd(5_000),
                    }),
                ),
                method("fetch", Rate::Pickup(usd(0).unwrap())),
            ],
            handling_fee: Some(pb::HandlingFee {
                fee: Some(pb::handling_fee::Fee::Percentage("2.5".into())),
            }),
            carriers: ["parcels", "cargo"].map(zone_carrier).into(),
            ..Default::default()
        }],
        pickup_methods: vec![pb::PickupMethod {
            id: "shop".into(),
            ..Default::default()
        }],
        gift_wrapping_options: vec![pb::GiftWrappingOption {
            id: "kraft".into(),
            name: "Kraft paper".into(),
            price: usd(250),
            allow_message: true,
            disabled: true,
            image_url: "https://example.com/kraft.png".into(),
        }],
        carriers: vec![
            pb::Carrier {
                id: "parcels".into(),
                display_name: "Parcels & Co.".into(),
                endpoint: Some(Endpoint::Http(pb::HttpCarrier {
                    url: "https://parcels.example.com/v2/rate".into(),
                    measurement_system: pb::MeasurementSystem::Imperial.into(),
                    connection_options: [("account".into(), "42".into())].into(),
                })),
                timeout: seconds(3),
                max_retries: Some(0),
                max_concurrent_calls: 4,
                quote_lifetime: seconds(60),
                needs_street: true,
                ..Default::default()
            },
            pb::Carrier {
                id: "cargo".into(),
                endpoint: Some(Endpoint::Grpc(pb::GrpcCarrier {
                    url: "http://cargo:50051".into(),
                })),
                disabled: true,
                ..Default::default()
            },
        ],
        ..Default::default()
    }
}

#[expect(clippy::unnecessary_wraps, reason = "fields are optional")]
fn seconds(seconds: i64) -> Option<prost_types::Duration> {
    Some(prost_types::Duration { seconds, nanos: 0 })
}

fn zone_carrier(carrier_id: &str) -> pb::ZoneCarrier {
    pb::ZoneCarrier {
        carrier_id: carrier_id.into(),
        options: [("service".into(), "all".into())].into(),
    }
}

fn rename_cargo(store: &mut pb::Store, id: &str) {
    store.carriers[1].id = id.into();
    store.shipping_zones[0].carriers[1].carrier_id = id.into();
}

/// The address of the HTTP carrier.
fn http(store: &mut pb::Store) -> &mut pb::HttpCarrier {
    match &mut store.carriers[0].endpoint {
        Some(Endpoint::Http(http)) => http,
        other => panic!("{other:?}"),
    }
}

/// The settings, or the paths of what is wrong with them.
fn read(document: pb::Store) -> Result<Store, Vec<String>> {
    let mut fields = Fields::default();
    let store = read::store(&mut fields, document);
    fields.finish().map(|_| store).map_err(paths)
}

fn paths(refusal: Refusal) -> Vec<String> {
    refusal
        .violations
        .into_iter()
        .map(|violation| violation.subject)
        .collect()
}

#[test]
fn settings_are_read_and_shown_as_they_were() {
    let store = read(document()).unwrap();
    assert_eq!(store.tax.default_class_id.as_deref(), Some("goods"));
    assert_eq!(store.cart_lifetime.as_secs(), 3_600);
    assert_eq!(
        show::store(&store).gift_wrapping_options,
        document().gift_wrapping_options
    );
    let shown = show::store(&store);
    assert_eq!(shown.carriers[0], document().carriers[0]);
    assert_eq!(
        shown.shipping_zones[0].carriers,
        document().shipping_zones[0].carriers
    );
    assert_eq!(
        shown.tax.as_ref().unwrap().provider,
        document().tax.unwrap().provider
    );
    // What was left out is shown as it holds.
    let cargo = &shown.carriers[1];
    assert_eq!(
        (cargo.timeout, cargo.max_retries, cargo.max_concurrent_calls),
        (seconds(2), Some(1), 32)
    );
    assert_eq!(cargo.quote_lifetime, seconds(600));
    assert_eq!(read(shown), Ok(store));
}

#[test]
fn little_has_to_be_set() {
    let least = pb::Store {
        default_currency_code: "JPY".into(),
        ..Default::default()
    };
    let store = read(least).unwrap();
    assert_eq!(store, Store::empty("JPY".parse().unwrap()));
    assert_eq!(store.cart_lifetime, DEFAULT_CART_LIFETIME);
    assert_eq!(
        read(pb::Store::default()),
        Err(vec!["default_currency_code".into()])
    );
}

#[test]
#[expect(clippy::too_many_lines, reason = "a table")]
fn what_is_wrong_is_told_by_its_path() {
    type Change = fn(&mut pb::Store);
    let cases: &[(&str, Change)] = &[
        ("currencies[0].code", |s| {
            s.currencies[0].code = "USD".into();
        }),
        ("currencies[0].exchange_rate", |s| {
            s.currencies[0].exchange_rate = "0".into();
        }),
        ("currencies[1].code", |s| {
            s.currencies.push(s.currencies[0].clone());
        }),
        ("cart_lifetime", |s| {
            s.cart_lifetime = Some(prost_types::Duration {
                seconds: 59,
                nanos: 0,
            });
        }),
        ("reservation_lifetime", |s| {
            s.reservation_lifetime = Some(prost_types::Duration {
                seconds: 7 * 24 * 3_600 + 1,
                nanos: 0,
            });
        }),
        ("origin.country_code", |s| {
            s.origin.as_mut().unwrap().country_code = "UK".into();
        }),
        ("tax.home_tax_zone_id", |s| {
            s.tax.as_mut().unwrap().home_tax_zone_id = "us".into();
        }),
        ("tax.home_tax_zone_id", |s| {
            s.tax.as_mut().unwrap().home_tax_zone_id.clear();
        }),
        ("tax.shipping_tax_class_id", |s| {
            s.tax.as_mut().unwrap().shipping_tax_class_id = "x".into();
        }),
        ("tax_classes[1].id", |s| {
            s.tax_classes[1].id = "goods".into();
        }),
        ("pickup_methods", |s| {
            s.pickup_methods = vec![s.pickup_methods[0].clone(); 201];
        }),
        ("tax_zones[1].id", |s| s.tax_zones.push(tax_zone("uk"))),
        ("tax_zones[0].locations[0].country_code", |s| {
            s.tax_zones[0].locations[0].country_code.clear();
        }),
        ("tax_zones[0].locations[0].rest_of_world", |s| {
            s.tax_zones[0].locations[0].rest_of_world = true;
        }),
        ("tax_zones[0].rates[0].priority", |s| {
            s.tax_zones[0].rates[0].priority = 101;
        }),
        ("tax_zones[0].rates[0].class_rates[0].tax_class_id", |s| {
            s.tax_zones[0].rates[0].class_rates[0].tax_class_id = "x".into();
        }),
        ("tax_zones[0].rates[0].class_rates[0].rate", |s| {
            s.tax_zones[0].rates[0].class_rates[0].rate = "20".into();
        }),
        ("tax_zones[0].rates", |s| {
            let rate = s.tax_zones[0].rates[0].clone();
            s.tax_zones[0].rates = (1..=4)
                .map(|priority| pb::TaxRate {
                    priority,
                    ..rate.clone()
                })
                .collect();
        }),
        ("shipping_zones[0].id", |s| s.shipping_zones[0].id.clear()),
        ("shipping_zones[0].methods[1].id", |s| {
            s.shipping_zones[0].methods[1].id = "post".into();
        }),
        ("shipping_zones[0].methods[0].rate", |s| {
            s.shipping_zones[0].methods[0].rate = None;
        }),
        (
            "shipping_zones[0].methods[0].by_weight.ranges[1].from",
            |s| {
                s.shipping_zones[0].methods[0].rate =
                    Some(Rate::ByWeight(table(&[(0, 500), (400, 0)])));
            },
        ),
        (
            "shipping_zones[0].methods[0].by_weight.ranges[0].from",
            |s| {
                s.shipping_zones[0].methods[0].rate = Some(Rate::ByWeight(table(&[(-1, 0)])));
            },
        ),
        ("shipping_zones[0].methods[0].by_total.ranges[0].to", |s| {
            s.shipping_zones[0].methods[0].rate = Some(Rate::ByTotal(table(&[(0, 0), (400, 0)])));
        }),
        ("shipping_zones[0].methods[0].by_total.ranges[0].to", |s| {
            s.shipping_zones[0].methods[0].rate = Some(Rate::ByTotal(table(&[(400, 400)])));
        }),
        ("shipping_zones[0].methods[0].by_total.ranges", |s| {
            s.shipping_zones[0].methods[0].rate = Some(Rate::ByTotal(table(&[])));
        }),
        ("shipping_zones[0].methods[2].pickup.currency_code", |s| {
            let euro = pb::Money {
                currency_code: "EUR".into(),
                amount_minor: 1,
            };
            s.shipping_zones[0].methods[2].rate = Some(Rate::Pickup(euro));
        }),
        ("shipping_zones[0].methods[0].transit_time.units", |s| {
            s.shipping_zones[0].methods[0].transit_time = Some(pb::TransitTime::default());
        }),
        ("shipping_zones[0].handling_fee", |s| {
            s.shipping_zones[0].handling_fee = Some(pb::HandlingFee::default());
        }),
        ("pickup_methods[0].id", |s| s.pickup_methods[0].id.clear()),
        ("tax.gift_wrapping_tax_class_id", |s| {
            s.tax.as_mut().unwrap().gift_wrapping_tax_class_id = "x".into();
        }),
        ("tax.fee_tax_class_id", |s| {
            s.tax.as_mut().unwrap().fee_tax_class_id = "x".into();
        }),
        ("tax.exempt_customer_group_ids", |s| {
            s.tax.as_mut().unwrap().exempt_customer_group_ids = vec!["trade".into(); 101];
        }),
        ("gift_wrapping_options", |s| {
            s.gift_wrapping_options = vec![s.gift_wrapping_options[0].clone(); 51];
        }),
        ("gift_wrapping_options[0].id", |s| {
            s.gift_wrapping_options[0].id.clear();
        }),
        ("gift_wrapping_options[1].id", |s| {
            s.gift_wrapping_options
                .push(s.gift_wrapping_options[0].clone());
        }),
        ("gift_wrapping_options[0].price.amount_minor", |s| {
            s.gift_wrapping_options[0].price = usd(-1);
        }),
        ("carriers[1].id", |s| rename_cargo(s, "a/b")),
        ("carriers[1].id", |s| rename_cargo(s, "Built-In")),
        ("carriers[2].id", |s| {
            s.carriers.push(s.carriers[1].clone());
        }),
        ("carriers[1].endpoint", |s| s.carriers[1].endpoint = None),
        ("carriers[0].http.url", |s| http(s).url.clear()),
        ("carriers[0].http.url", |s| http(s).url = "ftp://x/".into()),
        ("carriers[0].http.url", |s| {
            http(s).url = "http://user:secret@x/rate".into();
        }),
        ("carriers[0].http.url", |s| {
            http(s).url = "http://x:99999/rate".into();
        }),
        ("carriers[0].http.url", |s| {
            http(s).url = "http://x:0/".into();
        }),
        ("carriers[0].http.url", |s| {
            http(s).url = "http://x/#y".into();
        }),
        ("shipping_zones[0].methods[2].id", |s| {
            s.shipping_zones[0].methods[2].id = "cargo/fetch".into();
        }),
        ("carriers[0].http.connection_options[account]", |s| {
            let option = ("account".into(), "x".repeat(256));
            http(s).connection_options = [option].into();
        }),
        ("carriers[0].http.measurement_system", |s| {
            http(s).measurement_system = 9;
        }),
        ("carriers[1].grpc.url", |s| {
            let url = "http://cargo:50051/path".into();
            s.carriers[1].endpoint = Some(Endpoint::Grpc(pb::GrpcCarrier { url }));
        }),
        ("carriers[1].grpc.url", |s| {
            let url = "http://cargo:50051?x=1".into();
            s.carriers[1].endpoint = Some(Endpoint::Grpc(pb::GrpcCarrier { url }));
        }),
        ("carriers[0].timeout", |s| {
            s.carriers[0].timeout = seconds(31);
        }),
        ("carriers[0].max_retries", |s| {
            s.carriers[0].max_retries = Some(6);
        }),
        ("carriers[0].max_concurrent_calls", |s| {
            s.carriers[0].max_concurrent_calls = 1_001;
        }),
        ("carriers[0].quote_lifetime", |s| {
            s.carriers[0].quote_lifetime = seconds(0);
        }),
        ("shipping_zones[0].carriers[0].carrier_id", |s| {
            s.shipping_zones[0].carriers[0].carrier_id = "x".into();
        }),
        ("shipping_zones[0].carriers[2].carrier_id", |s| {
            s.shipping_zones[0].carriers.push(zone_carrier("cargo"));
        }),
        ("tax.provider.url", |s| {
            let tax = s.tax.as_mut().unwrap();
            tax.provider.as_mut().unwrap().url = "tax:80".into();
        }),
        ("tax.provider.fallback", |s| {
            let tax = s.tax.as_mut().unwrap();
            tax.provider.as_mut().unwrap().fallback = 0;
        }),
    ];
    for (path, change) in cases {
        let mut document = document();
        change(&mut document);
        assert_eq!(read(document), Err(vec![(*path).to_owned()]));
    }
}

#[test]
fn an_update_replaces_what_the_mask_names_and_checks_the_whole() {
    let current = read(document()).unwrap();
    let update = |given: &pb::Store, paths: &[&str]| {
        let mut fields = Fields::default();
        let paths = paths.iter().map(|path| (*path).to_owned()).collect();
        let mask = fields.mask(Some(prost_types::FieldMask { paths }), FIELDS);
        fields.finish().unwrap();
        changed(&current, given, &mask).map_err(super::tests::paths)
    };
    let given = pb::Store {
        name: "New".into(),
        ..Default::default()
    };
    let renamed = update(&given, &["name"]).unwrap();
    assert_eq!(
        renamed,
        Store {
            name: "New".into(),
            ..current.clone()
        }
    );

    let whole = pb::Store {
        default_currency_code: "USD".into(),
        ..given.clone()
    };
    assert_eq!(
        update(&whole, &[]).unwrap(),
        Store {
            name: "New".into(),
            ..Store::empty(Currency::USD)
        }
    );

    let dangling = update(&given, &["tax_zones"]).unwrap_err();
    assert_eq!(dangling, ["store.tax.home_tax_zone_id"]);
    let euro = pb::Store {
        default_currency_code: "EUR".into(),
        ..given
    };
    assert!(update(&euro, &["default_currency_code"]).is_err());
}

#[test]
fn every_field_but_the_version_can_be_replaced() {
    let pool = prost_reflect::DescriptorPool::decode(crate::rpc::FILE_DESCRIPTOR_SET).unwrap();
    let message = pool.get_message_by_name("cartwright.v1.Store").unwrap();
    let mut names: Vec<_> = message
        .fields()
        .map(|field| field.name().to_owned())
        .collect();
    names.retain(|name| name != "version");
    assert_eq!(names, FIELDS);
}

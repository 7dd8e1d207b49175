//! What a carrier is asked: `base_options`, `zone_options` and `connection_options`. Whose goods they are, and who
//! gets them, it is not told.

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::Value;

use super::super::{CarrierRequest, decimal::Decimal};
use crate::domain::{
    carrier::MeasurementSystem,
    money::{Amount, Currency},
    shipping::{Place, RateRequest, RatedItem},
};

#[derive(Serialize)]
#[expect(clippy::struct_field_names, reason = "the words of the contract")]
struct Ask<'a> {
    base_options: BaseOptions<'a>,
    zone_options: BTreeMap<&'a str, &'a str>,
    connection_options: BTreeMap<&'a str, &'a str>,
    rate_options: [(); 0],
}

#[derive(Serialize)]
struct BaseOptions<'a> {
    origin: Address<'a>,
    destination: Address<'a>,
    items: Vec<Item<'a>>,
    customer: Customer<'a>,
    store_id: &'a str,
    request_context: Context,
}

#[derive(Serialize, Default)]
#[expect(clippy::struct_field_names, reason = "the words of the contract")]
struct Address<'a> {
    street_1: &'a str,
    street_2: &'a str,
    zip: &'a str,
    city: &'a str,
    state_iso2: &'a str,
    country_iso2: &'a str,
    address_type: &'static str,
}

#[derive(Serialize)]
struct Item<'a> {
    sku: &'a str,
    variant_id: &'a str,
    product_id: &'a str,
    name: &'a str,
    length: Measure,
    width: Measure,
    height: Measure,
    weight: Measure,
    discounted_price: Money,
    declared_value: Money,
    quantity: u32,
    attributes: [(); 0],
}

#[derive(Serialize)]
struct Measure {
    units: &'static str,
    value: Decimal,
}

#[derive(Serialize)]
struct Money {
    currency: &'static str,
    amount: Decimal,
}

#[derive(Serialize)]
struct Customer<'a> {
    customer_groups: Vec<CustomerGroup<'a>>,
}

#[derive(Serialize)]
struct CustomerGroup<'a> {
    customer_group_id: Value,
    customer_group_name: &'a str,
}

#[derive(Serialize, Default)]
struct Context {
    reference_values: [(); 0],
}

pub(super) fn body(
    request: &CarrierRequest,
    measurement_system: MeasurementSystem,
    connection_options: &[(String, String)],
) -> serde_json::Result<Vec<u8>> {
    serde_json::to_vec(&Ask {
        base_options: base_options(&request.rates, &request.store_name, measurement_system),
        zone_options: options(&request.zone_options),
        connection_options: options(connection_options),
        rate_options: [],
    })
}

fn options(options: &[(String, String)]) -> BTreeMap<&str, &str> {
    let options = options.iter();
    options
        .map(|(key, value)| (key.as_str(), value.as_str()))
        .collect()
}

fn base_options<'a>(
    rates: &'a RateRequest,
    store_id: &'a str,
    measurement_system: MeasurementSystem,
) -> BaseOptions<'a> {
    let groups = rates.customer_group_ids.iter();
    let items = rates.items.iter();
    BaseOptions {
        origin: rates.origin.as_ref().map(address).unwrap_or_default(),
        destination: address(&rates.destination),
        items: items
            .map(|each| item(each, rates.currency, measurement_system))
            .collect(),
        customer: Customer {
            customer_groups: groups.map(|id| customer_group(id)).collect(),
        },
        store_id,
        request_context: Context::default(),
    }
}

fn address(place: &Place) -> Address<'_> {
    Address {
        street_1: &place.address1,
        street_2: &place.address2,
        zip: &place.postal_code,
        city: &place.city,
        state_iso2: &place.state_or_province_code,
        country_iso2: &place.country_code,
        address_type: "RESIDENTIAL",
    }
}

/// The contract has integers for ids; a shop of ours may have others.
fn customer_group(id: &str) -> CustomerGroup<'_> {
    CustomerGroup {
        customer_group_id: id.parse::<u64>().map_or_else(|_| id.into(), Value::from),
        customer_group_name: id,
    }
}

fn item(item: &RatedItem, currency: Currency, measurement_system: MeasurementSystem) -> Item<'_> {
    let size = |millimetres: i32| length(millimetres.into(), measurement_system);
    Item {
        sku: &item.sku,
        variant_id: &item.variant_id,
        product_id: &item.product_id,
        name: &item.name,
        length: size(item.measures.length_mm),
        width: size(item.measures.width_mm),
        height: size(item.measures.height_mm),
        weight: weight(item.measures.weight_grams, measurement_system),
        discounted_price: money(item.value, currency),
        declared_value: money(item.value, currency),
        quantity: item.quantity,
        attributes: [],
    }
}

fn money(amount: Amount, currency: Currency) -> Money {
    Money {
        currency: currency.code(),
        amount: Decimal {
            value: amount.minor(),
            places: usize::try_from(currency.digits()).unwrap_or(0),
        },
    }
}

fn length(millimetres: i64, measurement_system: MeasurementSystem) -> Measure {
    match measurement_system {
        MeasurementSystem::Metric => Measure {
            units: "cm",
            value: Decimal {
                value: millimetres,
                places: 1,
            },
        },
        // An inch is 25.4 mm.
        MeasurementSystem::Imperial => Measure {
            units: "in",
            value: hundredths(millimetres, 10, 254),
        },
    }
}

fn weight(grams: i64, measurement_system: MeasurementSystem) -> Measure {
    match measurement_system {
        MeasurementSystem::Metric => Measure {
            units: "g",
            value: Decimal {
                value: grams,
                places: 0,
            },
        },
        // An ounce is 28.349523125 g.
        MeasurementSystem::Imperial => Measure {
            units: "oz",
            value: hundredths(grams, 1_000_000_000, 28_349_523_125),
        },
    }
}

/// `value × numerator ÷ denominator`, rounded to hundredths.
fn hundredths(value: i64, numerator: i128, denominator: i128) -> Decimal {
    let hundredths = Amount::new(value).ratio(numerator * 100, denominator);
    Decimal {
        value: hundredths.map_or(i64::MAX, Amount::minor),
        places: 2,
    }
}

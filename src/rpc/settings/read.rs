//! Reads the settings of the shop, with everything in them that refers to something else in them.

use std::{collections::HashSet, time::Duration};

use super::outside::{carrier, tax_provider, zone_carriers};
use crate::{
    domain::{
        carrier::{Carrier, MAX_CARRIERS},
        location::Location,
        money::{Amount, Currency},
        shipping::{TransitTime, TransitUnits},
        store::{
            DEFAULT_CART_LIFETIME, DEFAULT_RESERVATION_LIFETIME, GiftWrappingOption, HandlingFee,
            MethodRate, PickupMethod, RateRange, ShippingMethod, ShippingZone, Store, TaxClass,
            TaxRate, TaxSettings, TaxZone,
        },
    },
    rpc::{
        fields::{Fields, MAX_IDS},
        pb::{self, handling_fee::Fee, shipping_method::Rate as Cost},
    },
};

const MAX_CURRENCIES: usize = 200;
const MAX_TAX_CLASSES: usize = 50;
const MAX_TAX_ZONES: usize = 500;
const MAX_SHIPPING_ZONES: usize = 200;
const MAX_PICKUP_METHODS: usize = 200;
const MAX_GIFT_WRAPPING_OPTIONS: usize = 50;
const MAX_EXEMPT_GROUPS: usize = 100;
const MAX_LOCATIONS: usize = 500;
const MAX_POSTAL_CODES: usize = 500;
const MAX_RATES: usize = 20;
const MAX_PRIORITIES: usize = 3;
const MAX_PRIORITY: i32 = 100;
const MAX_METHODS: usize = 50;
const MAX_RANGES: usize = 50;
const MAX_TRANSIT_TIME: i32 = 1_000;
const MIN_CART_LIFETIME: Duration = Duration::from_mins(1);
const MAX_CART_LIFETIME: Duration = Duration::from_hours(365 * 24);
const MIN_RESERVATION_LIFETIME: Duration = Duration::from_mins(1);
const MAX_RESERVATION_LIFETIME: Duration = Duration::from_hours(7 * 24);

/// The settings. Their version is not the caller's to choose: it is 0.
pub(in crate::rpc) fn store(fields: &mut Fields, store: pb::Store) -> Store {
    let currency = fields.currency("default_currency_code", &store.default_currency_code);
    let currencies = fields.each(
        "currencies",
        store.currencies,
        0..=MAX_CURRENCIES,
        |fields, other| {
            let code = fields.currency("code", &other.code);
            (
                code,
                fields.exchange_rate("exchange_rate", &other.exchange_rate),
            )
        },
    );
    check_currencies(fields, currency, &currencies);

    let tax_classes = fields.each(
        "tax_classes",
        store.tax_classes,
        0..=MAX_TAX_CLASSES,
        |fields, class| TaxClass {
            id: fields.required_text("id", class.id),
            name: fields.text("name", class.name),
        },
    );
    let tax_zones = fields.each(
        "tax_zones",
        store.tax_zones,
        0..=MAX_TAX_ZONES,
        |fields, zone| tax_zone(fields, zone, &tax_classes),
    );
    let tax = fields.within("tax", |fields| {
        tax_settings(
            fields,
            store.tax.unwrap_or_default(),
            &tax_classes,
            &tax_zones,
        )
    });
    let carriers = fields.each("carriers", store.carriers, 0..=MAX_CARRIERS, carrier);
    let zones = store.shipping_zones;
    let shipping_zones = fields.each(
        "shipping_zones",
        zones,
        0..=MAX_SHIPPING_ZONES,
        |fields, zone| shipping_zone(fields, zone, &carriers, currency),
    );
    let methods = store.pickup_methods;
    let pickup_methods = fields.each(
        "pickup_methods",
        methods,
        0..=MAX_PICKUP_METHODS,
        pickup_method,
    );
    let options = store.gift_wrapping_options;
    let gift_wrapping_options = fields.each(
        "gift_wrapping_options",
        options,
        0..=MAX_GIFT_WRAPPING_OPTIONS,
        |fields, option| gift_wrapping_option(fields, option, currency),
    );

    unique_ids(fields, "tax_classes", &tax_classes, |class| &class.id);
    unique_ids(fields, "tax_zones", &tax_zones, |zone| &zone.id);
    unique_ids(fields, "shipping_zones", &shipping_zones, |zone| &zone.id);
    unique_ids(fields, "carriers", &carriers, |carrier| &carrier.id);
    unique_ids(fields, "pickup_methods", &pickup_methods, |method| {
        &method.id
    });
    unique_ids(
        fields,
        "gift_wrapping_options",
        &gift_wrapping_options,
        |option| &option.id,
    );
    check_methods(fields, &shipping_zones, &carriers);
    let (cart_lifetime, reservation_lifetime) =
        lifetimes(fields, store.cart_lifetime, store.reservation_lifetime);
    Store {
        version: 0,
        name: fields.text("name", store.name),
        default_currency: currency,
        currencies,
        cart_lifetime,
        reservation_lifetime,
        allow_multiple_coupons: store.allow_multiple_coupons,
        discount_overridden_prices: store.discount_overridden_prices,
        origin: fields.message("origin", store.origin, Fields::partial_address),
        tax,
        tax_classes,
        tax_zones,
        shipping_zones,
        pickup_methods,
        gift_wrapping_options,
        carriers,
    }
}

/// How long a cart lives, and how long a reservation.
fn lifetimes(
    fields: &mut Fields,
    cart: Option<prost_types::Duration>,
    reservation: Option<prost_types::Duration>,
) -> (Duration, Duration) {
    let range = MIN_CART_LIFETIME..=MAX_CART_LIFETIME;
    let cart = fields.duration("cart_lifetime", cart, range, "1 minute to 365 days");
    let range = MIN_RESERVATION_LIFETIME..=MAX_RESERVATION_LIFETIME;
    let text = "1 minute to 7 days";
    let reservation = fields.duration("reservation_lifetime", reservation, range, text);
    (
        cart.unwrap_or(DEFAULT_CART_LIFETIME),
        reservation.unwrap_or(DEFAULT_RESERVATION_LIFETIME),
    )
}

fn unique_ids<T>(fields: &mut Fields, list: &str, items: &[T], id: impl Fn(&T) -> &String) {
    fields.unique(list, "id", items.iter().map(|item| id(item).as_str()));
}

fn check_currencies<T>(fields: &mut Fields, default: Currency, others: &[(Currency, T)]) {
    let codes = others.iter().map(|(currency, _)| currency.code());
    fields.unique("currencies", "code", codes);
    for (index, (currency, _)) in others.iter().enumerate() {
        if *currency == default {
            let text = format!("{default} is the default currency: list only others");
            fields.refuse(&format!("currencies[{index}].code"), text);
        }
    }
}

fn tax_settings(
    fields: &mut Fields,
    tax: pb::TaxSettings,
    classes: &[TaxClass],
    zones: &[TaxZone],
) -> TaxSettings {
    let home = tax.home_tax_zone_id;
    if !home.is_empty() && !zones.iter().any(|zone| zone.id == home) {
        fields.refuse(
            "home_tax_zone_id",
            format!("\"{home}\" must be one of tax_zones"),
        );
    }
    if home.is_empty() && (tax.prices_include_tax || tax.show_prices_with_tax) {
        let text = "is required when prices_include_tax or show_prices_with_tax is true";
        fields.refuse("home_tax_zone_id", text);
    }
    let mut class = |name: &str, id: String| {
        if id.is_empty() {
            return None;
        }
        check_tax_class(fields, name, &id, classes);
        Some(id)
    };
    let default = class("default_tax_class_id", tax.default_tax_class_id);
    let shipping = class("shipping_tax_class_id", tax.shipping_tax_class_id);
    let handling = class("handling_tax_class_id", tax.handling_tax_class_id);
    let wrapping = class("gift_wrapping_tax_class_id", tax.gift_wrapping_tax_class_id);
    let fee = class("fee_tax_class_id", tax.fee_tax_class_id);
    let exempt = tax.exempt_customer_group_ids;
    TaxSettings {
        prices_include_tax: tax.prices_include_tax,
        show_prices_with_tax: tax.show_prices_with_tax,
        home_zone_id: Some(home).filter(|id| !id.is_empty()),
        default_class_id: default.or_else(|| classes.first().map(|class| class.id.clone())),
        shipping_class_id: shipping,
        handling_class_id: handling,
        gift_wrapping_class_id: wrapping,
        fee_class_id: fee,
        exempt_group_ids: fields.ids("exempt_customer_group_ids", exempt, MAX_EXEMPT_GROUPS),
        provider: fields.message("provider", tax.provider, tax_provider),
    }
}

fn check_tax_class(fields: &mut Fields, name: &str, id: &str, classes: &[TaxClass]) {
    if !classes.iter().any(|class| class.id == id) {
        fields.refuse(name, format!("\"{id}\" must be one of tax_classes"));
    }
}

fn tax_zone(fields: &mut Fields, zone: pb::TaxZone, classes: &[TaxClass]) -> TaxZone {
    let rates = fields.each("rates", zone.rates, 0..=MAX_RATES, |fields, rate| {
        let priority = fields.number("priority", rate.priority, 0..=MAX_PRIORITY);
        TaxRate {
            name: fields.text("name", rate.name),
            priority: u32::try_from(priority).unwrap_or_default(),
            class_rates: class_rates(fields, rate.class_rates, classes),
        }
    });
    let priorities: HashSet<u32> = rates.iter().map(|rate| rate.priority).collect();
    if priorities.len() > MAX_PRIORITIES {
        fields.refuse(
            "rates",
            format!("must have at most {MAX_PRIORITIES} different priorities"),
        );
    }
    TaxZone {
        id: fields.required_text("id", zone.id),
        name: fields.text("name", zone.name),
        enabled: !zone.disabled,
        locations: fields.each("locations", zone.locations, 0..=MAX_LOCATIONS, location),
        rates,
    }
}

fn class_rates(
    fields: &mut Fields,
    rates: Vec<pb::TaxClassRate>,
    classes: &[TaxClass],
) -> Vec<(String, crate::domain::money::Rate)> {
    let rates = fields.each("class_rates", rates, 0..=MAX_TAX_CLASSES, |fields, rate| {
        check_tax_class(fields, "tax_class_id", &rate.tax_class_id, classes);
        (rate.tax_class_id, fields.tax_rate("rate", &rate.rate))
    });
    fields.unique(
        "class_rates",
        "tax_class_id",
        rates.iter().map(|(id, _)| id.as_str()),
    );
    rates
}

fn location(fields: &mut Fields, location: pb::Location) -> Location {
    let states = location.state_or_province_codes;
    let postal_codes = location.postal_codes;
    if location.rest_of_world {
        if !location.country_code.is_empty() || !states.is_empty() || !postal_codes.is_empty() {
            fields.refuse(
                "rest_of_world",
                "must be alone: nothing else may be set beside it",
            );
        }
        return Location::RestOfWorld;
    }
    Location::Country {
        country_code: fields.country_code("country_code", location.country_code),
        states: fields.ids("state_or_province_codes", states, MAX_IDS),
        postal_codes: fields.ids("postal_codes", postal_codes, MAX_POSTAL_CODES),
    }
}

fn shipping_zone(
    fields: &mut Fields,
    zone: pb::ShippingZone,
    carriers: &[Carrier],
    currency: Currency,
) -> ShippingZone {
    let fee = fields.message("handling_fee", zone.handling_fee, |fields, fee| {
        handling_fee(fields, fee, currency)
    });
    ShippingZone {
        id: fields.required_text("id", zone.id),
        name: fields.text("name", zone.name),
        enabled: !zone.disabled,
        locations: fields.each("locations", zone.locations, 0..=MAX_LOCATIONS, location),
        methods: fields.each(
            "methods",
            zone.methods,
            0..=MAX_METHODS,
            |fields, method| shipping_method(fields, method, currency),
        ),
        handling_fee: fee.flatten(),
        carriers: zone_carriers(fields, zone.carriers, carriers),
    }
}

fn handling_fee(
    fields: &mut Fields,
    fee: pb::HandlingFee,
    currency: Currency,
) -> Option<HandlingFee> {
    match fee.fee {
        Some(Fee::Fixed(money)) => Some(HandlingFee::Fixed(fields.required_amount(
            "fixed",
            Some(money),
            currency,
        ))),
        Some(Fee::Percentage(text)) => Some(HandlingFee::Percentage(
            fields.percentage("percentage", &text),
        )),
        None => {
            fields.refuse("", "must have fixed or percentage");
            None
        }
    }
}

fn shipping_method(
    fields: &mut Fields,
    method: pb::ShippingMethod,
    currency: Currency,
) -> ShippingMethod {
    let rate = method_rate(fields, method.rate, currency);
    ShippingMethod {
        id: fields.required_text("id", method.id),
        name: fields.text("name", method.name),
        description: fields.text("description", method.description),
        enabled: !method.disabled,
        transit_time: fields
            .message("transit_time", method.transit_time, transit_time)
            .flatten(),
        image_url: fields.text("image_url", method.image_url),
        rate,
        fallback: method.fallback,
    }
}

/// Placeholder: free.
fn method_rate(fields: &mut Fields, cost: Option<Cost>, currency: Currency) -> MethodRate {
    let mut amount = |name, money| fields.required_amount(name, Some(money), currency);
    match cost {
        Some(Cost::FlatPerOrder(money)) => {
            MethodRate::FlatPerOrder(amount("flat_per_order", money))
        }
        Some(Cost::FlatPerItem(money)) => MethodRate::FlatPerItem(amount("flat_per_item", money)),
        Some(Cost::Pickup(money)) => MethodRate::Pickup(amount("pickup", money)),
        Some(Cost::ByWeight(table)) => MethodRate::ByWeight(
            fields.within("by_weight", |fields| ranges(fields, table, currency)),
        ),
        Some(Cost::ByTotal(table)) => {
            MethodRate::ByTotal(fields.within("by_total", |fields| ranges(fields, table, currency)))
        }
        Some(Cost::Free(free)) => {
            let minimum = fields.amount("free.minimum_total", free.minimum_total, currency);
            MethodRate::Free(minimum.unwrap_or_default())
        }
        None => {
            let names = "flat_per_order, flat_per_item, by_weight, by_total, free, pickup";
            fields.refuse("rate", format!("must be one of {names}"));
            MethodRate::Free(Amount::ZERO)
        }
    }
}

fn ranges(fields: &mut Fields, table: pb::RateTable, currency: Currency) -> Vec<RateRange> {
    let last = table.ranges.len().saturating_sub(1);
    // Where the range before ends; it has no end only if it is the last.
    let mut end = 0;
    let mut index = 0_usize;
    fields.each("ranges", table.ranges, 1..=MAX_RANGES, |fields, range| {
        let is_last = index == last;
        index = index.saturating_add(1);
        let from = range.from;
        if from < end {
            fields.refuse(
                "from",
                format!("must not be below {end}, where the range before ends"),
            );
        }
        let to = (range.to != 0).then_some(range.to);
        match to {
            Some(to) if to <= from => fields.refuse("to", format!("must be above from, {from}")),
            None if !is_last => fields.refuse("to", "must be set in all but the last range"),
            _ => {}
        }
        end = to.unwrap_or(from).max(from);
        RateRange {
            from,
            to,
            cost: fields.required_amount("cost", range.cost, currency),
        }
    })
}

fn transit_time(fields: &mut Fields, time: pb::TransitTime) -> Option<TransitTime> {
    let duration = fields.number("duration", time.duration, 0..=MAX_TRANSIT_TIME);
    let units = match fields.choice("units", time.units, pb::TransitTimeUnits::as_str_name)? {
        pb::TransitTimeUnits::Hours => TransitUnits::Hours,
        pb::TransitTimeUnits::BusinessDays => TransitUnits::BusinessDays,
        pb::TransitTimeUnits::Days | pb::TransitTimeUnits::Unspecified => TransitUnits::Days,
    };
    Some(TransitTime {
        units,
        duration: u32::try_from(duration).unwrap_or_default(),
    })
}

/// Methods of all zones share one space of ids, because coupons name them by it, and carriers' services are in it too.
fn check_methods(fields: &mut Fields, zones: &[ShippingZone], carriers: &[Carrier]) {
    let mut seen = HashSet::new();
    for (zone_index, zone) in zones.iter().enumerate() {
        for (index, method) in zone.methods.iter().enumerate() {
            let path = format!("shipping_zones[{zone_index}].methods[{index}].id");
            let id = &method.id;
            if !id.is_empty() && !seen.insert(id) {
                let text = format!("\"{id}\" is there already: each may be given once");
                fields.refuse(&path, text);
            }
            let first = id.split_once('/').map(|(first, _)| first);
            if carriers.iter().any(|it| Some(it.id.as_str()) == first) {
                let text = format!("\"{id}\" would be a service of the carrier before the \"/\"");
                fields.refuse(&path, text);
            }
        }
    }
}

fn pickup_method(fields: &mut Fields, method: pb::PickupMethod) -> PickupMethod {
    PickupMethod {
        id: fields.required_text("id", method.id),
        display_name: fields.text("display_name", method.display_name),
        enabled: !method.disabled,
        address: fields.message("address", method.address, Fields::partial_address),
    }
}

fn gift_wrapping_option(
    fields: &mut Fields,
    option: pb::GiftWrappingOption,
    currency: Currency,
) -> GiftWrappingOption {
    let price = fields.amount("price", option.price, currency);
    GiftWrappingOption {
        id: fields.required_text("id", option.id),
        name: fields.text("name", option.name),
        price: price.unwrap_or_default(),
        allow_message: option.allow_message,
        enabled: !option.disabled,
        image_url: fields.text("image_url", option.image_url),
    }
}

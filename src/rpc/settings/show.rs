//! The settings of the shop as a message.

use super::outside::{show_carrier, show_tax_provider, show_zone_carrier};
use crate::{
    domain::{
        location::Location,
        money::Currency,
        store::{
            GiftWrappingOption, HandlingFee, MethodRate, PickupMethod, RateRange, ShippingMethod,
            ShippingZone, Store, TaxRate, TaxSettings, TaxZone,
        },
    },
    rpc::{
        pb::{self, handling_fee::Fee, shipping_method::Rate as Cost},
        show::{address, int, money, transit_time},
    },
};

/// The settings.
pub(super) fn store(store: &Store) -> pb::Store {
    let currency = store.default_currency;
    let currencies = store
        .currencies
        .iter()
        .map(|(currency, rate)| pb::StoreCurrency {
            code: currency.code().to_owned(),
            exchange_rate: rate.to_string(),
        });
    let tax_classes = store.tax_classes.iter().map(|class| pb::TaxClass {
        id: class.id.clone(),
        name: class.name.clone(),
    });
    let shipping_zones = store.shipping_zones.iter();
    let gift_wrapping_options = store.gift_wrapping_options.iter();
    pb::Store {
        version: store.version,
        name: store.name.clone(),
        default_currency_code: currency.code().to_owned(),
        currencies: currencies.collect(),
        // A year at most, so it fits.
        cart_lifetime: prost_types::Duration::try_from(store.cart_lifetime).ok(),
        reservation_lifetime: prost_types::Duration::try_from(store.reservation_lifetime).ok(),
        allow_multiple_coupons: store.allow_multiple_coupons,
        discount_overridden_prices: store.discount_overridden_prices,
        origin: store.origin.as_ref().map(address),
        tax: Some(tax_settings(&store.tax)),
        tax_classes: tax_classes.collect(),
        tax_zones: store.tax_zones.iter().map(tax_zone).collect(),
        shipping_zones: shipping_zones
            .map(|zone| shipping_zone(zone, currency))
            .collect(),
        pickup_methods: store.pickup_methods.iter().map(pickup_method).collect(),
        gift_wrapping_options: gift_wrapping_options
            .map(|option| gift_wrapping_option(option, currency))
            .collect(),
        carriers: store.carriers.iter().map(show_carrier).collect(),
    }
}

fn tax_settings(tax: &TaxSettings) -> pb::TaxSettings {
    let id = |id: &Option<String>| id.clone().unwrap_or_default();
    pb::TaxSettings {
        prices_include_tax: tax.prices_include_tax,
        show_prices_with_tax: tax.show_prices_with_tax,
        home_tax_zone_id: id(&tax.home_zone_id),
        default_tax_class_id: id(&tax.default_class_id),
        shipping_tax_class_id: id(&tax.shipping_class_id),
        handling_tax_class_id: id(&tax.handling_class_id),
        gift_wrapping_tax_class_id: id(&tax.gift_wrapping_class_id),
        fee_tax_class_id: id(&tax.fee_class_id),
        exempt_customer_group_ids: tax.exempt_group_ids.clone(),
        provider: tax.provider.as_ref().map(show_tax_provider),
    }
}

fn tax_zone(zone: &TaxZone) -> pb::TaxZone {
    pb::TaxZone {
        id: zone.id.clone(),
        name: zone.name.clone(),
        disabled: !zone.enabled,
        locations: zone.locations.iter().map(location).collect(),
        rates: zone.rates.iter().map(tax_rate).collect(),
    }
}

fn tax_rate(rate: &TaxRate) -> pb::TaxRate {
    let class_rates = rate
        .class_rates
        .iter()
        .map(|(class, rate)| pb::TaxClassRate {
            tax_class_id: class.clone(),
            rate: rate.to_string(),
        });
    pb::TaxRate {
        name: rate.name.clone(),
        priority: int(rate.priority),
        class_rates: class_rates.collect(),
    }
}

fn location(location: &Location) -> pb::Location {
    match location.clone() {
        Location::RestOfWorld => pb::Location {
            rest_of_world: true,
            ..pb::Location::default()
        },
        Location::Country {
            country_code,
            states,
            postal_codes,
        } => pb::Location {
            country_code,
            state_or_province_codes: states,
            postal_codes,
            rest_of_world: false,
        },
    }
}

fn shipping_zone(zone: &ShippingZone, currency: Currency) -> pb::ShippingZone {
    let fee = zone.handling_fee.map(|fee| match fee {
        HandlingFee::Fixed(amount) => money(currency, amount).map(Fee::Fixed),
        HandlingFee::Percentage(rate) => Some(Fee::Percentage(rate.percentage())),
    });
    pb::ShippingZone {
        id: zone.id.clone(),
        name: zone.name.clone(),
        disabled: !zone.enabled,
        locations: zone.locations.iter().map(location).collect(),
        methods: zone
            .methods
            .iter()
            .map(|method| shipping_method(method, currency))
            .collect(),
        handling_fee: fee.map(|fee| pb::HandlingFee { fee }),
        carriers: zone.carriers.iter().map(show_zone_carrier).collect(),
    }
}

fn shipping_method(method: &ShippingMethod, currency: Currency) -> pb::ShippingMethod {
    let money = |amount| money(currency, amount);
    let table = |ranges: &[RateRange]| pb::RateTable {
        ranges: ranges
            .iter()
            .map(|range| rate_range(*range, currency))
            .collect(),
    };
    let rate = match &method.rate {
        MethodRate::FlatPerOrder(amount) => money(*amount).map(Cost::FlatPerOrder),
        MethodRate::FlatPerItem(amount) => money(*amount).map(Cost::FlatPerItem),
        MethodRate::Pickup(amount) => money(*amount).map(Cost::Pickup),
        MethodRate::ByWeight(ranges) => Some(Cost::ByWeight(table(ranges))),
        MethodRate::ByTotal(ranges) => Some(Cost::ByTotal(table(ranges))),
        MethodRate::Free(minimum) => {
            let minimum_total = Some(*minimum)
                .filter(|amount| !amount.is_zero())
                .and_then(money);
            Some(Cost::Free(pb::FreeShipping { minimum_total }))
        }
    };
    pb::ShippingMethod {
        id: method.id.clone(),
        name: method.name.clone(),
        description: method.description.clone(),
        disabled: !method.enabled,
        transit_time: method.transit_time.map(transit_time),
        image_url: method.image_url.clone(),
        rate,
        fallback: method.fallback,
    }
}

fn rate_range(range: RateRange, currency: Currency) -> pb::RateRange {
    pb::RateRange {
        from: range.from,
        to: range.to.unwrap_or_default(),
        cost: money(currency, range.cost),
    }
}

fn pickup_method(method: &PickupMethod) -> pb::PickupMethod {
    pb::PickupMethod {
        id: method.id.clone(),
        display_name: method.display_name.clone(),
        disabled: !method.enabled,
        address: method.address.as_ref().map(address),
    }
}

fn gift_wrapping_option(option: &GiftWrappingOption, currency: Currency) -> pb::GiftWrappingOption {
    pb::GiftWrappingOption {
        id: option.id.clone(),
        name: option.name.clone(),
        price: money(currency, option.price),
        allow_message: option.allow_message,
        disabled: !option.enabled,
        image_url: option.image_url.clone(),
    }
}

//! Shipping options, and the store's own methods that make them.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use super::{
    address::Address,
    catalog::Measures,
    checkout::Checkout,
    consignment::Consignment,
    money::{Amount, Currency, sum},
    reason::Result,
    store::{HandlingFee, MethodRate, RateRange, ShippingMethod, ShippingZone, Store},
};

/// The carrier code of the store's own methods.
pub const BUILT_IN_CARRIER: &str = "built-in";

/// A priced way to ship one consignment. Amounts are in the checkout's currency.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ShippingOption {
    /// Zone and method, `us/ground`: the same as long as the same offer stands.
    pub id: String,
    /// The store's method.
    pub method_id: String,
    /// How the cost comes about.
    pub kind: OptionKind,
    /// Name shown to the shopper.
    pub description: String,
    /// More about it.
    pub additional_description: String,
    /// A picture.
    pub image_url: String,
    /// Shipping cost, as entered.
    pub cost: Amount,
    /// Handling fee, as entered.
    pub handling: Amount,
    /// How long it takes.
    pub transit_time: Option<TransitTime>,
    /// Who carries it.
    pub carrier_code: String,
    /// Until when the quote holds.
    pub expire_time: Option<DateTime<Utc>>,
    /// Whether it is the one to suggest.
    pub recommended: bool,
}

impl ShippingOption {
    /// The shipping zone that offers it.
    #[must_use]
    pub fn zone_id(&self) -> &str {
        self.id.split_once('/').map_or("", |(zone, _)| zone)
    }

    /// Whether it is the same offer at the same price, however long either quote holds.
    #[must_use]
    pub fn is_same_offer(&self, other: &Self) -> bool {
        self.id == other.id && self.cost == other.cost && self.handling == other.handling
    }
}

/// How the cost of an option comes about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "the same words as the store's methods")]
pub enum OptionKind {
    FlatPerOrder,
    FlatPerItem,
    ByWeight,
    ByTotal,
    Free,
    Pickup,
}

/// How long a shipment takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct TransitTime {
    /// Unit of `duration`.
    pub units: TransitUnits,
    /// Number of units.
    pub duration: u32,
}

/// Unit of a transit time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "the names say it all")]
pub enum TransitUnits {
    Hours,
    Days,
    BusinessDays,
}

/// How serious a quote message is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "the names say it all")]
pub enum Severity {
    Info,
    Warning,
    Error,
}

/// What came with the quotes beside the options.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct QuoteMessage {
    /// How serious it is.
    pub severity: Severity,
    /// Who says it.
    pub carrier_code: String,
    /// What it says.
    pub text: String,
}

/// What is offered for one consignment, cheapest first.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Quote {
    /// The options.
    pub options: Vec<ShippingOption>,
    /// What came with them.
    pub messages: Vec<QuoteMessage>,
}

impl Quote {
    /// No options, and why.
    fn nothing(text: String) -> Self {
        let message = QuoteMessage {
            severity: Severity::Warning,
            carrier_code: BUILT_IN_CARRIER.to_owned(),
            text,
        };
        Self {
            options: Vec::new(),
            messages: vec![message],
        }
    }
}

/// All that a quote depends on, normalized so that equal baskets to one place are equal: whose they are, and
/// what the shopper's name or street is, does not matter.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RateRequest {
    /// Version of the store's settings.
    pub store_version: i64,
    /// Currency of the answer.
    pub currency: Currency,
    /// ISO 3166-1 alpha-2, upper case.
    pub country_code: String,
    /// State or province by code, upper case.
    pub state_or_province_code: String,
    /// Postal code, upper case without spaces.
    pub postal_code: String,
    /// What travels, sorted.
    pub items: Vec<RatedItem>,
}

/// Units of one kind in a rate request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct RatedItem {
    /// Weight and size of one unit.
    pub measures: Measures,
    /// List price of one unit.
    pub value: Amount,
    /// Ships for nothing.
    pub free_shipping: bool,
    /// Shipping cost of one unit in place of being quoted.
    pub fixed_cost: Option<Amount>,
    /// Units.
    pub quantity: u32,
}

impl RateRequest {
    /// The request for a consignment; none while its country is not known.
    #[must_use]
    pub fn of(checkout: &Checkout, consignment: &Consignment, store: &Store) -> Option<Self> {
        let address = &consignment.address;
        if address.country_code.is_empty() {
            return None;
        }
        let mut items: Vec<RatedItem> = consignment
            .items
            .iter()
            .filter_map(|item| {
                let line = checkout
                    .lines
                    .iter()
                    .find(|line| line.id == item.line_item_id)?;
                Some(RatedItem {
                    measures: line.facts.measures,
                    value: line.list_price(),
                    free_shipping: line.facts.free_shipping,
                    fixed_cost: line.facts.fixed_shipping_cost,
                    quantity: item.quantity,
                })
            })
            .collect();
        items.sort_by_key(|item| {
            let m = item.measures;
            let size = (m.weight_grams, m.length_mm, m.width_mm, m.height_mm);
            (
                size,
                item.value,
                item.fixed_cost,
                item.free_shipping,
                item.quantity,
            )
        });
        let normal = |text: &str| text.replace(' ', "").to_uppercase();
        Some(Self {
            store_version: store.version,
            currency: checkout.currency,
            country_code: normal(&address.country_code),
            state_or_province_code: normal(&address.state_or_province_code),
            postal_code: normal(&address.postal_code),
            items,
        })
    }
}

/// Asks the store's own zones and methods.
pub fn rate(store: &Store, request: &RateRequest) -> Result<Quote> {
    let destination = Address {
        country_code: request.country_code.clone(),
        state_or_province_code: request.state_or_province_code.clone(),
        postal_code: request.postal_code.clone(),
        ..Address::default()
    };
    let Some(zone) = store.shipping_zone(&destination) else {
        let text = format!("the store does not ship to {}", request.country_code);
        return Ok(Quote::nothing(text));
    };
    let parcel = Parcel::of(store, request)?;
    let mut options = Vec::new();
    for method in zone.methods.iter().filter(|method| method.enabled) {
        if let Some(option) = offer(store, zone, method, &parcel, request.currency)? {
            options.push(option);
        }
    }
    if options.is_empty() {
        let text = format!(
            "no method of shipping zone \"{}\" fits the consignment",
            zone.id
        );
        return Ok(Quote::nothing(text));
    }
    options.sort_by_key(|option| option.cost);
    if let Some(best) = options
        .iter_mut()
        .find(|option| option.kind != OptionKind::Pickup)
    {
        best.recommended = true;
    }
    Ok(Quote {
        options,
        messages: Vec::new(),
    })
}

/// A consignment as the methods see it. Goods with free or fixed shipping count for the value only.
struct Parcel {
    units: u32,
    weight_grams: i64,
    value: Amount,
    fixed_cost: Amount,
}

impl Parcel {
    fn of(store: &Store, request: &RateRequest) -> Result<Self> {
        let mut parcel = Self {
            units: 0,
            weight_grams: 0,
            value: Amount::ZERO,
            fixed_cost: Amount::ZERO,
        };
        for item in &request.items {
            parcel.value = parcel.value.plus(item.value.times(item.quantity)?)?;
            if let Some(cost) = item.fixed_cost {
                parcel.fixed_cost = parcel.fixed_cost.plus(cost.times(item.quantity)?)?;
            } else if !item.free_shipping {
                parcel.units = parcel.units.saturating_add(item.quantity);
                let weight = item
                    .measures
                    .weight_grams
                    .saturating_mul(item.quantity.into());
                parcel.weight_grams = parcel.weight_grams.saturating_add(weight);
            }
        }
        // Ranges and minimums are set in the default currency.
        if request.currency != store.default_currency {
            let unit = Amount::new(1_000_000);
            let rate = store.convert(unit, request.currency)?;
            if !rate.is_zero() {
                parcel.value = parcel
                    .value
                    .ratio(unit.minor().into(), rate.minor().into())?;
            }
        }
        Ok(parcel)
    }
}

/// What a method offers for the parcel; none when it does not.
fn offer(
    store: &Store,
    zone: &ShippingZone,
    method: &ShippingMethod,
    parcel: &Parcel,
    currency: Currency,
) -> Result<Option<ShippingOption>> {
    let in_range = |ranges: &[RateRange], value: i64| {
        let range = ranges
            .iter()
            .find(|r| value >= r.from && r.to.is_none_or(|to| value < to));
        range.map(|range| range.cost)
    };
    let (kind, cost) = match &method.rate {
        MethodRate::FlatPerOrder(cost) => (OptionKind::FlatPerOrder, Some(*cost)),
        MethodRate::FlatPerItem(cost) => (OptionKind::FlatPerItem, Some(cost.times(parcel.units)?)),
        MethodRate::ByWeight(ranges) => {
            (OptionKind::ByWeight, in_range(ranges, parcel.weight_grams))
        }
        MethodRate::ByTotal(ranges) => {
            (OptionKind::ByTotal, in_range(ranges, parcel.value.minor()))
        }
        MethodRate::Free(minimum) => (
            OptionKind::Free,
            (parcel.value >= *minimum).then_some(Amount::ZERO),
        ),
        MethodRate::Pickup(cost) => (OptionKind::Pickup, Some(*cost)),
    };
    let Some(cost) = cost else { return Ok(None) };
    // Nothing that has to be quoted: only fixed costs are left.
    let quoted = if parcel.units == 0 {
        Amount::ZERO
    } else {
        store.convert(cost, currency)?
    };
    let cost = sum([quoted, parcel.fixed_cost])?;
    let handling = match zone.handling_fee {
        None => Amount::ZERO,
        Some(HandlingFee::Fixed(fee)) => store.convert(fee, currency)?,
        Some(HandlingFee::Percentage(rate)) => cost.at(rate)?,
    };
    Ok(Some(ShippingOption {
        id: format!("{}/{}", zone.id, method.id),
        method_id: method.id.clone(),
        kind,
        description: method.name.clone(),
        additional_description: method.description.clone(),
        image_url: method.image_url.clone(),
        cost,
        handling,
        transit_time: method.transit_time,
        carrier_code: BUILT_IN_CARRIER.to_owned(),
        expire_time: None,
        recommended: false,
    }))
}

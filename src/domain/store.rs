//! The settings of the shop: one versioned document.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::{
    address::Address,
    carrier::{Carrier, ZoneCarrier},
    location::{Location, most_specific},
    money::{Amount, Currency, Overflow, Rate},
    reason::{Reason, Refusal, Result},
    shipping::TransitTime,
};

/// How long a cart lives after its last change, unless set otherwise.
pub const DEFAULT_CART_LIFETIME: Duration = Duration::from_hours(30 * 24);

/// How long a checkout keeps what it has reserved, unless set otherwise.
pub const DEFAULT_RESERVATION_LIFETIME: Duration = Duration::from_hours(1);

/// Everything that is set for the shop. Amounts are in its default currency.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Store {
    /// Raised by one with every change.
    pub version: i64,
    /// Name of the shop.
    pub name: String,
    /// The currency of the catalog and of shipping methods.
    pub default_currency: Currency,
    /// Other currencies, each with its units for one unit of the default currency.
    pub currencies: Vec<(Currency, Rate)>,
    /// How long a cart lives after its last change.
    pub cart_lifetime: Duration,
    /// How long a checkout keeps what it has reserved for its orders.
    #[serde(default = "default_reservation_lifetime")]
    pub reservation_lifetime: Duration,
    /// Whether a checkout may have several coupons.
    pub allow_multiple_coupons: bool,
    /// Whether item-level promotions also discount lines with an overridden price.
    pub discount_overridden_prices: bool,
    /// Where goods are shipped from.
    pub origin: Option<Address>,
    /// How prices and taxes go together.
    pub tax: TaxSettings,
    /// Kinds of goods for tax: id and name.
    pub tax_classes: Vec<TaxClass>,
    /// Where which tax is due.
    pub tax_zones: Vec<TaxZone>,
    /// Where the shop ships, and how.
    pub shipping_zones: Vec<ShippingZone>,
    /// Where goods can be picked up.
    pub pickup_methods: Vec<PickupMethod>,
    /// How goods can be wrapped.
    pub gift_wrapping_options: Vec<GiftWrappingOption>,
    /// Services outside that quote shipping.
    pub carriers: Vec<Carrier>,
}

/// For settings of a release without reservations.
const fn default_reservation_lifetime() -> Duration {
    DEFAULT_RESERVATION_LIFETIME
}

impl Store {
    /// A shop with nothing set but its currency: sells tax-free and ships nowhere.
    #[must_use]
    pub fn empty(currency: Currency) -> Self {
        Self {
            version: 0,
            name: String::new(),
            default_currency: currency,
            currencies: Vec::new(),
            cart_lifetime: DEFAULT_CART_LIFETIME,
            reservation_lifetime: DEFAULT_RESERVATION_LIFETIME,
            allow_multiple_coupons: false,
            discount_overridden_prices: false,
            origin: None,
            tax: TaxSettings::default(),
            tax_classes: Vec::new(),
            tax_zones: Vec::new(),
            shipping_zones: Vec::new(),
            pickup_methods: Vec::new(),
            gift_wrapping_options: Vec::new(),
            carriers: Vec::new(),
        }
    }

    /// Whether carts may have this currency.
    #[must_use]
    pub fn accepts(&self, currency: Currency) -> bool {
        currency == self.default_currency || self.currencies.iter().any(|(c, _)| *c == currency)
    }

    /// Converts an amount of the default currency, rounded. Refused for a currency that carts may not have.
    pub fn convert(&self, amount: Amount, to: Currency) -> Result<Amount> {
        if to == self.default_currency {
            return Ok(amount);
        }
        let Some((_, rate)) = self.currencies.iter().find(|(c, _)| *c == to) else {
            let message =
                format!("the store does not sell in {to} any more: change the cart's currency");
            let refusal = Refusal::new(Reason::CurrencyNotSupported, message);
            return Err(refusal.with("currency_code", to));
        };
        let unit = |digits: u32| 10_i128.checked_pow(digits).ok_or(Overflow);
        let numerator = i128::from(rate.millionths())
            .checked_mul(unit(to.digits())?)
            .ok_or(Overflow)?;
        let denominator = i128::from(Rate::ONE.millionths())
            .checked_mul(unit(self.default_currency.digits())?)
            .ok_or(Overflow)?;
        Ok(amount.ratio(numerator, denominator)?)
    }

    /// The tax zone of an address, if any.
    #[must_use]
    pub fn tax_zone(&self, address: &Address) -> Option<&TaxZone> {
        let enabled = self.tax_zones.iter().filter(|zone| zone.enabled);
        most_specific(
            enabled.map(|zone| (zone, zone.locations.as_slice())),
            address,
        )
    }

    /// The tax zone whose tax entered prices contain.
    #[must_use]
    pub fn home_tax_zone(&self) -> Option<&TaxZone> {
        let home = self.tax.home_zone_id.as_deref()?;
        self.tax_zones.iter().find(|zone| zone.id == home)
    }

    /// The shipping zone of an address, if any.
    #[must_use]
    pub fn shipping_zone(&self, address: &Address) -> Option<&ShippingZone> {
        let enabled = self.shipping_zones.iter().filter(|zone| zone.enabled);
        most_specific(
            enabled.map(|zone| (zone, zone.locations.as_slice())),
            address,
        )
    }

    /// The pickup methods that can be chosen.
    pub fn enabled_pickup_methods(&self) -> impl Iterator<Item = &PickupMethod> {
        self.pickup_methods.iter().filter(|method| method.enabled)
    }
}

/// How prices and taxes go together.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct TaxSettings {
    /// Whether prices are entered with the tax of the home zone.
    pub prices_include_tax: bool,
    /// Whether amounts are shown with tax.
    pub show_prices_with_tax: bool,
    /// The tax zone whose tax entered prices contain.
    pub home_zone_id: Option<String>,
    /// Tax class of goods that name none.
    pub default_class_id: Option<String>,
    /// Tax class of shipping costs, if another than the default.
    pub shipping_class_id: Option<String>,
    /// Tax class of handling fees, if another than the default.
    pub handling_class_id: Option<String>,
    /// Tax class of gift wrapping, if another than the default.
    pub gift_wrapping_class_id: Option<String>,
    /// Tax class of fees that name none, if another than the default.
    pub fee_class_id: Option<String>,
    /// Groups of customers who pay no tax.
    pub exempt_group_ids: Vec<String>,
    /// Works taxes out in place of the tax zones.
    pub provider: Option<TaxProvider>,
}

/// A service outside that works taxes out.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct TaxProvider {
    /// Where it serves.
    pub url: String,
    /// Longest time for an estimate.
    pub timeout: Duration,
    /// What to do while it cannot be asked.
    pub fallback: TaxFallback,
}

/// What to do while the tax provider cannot be asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum TaxFallback {
    /// Orders are created with the taxes of the tax zones.
    BuiltInRates,
    /// No order is created.
    Block,
}

/// A kind of goods for tax.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TaxClass {
    /// Id, unique in the store.
    pub id: String,
    /// Name.
    pub name: String,
}

/// Which tax is due where.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TaxZone {
    /// Id, unique in the store.
    pub id: String,
    /// Name.
    pub name: String,
    /// Whether it counts.
    pub enabled: bool,
    /// Where it holds.
    pub locations: Vec<Location>,
    /// The rates.
    pub rates: Vec<TaxRate>,
}

/// A tax.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TaxRate {
    /// Name shown to the shopper.
    pub name: String,
    /// Equal priorities add; a higher number compounds on the lower.
    pub priority: u32,
    /// Tax class and its rate.
    pub class_rates: Vec<(String, Rate)>,
}

/// Where the shop ships, and how.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ShippingZone {
    /// Id, unique in the store.
    pub id: String,
    /// Name.
    pub name: String,
    /// Whether it counts.
    pub enabled: bool,
    /// Where it holds.
    pub locations: Vec<Location>,
    /// The methods.
    pub methods: Vec<ShippingMethod>,
    /// Fee added for handling.
    pub handling_fee: Option<HandlingFee>,
    /// The carriers that are asked.
    pub carriers: Vec<ZoneCarrier>,
}

/// A fee for handling a consignment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum HandlingFee {
    /// An amount.
    Fixed(Amount),
    /// A part of the shipping cost.
    Percentage(Rate),
}

/// A way to ship.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ShippingMethod {
    /// Id, unique in the store.
    pub id: String,
    /// Name shown to the shopper.
    pub name: String,
    /// More about it.
    pub description: String,
    /// Whether it is offered.
    pub enabled: bool,
    /// How long it takes.
    pub transit_time: Option<TransitTime>,
    /// A picture.
    pub image_url: String,
    /// How the cost comes about.
    pub rate: MethodRate,
    /// Whether it is only offered while a carrier of the zone cannot be asked.
    pub fallback: bool,
}

/// How the cost of a shipping method comes about.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum MethodRate {
    /// One amount for the consignment.
    FlatPerOrder(Amount),
    /// An amount for each unit.
    FlatPerItem(Amount),
    /// By weight in grams.
    ByWeight(Vec<RateRange>),
    /// By the value of the goods.
    ByTotal(Vec<RateRange>),
    /// For nothing, from a value of the goods on.
    Free(Amount),
    /// Collected by the shopper.
    Pickup(Amount),
}

/// Cost from one value on up to another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct RateRange {
    /// First value of the range.
    pub from: i64,
    /// First value beyond it; none for a range without end.
    pub to: Option<i64>,
    /// Cost of the consignment.
    pub cost: Amount,
}

/// A place where goods can be picked up.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PickupMethod {
    /// Id, unique in the store.
    pub id: String,
    /// Name shown to the shopper.
    pub display_name: String,
    /// Whether it can be chosen.
    pub enabled: bool,
    /// Where it is.
    pub address: Option<Address>,
}

/// A way to wrap goods.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct GiftWrappingOption {
    /// Id, unique in the store.
    pub id: String,
    /// Name shown to the shopper.
    pub name: String,
    /// What wrapping one unit costs, or all of a line together.
    pub price: Amount,
    /// Whether a message can be written on it.
    pub allow_message: bool,
    /// Whether it is offered.
    pub enabled: bool,
    /// A picture.
    pub image_url: String,
}

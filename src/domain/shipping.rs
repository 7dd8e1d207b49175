//! Shipping options, and what they depend on. How they come about is in `rating.rs`.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use super::{
    address::Address,
    catalog::Measures,
    checkout::Checkout,
    consignment::Consignment,
    money::{Amount, Currency},
    store::Store,
};

/// The carrier code of the store's own methods.
pub const BUILT_IN_CARRIER: &str = "built-in";

/// A priced way to ship one consignment. Amounts are in the checkout's currency.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ShippingOption {
    /// Zone and method, `us/ground`: the same as long as the same offer stands.
    pub id: String,
    /// The store's method, or the carrier and its service, `ups/GND`.
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
    /// The carrier's own id of the rate; empty for the store's own methods.
    pub rate_id: String,
    /// The day on which the carrier dispatches; empty when not known.
    pub dispatch_date: String,
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
    Carrier,
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
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Quote {
    /// The options.
    pub options: Vec<ShippingOption>,
    /// What came with them.
    pub messages: Vec<QuoteMessage>,
    /// The carriers that were to be asked and could not be.
    pub failed_carriers: Vec<String>,
}

impl Quote {
    /// The option with this id, taken out.
    #[must_use]
    pub fn take_option(&mut self, id: &str) -> Option<ShippingOption> {
        let found = self.options.iter().position(|option| option.id == id)?;
        Some(self.options.swap_remove(found))
    }
}

/// Where something comes from or goes to, normalized so that equal places are equal. Never who is there.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
pub struct Place {
    /// ISO 3166-1 alpha-2, upper case.
    pub country_code: String,
    /// State or province by code, upper case.
    pub state_or_province_code: String,
    /// Postal code, upper case without spaces.
    pub postal_code: String,
    /// City.
    pub city: String,
    /// Street and house number.
    pub address1: String,
    /// More of it.
    pub address2: String,
}

impl From<&Address> for Place {
    fn from(address: &Address) -> Self {
        let code = |text: &str| text.replace(' ', "").to_uppercase();
        let words = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
        Self {
            country_code: code(&address.country_code),
            state_or_province_code: code(&address.state_or_province_code),
            postal_code: code(&address.postal_code),
            city: words(&address.city),
            address1: words(&address.address1),
            address2: words(&address.address2),
        }
    }
}

/// All that a quote depends on beside the settings, normalized so that equal baskets to one place are equal: whose
/// they are, and what the shopper's name is, does not matter.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RateRequest {
    /// Currency of the answer.
    pub currency: Currency,
    /// Where the store ships from.
    pub origin: Option<Place>,
    /// Where it goes. The country is known.
    pub destination: Place,
    /// The groups that the customer belongs to, sorted.
    pub customer_group_ids: Vec<String>,
    /// What travels, sorted.
    pub items: Vec<RatedItem>,
}

/// Units of one kind in a rate request.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct RatedItem {
    /// The catalog's product; empty for a custom item.
    pub product_id: String,
    /// The catalog's variant; empty without variants.
    pub variant_id: String,
    /// Stock keeping unit.
    pub sku: String,
    /// Name of the product.
    pub name: String,
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

impl RatedItem {
    /// Whether its shipping cost is to be quoted, and not set with the product.
    #[must_use]
    pub const fn is_quoted(&self) -> bool {
        !self.free_shipping && self.fixed_cost.is_none()
    }
}

impl RateRequest {
    /// The request for a consignment; none while its country is not known.
    #[must_use]
    pub fn of(checkout: &Checkout, consignment: &Consignment, store: &Store) -> Option<Self> {
        if consignment.address.country_code.is_empty() {
            return None;
        }
        let mut items: Vec<RatedItem> = consignment
            .items
            .iter()
            .filter_map(|item| {
                let mut lines = checkout.lines.iter();
                let line = lines.find(|line| line.id == item.line_item_id)?;
                Some(RatedItem {
                    product_id: line.product_id.clone(),
                    variant_id: line.variant_id.clone(),
                    sku: line.facts.sku.clone(),
                    name: line.facts.name.clone(),
                    measures: line.facts.measures,
                    value: line.list_price(),
                    free_shipping: line.facts.free_shipping,
                    fixed_cost: line.facts.fixed_shipping_cost,
                    quantity: item.quantity,
                })
            })
            .collect();
        items.sort();
        let mut customer_group_ids = checkout.customer.group_ids.clone();
        customer_group_ids.sort();
        Some(Self {
            currency: checkout.currency,
            origin: store.origin.as_ref().map(Place::from),
            destination: Place::from(&consignment.address),
            customer_group_ids,
            items,
        })
    }
}

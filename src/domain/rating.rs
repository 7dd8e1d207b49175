//! How shipping options come about: the store's own methods, and what carriers answered.

use super::{
    address::Address,
    carrier::{Asked, Carrier, CarrierAnswer, CarrierRate},
    money::{Amount, Currency, sum},
    reason::Result,
    shipping::{OptionKind, Place, Quote, QuoteMessage, RateRequest, Severity, ShippingOption},
    store::{HandlingFee, MethodRate, RateRange, ShippingMethod, ShippingZone, Store},
};

/// The carrier code of the store's own methods.
pub const BUILT_IN_CARRIER: &str = "built-in";

/// The carriers to ask for a request, each with what it is to know of the zone. With an `option_id`, only those that have
/// a part in whether that option is offered.
pub fn carriers<'a>(
    store: &'a Store,
    request: &RateRequest,
    option_id: Option<&str>,
) -> impl Iterator<Item = (&'a Carrier, &'a [(String, String)])> {
    let zone = zone(store, &request.destination);
    let asked = zone.into_iter().flat_map(move |zone| {
        let asked = zone.carriers.iter();
        asked.filter(move |it| option_id.is_none_or(|id| has_part(zone, &it.carrier_id, id)))
    });
    asked.filter_map(|asked| {
        let mut carriers = store.carriers.iter();
        let carrier = carriers.find(|carrier| carrier.enabled && carrier.id == asked.carrier_id)?;
        Some((carrier, asked.options.as_slice()))
    })
}

/// Whether an option is the carrier's own, or steps in when it fails.
fn has_part(zone: &ShippingZone, carrier_id: &str, option_id: &str) -> bool {
    let rest = option_id.strip_prefix(&zone.id);
    let Some(method_id) = rest.and_then(|rest| rest.strip_prefix('/')) else {
        return false;
    };
    let mut methods = zone.methods.iter();
    match methods.find(|method| method.id == method_id) {
        Some(method) => method.fallback,
        None => method_id
            .split_once('/')
            .is_some_and(|(first, _)| first == carrier_id),
    }
}

/// What is offered: by the zone's own methods, and by its carriers as they were asked.
pub fn quote(store: &Store, request: &RateRequest, asked: &[Asked]) -> Result<Quote> {
    let Some(zone) = zone(store, &request.destination) else {
        let text = format!(
            "the store does not ship to {}",
            request.destination.country_code
        );
        return Ok(Quote::nothing(text));
    };
    let offer = Offer {
        store,
        zone,
        parcel: Parcel::of(store, request)?,
        currency: request.currency,
    };
    let mut quote = Quote::default();
    let stepping_in = asked.iter().any(|asked| asked.result.is_err());
    for method in &zone.methods {
        if method.enabled && (stepping_in || !method.fallback) {
            quote.options.extend(offer.of_method(method)?);
        }
    }
    for Asked { carrier_id, result } in asked {
        match result {
            Ok(answer) => offer.of_carrier(carrier_id, answer, &mut quote)?,
            Err(why) => quote.failed(carrier_id, why),
        }
    }
    if quote.options.is_empty() {
        let text = format!(
            "nothing that shipping zone \"{}\" offers fits the consignment",
            zone.id
        );
        quote.messages.extend(Quote::nothing(text).messages);
    }
    quote.options.sort_by_key(|option| option.cost);
    let mut delivered = quote
        .options
        .iter_mut()
        .filter(|option| option.kind != OptionKind::Pickup);
    if let Some(best) = delivered.next() {
        best.recommended = true;
    }
    Ok(quote)
}

fn zone<'a>(store: &'a Store, destination: &Place) -> Option<&'a ShippingZone> {
    store.shipping_zone(&Address {
        country_code: destination.country_code.clone(),
        state_or_province_code: destination.state_or_province_code.clone(),
        postal_code: destination.postal_code.clone(),
        ..Address::default()
    })
}

impl Quote {
    /// No options, and why.
    fn nothing(text: String) -> Self {
        Self {
            messages: vec![QuoteMessage {
                severity: Severity::Warning,
                carrier_code: BUILT_IN_CARRIER.to_owned(),
                text,
            }],
            ..Self::default()
        }
    }

    fn failed(&mut self, carrier_id: &str, why: &str) {
        self.failed_carriers.push(carrier_id.to_owned());
        self.messages.push(QuoteMessage {
            severity: Severity::Error,
            carrier_code: carrier_id.to_owned(),
            text: why.to_owned(),
        });
    }
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
            } else if item.is_quoted() {
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

/// What turns methods and rates into options for one consignment.
struct Offer<'a> {
    store: &'a Store,
    zone: &'a ShippingZone,
    parcel: Parcel,
    currency: Currency,
}

impl Offer<'_> {
    /// What a method offers; none when it does not.
    fn of_method(&self, method: &ShippingMethod) -> Result<Option<ShippingOption>> {
        let Some((kind, cost)) = self.parcel.cost(&method.rate)? else {
            return Ok(None);
        };
        let (cost, handling) = self.costs(self.store.convert(cost, self.currency)?)?;
        Ok(Some(ShippingOption {
            id: format!("{}/{}", self.zone.id, method.id),
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
            rate_id: String::new(),
            dispatch_date: String::new(),
        }))
    }

    /// What a carrier offers, added to the quote.
    fn of_carrier(
        &self,
        carrier_id: &str,
        answer: &CarrierAnswer,
        quote: &mut Quote,
    ) -> Result<()> {
        quote.messages.extend(answer.messages.iter().cloned());
        for rate in &answer.rates {
            let (cost, handling) = self.costs(rate.cost)?;
            let method_id = rate.method_id(carrier_id);
            let carrier_code = rate.carrier_code.as_deref().unwrap_or(carrier_id);
            quote.options.push(ShippingOption {
                id: format!("{}/{method_id}", self.zone.id),
                method_id,
                kind: OptionKind::Carrier,
                description: rate.display_name.clone(),
                additional_description: rate.description.clone(),
                image_url: rate.image_url.clone(),
                cost,
                handling,
                transit_time: rate.transit_time,
                carrier_code: carrier_code.to_owned(),
                expire_time: Some(answer.expire_time),
                recommended: false,
                rate_id: rate.rate_id.clone(),
                dispatch_date: rate.dispatch_date.clone(),
            });
        }
        Ok(())
    }

    /// Shipping cost and handling fee. Goods with a cost of their own add it, and are not quoted.
    fn costs(&self, quoted: Amount) -> Result<(Amount, Amount)> {
        let quoted = if self.parcel.units == 0 {
            Amount::ZERO
        } else {
            quoted
        };
        let cost = sum([quoted, self.parcel.fixed_cost])?;
        let handling = match self.zone.handling_fee {
            None => Amount::ZERO,
            Some(HandlingFee::Fixed(fee)) => self.store.convert(fee, self.currency)?,
            Some(HandlingFee::Percentage(rate)) => cost.at(rate)?,
        };
        Ok((cost, handling))
    }
}

impl CarrierRate {
    /// The carrier and its service: `ups/GND`, or `aggregator/ups/GND`.
    fn method_id(&self, carrier_id: &str) -> String {
        let code = &self.code;
        match &self.carrier_code {
            Some(carrier_code) => format!("{carrier_id}/{carrier_code}/{code}"),
            None => format!("{carrier_id}/{code}"),
        }
    }
}

impl Parcel {
    /// How a method's cost comes about, and what it is in the default currency; none beyond its ranges.
    fn cost(&self, rate: &MethodRate) -> Result<Option<(OptionKind, Amount)>> {
        let in_range = |ranges: &[RateRange], value: i64| {
            let mut ranges = ranges.iter();
            let range = ranges.find(|r| value >= r.from && r.to.is_none_or(|to| value < to));
            range.map(|range| range.cost)
        };
        let (kind, cost) = match rate {
            MethodRate::FlatPerOrder(cost) => (OptionKind::FlatPerOrder, Some(*cost)),
            MethodRate::FlatPerItem(cost) => {
                (OptionKind::FlatPerItem, Some(cost.times(self.units)?))
            }
            MethodRate::ByWeight(ranges) => {
                (OptionKind::ByWeight, in_range(ranges, self.weight_grams))
            }
            MethodRate::ByTotal(ranges) => {
                (OptionKind::ByTotal, in_range(ranges, self.value.minor()))
            }
            MethodRate::Free(minimum) => (
                OptionKind::Free,
                (self.value >= *minimum).then_some(Amount::ZERO),
            ),
            MethodRate::Pickup(cost) => (OptionKind::Pickup, Some(*cost)),
        };
        Ok(cost.map(|cost| (kind, cost)))
    }
}

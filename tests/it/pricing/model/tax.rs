//! Tax on one amount in one zone.

use cartwright::domain::{
    address::Address,
    checkout::Checkout,
    store::{Store, TaxZone},
};

use super::ratio::{Ratio, shares};

/// An amount without and with tax, and the taxes by name.
#[derive(Debug, Clone, Default)]
pub(crate) struct Taxed {
    pub(crate) ex: i64,
    pub(crate) inc: i64,
    pub(crate) taxes: Vec<(String, i64)>,
}

impl Taxed {
    pub(crate) fn add(&mut self, other: &Self) {
        self.ex += other.ex;
        self.inc += other.inc;
        self.taxes.extend(other.taxes.iter().cloned());
    }

    pub(crate) fn tax(&self) -> i64 {
        self.taxes.iter().map(|(_, amount)| amount).sum()
    }
}

/// A rate of a zone: name, priority, factor.
type NamedRate = (String, u32, Ratio);

pub(crate) struct Taxation<'a> {
    store: &'a Store,
    pub(crate) exempt: bool,
}

impl<'a> Taxation<'a> {
    pub(crate) fn of(store: &'a Store, checkout: &Checkout) -> Self {
        let customer = &checkout.customer;
        let exempt_group = |id| store.tax.exempt_group_ids.contains(id);
        Self {
            store,
            exempt: !customer.tax_exemption.is_empty()
                || customer.group_ids.iter().any(exempt_group),
        }
    }

    fn home(&self) -> Option<&'a TaxZone> {
        let zones = &self.store.tax_zones;
        zones
            .iter()
            .find(|zone| Some(&zone.id) == self.store.tax.home_zone_id.as_ref())
    }

    pub(crate) fn zone(&self, address: Option<&Address>) -> Option<&'a TaxZone> {
        let settings = &self.store.tax;
        match address {
            _ if self.exempt => None,
            Some(address) if !address.country_code.is_empty() => self.store.tax_zone(address),
            _ if settings.prices_include_tax || settings.show_prices_with_tax => self.home(),
            _ => None,
        }
    }

    /// The class named, else the special one, else the default.
    pub(crate) fn class(&self, named: Option<&String>, special: Option<&String>) -> Option<String> {
        named
            .or(special)
            .or(self.store.tax.default_class_id.as_ref())
            .cloned()
    }

    fn rates(zone: Option<&TaxZone>, class: &str) -> Vec<NamedRate> {
        let mut rates = Vec::new();
        for rate in zone.iter().flat_map(|zone| &zone.rates) {
            for (of, value) in &rate.class_rates {
                if of == class {
                    let factor = Ratio::new(value.millionths().into(), 1_000_000);
                    rates.push((rate.name.clone(), rate.priority, factor));
                }
            }
        }
        rates.sort_by_key(|(_, priority, _)| *priority);
        rates
    }

    /// What each rate takes of one unit without tax: the taxes of lower priorities are taxed too.
    fn factors(rates: &[NamedRate]) -> Vec<Ratio> {
        let mut factors: Vec<Ratio> = Vec::new();
        for (_, priority, rate) in rates {
            let lower = rates
                .iter()
                .zip(&factors)
                .filter(|((_, p, _), _)| p < priority);
            let base = lower.fold(Ratio::ONE, |base, (_, factor)| base.plus(*factor));
            factors.push(base.times(*rate));
        }
        factors
    }

    pub(crate) fn tax(&self, amount: i64, class: Option<&str>, zone: Option<&TaxZone>) -> Taxed {
        let Some(class) = class else {
            return Taxed {
                ex: amount,
                inc: amount,
                taxes: Vec::new(),
            };
        };
        let home_rates = Self::rates(self.home(), class);
        let rates = Self::rates(zone, class);
        if !self.store.tax.prices_include_tax {
            return added(amount, &rates);
        }
        let factors = Self::factors(&home_rates);
        let all = factors.iter().copied().fold(Ratio::ONE, Ratio::plus);
        let ex = Ratio::whole(amount).divided_by(all).rounded();
        if zone.map(|zone| &zone.id) != self.home().map(|zone| &zone.id) {
            return added(ex, &rates);
        }
        let names = home_rates.into_iter().map(|(name, ..)| name);
        Taxed {
            ex,
            inc: amount,
            taxes: names.zip(shares(amount - ex, &factors)).collect(),
        }
    }
}

/// Each rate on the amount with the rounded taxes of lower priorities.
fn added(ex: i64, rates: &[NamedRate]) -> Taxed {
    let mut taxes: Vec<(String, u32, i64)> = Vec::new();
    for (name, priority, rate) in rates {
        let lower = taxes.iter().filter(|(_, p, _)| p < priority);
        let base = ex + lower.map(|(_, _, tax)| tax).sum::<i64>();
        let tax = Ratio::whole(base).times(*rate).rounded();
        taxes.push((name.clone(), *priority, tax));
    }
    Taxed {
        ex,
        inc: ex + taxes.iter().map(|(_, _, tax)| tax).sum::<i64>(),
        taxes: taxes
            .into_iter()
            .map(|(name, _, tax)| (name, tax))
            .collect(),
    }
}

//! Taxes: what is due on one amount at one place.
//!
//! Tax is worked out per line, per consignment part and per rate, on the amount after discounts, and
//! rounded there.

use super::{
    address::Address,
    checkout::Checkout,
    money::{Amount, Overflow, Rate, split, sum},
    store::{Store, TaxRate, TaxZone},
};

/// An amount without and with tax, and the taxes between them.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Taxed {
    /// Without tax.
    pub ex: Amount,
    /// With tax.
    pub inc: Amount,
    /// Tax by name.
    pub taxes: Vec<(String, Amount)>,
}

/// How an amount that is charged is taxed, and likewise those that are shown beside it, such as the price of one unit.
#[derive(Debug, Clone)]
pub enum Due<'a> {
    /// At the rates for a class in a zone; none: no tax is due.
    Rates {
        /// The tax class.
        class: Option<&'a str>,
        /// The tax zone.
        zone: Option<&'a TaxZone>,
    },
    /// As the tax provider says.
    Provider {
        /// The tax class.
        class: &'a str,
        /// The tax zone, which may be the one whose tax entered prices contain.
        zone: Option<&'a TaxZone>,
        /// What the charged amount comes to. None where nothing is charged: then nothing is shown with tax.
        charged: Option<Taxed>,
    },
}

/// The tax rules of a store.
#[derive(Debug, Clone, Copy)]
pub struct Taxation<'a> {
    store: &'a Store,
    home: Option<&'a TaxZone>,
    exempt: bool,
}

impl<'a> Taxation<'a> {
    /// The tax rules of `store`, for a customer who may be exempt.
    #[must_use]
    pub fn of(store: &'a Store, exempt: bool) -> Self {
        Self {
            store,
            home: store.home_tax_zone(),
            exempt,
        }
    }

    /// The tax zone of an address. While none is known, shops that enter or show prices with tax assume their home
    /// zone, so that the printed price is the one shown; others assume no tax. Who is exempt is in none.
    #[must_use]
    pub fn zone(&self, address: Option<&Address>) -> Option<&'a TaxZone> {
        if self.exempt {
            return None;
        }
        match address.filter(|address| !address.country_code.is_empty()) {
            Some(address) => self.store.tax_zone(address),
            None if self.store.tax.prices_include_tax || self.store.tax.show_prices_with_tax => {
                self.home
            }
            None => None,
        }
    }

    /// The tax class of goods, shipping or handling; none falls back to the store's default.
    #[must_use]
    pub fn class(&self, class: Option<&'a str>) -> Option<&'a str> {
        class.or(self.store.tax.default_class_id.as_deref())
    }

    /// Whether taxes are worked out by a provider, where it knows the place.
    #[must_use]
    pub const fn asks_provider(&self) -> bool {
        self.store.tax.provider.is_some() && !self.exempt
    }

    /// What of an amount as entered a provider has to tax, and whether that contains the tax: the printed price at home,
    /// and what is left of it without the home tax elsewhere.
    pub fn to_ask(
        &self,
        amount: Amount,
        class: &str,
        zone: Option<&TaxZone>,
    ) -> Result<(Amount, bool), Overflow> {
        if !self.store.tax.prices_include_tax {
            Ok((amount, false))
        } else if self.is_home(zone) {
            Ok((amount, true))
        } else {
            Ok((without_tax(amount, &rates(self.home, class))?, false))
        }
    }

    /// What an amount as entered comes to.
    pub fn tax(&self, amount: Amount, due: &Due<'_>) -> Result<Taxed, Overflow> {
        match due {
            Due::Rates { class, zone } => self.at_rates(amount, *class, *zone),
            Due::Provider {
                class,
                zone,
                charged,
            } => {
                let (asked, included) = self.to_ask(amount, class, *zone)?;
                match charged {
                    Some(charged) => charged.at_its_rate(asked, included),
                    None => Ok(Taxed::untaxed(asked)),
                }
            }
        }
    }

    fn is_home(&self, zone: Option<&TaxZone>) -> bool {
        zone.map(|zone| &zone.id) == self.home.map(|zone| &zone.id)
    }

    /// What an amount as entered comes to in a zone. `class` none: no tax is due, though an amount entered with tax keeps
    /// its figure.
    fn at_rates(
        &self,
        amount: Amount,
        class: Option<&str>,
        zone: Option<&TaxZone>,
    ) -> Result<Taxed, Overflow> {
        let Some(class) = class else {
            return Ok(Taxed::untaxed(amount));
        };
        if !self.store.tax.prices_include_tax {
            return add_tax(amount, &rates(zone, class));
        }
        let home_rates = rates(self.home, class);
        let ex = without_tax(amount, &home_rates)?;
        if self.is_home(zone) {
            contained_tax(amount, ex, &home_rates)
        } else {
            add_tax(ex, &rates(zone, class))
        }
    }
}

/// Why no tax is due on a checkout; none when it is.
#[must_use]
pub fn exemption(checkout: &Checkout, store: &Store) -> Option<String> {
    let customer = &checkout.customer;
    if !customer.tax_exemption.is_empty() {
        return Some(customer.tax_exemption.clone());
    }
    let mut groups = customer.group_ids.iter();
    let group = groups.find(|id| store.tax.exempt_group_ids.contains(id))?;
    Some(format!("customer group \"{group}\""))
}

/// The rates of a zone for a tax class, lowest priority first.
fn rates<'z>(zone: Option<&'z TaxZone>, class: &str) -> Vec<(&'z TaxRate, Rate)> {
    let Some(zone) = zone else { return Vec::new() };
    let mut rates: Vec<_> = zone
        .rates
        .iter()
        .filter_map(|rate| {
            let (_, value) = rate.class_rates.iter().find(|(id, _)| id == class)?;
            Some((rate, *value))
        })
        .collect();
    rates.sort_by_key(|(rate, _)| rate.priority);
    rates
}

/// Adds tax to an amount without tax.
fn add_tax(ex: Amount, rates: &[(&TaxRate, Rate)]) -> Result<Taxed, Overflow> {
    let mut taxes = Vec::with_capacity(rates.len());
    let mut inc = ex;
    for group in rates.chunk_by(|(a, _), (b, _)| a.priority == b.priority) {
        // All rates of one priority are due on the same base: the amount with the taxes of lower ones.
        let base = inc;
        for (rate, value) in group {
            let tax = base.at(*value)?;
            inc = inc.plus(tax)?;
            taxes.push((rate.name.clone(), tax));
        }
    }
    Ok(Taxed { ex, inc, taxes })
}

/// `1 + rate` over all priorities, as numerator and denominator.
fn factor(rates: &[(&TaxRate, Rate)]) -> Result<(i128, i128), Overflow> {
    let one = i128::from(Rate::ONE.millionths());
    let mut product = (1_i128, 1_i128);
    for group in rates.chunk_by(|(a, _), (b, _)| a.priority == b.priority) {
        let total: i128 = group
            .iter()
            .map(|(_, value)| i128::from(value.millionths()))
            .sum();
        let with_one = one.checked_add(total).ok_or(Overflow)?;
        product.0 = product.0.checked_mul(with_one).ok_or(Overflow)?;
        product.1 = product.1.checked_mul(one).ok_or(Overflow)?;
    }
    Ok(product)
}

/// Takes the tax out of an amount that contains it.
fn without_tax(inc: Amount, rates: &[(&TaxRate, Rate)]) -> Result<Amount, Overflow> {
    let (numerator, denominator) = factor(rates)?;
    inc.ratio(denominator, numerator)
}

/// Splits the tax that an amount contains over the rates, by largest remainder.
fn contained_tax(inc: Amount, ex: Amount, rates: &[(&TaxRate, Rate)]) -> Result<Taxed, Overflow> {
    let one = i128::from(Rate::ONE.millionths());
    let mut weights: Vec<i128> = Vec::with_capacity(rates.len());
    // What the base of a priority has grown to by the taxes of lower ones, over the same power of `one` as the weights.
    let mut grown = 1_i128;
    for group in rates.chunk_by(|(a, _), (b, _)| a.priority == b.priority) {
        let scaled = weights.iter().map(|weight| weight.checked_mul(one));
        weights = scaled.collect::<Option<_>>().ok_or(Overflow)?;
        let base = grown;
        grown = grown.checked_mul(one).ok_or(Overflow)?;
        for (_, value) in group {
            let weight = base
                .checked_mul(value.millionths().into())
                .ok_or(Overflow)?;
            grown = grown.checked_add(weight).ok_or(Overflow)?;
            weights.push(weight);
        }
    }
    let shares = split(inc.minus(ex)?, &weights)?;
    let names = rates.iter().map(|(rate, _)| rate.name.clone());
    Ok(Taxed {
        ex,
        inc,
        taxes: names.zip(shares).collect(),
    })
}

/// Sums taxes by name, in the order in which the names first occur.
pub fn sum_by_name(
    taxes: impl IntoIterator<Item = (String, Amount)>,
) -> Result<Vec<(String, Amount)>, Overflow> {
    let mut sums: Vec<(String, Amount)> = Vec::new();
    for (name, amount) in taxes {
        match sums.iter_mut().find(|(known, _)| *known == name) {
            Some((_, total)) => *total = total.plus(amount)?,
            None => sums.push((name, amount)),
        }
    }
    Ok(sums)
}

impl Taxed {
    /// An amount on which no tax is due.
    #[must_use]
    pub const fn untaxed(amount: Amount) -> Self {
        Self {
            ex: amount,
            inc: amount,
            taxes: Vec::new(),
        }
    }

    /// Another amount, with tax when `included`, and as much tax in proportion, rounded. Its taxes have no names unless it
    /// is the same amount.
    fn at_its_rate(&self, amount: Amount, included: bool) -> Result<Self, Overflow> {
        let of = if included { self.inc } else { self.ex };
        if amount == of {
            return Ok(self.clone());
        }
        let tax = self.inc.minus(self.ex)?;
        let tax = amount.ratio(tax.minor().into(), of.minor().into())?;
        let (ex, inc) = if included {
            (amount.minus(tax)?, amount)
        } else {
            (amount, amount.plus(tax)?)
        };
        let taxes = Vec::new();
        Ok(Self { ex, inc, taxes })
    }

    /// The sum of the taxes.
    pub fn total(&self) -> Result<Amount, Overflow> {
        sum(self.taxes.iter().map(|(_, amount)| *amount))
    }

    /// The sum of two amounts, taxes included.
    pub fn plus(mut self, other: Self) -> Result<Self, Overflow> {
        self.ex = self.ex.plus(other.ex)?;
        self.inc = self.inc.plus(other.inc)?;
        self.taxes.extend(other.taxes);
        Ok(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rate(name: &str, priority: u32, value: &str) -> (TaxRate, Rate) {
        let class_rates = Vec::new();
        (
            TaxRate {
                name: name.into(),
                priority,
                class_rates,
            },
            Rate::parse(value).unwrap(),
        )
    }

    fn borrowed(rates: &[(TaxRate, Rate)]) -> Vec<(&TaxRate, Rate)> {
        rates.iter().map(|(rate, value)| (rate, *value)).collect()
    }

    #[test]
    fn equal_priorities_add_and_a_higher_one_compounds() {
        let rates = [
            rate("a", 1, "0.05"),
            rate("b", 1, "0.05"),
            rate("c", 2, "0.1"),
        ];
        let taxed = add_tax(Amount::new(10_000), &borrowed(&rates)).unwrap();
        let amounts: Vec<_> = taxed
            .taxes
            .iter()
            .map(|(_, amount)| amount.minor())
            .collect();
        assert_eq!(
            (amounts, taxed.inc.minor()),
            (vec![500, 500, 1_100], 12_100)
        );
    }

    #[test]
    fn taking_tax_out_and_splitting_it_sums_to_the_whole() {
        let rates = [
            rate("a", 1, "0.05"),
            rate("b", 1, "0.05"),
            rate("c", 2, "0.1"),
        ];
        let ex = without_tax(Amount::new(12_100), &borrowed(&rates)).unwrap();
        let taxed = contained_tax(Amount::new(12_100), ex, &borrowed(&rates)).unwrap();
        assert_eq!(taxed.ex.minor(), 10_000);
        let amounts: Vec<_> = taxed
            .taxes
            .iter()
            .map(|(_, amount)| amount.minor())
            .collect();
        assert_eq!(amounts, [500, 500, 1_100]);
    }
}

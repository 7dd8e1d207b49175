//! What a tax provider is asked, and what it answers.
//!
//! A checkout keeps the last [`TaxEstimate`]. It counts as long as the provider would be asked the same again, and then
//! every tax is the provider's; otherwise every tax is worked out by the store's own rates.

use std::collections::HashMap;

use chrono::{DateTime, TimeDelta, Utc};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::{
    cart::LineItem,
    checkout::Checkout,
    money::{Amount, Currency, MAX_AMOUNT, Overflow, sum},
    shipping::Place,
    store::{Store, TaxProvider},
    tax::Taxed,
};

/// How long an estimate counts before the provider is asked the same again, in minutes.
pub const ESTIMATE_LIFETIME_MINUTES: i64 = 10;
/// Most taxes on one amount.
pub const MAX_TAXES: usize = 20;
/// Most characters of the name of a tax.
pub const MAX_TAX_NAME: usize = 255;

/// What a taxed amount is charged for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "the names say it all")]
pub enum TaxableKind {
    Item,
    Shipping,
    Handling,
    GiftWrapping,
    Fee,
}

/// An amount to be taxed, after discounts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Taxable {
    /// Id, unique in the question; the same for the same thing from one question to the next.
    pub id: String,
    /// What it is charged for.
    pub kind: TaxableKind,
    /// One of the store's tax classes.
    pub tax_class_id: String,
    /// The amount of all units together, above 0.
    pub amount: Amount,
    /// Whether the amount contains the tax; otherwise it is due on top.
    pub tax_included: bool,
    /// Where it goes, or is picked up, or is paid for. The country is known.
    pub destination: Place,
    /// The catalog's product; empty for all but goods of the catalog.
    pub product_id: String,
    /// Stock keeping unit of goods.
    pub sku: String,
    /// Units of goods; 1 for anything else.
    pub quantity: u32,
}

/// All that an estimate depends on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TaxQuestion {
    /// Currency of every amount.
    pub currency: Currency,
    /// The customer; empty for a guest.
    pub customer_id: String,
    /// The groups that the customer belongs to, sorted.
    pub customer_group_ids: Vec<String>,
    /// Where the store ships from.
    pub origin: Option<Place>,
    /// The amounts, of which there is at least one.
    pub taxables: Vec<Taxable>,
}

/// What the provider answered.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TaxEstimate {
    /// Where it serves, so that another provider is asked anew.
    pub provider_url: String,
    /// What it was asked.
    pub question: TaxQuestion,
    /// The taxes by name on each amount, in their order.
    pub taxes: Vec<Vec<(String, Amount)>>,
    /// When it was asked.
    pub time: DateTime<Utc>,
}

/// What is wrong with an answer, in words that go on after "it answered".
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BadAnswer {
    /// An amount of the question is missing.
    #[error("no taxes on {0}")]
    Missing(String),
    /// The same amount twice.
    #[error("the taxes on {0} twice")]
    Twice(String),
    /// Something that was not asked.
    #[error("taxes on something that was not asked")]
    NotAsked,
    /// More taxes on an amount than there can be.
    #[error("more than {MAX_TAXES} taxes on {0}")]
    TooMany(String),
    /// A tax whose name is empty or too long.
    #[error("a tax on {0} whose name has not 1 to {MAX_TAX_NAME} characters")]
    Name(String),
    /// An amount in another currency.
    #[error("a tax that is not in {0}")]
    Currency(Currency),
    /// A tax below zero, or beyond all measure.
    #[error("a tax on {0} that is not from 0 to {MAX_AMOUNT} minor units")]
    Amount(String),
    /// More tax than what contains it.
    #[error("more tax than {0} comes to, which contains it")]
    AboveAmount(String),
}

impl TaxQuestion {
    /// The question for these amounts of a checkout; none when there are none.
    pub(super) fn of(checkout: &Checkout, store: &Store, taxables: Vec<Taxable>) -> Option<Self> {
        if taxables.is_empty() {
            return None;
        }
        let mut customer_group_ids = checkout.customer.group_ids.clone();
        customer_group_ids.sort();
        Some(Self {
            currency: checkout.currency,
            customer_id: checkout.customer_id.clone(),
            customer_group_ids,
            origin: store.origin.as_ref().map(Place::from),
            taxables,
        })
    }

    /// The taxes on each amount in their order, from an answer in any order: taxes by name and their minor units, of which
    /// the caller has checked that they are in the currency. Every amount must be answered once, and as it can be.
    pub fn read_answer(
        &self,
        lines: Vec<(String, Vec<(String, i64)>)>,
    ) -> Result<Vec<Vec<(String, Amount)>>, BadAnswer> {
        let mut answers = HashMap::with_capacity(lines.len());
        let mut twice = None;
        for (id, taxes) in lines {
            if answers.insert(id.clone(), taxes).is_some() {
                twice = Some(id);
            }
        }
        let mut taxes = Vec::with_capacity(self.taxables.len());
        for taxable in &self.taxables {
            let answer = answers.remove(&taxable.id);
            let answer = answer.ok_or_else(|| BadAnswer::Missing(taxable.id.clone()))?;
            taxes.push(taxable.read_taxes(answer)?);
        }
        if !answers.is_empty() {
            return Err(BadAnswer::NotAsked);
        }
        twice.map_or(Ok(taxes), |id| Err(BadAnswer::Twice(id)))
    }
}

impl Taxable {
    fn read_taxes(&self, taxes: Vec<(String, i64)>) -> Result<Vec<(String, Amount)>, BadAnswer> {
        let id = || self.id.clone();
        if taxes.len() > MAX_TAXES {
            return Err(BadAnswer::TooMany(id()));
        }
        let mut read = Vec::with_capacity(taxes.len());
        for (name, minor) in taxes {
            if !(1..=MAX_TAX_NAME).contains(&name.chars().count()) {
                return Err(BadAnswer::Name(id()));
            }
            if !(0..=MAX_AMOUNT).contains(&minor) {
                return Err(BadAnswer::Amount(id()));
            }
            read.push((name, Amount::new(minor)));
        }
        let total = sum(read.iter().map(|(_, amount)| *amount));
        if self.tax_included && total.is_ok_and(|total| total > self.amount) {
            return Err(BadAnswer::AboveAmount(id()));
        }
        Ok(read)
    }

    /// What the amount comes to with these taxes.
    fn taxed(&self, taxes: &[(String, Amount)]) -> Result<Taxed, Overflow> {
        let total = sum(taxes.iter().map(|(_, amount)| *amount))?;
        let (ex, inc) = if self.tax_included {
            (self.amount.minus(total)?, self.amount)
        } else {
            (self.amount, self.amount.plus(total)?)
        };
        let taxes = taxes.to_vec();
        Ok(Taxed { ex, inc, taxes })
    }
}

impl TaxEstimate {
    /// Whether the provider need not be asked this at the time `now`.
    #[must_use]
    pub fn holds(
        &self,
        provider: &TaxProvider,
        question: &TaxQuestion,
        now: DateTime<Utc>,
    ) -> bool {
        let lifetime = TimeDelta::minutes(ESTIMATE_LIFETIME_MINUTES);
        let same = (&self.provider_url, &self.question) == (&provider.url, question);
        same && now.signed_duration_since(self.time) < lifetime
    }

    /// What each amount comes to, in their order.
    pub(super) fn taxed(&self) -> Result<Vec<Taxed>, Overflow> {
        let asked = self.question.taxables.iter();
        let answered = asked.zip(&self.taxes);
        answered
            .map(|(taxable, taxes)| taxable.taxed(taxes))
            .collect()
    }
}

/// An amount that is charged, after discounts and as entered, and what its tax depends on.
#[derive(Debug, Clone, Copy)]
pub(super) struct Charge<'a> {
    pub(super) kind: TaxableKind,
    /// The line, consignment or fee.
    pub(super) of: Uuid,
    /// The consignment in which units of a line are.
    pub(super) consignment_id: Option<Uuid>,
    pub(super) amount: Amount,
    pub(super) quantity: u32,
    /// The line, when it is for goods.
    pub(super) goods: Option<&'a LineItem>,
}

impl Charge<'_> {
    /// Of anything but goods.
    pub(super) const fn new(kind: TaxableKind, of: Uuid, amount: Amount) -> Self {
        Self {
            kind,
            of,
            consignment_id: None,
            amount,
            quantity: 1,
            goods: None,
        }
    }

    /// What is asked of it: `amount` is what the provider is to tax.
    pub(super) fn taxable(
        &self,
        tax_class_id: &str,
        destination: Place,
        amount: Amount,
        tax_included: bool,
    ) -> Taxable {
        let name = match self.kind {
            TaxableKind::Item => "item",
            TaxableKind::Shipping => "shipping",
            TaxableKind::Handling => "handling",
            TaxableKind::GiftWrapping => "gift-wrapping",
            TaxableKind::Fee => "fee",
        };
        let within = self.consignment_id.map(|id| format!("/{id}"));
        let id = format!("{name}/{}{}", self.of, within.unwrap_or_default());
        let goods = |text: fn(&LineItem) -> &String| self.goods.map(text).cloned();
        Taxable {
            id,
            kind: self.kind,
            tax_class_id: tax_class_id.to_owned(),
            amount,
            tax_included,
            destination,
            product_id: goods(|line| &line.product_id).unwrap_or_default(),
            sku: goods(|line| &line.facts.sku).unwrap_or_default(),
            quantity: self.quantity,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn question(tax_included: bool) -> TaxQuestion {
        let taxable = |id: &str| Taxable {
            id: id.into(),
            kind: TaxableKind::Fee,
            tax_class_id: "standard".into(),
            amount: Amount::new(100),
            tax_included,
            destination: Place::default(),
            product_id: String::new(),
            sku: String::new(),
            quantity: 1,
        };
        TaxQuestion {
            currency: Currency::USD,
            customer_id: String::new(),
            customer_group_ids: Vec::new(),
            origin: None,
            taxables: vec![taxable("a"), taxable("b")],
        }
    }

    fn line(id: &str, taxes: &[i64]) -> (String, Vec<(String, i64)>) {
        let taxes = taxes.iter().map(|minor| ("Tax".to_owned(), *minor));
        (id.to_owned(), taxes.collect())
    }

    #[test]
    fn an_answer_comes_in_any_order_and_says_nothing_too_much_or_too_little() {
        let read = |lines| question(false).read_answer(lines);
        let taxes = read(vec![line("b", &[]), line("a", &[100, 7])]).unwrap();
        let tax = |minor| ("Tax".to_owned(), Amount::new(minor));
        assert_eq!(taxes, [vec![tax(100), tax(7)], vec![]]);

        let (a, b) = (line("a", &[1]), line("b", &[1]));
        let missing = Err(BadAnswer::Missing("b".into()));
        assert_eq!(read(vec![a.clone()]), missing);
        let twice = Err(BadAnswer::Twice("a".into()));
        assert_eq!(read(vec![a.clone(), b.clone(), a.clone()]), twice);
        let more = vec![a.clone(), b.clone(), line("c", &[])];
        assert_eq!(read(more), Err(BadAnswer::NotAsked));
    }

    #[test]
    fn a_tax_has_a_name_and_an_amount_that_can_be() {
        let read = |line| question(false).read_answer(vec![line, self::line("b", &[])]);
        let id = || "a".to_owned();
        for minor in [-1, MAX_AMOUNT.saturating_add(1)] {
            assert_eq!(read(line("a", &[minor])), Err(BadAnswer::Amount(id())));
        }
        assert!(read(line("a", &[MAX_AMOUNT])).is_ok());
        assert!(read(line("a", &[1; MAX_TAXES])).is_ok());
        let too_many = Err(BadAnswer::TooMany(id()));
        assert_eq!(read(line("a", &[1; MAX_TAXES + 1])), too_many);
        for (length, fits) in [
            (0, false),
            (1, true),
            (MAX_TAX_NAME, true),
            (MAX_TAX_NAME + 1, false),
        ] {
            let taxes = vec![("é".repeat(length), 1)];
            assert_eq!(read((id(), taxes)).is_ok(), fits, "{length}");
        }
    }

    #[test]
    fn an_amount_contains_no_more_tax_than_it_is() {
        let read = |minor| question(true).read_answer(vec![line("a", &[minor]), line("b", &[])]);
        assert!(read(100).is_ok());
        assert_eq!(read(101), Err(BadAnswer::AboveAmount("a".into())));
    }
}

//! Whether a promotion is for a checkout at all: when, where and for whom it is in force.

use std::collections::BTreeSet;

use chrono::{DateTime, Utc};

use super::Promotion;
use crate::domain::{checkout::Checkout, money::Currency};

/// Why a promotion is not for a checkout.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ineligible {
    /// It is switched off.
    Disabled,
    /// It begins then.
    NotStarted(DateTime<Utc>),
    /// It ended then.
    Ended(DateTime<Utc>),
    /// It is not in force at this hour of the week.
    NotScheduled,
    /// It has been used as often as it can be.
    Exhausted(i64),
    /// It is for other sales channels.
    Channel,
    /// It is for this currency.
    Currency(Currency),
    /// It is for other customers.
    Customer,
    /// It does not hold for shipping to this country.
    Country(String),
}

impl Promotion {
    /// Whether it is for the checkout at the time `now`.
    pub fn eligible(&self, checkout: &Checkout, now: DateTime<Utc>) -> Result<(), Ineligible> {
        if !self.enabled {
            return Err(Ineligible::Disabled);
        }
        if let Some(start) = self.start_time.filter(|start| now < *start) {
            return Err(Ineligible::NotStarted(start));
        }
        if let Some(end) = self.end_time.filter(|end| now >= *end) {
            return Err(Ineligible::Ended(end));
        }
        let scheduled = self.schedule.as_ref();
        if scheduled.is_some_and(|schedule| !schedule.contains(now, self.start_time)) {
            return Err(Ineligible::NotScheduled);
        }
        if let Some(most) = self.max_uses.filter(|most| self.uses >= *most)
            && !checkout.held_promotions.contains(&self.id)
        {
            return Err(Ineligible::Exhausted(most));
        }
        if !self.channel_ids.is_empty() && !self.channel_ids.contains(&checkout.channel_id) {
            return Err(Ineligible::Channel);
        }
        if let Some(currency) = self.currency.filter(|of| *of != checkout.currency) {
            return Err(Ineligible::Currency(currency));
        }
        if !self.is_for_customer(checkout) {
            return Err(Ineligible::Customer);
        }
        match self.foreign_country(checkout) {
            Some(country) => Err(Ineligible::Country(country.to_owned())),
            None => Ok(()),
        }
    }

    fn is_for_customer(&self, checkout: &Checkout) -> bool {
        let (wanted, customer) = (&self.customer, &checkout.customer);
        let in_any = |groups: &BTreeSet<String>| {
            let mut of_customer = customer.group_ids.iter();
            of_customer.any(|id| groups.contains(id))
        };
        let everybody = wanted.group_ids.is_empty() && !wanted.ungrouped;
        let ungrouped = wanted.ungrouped && customer.group_ids.is_empty();
        (everybody || ungrouped || in_any(&wanted.group_ids))
            && !in_any(&wanted.excluded_group_ids)
            && customer.completed_order_count >= wanted.minimum_order_count
    }

    /// A country shipped to that the promotion does not hold for. For goods one is enough; a discount on shipping only
    /// fails when no consignment is left for it. Countries that are not known yet do not count against it.
    fn foreign_country<'a>(&self, checkout: &'a Checkout) -> Option<&'a str> {
        if self.shipping_country_codes.is_empty() {
            return None;
        }
        let consignments = checkout.consignments.iter();
        let countries = consignments.map(|to| to.address.country_code.as_str());
        let known: Vec<_> = countries.filter(|country| !country.is_empty()).collect();
        let some_left = known.iter().any(|country| self.ships_to(country));
        if some_left && !self.discounts_goods() {
            return None;
        }
        known.into_iter().find(|country| !self.ships_to(country))
    }

    /// Whether it holds for shipping to this country.
    #[must_use]
    pub fn ships_to(&self, country_code: &str) -> bool {
        let allowed = &self.shipping_country_codes;
        allowed.is_empty() || allowed.iter().any(|allowed| allowed == country_code)
    }
}

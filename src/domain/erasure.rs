//! What is left of a customer's data once it is erased: what taxes and accounts need. `docs/privacy.md` says why.

use chrono::{DateTime, Utc};

use super::{
    address::Address,
    cart::LineItem,
    checkout::{Checkout, CheckoutState},
    gift_certificate::Card,
    shipping::Place,
};

impl Checkout {
    /// The next version, in which nothing but how the cart ended is known. A cart that lives is deleted.
    #[must_use]
    pub fn tombstone(&self, now: DateTime<Utc>) -> Self {
        let state = match self.state {
            CheckoutState::Active => CheckoutState::Deleted,
            ended => ended,
        };
        Self {
            version: self.version.saturating_add(1),
            state,
            channel_id: self.channel_id.clone(),
            create_time: self.create_time,
            expire_time: self.expire_time,
            ..Self::new(self.id, self.currency, now)
        }
    }

    /// The e-mail addresses of the customer that it knows.
    pub fn emails(&self) -> impl Iterator<Item = &str> {
        let consignments = self.consignments.iter();
        let addresses = consignments.map(|consignment| &consignment.address);
        let addresses = addresses.chain(&self.billing_address);
        let emails = addresses.map(|address| address.email.as_str());
        emails
            .chain([self.email.as_str()])
            .filter(|email| !email.is_empty())
    }

    /// Makes the snapshot of an order nobody's in particular: a customer becomes the pseudonym, and a guest stays one. Lines,
    /// prices and taxes stay as they are.
    pub fn anonymize(&mut self, pseudonym: &str) {
        if !self.customer_id.is_empty() {
            pseudonym.clone_into(&mut self.customer_id);
        }
        self.customer.completed_order_count = 0;
        self.session_id = None;
        self.email.clear();
        self.customer_message.clear();
        self.staff_note.clear();
        self.messages.clear();
        let consignments = self.consignments.iter_mut();
        let addresses = consignments.map(|consignment| &mut consignment.address);
        for address in addresses.chain(&mut self.billing_address) {
            address.anonymize();
        }
        for line in &mut self.lines {
            line.anonymize();
        }
        if let Some(estimate) = &mut self.tax_estimate {
            estimate.question.customer_id.clone_from(&self.customer_id);
            for taxable in &mut estimate.question.taxables {
                taxable.destination.anonymize();
            }
        }
    }
}

impl Address {
    /// Leaves what taxes depend on.
    fn anonymize(&mut self) {
        let all = std::mem::take(self);
        *self = Self {
            id: all.id,
            state_or_province: all.state_or_province,
            state_or_province_code: all.state_or_province_code,
            postal_code: all.postal_code,
            country_code: all.country_code,
            ..Self::default()
        };
    }
}

impl Place {
    /// Leaves what taxes depend on.
    fn anonymize(&mut self) {
        for text in [&mut self.city, &mut self.address1, &mut self.address2] {
            text.clear();
        }
    }
}

impl LineItem {
    /// Takes out what the shopper wrote. What was chosen stays: a text is shown as it was given, a choice by its label.
    fn anonymize(&mut self) {
        let answered = self.facts.selections.iter_mut();
        for text in answered.filter(|it| it.answered && it.display_value == it.value) {
            text.value.clear();
            text.display_value.clear();
        }
        if let Some(wrapping) = &mut self.gift_wrapping {
            wrapping.message.clear();
        }
        if let Some(card) = &mut self.gift_certificate {
            *card = Card::default();
            "Gift certificate".clone_into(&mut self.facts.name);
        }
    }
}

//! Reading the fields of a request: every field that is wrong is noted, so that a caller is told all
//! at once.
//!
//! A reader answers a value even for a field that is wrong: a harmless placeholder, such as the nil
//! UUID or nothing, so that reading goes on with the next field. Nobody works with placeholders, for
//! [`Fields::finish`] refuses the request then.

use std::{collections::HashSet, fmt::Display, ops::RangeInclusive};

use uuid::Uuid;

use super::pb;
use crate::domain::{
    caller::{Caller, DEFAULT_CHANNEL},
    cart::MAX_QUANTITY,
    checkout::MAX_MESSAGE_LENGTH,
    coupon::MAX_CODE_LENGTH,
    money::Currency,
    reason::{Class, Reason, Refusal, Violation},
};

mod request;
mod values;

pub(in crate::rpc) use request::replaceable;
pub use request::{Mask, Mutation, page_token};

/// Most characters of a text, unless said otherwise.
pub const MAX_TEXT: usize = 255;
/// Most elements of a list of ids, unless said otherwise.
pub const MAX_IDS: usize = 500;
/// Violations after which no more are noted: nobody reads them, and a hostile request could have millions.
const MAX_VIOLATIONS: usize = 100;

/// Collects what is wrong with a request. See the module on placeholders.
#[derive(Debug, Default)]
pub struct Fields {
    /// Who has sent it.
    caller: Caller,
    /// Path of the message that is being read; empty for the request itself.
    path: String,
    violations: Vec<Violation>,
    /// The last currency that was another than the expected one.
    mismatch: Option<(Currency, Currency)>,
}

impl Fields {
    /// A request to read, and what is to be noted of it.
    #[must_use]
    pub fn of<T>(request: tonic::Request<T>) -> (T, Self) {
        let caller = request.extensions().get::<Caller>();
        let fields = Self {
            // Every call has its caller: see `rpc::authentication`. Nobody would be somebody who sees nothing.
            caller: caller.cloned().unwrap_or_else(Caller::nobody),
            ..Self::default()
        };
        (request.into_inner(), fields)
    }

    /// Who has sent the request.
    #[must_use]
    pub const fn caller(&self) -> &Caller {
        &self.caller
    }

    /// Answers who has sent the request, or refuses it if anything is wrong with it, with everything that is.
    pub fn finish(self) -> Result<Caller, Refusal> {
        if self.violations.is_empty() {
            return Ok(self.caller);
        }
        let denied = self.violations.iter();
        let denied = denied.filter(|violation| violation.reason.class() == Class::Denied);
        if let Some(first) = denied.clone().next() {
            let refusal = Refusal {
                reason: first.reason,
                ..Refusal::fields(denied.cloned().collect())
            };
            return Err(refusal.with("field", &first.subject));
        }
        let refusal = Refusal::fields(self.violations);
        Err(match self.mismatch {
            Some((given, expected)) if refusal.reason == Reason::CurrencyMismatch => refusal
                .with("currency_code", given)
                .with("expected_currency_code", expected),
            _ => refusal,
        })
    }

    /// Notes that a field of the message being read is wrong; an empty name means that message itself.
    pub fn refuse(&mut self, name: &str, description: impl Into<String>) {
        self.refuse_for(Reason::InvalidFields, name, description);
    }

    fn refuse_for(&mut self, reason: Reason, name: &str, description: impl Into<String>) {
        if self.violations.len() < MAX_VIOLATIONS {
            let path = self.path_of(name);
            self.violations
                .push(Violation::new(path, reason, description));
        }
    }

    /// Who does it, in the caller's words; where there are none, which service of the shop it is.
    pub fn actor(&mut self, name: &str, text: String) -> String {
        if text.is_empty() && matches!(self.caller, Caller::Management(_)) {
            return self.caller.label();
        }
        self.text(name, text)
    }

    /// Notes that a shopper has given a field that only services of the shop may give.
    pub fn not_for_shoppers(&mut self, name: &str, is_given: bool) {
        if is_given && self.caller.session().is_some() {
            let text = "is not for storefront sessions: leave it out";
            self.refuse_for(Reason::StorefrontNotAllowed, name, text);
        }
    }

    /// The sales channel of something new; where none is given the caller's, or else the default.
    pub fn channel(&mut self, name: &str, id: String) -> String {
        if id.is_empty() {
            return match self.caller.channels() {
                Some([first, ..]) => first.clone(),
                _ => DEFAULT_CHANNEL.to_owned(),
            };
        }
        let id = self.text(name, id);
        if !self.caller.is_of_channel(&id) {
            let text = "is another sales channel than the credentials are for";
            self.refuse_for(Reason::ChannelNotAllowed, name, text);
        }
        id
    }

    /// Refuses a caller who is bound to some sales channels what is told of all of them together.
    pub fn of_every_channel(&mut self) {
        if self.caller.channels().is_some() {
            let text = "are not divided by sales channel, and the credentials are for some only";
            self.refuse_for(Reason::ChannelNotAllowed, "events", text);
        }
    }

    /// Path of a field of the message being read, such as `line_items[2].quantity`.
    fn path_of(&self, name: &str) -> String {
        match (self.path.is_empty(), name.is_empty()) {
            (true, _) => name.to_owned(),
            (false, true) => self.path.clone(),
            (false, false) => format!("{}.{name}", self.path),
        }
    }

    /// Path of the message being read.
    #[must_use]
    pub fn path(&self) -> &str {
        &self.path
    }

    /// Reads the fields of the message in the field `name`.
    pub fn within<T>(&mut self, name: &str, read: impl FnOnce(&mut Self) -> T) -> T {
        let path = self.path_of(name);
        let outer = std::mem::replace(&mut self.path, path);
        let value = read(self);
        self.path = outer;
        value
    }

    /// Reads each element of a list. One with too few or too many is not read at all.
    pub fn each<T, U>(
        &mut self,
        name: &str,
        items: Vec<T>,
        length: RangeInclusive<usize>,
        mut read: impl FnMut(&mut Self, T) -> U,
    ) -> Vec<U> {
        if !length.contains(&items.len()) {
            let text = format!(
                "must have {} to {} elements, not {}",
                length.start(),
                length.end(),
                items.len()
            );
            self.refuse(name, text);
            return Vec::new();
        }
        let items = items.into_iter().enumerate();
        items
            .map(|(index, item)| {
                self.within(&format!("{name}[{index}]"), |fields| read(fields, item))
            })
            .collect()
    }

    /// Reads a message that has to be given; none where it is not.
    pub fn required_message<T, U>(
        &mut self,
        name: &str,
        message: Option<T>,
        read: impl FnOnce(&mut Self, T) -> U,
    ) -> Option<U> {
        if message.is_none() {
            self.refuse(name, "is required");
        }
        self.message(name, message, read)
    }

    /// Reads a message that may be left out.
    pub fn message<T, U>(
        &mut self,
        name: &str,
        message: Option<T>,
        read: impl FnOnce(&mut Self, T) -> U,
    ) -> Option<U> {
        message.map(|message| self.within(name, |fields| read(fields, message)))
    }

    /// Notes the elements of a list whose key an earlier element has.
    pub fn unique<'a>(&mut self, list: &str, key: &str, keys: impl IntoIterator<Item = &'a str>) {
        let mut seen = HashSet::new();
        for (index, value) in keys.into_iter().enumerate() {
            if !value.is_empty() && !seen.insert(value) {
                let text = format!("\"{value}\" is there already: each may be given once");
                self.within(&format!("{list}[{index}]"), |fields| {
                    fields.refuse(key, text);
                });
            }
        }
    }

    /// A UUID that has to be given. Placeholder: the nil UUID.
    pub fn uuid(&mut self, name: &str, text: &str) -> Uuid {
        if text.is_empty() {
            self.refuse(name, "is required");
            return Uuid::nil();
        }
        Uuid::try_parse(text).unwrap_or_else(|_| {
            self.refuse(name, "must be a UUID");
            Uuid::nil()
        })
    }

    /// A UUID that may be left out.
    pub fn optional_uuid(&mut self, name: &str, text: &str) -> Option<Uuid> {
        (!text.is_empty()).then(|| self.uuid(name, text))
    }

    /// A line of text that may be empty.
    pub fn text(&mut self, name: &str, text: String) -> String {
        self.text_up_to(name, text, MAX_TEXT, char::is_control)
    }

    /// A line of text that has to be given.
    pub fn required_text(&mut self, name: &str, text: String) -> String {
        if text.trim().is_empty() {
            self.refuse(name, "is required");
        }
        self.text(name, text)
    }

    /// A text of people for people, in several lines.
    pub fn long_text(&mut self, name: &str, text: String) -> String {
        self.long_text_up_to(name, text, MAX_MESSAGE_LENGTH)
    }

    /// A text of people for people, in several lines, of at most so many characters.
    pub fn long_text_up_to(&mut self, name: &str, text: String, most: usize) -> String {
        let unwanted = |c: char| c.is_control() && !matches!(c, '\n' | '\r' | '\t');
        self.text_up_to(name, text, most, unwanted)
    }

    /// Placeholder: the empty string.
    fn text_up_to(
        &mut self,
        name: &str,
        text: String,
        most: usize,
        unwanted: impl Fn(char) -> bool,
    ) -> String {
        let length = text.chars().count();
        if length > most {
            self.refuse(
                name,
                format!("must have at most {most} characters, not {length}"),
            );
        } else if text.chars().any(unwanted) {
            self.refuse(name, "must not have control characters");
        } else {
            return text;
        }
        String::new()
    }

    /// A list of ids, none of them empty.
    pub fn ids(&mut self, name: &str, ids: Vec<String>, most: usize) -> Vec<String> {
        self.each(name, ids, 0..=most, |fields, id| {
            fields.required_text("", id)
        })
    }

    /// A coupon code. Placeholder: the empty string.
    pub fn coupon_code(&mut self, name: &str, code: String) -> String {
        if code.trim().is_empty() {
            self.refuse(name, "is required");
            return String::new();
        }
        self.part_of_code(name, code, MAX_CODE_LENGTH)
    }

    /// A part of a coupon code, which may be empty. Placeholder: the empty string.
    pub fn part_of_code(&mut self, name: &str, part: String, most: usize) -> String {
        let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, ' ' | '_' | '-');
        if part.chars().count() <= most && part.chars().all(allowed) {
            return part;
        }
        let text =
            format!("must be at most {most} letters, digits, spaces, underscores and hyphens");
        self.refuse(name, text);
        String::new()
    }

    /// An e-mail address that may be left out. Placeholder: the empty string.
    pub fn email(&mut self, name: &str, email: String) -> String {
        let email = self.text(name, email);
        let well_formed = match email.split_once('@') {
            Some((user, host)) => !user.is_empty() && !host.is_empty() && !host.contains('@'),
            None => email.is_empty(),
        };
        if well_formed {
            return email;
        }
        self.refuse(
            name,
            "must be an e-mail address: one \"@\" between two non-empty parts",
        );
        String::new()
    }

    /// An e-mail address that has to be given. Placeholder: the empty string.
    pub fn required_email(&mut self, name: &str, email: String) -> String {
        if email.is_empty() {
            self.refuse(name, "is required");
        }
        self.email(name, email)
    }

    /// A number within bounds. Placeholder: the lower bound.
    pub fn number<T: PartialOrd + Display + Copy>(
        &mut self,
        name: &str,
        value: T,
        bounds: RangeInclusive<T>,
    ) -> T {
        if bounds.contains(&value) {
            return value;
        }
        let (least, most) = bounds.into_inner();
        self.refuse(name, format!("must be {least} to {most}, not {value}"));
        least
    }

    /// Units, at least one.
    pub fn quantity(&mut self, name: &str, quantity: i32) -> u32 {
        let most = i32::try_from(MAX_QUANTITY).unwrap_or(i32::MAX);
        u32::try_from(self.number(name, quantity, 1..=most)).unwrap_or_default()
    }

    /// A value of an enum that has to be given; none where it is not. `name_of` is the enum's own
    /// `as_str_name`.
    pub fn choice<E: TryFrom<i32>>(
        &mut self,
        name: &str,
        number: i32,
        name_of: impl Fn(&E) -> &'static str,
    ) -> Option<E> {
        let value = E::try_from(number).ok().filter(|_| number != 0);
        if value.is_none() {
            let known = (1..=i8::MAX).filter_map(|number| E::try_from(number.into()).ok());
            let names: Vec<_> = known.map(|value| name_of(&value)).collect();
            self.refuse(name, format!("must be one of {}", names.join(", ")));
        }
        value
    }

    /// A value of an enum that may be left unspecified.
    pub fn optional_choice<E: TryFrom<i32>>(
        &mut self,
        name: &str,
        number: i32,
        name_of: impl Fn(&E) -> &'static str,
    ) -> Option<E> {
        if number == 0 {
            return None;
        }
        self.choice(name, number, name_of)
    }

    /// What is to be computed in addition.
    pub fn include(&mut self, include: Vec<i32>) -> Include {
        let included = self.each("include", include, 0..=MAX_IDS, |fields, number| {
            fields.choice("", number, pb::CheckoutInclude::as_str_name)
        });
        Include {
            shipping_options: included
                .contains(&Some(pb::CheckoutInclude::AvailableShippingOptions)),
            promotion_notifications: included
                .contains(&Some(pb::CheckoutInclude::PromotionNotifications)),
        }
    }
}

/// What a checkout is answered with beside what is always there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Include {
    /// What is offered for each consignment.
    pub shipping_options: bool,
    /// What to tell the shopper of promotions.
    pub promotion_notifications: bool,
}

#[cfg(test)]
mod tests;

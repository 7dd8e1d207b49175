//! Readers of values with a format of their own: money, places, decimals, times, addresses.

use std::{ops::RangeInclusive, time::Duration};

use chrono::{DateTime, Utc};
use uuid::Uuid;

use super::{Fields, pb};
use crate::domain::{
    address::Address,
    money::{Amount, BadDecimal, Currency, MAX_AMOUNT, Money, Rate},
    reason::Reason,
};

/// Most answers to the shop's own questions in an address.
const MAX_CUSTOM_FIELDS: usize = 20;

/// The officially assigned codes of ISO 3166-1 alpha-2.
const COUNTRIES: &str = "\
    AD AE AF AG AI AL AM AO AQ AR AS AT AU AW AX AZ BA BB BD BE BF BG BH BI BJ BL BM BN BO BQ BR BS BT BV BW BY BZ \
    CA CC CD CF CG CH CI CK CL CM CN CO CR CU CV CW CX CY CZ DE DJ DK DM DO DZ EC EE EG EH ER ES ET FI FJ FK FM FO FR \
    GA GB GD GE GF GG GH GI GL GM GN GP GQ GR GS GT GU GW GY HK HM HN HR HT HU ID IE IL IM IN IO IQ IR IS IT JE JM JO JP \
    KE KG KH KI KM KN KP KR KW KY KZ LA LB LC LI LK LR LS LT LU LV LY MA MC MD ME MF MG MH MK ML MM MN MO MP MQ MR MS MT \
    MU MV MW MX MY MZ NA NC NE NF NG NI NL NO NP NR NU NZ OM PA PE PF PG PH PK PL PM PN PR PS PT PW PY QA RE RO RS RU RW \
    SA SB SC SD SE SG SH SI SJ SK SL SM SN SO SR SS ST SV SX SY SZ TC TD TF TG TH TJ TK TL TM TN TO TR TT TV TW TZ \
    UA UG UM US UY UZ VA VC VE VG VI VN VU WF WS YE YT ZA ZM ZW";

impl Fields {
    /// A currency that has to be given. Placeholder: the US dollar.
    pub fn currency(&mut self, name: &str, code: &str) -> Currency {
        code.parse().unwrap_or_else(|_| {
            self.refuse(name, "must be an ISO 4217 currency code in upper case");
            Currency::USD
        })
    }

    /// A currency that may be left out.
    pub fn optional_currency(&mut self, name: &str, code: &str) -> Option<Currency> {
        (!code.is_empty()).then(|| self.currency(name, code))
    }

    /// An amount of any currency that may be left out.
    pub fn money(&mut self, name: &str, money: Option<pb::Money>) -> Option<Money> {
        self.message(name, money, |fields, money| {
            fields.read_money(&money, |_| 0..=MAX_AMOUNT)
        })
    }

    /// An amount of any currency that has to be given. Placeholder: nothing, of the US dollar.
    pub fn required_money(&mut self, name: &str, money: Option<pb::Money>) -> Money {
        self.money_within(name, money, |_| 0..=MAX_AMOUNT)
    }

    /// An amount of any currency above 0 that has to be given. Placeholder: as of any amount.
    pub fn positive_money(&mut self, name: &str, money: Option<pb::Money>) -> Money {
        self.money_within(name, money, |_| 1..=MAX_AMOUNT)
    }

    /// An amount that has to be given, within the bounds that its currency has. Placeholder: as of any amount.
    pub fn money_within(
        &mut self,
        name: &str,
        money: Option<pb::Money>,
        bounds: impl FnOnce(Currency) -> RangeInclusive<i64>,
    ) -> Money {
        let read = self.required_message(name, money, |fields, money| {
            fields.read_money(&money, bounds)
        });
        read.unwrap_or(Money {
            currency: Currency::USD,
            amount: Amount::ZERO,
        })
    }

    /// An amount of a known currency that may be left out.
    pub fn amount(
        &mut self,
        name: &str,
        money: Option<pb::Money>,
        currency: Currency,
    ) -> Option<Amount> {
        self.message(name, money, |fields, money| {
            fields.read_amount(&money, currency, 0..=MAX_AMOUNT)
        })
    }

    /// An amount of a known currency that has to be given. Placeholder: nothing.
    pub fn required_amount(
        &mut self,
        name: &str,
        money: Option<pb::Money>,
        currency: Currency,
    ) -> Amount {
        let read = self.required_message(name, money, |fields, money| {
            fields.read_amount(&money, currency, 0..=MAX_AMOUNT)
        });
        read.unwrap_or_default()
    }

    /// What is added to a price, or taken off it; nothing when left out.
    pub fn adjustment(
        &mut self,
        name: &str,
        money: Option<pb::Money>,
        currency: Currency,
    ) -> Amount {
        let read = self.message(name, money, |fields, money| {
            fields.read_amount(&money, currency, -MAX_AMOUNT..=MAX_AMOUNT)
        });
        read.unwrap_or_default()
    }

    fn read_money(
        &mut self,
        money: &pb::Money,
        bounds: impl FnOnce(Currency) -> RangeInclusive<i64>,
    ) -> Money {
        let currency = self.currency("currency_code", &money.currency_code);
        let minor = self.number("amount_minor", money.amount_minor, bounds(currency));
        Money {
            currency,
            amount: Amount::new(minor),
        }
    }

    fn read_amount(
        &mut self,
        money: &pb::Money,
        expected: Currency,
        bounds: RangeInclusive<i64>,
    ) -> Amount {
        let money = self.read_money(money, |_| bounds);
        self.expect_currency("currency_code", money.currency, expected);
        money.amount
    }

    /// Notes a currency that is another than it has to be.
    pub fn expect_currency(&mut self, name: &str, given: Currency, expected: Currency) {
        if given != expected {
            self.mismatch = Some((given, expected));
            let text = format!("must be {expected}, not {given}");
            self.refuse_for(Reason::CurrencyMismatch, name, text);
        }
    }

    /// A country that has to be given. Placeholder: the empty string.
    pub fn country_code(&mut self, name: &str, code: String) -> String {
        // The length is compared first, so that no part of the list with a blank in it is a country.
        if code.len() == 2 && COUNTRIES.split(' ').any(|country| country == code) {
            return code;
        }
        if code.is_empty() {
            self.refuse(name, "is required");
        } else {
            self.refuse(
                name,
                "must be an ISO 3166-1 alpha-2 country code in upper case",
            );
        }
        String::new()
    }

    /// A tax rate: a factor from 0 to 1. Placeholder: 0.
    pub fn tax_rate(&mut self, name: &str, text: &str) -> Rate {
        let wanted = "must be a decimal string from 0 to 1 with up to 6 decimal places";
        self.decimal(name, text, Rate::parse, |rate| rate <= Rate::ONE, wanted)
    }

    /// A percentage from 0 to 100. Placeholder: 0.
    pub fn percentage(&mut self, name: &str, text: &str) -> Rate {
        let wanted = "must be a decimal string from 0 to 100 with up to 4 decimal places";
        self.decimal(
            name,
            text,
            Rate::parse_percentage,
            |rate| rate <= Rate::ONE,
            wanted,
        )
    }

    /// A percentage above 0, up to 100. Placeholder: 0.
    pub fn discount_percentage(&mut self, name: &str, text: &str) -> Rate {
        let wanted = "must be a decimal string above 0 up to 100 with up to 4 decimal places";
        let allowed = |rate| rate > Rate::ZERO && rate <= Rate::ONE;
        self.decimal(name, text, Rate::parse_percentage, allowed, wanted)
    }

    /// Units of a currency for one unit of another. Placeholder: 0.
    pub fn exchange_rate(&mut self, name: &str, text: &str) -> Rate {
        let wanted = "must be a decimal string above 0 with up to 6 decimal places";
        self.decimal(name, text, Rate::parse, |rate| rate > Rate::ZERO, wanted)
    }

    fn decimal(
        &mut self,
        name: &str,
        text: &str,
        parse: impl Fn(&str) -> Result<Rate, BadDecimal>,
        allowed: impl Fn(Rate) -> bool,
        wanted: &str,
    ) -> Rate {
        match parse(text) {
            Ok(rate) if allowed(rate) => rate,
            _ => {
                self.refuse(name, wanted);
                Rate::ZERO
            }
        }
    }

    /// A point in time that may be left out.
    pub fn time(
        &mut self,
        name: &str,
        timestamp: Option<prost_types::Timestamp>,
    ) -> Option<DateTime<Utc>> {
        let timestamp = timestamp?;
        // As protobuf has it: the years 1 to 9999, no leap seconds.
        let seconds = -62_135_596_800..=253_402_300_799;
        let nanos = u32::try_from(timestamp.nanos)
            .ok()
            .filter(|nanos| *nanos < 1_000_000_000);
        let time = nanos
            .filter(|_| seconds.contains(&timestamp.seconds))
            .and_then(|nanos| DateTime::from_timestamp(timestamp.seconds, nanos));
        if time.is_none() {
            self.refuse(name, "must be a time of the years 1 to 9999");
        }
        time
    }

    /// A length of time that may be left out; `described` says the bounds in words.
    pub fn duration(
        &mut self,
        name: &str,
        duration: Option<prost_types::Duration>,
        bounds: RangeInclusive<Duration>,
        described: &str,
    ) -> Option<Duration> {
        let read = Some(duration?)
            // A negative one would be negated to tell it, and the longest cannot be.
            .filter(|given| given.seconds >= 0 && given.nanos >= 0)
            .and_then(|given| Duration::try_from(given).ok())
            .filter(|duration| bounds.contains(duration));
        if read.is_none() {
            self.refuse(name, format!("must be {described}"));
        }
        read
    }

    /// An address whose country has to be given.
    pub fn address(&mut self, address: pb::Address) -> Address {
        if address.country_code.is_empty() {
            self.refuse("country_code", "is required");
        }
        self.partial_address(address)
    }

    /// An address of which nothing has to be given. The id is not the caller's to choose: it is nil.
    pub fn partial_address(&mut self, address: pb::Address) -> Address {
        let answers = address.custom_fields;
        Address {
            id: Uuid::nil(),
            first_name: self.text("first_name", address.first_name),
            last_name: self.text("last_name", address.last_name),
            company: self.text("company", address.company),
            email: self.email("email", address.email),
            phone: self.text("phone", address.phone),
            address1: self.text("address1", address.address1),
            address2: self.text("address2", address.address2),
            city: self.text("city", address.city),
            state_or_province: self.text("state_or_province", address.state_or_province),
            state_or_province_code: self
                .text("state_or_province_code", address.state_or_province_code),
            postal_code: self.text("postal_code", address.postal_code),
            country_code: if address.country_code.is_empty() {
                String::new()
            } else {
                self.country_code("country_code", address.country_code)
            },
            custom_fields: self.each(
                "custom_fields",
                answers,
                0..=MAX_CUSTOM_FIELDS,
                |fields, answer| {
                    let field_id = fields.required_text("field_id", answer.field_id);
                    (field_id, fields.text("field_value", answer.field_value))
                },
            ),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::COUNTRIES;

    #[test]
    fn countries_are_those_of_the_standard() {
        let codes: Vec<_> = COUNTRIES.split(' ').collect();
        assert_eq!(codes.len(), 249);
        assert!(codes.is_sorted());
        assert!(codes.iter().all(|code| code.len() == 2));
    }
}

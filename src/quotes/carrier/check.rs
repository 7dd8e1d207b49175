//! What is taken of a carrier's answer: the rates that keep the contract, in both kinds of carriers the same.

use std::{collections::HashSet, time::Duration};

use chrono::NaiveDate;

use super::CarrierRequest;
use crate::{
    domain::{
        carrier::{CarrierRate, MAX_MESSAGES, MAX_QUOTE_LIFETIME, MAX_RATES},
        money::{Amount, MAX_AMOUNT},
        shipping::{QuoteMessage, Severity, TransitTime, TransitUnits},
    },
    outbound::Failure,
};

const MAX_CODE: usize = 50;
const MAX_TEXT: usize = 255;
const MAX_LONG_TEXT: usize = 500;
const MAX_TRANSIT_TIME: u32 = 1_000;
const MIN_QUOTE_LIFETIME: Duration = Duration::from_secs(1);

/// An answer as the carrier told it.
#[derive(Debug, Default)]
pub(super) struct Told {
    /// The rates, or why one cannot be read.
    pub(super) rates: Vec<Result<ToldRate, String>>,
    pub(super) messages: Vec<(Severity, String)>,
    /// How long the rates hold, if it says.
    pub(super) time_to_live: Option<Duration>,
}

/// A rate as the carrier told it. What it did not tell is empty.
#[derive(Debug, Clone, Default)]
pub(super) struct ToldRate {
    pub(super) carrier_code: String,
    pub(super) code: String,
    pub(super) display_name: String,
    pub(super) description: String,
    pub(super) image_url: String,
    pub(super) currency: String,
    /// Minor units; none of what is no amount.
    pub(super) cost: Option<i64>,
    pub(super) transit_time: Option<(TransitUnits, i64)>,
    pub(super) rate_id: String,
    pub(super) dispatch_date: String,
}

/// What is taken of an answer.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Taken {
    pub(super) rates: Vec<CarrierRate>,
    pub(super) messages: Vec<QuoteMessage>,
    /// How long the rates hold.
    pub(super) lifetime: Duration,
}

/// Takes the rates that keep the contract, and says of each other why it is left out. An answer of which nothing is
/// left is a failure of the carrier.
pub(super) fn take(told: Told, request: &CarrierRequest) -> Result<Taken, Failure> {
    let mut rates = Vec::new();
    let mut left_out = Vec::new();
    let mut codes = HashSet::new();
    let beyond = told.rates.len().saturating_sub(MAX_RATES);
    for told in told.rates.into_iter().take(MAX_RATES) {
        let code = told.as_ref().map(|told| line(&told.code));
        let code = code.unwrap_or_default();
        match told.and_then(|told| rate(&told, request)) {
            Ok(rate) if codes.insert((rate.carrier_code.clone(), rate.code.clone())) => {
                rates.push(rate);
            }
            Ok(_) => left_out.push(why_left_out(&code, "it is there before")),
            Err(why) => left_out.push(why_left_out(&code, &why)),
        }
    }
    if beyond > 0 {
        left_out.push(format!(
            "left out {beyond} rates beyond the first {MAX_RATES}"
        ));
    }
    if let (true, Some(why)) = (rates.is_empty(), left_out.first()) {
        return Err(Failure::Lasting(format!(
            "answered no rate that can be offered: {why}"
        )));
    }
    let left_out = left_out.into_iter().map(|text| (Severity::Error, text));
    let messages = left_out
        .chain(told.messages)
        .map(|(severity, text)| message(request, severity, &text))
        .filter(|message| !message.text.is_empty())
        .take(MAX_MESSAGES);
    let lifetime = told.time_to_live.unwrap_or(request.carrier.quote_lifetime);
    Ok(Taken {
        rates,
        messages: messages.collect(),
        lifetime: lifetime.clamp(MIN_QUOTE_LIFETIME, MAX_QUOTE_LIFETIME),
    })
}

fn why_left_out(code: &str, why: &str) -> String {
    match code {
        "" => format!("left out a rate: {why}"),
        code => format!("left out \"{}\": {why}", clip(code, MAX_CODE)),
    }
}

fn message(request: &CarrierRequest, severity: Severity, text: &str) -> QuoteMessage {
    QuoteMessage {
        severity,
        carrier_code: request.carrier.id.clone(),
        text: clip(&line(text), MAX_LONG_TEXT),
    }
}

/// The rate, or why it is left out.
fn rate(told: &ToldRate, request: &CarrierRequest) -> Result<CarrierRate, String> {
    let carrier_code = code("its carrier code", &told.carrier_code)?;
    let rate_code = code("its code", &told.code)?;
    if rate_code.is_empty() {
        return Err("it has no code".to_owned());
    }
    let display_name = within("its name", &told.display_name, MAX_TEXT)?;
    if display_name.is_empty() {
        return Err("it has no name".to_owned());
    }
    let own = carrier_code.is_empty() || carrier_code == request.carrier.id;
    Ok(CarrierRate {
        carrier_code: (!own).then_some(carrier_code),
        code: rate_code,
        display_name,
        description: within("its description", &told.description, MAX_LONG_TEXT)?,
        image_url: picture(within("its image URL", &told.image_url, MAX_TEXT)?),
        cost: cost(told, request)?,
        transit_time: told.transit_time.map(transit_time).transpose()?,
        rate_id: within("its id", &told.rate_id, MAX_TEXT)?,
        dispatch_date: date(&told.dispatch_date),
    })
}

fn cost(told: &ToldRate, request: &CarrierRequest) -> Result<Amount, String> {
    let asked = request.rates.currency.code();
    if told.currency.is_empty() {
        return Err("its cost has no currency".to_owned());
    }
    if told.currency != asked {
        let currency = clip(&line(&told.currency), MAX_CODE);
        return Err(format!("it costs {currency}, not {asked}"));
    }
    match told.cost {
        None => Err("its cost is no amount".to_owned()),
        Some(cost) if cost < 0 => Err("it costs less than nothing".to_owned()),
        Some(cost) if cost > MAX_AMOUNT => Err("it costs too much".to_owned()),
        Some(cost) => Ok(Amount::new(cost)),
    }
}

fn transit_time((units, duration): (TransitUnits, i64)) -> Result<TransitTime, String> {
    let duration = u32::try_from(duration).ok();
    match duration.filter(|duration| *duration <= MAX_TRANSIT_TIME) {
        Some(duration) => Ok(TransitTime { units, duration }),
        None => Err(format!("its transit time is not 0 to {MAX_TRANSIT_TIME}")),
    }
}

/// A part of an option's id.
fn code(name: &str, told: &str) -> Result<String, String> {
    if told.contains('/') || told.chars().any(char::is_control) {
        return Err(format!("{name} has \"/\" or control characters"));
    }
    within(name, told, MAX_CODE)
}

fn within(name: &str, told: &str, limit: usize) -> Result<String, String> {
    let text = line(told);
    if text.chars().count() > limit {
        return Err(format!("{name} has more than {limit} characters"));
    }
    Ok(text)
}

/// The text in one line, without what is invisible.
fn line(text: &str) -> String {
    let words = text.split(|c: char| c.is_whitespace() || c.is_control());
    let words: Vec<_> = words.filter(|word| !word.is_empty()).collect();
    words.join(" ")
}

/// The URL of a picture; empty of anything else, such as a script.
fn picture(url: String) -> String {
    let web = ["https://", "http://"];
    if web.iter().any(|beginning| url.starts_with(beginning)) {
        url
    } else {
        String::new()
    }
}

fn clip(text: &str, limit: usize) -> String {
    text.chars().take(limit).collect()
}

/// The day of a date or a time of ISO 8601; empty of anything else.
fn date(told: &str) -> String {
    let day = told.split_once('T').map_or(told, |(day, _)| day);
    let day = NaiveDate::parse_from_str(day, "%Y-%m-%d");
    day.map(|day| day.to_string()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use crate::domain::{
        carrier::{Carrier, CarrierEndpoint},
        money::Currency,
        shipping::{Place, RateRequest},
    };

    use super::*;

    fn request() -> CarrierRequest {
        let carrier = Carrier {
            id: "parcels".to_owned(),
            display_name: String::new(),
            enabled: true,
            endpoint: CarrierEndpoint::Grpc { url: String::new() },
            timeout: Duration::from_secs(2),
            max_retries: 0,
            max_concurrent_calls: 1,
            quote_lifetime: Duration::from_mins(10),
            needs_street: false,
        };
        let rates = RateRequest {
            currency: Currency::USD,
            origin: None,
            destination: Place::default(),
            customer_group_ids: Vec::new(),
            items: Vec::new(),
        };
        CarrierRequest::new(&carrier, "", &[], &rates)
    }

    fn taken(rate: ToldRate) -> Result<Taken, Failure> {
        let told = Told {
            rates: vec![Ok(rate)],
            ..Told::default()
        };
        take(told, &request())
    }

    fn good() -> ToldRate {
        ToldRate {
            code: "GND".to_owned(),
            display_name: "Ground".to_owned(),
            currency: "USD".to_owned(),
            cost: Some(0),
            ..ToldRate::default()
        }
    }

    #[test]
    fn rates_hold_from_a_second_to_a_day() {
        for (told, expected) in [
            (None, 600),
            (Some(0), 1),
            (Some(60), 60),
            (Some(u64::MAX), 24 * 3600),
        ] {
            let told = Told {
                time_to_live: told.map(Duration::from_secs),
                ..Told::default()
            };
            let lifetime = take(told, &request()).unwrap().lifetime;
            assert_eq!(lifetime, Duration::from_secs(expected));
        }
    }

    #[test]
    fn texts_come_in_one_line_and_dates_as_days() {
        for (told, day) in [
            ("2026-11-24", "2026-11-24"),
            ("2026-11-24T10:00:00Z", "2026-11-24"),
            ("2026-02-30", ""),
            ("tomorrow", ""),
        ] {
            let rate = ToldRate {
                display_name: " Ground\r\n\0 service ".to_owned(),
                dispatch_date: told.to_owned(),
                ..good()
            };
            let rate = taken(rate).unwrap().rates.remove(0);
            assert_eq!(rate.display_name, "Ground service");
            assert_eq!(rate.dispatch_date, day);
        }
    }

    #[test]
    fn limits_are_inclusive() {
        type Set = fn(&mut ToldRate, String);
        let limits: [(usize, Set); 6] = [
            (50, |rate, text| rate.code = text),
            (50, |rate, text| rate.carrier_code = text),
            (255, |rate, text| rate.display_name = text),
            (500, |rate, text| rate.description = text),
            (255, |rate, text| rate.image_url = text),
            (255, |rate, text| rate.rate_id = text),
        ];
        for (limit, set) in limits {
            let with = |length: usize| {
                let mut rate = good();
                set(&mut rate, "ü".repeat(length));
                taken(rate)
            };
            assert!(with(limit).is_ok() && with(limit + 1).is_err(), "{limit}");
        }
        let cost = |cost| {
            taken(ToldRate {
                cost: Some(cost),
                ..good()
            })
        };
        assert!(cost(MAX_AMOUNT).is_ok() && cost(MAX_AMOUNT + 1).is_err());
    }
}

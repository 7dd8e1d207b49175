//! What a carrier answers: `carrier_quotes` and `messages`.

use std::time::Duration;

use serde::Deserialize;
use serde_json::value::RawValue;

use super::super::{
    CarrierRequest,
    check::{Taken, Told, ToldRate, take},
    decimal::rounded,
};
use crate::{
    domain::{
        money::Currency,
        shipping::{Severity, TransitUnits},
    },
    outbound::Failure,
};

#[derive(Deserialize)]
struct Answer {
    carrier_quotes: Vec<CarrierQuotes>,
    messages: Option<Vec<Message>>,
    /// Seconds.
    ttl: Option<Box<RawValue>>,
}

#[derive(Deserialize)]
struct CarrierQuotes {
    carrier_info: Option<CarrierInfo>,
    /// Each to be read for itself, so that one that cannot be leaves the others.
    quotes: Vec<Box<RawValue>>,
}

#[derive(Deserialize)]
struct CarrierInfo {
    code: Option<String>,
}

#[derive(Deserialize)]
struct Quote {
    code: String,
    display_name: String,
    cost: Cost,
    discounted_cost: Option<Cost>,
    description: Option<String>,
    rate_id: Option<String>,
    transit_time: Option<Transit>,
    dispatch_date: Option<String>,
    messages: Option<Vec<Message>>,
}

#[derive(Deserialize)]
struct Cost {
    currency: String,
    amount: Box<RawValue>,
}

#[derive(Deserialize)]
struct Transit {
    units: Option<String>,
    duration: Option<Box<RawValue>>,
}

#[derive(Deserialize)]
struct Message {
    text: String,
    r#type: Option<String>,
}

pub(super) fn read(body: &[u8], request: &CarrierRequest) -> Result<Taken, Failure> {
    let answer: Answer = serde_json::from_slice(body).map_err(|error| {
        log(request, &error);
        Failure::Lasting("answered what is no JSON of the contract".to_owned())
    })?;
    let currency = request.rates.currency;
    let mut told = Told {
        rates: Vec::new(),
        messages: answer.messages.into_iter().flatten().map(message).collect(),
        time_to_live: answer.ttl.and_then(|ttl| time_to_live(&ttl)),
    };
    for carrier in answer.carrier_quotes {
        let carrier_code = carrier
            .carrier_info
            .and_then(|info| info.code)
            .unwrap_or_default();
        for quote in carrier.quotes {
            match serde_json::from_str::<Quote>(quote.get()) {
                Ok(mut quote) => {
                    let messages = quote.messages.take();
                    told.messages
                        .extend(messages.into_iter().flatten().map(message));
                    told.rates.push(Ok(rate(quote, &carrier_code, currency)));
                }
                Err(error) => {
                    log(request, &error);
                    told.rates
                        .push(Err("it is not as the contract has it".to_owned()));
                }
            }
        }
    }
    take(told, request)
}

/// Tells whoever looks after the carrier what is wrong, in words that are not for shoppers.
fn log(request: &CarrierRequest, error: &serde_json::Error) {
    let carrier = &request.carrier.id;
    tracing::warn!(carrier, %error, "a carrier's answer is not as the contract has it");
}

fn rate(quote: Quote, carrier_code: &str, currency: Currency) -> ToldRate {
    let amount = |cost: &Cost| rounded(&cost.amount, currency.digits());
    // One that is no amount of the currency asked for is not taken, and the full cost stands.
    let discounted = quote.discounted_cost.filter(|cost| {
        let amount = amount(cost);
        cost.currency == currency.code() && amount.is_some_and(|amount| amount >= 0)
    });
    let cost = discounted.unwrap_or(quote.cost);
    ToldRate {
        carrier_code: carrier_code.to_owned(),
        code: quote.code,
        display_name: quote.display_name,
        description: quote.description.unwrap_or_default(),
        image_url: String::new(),
        cost: amount(&cost),
        currency: cost.currency,
        transit_time: quote.transit_time.and_then(|time| transit_time(&time)),
        rate_id: quote.rate_id.unwrap_or_default(),
        dispatch_date: quote.dispatch_date.unwrap_or_default(),
    }
}

/// None of what cannot be understood: a rate is good without.
fn transit_time(time: &Transit) -> Option<(TransitUnits, i64)> {
    let units = match time.units.as_deref()? {
        "HOURS" => TransitUnits::Hours,
        "DAYS" => TransitUnits::Days,
        "BUSINESS_DAYS" => TransitUnits::BusinessDays,
        _ => return None,
    };
    Some((units, rounded(time.duration.as_deref()?, 0)?))
}

fn time_to_live(seconds: &RawValue) -> Option<Duration> {
    let seconds = rounded(seconds, 0)?;
    // A negative one is over at once.
    Some(Duration::from_secs(u64::try_from(seconds).unwrap_or(0)))
}

fn message(message: Message) -> (Severity, String) {
    let severity = match message.r#type.as_deref() {
        Some("ERROR") => Severity::Error,
        Some("WARNING") => Severity::Warning,
        _ => Severity::Info,
    };
    (severity, message.text)
}

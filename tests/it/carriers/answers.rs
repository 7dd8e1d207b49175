//! What is taken of an answer.

use cartwright::rpc::pb::{
    self,
    QuoteMessageType::{Error, Info, Warning},
};
use serde_json::{Value, json};

use super::{offered, quote, told};
use crate::harness::{
    api::{Api, on_every_backend},
    carrier::{Carrier, store_with},
};

on_every_backend!(
    several_carriers_in_one_answer,
    bad_rates_are_left_out_and_the_good_ones_stay,
    a_carrier_may_offer_nothing,
    grpc_answers_have_the_same_limits,
);

fn quoted(code: &str, amount: &str) -> Value {
    let amount: Value = serde_json::from_str(amount).unwrap();
    json!({
        "code": code,
        "display_name": format!("Service {code}"),
        "cost": { "currency": "USD", "amount": amount },
    })
}

fn with(mut quote: Value, key: &str, value: Value) -> Value {
    quote[key] = value;
    quote
}

/// The consignment with what an HTTP carrier answers that says this.
async fn answered(api: &Api, carrier: &Carrier, posters: i32, answer: &Value) -> pb::Consignment {
    carrier.behave(json!({ "answer": answer.to_string() }));
    quote(api, posters).await
}

fn of_carrier<'a>(consignment: &'a pb::Consignment, id: &str) -> Vec<(&'a str, i64)> {
    let prefix = format!("us/{id}/");
    let options = offered(consignment).into_iter();
    options
        .filter_map(|(id, cost)| id.strip_prefix(&prefix).map(|code| (code, cost)))
        .collect()
}

async fn several_carriers_in_one_answer(api: Api) {
    let carrier = Carrier::http();
    api.set_up(store_with(vec![carrier.settings("hub")])).await;
    let info = |code: &str| json!({ "code": code, "display_name": code });
    let answer = json!({
        "quote_id": "q",
        "ttl": 60,
        "messages": [{ "text": "Strikes\nare  announced", "type": "WARNING" }],
        "carrier_quotes": [
            { "carrier_info": info("ups"), "quotes": [
                with(quoted("GND", "12"), "discounted_cost", json!({ "currency": "USD", "amount": 11.5 })),
            ] },
            { "carrier_info": info("dhl"), "quotes": [
                with(quoted("GND", "13"), "discounted_cost", json!({ "currency": "EUR", "amount": 1 })),
                with(quoted("AIR", "14"), "messages", json!([{ "text": "No Sundays", "type": "INFO" }])),
            ] },
            { "carrier_info": info("hub"), "quotes": [quoted("OWN", "15")] },
            { "quotes": [quoted("NONE", "\"16.00\"")] },
        ],
    });
    let consignment = answered(&api, &carrier, 1, &answer).await;
    assert_eq!(
        of_carrier(&consignment, "hub"),
        [
            ("ups/GND", 1150),
            ("dhl/GND", 1300),
            ("dhl/AIR", 1400),
            ("OWN", 1500),
            ("NONE", 1600)
        ]
    );
    let options = consignment.available_shipping_options.iter();
    let codes: Vec<_> = options.map(|option| option.carrier_code.as_str()).collect();
    assert_eq!(
        codes,
        ["built-in", "built-in", "ups", "dhl", "dhl", "hub", "hub"]
    );
    assert_eq!(
        told(&consignment),
        [
            (Warning, "hub", "Strikes are announced"),
            (Info, "hub", "No Sundays")
        ]
    );
}

async fn bad_rates_are_left_out_and_the_good_ones_stay(api: Api) {
    let carrier = Carrier::http();
    api.set_up(store_with(vec![carrier.settings("hub")])).await;
    let euros = json!({ "currency": "EUR", "amount": 1 });
    let years = json!({ "units": "DAYS", "duration": 1001 });
    let quotes = [
        quoted("GOOD", "7.25"),
        quoted("FINE", "8.450000000001"),
        with(quoted("EURO", "1"), "cost", euros),
        quoted("MINUS", "-0.01"),
        quoted("TEXT", "\"a lot\""),
        quoted("MUCH", "1e11"),
        with(quoted("LATE", "1"), "transit_time", years),
        with(quoted("LONG", "1"), "description", json!("x".repeat(501))),
        with(quoted("NAMELESS", "1"), "display_name", json!(" ")),
        quoted("a/b", "1"),
        quoted("GOOD", "1"),
        json!({ "code": "BROKEN" }),
    ];
    let answer =
        json!({ "quote_id": "q", "messages": [], "carrier_quotes": [{ "quotes": quotes }] });
    let consignment = answered(&api, &carrier, 1, &answer).await;
    assert_eq!(
        of_carrier(&consignment, "hub"),
        [("GOOD", 725), ("FINE", 845)]
    );
    let left_out = |code: &str, why: &str| format!("left out \"{code}\": {why}");
    let mut expected = vec![
        left_out("EURO", "it costs EUR, not USD"),
        left_out("MINUS", "it costs less than nothing"),
        left_out("TEXT", "its cost is no amount"),
        left_out("MUCH", "it costs too much"),
        left_out("LATE", "its transit time is not 0 to 1000"),
        left_out("LONG", "its description has more than 500 characters"),
        left_out("NAMELESS", "it has no name"),
        left_out("a/b", "its code has \"/\" or control characters"),
        left_out("GOOD", "it is there before"),
    ];
    expected.push("left out a rate: it is not as the contract has it".into());
    let expected: Vec<_> = expected
        .iter()
        .map(|text| (Error, "hub", text.as_str()))
        .collect();
    assert_eq!(told(&consignment), expected);
    assert!(
        !offered(&consignment)
            .iter()
            .any(|(id, _)| *id == "us/us-fallback")
    );
}

async fn a_carrier_may_offer_nothing(api: Api) {
    let carrier = Carrier::http();
    api.set_up(store_with(vec![carrier.settings("hub")])).await;
    let message = json!({ "text": "We do not go there", "type": "ERROR" });
    let answer = json!({ "quote_id": "q", "messages": [message], "carrier_quotes": [] });
    let consignment = answered(&api, &carrier, 1, &answer).await;
    assert_eq!(
        offered(&consignment),
        [("us/us-express", 500), ("us/us-ground", 800)]
    );
    assert_eq!(told(&consignment), [(Error, "hub", "We do not go there")]);
}

async fn grpc_answers_have_the_same_limits(api: Api) {
    let carrier = Carrier::grpc();
    api.set_up(store_with(vec![carrier.settings("hub")])).await;
    let rate = |code: &str, change: Value| {
        let mut rate = json!({
            "code": code,
            "displayName": "Service",
            "cost": { "currencyCode": "USD", "amountMinor": 725 },
        });
        rate.as_object_mut()
            .unwrap()
            .extend(change.as_object().unwrap().clone());
        rate
    };
    let mut rates = vec![
        rate(
            "GND",
            json!({ "carrierCode": "ups", "dispatchDate": "tomorrow" }),
        ),
        rate(
            "GND",
            json!({ "carrierCode": "hub", "transitTime": { "duration": 2 } }),
        ),
        rate("FREE", json!({ "cost": { "currencyCode": "USD" } })),
        rate("LONG", json!({ "displayName": "x".repeat(256) })),
        rate("ID", json!({ "rateId": "x".repeat(256) })),
        rate("MONEYLESS", json!({ "cost": {} })),
    ];
    rates.extend((rates.len()..103).map(|i| rate(&format!("C{i}"), json!({}))));
    let messages = vec![json!({ "text": "y".repeat(600) }); 30];
    let answer = json!({ "rates": rates, "messages": messages });
    let consignment = answered(&api, &carrier, 1, &answer).await;
    let taken = of_carrier(&consignment, "hub");
    assert_eq!(taken.len(), 97);
    for expected in [("ups/GND", 725), ("GND", 725), ("FREE", 0), ("C99", 725)] {
        assert!(taken.contains(&expected), "{expected:?} of {taken:?}");
    }
    let option = |id: &str| {
        let mut options = consignment.available_shipping_options.iter();
        options.find(|option| option.id == id).unwrap()
    };
    assert_eq!(option("us/hub/ups/GND").dispatch_date, "");
    let transit_time = option("us/hub/GND").transit_time.unwrap();
    assert_eq!(
        (transit_time.units(), transit_time.duration),
        (pb::TransitTimeUnits::Days, 2)
    );
    let texts: Vec<_> = told(&consignment)
        .into_iter()
        .map(|(_, _, text)| text)
        .collect();
    assert_eq!(texts.len(), 20);
    assert_eq!(
        texts[..4],
        [
            "left out \"LONG\": its name has more than 255 characters",
            "left out \"ID\": its id has more than 255 characters",
            "left out \"MONEYLESS\": its cost has no currency",
            "left out 3 rates beyond the first 100",
        ]
    );
    assert_eq!(texts[4], "y".repeat(500));
}

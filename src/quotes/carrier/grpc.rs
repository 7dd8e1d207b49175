//! Carriers that serve `cartwright.provider.v1.ShippingRateService`.

use std::{sync::Arc, time::Duration};

use super::{
    Asker, CarrierRequest,
    check::{Taken, Told, ToldRate, take},
    within_limits,
};
use crate::{
    domain::{
        carrier::Carrier,
        shipping::{RatedItem, Severity, TransitUnits},
    },
    outbound::{
        self, Failure, MAX_ANSWER_BYTES,
        wire::{self, shipping_rate_service_client::ShippingRateServiceClient},
    },
};

pub(super) fn asker(carrier: &Carrier, url: &str) -> Result<Asker, String> {
    let channel = outbound::channel(url).map_err(|_| "cannot be connected to")?;
    let client = ShippingRateServiceClient::new(channel);
    let client = client.max_decoding_message_size(MAX_ANSWER_BYTES);
    let ask = move |request: Arc<CarrierRequest>| {
        let mut client = client.clone();
        async move {
            let call = outbound::request(get_rates(&request));
            let answer = client.get_rates(call).await;
            read(answer.map_err(outbound::failure)?.into_inner(), &request)
        }
    };
    Ok(within_limits(carrier, ask))
}

fn get_rates(request: &CarrierRequest) -> wire::GetRatesRequest {
    let rates = &request.rates;
    let item = |item: &RatedItem| wire::RatedItem {
        product_id: item.product_id.clone(),
        variant_id: item.variant_id.clone(),
        sku: item.sku.clone(),
        name: item.name.clone(),
        quantity: i32::try_from(item.quantity).unwrap_or(i32::MAX),
        unit_value: Some(outbound::money(item.value, rates.currency)),
        weight_grams: item.measures.weight_grams,
        length_mm: item.measures.length_mm,
        width_mm: item.measures.width_mm,
        height_mm: item.measures.height_mm,
    };
    wire::GetRatesRequest {
        carrier_id: request.carrier.id.clone(),
        currency_code: rates.currency.code().to_owned(),
        origin: rates.origin.as_ref().map(outbound::place),
        destination: Some(outbound::place(&rates.destination)),
        items: rates.items.iter().map(item).collect(),
        customer_group_ids: rates.customer_group_ids.clone(),
        zone_options: request.zone_options.iter().cloned().collect(),
    }
}

fn read(answer: wire::GetRatesResponse, request: &CarrierRequest) -> Result<Taken, Failure> {
    let message = |message: wire::RateMessage| (severity(message.r#type()), message.text);
    // A negative one is over at once; the longest of them cannot be converted.
    let time_to_live = |time: prost_types::Duration| {
        let is_negative = time.seconds < 0 || time.nanos < 0;
        let converted = (!is_negative).then(|| Duration::try_from(time));
        converted.and_then(Result::ok).unwrap_or_default()
    };
    let told = Told {
        rates: answer
            .rates
            .into_iter()
            .map(|rate| Ok(told(rate)))
            .collect(),
        messages: answer.messages.into_iter().map(message).collect(),
        time_to_live: answer.time_to_live.map(time_to_live),
    };
    take(told, request)
}

fn told(rate: wire::Rate) -> ToldRate {
    let cost = rate.cost.unwrap_or_default();
    ToldRate {
        carrier_code: rate.carrier_code,
        code: rate.code,
        display_name: rate.display_name,
        description: rate.description,
        image_url: rate.image_url,
        currency: cost.currency_code,
        cost: Some(cost.amount_minor),
        transit_time: rate
            .transit_time
            .map(|time| (units(time.units()), time.duration.into())),
        rate_id: rate.rate_id,
        dispatch_date: rate.dispatch_date,
    }
}

fn units(units: wire::TransitTimeUnits) -> TransitUnits {
    match units {
        wire::TransitTimeUnits::Hours => TransitUnits::Hours,
        wire::TransitTimeUnits::Days | wire::TransitTimeUnits::Unspecified => TransitUnits::Days,
        wire::TransitTimeUnits::BusinessDays => TransitUnits::BusinessDays,
    }
}

fn severity(severity: wire::RateMessageType) -> Severity {
    match severity {
        wire::RateMessageType::Info | wire::RateMessageType::Unspecified => Severity::Info,
        wire::RateMessageType::Warning => Severity::Warning,
        wire::RateMessageType::Error => Severity::Error,
    }
}

//! What the domain has, as messages. Conversions that a single service needs are in that service's file.

use chrono::{DateTime, Utc};

pub use self::{
    checkout::{cart, checkout, checkout_end},
    coupon::coupon_type,
    event::{event, event_kind},
    order::{order, order_status},
};
use super::pb;
use crate::domain::{
    address::Address,
    money::{Amount, Currency},
    shipping::{TransitTime, TransitUnits},
};

mod checkout;
mod consignment;
mod coupon;
mod event;
pub mod gift_certificate;
mod line_item;
pub mod notification;
mod order;
mod shopper;

/// An amount; in messages every amount is a message of its own.
#[must_use]
pub fn money(currency: Currency, amount: Amount) -> Option<pb::Money> {
    Some(pb::Money {
        currency_code: currency.code().to_owned(),
        amount_minor: amount.minor(),
    })
}

/// A point in time.
#[must_use]
pub fn time(time: DateTime<Utc>) -> Option<prost_types::Timestamp> {
    Some(prost_types::Timestamp {
        seconds: time.timestamp(),
        nanos: int(time.timestamp_subsec_nanos()),
    })
}

/// A number that is small enough by the limits of the domain.
#[must_use]
pub fn int(number: u32) -> i32 {
    i32::try_from(number).unwrap_or(i32::MAX)
}

/// How long a shipment takes.
#[must_use]
pub fn transit_time(time: TransitTime) -> pb::TransitTime {
    let units = match time.units {
        TransitUnits::Hours => pb::TransitTimeUnits::Hours,
        TransitUnits::Days => pb::TransitTimeUnits::Days,
        TransitUnits::BusinessDays => pb::TransitTimeUnits::BusinessDays,
    };
    pb::TransitTime {
        units: units.into(),
        duration: int(time.duration),
    }
}

/// A postal address.
#[must_use]
pub fn address(address: &Address) -> pb::Address {
    let Address {
        id,
        first_name,
        last_name,
        company,
        email,
        phone,
        address1,
        address2,
        city,
        state_or_province,
        state_or_province_code,
        postal_code,
        country_code,
        custom_fields,
    } = address.clone();
    let custom_fields = custom_fields.into_iter();
    pb::Address {
        // Addresses of the settings have none.
        id: if id.is_nil() {
            String::new()
        } else {
            id.to_string()
        },
        first_name,
        last_name,
        company,
        email,
        phone,
        address1,
        address2,
        city,
        state_or_province,
        state_or_province_code,
        postal_code,
        country_code,
        custom_fields: custom_fields
            .map(|(field_id, field_value)| pb::CustomField {
                field_id,
                field_value,
            })
            .collect(),
    }
}

#[cfg(test)]
mod tests;

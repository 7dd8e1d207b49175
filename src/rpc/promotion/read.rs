//! Reads promotions, coupons and codes.

use chrono::{DateTime, Utc};
use prost_types::Timestamp;

use crate::{
    flow::promotion::{NewCode, NewCodes},
    rpc::{
        fields::{Fields, MAX_IDS},
        pb,
    },
};

mod coupon;
mod items;
mod promotion;
mod rule;

pub(in crate::rpc) use coupon::coupon;
pub(in crate::rpc) use promotion::promotion;
pub(super) use promotion::{is_enabled, redemption_type};

/// Most that uses can be limited to.
const MAX_USES: i64 = 1_000_000_000;
/// Most codes that are generated at once.
const MAX_CODES: i32 = 10_000;
/// Most characters that generated codes have in common.
const MAX_PREFIX: usize = 20;
/// Random characters of a generated code unless asked for otherwise, fewest and most.
const RANDOM_LENGTH: i32 = 10;
const MIN_RANDOM_LENGTH: i32 = 6;
const MAX_RANDOM_LENGTH: i32 = 30;

/// A code to create.
pub(super) fn new_code(fields: &mut Fields, request: pb::CreateCouponCodeRequest) -> NewCode {
    NewCode {
        promotion_id: fields.uuid("promotion_id", &request.promotion_id),
        code: fields.coupon_code("code", request.code),
        max_uses: uses(fields, "max_uses", request.max_uses),
        max_uses_per_customer: uses(
            fields,
            "max_uses_per_customer",
            request.max_uses_per_customer,
        ),
    }
}

/// Codes to generate.
pub(super) fn new_codes(fields: &mut Fields, request: pb::GenerateCouponCodesRequest) -> NewCodes {
    let length = match request.length {
        0 => RANDOM_LENGTH,
        length => fields.number("length", length, MIN_RANDOM_LENGTH..=MAX_RANDOM_LENGTH),
    };
    NewCodes {
        promotion_id: fields.uuid("promotion_id", &request.promotion_id),
        count: count(fields, "count", request.count, 1, MAX_CODES),
        prefix: fields.part_of_code("prefix", request.prefix, MAX_PREFIX),
        length: length.unsigned_abs(),
        max_uses: uses(fields, "max_uses", request.max_uses.unwrap_or(1)),
        max_uses_per_customer: uses(
            fields,
            "max_uses_per_customer",
            request.max_uses_per_customer,
        ),
    }
}

/// A limit on uses, where 0 is none.
fn uses(fields: &mut Fields, name: &str, uses: i64) -> Option<i64> {
    Some(fields.number(name, uses, 0..=MAX_USES)).filter(|uses| *uses > 0)
}

/// A number of things within bounds, of which none is negative.
fn count(fields: &mut Fields, name: &str, number: i32, least: i32, most: i32) -> u32 {
    fields.number(name, number, least..=most).unsigned_abs()
}

/// A name, or the one that stands in for it.
fn name_or(name: String, default: &str) -> String {
    if name.is_empty() {
        default.to_owned()
    } else {
        name
    }
}

/// From when until when, whose field is called `end_name`.
fn period(
    fields: &mut Fields,
    start: Option<Timestamp>,
    end_name: &str,
    end: Option<Timestamp>,
) -> (Option<DateTime<Utc>>, Option<DateTime<Utc>>) {
    let start = fields.time("start_time", start);
    let end = fields.time(end_name, end);
    if start.is_some_and(|start| end.is_some_and(|end| end <= start)) {
        fields.refuse(end_name, "must be after start_time");
    }
    (start, end)
}

fn country_codes(fields: &mut Fields, codes: Vec<String>) -> Vec<String> {
    fields.each(
        "shipping_country_codes",
        codes,
        0..=MAX_IDS,
        |fields, code| fields.country_code("", code),
    )
}

#[cfg(test)]
mod tests;

//! Reads promotions: when, where and for whom they hold.

use std::collections::BTreeSet;

use chrono::{DateTime, NaiveTime, Weekday};
use chrono_tz::Tz;
use uuid::Uuid;

use super::{count, country_codes, name_or, period, rule::rule, uses};
use crate::{
    domain::promotion::{
        Promotion, PromotionCustomer, RedemptionType,
        notification::{Location, Notification, NotificationType, PLACEHOLDERS},
        schedule::WeeklySchedule,
    },
    rpc::{
        fields::{Fields, MAX_IDS},
        pb::{
            self, DayOfWeek, PromotionNotificationLocation as Place,
            PromotionNotificationType as Kind, PromotionStatus,
        },
    },
};

const MAX_PRIORITY: i32 = 1_000_000;
const MAX_ORDER_COUNT: i32 = 1_000_000;
const MAX_RULES: usize = 20;
const MAX_NOTIFICATIONS: usize = 12;
/// Most characters of the text of a notification.
const MAX_CONTENT: usize = 1_000;
const MAX_WEEK_FREQUENCY: i32 = 52;
const DAYS_OF_A_WEEK: usize = 7;
const LOCATIONS: usize = 4;

/// A promotion. What is not the caller's to say (id, version, uses, times) is left empty.
pub(in crate::rpc) fn promotion(fields: &mut Fields, promotion: pb::Promotion) -> Promotion {
    let name = fields.required_text("name", promotion.name);
    let display_name = fields.text("display_name", promotion.display_name);
    let (start_time, end_time) =
        period(fields, promotion.start_time, "end_time", promotion.end_time);
    let schedule = fields.message("schedule", promotion.schedule, |fields, schedule| {
        self::schedule(fields, schedule, start_time.is_some())
    });
    let priority = -MAX_PRIORITY..=MAX_PRIORITY;
    let code = &promotion.currency_code;
    let currency = fields.optional_currency("currency_code", code);
    // Amounts are not compared with a placeholder.
    let mut currency = currency.filter(|currency| currency.code() == code);
    let rules = fields.each("rules", promotion.rules, 1..=MAX_RULES, |fields, given| {
        rule(fields, given, &mut currency)
    });
    let notifications = promotion.notifications;
    Promotion {
        id: Uuid::nil(),
        display_name: name_or(display_name, &name),
        name,
        redemption: redemption_type(fields, promotion.redemption_type)
            .unwrap_or(RedemptionType::Automatic),
        coupon_type: None,
        priority: fields.number("priority", promotion.priority, priority),
        enabled: is_enabled(fields, promotion.status).unwrap_or(true),
        start_time,
        end_time,
        schedule,
        channel_ids: fields.ids("channel_ids", promotion.channel_ids, MAX_IDS),
        currency,
        customer: fields
            .message("customer", promotion.customer, customer)
            .unwrap_or_default(),
        shipping_country_codes: country_codes(fields, promotion.shipping_country_codes),
        max_uses: uses(fields, "max_uses", promotion.max_uses),
        uses: 0,
        stop: promotion.stop,
        combinable: promotion.can_be_used_with_other_promotions.unwrap_or(true),
        notifications: fields.each(
            "notifications",
            notifications,
            0..=MAX_NOTIFICATIONS,
            notification,
        ),
        rules,
        version: 0,
        create_time: DateTime::UNIX_EPOCH,
        update_time: DateTime::UNIX_EPOCH,
    }
}

/// How a promotion comes to a checkout; none where that is unspecified.
pub(in crate::rpc::promotion) fn redemption_type(
    fields: &mut Fields,
    number: i32,
) -> Option<RedemptionType> {
    let name = pb::RedemptionType::as_str_name;
    match fields.optional_choice("redemption_type", number, name)? {
        pb::RedemptionType::Coupon => Some(RedemptionType::Coupon),
        pb::RedemptionType::Automatic | pb::RedemptionType::Unspecified => {
            Some(RedemptionType::Automatic)
        }
    }
}

/// Whether a promotion is in force; none where that is unspecified.
pub(in crate::rpc::promotion) fn is_enabled(fields: &mut Fields, number: i32) -> Option<bool> {
    let status = fields.optional_choice("status", number, PromotionStatus::as_str_name)?;
    Some(status != PromotionStatus::Disabled)
}

fn schedule(
    fields: &mut Fields,
    schedule: pb::WeeklySchedule,
    has_start_time: bool,
) -> WeeklySchedule {
    let frequency = match schedule.week_frequency {
        0 => 1,
        weeks => count(fields, "week_frequency", weeks, 1, MAX_WEEK_FREQUENCY),
    };
    if frequency > 1 && !has_start_time {
        let text = "counts from the week of the promotion's start_time, which is required then";
        fields.refuse("week_frequency", text);
    }
    let days = fields.each(
        "week_days",
        schedule.week_days,
        0..=DAYS_OF_A_WEEK,
        |fields, number| {
            fields
                .choice("", number, DayOfWeek::as_str_name)
                .and_then(week_day)
        },
    );
    let zone = name_or(schedule.time_zone, "UTC");
    WeeklySchedule {
        week_days: days.into_iter().flatten().collect(),
        start: time_of_day(fields, "daily_start_time", &schedule.daily_start_time),
        end: time_of_day(fields, "daily_end_time", &schedule.daily_end_time),
        time_zone: zone.parse().unwrap_or_else(|_| {
            let text = "must be the IANA name of a time zone, such as \"America/Chicago\"";
            fields.refuse("time_zone", text);
            Tz::UTC
        }),
        week_frequency: frequency,
    }
}

fn week_day(day: DayOfWeek) -> Option<Weekday> {
    // Monday is 1 there and 0 here.
    let number = i32::from(day).checked_sub(1)?;
    Weekday::try_from(u8::try_from(number).ok()?).ok()
}

/// A time by the clock that may be left out.
fn time_of_day(fields: &mut Fields, name: &str, text: &str) -> Option<NaiveTime> {
    if text.is_empty() {
        return None;
    }
    let time = parse_time_of_day(text);
    if time.is_none() {
        fields.refuse(name, "must be a time of day: \"09:00\" or \"09:00:00\"");
    }
    time
}

fn parse_time_of_day(text: &str) -> Option<NaiveTime> {
    let two_digits = |part: &str| {
        let well_formed = part.len() == 2 && part.bytes().all(|byte| byte.is_ascii_digit());
        well_formed.then(|| part.parse().ok()).flatten()
    };
    let parts: Option<Vec<u32>> = text.split(':').map(two_digits).collect();
    match parts?.as_slice() {
        [hour, minute] => NaiveTime::from_hms_opt(*hour, *minute, 0),
        [hour, minute, second] => NaiveTime::from_hms_opt(*hour, *minute, *second),
        _ => None,
    }
}

fn customer(fields: &mut Fields, customer: pb::PromotionCustomer) -> PromotionCustomer {
    let mut groups = |name, ids| -> BTreeSet<String> {
        let ids = fields.ids(name, ids, MAX_IDS);
        ids.into_iter().collect()
    };
    PromotionCustomer {
        group_ids: groups("group_ids", customer.group_ids),
        ungrouped: customer.ungrouped,
        excluded_group_ids: groups("excluded_group_ids", customer.excluded_group_ids),
        minimum_order_count: count(
            fields,
            "minimum_order_count",
            customer.minimum_order_count,
            0,
            MAX_ORDER_COUNT,
        ),
    }
}

fn notification(fields: &mut Fields, notification: pb::PromotionNotification) -> Notification {
    let kind = match fields.choice("type", notification.r#type, Kind::as_str_name) {
        Some(Kind::Eligible) => NotificationType::Eligible,
        Some(Kind::Applied) => NotificationType::Applied,
        Some(Kind::Upsell | Kind::Unspecified) | None => NotificationType::Upsell,
    };
    let content = fields.long_text_up_to("content", notification.content, MAX_CONTENT);
    if let Some(unknown) = unknown_placeholder(&content) {
        let known: Vec<_> = PLACEHOLDERS
            .iter()
            .map(|name| format!("{{{name}}}"))
            .collect();
        let text = format!(
            "{{{unknown}}} is none of the placeholders {}",
            known.join(", ")
        );
        fields.refuse("content", text);
    }
    let locations = fields.each(
        "locations",
        notification.locations,
        0..=LOCATIONS,
        |fields, number| {
            fields
                .choice("", number, Place::as_str_name)
                .and_then(location)
        },
    );
    Notification {
        kind,
        content,
        locations: locations.into_iter().flatten().collect(),
    }
}

/// The first name in braces that is not to be replaced by anything.
fn unknown_placeholder(content: &str) -> Option<&str> {
    let names = content
        .split('{')
        .skip(1)
        .filter_map(|rest| rest.split_once('}'));
    let mut names = names.map(|(name, _)| name);
    names.find(|name| !PLACEHOLDERS.contains(name))
}

const fn location(place: Place) -> Option<Location> {
    match place {
        Place::Unspecified => None,
        Place::HomePage => Some(Location::HomePage),
        Place::ProductPage => Some(Location::ProductPage),
        Place::CartPage => Some(Location::CartPage),
        Place::CheckoutPage => Some(Location::CheckoutPage),
    }
}

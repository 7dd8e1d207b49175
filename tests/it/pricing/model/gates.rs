//! Whether a promotion is for this checkout at this time at all.

use cartwright::domain::{
    checkout::Checkout,
    promotion::{Promotion, schedule::WeeklySchedule},
    reason::Reason,
};
use chrono::{DateTime, Datelike as _, Duration, NaiveDate, NaiveTime, Utc};

/// The first gate that is shut.
pub(crate) fn shut(
    promotion: &Promotion,
    checkout: &Checkout,
    now: DateTime<Utc>,
) -> Option<Reason> {
    let started = promotion.start_time.is_none_or(|start| start <= now);
    let ended = promotion.end_time.is_some_and(|end| end <= now);
    let channels = &promotion.channel_ids;
    let in_channel = channels.is_empty() || channels.contains(&checkout.channel_id);
    let in_currency = promotion.currency.is_none_or(|c| c == checkout.currency);
    let used_up = promotion
        .max_uses
        .is_some_and(|most| promotion.uses >= most);
    let gates = [
        (promotion.enabled, Reason::CouponDisabled),
        (started, Reason::CouponNotStarted),
        (!ended, Reason::CouponExpired),
        (in_schedule(promotion, now), Reason::CouponNotScheduled),
        (!used_up, Reason::PromotionUsesExhausted),
        (in_channel, Reason::CouponChannelNotAllowed),
        (in_currency, Reason::CouponCurrencyMismatch),
        (
            is_for_customer(promotion, checkout),
            Reason::CouponCustomerNotEligible,
        ),
        (
            goes_to_countries(promotion, checkout),
            Reason::CouponCountryNotAllowed,
        ),
    ];
    let shut = gates.into_iter().find(|(open, _)| !open);
    shut.map(|(_, reason)| reason)
}

fn is_for_customer(promotion: &Promotion, checkout: &Checkout) -> bool {
    let (wanted, customer) = (&promotion.customer, &checkout.customer);
    let groups = &customer.group_ids;
    let everybody = wanted.group_ids.is_empty() && !wanted.ungrouped;
    let by_group = groups.iter().any(|group| wanted.group_ids.contains(group));
    let without_group = wanted.ungrouped && groups.is_empty();
    let excluded = |group| wanted.excluded_group_ids.contains(group);
    (everybody || by_group || without_group)
        && !groups.iter().any(excluded)
        && customer.completed_order_count >= wanted.minimum_order_count
}

fn goes_to_countries(promotion: &Promotion, checkout: &Checkout) -> bool {
    let allowed = &promotion.shipping_country_codes;
    let countries = checkout
        .consignments
        .iter()
        .map(|c| &c.address.country_code);
    let mut known = countries.filter(|country| !country.is_empty()).peekable();
    if allowed.is_empty() || known.peek().is_none() {
        true
    } else if promotion.discounts_goods() {
        known.all(|country| allowed.contains(country))
    } else {
        known.any(|country| allowed.contains(country))
    }
}

/// Looks at the hours that begin today and at those that began yesterday.
fn in_schedule(promotion: &Promotion, now: DateTime<Utc>) -> bool {
    let Some(schedule) = &promotion.schedule else {
        return true;
    };
    let local = now.with_timezone(&schedule.time_zone).naive_local();
    let first = promotion
        .start_time
        .map(|start| start.with_timezone(&schedule.time_zone).date_naive());
    [local.date(), local.date() - Duration::days(1)]
        .into_iter()
        .filter(|day| has_day(schedule, *day, first))
        .any(|day| {
            let midnight = NaiveTime::MIN;
            let start = schedule.start.unwrap_or(midnight);
            let end = schedule.end.unwrap_or(midnight);
            let last = if end > start {
                day
            } else {
                day + Duration::days(1)
            };
            (day.and_time(start)..last.and_time(end)).contains(&local)
        })
}

fn has_day(schedule: &WeeklySchedule, day: NaiveDate, first: Option<NaiveDate>) -> bool {
    let monday = |day: NaiveDate| day - Duration::days(day.weekday().num_days_from_monday().into());
    let weeks = first.map_or(0, |first| (monday(day) - monday(first)).num_days() / 7);
    let in_week = weeks % i64::from(schedule.week_frequency.max(1)) == 0;
    in_week && (schedule.week_days.is_empty() || schedule.week_days.contains(&day.weekday()))
}

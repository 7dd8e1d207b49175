//! Promotions and codes as messages.

use chrono::{NaiveTime, Timelike as _, Weekday};

use crate::{
    domain::promotion::{
        CouponCode, Promotion, PromotionCustomer, RedemptionType, schedule::WeeklySchedule,
    },
    rpc::{
        pb,
        show::{coupon_type, int, notification, time},
    },
};

mod rule;

/// A promotion.
pub(super) fn promotion(promotion: &Promotion) -> pb::Promotion {
    let code = promotion
        .currency
        .map(|currency| currency.code().to_owned());
    pb::Promotion {
        id: promotion.id.to_string(),
        name: promotion.name.clone(),
        display_name: promotion.display_name.clone(),
        redemption_type: redemption_type(promotion.redemption).into(),
        coupon_type: promotion
            .coupon_type
            .map(coupon_type)
            .unwrap_or_default()
            .into(),
        priority: promotion.priority,
        status: status(promotion.enabled).into(),
        start_time: promotion.start_time.and_then(time),
        end_time: promotion.end_time.and_then(time),
        schedule: promotion.schedule.as_ref().map(schedule),
        channel_ids: promotion.channel_ids.clone(),
        currency_code: code.unwrap_or_default(),
        customer: customer(&promotion.customer),
        shipping_country_codes: promotion.shipping_country_codes.clone(),
        max_uses: promotion.max_uses.unwrap_or_default(),
        current_uses: promotion.uses,
        stop: promotion.stop,
        can_be_used_with_other_promotions: Some(promotion.combinable),
        notifications: promotion
            .notifications
            .iter()
            .map(notification::notification)
            .collect(),
        rules: promotion.rules.iter().map(rule::rule).collect(),
        version: promotion.version,
        create_time: time(promotion.create_time),
        update_time: time(promotion.update_time),
    }
}

const fn redemption_type(redemption: RedemptionType) -> pb::RedemptionType {
    match redemption {
        RedemptionType::Automatic => pb::RedemptionType::Automatic,
        RedemptionType::Coupon => pb::RedemptionType::Coupon,
    }
}

const fn status(enabled: bool) -> pb::PromotionStatus {
    if enabled {
        pb::PromotionStatus::Enabled
    } else {
        pb::PromotionStatus::Disabled
    }
}

fn schedule(schedule: &WeeklySchedule) -> pb::WeeklySchedule {
    let time_of_day = |time: Option<NaiveTime>| time.map(time_of_day).unwrap_or_default();
    pb::WeeklySchedule {
        week_days: schedule
            .week_days
            .iter()
            .map(|day| day_of_week(*day).into())
            .collect(),
        daily_start_time: time_of_day(schedule.start),
        daily_end_time: time_of_day(schedule.end),
        time_zone: schedule.time_zone.name().to_owned(),
        week_frequency: int(schedule.week_frequency),
    }
}

const fn day_of_week(day: Weekday) -> pb::DayOfWeek {
    match day {
        Weekday::Mon => pb::DayOfWeek::Monday,
        Weekday::Tue => pb::DayOfWeek::Tuesday,
        Weekday::Wed => pb::DayOfWeek::Wednesday,
        Weekday::Thu => pb::DayOfWeek::Thursday,
        Weekday::Fri => pb::DayOfWeek::Friday,
        Weekday::Sat => pb::DayOfWeek::Saturday,
        Weekday::Sun => pb::DayOfWeek::Sunday,
    }
}

fn time_of_day(time: NaiveTime) -> String {
    let format = if time.second() == 0 {
        "%H:%M"
    } else {
        "%H:%M:%S"
    };
    time.format(format).to_string()
}

/// None where it is for everybody.
fn customer(customer: &PromotionCustomer) -> Option<pb::PromotionCustomer> {
    if *customer == PromotionCustomer::default() {
        return None;
    }
    Some(pb::PromotionCustomer {
        group_ids: customer.group_ids.iter().cloned().collect(),
        ungrouped: customer.ungrouped,
        excluded_group_ids: customer.excluded_group_ids.iter().cloned().collect(),
        minimum_order_count: int(customer.minimum_order_count),
    })
}

/// A code of a promotion.
pub(super) fn coupon_code(code: &CouponCode) -> pb::CouponCode {
    pb::CouponCode {
        id: code.id.to_string(),
        promotion_id: code.promotion_id.to_string(),
        code: code.code.clone(),
        max_uses: code.max_uses.unwrap_or_default(),
        max_uses_per_customer: code.max_uses_per_customer.unwrap_or_default(),
        current_uses: code.uses,
        create_time: time(code.create_time),
        batch_id: code.batch_id.map(|id| id.to_string()).unwrap_or_default(),
    }
}

//! For whom, when and where a promotion is in force, and why a coupon gives nothing.

use cartwright::domain::promotion::{Promotion, schedule::WeeklySchedule};
use chrono::{Duration, NaiveTime, Weekday};

use super::{builder::*, check};
use crate::harness::shop::{currency, now};

/// A coupon of ten percent with a gate.
fn gated(name: &'static str, gate: impl FnOnce(&mut Promotion)) -> Example {
    let tenth = always(goods(percent("10"), ALL));
    example(name)
        .line("Shirt", 3_000, 1)
        .coupon_with("TEN", vec![tenth], gate)
}

/// Hours on days by the clock of Berlin, where it is Monday, 13:00.
fn hours(days: &[Weekday], start: u32, end: u32, every: u32) -> WeeklySchedule {
    WeeklySchedule {
        week_days: days.to_vec(),
        start: NaiveTime::from_hms_opt(start, 0, 0),
        end: NaiveTime::from_hms_opt(end, 0, 0),
        time_zone: chrono_tz::Europe::Berlin,
        week_frequency: every,
    }
}

#[test]
fn gates() {
    let groups = |example: Example, groups: &[&str], orders| {
        example.cart(|cart| {
            cart.customer.group_ids = groups.iter().map(|id| (*id).into()).collect();
            cart.customer.completed_order_count = orders;
        })
    };
    let minimum = example("A coupon below its minimum purchase")
        .line("Shirt", 3_000, 1)
        .coupon(
            "BIG",
            when(
                spend(usd(5_000), ALL),
                goods(percent("10"), ALL).considered_too(),
            ),
        );
    let after = example("The minimum is measured on what automatic promotions left")
        .line("Shirt", 5_500, 1)
        .automatic("Tenth", always(goods(percent("10"), ALL)))
        .coupon(
            "BIG",
            when(
                spend(usd(5_000), ALL),
                goods(percent("10"), ALL).considered_too(),
            ),
        );
    let missing = example("A coupon for goods that are not in the cart")
        .line("Shirt", 3_000, 1)
        .coupon("HATS", always(goods(percent("10"), products(&["hat"]))));
    let too_few = example("A coupon for three units")
        .line("Shirt", 3_000, 2)
        .coupon(
            "THREE",
            when(units(3, ALL), goods(percent("10"), ALL).considered_too()),
        );
    let uncovered = gated("Used as often as it can be", |promotion| {
        promotion.max_uses = Some(100);
        promotion.uses = 100;
    });
    let off = gated("Switched off", |promotion| promotion.enabled = false);
    let soon = gated("From tomorrow on", |promotion| {
        promotion.start_time = Some(now() + Duration::days(1));
    });
    let over = gated("Until now", |promotion| promotion.end_time = Some(now()));
    let channel = gated("In another channel", |p| p.channel_ids = vec!["app".into()]);
    let euros = gated("In another currency", |p| {
        p.currency = Some(currency("EUR"));
    });
    let gold = |promotion: &mut Promotion| promotion.customer.group_ids = ["gold".into()].into();
    let member = groups(
        gated("For a group that the customer is in", gold),
        &["gold"],
        0,
    );
    let stranger = gated("For a group that the customer is not in", gold);
    let ungrouped = gated("For customers of no group", |p| p.customer.ungrouped = true);
    let staff = groups(
        gated("Not for a group that the customer is in", |promotion| {
            promotion.customer.excluded_group_ids = ["staff".into()].into();
        }),
        &["gold", "staff"],
        0,
    );
    let third = |promotion: &mut Promotion| promotion.customer.minimum_order_count = 3;
    let new = groups(
        gated("For customers with three orders, who has two", third),
        &[],
        2,
    );
    let loyal = groups(
        gated("For customers with three orders, who has them", third),
        &[],
        3,
    );
    let lunch = gated("On Mondays from 12 to 14, on a Monday at 13", |promotion| {
        promotion.schedule = Some(hours(&[Weekday::Mon], 12, 14, 1));
    });
    let evening = gated("On Mondays from 18 to 20, on a Monday at 13", |promotion| {
        promotion.schedule = Some(hours(&[Weekday::Mon], 18, 20, 1));
    });
    let night = gated(
        "From Sunday, 22, over midnight to 14, on the Monday at 13",
        |promotion| {
            promotion.schedule = Some(hours(&[Weekday::Sun], 22, 14, 1));
        },
    );
    let every_other = gated(
        "Every other week, in the week after the first",
        |promotion| {
            promotion.start_time = Some(now() - Duration::days(7));
            promotion.schedule = Some(hours(&[], 12, 14, 2));
        },
    );
    check(
        "gates",
        "For whom, when and where, and why a coupon gives nothing",
        vec![
            minimum,
            after,
            missing,
            too_few,
            uncovered,
            off,
            soon,
            over,
            channel,
            euros,
            member,
            stranger,
            ungrouped,
            staff,
            new,
            loyal,
            lunch,
            evening,
            night,
            every_other,
        ],
    );
}

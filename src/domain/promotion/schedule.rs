//! At which hours of the week a promotion is in force.

use chrono::{DateTime, Datelike as _, Days, NaiveDate, NaiveTime, Utc, Weekday};
use chrono_tz::Tz;
use serde::{Deserialize, Serialize};

/// Hours of the week, by the clock of one place.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct WeeklySchedule {
    /// The days; empty for every day.
    pub week_days: Vec<Weekday>,
    /// From when on; none for midnight.
    pub start: Option<NaiveTime>,
    /// Until when; none for midnight. Not after `start`: on the next day.
    pub end: Option<NaiveTime>,
    /// Where the clock is.
    pub time_zone: Tz,
    /// Every so many weeks, counted from the week in which the promotion starts.
    pub week_frequency: u32,
}

impl WeeklySchedule {
    /// Whether the moment is in these hours, for a promotion that starts at `first`.
    #[must_use]
    pub fn contains(&self, now: DateTime<Utc>, first: Option<DateTime<Utc>>) -> bool {
        let local = now.with_timezone(&self.time_zone).naive_local();
        let (date, time) = (local.date(), local.time());
        let start = self.start.unwrap_or(NaiveTime::MIN);
        let first = first.map(|first| first.with_timezone(&self.time_zone).date_naive());
        let on = |date: NaiveDate| self.has_day(date, first);
        match self.end {
            None => time >= start && on(date),
            Some(end) if end > start => (start..end).contains(&time) && on(date),
            // The hours that began yesterday end today.
            Some(end) => {
                let yesterday = date.checked_sub_days(Days::new(1));
                (time >= start && on(date)) || (time < end && yesterday.is_some_and(on))
            }
        }
    }

    fn has_day(&self, date: NaiveDate, first: Option<NaiveDate>) -> bool {
        let in_days = self.week_days.is_empty() || self.week_days.contains(&date.weekday());
        let week = |date: NaiveDate| date.week(Weekday::Mon).checked_first_day();
        let in_week = match (first.and_then(week), week(date)) {
            (Some(first), Some(this)) if self.week_frequency > 1 => {
                let weeks = this.signed_duration_since(first).num_weeks();
                weeks.rem_euclid(self.week_frequency.into()) == 0
            }
            _ => true,
        };
        in_days && in_week
    }
}

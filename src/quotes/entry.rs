//! What is remembered of asking a carrier, and what it is good for.

use std::{sync::Arc, time::Duration};

use chrono::{DateTime, TimeDelta, Utc};
use serde::{Deserialize, Serialize};

use super::Freshness;
use crate::domain::carrier::{CarrierAnswer, MAX_QUOTE_LIFETIME};

/// How long past its time an answer may be shown, while a new one is fetched or cannot be had.
const STALE_WINDOW: Duration = Duration::from_mins(10);
/// How long a carrier that failed is not asked the same again.
const FAILURE_WINDOW: Duration = Duration::from_secs(5);

/// What came of asking: the answer, or why there is none, for people.
pub(super) type Outcome = Result<Arc<CarrierAnswer>, String>;

/// What came of the last time that a carrier was asked something.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Entry {
    /// It answered.
    Answered(Arc<CarrierAnswer>),
    /// It failed.
    Failed {
        /// Why, for people.
        why: String,
        /// Not to be asked again before.
        retry_time: DateTime<Utc>,
    },
}

/// What to do with an entry.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Decision {
    /// The answer holds.
    Fresh(Arc<CarrierAnswer>),
    /// The answer held a moment ago, and will do while it is renewed.
    Stale(Arc<CarrierAnswer>),
    /// The carrier failed a moment ago, for this reason.
    Failed(String),
    /// Ask the carrier.
    Ask,
}

impl Entry {
    /// The carrier failed at `now`.
    pub(super) fn failed(why: String, now: DateTime<Utc>) -> Self {
        let window = TimeDelta::from_std(FAILURE_WINDOW).unwrap_or_default();
        let retry_time = now.checked_add_signed(window).unwrap_or(now);
        Self::Failed { why, retry_time }
    }

    /// What to do with it at `now`.
    pub(super) fn decide(&self, freshness: Freshness, now: DateTime<Utc>) -> Decision {
        match self {
            Self::Answered(answer) if now < answer.expire_time => {
                Decision::Fresh(Arc::clone(answer))
            }
            Self::Answered(answer)
                if freshness == Freshness::Recent && now < stale_until(answer) =>
            {
                Decision::Stale(Arc::clone(answer))
            }
            Self::Failed { why, retry_time } if now < *retry_time => Decision::Failed(why.clone()),
            Self::Answered(_) | Self::Failed { .. } => Decision::Ask,
        }
    }

    /// What asking came to, which it has just now.
    pub(super) fn outcome(&self) -> Outcome {
        match self {
            Self::Answered(answer) => Ok(Arc::clone(answer)),
            Self::Failed { why, .. } => Err(why.clone()),
        }
    }

    /// How long it is good for anything; none when it is not.
    pub(super) fn lifetime(&self, now: DateTime<Utc>) -> Option<Duration> {
        let until = match self {
            Self::Answered(answer) => stale_until(answer),
            Self::Failed { retry_time, .. } => *retry_time,
        };
        let longest = MAX_QUOTE_LIFETIME.saturating_add(STALE_WINDOW);
        let lifetime = until.signed_duration_since(now).to_std().ok();
        lifetime.map(|lifetime| lifetime.min(longest))
    }
}

/// Until when an answer may be shown.
fn stale_until(answer: &CarrierAnswer) -> DateTime<Utc> {
    let window = TimeDelta::from_std(STALE_WINDOW).unwrap_or_default();
    let until = answer.expire_time.checked_add_signed(window);
    until.unwrap_or(answer.expire_time)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> DateTime<Utc> {
        let start: DateTime<Utc> = "2026-11-23T12:00:00Z".parse().unwrap();
        start + TimeDelta::seconds(seconds)
    }

    /// Holds for a minute.
    fn answer() -> Arc<CarrierAnswer> {
        Arc::new(CarrierAnswer {
            rates: Vec::new(),
            messages: Vec::new(),
            expire_time: at(60),
        })
    }

    fn both(entry: &Entry, seconds: i64) -> [Decision; 2] {
        [Freshness::Recent, Freshness::Current]
            .map(|freshness| entry.decide(freshness, at(seconds)))
    }

    #[test]
    fn an_answer_holds_until_it_expires_and_may_be_shown_ten_minutes_longer() {
        let entry = Entry::Answered(answer());
        for seconds in [-1_000_000, 0, 59] {
            let fresh = || Decision::Fresh(answer());
            assert_eq!(both(&entry, seconds), [fresh(), fresh()], "{seconds}");
        }
        for seconds in [60, 659] {
            let stale = Decision::Stale(answer());
            assert_eq!(both(&entry, seconds), [stale, Decision::Ask]);
        }
        assert_eq!(both(&entry, 660), [Decision::Ask, Decision::Ask]);
    }

    #[test]
    fn a_carrier_that_failed_is_left_alone_for_five_seconds() {
        let entry = Entry::failed("down".into(), at(0));
        let failed = || Decision::Failed("down".into());
        assert_eq!(both(&entry, 4), [failed(), failed()]);
        assert_eq!(both(&entry, 5), [Decision::Ask, Decision::Ask]);
    }

    #[test]
    fn an_entry_lives_as_long_as_it_can_be_of_use() {
        let answered = Entry::Answered(answer());
        let failed = Entry::failed("down".into(), at(0));
        let seconds = |entry: &Entry, now| entry.lifetime(at(now)).map(|time| time.as_secs());
        assert_eq!(seconds(&answered, 0), Some(660));
        assert_eq!(seconds(&answered, 661), None);
        assert_eq!(seconds(&failed, 1), Some(4));
        assert_eq!(seconds(&failed, 6), None);
        // Written by somebody whose clock is wrong.
        let odd = Entry::Answered(Arc::new(CarrierAnswer {
            expire_time: DateTime::<Utc>::MAX_UTC,
            ..CarrierAnswer::clone(&answer())
        }));
        assert_eq!(seconds(&odd, 0), Some(24 * 3600 + 600));
    }
}

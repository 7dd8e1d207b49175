//! Codes that a shopper tries: so many gift certificates an hour, and coupons more slowly with each one that is wrong.

use chrono::{DateTime, TimeDelta, Utc};
use serde::{Deserialize, Serialize};

/// Most different codes of gift certificates that a shopper tries within [`MEMORY`]: rules, section 9.
pub const MAX_GIFT_CERTIFICATE_CODES: usize = 20;
/// How long a try counts.
pub const MEMORY: TimeDelta = TimeDelta::hours(1);
/// After so many wrong coupons the next one has to wait.
const FREE_WRONG_COUPONS: usize = 5;
/// How long at first, and at most. Each more wrong code doubles it.
const FIRST_WAIT_SECONDS: i64 = 2;
const MAX_WAIT_SECONDS: i64 = 600;

/// What a code stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum CodeKind {
    /// A discount.
    Coupon,
    /// Money.
    GiftCertificate,
}

impl CodeKind {
    /// The name of it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Coupon => "coupon",
            Self::GiftCertificate => "gift_certificate",
        }
    }
}

/// What a shopper has tried within [`MEMORY`]. Its own rules keep it small.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct CodeTries(Vec<Try>);

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Try {
    /// A hash of the code and its kind.
    code: u64,
    kind: CodeKind,
    /// Until it is known to be right.
    is_wrong: bool,
    time: DateTime<Utc>,
}

/// Why a code is not looked up, and after what time it will be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TooMany {
    /// Too many wrong codes of coupons, one after another.
    WrongCoupons(TimeDelta),
    /// [`MAX_GIFT_CERTIFICATE_CODES`].
    GiftCertificateCodes(TimeDelta),
}

impl CodeTries {
    /// Takes a try, which counts as a wrong one until [`Self::was_right`] is told: so that those who try many codes at the
    /// same time are slowed, too. To try the same code again is free, since it tells nothing new.
    pub fn begin(&mut self, kind: CodeKind, code: u64, now: DateTime<Utc>) -> Result<(), TooMany> {
        self.0.retain(|tried| tried.age(now) < MEMORY);
        if self.0.iter().any(|tried| tried.code == code) {
            return Ok(());
        }
        match kind {
            CodeKind::Coupon => self.check_coupons(now)?,
            CodeKind::GiftCertificate => self.check_gift_certificates(now)?,
        }
        self.0.push(Try {
            code,
            kind,
            is_wrong: true,
            time: now,
        });
        Ok(())
    }

    /// The code that was tried is no wrong one.
    pub fn was_right(&mut self, code: u64) {
        // What remains of a coupon counts for nothing.
        self.0
            .retain(|tried| tried.code != code || tried.kind == CodeKind::GiftCertificate);
        for tried in self.0.iter_mut().filter(|tried| tried.code == code) {
            tried.is_wrong = false;
        }
    }

    fn check_coupons(&self, now: DateTime<Utc>) -> Result<(), TooMany> {
        let is_wrong = |tried: &&Try| tried.is_wrong && tried.kind == CodeKind::Coupon;
        let wrong = || self.0.iter().filter(is_wrong);
        let (Some(beyond), Some(last)) = (
            wrong().count().checked_sub(FREE_WRONG_COUPONS),
            wrong().map(|tried| tried.age(now)).min(),
        ) else {
            return Ok(());
        };
        match wait(beyond).checked_sub(&last) {
            Some(left) if left > TimeDelta::zero() => Err(TooMany::WrongCoupons(left)),
            _ => Ok(()),
        }
    }

    fn check_gift_certificates(&self, now: DateTime<Utc>) -> Result<(), TooMany> {
        let tried = || {
            let tried = self.0.iter();
            tried.filter(|tried| tried.kind == CodeKind::GiftCertificate)
        };
        if tried().count() < MAX_GIFT_CERTIFICATE_CODES {
            return Ok(());
        }
        let oldest = tried().map(|tried| tried.age(now)).max();
        let left = MEMORY.checked_sub(&oldest.unwrap_or_default());
        Err(TooMany::GiftCertificateCodes(left.unwrap_or(MEMORY)))
    }
}

impl Try {
    fn age(&self, now: DateTime<Utc>) -> TimeDelta {
        now.signed_duration_since(self.time)
    }
}

/// How long after the last wrong code the next one waits, when so many came after the first that has to.
fn wait(beyond: usize) -> TimeDelta {
    let doubled = (0..beyond).try_fold(FIRST_WAIT_SECONDS, |seconds, _| {
        let next = seconds.saturating_mul(2);
        (next < MAX_WAIT_SECONDS).then_some(next)
    });
    TimeDelta::seconds(doubled.unwrap_or(MAX_WAIT_SECONDS))
}

#[cfg(test)]
mod tests {
    use super::*;

    const START: DateTime<Utc> = DateTime::UNIX_EPOCH;

    fn after(seconds: i64) -> DateTime<Utc> {
        DateTime::from_timestamp_secs(seconds).unwrap()
    }

    #[test]
    fn each_wrong_coupon_after_the_fifth_waits_twice_as_long() {
        let mut tries = CodeTries::default();
        let mut now = START;
        let mut waits = Vec::new();
        for code in 0..17 {
            if let Err(TooMany::WrongCoupons(wait)) = tries.begin(CodeKind::Coupon, code, now) {
                let almost = now + wait - TimeDelta::microseconds(1);
                let refused = tries.begin(CodeKind::Coupon, code, almost);
                assert!(matches!(refused, Err(TooMany::WrongCoupons(_))));
                now += wait;
                assert_eq!(tries.begin(CodeKind::Coupon, code, now), Ok(()));
                waits.push(wait.num_seconds());
            }
        }
        assert_eq!(waits, [2, 4, 8, 16, 32, 64, 128, 256, 512, 600, 600, 600]);
    }

    #[test]
    fn eighteen_wrong_coupons_in_any_hour() {
        let mut tries = CodeTries::default();
        let taken: Vec<_> = (0..5 * 3_600)
            .filter(|second| {
                let code = u64::try_from(*second).unwrap();
                tries.begin(CodeKind::Coupon, code, after(*second)).is_ok()
            })
            .collect();
        let within = |from: i64| {
            taken
                .iter()
                .filter(move |at| (from..from + 3_600).contains(at))
        };
        let most = taken.iter().map(|from| within(*from).count()).max();
        assert_eq!(most, Some(18));
    }

    #[test]
    fn what_was_tried_before_is_free() {
        let mut tries = CodeTries::default();
        for code in 0..5 {
            assert_eq!(tries.begin(CodeKind::Coupon, code, START), Ok(()));
        }
        let before = tries.clone();
        assert_eq!(tries.begin(CodeKind::Coupon, 3, START), Ok(()));
        assert_eq!(tries, before);
        assert!(tries.begin(CodeKind::Coupon, 5, START).is_err());
    }

    #[test]
    fn a_right_code_counts_for_nothing_and_undoes_nothing() {
        let mut tries = CodeTries::default();
        for code in 0..100 {
            assert_eq!(tries.begin(CodeKind::Coupon, code, START), Ok(()));
            tries.was_right(code);
        }
        assert_eq!(tries, CodeTries::default());
        for code in 0..4 {
            assert_eq!(tries.begin(CodeKind::Coupon, code, START), Ok(()));
        }
        assert_eq!(tries.begin(CodeKind::Coupon, 99, START), Ok(()));
        tries.was_right(99);
        assert_eq!(tries.begin(CodeKind::GiftCertificate, 98, START), Ok(()));
        assert_eq!(tries.begin(CodeKind::Coupon, 4, START), Ok(()));
        let slowed = Err(TooMany::WrongCoupons(TimeDelta::seconds(2)));
        assert_eq!(tries.begin(CodeKind::Coupon, 5, START), slowed);
    }

    #[test]
    fn twenty_codes_of_gift_certificates_in_any_hour() {
        let mut tries = CodeTries::default();
        for (code, seconds) in (0..20).zip(0..) {
            let begun = tries.begin(CodeKind::GiftCertificate, code, after(seconds));
            assert_eq!(begun, Ok(()));
            tries.was_right(code);
        }
        let refused = Err(TooMany::GiftCertificateCodes(TimeDelta::seconds(
            3_600 - 60,
        )));
        assert_eq!(
            tries.begin(CodeKind::GiftCertificate, 20, after(60)),
            refused
        );
        assert_eq!(tries.begin(CodeKind::GiftCertificate, 0, after(60)), Ok(()));
        assert_eq!(tries.begin(CodeKind::Coupon, 21, after(60)), Ok(()));
        tries.was_right(21);
        // An hour after the first of them there is room for one more.
        assert_eq!(
            tries.begin(CodeKind::GiftCertificate, 20, after(3_600)),
            Ok(())
        );
        tries.was_right(20);
        assert!(
            tries
                .begin(CodeKind::GiftCertificate, 22, after(3_600))
                .is_err()
        );
    }
}

//! Exact money: integers of minor units, exact decimal rates, one way to round and one to split.
//!
//! Rounding is half away from zero, to the minor unit. Intermediates are `i128`; what does not fit is
//! an [`Overflow`], never a wrap.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

/// An amount that does not fit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("amount overflow")]
pub struct Overflow;

/// The largest amount a caller may give: 10^12 minor units.
pub const MAX_AMOUNT: i64 = 1_000_000_000_000;

/// An ISO 4217 currency that has minor units.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Currency(iso_currency::Currency);

impl Currency {
    /// The US dollar, the currency of a shop that has not been set up.
    pub const USD: Self = Self(iso_currency::Currency::USD);

    /// The three-letter code, upper case.
    #[must_use]
    pub fn code(self) -> &'static str {
        self.0.code()
    }

    /// Decimal digits of the minor unit: 0 for JPY, 2 for USD, 3 for KWD.
    #[must_use]
    pub fn digits(self) -> u32 {
        self.0.exponent().unwrap_or(0).into()
    }
}

impl FromStr for Currency {
    type Err = UnknownCurrency;

    fn from_str(code: &str) -> Result<Self, Self::Err> {
        iso_currency::Currency::from_code(code)
            .filter(|currency| currency.exponent().is_some())
            .map(Self)
            .ok_or(UnknownCurrency)
    }
}

impl TryFrom<String> for Currency {
    type Error = UnknownCurrency;

    fn try_from(code: String) -> Result<Self, Self::Error> {
        code.parse()
    }
}

impl From<Currency> for String {
    fn from(currency: Currency) -> Self {
        currency.code().to_owned()
    }
}

impl fmt::Display for Currency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code())
    }
}

/// Not a code of ISO 4217 in upper case.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not an ISO 4217 currency code")]
pub struct UnknownCurrency;

/// Minor units of a currency that the context knows.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default, Hash, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct Amount(i64);

impl Amount {
    /// Nothing.
    pub const ZERO: Self = Self(0);

    /// So many minor units.
    #[must_use]
    pub const fn new(minor: i64) -> Self {
        Self(minor)
    }

    /// The minor units.
    #[must_use]
    pub const fn minor(self) -> i64 {
        self.0
    }

    /// Whether it is nothing.
    #[must_use]
    pub const fn is_zero(self) -> bool {
        self.0 == 0
    }

    /// The sum.
    pub fn plus(self, other: Self) -> Result<Self, Overflow> {
        self.0.checked_add(other.0).map(Self).ok_or(Overflow)
    }

    /// The difference.
    pub fn minus(self, other: Self) -> Result<Self, Overflow> {
        self.0.checked_sub(other.0).map(Self).ok_or(Overflow)
    }

    /// So many times the amount.
    pub fn times(self, quantity: u32) -> Result<Self, Overflow> {
        self.0
            .checked_mul(quantity.into())
            .map(Self)
            .ok_or(Overflow)
    }

    /// The part of the amount that the rate says, rounded.
    pub fn at(self, rate: Rate) -> Result<Self, Overflow> {
        self.ratio(rate.0.into(), Rate::ONE.0.into())
    }

    /// `self × numerator ÷ denominator`, rounded.
    pub fn ratio(self, numerator: i128, denominator: i128) -> Result<Self, Overflow> {
        let product = i128::from(self.0).checked_mul(numerator).ok_or(Overflow)?;
        i64::try_from(divide_rounded(product, denominator)?)
            .map(Self)
            .map_err(|_| Overflow)
    }
}

/// Divides with rounding half away from zero.
fn divide_rounded(numerator: i128, denominator: i128) -> Result<i128, Overflow> {
    let quotient = numerator.checked_div(denominator).ok_or(Overflow)?;
    let remainder = numerator.checked_rem(denominator).ok_or(Overflow)?;
    let twice = remainder.unsigned_abs().checked_mul(2).ok_or(Overflow)?;
    if twice < denominator.unsigned_abs() {
        return Ok(quotient);
    }
    let step = if (numerator < 0) == (denominator < 0) {
        1
    } else {
        -1
    };
    quotient.checked_add(step).ok_or(Overflow)
}

/// Sums amounts.
pub fn sum(amounts: impl IntoIterator<Item = Amount>) -> Result<Amount, Overflow> {
    amounts.into_iter().try_fold(Amount::ZERO, Amount::plus)
}

/// Splits a non-negative whole over parts in proportion to their weights, which are not negative. The parts sum to the
/// whole: what rounding down leaves goes, unit by unit, to the largest remainders, ties to the earlier
/// part. Weights that are all zero split evenly.
pub fn split<W: Copy + Into<i128>>(whole: Amount, weights: &[W]) -> Result<Vec<Amount>, Overflow> {
    let mut total = 0_i128;
    for weight in weights {
        total = total.checked_add((*weight).into()).ok_or(Overflow)?;
    }
    if total == 0 && !weights.is_empty() {
        return split(whole, &vec![1_i64; weights.len()]);
    }
    let mut parts = Vec::with_capacity(weights.len());
    let mut remainders = Vec::with_capacity(weights.len());
    let mut left = whole;
    for (index, weight) in weights.iter().enumerate() {
        let product = i128::from(whole.0)
            .checked_mul((*weight).into())
            .ok_or(Overflow)?;
        let part = product.checked_div(total).ok_or(Overflow)?;
        let part = Amount(i64::try_from(part).map_err(|_| Overflow)?);
        remainders.push((product.checked_rem(total).ok_or(Overflow)?, index));
        left = left.minus(part)?;
        parts.push(part);
    }
    // A stable sort keeps the earlier part first among equal remainders.
    remainders.sort_by_key(|(remainder, _)| std::cmp::Reverse(*remainder));
    let extra = usize::try_from(left.0).map_err(|_| Overflow)?;
    for (_, index) in remainders.iter().take(extra) {
        if let Some(part) = parts.get_mut(*index) {
            *part = part.plus(Amount(1))?;
        }
    }
    Ok(parts)
}

/// An amount with its currency, as configuration and callers give it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Money {
    /// The currency.
    pub currency: Currency,
    /// Minor units of it.
    pub amount: Amount,
}

impl fmt::Display for Money {
    /// As people write it: `41.55 USD`, `201 JPY`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.decimal(), self.currency)
    }
}

impl Money {
    /// The number alone: `41.55`, `201`.
    #[must_use]
    pub fn decimal(&self) -> String {
        let digits = self.currency.digits();
        let unit = 10_u64.pow(digits);
        let minor = self.amount.0.unsigned_abs();
        let sign = if self.amount.0 < 0 { "-" } else { "" };
        let whole = minor.checked_div(unit).unwrap_or_default();
        if digits == 0 {
            return format!("{sign}{whole}");
        }
        let rest = minor.checked_rem(unit).unwrap_or_default();
        let width = usize::try_from(digits).unwrap_or_default();
        format!("{sign}{whole}.{rest:0width$}")
    }
}

/// An exact decimal factor in millionths: a tax rate, a percentage, an exchange rate.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default, Hash, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct Rate(i64);

/// Not a decimal of the form that is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a decimal with as many places as allowed")]
pub struct BadDecimal;

impl Rate {
    /// 0.
    pub const ZERO: Self = Self(0);
    /// 1, or 100 %.
    pub const ONE: Self = Self(1_000_000);

    /// Parses a factor with up to 6 decimal places: `0.0825` is 8.25 %.
    pub fn parse(text: &str) -> Result<Self, BadDecimal> {
        parse_decimal(text, 6).map(Self)
    }

    /// Parses a percentage with up to 4 decimal places: `33.3333` is 33.3333 %.
    pub fn parse_percentage(text: &str) -> Result<Self, BadDecimal> {
        parse_decimal(text, 4).map(Self)
    }

    /// So many times the factor, as far as it can be held.
    #[must_use]
    pub fn times(self, quantity: u32) -> Self {
        Self(self.0.saturating_mul(quantity.into()))
    }

    /// Millionths.
    #[must_use]
    pub const fn millionths(self) -> i64 {
        self.0
    }

    /// The percentage as a decimal string: `33.3333`.
    #[must_use]
    pub fn percentage(self) -> String {
        format_decimal(self.0, 4)
    }
}

impl fmt::Display for Rate {
    /// The factor as a decimal string: `0.0825`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&format_decimal(self.0, 6))
    }
}

/// Digits, at most `places` of them after a point; no sign, no exponent, nothing blank.
fn parse_decimal(text: &str, places: usize) -> Result<i64, BadDecimal> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, "0"));
    let digits_only = |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit());
    if !digits_only(whole) || !digits_only(fraction) || fraction.len() > places {
        return Err(BadDecimal);
    }
    format!("{whole}{fraction:0<places$}")
        .parse()
        .map_err(|_| BadDecimal)
}

/// A number of this many decimal places, not negative, without trailing zeros: 4150 and 2 are `41.5`.
#[must_use]
pub fn format_decimal(value: i64, places: usize) -> String {
    let digits = format!("{value:0>width$}", width = places.saturating_add(1));
    let (whole, fraction) = digits.split_at(digits.len().saturating_sub(places));
    match fraction.trim_end_matches('0') {
        "" => whole.to_owned(),
        fraction => format!("{whole}.{fraction}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn amounts(values: &[i64]) -> Vec<Amount> {
        values.iter().copied().map(Amount).collect()
    }

    #[test]
    fn rounds_half_away_from_zero() {
        for (minor, rate, expected) in [
            (3195, "0.04", 128),
            (800, "0.04", 32),
            (25, "0.1", 3),
            (24, "0.1", 2),
            (-25, "0.1", -3),
        ] {
            assert_eq!(
                Amount(minor).at(Rate::parse(rate).unwrap()),
                Ok(Amount(expected))
            );
        }
    }

    #[test]
    fn splits_by_largest_remainder_with_ties_to_the_earlier() {
        assert_eq!(
            split(Amount(1000), &[1000, 1000, 1000]).unwrap(),
            amounts(&[334, 333, 333])
        );
        assert_eq!(split(Amount(10), &[0, 0, 0]).unwrap(), amounts(&[4, 3, 3]));
        assert_eq!(split::<i64>(Amount(7), &[]).unwrap(), amounts(&[]));
        assert_eq!(split(Amount(5), &[1, 0, 9]).unwrap(), amounts(&[1, 0, 4]));
    }

    #[test]
    fn parses_decimals_exactly_and_nothing_else() {
        assert_eq!(Rate::parse("0.0825").unwrap().millionths(), 82_500);
        assert_eq!(
            Rate::parse_percentage("33.3333").unwrap().millionths(),
            333_333
        );
        assert_eq!(Rate::parse("1").unwrap(), Rate::ONE);
        assert_eq!(Rate::parse_percentage("20").unwrap().percentage(), "20");
        for bad in [
            "",
            ".5",
            "5.",
            "-1",
            "+1",
            "1e3",
            "0.0000001",
            " 1",
            "1,5",
            "99999999999999999999",
        ] {
            assert_eq!(Rate::parse(bad), Err(BadDecimal), "{bad}");
        }
    }

    #[test]
    fn overflow_is_an_error() {
        assert_eq!(Amount(i64::MAX).plus(Amount(1)), Err(Overflow));
        assert_eq!(Amount(i64::MAX).times(2), Err(Overflow));
        assert_eq!(Amount(i64::MAX).ratio(i128::MAX, 1), Err(Overflow));
    }

    #[test]
    fn writes_amounts_as_people_do() {
        let money = |code: &str, minor| Money {
            currency: code.parse().unwrap(),
            amount: Amount(minor),
        };
        assert_eq!(money("USD", 4155).to_string(), "41.55 USD");
        assert_eq!(money("JPY", 201).to_string(), "201 JPY");
        assert_eq!(money("KWD", -1005).to_string(), "-1.005 KWD");
    }
}

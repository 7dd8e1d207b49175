//! Exact fractions, the one way to round, and the one way to split.

use std::cmp::Ordering;

/// A fraction in lowest terms; the denominator is positive.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Ratio {
    numerator: i128,
    denominator: i128,
}

impl Ratio {
    pub(crate) const ONE: Self = Self {
        numerator: 1,
        denominator: 1,
    };

    pub(crate) fn new(numerator: i128, denominator: i128) -> Self {
        assert!(denominator > 0, "{numerator}/{denominator}");
        let divisor = greatest_common_divisor(numerator.abs(), denominator);
        Self {
            numerator: numerator / divisor,
            denominator: denominator / divisor,
        }
    }

    pub(crate) fn whole(number: i64) -> Self {
        Self::new(number.into(), 1)
    }

    pub(crate) fn plus(self, other: Self) -> Self {
        Self::new(
            self.numerator * other.denominator + other.numerator * self.denominator,
            self.denominator * other.denominator,
        )
    }

    pub(crate) fn times(self, other: Self) -> Self {
        Self::new(
            self.numerator * other.numerator,
            self.denominator * other.denominator,
        )
    }

    pub(crate) fn divided_by(self, other: Self) -> Self {
        Self::new(
            self.numerator * other.denominator,
            self.denominator * other.numerator,
        )
    }

    pub(crate) fn floor(self) -> i64 {
        i64::try_from(self.numerator.div_euclid(self.denominator)).unwrap()
    }

    /// Half away from zero; all amounts of a checkout are positive.
    pub(crate) fn rounded(self) -> i64 {
        assert!(self.numerator >= 0);
        self.plus(Self::new(1, 2)).floor()
    }
}

impl Ord for Ratio {
    fn cmp(&self, other: &Self) -> Ordering {
        (self.numerator * other.denominator).cmp(&(other.numerator * self.denominator))
    }
}

impl PartialOrd for Ratio {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

fn greatest_common_divisor(a: i128, b: i128) -> i128 {
    if b == 0 {
        a
    } else {
        greatest_common_divisor(b, a % b)
    }
}

/// A whole over parts by weight: each gets its share rounded down, and what is left goes by one to the largest fractions,
/// among equals to the earlier part. Without weight all are equal.
pub(crate) fn shares(whole: i64, weights: &[Ratio]) -> Vec<i64> {
    // Over one denominator the weights are whole numbers, and stay within 128 bits.
    let common = weights.iter().fold(1, |common, weight| {
        let divisor = greatest_common_divisor(common, weight.denominator);
        common / divisor * weight.denominator
    });
    let mut weights: Vec<i128> = weights
        .iter()
        .map(|weight| weight.numerator * (common / weight.denominator))
        .collect();
    if weights.iter().all(|weight| *weight == 0) {
        weights.fill(1);
    }
    let total: i128 = weights.iter().sum();
    let products = weights.iter().map(|weight| i128::from(whole) * weight);
    let mut parts = Vec::new();
    let mut fractions = Vec::new();
    for product in products {
        parts.push(i64::try_from(product / total).unwrap());
        fractions.push(product % total);
    }
    for _ in 0..whole - parts.iter().sum::<i64>() {
        let most = (0..parts.len())
            .reduce(|best, part| {
                if fractions[part] > fractions[best] {
                    part
                } else {
                    best
                }
            })
            .unwrap();
        parts[most] += 1;
        fractions[most] = -1;
    }
    parts
}

/// [`shares`] by whole weights.
pub(crate) fn split(whole: i64, weights: &[i64]) -> Vec<i64> {
    let weights: Vec<Ratio> = weights.iter().copied().map(Ratio::whole).collect();
    shares(whole, &weights)
}

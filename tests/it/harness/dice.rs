//! Where random cases come from: a seed, or a tape that proptest writes and shrinks.

use cartwright::domain::money::{Amount, Money};
use proptest::{collection::vec, prelude::*};

use super::shop::{amount, money};

/// Makes choices. The first of several is the simplest, and the one that a tape ends with.
#[derive(Debug, Clone)]
pub(crate) enum Dice {
    /// The generator splitmix64.
    Seeded(u64),
    /// Written beforehand; what comes after it is 0.
    Tape(std::vec::IntoIter<u32>),
}

impl Dice {
    /// Dice that proptest can shrink.
    pub(crate) fn strategy() -> impl Strategy<Value = Self> {
        vec(any::<u32>(), 0..400).prop_map(|tape| Self::Tape(tape.into_iter()))
    }

    pub(crate) fn below(&mut self, end: u32) -> u32 {
        let number = match self {
            Self::Tape(tape) => tape.next().unwrap_or(0),
            Self::Seeded(state) => {
                *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
                let mut mixed = *state;
                mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
                mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
                u32::try_from((mixed ^ (mixed >> 31)) >> 32).unwrap()
            }
        };
        number % end
    }

    pub(crate) fn index(&mut self, length: usize) -> usize {
        let length = u32::try_from(length).unwrap();
        usize::try_from(self.below(length)).unwrap()
    }

    /// Happens once in so many times, at least two.
    pub(crate) fn once_in(&mut self, times: u32) -> bool {
        self.below(times) + 1 == times
    }

    pub(crate) fn pick<T: Clone>(&mut self, from: &[T]) -> T {
        from[self.index(from.len())].clone()
    }

    /// Some of them, by chance.
    pub(crate) fn some<T: Clone>(&mut self, from: &[T]) -> Vec<T> {
        from.iter().filter(|_| self.once_in(2)).cloned().collect()
    }

    /// `make`, once in so many times.
    pub(crate) fn maybe<T>(&mut self, times: u32, make: impl FnOnce(&mut Self) -> T) -> Option<T> {
        self.once_in(times).then(|| make(self))
    }

    /// Minor units: few different values, so that there are ties and remainders.
    pub(crate) fn amount(&mut self) -> Amount {
        amount(self.pick(&[
            100, 0, 1, 2, 3, 5, 7, 10, 33, 50, 99, 100, 101, 250, 333, 500, 999, 1_000, 1_999,
            4_995, 12_345,
        ]))
    }

    pub(crate) fn positive_amount(&mut self) -> Amount {
        Amount::new(self.amount().minor().max(1))
    }

    pub(crate) fn money(&mut self, code: &str) -> Money {
        money(code, self.positive_amount().minor())
    }
}

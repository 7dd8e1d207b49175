//! Balances of gift certificates and store credit: how they change, and what a checkout holds of them.

use chrono::{DateTime, Utc};
use uuid::Uuid;

use super::money::{Amount, Overflow};

/// Why a balance changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EntryKind {
    /// It began with this.
    Issued,
    /// The staff changed it.
    Adjusted,
    /// An order took it: it was created, or paid.
    Redeemed,
    /// An order gave it back, or its reservation lapsed.
    Restored,
}

impl EntryKind {
    /// Every kind.
    pub const ALL: [Self; 4] = [Self::Issued, Self::Adjusted, Self::Redeemed, Self::Restored];

    /// The name, as in the proto without its prefix.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Issued => "ISSUED",
            Self::Adjusted => "ADJUSTED",
            Self::Redeemed => "REDEEMED",
            Self::Restored => "RESTORED",
        }
    }
}

/// A change of a balance, before it is made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// Id of the entry that it will be.
    pub id: Uuid,
    /// Why.
    pub kind: EntryKind,
    /// What is added; negative for what is taken.
    pub amount: Amount,
    /// The order, where it is for one.
    pub order_id: Option<Uuid>,
    /// What the staff wrote.
    pub note: String,
    /// When.
    pub time: DateTime<Utc>,
}

/// A change of a balance that was made. The amounts of all entries sum to the balance.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LedgerEntry {
    /// What was changed.
    pub change: Change,
    /// What was left then.
    pub balance: Amount,
    /// The version that the balance had then.
    pub version: i64,
}

/// How much of a balance a checkout holds, or needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Share {
    /// Id of the balance.
    pub balance_id: Uuid,
    /// How much of it.
    pub amount: Amount,
}

/// A share that becomes another one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Move {
    /// Id of the balance.
    pub balance_id: Uuid,
    /// What the checkout holds of it afterwards.
    pub held: Amount,
    /// What that adds to the balance; negative for what is taken.
    pub amount: Amount,
}

/// What has to move so that a checkout that holds `held` holds what is needed: at least that much, or `exactly`. By the
/// id of the balance, so that no two who move things wait for each other.
pub fn moves(
    held: &[Share],
    needed: &[Share],
    exactly: bool,
) -> std::result::Result<Vec<Move>, Overflow> {
    let of = |shares: &[Share], id| {
        let share = shares.iter().find(|share| share.balance_id == id);
        share.map_or(Amount::ZERO, |share| share.amount)
    };
    let mut ids: Vec<Uuid> = held
        .iter()
        .chain(needed)
        .map(|share| share.balance_id)
        .collect();
    ids.sort_unstable();
    ids.dedup();
    let mut moves = Vec::new();
    for balance_id in ids {
        let (before, after) = (of(held, balance_id), of(needed, balance_id));
        if before == after || (before > after && !exactly) {
            continue;
        }
        moves.push(Move {
            balance_id,
            held: after,
            amount: before.minus(after)?,
        });
    }
    Ok(moves)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shares(amounts: &[(u128, i64)]) -> Vec<Share> {
        let share = |(id, amount): &(u128, i64)| Share {
            balance_id: Uuid::from_u128(*id),
            amount: Amount::new(*amount),
        };
        amounts.iter().map(share).collect()
    }

    fn moved(held: &[(u128, i64)], needed: &[(u128, i64)], exactly: bool) -> Vec<(u128, i64, i64)> {
        let moves = moves(&shares(held), &shares(needed), exactly).unwrap();
        let parts = |m: Move| (m.balance_id.as_u128(), m.held.minor(), m.amount.minor());
        moves.into_iter().map(parts).collect()
    }

    #[test]
    fn only_the_difference_moves_by_the_id_of_the_balance() {
        let needed = [(3, 30), (1, 10), (2, 20)];
        assert_eq!(
            moved(&[(2, 5)], &needed, false),
            [(1, 10, -10), (2, 20, -15), (3, 30, -30)]
        );
        assert_eq!(moved(&needed, &needed, true), []);
    }

    #[test]
    fn what_is_held_beyond_the_need_moves_back_only_when_it_has_to_be_exact() {
        let (held, needed) = ([(1, 10), (2, 20)], [(1, 4)]);
        assert_eq!(moved(&held, &needed, false), []);
        assert_eq!(moved(&held, &needed, true), [(1, 4, 6), (2, 0, 20)]);
        assert_eq!(moved(&held, &[], true), [(1, 0, 10), (2, 0, 20)]);
    }
}

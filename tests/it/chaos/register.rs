//! Whether what callers saw of a version could have been seen of one register, which each write raises by one.

/// What one caller did, between two instants of a clock that all callers share.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Operation {
    pub(crate) invoked: u64,
    /// When the answer was there. An operation without one may still take effect at any time later, or never.
    pub(crate) returned: Option<u64>,
    pub(crate) effect: Effect,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Effect {
    /// It was told that the version is this.
    Saw(i64),
    /// It raised the version to this.
    Wrote(i64),
    /// It raised the version by one and was not told to what.
    Changed,
    /// It raised the version by one, or did nothing.
    Perhaps,
}

/// When a version can have been written.
#[derive(Debug, Clone, Copy)]
struct Window {
    first: u64,
    last: u64,
    /// Some operation is known to have written it.
    claimed: bool,
}

/// Checks that each operation can have taken effect at one instant between its invocation and its answer, one after the
/// other, beginning with version 0.
///
/// Each version is written once, so it is enough to find instants for the writes. Those who saw or wrote a version narrow
/// the time at which it, and the next one, can have been written. The versions that nobody claims go, in ascending order,
/// to the writes that do not know theirs, first to those that had to be done soonest.
pub(crate) fn check(operations: &[Operation]) -> Result<(), String> {
    let mut windows = windows(operations)?;
    for index in (1..windows.len()).rev() {
        windows[index - 1].last = windows[index - 1].last.min(windows[index].last);
    }
    let mut unknown: Vec<_> = operations
        .iter()
        .filter(|it| matches!(it.effect, Effect::Changed | Effect::Perhaps))
        .collect();
    unknown.sort_by_key(|it| it.deadline());

    let highest = highest(operations);
    let mut now = 0;
    for (version, window) in (1_i64..).zip(&windows) {
        // Nobody has seen what comes now; it was written only by those who say so.
        if version > highest && unknown.iter().all(|it| it.effect == Effect::Perhaps) {
            break;
        }
        now = now.max(window.first);
        if !window.claimed {
            let fits = unknown.iter().position(|it| it.invoked <= window.last);
            let index = fits.ok_or_else(|| format!("nobody can have written version {version}"))?;
            let writer = unknown.remove(index);
            now = now.max(writer.invoked);
            if now > writer.deadline() {
                return Err(format!("version {version} comes too late for {writer:?}"));
            }
        }
        if now > window.last {
            return Err(format!(
                "version {version} cannot have been written in time"
            ));
        }
    }
    match unknown.iter().find(|it| it.effect == Effect::Changed) {
        Some(lost) => Err(format!("there is no version for {lost:?}")),
        None => Ok(()),
    }
}

/// The highest version that anybody was told.
fn highest(operations: &[Operation]) -> i64 {
    let told = operations.iter().filter_map(|it| match it.effect {
        Effect::Saw(version) | Effect::Wrote(version) => Some(version),
        Effect::Changed | Effect::Perhaps => None,
    });
    told.max().unwrap_or(0)
}

/// The windows of versions 1 and up, as many as there can be.
fn windows(operations: &[Operation]) -> Result<Vec<Window>, String> {
    let known = usize::try_from(highest(operations)).map_err(|error| error.to_string())?;
    let changes = operations.iter().filter(|it| it.effect == Effect::Changed);
    let open = Window {
        first: 0,
        last: u64::MAX,
        claimed: false,
    };
    let mut windows = vec![open; known + changes.count()];
    for it in operations {
        let (Effect::Saw(version) | Effect::Wrote(version)) = it.effect else {
            continue;
        };
        let index = usize::try_from(version).map_err(|error| error.to_string())?;
        if let Some(next) = windows.get_mut(index) {
            next.first = next.first.max(it.invoked);
        }
        let Some(index) = index.checked_sub(1) else {
            continue;
        };
        let window = &mut windows[index];
        window.last = window.last.min(it.deadline());
        if let Effect::Wrote(_) = it.effect {
            if window.claimed {
                return Err(format!("version {version} was written twice"));
            }
            window.claimed = true;
            window.first = window.first.max(it.invoked);
        }
    }
    Ok(windows)
}

impl Operation {
    /// The last instant at which it can have taken effect.
    fn deadline(&self) -> u64 {
        self.returned.unwrap_or(u64::MAX)
    }
}

#[cfg(test)]
mod tests {
    use proptest::{collection::vec, prelude::*};

    use super::{
        Effect::{Changed, Perhaps, Saw, Wrote},
        *,
    };

    fn did(invoked: u64, returned: u64, effect: Effect) -> Operation {
        Operation {
            invoked,
            returned: Some(returned),
            effect,
        }
    }

    fn lost(invoked: u64) -> Operation {
        Operation {
            invoked,
            returned: None,
            effect: Perhaps,
        }
    }

    #[track_caller]
    fn good(history: &[Operation]) {
        assert_eq!((check(history), by_trying(history)), (Ok(()), true));
    }

    #[track_caller]
    fn bad(history: &[Operation]) {
        assert!(check(history).is_err());
        assert!(!by_trying(history));
    }

    #[test]
    fn histories_of_a_register_are_accepted() {
        good(&[]);
        good(&[did(0, 1, Wrote(1)), did(2, 3, Wrote(2)), did(4, 5, Saw(2))]);
        // At the same time, in either order.
        good(&[did(0, 9, Wrote(2)), did(1, 8, Wrote(1)), did(2, 7, Saw(0))]);
        // What was lost may have been done, and later than it was given up.
        good(&[lost(0), did(1, 2, Saw(0)), did(3, 4, Wrote(2))]);
        good(&[lost(0), did(1, 2, Saw(0)), did(3, 4, Wrote(1))]);
        good(&[did(0, 5, Changed), did(6, 7, Wrote(2))]);
        // Nobody has seen it since.
        good(&[did(0, 1, Wrote(1)), did(2, 3, Changed)]);
        good(&[
            did(0, 1, Wrote(1)),
            lost(2),
            did(3, 4, Wrote(3)),
            did(5, 6, Changed),
        ]);
    }

    #[test]
    fn a_lost_write_is_found() {
        bad(&[did(0, 1, Wrote(1)), did(2, 3, Saw(0))]);
        bad(&[did(0, 1, Wrote(1)), did(2, 3, Wrote(1))]);
        bad(&[did(0, 1, Changed), did(2, 3, Saw(0))]);
        bad(&[did(0, 1, Changed), did(2, 3, Wrote(1))]);
    }

    #[test]
    fn a_version_that_goes_back_is_found() {
        bad(&[
            did(0, 1, Wrote(1)),
            did(2, 9, Wrote(2)),
            did(3, 4, Saw(2)),
            did(5, 6, Saw(1)),
        ]);
    }

    #[test]
    fn a_version_that_nobody_wrote_is_found() {
        bad(&[did(0, 1, Saw(1))]);
        bad(&[did(0, 1, Wrote(2))]);
        bad(&[did(0, 1, Saw(1)), lost(2)]);
        bad(&[lost(0), did(1, 2, Saw(2))]);
    }

    #[test]
    fn a_write_before_its_call_is_found() {
        bad(&[did(0, 1, Saw(1)), did(2, 3, Wrote(1))]);
        bad(&[did(0, 1, Wrote(2)), did(2, 3, Wrote(1))]);
        bad(&[did(0, 1, Wrote(1)), did(2, 3, Wrote(3)), did(4, 5, Changed)]);
    }

    /// Tries all orders.
    fn by_trying(operations: &[Operation]) -> bool {
        fn go_on(left: &[Operation], version: i64) -> bool {
            if left.iter().all(|it| it.effect == Perhaps) {
                return true;
            }
            // Next comes something that no other had to come before.
            let soonest = left.iter().filter(|it| it.effect != Perhaps);
            let soonest = soonest.map(Operation::deadline).min();
            (0..left.len()).any(|index| {
                let it = left[index];
                let mut rest = left.to_vec();
                rest.remove(index);
                let in_time = soonest.is_none_or(|soonest| it.invoked <= soonest);
                let next = match it.effect {
                    Saw(seen) => (seen == version).then_some(version),
                    Wrote(written) => (written == version + 1).then_some(written),
                    Changed | Perhaps => Some(version + 1),
                };
                in_time && next.is_some_and(|next| go_on(&rest, next))
            })
        }
        go_on(operations, 0)
    }

    fn operation() -> impl Strategy<Value = Operation> {
        let version = 0_i64..5;
        let effect = prop_oneof![
            version.clone().prop_map(Saw),
            version.prop_map(|version| Wrote(version + 1)),
            Just(Changed),
            Just(Perhaps),
        ];
        (0_u64..10, 0_u64..6, effect).prop_map(|(invoked, length, effect)| Operation {
            // Of two calls, one may end at the very instant at which the other begins: even ones begin, odd ones end.
            invoked: 2 * invoked,
            returned: (effect != Perhaps).then_some(2 * (invoked + length) + 1),
            effect,
        })
    }

    proptest! {
        #[test]
        fn it_agrees_with_trying_all_orders(history in vec(operation(), 0..7)) {
            prop_assert_eq!(check(&history).is_ok(), by_trying(&history));
        }
    }
}

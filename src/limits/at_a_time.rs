//! Calls of one caller at the same time.

use std::{
    collections::{HashMap, hash_map::Entry},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use super::key::Key;

/// How many calls of each caller are under way. It has no more entries than there are calls.
#[derive(Clone, Default)]
pub(super) struct AtATime(Arc<Mutex<HashMap<Key, u32>>>);

/// One of them, until it is dropped.
pub(super) struct Place {
    of: AtATime,
    key: Key,
}

impl AtATime {
    /// A place for one more call, unless there are so many.
    pub(super) fn enter(&self, key: Key, most: u32) -> Option<Place> {
        let mut calls = self.lock();
        let calls = calls.entry(key).or_default();
        if *calls >= most {
            return None;
        }
        *calls = calls.saturating_add(1);
        let of = self.clone();
        Some(Place { of, key })
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Key, u32>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut calls = self.of.lock();
        if let Entry::Occupied(mut entry) = calls.entry(self.key) {
            match entry.get().checked_sub(1) {
                Some(left) if left > 0 => _ = entry.insert(left),
                _ => _ = entry.remove(),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_given_back_and_nothing_remains() {
        let all = AtATime::default();
        let (one, other) = (Key::of_principal("one"), Key::of_principal("other"));
        let first = all.enter(one, 2).unwrap();
        let second = all.enter(one, 2).unwrap();
        assert!(all.enter(one, 2).is_none());
        let another = all.enter(other, 2).unwrap();
        drop(first);
        let third = all.enter(one, 2).unwrap();
        assert!(all.enter(one, 2).is_none());
        drop((second, third, another));
        assert!(all.lock().is_empty());
    }
}

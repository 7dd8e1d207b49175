//! What waits for slow clients.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use tokio_util::sync::CancellationToken;

/// What waits for slow clients: requests that have not arrived yet, or answers that have not been taken. Beyond a number, or a
/// number of bytes, those give way that have waited longest: a client that is as quick as most is never one of them.
#[derive(Debug, Clone)]
pub struct Waiting(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    most: usize,
    most_bytes: usize,
    line: Mutex<Line>,
}

#[derive(Debug, Default)]
struct Line {
    next: u64,
    bytes: usize,
    places: BTreeMap<u64, Waiter>,
}

#[derive(Debug)]
struct Waiter {
    bytes: usize,
    give_way: CancellationToken,
}

/// A place in the line, until it is dropped.
#[derive(Debug)]
pub struct Place {
    waiting: Waiting,
    number: u64,
}

impl Waiting {
    /// For so many at a time, and so many bytes of all together.
    #[must_use]
    pub fn new(most: usize, most_bytes: usize) -> Self {
        Self(Arc::new(Shared {
            most,
            most_bytes,
            line: Mutex::default(),
        }))
    }

    /// Waits with so many bytes. `give_way` is cancelled when others need the room.
    #[must_use]
    pub fn enter(&self, bytes: usize, give_way: CancellationToken) -> Place {
        let mut line = self.line();
        let number = line.next;
        line.next = number.wrapping_add(1);
        line.bytes = line.bytes.saturating_add(bytes);
        line.places.insert(number, Waiter { bytes, give_way });
        self.make_room(line);
        Place {
            waiting: self.clone(),
            number,
        }
    }

    fn make_room(&self, mut line: MutexGuard<'_, Line>) {
        let Shared {
            most, most_bytes, ..
        } = *self.0;
        while line.places.len() > most || line.bytes > most_bytes {
            let Some((_, oldest)) = line.places.pop_first() else {
                return;
            };
            line.bytes = line.bytes.saturating_sub(oldest.bytes);
            oldest.give_way.cancel();
        }
    }

    fn line(&self) -> MutexGuard<'_, Line> {
        self.0.line.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Place {
    /// Waits with so many bytes more.
    pub fn grow(&self, bytes: usize) {
        let mut line = self.waiting.line();
        let Some(waiter) = line.places.get_mut(&self.number) else {
            return;
        };
        waiter.bytes = waiter.bytes.saturating_add(bytes);
        line.bytes = line.bytes.saturating_add(bytes);
        self.waiting.make_room(line);
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut line = self.waiting.line();
        if let Some(waiter) = line.places.remove(&self.number) {
            line.bytes = line.bytes.saturating_sub(waiter.bytes);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Enters with so many bytes. Answers the place, and what tells whether it has to give way.
    fn enter(waiting: &Waiting, bytes: usize) -> (Place, CancellationToken) {
        let give_way = CancellationToken::new();
        (waiting.enter(bytes, give_way.clone()), give_way)
    }

    #[test]
    fn beyond_the_number_the_oldest_gives_way() {
        let waiting = Waiting::new(2, 100);
        let (_first, first) = enter(&waiting, 1);
        let (second_place, second) = enter(&waiting, 1);
        assert!(!first.is_cancelled());
        let (_third, third) = enter(&waiting, 1);
        assert!(first.is_cancelled());
        drop(second_place);
        let (_fourth, fourth) = enter(&waiting, 1);
        assert!(!second.is_cancelled() && !third.is_cancelled() && !fourth.is_cancelled());
    }

    #[test]
    fn beyond_the_bytes_as_many_give_way_as_it_takes() {
        let waiting = Waiting::new(10, 100);
        let (first_place, first) = enter(&waiting, 40);
        let (_second, second) = enter(&waiting, 40);
        let (third_place, third) = enter(&waiting, 0);
        third_place.grow(20);
        assert!(!first.is_cancelled());
        third_place.grow(40);
        assert!(first.is_cancelled() && !second.is_cancelled() && !third.is_cancelled());
        // Its bytes are counted no more.
        first_place.grow(1_000);
        drop(first_place);
        let (_fourth, _) = enter(&waiting, 30);
        assert!(second.is_cancelled() && !third.is_cancelled());
    }
}

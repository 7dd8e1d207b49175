//! One making of a value at a time, shared by all who ask for it meanwhile.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use tokio::sync::OnceCell;

/// What is being made now, by key. It remembers nothing: that is a cache's part.
pub(super) struct InFlight<T> {
    flights: Mutex<HashMap<String, Flight<T>>>,
}

struct Flight<T> {
    callers: usize,
    value: Arc<OnceCell<T>>,
}

impl<T> Default for InFlight<T> {
    fn default() -> Self {
        Self {
            flights: Mutex::default(),
        }
    }
}

impl<T: Clone> InFlight<T> {
    /// What `make` makes, or what another caller is making for this key already. When that one fails, or goes
    /// away before it is done, the next in line makes it.
    pub(super) async fn get<E>(
        &self,
        key: &str,
        make: impl Future<Output = Result<T, E>>,
    ) -> Result<T, E> {
        let seat = self.join(key);
        seat.value.get_or_try_init(|| make).await.cloned()
    }
}

impl<T> InFlight<T> {
    fn join<'a>(&'a self, key: &'a str) -> Seat<'a, T> {
        let mut flights = self.lock();
        let flight = flights.entry(key.to_owned()).or_insert_with(|| Flight {
            callers: 0,
            value: Arc::default(),
        });
        flight.callers += 1;
        Seat {
            in_flight: self,
            key,
            value: Arc::clone(&flight.value),
        }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<String, Flight<T>>> {
        self.flights.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A caller's part in a flight, given up when dropped, so also when the call is cancelled. The last one out ends it.
struct Seat<'a, T> {
    in_flight: &'a InFlight<T>,
    key: &'a str,
    value: Arc<OnceCell<T>>,
}

impl<T> Drop for Seat<'_, T> {
    fn drop(&mut self) {
        let mut flights = self.in_flight.lock();
        if let Some(flight) = flights.get_mut(self.key) {
            flight.callers -= 1;
            if flight.callers == 0 {
                flights.remove(self.key);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::{future::pending, time::Duration};

    use super::*;

    #[tokio::test]
    async fn a_maker_that_fails_or_goes_away_is_succeeded_and_nothing_is_left_behind() {
        let in_flight = InFlight::<u32>::default();
        let cancelled = tokio::time::timeout(
            Duration::from_millis(20),
            in_flight.get("key", pending::<Result<u32, ()>>()),
        );
        let failing = in_flight.get("key", async { Err(()) });
        let making = in_flight.get("key", async { Ok::<_, ()>(1) });
        let late = in_flight.get("key", async { Ok::<_, ()>(2) });
        let (cancelled, failing, making, late) = tokio::join!(cancelled, failing, making, late);
        assert!(cancelled.is_err());
        assert_eq!(failing, Err(()));
        assert_eq!((making, late), (Ok(1), Ok(1)));
        assert!(in_flight.lock().is_empty());
    }
}

//! The calls of a connection.

use std::{sync::Arc, time::Duration};

use tokio::{
    sync::watch,
    time::{Instant, timeout_at},
};

/// How many calls of a connection are in flight.
#[derive(Debug, Clone, Default)]
pub(super) struct Calls(Arc<watch::Sender<usize>>);

/// A call in flight, until it is dropped.
#[derive(Debug)]
pub(super) struct Call(Calls);

impl Calls {
    pub(super) fn begin(&self) -> Call {
        self.change(|open| open.saturating_add(1));
        Call(self.clone())
    }

    /// Ends when no call has begun by `first`, or later none was in flight for so long.
    pub(super) async fn idle(&self, first: Instant, then: Duration) {
        let mut open = self.0.subscribe();
        let mut until = first;
        loop {
            let none = *open.borrow_and_update() == 0;
            // `self` keeps the sender.
            let changed = async { open.changed().await.is_ok() };
            if !none {
                changed.await;
            } else if timeout_at(until, changed).await.is_err() {
                return;
            }
            until = Instant::now() + then;
        }
    }

    /// Wakes who waits for it only when the first begins or the last ends.
    fn change(&self, change: impl FnOnce(usize) -> usize) {
        self.0.send_if_modified(|open| {
            let before = *open;
            *open = change(before);
            before == 0 || *open == 0
        });
    }
}

impl Drop for Call {
    fn drop(&mut self) {
        self.0.change(|open| open.saturating_sub(1));
    }
}

#[cfg(test)]
mod tests {
    use tokio::time::timeout;

    use super::*;

    const SHORT: Duration = Duration::from_millis(20);

    #[tokio::test]
    async fn a_connection_is_idle_while_no_call_is_in_flight() {
        let calls = Calls::default();
        let never = Duration::from_hours(1);
        calls.idle(Instant::now() + SHORT, never).await;

        let (one, other) = (calls.begin(), calls.begin());
        let mut idle = Box::pin(calls.idle(Instant::now(), SHORT));
        assert!(timeout(SHORT * 3, &mut idle).await.is_err());
        drop(one);
        assert!(timeout(SHORT * 3, &mut idle).await.is_err());
        drop(other);
        idle.await;
    }
}

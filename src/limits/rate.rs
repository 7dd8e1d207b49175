//! Calls of one caller within a window of time.
//!
//! A window begins with the first call and lets a number of them through. Each replica gives a tenth of that away before it
//! tells Redis of any, and asks for a tenth more at a time: so those who call now and then cost Redis nothing, those who call
//! much one command for many calls, and those who are refused nothing until the window ends.

use std::{sync::Arc, time::Duration};

use moka::{future::Cache, policy::EvictionPolicy};
use tokio::{sync::Mutex, time::Instant};

use super::key::Key;
use crate::redis_link::{RedisLink, cmd};

/// How long a window lasts.
pub(super) const WINDOW_SECONDS: u32 = 10;
const WINDOW: Duration = Duration::from_secs(1).saturating_mul(WINDOW_SECONDS);

/// Most callers who are remembered; beyond it, those who have not called for longest are forgotten.
const CALLERS: u64 = 100_000;

/// Begins every key in Redis.
const KEY_PREFIX: &str = "cartwright:calls:v1:";

/// Adds calls to a window, which begins with the first ones. Answers how many there are and how long it lasts.
const ADD: &str = "local calls = redis.call('INCRBY', KEYS[1], ARGV[1])
if redis.call('PTTL', KEYS[1]) < 0 then redis.call('PEXPIRE', KEYS[1], ARGV[2]) end
return {calls, redis.call('PTTL', KEYS[1])}";

/// The windows of all callers.
pub(super) struct Rates {
    windows: Cache<Key, Arc<Mutex<Window>>>,
    redis: Option<RedisLink>,
}

/// What this replica knows of a caller's window, and has to do with it.
struct Window {
    ends: Instant,
    /// Calls it has let through, of those it may let through without asking.
    passed: u32,
    granted: u32,
    /// Calls it has told Redis of, some before they came.
    told: u32,
    /// Nothing more will be granted.
    is_full: bool,
}

impl Rates {
    pub(super) fn new(redis: Option<RedisLink>) -> Self {
        let windows = Cache::builder()
            .max_capacity(CALLERS)
            // A window is forgotten after its end.
            .time_to_idle(WINDOW)
            .eviction_policy(EvictionPolicy::lru())
            .build();
        Self { windows, redis }
    }

    /// Lets a call through, or answers how long there is nothing more to be had. The rate is in calls a second, not 0.
    pub(super) async fn take(&self, key: Key, rate: u32, now: Instant) -> Result<(), Duration> {
        let begin = async { Arc::new(Mutex::new(Window::begin(rate, now))) };
        let window = self.windows.get_with(key, begin).await;
        let mut window = window.lock().await;
        if window.ends <= now {
            *window = Window::begin(rate, now);
        }
        if window.passed >= window.granted && !window.is_full {
            self.ask_for_more(key, rate, now, &mut window).await;
        }
        if window.passed >= window.granted {
            return Err(window.ends.saturating_duration_since(now));
        }
        window.passed = window.passed.saturating_add(1);
        Ok(())
    }

    /// Asks for what is a tenth of the window, as much as comes in a second. Without Redis, this replica has the window for
    /// itself.
    async fn ask_for_more(&self, key: Key, rate: u32, now: Instant, window: &mut Window) {
        let most = rate.saturating_mul(WINDOW_SECONDS);
        let told = window.passed.saturating_add(rate);
        let Some((calls, left)) = self.tell(key, told.saturating_sub(window.told)).await else {
            window.granted = most;
            window.is_full = true;
            return;
        };
        let over = u32::try_from(calls.saturating_sub(most.into())).unwrap_or_default();
        window.told = told;
        window.granted = window.granted.saturating_add(rate.saturating_sub(over));
        window.is_full = over > 0;
        window.ends = now + left.min(WINDOW);
    }

    /// Tells Redis of more calls. Answers how many all replicas have told of, and how long the window lasts; none where there
    /// is no Redis, or it is away.
    async fn tell(&self, key: Key, more: u32) -> Option<(i64, Duration)> {
        let mut add = cmd("EVAL");
        add.arg(ADD).arg(1).arg(format!("{KEY_PREFIX}{key}"));
        add.arg(more).arg(WINDOW_SECONDS.saturating_mul(1_000));
        let answer = self.redis.as_ref()?.ask(&add).await;
        let (calls, left): (i64, u64) = answer.ok()?;
        Some((calls, Duration::from_millis(left)))
    }
}

impl Window {
    fn begin(rate: u32, now: Instant) -> Self {
        Self {
            ends: now + WINDOW,
            passed: 0,
            granted: rate,
            told: 0,
            is_full: false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_window_lets_through_what_it_says_and_the_next_one_again() {
        let rates = Rates::new(None);
        let (one, other) = (Key::of_principal("one"), Key::of_principal("other"));
        let mut now = Instant::now();
        for _ in 0..3 {
            for _ in 0..20 {
                assert_eq!(rates.take(one, 2, now).await, Ok(()));
            }
            now += Duration::from_secs(4);
            let left = Duration::from_secs(6);
            assert_eq!(rates.take(one, 2, now).await, Err(left));
            assert_eq!(rates.take(other, 2, now).await, Ok(()));
            now += left;
        }
    }
}

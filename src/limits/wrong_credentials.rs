//! Addresses from which wrong credentials come.

use std::{
    net::IpAddr,
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
    time::Duration,
};

use moka::{future::Cache, policy::EvictionPolicy};
use tokio::time::Instant;

use super::key::Key;

/// How long a wrong one counts, at most.
const WINDOW: Duration = Duration::from_mins(1);

/// Most addresses that are remembered; beyond it, those that nothing came from for longest are forgotten.
const ADDRESSES: u64 = 100_000;

/// How many wrong credentials came from each address. Each replica counts for itself: to look is to cost nothing.
pub(super) struct WrongCredentials {
    most: u32,
    seen: Cache<Key, Arc<Seen>>,
}

struct Seen {
    since: Instant,
    wrong: AtomicU32,
}

impl WrongCredentials {
    /// So many a minute are taken from an address; 0: any number.
    pub(super) fn new(most: u32) -> Self {
        let seen = Cache::builder()
            .max_capacity(ADDRESSES)
            .time_to_live(WINDOW)
            .eviction_policy(EvictionPolicy::lru())
            .build();
        Self { most, seen }
    }

    pub(super) async fn note(&self, address: IpAddr) {
        let key = Key::of_network(address);
        let begin = async {
            Arc::new(Seen {
                since: Instant::now(),
                wrong: AtomicU32::new(0),
            })
        };
        let seen = self.seen.get_with(key, begin).await;
        seen.wrong.fetch_add(1, Ordering::Relaxed);
    }

    /// Answers how long no more credentials are taken from this address, if too many were wrong.
    pub(super) async fn check(&self, address: IpAddr) -> Result<(), Duration> {
        if self.most == 0 {
            return Ok(());
        }
        match self.seen.get(&Key::of_network(address)).await {
            Some(seen) if seen.wrong.load(Ordering::Relaxed) >= self.most => {
                Err(WINDOW.saturating_sub(seen.since.elapsed()))
            }
            _ => Ok(()),
        }
    }
}

//! The cache in this process.

use std::time::{Duration, Instant};

use chrono::{DateTime, Utc};
use moka::{Expiry, future::Cache};

use super::entry::Entry;

/// Most bytes kept, roughly; beyond it, the entries asked for least give way.
const CAPACITY: u64 = 64 * 1024 * 1024;
/// Bytes of an entry, and of each rate and message, beside its texts.
const ENTRY_BYTES: usize = 512;
const PART_BYTES: usize = 256;

/// Entries by key, each for as long as it is of use.
pub(super) struct MemoryCache(Cache<String, Kept>);

/// An entry, and for how long.
#[derive(Clone)]
struct Kept {
    entry: Entry,
    lifetime: Duration,
}

impl MemoryCache {
    pub(super) fn new() -> Self {
        let cache = Cache::builder()
            .max_capacity(CAPACITY)
            .weigher(|_, kept: &Kept| weight(&kept.entry))
            .expire_after(Lifetime)
            .build();
        Self(cache)
    }

    pub(super) async fn get(&self, key: &str) -> Option<Entry> {
        Some(self.0.get(key).await?.entry)
    }

    /// Keeps an entry that is of use at `now`.
    pub(super) async fn put(&self, key: &str, entry: Entry, now: DateTime<Utc>) {
        self.0.insert(key.to_owned(), Kept::new(entry, now)).await;
    }

    /// What is kept, unless it is `outdated`; else what `make` makes with the time at which it did, which is kept. Of
    /// all who ask at once one makes it, and the others wait.
    pub(super) async fn get_or_make(
        &self,
        key: &str,
        make: impl Future<Output = (Entry, DateTime<Utc>)>,
        outdated: impl Fn(&Entry) -> bool + Send,
    ) -> Entry {
        let make = async {
            let (entry, now) = make.await;
            Kept::new(entry, now)
        };
        let selected = self.0.entry_by_ref(key);
        let kept = selected.or_insert_with_if(make, move |kept| outdated(&kept.entry));
        kept.await.into_value().entry
    }
}

impl Kept {
    fn new(entry: Entry, now: DateTime<Utc>) -> Self {
        let lifetime = entry.lifetime(now).unwrap_or_default();
        Self { entry, lifetime }
    }
}

struct Lifetime;

impl Expiry<String, Kept> for Lifetime {
    fn expire_after_create(&self, _: &String, kept: &Kept, _: Instant) -> Option<Duration> {
        Some(kept.lifetime)
    }

    fn expire_after_update(
        &self,
        _: &String,
        kept: &Kept,
        _: Instant,
        _: Option<Duration>,
    ) -> Option<Duration> {
        Some(kept.lifetime)
    }
}

/// The bytes of an entry, roughly.
fn weight(entry: &Entry) -> u32 {
    let mut bytes = ENTRY_BYTES;
    if let Entry::Answered(answer) = entry {
        for rate in &answer.rates {
            for text in [
                &rate.code,
                &rate.display_name,
                &rate.description,
                &rate.image_url,
                &rate.rate_id,
            ] {
                bytes = bytes.saturating_add(text.len());
            }
            bytes = bytes.saturating_add(PART_BYTES);
        }
        for message in &answer.messages {
            bytes = bytes.saturating_add(message.text.len());
            bytes = bytes.saturating_add(PART_BYTES);
        }
    }
    u32::try_from(bytes).unwrap_or(u32::MAX)
}

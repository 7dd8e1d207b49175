//! The cache in this process.

use std::time::Duration;

use moka::future::Cache;

use super::{Answer, QuoteCache};
use crate::domain::shipping::Quote;

/// Most options and messages kept, some tens of megabytes; beyond it, those asked for least give way.
const CAPACITY: u64 = 100_000;

/// Quotes by key, for a time to live.
pub(super) struct MemoryCache(Cache<String, Quote>);

impl MemoryCache {
    pub(super) fn new(ttl: Duration) -> Self {
        let cache = Cache::builder()
            .max_capacity(CAPACITY)
            .weigher(|_, quote| weight(quote))
            .time_to_live(ttl)
            .build();
        Self(cache)
    }
}

impl QuoteCache for MemoryCache {
    fn get<'a>(&'a self, key: &'a str) -> Answer<'a, Option<Quote>> {
        Box::pin(self.0.get(key))
    }

    fn put<'a>(&'a self, key: &'a str, quote: &'a Quote) -> Answer<'a, ()> {
        Box::pin(self.0.insert(key.to_owned(), quote.clone()))
    }

    fn system(&self) -> (&'static str, &'static str) {
        ("memory", "internal")
    }
}

/// One for the entry, one for each option and message.
fn weight(quote: &Quote) -> u32 {
    let parts = quote.options.len().saturating_add(quote.messages.len());
    u32::try_from(parts).unwrap_or(u32::MAX).saturating_add(1)
}

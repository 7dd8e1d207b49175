//! Rating: what is offered for a consignment, with a cache in front.
//!
//! A quote depends on the settings of the store and on the normalized [`RateRequest`], nothing else, so equal
//! baskets to one place share it across checkouts and, with Redis, across replicas. The cache can only save
//! work: whatever becomes of it, the answer is the same.

mod in_flight;
mod memory;
mod redis;

use std::{
    fmt::Write as _,
    pin::Pin,
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use chrono::{DateTime, TimeDelta, Utc};
use secrecy::SecretString;
use sha2::{Digest as _, Sha256};
use tracing::{Instrument as _, Span, field::Empty, info_span};

pub use ::redis::RedisError;

use self::{in_flight::InFlight, memory::MemoryCache, redis::RedisCache};
use crate::domain::{
    reason::Result,
    shipping::{self, Quote, RateRequest},
    store::Store,
};

/// How long a quote holds, unless set otherwise.
pub const DEFAULT_TTL: Duration = Duration::from_mins(10);

/// Begins every key. Its version is raised when the cached form of a quote changes, or how it comes about: then
/// replicas of two releases do not read each other's.
const KEY_PREFIX: &str = "cartwright:quote:v1:";

/// Rates consignments, each equal one once as long as its quote holds. One for the whole process.
pub struct Quotes {
    cache: Box<dyn QuoteCache>,
    in_flight: InFlight<Quote>,
    ttl: Duration,
    /// Version and hash of the settings last seen.
    settings: Mutex<Option<(i64, [u8; 32])>>,
    ratings: AtomicU64,
}

impl Quotes {
    /// Quotes that are kept in this process for `ttl`.
    #[must_use]
    pub fn in_process(ttl: Duration) -> Self {
        Self::new(Box::new(MemoryCache::new(ttl)), ttl)
    }

    /// Quotes that are kept in the Redis at `url` for `ttl`, at least a millisecond, and shared with whoever uses
    /// the same one. It is connected to when first needed, and may come and go: only a malformed URL is an error.
    pub fn redis(url: &SecretString, ttl: Duration) -> ::redis::RedisResult<Self> {
        Ok(Self::new(Box::new(RedisCache::new(url, ttl)?), ttl))
    }

    fn new(cache: Box<dyn QuoteCache>, ttl: Duration) -> Self {
        Self {
            cache,
            in_flight: InFlight::default(),
            ttl,
            settings: Mutex::default(),
            ratings: AtomicU64::default(),
        }
    }

    /// What is offered for `request`, from the cache or rated now. Many who ask for the same at once share one look
    /// into the cache and one rating. Refused, and not cached, when an amount overflows.
    pub async fn quote(
        &self,
        store: &Store,
        request: &RateRequest,
        now: DateTime<Utc>,
    ) -> Result<Quote> {
        // What has no key cannot be cached, but it can be rated.
        let Some(key) = self.key(store, request) else {
            return self.rate(store, request, now);
        };
        let find = async {
            if let Some(quote) = self.cached(&key, now).await {
                return Ok(quote);
            }
            let quote = self.rate(store, request, now)?;
            self.keep(&key, &quote).await;
            Ok(quote)
        };
        self.in_flight.get(&key, find).await
    }

    /// How many times a consignment was really rated.
    #[must_use]
    pub fn ratings(&self) -> u64 {
        self.ratings.load(Ordering::Relaxed)
    }

    fn rate(&self, store: &Store, request: &RateRequest, now: DateTime<Utc>) -> Result<Quote> {
        let _span = info_span!("quotes.rate").entered();
        self.ratings.fetch_add(1, Ordering::Relaxed);
        let mut quote = shipping::rate(store, request)?;
        let ttl = TimeDelta::from_std(self.ttl).ok();
        let expire_time = ttl.and_then(|ttl| now.checked_add_signed(ttl));
        for option in &mut quote.options {
            option.expire_time = expire_time;
        }
        Ok(quote)
    }

    async fn cached(&self, key: &str, now: DateTime<Utc>) -> Option<Quote> {
        let (system, kind) = self.cache.system();
        let span = info_span!(
            "cache.get",
            otel.kind = kind,
            db.system.name = system,
            hit = Empty
        );
        let get = async {
            // The caches keep time themselves; yet what an option says of itself is never exceeded.
            let quote = self.cache.get(key).await.filter(|quote| holds(quote, now));
            Span::current().record("hit", quote.is_some());
            quote
        };
        get.instrument(span).await
    }

    async fn keep(&self, key: &str, quote: &Quote) {
        let (system, kind) = self.cache.system();
        let span = info_span!("cache.put", otel.kind = kind, db.system.name = system);
        self.cache.put(key, quote).instrument(span).await;
    }

    /// A hash of all that a quote depends on, which tells nothing of a shopper. The version of the settings alone
    /// would not do: another shop, or this one restored from a backup, may use the same Redis.
    fn key(&self, store: &Store, request: &RateRequest) -> Option<String> {
        let request = serde_json::to_vec(request).ok()?;
        let hash = Sha256::new()
            .chain_update(self.settings_hash(store)?)
            .chain_update(request)
            .finalize();
        let mut key = KEY_PREFIX.to_owned();
        for byte in hash {
            write!(key, "{byte:02x}").ok()?;
        }
        Some(key)
    }

    /// Hash of the whole store document, so that no setting can be forgotten; made once per version of it.
    fn settings_hash(&self, store: &Store) -> Option<[u8; 32]> {
        let mut last = self.settings.lock().unwrap_or_else(PoisonError::into_inner);
        match *last {
            Some((version, hash)) if version == store.version => Some(hash),
            _ => {
                let hash = Sha256::digest(serde_json::to_vec(store).ok()?).into();
                *last = Some((store.version, hash));
                Some(hash)
            }
        }
    }
}

/// Whether every option can still be had.
fn holds(quote: &Quote, now: DateTime<Utc>) -> bool {
    let mut options = quote.options.iter();
    options.all(|option| {
        option
            .expire_time
            .is_none_or(|expire_time| now < expire_time)
    })
}

/// What a cache answers.
type Answer<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// Where quotes are kept, for a time to live. A cache never fails: what it cannot find or read is not there.
trait QuoteCache: Send + Sync {
    /// The quote with this key, if it is there.
    fn get<'a>(&'a self, key: &'a str) -> Answer<'a, Option<Quote>>;

    /// Keeps a quote.
    fn put<'a>(&'a self, key: &'a str, quote: &'a Quote) -> Answer<'a, ()>;

    /// Name of the system and kind of a span that asks it, in the words of OpenTelemetry.
    fn system(&self) -> (&'static str, &'static str);
}

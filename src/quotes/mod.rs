//! Rating: what is offered for a consignment, by the store's own methods and by carriers.
//!
//! The store's own methods are worked out each time, which costs less than to look them up. What carriers answer is
//! cached: it depends on the carrier's settings and on the normalized [`RateRequest`], nothing else, so equal baskets
//! to one place share it across checkouts and, with Redis, across replicas. The cache can only save work: whatever
//! becomes of it, the answer is the same.

mod answers;
mod carrier;
mod entry;
mod memory;
mod redis_cache;

use std::{fmt::Write as _, sync::Arc, time::Duration};

use chrono::{DateTime, TimeDelta, Utc};
use secrecy::SecretString;
use sha2::{Digest as _, Sha256};
use tokio::time::Instant;
use tracing::instrument;
use uuid::Uuid;

pub use self::answers::Background;
use self::{
    answers::{Answers, Clock, Pending, Question},
    carrier::CarrierRequest,
    redis_cache::RedisCache,
};
use crate::{
    domain::{
        carrier::Asked,
        rating,
        reason::Result,
        shipping::{Quote, RateRequest},
        store::Store,
    },
    redis_link::RedisResult,
};

/// Begins every key. Its version is raised when the cached form of an answer changes, or how it comes about: then
/// replicas of two releases do not read each other's.
const KEY_PREFIX: &str = "cartwright:rates:v1:";

/// Consignments that are rated side by side; the carriers of each are, too.
const SIDE_BY_SIDE: usize = 8;

/// How new a quote has to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Freshness {
    /// It may have expired a moment ago, to be shown: a carrier's new one is fetched meanwhile.
    Recent,
    /// It holds now, to be chosen or paid for.
    Current,
}

/// A consignment to rate.
#[derive(Debug, Clone, Default)]
pub struct Wanted {
    /// What is asked; nothing is offered without.
    pub request: Option<RateRequest>,
    /// The one option that matters: carriers without a part in it are not asked, and what they offer is left out. None:
    /// all options.
    pub option_id: Option<String>,
}

/// How to rate.
#[derive(Debug, Clone)]
pub struct Settings {
    /// How long a quote of the store's own methods holds.
    pub ttl: Duration,
    /// Longest wait for all carriers together. Those that have not answered by then are left out.
    pub timeout: Duration,
    /// The Redis in which answers of carriers are kept and shared with whoever uses the same one,
    /// `redis://USER:PASSWORD@HOST:PORT` or `redis-cluster://USER:PASSWORD@HOST:PORT,HOST:PORT`; none to keep them in
    /// this process only. It is connected to when first needed, and may come and go.
    pub redis_url: Option<SecretString>,
    /// An id that tells this process from others that use the same Redis.
    pub replica: Uuid,
}

/// Rates consignments. One for the whole process.
pub struct Quotes {
    answers: Arc<Answers>,
    ttl: Duration,
    timeout: Duration,
}

/// The carriers of a consignment that are being asked, by id.
type Asking = Vec<(String, Pending)>;

impl Quotes {
    /// Only a malformed URL is an error. Carriers are asked in the background tasks.
    pub fn new(settings: &Settings, background: Background) -> RedisResult<Self> {
        let redis = settings.redis_url.as_ref();
        let redis = redis.map(|url| RedisCache::new(url, settings.replica));
        Ok(Self {
            answers: Arc::new(Answers::new(redis.transpose()?, background)),
            ttl: settings.ttl,
            timeout: settings.timeout,
        })
    }

    /// What is offered for a consignment. Carriers are asked side by side; one that fails costs its own options only.
    /// Refused when an amount overflows.
    pub async fn quote(
        &self,
        store: &Store,
        wanted: Wanted,
        freshness: Freshness,
        now: DateTime<Utc>,
    ) -> Result<Quote> {
        let quotes = self.quote_all(store, &[wanted], freshness, now).await?;
        Ok(quotes.into_iter().next().unwrap_or_default())
    }

    /// The same for several consignments, in their order.
    #[instrument(name = "quotes.rate", skip_all)]
    pub async fn quote_all(
        &self,
        store: &Store,
        wanted: &[Wanted],
        freshness: Freshness,
        now: DateTime<Utc>,
    ) -> Result<Vec<Quote>> {
        let deadline = Instant::now() + self.timeout;
        let clock = Clock::at(now);
        let mut quotes = Vec::with_capacity(wanted.len());
        for wanted in wanted.chunks(SIDE_BY_SIDE) {
            let mut begun = Vec::with_capacity(wanted.len());
            for Wanted { request, option_id } in wanted {
                let option_id = option_id.as_deref();
                let asking = match request {
                    Some(request) => self.ask(store, request, option_id, freshness, clock).await,
                    None => Asking::new(),
                };
                begun.push((request, asking));
            }
            for (request, asking) in begun {
                let asked = answered(asking, deadline).await;
                quotes.push(match request {
                    Some(request) => self.offer(store, request, &asked, now)?,
                    None => Quote::default(),
                });
            }
        }
        Ok(quotes)
    }

    /// Begins to ask the carriers of a consignment.
    async fn ask(
        &self,
        store: &Store,
        request: &RateRequest,
        option_id: Option<&str>,
        freshness: Freshness,
        clock: Clock,
    ) -> Asking {
        let mut asking = Asking::new();
        for (carrier, zone_options) in rating::carriers(store, request, option_id) {
            let request = CarrierRequest::new(carrier, &store.name, zone_options, request);
            let pending = match key(&request) {
                Ok(key) => {
                    let question = Question {
                        request,
                        key,
                        freshness,
                        clock,
                    };
                    self.answers.begin(question).await
                }
                Err(error) => Pending::Ready(Err(format!("cannot be asked: {error}"))),
            };
            asking.push((carrier.id.clone(), pending));
        }
        asking
    }

    fn offer(
        &self,
        store: &Store,
        request: &RateRequest,
        asked: &[Asked],
        now: DateTime<Utc>,
    ) -> Result<Quote> {
        let mut quote = rating::quote(store, request, asked)?;
        let ttl = TimeDelta::from_std(self.ttl).ok();
        let expire_time = ttl.and_then(|ttl| now.checked_add_signed(ttl));
        for option in &mut quote.options {
            option.expire_time = option.expire_time.or(expire_time);
        }
        Ok(quote)
    }
}

async fn answered(asking: Asking, deadline: Instant) -> Vec<Asked> {
    let mut asked = Vec::with_capacity(asking.len());
    for (carrier_id, pending) in asking {
        asked.push(Asked {
            carrier_id,
            result: pending.by(deadline).await,
        });
    }
    asked
}

/// A hash of all that an answer depends on, which tells nothing of a shopper.
fn key(request: &CarrierRequest) -> serde_json::Result<String> {
    let mut key = KEY_PREFIX.to_owned();
    for byte in Sha256::digest(serde_json::to_vec(request)?) {
        // Writing to a string cannot fail.
        let _ = write!(key, "{byte:02x}");
    }
    Ok(key)
}

//! Codes that shoppers try, kept for each customer or else session: in Redis, which replicas share, or in this process.

use std::{sync::Arc, time::Duration};

use chrono::{DateTime, Utc};
use moka::{future::Cache, policy::EvictionPolicy};
use secrecy::SecretString;
use tokio::sync::Mutex;

use super::{Refused, key::Key, metrics::Metrics};
use crate::{
    domain::{
        caller::Session,
        code_tries::{CodeKind, CodeTries, MAX_GIFT_CERTIFICATE_CODES, MEMORY, TooMany},
        coupon, gift_certificate,
    },
    redis_link::{NoAnswer, RedisLink, RedisResult, cmd},
};

/// Most shoppers whose tries are remembered in this process; beyond it, those who have not tried for longest are forgotten.
const SHOPPERS: u64 = 20_000;

/// Begins every key in Redis.
const KEY_PREFIX: &str = "cartwright:codes:v1:";

/// How often it is decided again because another replica was first.
const ATTEMPTS: u32 = 16;

/// Writes tries that follow from what was read, unless somebody has written since.
const REPLACE: &str = "if (redis.call('GET', KEYS[1]) or '') ~= ARGV[1] then return 0 end
redis.call('SET', KEYS[1], ARGV[2], 'PX', ARGV[3])
return 1";

/// The codes that shoppers try. One for the whole process.
pub struct Codes {
    /// As they were when this process last saw them.
    known: Cache<Key, Arc<Mutex<CodeTries>>>,
    redis: Option<RedisLink>,
    metrics: Metrics,
}

/// A try of a code that was let through.
#[derive(Debug)]
pub struct Attempt {
    shopper: Key,
    kind: CodeKind,
    code: u64,
}

impl Codes {
    /// Kept in the Redis at this URL, as [`RedisLink::new`] takes it; none: in this process. Only a malformed one is an error.
    pub fn new(redis_url: Option<&SecretString>) -> RedisResult<Self> {
        let redis = redis_url.map(|url| RedisLink::new(url, "the limits of codes"));
        let known = Cache::builder()
            .max_capacity(SHOPPERS)
            .time_to_idle(memory())
            .eviction_policy(EvictionPolicy::lru())
            .build();
        Ok(Self {
            known,
            redis: redis.transpose()?,
            metrics: Metrics::new(),
        })
    }

    /// Lets a shopper try a code, unless there were too many. What becomes of it is to be told.
    pub async fn begin(
        &self,
        session: &Session,
        kind: CodeKind,
        code: &str,
        now: DateTime<Utc>,
    ) -> Result<Attempt, Refused> {
        let shopper = Key::of_shopper(session);
        let normalized = match kind {
            CodeKind::Coupon => coupon::normalized(code),
            CodeKind::GiftCertificate => gift_certificate::normalized(code),
        };
        let code = shopper.hash(&format!("{} {normalized}", kind.name()));
        let begun = self
            .change(shopper, |tries| tries.begin(kind, code, now))
            .await;
        begun.map_err(|too_many| self.refused(too_many))?;
        Ok(Attempt {
            shopper,
            kind,
            code,
        })
    }

    /// There is no such code.
    pub fn was_wrong(&self, attempt: &Attempt) {
        self.metrics.wrong(attempt.kind);
    }

    /// There is such a code, or nobody could find out.
    pub async fn was_not_wrong(&self, attempt: &Attempt) {
        self.change(attempt.shopper, |tries| tries.was_right(attempt.code))
            .await;
    }

    fn refused(&self, too_many: TooMany) -> Refused {
        let (limit, name, wait) = match too_many {
            TooMany::WrongCoupons(wait) => ("wrong coupon codes".to_owned(), "wrong_coupons", wait),
            TooMany::GiftCertificateCodes(wait) => {
                let limit = format!(
                    "{MAX_GIFT_CERTIFICATE_CODES} different gift certificate codes an hour"
                );
                (limit, "gift_certificate_codes", wait)
            }
        };
        self.metrics.limited(name);
        let retry = wait.to_std().unwrap_or_default();
        Refused { limit, retry }
    }

    /// Changes a shopper's tries, where they are kept. While Redis is away this replica goes on with what it knows.
    async fn change<T>(&self, shopper: Key, change: impl Fn(&mut CodeTries) -> T) -> T {
        let known = self.known.get_with(shopper, async { Arc::default() }).await;
        let mut known = known.lock().await;
        if let Some(redis) = &self.redis {
            for _ in 0..ATTEMPTS {
                match change_shared(redis, shopper, &mut known, &change).await {
                    Ok(Some(answer)) => return answer,
                    Ok(None) => {}
                    Err(_) => break,
                }
            }
        }
        change(&mut known)
    }
}

/// Changes tries as they are in Redis; none where another replica was first. What is not there, or cannot be read, is as it
/// was known.
async fn change_shared<T>(
    redis: &RedisLink,
    shopper: Key,
    known: &mut CodeTries,
    change: impl Fn(&mut CodeTries) -> T,
) -> Result<Option<T>, NoAnswer> {
    let key = format!("{KEY_PREFIX}{shopper}");
    let found: Option<Vec<u8>> = redis.ask(cmd("GET").arg(&key)).await?;
    let found = found.unwrap_or_default();
    let mut tries = serde_json::from_slice(&found).unwrap_or_else(|_| known.clone());
    let answer = change(&mut tries);
    let Ok(json) = serde_json::to_vec(&tries) else {
        return Ok(None);
    };
    if json != found {
        let lifetime = u64::try_from(memory().as_millis()).unwrap_or(u64::MAX);
        let mut replace = cmd("EVAL");
        replace.arg(REPLACE).arg(1).arg(key);
        replace.arg(found).arg(json).arg(lifetime);
        let is_replaced: bool = redis.ask(&replace).await?;
        if !is_replaced {
            return Ok(None);
        }
    }
    *known = tries;
    Ok(Some(answer))
}

fn memory() -> Duration {
    MEMORY.to_std().unwrap_or_default()
}

//! The cache in Redis, which replicas share, and their locks. Redis may be slow, empty or away at any moment: then it
//! is a cache that has nothing, and a lock that everybody gets.

use std::{
    sync::atomic::{AtomicU64, Ordering},
    time::Duration,
};

use chrono::{DateTime, Utc};
use secrecy::SecretString;
use tracing::{Instrument as _, Span, field::Empty, info_span};
use uuid::Uuid;

use super::entry::Entry;
use crate::redis_link::{Cmd, FromRedisValue, RedisLink, RedisResult, cmd};

/// Removes a lock unless it is somebody else's by now.
const UNLOCK: &str =
    "if redis.call('GET', KEYS[1]) == ARGV[1] then return redis.call('DEL', KEYS[1]) end return 0";

/// Entries by key, as JSON, each for as long as it is of use.
pub(super) struct RedisCache {
    redis: RedisLink,
    /// What this replica's locks hold: its own id and a number for each.
    replica: Uuid,
    locks: AtomicU64,
}

/// What came of trying to get a lock.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Lock {
    /// It is ours, and holds this.
    Ours(String),
    /// Somebody else has it.
    Taken,
    /// Redis is away.
    Away,
}

impl RedisCache {
    /// The Redis at this URL. Only a malformed one is an error.
    pub(super) fn new(url: &SecretString, replica: Uuid) -> RedisResult<Self> {
        Ok(Self {
            redis: RedisLink::new(url, "the quote cache")?,
            replica,
            locks: AtomicU64::default(),
        })
    }

    /// The entry with this key, if it is there and can be read.
    pub(super) async fn get(&self, key: &str) -> Option<Entry> {
        let span = info_span!(
            "cache.get",
            otel.kind = "client",
            db.system.name = "redis",
            hit = Empty
        );
        let get = async {
            let json: Option<Option<Vec<u8>>> = self.ask(cmd("GET").arg(key)).await;
            let entry = json
                .flatten()
                .and_then(|json| serde_json::from_slice(&json).ok());
            Span::current().record("hit", entry.is_some());
            entry
        };
        get.instrument(span).await
    }

    /// Keeps an entry for as long as it is of use.
    pub(super) async fn put(&self, key: &str, entry: &Entry, now: DateTime<Utc>) {
        let (Some(lifetime), Ok(json)) = (entry.lifetime(now), serde_json::to_vec(entry)) else {
            return;
        };
        let span = info_span!("cache.put", otel.kind = "client", db.system.name = "redis");
        let mut set = cmd("SET");
        set.arg(key).arg(json).arg("PX").arg(millis(lifetime));
        self.ask::<()>(&set).instrument(span).await;
    }

    /// Tries to be the one on all replicas that makes the entry with this key, for this long at most.
    pub(super) async fn lock(&self, key: &str, lifetime: Duration) -> Lock {
        let number = self.locks.fetch_add(1, Ordering::Relaxed);
        let token = format!("{}-{number}", self.replica);
        let mut set = cmd("SET");
        set.arg(lock_key(key)).arg(&token);
        set.arg("NX").arg("PX").arg(millis(lifetime));
        match self.ask::<Option<String>>(&set).await {
            Some(Some(_)) => Lock::Ours(token),
            Some(None) => Lock::Taken,
            None => Lock::Away,
        }
    }

    /// Gives a lock back, if it is ours.
    pub(super) async fn unlock(&self, key: &str, lock: Lock) {
        if let Lock::Ours(token) = lock {
            let mut unlock = cmd("EVAL");
            unlock.arg(UNLOCK).arg(1).arg(lock_key(key)).arg(token);
            self.ask::<i64>(&unlock).await;
        }
    }

    /// What Redis answers; none when it does not.
    async fn ask<T: FromRedisValue>(&self, command: &Cmd) -> Option<T> {
        self.redis.ask(command).await.ok()
    }
}

fn lock_key(key: &str) -> String {
    format!("{key}:lock")
}

fn millis(time: Duration) -> u64 {
    // Redis refuses 0.
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX).max(1)
}

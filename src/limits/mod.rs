//! How much one caller may do: calls a second and at a time, wrong credentials, and codes that are tried.
//!
//! Replicas share what is counted in Redis. Where there is none, or it is away, each counts for itself. All that is
//! remembered has a bound, and holds hashes of callers and codes only.

mod at_a_time;
mod codes;
mod key;
mod metrics;
mod rate;
mod wrong_credentials;

use std::{net::IpAddr, time::Duration};

use secrecy::SecretString;
use tokio::time::Instant;

pub use self::codes::{Attempt, Codes};
use self::{
    at_a_time::{AtATime, Place},
    key::Key,
    metrics::Metrics,
    rate::{Rates, WINDOW_SECONDS},
    wrong_credentials::WrongCredentials,
};
use crate::{
    domain::caller::Caller,
    redis_link::{RedisLink, RedisResult},
};

/// Calls at a time of a shopper's session, and of an address from which calls come without credentials.
const SESSION_CALLS: u32 = 16;
/// When to try again after too many calls at a time.
const RETRY_AT_A_TIME: Duration = Duration::from_secs(1);

/// How far callers may go.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Calls a second of a service of the shop; 0: any number.
    pub token_rate: u32,
    /// Calls a second of a shopper's session, and of an address from which calls come without credentials; 0: any number.
    pub session_rate: u32,
    /// Calls at a time of a service of the shop.
    pub token_calls: u32,
    /// Wrong credentials a minute from one address; 0: any number.
    pub wrong_credentials: u32,
    /// The Redis in which replicas count together, as [`RedisLink::new`] takes it; none: each counts for itself. It is
    /// connected to when first needed, and may come and go.
    pub redis_url: Option<SecretString>,
}

/// The limits of all callers. One for the whole process.
pub struct Limits {
    settings: Settings,
    rates: Rates,
    calls: AtATime,
    wrong_credentials: WrongCredentials,
    metrics: Metrics,
}

/// A call that is within its caller's limits. To be kept for as long as the call lasts.
#[derive(Default)]
#[must_use]
pub struct Admission {
    _place: Option<Place>,
}

/// The caller has gone too far.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refused {
    /// What is limited, and how far: `200 calls in 10 seconds`.
    pub limit: String,
    /// After what time more is let through.
    pub retry: Duration,
}

/// What one kind of caller may do.
struct Allowed {
    /// The name of the limit in metrics.
    name: &'static str,
    key: Key,
    /// Calls a second; 0: any number.
    rate: u32,
    at_a_time: u32,
}

impl Limits {
    /// Only a malformed URL is an error.
    pub fn new(settings: Settings) -> RedisResult<Self> {
        let redis = settings.redis_url.as_ref();
        let redis = redis.map(|url| RedisLink::new(url, "the limits of calls"));
        Ok(Self {
            rates: Rates::new(redis.transpose()?),
            calls: AtATime::default(),
            wrong_credentials: WrongCredentials::new(settings.wrong_credentials),
            metrics: Metrics::new(),
            settings,
        })
    }

    /// Lets a call of this caller begin, unless it is one too many. Who has no credentials ([`Caller::nobody`]) is known by
    /// the address. [`Caller::Trusted`] has no limits.
    pub async fn admit(&self, who: &Caller, peer: Option<IpAddr>) -> Result<Admission, Refused> {
        let Some(allowed) = self.allowed(who, peer) else {
            return Ok(Admission::default());
        };
        let Some(place) = self.calls.enter(allowed.key, allowed.at_a_time) else {
            let limit = format!("{} calls at a time", allowed.at_a_time);
            return Err(self.refused("calls_at_a_time", limit, RETRY_AT_A_TIME));
        };
        if allowed.rate > 0 {
            let taken = self.rates.take(allowed.key, allowed.rate, Instant::now());
            taken.await.map_err(|retry| {
                let calls = allowed.rate.saturating_mul(WINDOW_SECONDS);
                let limit = format!("{calls} calls in {WINDOW_SECONDS} seconds");
                self.refused(allowed.name, limit, retry)
            })?;
        }
        Ok(Admission {
            _place: Some(place),
        })
    }

    /// Notes that credentials from this address were wrong.
    pub async fn note_wrong_credentials(&self, peer: IpAddr) {
        self.wrong_credentials.note(peer).await;
    }

    /// Refuses an address from which too many wrong credentials came, before the next ones are looked at.
    pub async fn check_address(&self, peer: IpAddr) -> Result<(), Refused> {
        let checked = self.wrong_credentials.check(peer).await;
        checked.map_err(|retry| {
            let most = self.settings.wrong_credentials;
            let limit = format!("{most} wrong credentials a minute");
            self.refused("wrong_credentials", limit, retry)
        })
    }

    fn allowed(&self, who: &Caller, peer: Option<IpAddr>) -> Option<Allowed> {
        let settings = &self.settings;
        let shopper = |name, key| Allowed {
            name,
            key,
            rate: settings.session_rate,
            at_a_time: SESSION_CALLS,
        };
        match who {
            Caller::Trusted => None,
            Caller::Management(principal) => Some(Allowed {
                name: "token_rate",
                key: Key::of_principal(&principal.id),
                rate: settings.token_rate,
                at_a_time: settings.token_calls,
            }),
            Caller::Storefront(_) if who.is_nobody() => {
                let key = peer.map_or_else(Key::of_nobody, Key::of_network);
                Some(shopper("address_rate", key))
            }
            Caller::Storefront(session) => Some(shopper("session_rate", Key::of_session(session))),
        }
    }

    fn refused(&self, name: &'static str, limit: String, retry: Duration) -> Refused {
        self.metrics.limited(name);
        Refused { limit, retry }
    }
}

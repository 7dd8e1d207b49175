//! Publishing events to a stream in Redis, from where any number of consumers read them.
//!
//! One replica at a time does so: it holds the lead, a key beside the stream that lapses unless it is renewed. Lead and
//! stream are looked at in one step, so that who has lost the one adds nothing to the other.

use std::time::Duration;

use secrecy::SecretString;
use uuid::Uuid;

use crate::redis_link::{NoAnswer, RedisLink, RedisResult, cmd};

/// How long the lead lasts without being renewed: so long nothing is published after a leader has died.
const LEAD: Duration = Duration::from_secs(10);

/// Takes or renews the lead, unless somebody else has it, and then adds the events.
const APPEND: &str = "local leader = redis.call('GET', KEYS[2])
if leader and leader ~= ARGV[1] then return 0 end
redis.call('SET', KEYS[2], ARGV[1], 'PX', ARGV[2])
for i = 5, #ARGV do
    redis.call('XADD', KEYS[1], 'MAXLEN', '~', ARGV[3], '*', 'content-type', ARGV[4], 'event', ARGV[i])
end
return 1";

/// Leaves the lead to others.
const RESIGN: &str =
    "if redis.call('GET', KEYS[1]) == ARGV[1] then return redis.call('DEL', KEYS[1]) end return 0";

/// How an event is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EventFormat {
    /// As a `CloudEvent` in JSON.
    Json,
    /// As a `CloudEvent` in Protocol Buffers.
    Protobuf,
}

impl EventFormat {
    /// What entries of the stream say of it: the media type of a `CloudEvent` in structured mode.
    #[must_use]
    pub const fn content_type(self) -> &'static str {
        match self {
            Self::Json => "application/cloudevents+json",
            Self::Protobuf => "application/cloudevents+protobuf",
        }
    }
}

/// Where to publish, and how.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The Redis, as [`RedisLink::new`] takes it.
    pub redis_url: SecretString,
    /// Key of the stream: letters, digits and `.:_-`.
    pub stream: String,
    /// About how many entries the stream keeps; older ones are trimmed.
    pub max_length: u32,
    /// How events are written.
    pub format: EventFormat,
    /// An id that tells this process from others that publish to the same stream.
    pub replica: Uuid,
}

/// A stream in Redis.
pub struct Publisher {
    redis: RedisLink,
    settings: Settings,
    lead: String,
}

impl Publisher {
    /// Only a malformed URL is an error.
    pub fn new(settings: Settings) -> RedisResult<Self> {
        Ok(Self {
            redis: RedisLink::new(&settings.redis_url, "events")?,
            // In a cluster the braces keep it where the stream is.
            lead: format!("{{{}}}:leader", settings.stream),
            settings,
        })
    }

    /// Takes or renews the lead, and adds these events in their order. Answers false, and has added nothing, when somebody
    /// else has the lead. After an error they may have been added or not.
    pub async fn append(&self, events: &[Vec<u8>]) -> Result<bool, NoAnswer> {
        let lead_ms = u64::try_from(LEAD.as_millis()).unwrap_or(u64::MAX);
        let mut append = cmd("EVAL");
        append.arg(APPEND).arg(2);
        append.arg(&self.settings.stream).arg(&self.lead);
        append.arg(self.settings.replica.to_string()).arg(lead_ms);
        append.arg(self.settings.max_length);
        append.arg(self.settings.format.content_type()).arg(events);
        self.redis.ask(&append).await
    }

    /// Leaves the lead to others, if it is ours.
    pub async fn resign(&self) {
        let mut resign = cmd("EVAL");
        resign.arg(RESIGN).arg(1).arg(&self.lead);
        resign.arg(self.settings.replica.to_string());
        // Otherwise it lapses.
        let _ = self.redis.ask::<i64>(&resign).await;
    }
}

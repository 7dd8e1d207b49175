//! Where the answer of a carrier comes from: this process, Redis, or the carrier itself, which is asked once for all
//! who want to know the same, here and on other replicas.

use std::sync::Arc;

use chrono::{DateTime, TimeDelta, Utc};
use moka::future::Cache;
use opentelemetry::{KeyValue, metrics::Counter};
use tokio::{
    task::JoinHandle,
    time::{Duration, Instant, sleep, timeout_at},
};
use tokio_util::{sync::CancellationToken, task::TaskTracker};
use tracing::{Instrument as _, Span, info_span};
use tracing_opentelemetry::OpenTelemetrySpanExt as _;

use super::{
    Freshness,
    carrier::{CarrierRequest, Carriers},
    entry::{Decision, Entry, Outcome},
    memory::MemoryCache,
    redis_cache::{Lock, RedisCache},
};

/// How often it is looked whether another replica has got the answer.
const POLL_INTERVAL: Duration = Duration::from_millis(10);
/// How much longer a lock holds than the carrier may take, so that it does not end before its holder is done.
const LOCK_SLACK: Duration = Duration::from_secs(1);
/// How long a lock holds at most, so that a replica that dies keeps no carrier from the others. One that takes longer may
/// be asked by another replica as well.
const LONGEST_LOCK: Duration = Duration::from_secs(4);

/// Tasks that go on when whoever began them has gone, until the service ends.
#[derive(Debug, Clone, Default)]
pub struct Background {
    /// Counts them.
    pub tasks: TaskTracker,
    /// Ends them.
    pub ending: CancellationToken,
}

/// The time that a call was given, and what has passed since.
#[derive(Debug, Clone, Copy)]
pub(super) struct Clock {
    start: DateTime<Utc>,
    started: Instant,
}

impl Clock {
    pub(super) fn at(start: DateTime<Utc>) -> Self {
        let started = Instant::now();
        Self { start, started }
    }

    fn now(&self) -> DateTime<Utc> {
        let passed = TimeDelta::from_std(self.started.elapsed()).unwrap_or_default();
        self.start.checked_add_signed(passed).unwrap_or(self.start)
    }
}

/// What somebody wants to know of a carrier.
pub(super) struct Question {
    pub(super) request: CarrierRequest,
    /// Equal for equal requests, and tells nothing of a shopper.
    pub(super) key: String,
    pub(super) freshness: Freshness,
    pub(super) clock: Clock,
}

impl Question {
    /// What to do with what is known.
    fn decide(&self, entry: &Entry) -> Decision {
        entry.decide(self.freshness, self.clock.now())
    }

    /// Whether the carrier has to be asked for an answer that holds now.
    fn is_outdated(&self, entry: &Entry) -> bool {
        entry.decide(Freshness::Current, self.clock.now()) == Decision::Ask
    }
}

/// An answer, or the task that gets it.
pub(super) enum Pending {
    Ready(Outcome),
    Running(JoinHandle<Option<Outcome>>),
}

impl Pending {
    /// The answer, if it is there by then. The task goes on in any case.
    pub(super) async fn by(self, deadline: Instant) -> Outcome {
        let task = match self {
            Self::Ready(outcome) => return outcome,
            Self::Running(task) => task,
        };
        match timeout_at(deadline, task).await {
            Ok(Ok(Some(outcome))) => outcome,
            Ok(_) => Err("could not be asked".to_owned()),
            Err(_) => Err("did not answer in time".to_owned()),
        }
    }
}

/// Answers of carriers.
pub(super) struct Answers {
    carriers: Carriers,
    memory: MemoryCache,
    shared: Option<RedisCache>,
    /// Looks into Redis that are under way. It remembers nothing, and lets those who look for the same wait for one.
    looks: Cache<String, Option<Entry>>,
    lookups: Counter<u64>,
    background: Background,
}

impl Answers {
    /// Answers that are kept in this process, and in Redis where there is one.
    pub(super) fn new(shared: Option<RedisCache>, background: Background) -> Self {
        let lookups = opentelemetry::global::meter(env!("CARGO_PKG_NAME"))
            .u64_counter("cartwright.quotes.cache.lookups")
            .with_description("Answers of carriers looked up in the cache, by what came of it")
            .build();
        Self {
            carriers: Carriers::default(),
            memory: MemoryCache::new(),
            shared,
            looks: Cache::new(0),
            lookups,
            background,
        }
    }

    /// Begins to answer a question. What is known in this process is answered at once.
    pub(super) async fn begin(self: &Arc<Self>, question: Question) -> Pending {
        let question = Arc::new(question);
        let known = self.memory.get(&question.key).await;
        if let Some(outcome) = known.and_then(|entry| self.settle(&question, &entry)) {
            return Pending::Ready(outcome);
        }
        Pending::Running(self.spawn(&question, Self::find))
    }

    /// Runs what others may wait for too in a task of its own, so that it does not end with the call.
    fn spawn<T: Send + 'static, F: Future<Output = T> + Send + 'static>(
        self: &Arc<Self>,
        question: &Arc<Question>,
        work: impl Fn(Arc<Self>, Arc<Question>) -> F,
    ) -> JoinHandle<Option<T>> {
        // No child of the call's span, which would then be open for as long, but a part of the same trace.
        let span =
            info_span!(parent: None, "quotes.carrier", carrier = question.request.carrier.id);
        // It fails where spans are not traced.
        let _ = span.set_parent(Span::current().context());
        let work = work(Arc::clone(self), Arc::clone(question)).instrument(span);
        let ending = self.background.ending.clone();
        let task = ending.run_until_cancelled_owned(work);
        self.background.tasks.spawn(task)
    }

    /// The answer that an entry gives, if it gives one.
    fn settle(self: &Arc<Self>, question: &Arc<Question>, entry: &Entry) -> Option<Outcome> {
        let (result, outcome) = match question.decide(entry) {
            Decision::Fresh(answer) => ("hit", Ok(answer)),
            Decision::Stale(answer) => {
                self.spawn(question, Self::renew);
                ("stale", Ok(answer))
            }
            Decision::Failed(why) => ("failed", Err(why)),
            Decision::Ask => return None,
        };
        self.count(question, result);
        Some(outcome)
    }

    /// The answer from Redis, or from the carrier.
    async fn find(self: Arc<Self>, question: Arc<Question>) -> Outcome {
        if let Some(shared) = &self.shared
            && let Some(entry) = self.look(shared, &question.key).await
            && let Some(outcome) = self.settle(&question, &entry)
        {
            let now = question.clock.now();
            self.memory.put(&question.key, entry, now).await;
            return outcome;
        }
        self.count(&question, "miss");
        self.renewed(&question).await.outcome()
    }

    /// What is in Redis.
    async fn look(&self, shared: &RedisCache, key: &str) -> Option<Entry> {
        self.looks.get_with_by_ref(key, shared.get(key)).await
    }

    /// An entry that has an answer which holds, or says why there is none. All who want it here share one making of it.
    async fn renewed(&self, question: &Question) -> Entry {
        let make = async {
            let entry = self.make(question).await;
            (entry, question.clock.now())
        };
        let outdated = |entry: &Entry| question.is_outdated(entry);
        self.memory.get_or_make(&question.key, make, outdated).await
    }

    /// The same in the background.
    async fn renew(self: Arc<Self>, question: Arc<Question>) {
        self.renewed(&question).await;
    }

    /// Asks the carrier, or waits for what another replica gets from it.
    async fn make(&self, question: &Question) -> Entry {
        let Question { request, key, .. } = question;
        let Some(shared) = &self.shared else {
            return self.ask(question).await;
        };
        let lifetime = request
            .carrier
            .timeout
            .saturating_add(LOCK_SLACK)
            .min(LONGEST_LOCK);
        // Until a holder that died has lost the lock, and one that came after it too.
        let patience = Instant::now() + lifetime.saturating_mul(2);
        loop {
            let lock = shared.lock(key, lifetime).await;
            // After the lock: who had it before wrote first and gave it back then.
            let found = shared.get(key).await;
            match (found, lock) {
                (Some(entry), lock) if !question.is_outdated(&entry) => {
                    shared.unlock(key, lock).await;
                    return entry;
                }
                (_, Lock::Taken) if Instant::now() < patience => sleep(POLL_INTERVAL).await,
                (_, lock) => {
                    let entry = self.ask(question).await;
                    shared.put(key, &entry, question.clock.now()).await;
                    shared.unlock(key, lock).await;
                    return entry;
                }
            }
        }
    }

    async fn ask(&self, question: &Question) -> Entry {
        let Question { request, clock, .. } = question;
        match self.carriers.ask(request, clock.now()).await {
            Ok(answer) => Entry::Answered(Arc::new(answer)),
            Err(why) => Entry::failed(why, clock.now()),
        }
    }

    fn count(&self, question: &Question, result: &'static str) {
        let carrier = question.request.carrier.id.clone();
        let attributes = [
            KeyValue::new("carrier", carrier),
            KeyValue::new("result", result),
        ];
        self.lookups.add(1, &attributes);
    }
}

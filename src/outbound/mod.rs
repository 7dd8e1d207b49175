//! Calls to services outside, such as carriers: each with a deadline, retries within a budget, a limit on calls at a
//! time, and a circuit breaker, so that one that is slow or down costs no more than what it was to answer.

mod grpc;
mod metrics;
mod over_http;
mod retry;
#[cfg(test)]
mod tests;

use std::{fmt, sync::Arc, time::Duration};

use tokio::time::{Instant, timeout_at};
use tokio_util::task::AbortOnDropHandle;
use tower::{
    Service, ServiceBuilder, ServiceExt as _, layer::layer_fn, service_fn,
    util::BoxCloneSyncService,
};
use tower_resilience_circuitbreaker::{CircuitBreakerError, CircuitBreakerLayer, CircuitState};
use tracing::{Instrument as _, field::Empty, info_span};

pub use self::grpc::{
    CONNECT_TIMEOUT, KEEP_ALIVE_INTERVAL, KEEP_ALIVE_TIMEOUT, MAX_ANSWER_BYTES, MAX_HEADER_BYTES,
    channel, failure, money, place, request, trace_headers, wire,
};
pub use self::over_http::{http_body, http_client, http_failure};
use self::{
    metrics::{Metrics, Outcome},
    retry::RetryPolicy,
};

/// Calls that fail in a row before the service is left alone.
const FAILURES_IN_A_ROW: usize = 5;

/// How long a service that failed too often is left alone. Then one call tries whether it is back.
const LEFT_ALONE: Duration = Duration::from_secs(5);

/// How much a service may cost.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Longest time for a call, retries and waiting for a turn included. Half of it is left for the call itself.
    pub timeout: Duration,
    /// How often a call that failed is tried again.
    pub max_retries: u32,
    /// Calls at a time; more wait for their turn.
    pub max_concurrent_calls: usize,
}

/// Why an attempt failed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Failure {
    /// It may work the next time: a broken connection, an overloaded server.
    #[error("{0}")]
    Temporary(String),
    /// It will not: the service answers what it should not.
    #[error("{0}")]
    Lasting(String),
}

/// Why a call failed: all its attempts, or its time was over.
#[derive(Debug)]
enum CallError {
    Failed(Failure),
    Late,
}

/// A call, and when its time is over.
type Call<Req> = (Req, Instant);
type Stack<Req, Res> = BoxCloneSyncService<Call<Req>, Res, CircuitBreakerError<CallError>>;

/// One kind of call to one service. Clones share its limits and its circuit breaker.
pub struct Outbound<Req, Res> {
    name: Arc<str>,
    limits: Limits,
    metrics: Metrics,
    stack: Stack<Req, Res>,
}

impl<Req: Clone + Send + 'static, Res: Send + 'static> Outbound<Req, Res> {
    /// Calls by `attempt`. `name` tells the service from others in logs, metrics and traces.
    pub fn new<F, A>(name: &str, limits: Limits, attempt: F) -> Self
    where
        F: Fn(Req) -> A + Send + Sync + 'static,
        A: Future<Output = Result<Res, Failure>> + Send + 'static,
    {
        let name = Arc::from(name);
        let metrics = Metrics::of(&name);
        let stack = stack(&name, limits, metrics.clone(), attempt);
        Self {
            name,
            limits,
            metrics,
            stack,
        }
    }

    /// Calls the service. The error says what is the matter with it, for people: "did not answer within 2s".
    pub async fn call(&self, request: Req) -> Result<Res, Failure> {
        let began = Instant::now();
        let (outcome, result) = self.outcome(request, began + self.limits.timeout).await;
        self.metrics.called(outcome, began.elapsed());
        if let (Outcome::Failed | Outcome::Timeout, Err(failure)) = (outcome, &result) {
            tracing::warn!(service = &*self.name, %failure, "a service outside failed");
        }
        result
    }

    async fn outcome(&self, request: Req, deadline: Instant) -> (Outcome, Result<Res, Failure>) {
        let late = || {
            let text = format!("did not answer within {:?}", self.limits.timeout);
            (Outcome::Timeout, Err(Failure::Temporary(text)))
        };
        let busy = || {
            let text = "has no turn free in time: it is asked too often".to_owned();
            (Outcome::Timeout, Err(Failure::Temporary(text)))
        };
        let mut stack = self.stack.clone();
        // Who waits for a turn in vain, or gets one too late to tell whether the service is slow, says nothing of it: the
        // breaker does not count that.
        let last_turn = deadline - self.limits.timeout / 2;
        let Ok(ready) = timeout_at(last_turn, stack.ready()).await else {
            return busy();
        };
        let answer = match ready {
            Ok(ready) => ready.call((request, deadline)).await,
            Err(error) => Err(error),
        };
        match answer {
            Ok(answer) => (Outcome::Ok, Ok(answer)),
            Err(CircuitBreakerError::Inner(CallError::Late)) => late(),
            Err(CircuitBreakerError::Inner(CallError::Failed(failure))) => {
                (Outcome::Failed, Err(failure))
            }
            Err(CircuitBreakerError::OpenCircuit) => {
                let text = "is not asked at the moment: it failed too often".to_owned();
                (Outcome::Rejected, Err(Failure::Temporary(text)))
            }
        }
    }
}

impl<Req, Res> Clone for Outbound<Req, Res> {
    fn clone(&self) -> Self {
        Self {
            name: Arc::clone(&self.name),
            limits: self.limits,
            metrics: self.metrics.clone(),
            stack: self.stack.clone(),
        }
    }
}

impl<Req, Res> fmt::Debug for Outbound<Req, Res> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Outbound")
            .field("name", &self.name)
            .field("limits", &self.limits)
            .finish_non_exhaustive()
    }
}

/// The way of a call, from the outside in. Waiting for a turn is part of getting ready; all else, of the call itself.
fn stack<Req, Res, F, A>(
    name: &Arc<str>,
    limits: Limits,
    metrics: Metrics,
    attempt: F,
) -> Stack<Req, Res>
where
    Req: Clone + Send + 'static,
    Res: Send + 'static,
    F: Fn(Req) -> A + Send + Sync + 'static,
    A: Future<Output = Result<Res, Failure>> + Send + 'static,
{
    let breaker = breaker(Arc::clone(name), metrics);
    let name = Arc::clone(name);
    let attempt = Arc::new(attempt);
    let stack = ServiceBuilder::new()
        // Outermost: while it is open calls are answered at once, and none takes a turn.
        .layer(breaker)
        // Around the retries: a call that failed keeps its turn for the next attempt.
        .concurrency_limit(limits.max_concurrent_calls)
        // Within the breaker, so that it counts who is late.
        .layer(layer_fn(deadline))
        .retry(RetryPolicy::new(limits.max_retries))
        .service_fn(move |request| apart(Arc::clone(&name), attempt(request)));
    BoxCloneSyncService::new(stack)
}

/// Opens when calls fail in a row. A call that its caller gives up is not counted, and a trial that is given up is
/// left to the next caller.
#[expect(
    clippy::expect_used,
    reason = "only constants are built from, and they are valid"
)]
fn breaker(name: Arc<str>, metrics: Metrics) -> CircuitBreakerLayer {
    metrics.breaker_is(CircuitState::Closed);
    let told = move |_, state| {
        metrics.breaker_is(state);
        tracing::warn!(
            service = &*name,
            ?state,
            "the circuit breaker of a service outside changed"
        );
    };
    CircuitBreakerLayer::builder()
        .consecutive_failures(FAILURES_IN_A_ROW)
        .wait_duration_in_open(LEFT_ALONE)
        .permitted_calls_in_half_open(1)
        .on_state_transition(told)
        .build()
        .expect("valid settings")
}

/// Ends a call when its time is over.
fn deadline<Req: Send, Res, S>(
    service: S,
) -> impl Service<Call<Req>, Response = Res, Error = CallError, Future: Send> + Clone + Send + Sync
where
    S: Service<Req, Response = Res, Error = Failure, Future: Send> + Clone + Send + Sync + 'static,
{
    service_fn(move |(request, deadline)| {
        let answer = service.clone().oneshot(request);
        async move {
            match timeout_at(deadline, answer).await {
                Ok(answer) => answer.map_err(CallError::Failed),
                Err(_) => Err(CallError::Late),
            }
        }
    })
}

/// An attempt in a task of its own, which ends when it is dropped: an answer over which a library panics harms no
/// other part of what the caller does.
async fn apart<Res: Send + 'static>(
    name: Arc<str>,
    attempt: impl Future<Output = Result<Res, Failure>> + Send + 'static,
) -> Result<Res, Failure> {
    let span = info_span!(
        "outbound.call",
        otel.kind = "client",
        otel.status_code = Empty,
        peer.service = &*name
    );
    let task = AbortOnDropHandle::new(tokio::spawn(attempt.instrument(span.clone())));
    let result = task.await.unwrap_or_else(|_| {
        let text = "answered what cannot be understood".to_owned();
        Err(Failure::Lasting(text))
    });
    if result.is_err() {
        span.record("otel.status_code", "ERROR");
    }
    result
}

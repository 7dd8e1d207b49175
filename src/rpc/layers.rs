//! What surrounds every RPC, in one place: [`RpcService`]'s `call` lists it, outside in.

use std::{
    convert::Infallible,
    future::{Future, poll_fn},
    panic::{self, AssertUnwindSafe},
    pin::{Pin, pin},
    task::{Context, Poll, ready},
    time::{Duration, Instant},
};

use http::{HeaderMap, Request, Response};
use http_body::{Frame, SizeHint};
use tonic::{Code, Status, body::Body};
use tower::{Layer, Service};
use tracing::{Instrument as _, Span, field};
use tracing_opentelemetry::OpenTelemetrySpanExt as _;

use super::error;
use crate::telemetry;

/// Puts an [`RpcService`] around a service.
#[derive(Debug, Clone)]
pub struct RpcLayer {
    timeout: Duration,
}

impl RpcLayer {
    /// Allows each call at most `timeout`.
    #[must_use]
    pub const fn new(timeout: Duration) -> Self {
        Self { timeout }
    }
}

impl<S> Layer<S> for RpcLayer {
    type Service = RpcService<S>;

    fn layer(&self, inner: S) -> Self::Service {
        RpcService {
            inner,
            timeout: self.timeout,
        }
    }
}

/// Answers every call of the service inside, whatever becomes of it there.
#[derive(Debug, Clone)]
pub struct RpcService<S> {
    inner: S,
    timeout: Duration,
}

impl<S> Service<Request<Body>> for RpcService<S>
where
    S: Service<Request<Body>, Response = Response<Body>, Error = Infallible>,
    S::Future: Send + 'static,
{
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Response<Body>, Infallible>> + Send>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        let rpc = Rpc::begin(&request);
        let timeout = time_left(request.headers(), self.timeout);
        let answer = self.inner.call(request);
        let answer = async { answer.await.unwrap_or_else(|never| match never {}) };

        Box::pin(async move {
            let answer = trace(
                rpc,
                // Inside the trace, so that a panic's answer can name it and its end is recorded as any other.
                catch_panic(
                    // Drops what is inside, and with it a query that is under way or a transaction that is open.
                    deadline(timeout, answer),
                ),
            );
            Ok(answer.await)
        })
    }
}

/// Runs the call in its span, and sees how it ends: by the headers, or by what follows the body.
async fn trace(rpc: Rpc, answer: impl Future<Output = Response<Body>>) -> Response<Body> {
    let answer = answer.instrument(rpc.span.clone()).await;
    match code(answer.headers()) {
        Some(code) => {
            rpc.end(code);
            answer
        }
        None => answer.map(|body| {
            let rpc = Some(rpc);
            Body::new(TracedBody { body, rpc })
        }),
    }
}

/// Answers a panic of the handler, of which only the call that met it is to suffer.
async fn catch_panic(answer: impl Future<Output = Response<Body>>) -> Response<Body> {
    let mut answer = pin!(answer);
    poll_fn(|context| {
        // What a panic may have left half done is dropped with the call.
        let polled = AssertUnwindSafe(|| answer.as_mut().poll(context));
        // What it was `telemetry` has logged: not its text, which may have in it what a caller sent.
        panic::catch_unwind(polled)
            .unwrap_or_else(|_| Poll::Ready(error::internal_panic().into_http()))
    })
    .await
}

/// Answers in the handler's place when the time is up. What a stream sends after its headers has no deadline.
async fn deadline(
    timeout: Duration,
    answer: impl Future<Output = Response<Body>>,
) -> Response<Body> {
    tokio::time::timeout(timeout, answer)
        .await
        .unwrap_or_else(|_| error::deadline_exceeded().into_http())
}

/// How long the call may take: what the caller gives it, up to `ceiling`.
fn time_left(headers: &HeaderMap, ceiling: Duration) -> Duration {
    let given = headers
        .get("grpc-timeout")
        .and_then(|value| value.to_str().ok());
    given
        .and_then(parse_timeout)
        .map_or(ceiling, |given| given.min(ceiling))
}

/// One to eight digits and a unit, as the gRPC protocol has it.
fn parse_timeout(value: &str) -> Option<Duration> {
    let (digits, unit) = value.split_at_checked(value.len().checked_sub(1)?)?;
    if digits.len() > 8 || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let number = digits.parse().ok()?;
    match unit {
        "H" => Some(Duration::from_hours(number)),
        "M" => Some(Duration::from_mins(number)),
        "S" => Some(Duration::from_secs(number)),
        "m" => Some(Duration::from_millis(number)),
        "u" => Some(Duration::from_micros(number)),
        "n" => Some(Duration::from_nanos(number)),
        _ => None,
    }
}

/// The code in headers of an answer without a body, or in the trailers after one.
pub(super) fn code(headers: &HeaderMap) -> Option<Code> {
    let value = headers.get("grpc-status")?;
    Some(Code::from_bytes(value.as_bytes()))
}

/// One call, from its first byte to its last: recorded and logged once, however it ends.
#[derive(Debug)]
struct Rpc {
    method: String,
    span: Span,
    began: Instant,
    code: Option<Code>,
}

impl Rpc {
    /// Opens the call's span, as a child of the caller's.
    fn begin(request: &Request<Body>) -> Self {
        let name = request.uri().path().trim_start_matches('/');
        let (service, method) = name.rsplit_once('/').unwrap_or((name, ""));
        let span = tracing::info_span!(
            "rpc",
            otel.name = name,
            otel.kind = "server",
            otel.status_code = field::Empty,
            rpc.system = "grpc",
            rpc.service = service,
            rpc.method = method,
            rpc.grpc.status_code = field::Empty,
        );
        // Refused only where traces go nowhere.
        let _ = span.set_parent(telemetry::parent_context(request.headers()));
        Self {
            method: name.to_owned(),
            span,
            began: Instant::now(),
            code: None,
        }
    }

    fn end(mut self, code: Code) {
        self.code = Some(code);
    }
}

impl Drop for Rpc {
    fn drop(&mut self) {
        let _entered = self.span.enter();
        let method = self.method.as_str();
        let took = self.began.elapsed();
        // Without a code, nobody waited for the end.
        let code = self.code.unwrap_or(Code::Cancelled);
        self.span.record("rpc.grpc.status_code", i32::from(code));
        match code {
            Code::Ok => tracing::debug!(method, ?took, "answered"),
            // Also how most streams end.
            Code::Cancelled => tracing::debug!(method, ?took, "given up by the caller"),
            Code::Unknown | Code::Internal | Code::DataLoss => {
                self.span.record("otel.status_code", "ERROR");
                tracing::error!(method, ?code, ?took, "failed");
            }
            Code::DeadlineExceeded | Code::Unavailable | Code::ResourceExhausted => {
                self.span.record("otel.status_code", "ERROR");
                tracing::warn!(method, ?code, ?took, "not served");
            }
            _ => tracing::info!(method, ?code, ?took, "refused"),
        }
    }
}

/// A body that tells its call how it ended.
struct TracedBody {
    body: Body,
    rpc: Option<Rpc>,
}

impl http_body::Body for TracedBody {
    type Data = <Body as http_body::Body>::Data;
    type Error = Status;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Self::Data>, Status>>> {
        let frame = ready!(Pin::new(&mut self.body).poll_frame(context));
        let code = match &frame {
            Some(Ok(frame)) => frame.trailers_ref().and_then(code),
            Some(Err(status)) => Some(status.code()),
            None => None,
        };
        if let Some(code) = code
            && let Some(rpc) = self.rpc.take()
        {
            rpc.end(code);
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

#[cfg(test)]
mod tests {
    use std::{future::pending, sync::Arc};

    use tonic_types::StatusExt as _;

    use super::*;

    fn ok() -> Response<Body> {
        Response::new(Body::empty())
    }

    /// What the caller of a service that does `answer` is told: the code, and the reason if there is one.
    async fn told(answer: impl Future<Output = Response<Body>>) -> (Code, String) {
        let status = Status::from_header_map(answer.await.headers()).unwrap();
        let reason = status
            .get_details_error_info()
            .map_or_else(String::new, |info| info.reason);
        (status.code(), reason)
    }

    #[tokio::test]
    async fn a_panic_is_an_internal_error() {
        let panics = async { panic!("boom {}", 1) };
        let expected = (Code::Internal, "INTERNAL".to_owned());
        assert_eq!(told(catch_panic(panics)).await, expected);
    }

    #[tokio::test]
    async fn a_deadline_drops_the_handler_and_is_told() {
        let alive = Arc::new(());
        let held = Arc::clone(&alive);
        let handler = async move {
            pending::<()>().await;
            drop(held);
            ok()
        };
        let expected = (Code::DeadlineExceeded, "DEADLINE_EXCEEDED".to_owned());
        let timeout = Duration::from_millis(10);
        assert_eq!(told(deadline(timeout, handler)).await, expected);
        assert_eq!(Arc::strong_count(&alive), 1);
    }

    #[tokio::test]
    async fn the_callers_deadline_counts_up_to_the_ceiling() {
        let ceiling = Duration::from_secs(30);
        let given = |value: &'static str| {
            let mut headers = HeaderMap::new();
            headers.insert("grpc-timeout", value.parse().unwrap());
            time_left(&headers, ceiling)
        };
        assert_eq!(given("250m"), Duration::from_millis(250));
        assert_eq!(given("7S"), Duration::from_secs(7));
        assert_eq!(given("0n"), Duration::ZERO);
        assert_eq!(given("1H"), ceiling);
        for malformed in ["", "m", "1", "1x", "-1S", "+1S", "123456789n", "1µ"] {
            assert_eq!(parse_timeout(malformed), None, "{malformed}");
        }
        assert_eq!(time_left(&HeaderMap::new(), ceiling), ceiling);
    }
}

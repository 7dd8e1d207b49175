//! What surrounds every RPC, in one place: [`RpcService`]'s `call` lists it, outside in.

use std::{
    convert::Infallible,
    future::{Future, poll_fn},
    panic::{self, AssertUnwindSafe},
    pin::{Pin, pin},
    sync::Arc,
    task::{Context, Poll, ready},
    time::{Duration, Instant},
};

use http::{HeaderMap, Request, Response};
use http_body::{Frame, SizeHint};
use tokio::sync::Semaphore;
use tonic::{Code, Status, body::Body};
use tower::{Layer, Service};
use tracing::{Instrument as _, Span, field};
use tracing_opentelemetry::OpenTelemetrySpanExt as _;

use super::{MAX_REQUEST_BYTES, error};
use crate::telemetry;

/// Puts an [`RpcService`] around a service. All that it makes share one limit of calls in flight.
#[derive(Debug, Clone)]
pub struct RpcLayer {
    permits: Arc<Semaphore>,
    timeout: Duration,
}

impl RpcLayer {
    /// Allows `in_flight` calls at a time, each for at most `timeout`.
    #[must_use]
    pub fn new(in_flight: usize, timeout: Duration) -> Self {
        Self {
            permits: Arc::new(Semaphore::new(in_flight)),
            timeout,
        }
    }
}

impl<S> Layer<S> for RpcLayer {
    type Service = RpcService<S>;

    fn layer(&self, inner: S) -> Self::Service {
        RpcService {
            inner,
            limits: self.clone(),
        }
    }
}

/// Answers every call of the service inside, whatever becomes of it there.
#[derive(Debug, Clone)]
pub struct RpcService<S> {
    inner: S,
    limits: RpcLayer,
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
        let timeout = time_left(request.headers(), self.limits.timeout);
        // Who looks whether the service is well, or what it can do, is to be told so under load above all.
        let permits =
            (!request.uri().path().starts_with("/grpc.")).then(|| Arc::clone(&self.limits.permits));
        let answer = self.inner.call(request);
        let answer = async { answer.await.unwrap_or_else(|never| match never {}) };

        Box::pin(async move {
            let answer = trace(
                rpc,
                // Inside the trace, so that a panic's answer can name it and its end is recorded as any other.
                catch_panic(
                    // Drops what is inside, and with it a query that is under way or a transaction that is open.
                    deadline(
                        timeout,
                        // A call counts until its answer is there; one that is refused costs nothing more.
                        shed(permits.as_deref(), refine(answer)),
                    ),
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
        panic::catch_unwind(polled).unwrap_or_else(|panic| {
            let what = panic
                .downcast_ref::<String>()
                .map(String::as_str)
                .or_else(|| panic.downcast_ref::<&str>().copied());
            tracing::error!(what, "a handler panicked");
            Poll::Ready(error::internal_panic().into_http())
        })
    })
    .await
}

/// How long before a call's time is up it is answered. tonic keeps the caller's deadline too, to the millisecond of its
/// timer, and would answer CANCELLED without details.
const AHEAD: Duration = Duration::from_millis(3);

/// Answers in the handler's place when the time is up. What a stream sends after its headers has no deadline.
async fn deadline(
    timeout: Duration,
    answer: impl Future<Output = Response<Body>>,
) -> Response<Body> {
    tokio::time::timeout(timeout.saturating_sub(AHEAD), answer)
        .await
        .unwrap_or_else(|_| error::deadline_exceeded().into_http())
}

/// Refuses the call at once when all permits are taken: a queue would only let everyone wait too long.
async fn shed(
    permits: Option<&Semaphore>,
    answer: impl Future<Output = Response<Body>>,
) -> Response<Body> {
    let permit = permits.map(Semaphore::try_acquire).transpose();
    match permit {
        Ok(_permit) => answer.await,
        Err(_) => error::overloaded().into_http(),
    }
}

/// Tells the caller that the request could not be read. tonic answers `OUT_OF_RANGE` when it is too large, `INTERNAL` when it
/// is not what it should be and `UNKNOWN` when the connection ends within it, and never with details; Cartwright's own always
/// have some.
async fn refine(answer: impl Future<Output = Response<Body>>) -> Response<Body> {
    let answer = answer.await;
    if !matches!(
        code(answer.headers()),
        Some(Code::OutOfRange | Code::Internal | Code::Unknown)
    ) {
        return answer;
    }
    match Status::from_header_map(answer.headers()) {
        Some(status) if status.details().is_empty() => unreadable(&status).into_http(),
        _ => answer,
    }
}

fn unreadable(status: &Status) -> Status {
    let message = match status.code() {
        // Nobody is there to read this, and no failure of ours is to be counted.
        Code::Unknown => return Status::cancelled("the caller went away within the request"),
        Code::OutOfRange => {
            format!("the request is larger than {MAX_REQUEST_BYTES} bytes: split it")
        }
        _ => format!("the request cannot be read: {}", status.message()),
    };
    error::malformed(message)
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
fn code(headers: &HeaderMap) -> Option<Code> {
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
    use std::future::{pending, ready};

    use tonic_types::StatusExt as _;
    use tower::{ServiceExt as _, service_fn};

    use super::*;

    fn ok() -> Response<Body> {
        Response::new(Body::empty())
    }

    fn request(path: &str) -> Request<Body> {
        let mut request = Request::new(Body::empty());
        *request.uri_mut() = path.parse().unwrap();
        request
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

    #[tokio::test]
    async fn calls_beyond_the_limit_are_refused_but_health_is_told() {
        let service = RpcLayer::new(1, Duration::from_mins(1)).layer(service_fn(
            async |request: Request<Body>| {
                if request.uri().path().ends_with("/Wait") {
                    pending::<()>().await;
                }
                Ok::<_, Infallible>(Status::ok("").into_http())
            },
        ));
        let call = |path: &str| service.clone().oneshot(request(path));

        let waiting = tokio::spawn(call("/cartwright.v1.CartService/Wait"));
        tokio::task::yield_now().await;
        let refused = call("/cartwright.v1.CartService/GetCart").await.unwrap();
        let expected = (Code::ResourceExhausted, "OVERLOADED".to_owned());
        assert_eq!(told(ready(refused)).await, expected);
        let health = call("/grpc.health.v1.Health/Check").await.unwrap();
        assert_eq!(told(ready(health)).await.0, Code::Ok);

        // A caller that went away leaves its place to the next.
        waiting.abort();
        let _ = waiting.await;
        let taken = call("/cartwright.v1.CartService/GetCart").await.unwrap();
        assert_eq!(told(ready(taken)).await.0, Code::Ok);
    }

    #[tokio::test]
    async fn a_request_that_cannot_be_read_is_the_callers_mistake() {
        let malformed = (Code::InvalidArgument, "MALFORMED_REQUEST".to_owned());
        for status in [
            Status::out_of_range("message length too large"),
            Status::internal("failed to decode Protobuf message"),
        ] {
            assert_eq!(told(refine(ready(status.into_http()))).await, malformed);
        }
        let unimplemented = Status::unimplemented("").into_http();
        let expected = (Code::Unimplemented, String::new());
        assert_eq!(told(refine(ready(unimplemented))).await, expected);
        let bug = error::internal_panic().into_http();
        let expected = (Code::Internal, "INTERNAL".to_owned());
        assert_eq!(told(refine(ready(bug))).await, expected);
        assert_eq!(refine(ready(ok())).await.headers().len(), 0);
    }
}

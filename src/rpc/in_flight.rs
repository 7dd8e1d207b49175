//! What is inside of [`layers`](super::layers) and of authentication: reads the request of a call, and has it answered if
//! there is room. A client that is slow to send takes no room from others.

use std::{
    convert::Infallible,
    future::Future,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use http::{Request, Response};
use http_body_util::{BodyExt as _, Full};
use prost::bytes::Bytes;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_util::sync::CancellationToken;
use tonic::{Code, Status, body::Body};
use tower::{Layer, Service, ServiceExt as _};

use super::{MAX_REQUEST_BYTES, error, layers::code, unfolding};
use crate::serve::{Place, Waiting};

/// Most requests on their way, and most bytes of all of them; beyond, those are refused that have been for longest.
const MAX_ARRIVING: usize = 4096;
const MAX_ARRIVING_BYTES: usize = 64 * 1024 * 1024;
/// A call takes one place, and one more for each so many bytes of its request.
const BYTES_OF_A_PLACE: usize = 64 * 1024;
/// Calls of reflection, and of those who watch health, at a time. They last as long as the caller likes.
const MAX_STANDING: usize = 1024;
/// What stands before a message: whether it is compressed, and its length.
const MESSAGE_HEADER: usize = 5;
/// Is to be told under load above all.
const HEALTH_CHECK: &str = "/grpc.health.v1.Health/Check";

/// Puts an [`InFlight`] around a service. All that it makes share their limits.
#[derive(Debug, Clone)]
pub struct InFlightLayer {
    most: u16,
    calls: Arc<Semaphore>,
    standing: Arc<Semaphore>,
    arriving: Waiting,
}

impl InFlightLayer {
    /// Allows `most` calls at a time. A call counts from when its request is there until its answer is; one with a large
    /// request counts as several.
    #[must_use]
    pub fn new(most: u16) -> Self {
        Self {
            most,
            calls: Arc::new(Semaphore::new(most.into())),
            standing: Arc::new(Semaphore::new(MAX_STANDING)),
            arriving: Waiting::new(MAX_ARRIVING, MAX_ARRIVING_BYTES),
        }
    }
}

impl<S> Layer<S> for InFlightLayer {
    type Service = InFlight<S>;

    fn layer(&self, inner: S) -> Self::Service {
        InFlight {
            inner,
            limits: self.clone(),
        }
    }
}

/// Answers the calls that there is room for.
#[derive(Debug, Clone)]
pub struct InFlight<S> {
    inner: S,
    limits: InFlightLayer,
}

impl<S> Service<Request<Body>> for InFlight<S>
where
    S: Service<Request<Body>, Response = Response<Body>, Error = Infallible>
        + Clone
        + Send
        + 'static,
    S::Future: Send + 'static,
{
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Response<Body>, Infallible>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        let Self { inner, limits } = self.clone();
        Box::pin(async move {
            let answer = match request.uri().path() {
                HEALTH_CHECK => return inner.oneshot(request).await,
                path if path.starts_with("/grpc.") => limits.stand(request, inner).await,
                _ => limits.answer(request, inner).await,
            };
            Ok(answer.unwrap_or_else(Status::into_http))
        })
    }
}

impl InFlightLayer {
    async fn answer<S>(&self, request: Request<Body>, inner: S) -> Result<Response<Body>, Status>
    where
        S: Service<Request<Body>, Response = Response<Body>, Error = Infallible>,
    {
        let (head, body) = request.into_parts();
        let message = self.arrive(body).await?;
        unfolding::check(
            head.uri.path(),
            message.get(MESSAGE_HEADER..).unwrap_or_default(),
        )?;
        let _permit = self.permit(message.len())?;
        let request = Request::from_parts(head, Body::new(Full::new(message)));
        let Ok(answer) = inner.oneshot(request).await;
        Ok(refine(answer))
    }

    /// Waits for the request, of which a slow client may keep back the rest.
    async fn arrive(&self, body: Body) -> Result<Bytes, Status> {
        let give_way = CancellationToken::new();
        let place = self.arriving.enter(0, give_way.clone());
        let arrived = give_way.run_until_cancelled(collect(body, &place)).await;
        arrived.unwrap_or_else(|| Err(error::gave_way()))
    }

    /// Refuses the call at once when there are not places enough: a queue would only let everyone wait too long.
    fn permit(&self, bytes: usize) -> Result<OwnedSemaphorePermit, Status> {
        let places = u16::try_from(bytes / BYTES_OF_A_PLACE).unwrap_or(u16::MAX);
        let places = places.saturating_add(1).min(self.most);
        let permit = Arc::clone(&self.calls).try_acquire_many_owned(places.into());
        permit.map_err(|_| error::overloaded())
    }

    /// Answers a call that may go on and on, and holds its place until the last of the answer.
    async fn stand<S>(&self, request: Request<Body>, inner: S) -> Result<Response<Body>, Status>
    where
        S: Service<Request<Body>, Response = Response<Body>, Error = Infallible>,
    {
        let permit = Arc::clone(&self.standing).try_acquire_owned();
        let permit = permit.map_err(|_| error::overloaded())?;
        let Ok(answer) = inner.oneshot(request).await;
        Ok(answer.map(|body| {
            Body::new(body.map_frame(move |frame| {
                let _held = &permit;
                frame
            }))
        }))
    }
}

/// Reads all of a request, unless it is too large.
async fn collect(mut body: Body, place: &Place) -> Result<Bytes, Status> {
    let mut message = Vec::new();
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|status| unreadable(&status))?;
        let Ok(bytes) = frame.into_data() else {
            continue;
        };
        if message.len().saturating_add(bytes.len()) > MAX_REQUEST_BYTES + MESSAGE_HEADER {
            return Err(too_large());
        }
        place.grow(bytes.len());
        message.extend_from_slice(&bytes);
    }
    Ok(message.into())
}

/// Tells the caller that the request could not be read. tonic answers `OUT_OF_RANGE` when it is too large and `INTERNAL` when it
/// is not what it should be, and never with details; Cartwright's own always have some.
fn refine(answer: Response<Body>) -> Response<Body> {
    if !matches!(
        code(answer.headers()),
        Some(Code::OutOfRange | Code::Internal)
    ) {
        return answer;
    }
    match Status::from_header_map(answer.headers()) {
        Some(status) if status.details().is_empty() => unreadable(&status).into_http(),
        _ => answer,
    }
}

fn unreadable(status: &Status) -> Status {
    match status.code() {
        Code::OutOfRange => too_large(),
        Code::Internal => {
            error::malformed(format!("the request cannot be read: {}", status.message()))
        }
        // Nobody is there to read this, and no failure of ours is to be counted.
        _ => Status::cancelled("the caller went away within the request"),
    }
}

fn too_large() -> Status {
    error::malformed(format!(
        "the request is larger than {MAX_REQUEST_BYTES} bytes: split it"
    ))
}

#[cfg(test)]
mod tests {
    use std::future::pending;

    use tonic_types::StatusExt as _;
    use tower::service_fn;

    use super::*;

    const GET_CART: &str = "/cartwright.v1.CartService/GetCart";

    fn request(path: &str, body: Vec<u8>) -> Request<Body> {
        let mut request = Request::new(Body::new(Full::new(Bytes::from(body))));
        *request.uri_mut() = path.parse().unwrap();
        request
    }

    /// What the caller is told: the code, and the reason if there is one.
    fn told(answer: &Response<Body>) -> (Code, String) {
        let status = Status::from_header_map(answer.headers()).unwrap();
        let reason = status
            .get_details_error_info()
            .map_or_else(String::new, |info| info.reason);
        (status.code(), reason)
    }

    fn overloaded() -> (Code, String) {
        (Code::ResourceExhausted, "OVERLOADED".to_owned())
    }

    /// A service that is well, but for calls of `Wait`, which it never answers.
    fn service(
        most: u16,
    ) -> InFlight<
        impl Service<Request<Body>, Response = Response<Body>, Error = Infallible, Future: Send>
        + Clone
        + Send,
    > {
        InFlightLayer::new(most).layer(service_fn(async |request: Request<Body>| {
            if request.uri().path().ends_with("/Wait") {
                pending::<()>().await;
            }
            Ok::<_, Infallible>(Status::ok("").into_http())
        }))
    }

    #[tokio::test]
    async fn calls_beyond_the_limit_are_refused_but_health_is_told() {
        let service = service(1);
        let call = |path: &str| service.clone().oneshot(request(path, Vec::new()));

        let waiting = tokio::spawn(call("/cartwright.v1.CartService/Wait"));
        tokio::task::yield_now().await;
        assert_eq!(told(&call(GET_CART).await.unwrap()), overloaded());
        let health = call(HEALTH_CHECK).await.unwrap();
        assert_eq!(told(&health).0, Code::Ok);

        // A caller that went away leaves its place to the next.
        waiting.abort();
        let _ = waiting.await;
        assert_eq!(told(&call(GET_CART).await.unwrap()).0, Code::Ok);
    }

    #[tokio::test]
    async fn a_large_request_takes_several_places() {
        let service = service(3);
        let call = |path: &str, bytes| service.clone().oneshot(request(path, vec![0; bytes]));
        let waiting = tokio::spawn(call("/cartwright.v1.CartService/Wait", BYTES_OF_A_PLACE));
        tokio::task::yield_now().await;
        let large = call(GET_CART, BYTES_OF_A_PLACE).await.unwrap();
        assert_eq!(told(&large), overloaded());
        let small = call(GET_CART, BYTES_OF_A_PLACE - 1).await.unwrap();
        assert_eq!(told(&small).0, Code::Ok);
        waiting.abort();
        let _ = waiting.await;
        // Not more than there are.
        let largest = call(GET_CART, MAX_REQUEST_BYTES).await.unwrap();
        assert_eq!(told(&largest).0, Code::Ok);
        let too_large = call(GET_CART, MAX_REQUEST_BYTES + MESSAGE_HEADER + 1).await;
        assert_eq!(told(&too_large.unwrap()).1, "MALFORMED_REQUEST");
    }

    #[tokio::test]
    async fn a_request_that_cannot_be_read_is_the_callers_mistake() {
        let malformed = (Code::InvalidArgument, "MALFORMED_REQUEST".to_owned());
        for status in [
            Status::out_of_range("message length too large"),
            Status::internal("failed to decode Protobuf message"),
        ] {
            assert_eq!(told(&refine(status.into_http())), malformed);
        }
        let unimplemented = Status::unimplemented("").into_http();
        let expected = (Code::Unimplemented, String::new());
        assert_eq!(told(&refine(unimplemented)), expected);
        let bug = error::internal_panic().into_http();
        assert_eq!(told(&refine(bug)), (Code::Internal, "INTERNAL".to_owned()));
        let fine = refine(Response::new(Body::empty()));
        assert_eq!(fine.headers().len(), 0);
    }
}

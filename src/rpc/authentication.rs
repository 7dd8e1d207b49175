//! Refuses calls that their callers may not make, before anything of the request is read, and ends those whose callers may not
//! go on.
//!
//! What is open to everybody is health and reflection alone. See [`super::access`] for the rest.

use std::{
    convert::Infallible,
    future::Future,
    mem,
    net::IpAddr,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
    time::Duration,
};

use http::{HeaderMap, Request, Response, request::Parts};
use http_body::{Frame, SizeHint};
use prost::bytes::Bytes;
use tokio::time::{Interval, MissedTickBehavior, interval};
use tonic::{Status, body::Body};
use tower::{Layer, Service};

pub use super::authenticator::Authenticator;
use super::{
    access::{self, Needs, Who},
    error,
};
use crate::{domain::caller::Caller, flow, limits::Admission, serve::Peer};

/// Begins the paths of health and reflection.
const OPEN: &str = "/grpc.";
/// How often it is looked whether the caller of a stream may go on.
const LOOK_INTERVAL: Duration = Duration::from_secs(1);

/// Puts an [`AuthenticatedService`] around a service.
#[derive(Clone)]
pub struct AuthenticationLayer(pub Arc<Authenticator>);

impl<S> Layer<S> for AuthenticationLayer {
    type Service = AuthenticatedService<S>;

    fn layer(&self, inner: S) -> Self::Service {
        AuthenticatedService {
            inner,
            authenticator: Arc::clone(&self.0),
        }
    }
}

/// Lets calls through to the service inside, each with its [`Caller`] among its extensions.
#[derive(Clone)]
pub struct AuthenticatedService<S> {
    inner: S,
    authenticator: Arc<Authenticator>,
}

impl<S> Service<Request<Body>> for AuthenticatedService<S>
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

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        // The one that is ready is the one to call.
        let inner = self.inner.clone();
        let mut inner = mem::replace(&mut self.inner, inner);
        if request.uri().path().starts_with(OPEN) {
            return Box::pin(inner.call(request));
        }
        let authenticator = Arc::clone(&self.authenticator);
        Box::pin(async move {
            let (mut head, body) = request.into_parts();
            let (caller, admission) = match admit(&authenticator, &head).await {
                Ok(admitted) => admitted,
                Err(refused) => return Ok(refused.into_http()),
            };
            head.extensions.insert(caller.clone());
            let answer = inner.call(Request::from_parts(head, body)).await?;
            let watched = |body| {
                Body::new(WatchedBody {
                    body,
                    caller,
                    authenticator,
                    looks: None,
                    _admission: admission,
                })
            };
            Ok(answer.map(watched))
        })
    }
}

/// Finds out who calls, whether they may, and whether not too often.
async fn admit(authenticator: &Authenticator, head: &Parts) -> Result<(Caller, Admission), Status> {
    let path = head.uri.path();
    let needs = access::needs(path);
    let needs = needs.ok_or_else(|| Status::unimplemented("there is no such method"))?;
    let peer = head.extensions.get::<Arc<Peer>>().map(Arc::as_ref);
    let caller = authenticator.caller(&head.headers, peer).await?;
    let caller = match caller {
        Some(caller) => caller,
        None if needs.who == Who::Anybody && authenticator.anonymous_sessions => Caller::nobody(),
        None => return Err(error::credentials_missing()),
    };
    check(&caller, path, needs)?;
    let address: Option<IpAddr> = peer.map(|peer| peer.address.ip());
    let admission = authenticator.limits.admit(&caller, address).await?;
    Ok((caller, admission))
}

/// Whether the caller may make the call of this path.
fn check(caller: &Caller, path: &str, needs: Needs) -> Result<(), Status> {
    let method = path.trim_start_matches('/');
    let Needs { scope, access, who } = needs;
    let is_allowed = caller.may(scope, access)
        || match who {
            Who::Services => false,
            Who::Shoppers => caller.session().is_some(),
            Who::Anybody => caller.is_nobody(),
        };
    if is_allowed {
        return Ok(());
    }
    Err(match caller.session() {
        Some(_) => error::not_for_shoppers(method),
        None => error::scope_missing(method, scope, access),
    })
}

/// The body of an answer, which ends where its caller may not go on: streams can last longer than credentials.
struct WatchedBody {
    body: Body,
    caller: Caller,
    authenticator: Arc<Authenticator>,
    /// None until there was nothing to send for the first time, as in most answers there never is.
    looks: Option<Interval>,
    /// The call counts until its answer has been sent.
    _admission: Admission,
}

impl WatchedBody {
    /// Ready when it was looked, and the caller may not go on.
    fn poll_ended(&mut self, context: &mut Context<'_>) -> Poll<()> {
        let looks = self.looks.get_or_insert_with(|| {
            let mut looks = interval(LOOK_INTERVAL);
            looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
            looks
        });
        loop {
            ready!(looks.poll_tick(context));
            if !flow::api_token::is_good(&self.authenticator.flow, &self.caller) {
                return Poll::Ready(());
            }
        }
    }
}

impl http_body::Body for WatchedBody {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        let has_ended = self.looks.is_some() && self.poll_ended(context).is_ready();
        if !has_ended {
            if let Poll::Ready(frame) = Pin::new(&mut self.body).poll_frame(context) {
                return Poll::Ready(frame);
            }
            ready!(self.poll_ended(context));
        }
        self.body = Body::empty();
        self.caller = Caller::Trusted;
        let ended = error::credentials_invalid("they have expired, or were revoked");
        let mut trailers = HeaderMap::new();
        let added = ended.add_header(&mut trailers);
        Poll::Ready(Some(added.map(|()| Frame::trailers(trailers))))
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

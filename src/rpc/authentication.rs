//! Finds out who calls, and refuses what they may not call, before anything of the request is read.
//!
//! What is open to everybody is health and reflection alone. See [`super::access`] for the rest.

use std::{
    convert::Infallible,
    future::Future,
    mem,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use http::{HeaderMap, Request, Response, header::AUTHORIZATION, request::Parts};
use tonic::{Status, body::Body};
use tower::{Layer, Service};

use super::{
    access::{self, Needs, Who},
    error,
};
use crate::domain::caller::Caller;

/// Begins the paths of health and reflection.
const OPEN: &str = "/grpc.";

/// Who is asked who calls.
#[derive(Debug)]
pub struct Authenticator {
    /// Whether callers need credentials. Those that have some are held to them in any case.
    pub required: bool,
}

impl Authenticator {
    /// Adds the [`Caller`] to the head of a request, or refuses it.
    async fn admit(&self, head: &mut Parts) -> Result<(), Status> {
        let path = head.uri.path();
        if path.starts_with(OPEN) {
            return Ok(());
        }
        let needs = access::needs(path);
        let needs = needs.ok_or_else(|| Status::unimplemented("there is no such method"))?;
        let caller = self.caller(&head.headers).await?;
        check(caller.as_ref(), path, needs)?;
        head.extensions
            .insert(caller.unwrap_or_else(Caller::nobody));
        Ok(())
    }

    /// Who sends a request with these headers, or why it cannot be told; none who may only do what needs no credentials.
    async fn caller(&self, headers: &HeaderMap) -> Result<Option<Caller>, Status> {
        let Some(given) = headers.get(AUTHORIZATION) else {
            return Ok((!self.required).then_some(Caller::Trusted));
        };
        let _ = given;
        Err(error::credentials_invalid("not known"))
    }
}

/// Whether the caller may make the call of this path.
fn check(caller: Option<&Caller>, path: &str, needs: Needs) -> Result<(), Status> {
    let method = path.trim_start_matches('/');
    let Needs { scope, access, who } = needs;
    match caller {
        Some(Caller::Trusted) => Ok(()),
        Some(Caller::Management(principal)) if principal.grants.allow(scope, access) => Ok(()),
        Some(Caller::Management(_)) => Err(error::scope_missing(method, scope, access)),
        Some(Caller::Storefront(_)) if who == Who::Shoppers => Ok(()),
        Some(Caller::Storefront(_)) => Err(error::not_for_shoppers(method)),
        None => Err(error::credentials_missing()),
    }
}

/// Puts an [`AuthenticatedService`] around a service.
#[derive(Debug, Clone)]
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
#[derive(Debug, Clone)]
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
        let authenticator = Arc::clone(&self.authenticator);
        Box::pin(async move {
            let (mut head, body) = request.into_parts();
            match authenticator.admit(&mut head).await {
                Ok(()) => inner.call(Request::from_parts(head, body)).await,
                Err(refused) => Ok(refused.into_http()),
            }
        })
    }
}

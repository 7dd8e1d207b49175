//! `SessionService`.

use std::{ops::RangeInclusive, time::Duration};

use chrono::TimeDelta;
use secrecy::ExposeSecret as _;
use tonic::{Request, Response};

use super::{
    Answer, Api, cart,
    fields::Fields,
    pb::{self, session_service_server::SessionService},
    show,
};
use crate::{
    domain::caller::Session,
    flow::{self, session::NewSession},
};

/// How long a session lasts that says nothing of it.
const TIME_TO_LIVE: Duration = Duration::from_hours(24);
/// How long those last that services of the shop create.
const TIMES_TO_LIVE: RangeInclusive<Duration> =
    Duration::from_mins(1)..=Duration::from_hours(30 * 24);
/// How long those last that anybody may create.
const ANONYMOUS_TIMES_TO_LIVE: RangeInclusive<Duration> =
    Duration::from_mins(1)..=Duration::from_hours(24);

#[tonic::async_trait]
impl SessionService for Api {
    async fn create_session(
        &self,
        request: Request<pb::CreateSessionRequest>,
    ) -> Answer<pb::CreateSessionResponse> {
        let (mut request, mut fields) = Fields::of(request);
        // Whoever knew it would be answered with another shopper's session.
        fields.not_for_shoppers("request_id", !request.request_id.is_empty());
        let guard = fields.guard(&mut request);
        let new = new_session(&mut fields, request);
        fields.finish()?;
        let created = flow::session::create(&self.flow, new, guard).await?;
        Ok(Response::new(pb::CreateSessionResponse {
            session: Some(session(&created.session)),
            token: created.token.expose_secret().to_owned(),
        }))
    }

    async fn revoke_session(
        &self,
        request: Request<pb::RevokeSessionRequest>,
    ) -> Answer<pb::RevokeSessionResponse> {
        let (mut request, mut fields) = Fields::of(request);
        let guard = fields.guard(&mut request);
        let id = fields.uuid("session_id", &request.session_id);
        fields.finish()?;
        flow::session::revoke(&self.flow, id, guard).await?;
        Ok(Response::new(pb::RevokeSessionResponse {}))
    }

    async fn claim_cart(
        &self,
        request: Request<pb::ClaimCartRequest>,
    ) -> Answer<pb::ClaimCartResponse> {
        let (mut request, mut fields) = Fields::of(request);
        let guard = fields.guard(&mut request);
        let id = fields.uuid("cart_id", &request.cart_id);
        let token = request.guest_session_token;
        if token.is_empty() {
            fields.refuse("guest_session_token", "is required");
        }
        let caller = fields.finish()?;
        let claimed = flow::session::claim_cart(&self.flow, id, &token, guard).await?;
        let cart = Some(show::cart(&claimed, &caller));
        Ok(Response::new(pb::ClaimCartResponse { cart }))
    }
}

fn new_session(fields: &mut Fields, request: pb::CreateSessionRequest) -> NewSession {
    let (times, described) = if fields.caller().is_nobody() {
        (ANONYMOUS_TIMES_TO_LIVE, "1 minute to 24 hours")
    } else {
        (TIMES_TO_LIVE, "1 minute to 30 days")
    };
    let time = fields.duration("time_to_live", request.time_to_live, times, described);
    let channel_id = fields.channel("channel_id", request.channel_id);
    let (customer_id, customer) =
        cart::new_customer(fields, request.customer_id, request.customer_context);
    NewSession {
        customer_id,
        customer,
        channel_id,
        // A month at most, so it fits.
        time_to_live: TimeDelta::from_std(time.unwrap_or(TIME_TO_LIVE)).unwrap_or_default(),
    }
}

fn session(session: &Session) -> pb::Session {
    pb::Session {
        id: session.id.to_string(),
        customer_id: session.customer_id.clone(),
        channel_id: session.channel_id.clone(),
        expire_time: show::time(session.expire_time),
    }
}

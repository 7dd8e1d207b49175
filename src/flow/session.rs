//! Sessions of shoppers: creating and revoking them, and claiming what a guest has left.

use chrono::{SubsecRound as _, TimeDelta};
use secrecy::{ExposeSecret as _, SecretString};
use tracing::instrument;
use uuid::Uuid;

use super::{
    Error, Flow, Guard, Result, audit,
    change::{Draft, change, load, no_such_cart},
    new_id, now,
    once::{self, Once},
    random_text,
};
use crate::{
    auth::{
        Invalid,
        session_token::{IssueError, MAX_LIFETIME},
    },
    domain::{
        api_token::{ALPHABET, SECRET_LETTERS},
        audit::Action,
        caller::{Caller, Session},
        checkout::{Checkout, CustomerContext},
        reason::{Reason, Refusal},
    },
    store,
};

/// Sessions that can be revoked at a time. All replicas have them in memory; who would revoke more takes the key away.
const MAX_REVOCATIONS: usize = 100_000;

/// A session to create.
#[derive(Debug, Clone)]
pub struct NewSession {
    /// The shop's id of the customer; empty for a guest.
    pub customer_id: String,
    /// What the shop says of the customer.
    pub customer: CustomerContext,
    /// The sales channel.
    pub channel_id: String,
    /// How long it lasts: up to [`MAX_LIFETIME`].
    pub time_to_live: TimeDelta,
}

/// A session that was created.
#[derive(Debug)]
pub struct Created {
    /// The session.
    pub session: Session,
    /// What the shopper shows to be known. It is kept nowhere.
    pub token: SecretString,
}

/// A secret that nobody can guess, with which tokens can be signed.
#[must_use]
pub fn new_secret() -> SecretString {
    random_text(&ALPHABET, SECRET_LETTERS).into()
}

/// A new line for a file of keys, with an id that tells its time.
#[must_use]
pub fn new_key_line() -> SecretString {
    let id = now().format("%Y%m%dT%H%M%SZ");
    format!("{id} {}", new_secret().expose_secret()).into()
}

/// Creates a session. A request that is repeated is answered with the same session, and with a token that is made anew.
#[instrument(name = "flow.create_session", skip_all)]
pub async fn create(flow: &Flow, new: NewSession, guard: Guard) -> Result<Created> {
    let now = now();
    let session = Session {
        id: new_id(),
        customer_id: new.customer_id,
        customer: new.customer,
        channel_id: new.channel_id,
        expire_time: (now + new.time_to_live).trunc_subsecs(0),
    };
    let token = issue(flow, &session)?;
    let Some(request) = &guard.request else {
        return Ok(Created { session, token });
    };
    match once::begin(flow, Some(request), now).await? {
        Once::New(claim) => {
            // What else there is to a session, the request says again when it is repeated.
            let answer = serde_json::to_string(&(session.id, session.expire_time));
            claim.commit(&answer.map_err(internal)?).await?;
            Ok(Created { session, token })
        }
        Once::Answered(answer) => {
            let (id, expire_time) = serde_json::from_str(&answer).map_err(internal)?;
            let session = Session {
                id,
                expire_time,
                ..session
            };
            let token = issue(flow, &session)?;
            Ok(Created { session, token })
        }
    }
}

fn issue(flow: &Flow, session: &Session) -> Result<SecretString> {
    let issued = flow.sessions.issue(session, now());
    issued.map_err(|error| match error {
        IssueError::TooLong => {
            let text = format!("is too much: {error}");
            Refusal::field("customer_context", text).into()
        }
        IssueError::Sign(_) => internal(error),
    })
}

fn internal(error: impl std::error::Error + Send + Sync + 'static) -> Error {
    Error::Internal(Box::new(error))
}

/// The session of a token that is good now. It asks nobody.
pub fn verify(flow: &Flow, token: &str) -> std::result::Result<Session, Invalid> {
    let session = flow.sessions.verify(token, now())?;
    if flow.snapshot().access.is_revoked(session.id) {
        return Err(Invalid::Revoked);
    }
    Ok(session)
}

/// Revokes a session: this replica refuses it at once, others within about a second.
#[instrument(name = "flow.revoke_session", skip_all)]
pub async fn revoke(flow: &Flow, id: Uuid, guard: Guard) -> Result<()> {
    if flow.snapshot().access.revocations() >= MAX_REVOCATIONS {
        return Err(Error::TooMany(
            "revoked sessions: take the key that has signed them out of the file of --session-keys",
        ));
    }
    let now = now();
    let Once::New(claim) = once::begin(flow, guard.request.as_ref(), now).await? else {
        return Ok(());
    };
    // Whenever it was created, it has ended by itself by then.
    store::revoked_session::insert(&claim.transaction, id, now + MAX_LIFETIME).await?;
    audit::note(&claim.transaction, &guard, Action::RevokeSession, [id]).await?;
    claim.commit("").await?;
    flow.reload().await
}

/// Makes a guest's cart that of the customer whose session calls. The guest's token proves that it is theirs.
#[instrument(name = "flow.claim_cart", skip_all)]
pub async fn claim_cart(
    flow: &Flow,
    cart_id: Uuid,
    guest_token: &str,
    guard: Guard,
) -> Result<Checkout> {
    let session = customers_session(&guard.caller, cart_id)?.clone();
    let guest = guest(flow, guest_token)?;
    let found = load(flow, cart_id, &Caller::Trusted).await?;
    // The request may be one that is repeated.
    let owner = [guard.caller.clone(), guest]
        .into_iter()
        .find(|caller| caller.sees(&found))
        .filter(|_| guard.caller.is_of_channel(&found.channel_id))
        .ok_or_else(|| no_such_cart(cart_id))?;
    let guard = Guard {
        caller: owner,
        ..guard
    };
    let session = &session;
    change(flow, cart_id, guard, async |mut draft: Draft| {
        let checkout = &mut draft.checkout;
        checkout.set_customer(session.customer_id.clone());
        checkout.customer.clone_from(&session.customer);
        checkout.session_id = Some(session.id);
        Ok(draft)
    })
    .await
}

/// The caller's session, if it is that of a customer.
fn customers_session(caller: &Caller, cart_id: Uuid) -> Result<&Session> {
    let session = caller.session();
    let customers = session.filter(|session| !session.customer_id.is_empty());
    customers.ok_or_else(|| {
        let message = "a cart is claimed with the session of a customer who has signed in: \
            services of the shop set customer_id by UpdateCart instead";
        let refusal = Refusal::new(Reason::CustomerSessionRequired, message);
        refusal.with("cart_id", cart_id).into()
    })
}

/// The guest who has this token.
fn guest(flow: &Flow, token: &str) -> Result<Caller> {
    let refused = |why: String| Refusal::field("guest_session_token", why);
    let session = verify(flow, token).map_err(|why| refused(format!("is not valid: {why}")))?;
    if !session.customer_id.is_empty() {
        let text = "is of a customer, whose carts cannot be claimed: it has to be a guest's";
        return Err(refused(text.to_owned()).into());
    }
    Ok(Caller::Storefront(session.into()))
}

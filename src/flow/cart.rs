//! Carts: creating and ending them, and changing whose they are and their currency.

use tracing::instrument;
use uuid::Uuid;

use super::{
    Error, Flow, Guard, Result, Snapshot,
    change::{Draft, change, load},
    event,
    line_item::{NewItem, add_items},
    new_id, now,
    once::{self, Once},
    refresh,
};
use crate::{
    domain::{
        caller::Caller,
        checkout::{Checkout, CheckoutState, CustomerContext, Message, MessageCode},
        money::Currency,
        reason::{Reason, Refusal},
    },
    store,
};

/// A cart to create.
#[derive(Debug, Clone)]
pub struct NewCart {
    /// The caller's id of the sales channel.
    pub channel_id: String,
    /// The caller's id of the customer; empty for a guest.
    pub customer_id: String,
    /// What the caller says of the customer.
    pub customer: CustomerContext,
    /// The shopper's e-mail address.
    pub email: String,
    /// Currency; none for the store's default.
    pub currency: Option<Currency>,
    /// At least one item.
    pub items: Vec<NewItem>,
}

/// What to change of a cart; none stays.
#[derive(Debug, Clone, Default)]
pub struct CartUpdate {
    /// The caller's id of the customer.
    pub customer_id: Option<String>,
    /// What the caller says of the customer.
    pub customer: Option<CustomerContext>,
    /// The shopper's e-mail address.
    pub email: Option<String>,
    /// Currency.
    pub currency: Option<Currency>,
    /// The caller's id of the sales channel.
    pub channel_id: Option<String>,
}

/// Creates a cart. A shopper's is bound to the session, and the customer's that the session is of.
#[instrument(name = "flow.create_cart", skip_all)]
pub async fn create(flow: &Flow, cart: NewCart, guard: Guard) -> Result<Checkout> {
    let Guard {
        request, caller, ..
    } = guard;
    let now = now();
    if let Some(request) = &request
        && let Some(id) = once::answered(flow, request, now).await?
    {
        return load(flow, parse_id(&id)?, &caller).await;
    }
    let snapshot = flow.snapshot();
    let currency = cart.currency.unwrap_or(snapshot.store.default_currency);
    check_currency(&snapshot, currency)?;
    let empty = Checkout {
        channel_id: cart.channel_id,
        customer_id: cart.customer_id,
        customer: cart.customer,
        email: cart.email,
        revisions: snapshot.revisions,
        session_id: caller.session().map(|session| session.id),
        ..Checkout::new(new_id(), currency, now)
    };
    let mut draft = Draft {
        checkout: empty.clone(),
        snapshot,
        now,
        stale_since: None,
    };
    add_items(flow, &mut draft, &cart.items).await?;
    refresh::settle(flow, &empty, &mut draft).await?;
    let checkout = draft.sealed();
    let event = event::of_checkout(None, &checkout);
    if request.is_none() {
        store::checkout::insert(&flow.database, &checkout, &event).await?;
        flow.events.written.notify_one();
        return Ok(checkout);
    }
    match once::begin(flow, request.as_ref(), now).await? {
        // The same request at the same time was first.
        Once::Answered(id) => load(flow, parse_id(&id)?, &caller).await,
        Once::New(claim) => {
            store::checkout::insert(&claim.transaction, &checkout, &event).await?;
            claim.commit(&checkout.id.to_string()).await?;
            Ok(checkout)
        }
    }
}

/// Answers a cart that lives.
#[instrument(name = "flow.get_cart", skip_all)]
pub async fn get(flow: &Flow, id: Uuid, caller: &Caller) -> Result<Checkout> {
    let checkout = load(flow, id, caller).await?;
    checkout.check_alive(now())?;
    Ok(checkout)
}

/// Changes whose cart it is, or its currency.
#[instrument(name = "flow.update_cart", skip_all)]
pub async fn update(flow: &Flow, id: Uuid, update: CartUpdate, guard: Guard) -> Result<Checkout> {
    let update = &update;
    change(flow, id, guard, async |mut draft: Draft| {
        if let Some(customer_id) = &update.customer_id {
            draft.checkout.set_customer(customer_id.clone());
        }
        if let Some(customer) = &update.customer {
            draft.checkout.customer.clone_from(customer);
        }
        if let Some(email) = &update.email {
            draft.checkout.email.clone_from(email);
        }
        if let Some(channel_id) = &update.channel_id {
            draft.checkout.channel_id.clone_from(channel_id);
        }
        if let Some(currency) = update.currency.filter(|c| *c != draft.checkout.currency) {
            change_currency(flow, &mut draft, currency).await?;
        }
        Ok(draft)
    })
    .await
}

/// Ends a cart.
#[instrument(name = "flow.delete_cart", skip_all)]
pub async fn delete(flow: &Flow, id: Uuid, guard: Guard) -> Result<()> {
    change(flow, id, guard, async |mut draft: Draft| {
        draft.checkout.state = CheckoutState::Deleted;
        Ok(draft)
    })
    .await
    .map(drop)
}

/// Prices every line in another currency.
async fn change_currency(flow: &Flow, draft: &mut Draft, currency: Currency) -> Result<()> {
    check_currency(&draft.snapshot, currency)?;
    if let Some(name) = draft.checkout.bound_to_currency() {
        let message =
            format!("{name} has no amount in {currency}: remove it first, or make another cart");
        let refusal = Refusal::new(Reason::CurrencyNotChangeable, message);
        return Err(refusal.with("currency_code", currency).into());
    }
    draft.checkout.currency = currency;
    let products = draft
        .products(flow, &refresh::product_ids(&draft.checkout))
        .await?;
    if let Some((_, refusal)) = refresh::lines(draft, &products).into_iter().next() {
        // A line that keeps its figure would keep it in the wrong currency.
        return Err(refusal.into());
    }
    refresh::gift_wrapping(draft);
    // That every price changed is what was asked for.
    let checkout = &mut draft.checkout;
    let wrapped = checkout
        .lines
        .iter()
        .filter(|line| line.gift_wrapping.is_some());
    let wrapped: Vec<_> = wrapped.map(|line| line.id.to_string()).collect();
    let asked_for = |message: &Message| match message.code {
        MessageCode::PriceRefreshed => true,
        MessageCode::GiftWrappingChanged => wrapped.contains(&message.subject),
        _ => false,
    };
    checkout.messages.retain(|message| !asked_for(message));
    Ok(())
}

fn check_currency(snapshot: &Snapshot, currency: Currency) -> Result<()> {
    if snapshot.store.accepts(currency) {
        return Ok(());
    }
    let others = snapshot
        .store
        .currencies
        .iter()
        .map(|(currency, _)| currency.code());
    let accepted: Vec<_> = std::iter::once(snapshot.store.default_currency.code())
        .chain(others)
        .collect();
    let text = format!(
        "the store sells in {}, not in {currency}",
        accepted.join(", ")
    );
    Err(Refusal::field("currency_code", text).into())
}

/// Reads back an id that a request was answered with.
pub(super) fn parse_id(text: &str) -> Result<Uuid> {
    text.parse()
        .map_err(|error| Error::Internal(Box::new(error)))
}

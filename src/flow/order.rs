//! Orders: creating them from a checkout, and paying them.

use chrono::{DateTime, Utc};
use tracing::instrument;
use uuid::Uuid;

use super::{
    Error, Flow, Guard, Page, Paged, Result,
    cart::parse_id,
    change::{ATTEMPTS, Draft, Opened, load, open, pause, save},
    concurrent_change,
    coupon::check_uses,
    event, holds, new_id, now,
    once::{self, Once},
    other_currency, refresh, settlement, shipping, stock, tax,
};
use crate::{
    domain::{
        caller::Caller,
        checkout::{Checkout, MessageCode, Outcome, RequestKey},
        event::after,
        gift_certificate::masked,
        money::Money,
        order::{Effect, Order, Payment, PaymentState, StatusUpdate},
        order_requirements::missing,
        reason::{Reason, Refusal, Violation},
    },
    store::{self, Transaction},
};

pub use crate::store::order::{OrderFilter, OrderKey};

/// A payment to record.
#[derive(Debug, Clone)]
pub struct NewPayment {
    /// How it was paid.
    pub method: String,
    /// The payment service's reference.
    pub reference: String,
    /// How much.
    pub amount: Money,
    /// Its state.
    pub state: PaymentState,
    /// Who records it, in the caller's words; may be empty.
    pub actor: String,
}

/// Creates an order from the checkout as it is.
#[instrument(name = "flow.create_order", skip_all)]
pub async fn create(flow: &Flow, checkout_id: Uuid, guard: Guard) -> Result<Order> {
    let queue = flow.queue(checkout_id).await;
    let _turn = queue.lock().await;
    for attempt in 0..ATTEMPTS {
        let (found, mut draft) = match open(flow, checkout_id, &guard).await? {
            Opened::Answered { order_id, .. } => {
                let id = order_id.ok_or_else(concurrent_change)?;
                return get(flow, OrderKey::Id(id), &guard.caller).await;
            }
            Opened::Draft { found, draft } => (found, draft),
        };
        let obstacles = obstacles(flow, &found, &mut draft).await?;
        if !obstacles.is_empty() {
            return Err(refuse(flow, &found, draft, obstacles, guard.request.clone()).await);
        }
        draft.checkout.messages.clear();
        let (checkout, mut order) = place(draft, guard.request.clone());
        match save_new(flow, &found, &checkout, &mut order).await {
            Ok(true) => return Ok(order),
            Ok(false) => pause(attempt).await,
            Err(Error::Refused(why)) if why.reason == Reason::ConcurrentChange => {
                pause(attempt).await;
            }
            Err(Error::Refused(why)) => return Err(gone(why).into()),
            Err(error) => return Err(error),
        }
    }
    Err(concurrent_change().into())
}

/// Refuses an order because somebody else has just taken what it needs.
fn gone(why: Refusal) -> Refusal {
    if !why.violations.is_empty() {
        return incomplete(why.violations);
    }
    let subject = why.metadata.first().map(|(_, value)| value.clone());
    let violation = Violation::new(subject.unwrap_or_default(), why.reason, why.message);
    incomplete(vec![violation])
}

fn incomplete(obstacles: Vec<Violation>) -> Refusal {
    let refusal = Refusal::all(Reason::CheckoutIncomplete, obstacles);
    Refusal {
        message: format!("the order needs more: {}", refusal.message),
        ..refusal
    }
}

/// Everything that stands in the way of an order, at once, with the checkout brought up to date: what
/// it lacks, lines that cannot be bought, options and coupons that no longer hold, prices that changed.
async fn obstacles(flow: &Flow, found: &Checkout, draft: &mut Draft) -> Result<Vec<Violation>> {
    let ids = refresh::product_ids(&draft.checkout);
    let products = draft.fresh_products(flow, &ids).await?;
    let mut unavailable = refresh::lines(draft, &products);
    unavailable.extend(refresh::gift_wrapping(draft));
    let codes = refresh::coupons(flow, draft).await?;
    refresh::balances(flow, found, draft).await?;
    let not_renewed = shipping::renew(flow, draft).await?;
    refresh::settle(flow, found, draft).await?;

    let mut obstacles = missing(&draft.checkout);
    obstacles.extend(not_renewed);
    for message in &draft.checkout.messages {
        let reason = match message.code {
            MessageCode::ShippingOptionDropped => Reason::ShippingOptionNotAvailable,
            MessageCode::CouponDropped => Reason::CouponNotFound,
            MessageCode::GiftAdded | MessageCode::GiftRemoved => Reason::PriceChanged,
            MessageCode::TaxProviderUnavailable if tax::blocks(draft) => Reason::TaxNotAvailable,
            _ => continue,
        };
        obstacles.push(Violation::new(&message.subject, reason, &message.text));
    }
    let unavailable = unavailable.into_iter();
    obstacles.extend(unavailable.map(|(line, why)| Violation::new(line, why.reason, why.message)));
    obstacles.extend(stock::shortages(flow, &draft.checkout).await?);

    let outcomes = draft
        .checkout
        .coupons
        .iter()
        .zip(&draft.checkout.pricing.coupons);
    for ((coupon, outcome), code) in outcomes.zip(&codes) {
        let out_of_uses = check_uses(flow, code, &draft.checkout).await?.err();
        if let Some(why) = outcome.refusal.clone().or(out_of_uses) {
            obstacles.push(Violation::new(&coupon.code, why.reason, why.message));
        }
    }
    obstacles.extend(unpaid(found, &draft.checkout));
    if draft.checkout.pricing.totals != found.pricing.totals {
        let (old, new) = (grand_total(found), grand_total(&draft.checkout));
        let text = format!(
            "the grand total was {old} and is {new} now: look at the checkout and try again"
        );
        obstacles.push(Violation::new("totals", Reason::PriceChanged, text));
    }
    Ok(obstacles)
}

/// The gift certificates that do not pay, or that have not got what the checkout has shown, and store credit likewise.
fn unpaid(shown: &Checkout, now: &Checkout) -> Vec<Violation> {
    let certificates = now.gift_certificates.iter();
    let mut unpaid: Vec<_> = certificates
        .filter_map(|certificate| {
            let why = certificate.shortfall(shown.paid_by(certificate.id), now.currency)?;
            let code = masked(&certificate.code);
            Some(Violation::new(code, why.reason, why.message))
        })
        .collect();
    let credit = now.store_credit_shortfall(shown.pricing.totals.store_credit_amount);
    unpaid.extend(credit.map(|why| Violation::new(&now.customer_id, why.reason, why.message)));
    unpaid
}

/// Refuses the order. What has changed since the checkout was last shown is saved with the refusal, so that it can be
/// looked at and the request gets the same answer again; if someone else was first, they have done so.
async fn refuse(
    flow: &Flow,
    found: &Checkout,
    draft: Draft,
    obstacles: Vec<Violation>,
    request: Option<RequestKey>,
) -> Error {
    let refusal = refusal(found, &draft.checkout, obstacles);
    if differs(&draft.checkout, found) {
        let mut checkout = draft.sealed();
        checkout.remember(request, Outcome::Refused(refusal.clone()));
        if let Err(error) = save(flow, found, &checkout).await {
            return error.into();
        }
    }
    refusal.into()
}

fn refusal(found: &Checkout, now: &Checkout, obstacles: Vec<Violation>) -> Refusal {
    let only_prices = obstacles
        .iter()
        .all(|one| one.reason == Reason::PriceChanged);
    let mut refusal = if only_prices {
        Refusal::all(Reason::PriceChanged, obstacles)
    } else {
        incomplete(obstacles)
    };
    let totals = &now.pricing.totals;
    if *totals != found.pricing.totals {
        refusal = refusal
            .with("currency_code", found.currency)
            .with("grand_total", totals.grand_total.minor())
            .with("outstanding_balance", totals.outstanding_balance.minor());
    }
    refusal
}

/// Whether the checkout shows anything else than before.
fn differs(now: &Checkout, before: &Checkout) -> bool {
    (&now.lines, &now.coupons, &now.consignments, &now.pricing)
        != (
            &before.lines,
            &before.coupons,
            &before.consignments,
            &before.pricing,
        )
        || now.gift_certificates != before.gift_certificates
}

/// The order of a priced checkout, and the checkout that knows of it.
fn place(draft: Draft, request: Option<RequestKey>) -> (Checkout, Order) {
    let id = new_id();
    let mut checkout = draft.sealed();
    let now = checkout.update_time;
    let snapshot = Checkout {
        requests: Vec::new(),
        messages: Vec::new(),
        ..checkout.clone()
    };
    checkout.order_ids.push(id);
    checkout.remember(request, Outcome::Ordered(id));
    (checkout, Order::new(id, snapshot, now))
}

/// Saves a new order with its checkout, numbers it, and reserves what it uses. Answers false when someone else was first.
async fn save_new(
    flow: &Flow,
    found: &Checkout,
    checkout: &Checkout,
    order: &mut Order,
) -> Result<bool> {
    let changed = event::of_checkout(Some(found), checkout);
    let transaction = flow.database.begin().await?;
    if !store::checkout::replace(&transaction, checkout, found.version, &changed).await? {
        return Ok(false);
    }
    order.number = store::order::insert(&transaction, order).await?;
    event::tell_of_order(&transaction, order).await?;
    // A cart that ends sooner takes its reservations along.
    let lifetime = flow.snapshot().store.reservation_lifetime;
    let expire_time = checkout.expire_time.min(order.create_time + lifetime);
    holds::reserve(flow, &transaction, order, expire_time).await?;
    transaction.commit().await?;
    flow.events.written.notify_one();
    Ok(true)
}

/// Answers an order.
#[instrument(name = "flow.get_order", skip_all)]
pub async fn get(flow: &Flow, key: OrderKey, caller: &Caller) -> Result<Order> {
    let found = store::order::load(&flow.database, key).await?;
    let seen = found.filter(|order| caller.sees(&order.snapshot));
    seen.ok_or_else(|| not_found(key).into())
}

/// Lists orders, newest first: of a shopper's own those of the customer, or else of a checkout that has to be named.
#[instrument(name = "flow.list_orders", skip_all)]
pub async fn list(
    flow: &Flow,
    filter: OrderFilter,
    page: Page,
    caller: &Caller,
) -> Result<Paged<Order>> {
    let filter = OrderFilter {
        channel_ids: caller.channels().map(<[_]>::to_vec),
        ..filter
    };
    let filter = match caller.session() {
        None => filter,
        Some(session) if !session.customer_id.is_empty() => OrderFilter {
            customer_id: Some(session.customer_id.clone()),
            ..filter
        },
        Some(_) => {
            let id = filter.checkout_id.ok_or_else(|| {
                Refusal::field("checkout_id", "is required of a session without a customer")
            })?;
            load(flow, id, caller).await?;
            filter
        }
    };
    let orders = store::order::list(&flow.database, &filter, page.key()?, page.limit()).await?;
    Ok(page.of(orders, |order| order.number.to_string()))
}

/// Records a payment or its next state.
#[instrument(name = "flow.record_payment", skip_all)]
pub async fn record_payment(
    flow: &Flow,
    order_id: Uuid,
    payment: NewPayment,
    guard: Guard,
) -> Result<Order> {
    change(flow, order_id, guard, OrderChange::Payment(payment)).await
}

/// Cancels an order, for somebody and a reason in the caller's words.
#[instrument(name = "flow.cancel_order", skip_all)]
pub async fn cancel(
    flow: &Flow,
    order_id: Uuid,
    actor: String,
    reason: String,
    guard: Guard,
) -> Result<Order> {
    let what = OrderChange::Cancel { actor, reason };
    change(flow, order_id, guard, what).await
}

/// Gives an order another status.
#[instrument(name = "flow.update_order_status", skip_all)]
pub async fn update_status(
    flow: &Flow,
    order_id: Uuid,
    update: StatusUpdate,
    guard: Guard,
) -> Result<Order> {
    change(flow, order_id, guard, OrderChange::Status(update)).await
}

/// What may happen to an order.
enum OrderChange {
    Payment(NewPayment),
    Cancel { actor: String, reason: String },
    Status(StatusUpdate),
}

/// What comes of deciding on a change of an order.
enum Step {
    /// Save it; this is what it means beyond the order.
    Save(Effect),
    /// There is nothing to do.
    Unchanged,
    /// Someone else was first.
    Again,
}

/// Changes an order in one transaction, and decides again when someone else was first.
async fn change(flow: &Flow, id: Uuid, guard: Guard, what: OrderChange) -> Result<Order> {
    for attempt in 0..ATTEMPTS {
        let claim = match once::begin(flow, guard.request.as_ref(), now()).await? {
            Once::Answered(id) => {
                return get(flow, OrderKey::Id(parse_id(&id)?), &guard.caller).await;
            }
            Once::New(claim) => claim,
        };
        let found = store::order::load(&claim.transaction, OrderKey::Id(id)).await?;
        let seen = found.filter(|order| guard.caller.sees(&order.snapshot));
        let mut order = seen.ok_or_else(|| not_found(OrderKey::Id(id)))?;
        let read_version = order.version;
        let now = after(order.update_time, now());
        let step = match &what {
            OrderChange::Payment(payment) => {
                pay(&claim.transaction, &mut order, payment, now).await?
            }
            OrderChange::Cancel { actor, reason } => {
                // The checkout's row first, as in every payment.
                store::order::paid_order_of(&claim.transaction, order.snapshot.id).await?;
                if order.cancel(actor.clone(), reason.clone(), now)? {
                    Step::Save(Effect::Release)
                } else {
                    Step::Unchanged
                }
            }
            OrderChange::Status(update) if order.update_status(update.clone(), now)? => {
                Step::Save(order.effect_of_status())
            }
            OrderChange::Status(_) => Step::Unchanged,
        };
        let effect = match step {
            Step::Save(effect) => effect,
            Step::Unchanged => {
                claim.commit(&id.to_string()).await?;
                return Ok(order);
            }
            Step::Again => {
                drop(claim);
                pause(attempt).await;
                continue;
            }
        };
        if store::order::update(&claim.transaction, &order, read_version).await? {
            event::tell_of_order(&claim.transaction, &order).await?;
            tax::follow(&claim.transaction, &order, effect).await?;
            // Counters that many orders share come last, so that they are held as short as can be.
            let lifetime = flow.snapshot().store.reservation_lifetime;
            holds::follow(&claim.transaction, &order, effect, lifetime).await?;
            claim.commit(&id.to_string()).await?;
            flow.tax_tasks.notify_one();
            return Ok(order);
        }
        drop(claim);
        pause(attempt).await;
    }
    Err(concurrent_change().into())
}

/// Decides on a payment, and writes what goes with it beside the order.
async fn pay(
    transaction: &Transaction,
    order: &mut Order,
    payment: &NewPayment,
    now: DateTime<Utc>,
) -> Result<Step> {
    let currency = order.snapshot.currency;
    if payment.amount.currency != currency {
        let given = payment.amount.currency;
        return Err(other_currency("amount", given, "the order", currency).into());
    }
    let checkout_id = order.snapshot.id;
    let paid = store::order::paid_order_of(transaction, checkout_id).await?;
    let sibling = paid.filter(|paid| *paid != order.id);
    let recorded = Payment {
        id: new_id(),
        method: payment.method.clone(),
        reference: payment.reference.clone(),
        amount: payment.amount.amount,
        state: payment.state,
        create_time: now,
    };
    let effect = order.record(recorded, sibling, payment.actor.clone(), now)?;
    if effect == Effect::Repeated {
        return Ok(Step::Unchanged);
    }
    // The checkout's row first: siblings that are paid at the same time line up there.
    if effect == Effect::Settle && !settlement::end_checkout(transaction, order).await? {
        return Ok(Step::Again);
    }
    let recorded = order
        .payments
        .iter()
        .find(|known| known.reference == payment.reference);
    if let Some(recorded) = recorded {
        store::order::save_payment(transaction, order.id, recorded).await?;
    }
    Ok(Step::Save(effect))
}

fn grand_total(checkout: &Checkout) -> Money {
    Money {
        currency: checkout.currency,
        amount: checkout.pricing.totals.grand_total,
    }
}

fn not_found(key: OrderKey) -> Refusal {
    let (name, value) = match key {
        OrderKey::Id(id) => ("order_id", id.to_string()),
        OrderKey::Number(number) => ("number", number.to_string()),
    };
    Refusal::new(Reason::OrderNotFound, format!("there is no order {value}")).with(name, value)
}

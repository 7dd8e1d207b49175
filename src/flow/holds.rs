//! What a checkout holds of scarce things for its orders: uses of coupons and promotions, money of gift certificates and
//! store credit, goods. Created orders reserve them for a while; payments under way keep them, and a paid order uses them up.
//!
//! Things are always taken and given back in the same order, each kind by id, after the checkout itself was locked, so
//! that no two who do so wait for each other.

use std::{sync::Arc, time::Duration};

use chrono::{DateTime, TimeDelta, Utc};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::{Flow, Result, gift_certificate, new_id, now, stock};
use crate::{
    domain::{
        checkout::Checkout,
        coupon::AppliedCoupon,
        gift_certificate::empty,
        ledger::{Change, EntryKind, Share, moves},
        money::Amount,
        order::{Effect, Order},
        reason::{self, Reason, Refusal},
    },
    store::{
        self, StoreError, Transaction,
        promotion::{HeldUses, Redemption},
    },
};

/// How often lapsed reservations are looked for.
const SWEEP_INTERVAL: Duration = Duration::from_secs(1);
/// How long a replica that gives them back keeps the others from it. Should it take longer, they do so side by side.
const SWEEP_LEASE: TimeDelta = TimeDelta::seconds(10);
/// Lapsed reservations that are looked up at once.
const LAPSED_AT_A_TIME: u64 = 100;

/// What becomes of that which the checkout holds and the order does not need.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Rest {
    /// It stays: payments of other orders may need it.
    Kept,
    /// It is given back.
    Returned,
}

/// Takes or gives back what the order uses, as the effect of a payment demands. What is gone refuses the payment, and
/// never one that has been pending: its checkout holds everything since then. What no payment needs any more goes on being
/// reserved for the `lifetime`.
pub(super) async fn follow(
    transaction: &Transaction,
    order: &Order,
    effect: Effect,
    lifetime: Duration,
) -> Result<()> {
    let checkout_id = order.snapshot.id;
    match effect {
        Effect::Hold => {
            let reserved = store::reservation::pin(transaction, checkout_id).await?;
            take(transaction, order, Rest::Kept, reserved).await?;
            stock::hold(transaction, order).await
        }
        Effect::Settle => {
            gift_certificate::issue_bought(transaction, order).await?;
            let reserved = store::reservation::pin(transaction, checkout_id).await?;
            take(transaction, order, Rest::Returned, reserved).await?;
            stock::sell(transaction, order).await
        }
        Effect::Restock => stock::put_back(transaction, order).await,
        // What nobody needs any more is given back, also what a payment had pinned.
        Effect::Release if !store::order::has_payable(transaction, checkout_id).await? => {
            store::reservation::pin(transaction, checkout_id).await?;
            Ok(give_back(transaction, checkout_id, order.update_time).await?)
        }
        Effect::Release | Effect::Unpin => {
            unpin(transaction, checkout_id, order.update_time + lifetime).await
        }
        Effect::Repeated | Effect::Nothing => Ok(()),
    }
}

/// Lets what payments have pinned lapse again, unless one of them still needs it.
async fn unpin(
    transaction: &Transaction,
    checkout_id: Uuid,
    expire_time: DateTime<Utc>,
) -> Result<()> {
    if !store::order::has_open_payment(transaction, checkout_id).await? {
        store::reservation::unpin(transaction, checkout_id, expire_time).await?;
    }
    Ok(())
}

/// Reserves what a new order uses, and nothing else, until a time. What payments under way have taken stays, and does not
/// lapse. What is gone refuses the order.
pub(super) async fn reserve(
    flow: &Flow,
    transaction: &Transaction,
    order: &Order,
    expire_time: DateTime<Utc>,
) -> Result<()> {
    let checkout = &order.snapshot;
    let first = checkout.order_ids.is_empty();
    if first && !uses_scarce_things(checkout) {
        return Ok(());
    }
    if !first && store::order::has_open_payment(transaction, checkout.id).await? {
        take(transaction, order, Rest::Kept, false).await?;
        return stock::reserve(flow, transaction, order, false).await;
    }
    take(transaction, order, Rest::Returned, true).await?;
    if uses_scarce_things(checkout) {
        store::reservation::keep(transaction, checkout.id, expire_time).await?;
    } else {
        store::reservation::pin(transaction, checkout.id).await?;
    }
    stock::reserve(flow, transaction, order, true).await
}

/// Gives back all that the checkout holds, unless a payment needs it.
pub(super) async fn end(
    transaction: &Transaction,
    checkout_id: Uuid,
    now: DateTime<Utc>,
) -> store::Result<()> {
    if store::reservation::pin(transaction, checkout_id).await? {
        give_back(transaction, checkout_id, now).await?;
    }
    Ok(())
}

/// Gives back what has lapsed by now, unless another replica is at it.
async fn release_lapsed(flow: &Flow) -> store::Result<()> {
    loop {
        let now = now();
        let lapsed = store::reservation::lapsed(&flow.database, now, LAPSED_AT_A_TIME).await?;
        if lapsed.is_empty()
            || !store::lease::take(
                &flow.database,
                "reservations",
                flow.replica,
                now,
                SWEEP_LEASE,
            )
            .await?
        {
            return Ok(());
        }
        for checkout_id in lapsed {
            release_one(flow, checkout_id).await?;
        }
    }
}

/// Gives back what the checkout has reserved, if that has lapsed and nobody else was first.
async fn release_one(flow: &Flow, checkout_id: Uuid) -> store::Result<()> {
    let transaction = flow.database.begin().await?;
    store::order::paid_order_of(&transaction, checkout_id).await?;
    let now = now();
    if store::reservation::claim(&transaction, checkout_id, now).await? {
        give_back(&transaction, checkout_id, now).await?;
    }
    transaction.commit().await
}

impl Flow {
    /// Gives back what checkouts have reserved as it lapses, until it is cancelled. Every replica does so, one at a time.
    pub async fn sweep_reservations(self: Arc<Self>, cancelled: CancellationToken) {
        let mut ticks = tokio::time::interval(SWEEP_INTERVAL);
        while cancelled.run_until_cancelled(ticks.tick()).await.is_some() {
            match release_lapsed(&self).await {
                // Somebody else is at it.
                Ok(()) | Err(StoreError::Serialization(_)) => {}
                Err(error) => {
                    tracing::warn!(%error, "lapsed reservations could not be released");
                }
            }
        }
    }
}

/// What the checkout can pay with when each of these balances has so much left, in their order: it can also use what it
/// holds itself. Nothing is held without orders.
pub(super) async fn available(
    flow: &Flow,
    checkout: &Checkout,
    left: &[Share],
) -> Result<Vec<Amount>> {
    if checkout.order_ids.is_empty() {
        return Ok(left.iter().map(|share| share.amount).collect());
    }
    let ids: Vec<Uuid> = left.iter().map(|share| share.balance_id).collect();
    let found = store::balance::available(&flow.database, &ids, checkout.id).await?;
    let of = |id: &Uuid| {
        let share = found.iter().find(|share| share.balance_id == *id);
        share.map_or(Amount::ZERO, |share| share.amount)
    };
    Ok(ids.iter().map(of).collect())
}

/// The same of one balance.
pub(super) async fn available_of(flow: &Flow, checkout: &Checkout, left: Share) -> Result<Amount> {
    let available = available(flow, checkout, &[left]).await?;
    Ok(available.first().copied().unwrap_or_default())
}

/// Whether orders of the checkout as it is use anything scarce.
fn uses_scarce_things(checkout: &Checkout) -> bool {
    let totals = &checkout.pricing.totals;
    !limited_coupons(checkout).is_empty()
        || !checkout.pricing.limited_promotions.is_empty()
        || !totals.gift_certificate_amount.is_zero()
        || !totals.store_credit_amount.is_zero()
        || !checkout.counted_lines().is_empty()
}

/// Makes the checkout hold what the order uses, but for goods. `reserved` says that no payment needs what it has held so far.
async fn take(transaction: &Transaction, order: &Order, rest: Rest, reserved: bool) -> Result<()> {
    let held = store::promotion::held_uses(transaction, order.snapshot.id).await?;
    take_codes(transaction, order, &held, rest, reserved).await?;
    take_promotions(transaction, order, &held, rest).await?;
    take_money(transaction, order, rest).await
}

async fn take_codes(
    transaction: &Transaction,
    order: &Order,
    held: &HeldUses,
    rest: Rest,
    reserved: bool,
) -> Result<()> {
    let checkout = &order.snapshot;
    let needed = limited_coupons(checkout);
    let mut ids: Vec<Uuid> = needed.iter().map(|coupon| coupon.code_id).collect();
    ids.extend(held.codes.iter().map(|(id, _)| id));
    ids.sort_unstable();
    ids.dedup();
    for id in ids {
        let coupon = needed.iter().find(|coupon| coupon.code_id == id);
        // The cart may have become another customer's since.
        let foreign =
            |(held, customer): &(Uuid, String)| *held == id && *customer != checkout.customer_id;
        let unneeded = coupon.is_none() && rest == Rest::Returned;
        if unneeded || (reserved && held.codes.iter().any(foreign)) {
            store::promotion::release(transaction, id, checkout.id).await?;
        }
        if let Some(coupon) = coupon {
            let redemption = store::promotion::redeem(
                transaction,
                id,
                checkout.id,
                order.id,
                &checkout.customer_id,
                order.update_time,
            );
            check_coupon(coupon, redemption.await?)?;
        }
    }
    Ok(())
}

async fn take_promotions(
    transaction: &Transaction,
    order: &Order,
    held: &HeldUses,
    rest: Rest,
) -> Result<()> {
    let checkout = &order.snapshot;
    let needed = &checkout.pricing.limited_promotions;
    let mut ids: Vec<Uuid> = needed.iter().chain(&held.promotions).copied().collect();
    ids.sort_unstable();
    ids.dedup();
    for id in ids {
        if needed.contains(&id) {
            let now = order.update_time;
            let redemption =
                store::promotion::redeem_promotion(transaction, id, checkout.id, order.id, now);
            check_promotion(id, redemption.await?)?;
        } else if rest == Rest::Returned {
            store::promotion::release_promotion(transaction, id, checkout.id).await?;
        }
    }
    Ok(())
}

/// Gives back all that the checkout holds.
async fn give_back(
    transaction: &Transaction,
    checkout_id: Uuid,
    now: DateTime<Utc>,
) -> store::Result<()> {
    let mut held = store::promotion::held_uses(transaction, checkout_id).await?;
    held.codes.sort_unstable();
    for (id, _) in held.codes {
        store::promotion::release(transaction, id, checkout_id).await?;
    }
    held.promotions.sort_unstable();
    for id in held.promotions {
        store::promotion::release_promotion(transaction, id, checkout_id).await?;
    }
    let mut shares = store::balance::held(transaction, checkout_id).await?;
    shares.sort_unstable_by_key(|share| share.balance_id);
    for Share { balance_id, amount } in shares {
        let change = entry(amount, None, now);
        store::balance::change(transaction, balance_id, None, &change).await?;
        let nothing = Share {
            balance_id,
            amount: Amount::ZERO,
        };
        store::balance::hold(transaction, checkout_id, nothing).await?;
    }
    stock::give_back(transaction, checkout_id).await
}

fn limited_coupons(checkout: &Checkout) -> Vec<&AppliedCoupon> {
    let coupons = checkout.coupons.iter();
    let mut limited: Vec<_> = coupons.filter(|coupon| coupon.limited).collect();
    limited.sort_by_key(|coupon| coupon.code_id);
    limited
}

fn check_promotion(id: Uuid, redemption: Redemption) -> reason::Result<()> {
    if matches!(redemption, Redemption::Held | Redemption::Gone) {
        return Ok(());
    }
    let message = format!("promotion {id} has no uses left: create the order again without it");
    Err(Refusal::new(Reason::PromotionUsesExhausted, message).with("promotion_id", id))
}

fn check_coupon(coupon: &AppliedCoupon, redemption: Redemption) -> reason::Result<()> {
    let (reason, what) = match redemption {
        // A code that was deleted since: the order pays what its snapshot says.
        Redemption::Held | Redemption::Gone => return Ok(()),
        Redemption::Exhausted => (Reason::CouponUsesExhausted, "has no uses left"),
        Redemption::CustomerExhausted => (
            Reason::CouponCustomerUsesExhausted,
            "has no uses left for this customer",
        ),
    };
    let code = &coupon.code;
    let message = format!("coupon \"{code}\" {what}: create the order again without it");
    Err(Refusal::new(reason, message).with("code", code))
}

/// What the gift certificates and the store credit of an order pay.
async fn needed(transaction: &Transaction, checkout: &Checkout) -> Result<Vec<Share>> {
    let certificates = checkout.gift_certificates.iter();
    let mut needed: Vec<Share> = certificates
        .zip(&checkout.pricing.gift_certificates)
        .filter(|(_, amount)| !amount.is_zero())
        .map(|(certificate, amount)| Share {
            balance_id: certificate.id,
            amount: *amount,
        })
        .collect();
    let amount = checkout.pricing.totals.store_credit_amount;
    if !amount.is_zero() {
        let (customer, currency) = (&checkout.customer_id, checkout.currency);
        let credit = store::store_credit::find(transaction, customer, currency).await?;
        let credit = credit.ok_or_else(|| checkout.store_credit_empty(Amount::ZERO))?;
        let balance_id = credit.id;
        needed.push(Share { balance_id, amount });
    }
    Ok(needed)
}

/// Moves money between balances and what the checkout holds, until it holds what the order needs.
async fn take_money(transaction: &Transaction, order: &Order, rest: Rest) -> Result<()> {
    let checkout = &order.snapshot;
    let needed = needed(transaction, checkout).await?;
    let held = store::balance::held(transaction, checkout.id).await?;
    let exactly = rest == Rest::Returned;
    for step in moves(&held, &needed, exactly).map_err(Refusal::from)? {
        let change = entry(step.amount, Some(order.id), order.update_time);
        let balance_id = step.balance_id;
        if !store::balance::change(transaction, balance_id, None, &change).await? {
            return Err(short(transaction, checkout, balance_id).await?.into());
        }
        let amount = step.held;
        let share = Share { balance_id, amount };
        store::balance::hold(transaction, checkout.id, share).await?;
    }
    Ok(())
}

fn entry(amount: Amount, order_id: Option<Uuid>, time: DateTime<Utc>) -> Change {
    Change {
        id: new_id(),
        kind: if amount < Amount::ZERO {
            EntryKind::Redeemed
        } else {
            EntryKind::Restored
        },
        amount,
        order_id,
        note: String::new(),
        time,
    }
}

/// Refuses to pay with a balance that has not got enough.
async fn short(
    transaction: &Transaction,
    checkout: &Checkout,
    balance_id: Uuid,
) -> Result<Refusal> {
    let found = store::balance::available(transaction, &[balance_id], checkout.id).await?;
    let available = found.first().map_or(Amount::ZERO, |share| share.amount);
    let mut certificates = checkout.gift_certificates.iter();
    let certificate = certificates.find(|certificate| certificate.id == balance_id);
    Ok(match certificate {
        Some(certificate) => empty(&certificate.code, available, checkout.currency),
        None => checkout.store_credit_empty(available),
    })
}

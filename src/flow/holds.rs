//! What a checkout holds of scarce things while its orders are being paid: uses of coupons and promotions, money of
//! gift certificates and store credit.
//!
//! Things are always taken in the same order, each kind by id, so that no two payments wait for each other.

use uuid::Uuid;

use super::{Flow, Result, gift_certificate, new_id};
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
    store::{self, Transaction, promotion::Redemption},
};

/// Takes or gives back what the order uses, as the effect of a payment demands. What is gone refuses the payment, and
/// never one that has been pending: its checkout holds everything since then.
pub(super) async fn follow(transaction: &Transaction, order: &Order, effect: Effect) -> Result<()> {
    match effect {
        Effect::Hold => {
            take_uses(transaction, order).await?;
            let needed = needed(transaction, &order.snapshot).await?;
            move_money(transaction, order, &needed, false).await
        }
        Effect::Settle => {
            gift_certificate::issue_bought(transaction, order).await?;
            take_uses(transaction, order).await?;
            let needed = needed(transaction, &order.snapshot).await?;
            move_money(transaction, order, &needed, true).await
        }
        Effect::Release => {
            if store::order::has_live_payment(transaction, order.snapshot.id).await? {
                return Ok(());
            }
            give_back_uses(transaction, order).await?;
            move_money(transaction, order, &[], true).await
        }
        Effect::Repeated | Effect::Nothing => Ok(()),
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

async fn take_uses(transaction: &Transaction, order: &Order) -> Result<()> {
    let checkout = &order.snapshot;
    for coupon in limited_coupons(checkout) {
        let redemption = store::promotion::redeem(
            transaction,
            coupon.code_id,
            checkout.id,
            order.id,
            &checkout.customer_id,
            order.update_time,
        );
        check_coupon(coupon, redemption.await?)?;
    }
    for id in limited_promotions(checkout) {
        let now = order.update_time;
        let redemption =
            store::promotion::redeem_promotion(transaction, id, checkout.id, order.id, now);
        check_promotion(id, redemption.await?)?;
    }
    Ok(())
}

async fn give_back_uses(transaction: &Transaction, order: &Order) -> Result<()> {
    let checkout = &order.snapshot;
    for coupon in limited_coupons(checkout) {
        store::promotion::release(transaction, coupon.code_id, checkout.id).await?;
    }
    for id in limited_promotions(checkout) {
        store::promotion::release_promotion(transaction, id, checkout.id).await?;
    }
    Ok(())
}

fn limited_coupons(checkout: &Checkout) -> Vec<&AppliedCoupon> {
    let coupons = checkout.coupons.iter();
    let mut limited: Vec<_> = coupons.filter(|coupon| coupon.limited).collect();
    limited.sort_by_key(|coupon| coupon.code_id);
    limited
}

fn limited_promotions(checkout: &Checkout) -> Vec<Uuid> {
    let mut limited = checkout.pricing.limited_promotions.clone();
    limited.sort_unstable();
    limited.dedup();
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

/// Moves money between balances and what the checkout holds, until it holds what is needed: at least that much, or
/// `exactly`.
async fn move_money(
    transaction: &Transaction,
    order: &Order,
    needed: &[Share],
    exactly: bool,
) -> Result<()> {
    if needed.is_empty() && !exactly {
        return Ok(());
    }
    let checkout = &order.snapshot;
    let held = store::balance::held(transaction, checkout.id).await?;
    for step in moves(&held, needed, exactly).map_err(Refusal::from)? {
        let change = Change {
            id: new_id(),
            kind: if step.amount < Amount::ZERO {
                EntryKind::Redeemed
            } else {
                EntryKind::Restored
            },
            amount: step.amount,
            order_id: Some(order.id),
            note: String::new(),
            time: order.update_time,
        };
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

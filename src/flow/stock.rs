//! Stock that the shop counts: what carts can have of it, and what their orders take. Whoever changes what a checkout holds
//! has locked the checkout first.

use uuid::Uuid;

use super::{Flow, Result, concurrent_change};
use crate::{
    catalog::Products,
    domain::{
        checkout::Checkout,
        order::Order,
        pricing::Gift,
        reason::{Refusal, Violation},
        stock::{Asked, StockMove, Units, VariantKey, reserving, returning, selling},
    },
    store::{self, Transaction},
};

/// Refuses what asks for more of a variant than the checkout can have, all its lines but gifts together: gifts are given
/// of what is left beside them. Nothing is looked up for variants that are not counted.
pub(super) async fn check(
    flow: &Flow,
    checkout: &Checkout,
    asked: &[Asked],
    products: &Products,
) -> Result<()> {
    let told = told(asked.iter().map(|(_, key)| key), products);
    let needed = told
        .keys()
        .map(|key| (key.clone(), checkout.units_bought(key)));
    let refusal = exhausted(flow, checkout, asked, &needed.collect(), &told).await?;
    refusal.map_or(Ok(()), |refusal| Err(refusal.into()))
}

/// The lines that need more than the checkout can have, for an order.
pub(super) async fn shortages(flow: &Flow, checkout: &Checkout) -> Result<Vec<Violation>> {
    let (lines, needed) = (checkout.counted_lines(), checkout.stock_needed());
    let refusal = exhausted(flow, checkout, &lines, &needed, &checkout.stock_told()).await?;
    Ok(refusal.map_or(Vec::new(), |refusal| refusal.violations))
}

async fn exhausted(
    flow: &Flow,
    checkout: &Checkout,
    asked: &[Asked],
    needed: &Units,
    told: &Units,
) -> Result<Option<Refusal>> {
    let available = available(flow, checkout, told).await?;
    Ok(checkout.stock_exhausted(asked, needed, &available))
}

/// What is left for gifts beside the other lines, of those variants that are counted.
pub(super) async fn left_for_gifts(
    flow: &Flow,
    checkout: &Checkout,
    gifts: &[Gift],
    products: &Products,
) -> Result<Units> {
    let keys: Vec<_> = gifts.iter().map(gift_key).collect();
    let mut left = available(flow, checkout, &told(keys.iter(), products)).await?;
    for (key, left) in &mut left {
        *left = left.saturating_sub(checkout.units_bought(key)).max(0);
    }
    Ok(left)
}

/// The variant that a gift is.
pub(super) fn gift_key(gift: &Gift) -> VariantKey {
    VariantKey::new(&gift.product_id, &gift.variant_id)
}

/// The levels that the catalog tells of those that it counts.
fn told<'a>(keys: impl Iterator<Item = &'a VariantKey>, products: &Products) -> Units {
    let told = |key: &VariantKey| {
        let product = products.get(&key.product_id).ok()?;
        let stock = product.stock_of(&key.variant_id)?;
        Some((key.clone(), stock.level))
    };
    keys.filter_map(told).collect()
}

/// What the checkout can have of these variants, of which the catalog told these levels: what is left, and what it holds
/// itself. One that turns out not to be counted is left out.
async fn available(flow: &Flow, checkout: &Checkout, told: &Units) -> Result<Units> {
    if told.is_empty() {
        return Ok(Units::new());
    }
    // Before what is left: something that is given back in between is seen twice rather than not at all, and an order of
    // too much is refused when it is made.
    let held = if checkout.order_ids.is_empty() {
        Units::new()
    } else {
        store::stock::held(&flow.database, checkout.id).await?
    };
    let kept = store::stock::find(&flow.database, told.keys()).await?;
    let of = |(key, told): (&VariantKey, &i64)| {
        let kept = kept.get(key);
        let reserved = kept.map_or(0, |kept| kept.reserved);
        let level = if flow.catalog.is_remote() {
            *told
        } else {
            kept?.level?
        };
        let held = held.get(key).copied().unwrap_or_default();
        Some((key.clone(), with_held(level, reserved, held)))
    };
    Ok(told.iter().filter_map(of).collect())
}

fn with_held(level: i64, reserved: i64, held: i64) -> i64 {
    level.saturating_sub(reserved).saturating_add(held).max(0)
}

/// Makes the checkout hold what a new order needs: at least that, or `exactly`. The levels are those that a remote catalog
/// has just told.
pub(super) async fn reserve(
    flow: &Flow,
    transaction: &Transaction,
    order: &Order,
    exactly: bool,
) -> Result<()> {
    let told = if flow.catalog.is_remote() {
        order.snapshot.stock_told()
    } else {
        Units::new()
    };
    hold_told(transaction, order, exactly, &told).await
}

/// Makes the checkout hold at least what the order needs.
pub(super) async fn hold(transaction: &Transaction, order: &Order) -> Result<()> {
    hold_told(transaction, order, false, &Units::new()).await
}

async fn hold_told(
    transaction: &Transaction,
    order: &Order,
    exactly: bool,
    told: &Units,
) -> Result<()> {
    let held = store::stock::held(transaction, order.snapshot.id).await?;
    let steps = reserving(&held, &order.snapshot.stock_needed(), exactly);
    make(transaction, &order.snapshot, held, steps, told).await
}

/// Takes what a paid order needs out of the stock, and gives back all else that the checkout holds.
pub(super) async fn sell(transaction: &Transaction, order: &Order) -> Result<()> {
    let held = store::stock::held(transaction, order.snapshot.id).await?;
    let steps = selling(&held, &order.snapshot.stock_needed());
    make(transaction, &order.snapshot, held, steps, &Units::new()).await
}

/// Puts back what a paid order took.
pub(super) async fn put_back(transaction: &Transaction, order: &Order) -> Result<()> {
    for step in returning(&order.snapshot.stock_needed()) {
        store::stock::change(transaction, &step).await?;
    }
    Ok(())
}

/// Gives back all that the checkout holds.
pub(super) async fn give_back(transaction: &Transaction, checkout_id: Uuid) -> store::Result<()> {
    let held = store::stock::held(transaction, checkout_id).await?;
    for step in reserving(&held, &Units::new(), true) {
        store::stock::change(transaction, &step).await?;
    }
    store::stock::hold(transaction, checkout_id, &held, &Units::new()).await
}

/// Makes these moves of a checkout that holds `held`, all or none, each after its level is what was `told`. What is not
/// counted any more is held all the same: should it be counted again, no payment that is under way is refused for it.
async fn make(
    transaction: &Transaction,
    checkout: &Checkout,
    held: Units,
    steps: Vec<StockMove>,
    told: &Units,
) -> Result<()> {
    let mut after = held.clone();
    let mut refused = Vec::new();
    for step in steps {
        if let Some(level) = told.get(&step.key) {
            store::stock::set_level(transaction, &step.key, *level).await?;
        }
        if !store::stock::change(transaction, &step).await? {
            refused.push(step);
            continue;
        }
        if step.held > 0 {
            after.insert(step.key, step.held);
        } else {
            after.remove(&step.key);
        }
    }
    check_uncounted(transaction, checkout, &refused).await?;
    for step in refused.into_iter().filter(|step| step.held > 0) {
        store::stock::keep_uncounted(transaction, &step.key).await?;
        if !store::stock::change(transaction, &step).await? {
            return Err(concurrent_change().into());
        }
        after.insert(step.key, step.held);
    }
    store::stock::hold(transaction, checkout.id, &held, &after).await?;
    Ok(())
}

/// Refuses the order if any of these is counted.
async fn check_uncounted(
    transaction: &Transaction,
    checkout: &Checkout,
    refused: &[StockMove],
) -> Result<()> {
    if refused.is_empty() {
        return Ok(());
    }
    let kept = store::stock::find(transaction, refused.iter().map(|step| &step.key)).await?;
    let counted = refused.iter().filter_map(|step| {
        let kept = kept.get(&step.key)?;
        let left = with_held(kept.level?, kept.reserved, step.held_before);
        Some((step.key.clone(), left))
    });
    let counted: Units = counted.collect();
    if counted.is_empty() {
        return Ok(());
    }
    let (lines, needed) = (checkout.counted_lines(), checkout.stock_needed());
    let refusal = checkout.stock_exhausted(&lines, &needed, &counted);
    // Unless somebody has just given it back.
    Err(refusal.unwrap_or_else(concurrent_change).into())
}

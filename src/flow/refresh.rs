//! Keeping a checkout up to date with what it was made from: catalog, promotions, shipping offers, balances.

use std::collections::HashSet;

use chrono::{DateTime, SecondsFormat, Utc};

use super::{
    Flow, Result, change::Draft, gift_certificate, new_id, shipping, stock, store_credit, tax,
};
use crate::{
    catalog::Products,
    domain::{
        cart::{Facts, LineItem},
        checkout::{Checkout, MessageCode},
        coupon::AppliedCoupon,
        money::Money,
        pricing::Gift,
        promotion::{CouponCode, Promotion},
        reason::Refusal,
        stock::take_gift,
        store::Store,
    },
    store,
};

/// Refreshes prices and coupons if catalog, promotions or settings have changed since they were last. Nothing tells
/// whether a remote catalog has, so its products are looked up each time.
pub(super) async fn if_stale(flow: &Flow, draft: &mut Draft) -> Result<()> {
    let (seen, current) = (draft.checkout.revisions, draft.snapshot.revisions);
    let changed = (seen.catalog, seen.store) != (current.catalog, current.store);
    if changed || flow.catalog.is_remote() {
        let products = draft.products(flow, &product_ids(&draft.checkout)).await?;
        lines(draft, &products);
        gift_wrapping(draft);
    }
    if seen.promotions != current.promotions && !draft.checkout.coupons.is_empty() {
        coupons(flow, draft).await?;
    }
    Ok(())
}

/// Takes over what gift certificates and store credit have now, and tells of the certificates that do not pay what they
/// paid on the checkout as it was `before`.
pub(super) async fn balances(flow: &Flow, before: &Checkout, draft: &mut Draft) -> Result<()> {
    let Draft { checkout, now, .. } = draft;
    if !checkout.gift_certificates.is_empty() {
        let found = gift_certificate::applied(flow, checkout).await?;
        checkout.refresh_gift_certificates(&found, *now);
        checkout.tell_of_gift_certificates(before);
    }
    if checkout.store_credit.is_some() {
        checkout.store_credit = Some(store_credit::available(flow, checkout).await?);
    }
    Ok(())
}

/// The products of the lines, each once.
pub(super) fn product_ids(checkout: &Checkout) -> Vec<String> {
    let ids: HashSet<&String> = checkout
        .lines
        .iter()
        .filter(|line| line.is_mutable())
        .map(|line| &line.product_id)
        .collect();
    ids.into_iter().cloned().collect()
}

/// Takes over what the catalog says of each line now. A line that cannot be bought any more stays as it
/// is. Answers those lines with why.
pub(super) fn lines(draft: &mut Draft, products: &Products) -> Vec<(String, Refusal)> {
    let (store, currency) = (&draft.snapshot.store, draft.checkout.currency);
    let mut messages = Vec::new();
    let mut unavailable = Vec::new();
    for line in draft
        .checkout
        .lines
        .iter_mut()
        .filter(|line| line.is_mutable())
    {
        let subject = line.id.to_string();
        let before = line.list_price();
        match current_facts(line, products, store, currency) {
            Ok(facts) => line.facts = facts,
            Err(refusal) => {
                let text = refusal.message.clone();
                messages.push((MessageCode::ItemUnavailable, subject.clone(), text));
                unavailable.push((subject, refusal));
                continue;
            }
        }
        if line.list_price() != before {
            let shown = |amount| Money { currency, amount };
            let (old, new) = (shown(before), shown(line.list_price()));
            let text = format!(
                "the price of \"{}\" changed from {old} to {new}",
                line.facts.name
            );
            messages.push((MessageCode::PriceRefreshed, subject, text));
        }
    }
    for (code, subject, text) in messages {
        draft.checkout.tell(code, subject, text);
    }
    unavailable
}

/// Takes over what gift wrapping is called and costs now. Answers the lines whose wrapping cannot be had, with why.
pub(super) fn gift_wrapping(draft: &mut Draft) -> Vec<(String, Refusal)> {
    draft.checkout.refresh_gift_wrapping(&draft.snapshot.store)
}

fn current_facts(
    line: &LineItem,
    products: &Products,
    store: &Store,
    currency: crate::domain::money::Currency,
) -> std::result::Result<Facts, Refusal> {
    let product = products.get(&line.product_id)?;
    product.check_purchase(&line.variant_id, line.quantity)?;
    product.facts(
        &line.variant_id,
        &line.answers(),
        store,
        currency,
        "line_item",
    )
}

/// Takes over what the codes and promotions of the coupons are now; those that are gone are dropped.
/// Answers the codes, in the order of the coupons that are left.
pub(super) async fn coupons(flow: &Flow, draft: &mut Draft) -> Result<Vec<CouponCode>> {
    let ids: Vec<_> = draft
        .checkout
        .coupons
        .iter()
        .map(|coupon| coupon.code_id)
        .collect();
    let mut found = store::promotion::codes(&flow.database, &ids).await?;
    let mut codes = Vec::with_capacity(ids.len());
    for coupon in std::mem::take(&mut draft.checkout.coupons) {
        let Some(index) = found.iter().position(|(code, _)| code.id == coupon.code_id) else {
            let text = format!("coupon \"{}\" does not exist any more", coupon.code);
            draft
                .checkout
                .tell(MessageCode::CouponDropped, coupon.code, text);
            continue;
        };
        let (code, promotion) = found.swap_remove(index);
        draft
            .checkout
            .coupons
            .push(applied(&code, promotion, coupon.code));
        codes.push(code);
    }
    Ok(codes)
}

/// A coupon as it stands on a checkout.
pub(super) fn applied(code: &CouponCode, promotion: Promotion, entered: String) -> AppliedCoupon {
    AppliedCoupon {
        code_id: code.id,
        code: entered,
        limited: code.is_limited(),
        promotion,
    }
}

/// Makes shipping, prices and gifts agree with the lines and addresses, where these are no longer those of `before`.
pub(super) async fn settle(flow: &Flow, before: &Checkout, draft: &mut Draft) -> Result<()> {
    // A gift can change what shipping costs, and so which promotions apply: twice is enough for all but the oddest of these.
    let mut gift_rounds = 0..2;
    let question = loop {
        shipping::recheck(flow, before, draft).await?;
        let question = draft.price()?;
        if gift_rounds.next().is_none() || !gifts(flow, draft).await? {
            break question;
        }
    };
    draft.checkout.revisions = draft.snapshot.revisions;
    tax::estimate(flow, draft, question).await
}

/// Makes the gift lines what promotions give now. Answers whether anything changed.
async fn gifts(flow: &Flow, draft: &mut Draft) -> Result<bool> {
    let due = draft.checkout.due_gifts();
    if due.is_empty()
        && draft
            .checkout
            .lines
            .iter()
            .all(|line| line.gift_of.is_none())
    {
        return Ok(false);
    }
    let ids: Vec<_> = due.iter().map(|gift| gift.product_id.clone()).collect();
    let products = draft.products(flow, &ids).await?;
    let mut left = stock::left_for_gifts(flow, &draft.checkout, &due, &products).await?;
    let (store, currency) = (&draft.snapshot.store, draft.checkout.currency);
    let facts = |gift: &Gift| {
        let product = products.get(&gift.product_id)?;
        product.check_purchase(&gift.variant_id, gift.quantity)?;
        take_gift(
            &mut left,
            &stock::gift_key(gift),
            gift.quantity,
            &product.name,
        )?;
        product.facts(&gift.variant_id, &[], store, currency, "gift")
    };
    Ok(draft.checkout.keep_gifts(facts, new_id))
}

/// Tells of products that the remote catalog could not be asked for, of which the oldest is from `stale_since`.
pub(super) fn tell_of_catalog(checkout: &mut Checkout, stale_since: Option<DateTime<Utc>>) {
    if let Some(time) = stale_since {
        let time = time.to_rfc3339_opts(SecondsFormat::Secs, true);
        let text = format!("the catalog is out of reach: prices are those of {time}");
        checkout.tell(MessageCode::CatalogStale, "", text);
    }
}

/// Tells of every coupon that gives nothing at the moment.
pub(super) fn tell_of_coupons(checkout: &mut Checkout) {
    let idle: Vec<_> = checkout
        .coupons
        .iter()
        .zip(&checkout.pricing.coupons)
        .filter_map(|(coupon, outcome)| {
            let refusal = outcome.refusal.as_ref()?;
            Some((coupon.code.clone(), refusal.message.clone()))
        })
        .collect();
    for (code, text) in idle {
        checkout.tell(MessageCode::CouponNotQualifying, code, text);
    }
}

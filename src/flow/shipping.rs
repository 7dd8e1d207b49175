//! Selected shipping options: whether they still stand.

use uuid::Uuid;

use super::{Flow, Result, change::Draft};
use crate::{
    domain::{
        checkout::{Checkout, MessageCode},
        consignment::{Consignment, Fulfilment},
        reason::{Reason, Violation},
        shipping::{Quote, RateRequest, ShippingOption},
    },
    quotes::{Freshness, Wanted},
};

/// Drops selected options that are not offered any more, or not at the same cost, wherever what the quote depends on
/// has changed since `before`, or the settings since the checkout was last settled.
pub(super) async fn recheck(flow: &Flow, before: &Checkout, draft: &mut Draft) -> Result<()> {
    let store = &draft.snapshot.store;
    let same_store = draft.checkout.revisions.store == draft.snapshot.revisions.store;
    let has_changed = |consignment: &Consignment, request: &Option<RateRequest>| {
        let mut earlier = before.consignments.iter();
        let earlier = earlier.find(|earlier| earlier.id == consignment.id);
        let earlier = earlier.and_then(|earlier| RateRequest::of(before, earlier, store));
        !same_store || earlier != *request
    };
    for (id, selected, mut quote) in quoted(flow, draft, has_changed).await? {
        let name = &selected.description;
        match quote.take_option(&selected.id) {
            Some(offer) if offer.is_same_offer(&selected) => select(draft, id, offer)?,
            Some(_) => drop_selected(draft, id, &format!("\"{name}\" has another cost now"))?,
            None => drop_selected(draft, id, &why_gone(name, &quote))?,
        }
    }
    Ok(())
}

/// Renews selected options whose quotes have expired, or that come from other settings, each at what it costs now, and
/// drops those that are gone. One that has only expired and whose carrier cannot be asked stays as it is, and in the way
/// of an order.
pub(super) async fn renew(flow: &Flow, draft: &mut Draft) -> Result<Vec<Violation>> {
    let now = draft.now;
    let same_store = draft.checkout.revisions.store == draft.snapshot.revisions.store;
    let has_expired = |consignment: &Consignment, _: &Option<RateRequest>| {
        let expire_time = consignment.shipping_option().and_then(|o| o.expire_time);
        !same_store || expire_time.is_some_and(|time| time <= now)
    };
    let mut obstacles = Vec::new();
    for (id, selected, mut quote) in quoted(flow, draft, has_expired).await? {
        let name = &selected.description;
        match (
            quote.take_option(&selected.id),
            quote.failed_carriers.first(),
        ) {
            (Some(offer), _) => select(draft, id, offer)?,
            (None, Some(carrier)) if same_store => {
                let text = format!(
                    "\"{name}\" has to be quoted again and carrier \"{carrier}\" cannot be asked now: try again, or \
                     choose another shipping option"
                );
                let reason = Reason::ShippingOptionNotAvailable;
                obstacles.push(Violation::new(id.to_string(), reason, text));
            }
            (None, _) => drop_selected(draft, id, &why_gone(name, &quote))?,
        }
    }
    draft.checkout.revisions.store = draft.snapshot.revisions.store;
    Ok(obstacles)
}

/// What is offered now of the selected option of each consignment that is `wanted`, with that option.
async fn quoted(
    flow: &Flow,
    draft: &Draft,
    wanted: impl Fn(&Consignment, &Option<RateRequest>) -> bool,
) -> Result<Vec<(Uuid, ShippingOption, Quote)>> {
    let store = &draft.snapshot.store;
    let (mut selected, mut ratings) = (Vec::new(), Vec::new());
    for consignment in &draft.checkout.consignments {
        let Some(option) = consignment.shipping_option() else {
            continue;
        };
        let request = RateRequest::of(&draft.checkout, consignment, store);
        if wanted(consignment, &request) {
            selected.push((consignment.id, option.clone()));
            ratings.push(Wanted {
                request,
                option_id: Some(option.id.clone()),
            });
        }
    }
    if ratings.is_empty() {
        return Ok(Vec::new());
    }
    let quotes = &flow.quotes;
    let rating = quotes.quote_all(store, &ratings, Freshness::Current, draft.now);
    let found = selected.into_iter().zip(rating.await?);
    Ok(found
        .map(|((id, option), quote)| (id, option, quote))
        .collect())
}

fn why_gone(name: &str, quote: &Quote) -> String {
    match quote.failed_carriers.first() {
        Some(carrier) => format!("carrier \"{carrier}\" of \"{name}\" cannot be asked now"),
        None => format!("\"{name}\" is not offered any more"),
    }
}

fn select(draft: &mut Draft, id: Uuid, option: ShippingOption) -> Result<()> {
    draft.checkout.consignment_mut(id)?.fulfilment = Some(Fulfilment::Shipping(option));
    Ok(())
}

fn drop_selected(draft: &mut Draft, id: Uuid, why: &str) -> Result<()> {
    draft.checkout.consignment_mut(id)?.fulfilment = None;
    let text = format!("{why}: choose a shipping option again");
    let code = MessageCode::ShippingOptionDropped;
    draft.checkout.tell(code, id.to_string(), text);
    Ok(())
}

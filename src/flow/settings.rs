//! The settings of the shop.

use std::sync::Arc;

use tracing::instrument;

use super::{
    Flow, Guard, Result, concurrent_change, now,
    once::{self, Once},
};
use crate::{
    domain::{
        money::Currency,
        reason::{Reason, Refusal},
        store::Store,
    },
    store,
};

/// Answers the settings.
#[instrument(name = "flow.get_store", skip_all)]
pub async fn get(flow: &Flow) -> Result<Arc<Store>> {
    Ok(Arc::clone(&flow.snapshot().store))
}

/// Changes the settings: `change` is given those that are and answers those that shall be. Two
/// changes at the same time: the second is refused with `CONCURRENT_CHANGE`.
#[instrument(name = "flow.update_store", skip_all)]
pub async fn update(
    flow: &Flow,
    change: impl Fn(&Store) -> std::result::Result<Store, Refusal> + Send,
    guard: Guard,
) -> Result<Arc<Store>> {
    if let Once::New(claim) = once::begin(flow, guard.request.as_ref(), now()).await? {
        let connection = &claim.transaction;
        let current = match store::settings::load(connection).await? {
            Some(store) => store,
            None => Store::empty(Currency::USD),
        };
        if guard
            .expected_version
            .is_some_and(|expected| expected != current.version)
        {
            let message = format!(
                "the settings have version {}: read them and decide again",
                current.version
            );
            let refusal = Refusal::new(Reason::VersionMismatch, message);
            return Err(refusal.with("current_version", current.version).into());
        }
        let changed = Store {
            version: current.version.saturating_add(1),
            ..change(&current)?
        };
        if !store::settings::replace(connection, &changed, current.version).await? {
            return Err(concurrent_change().into());
        }
        claim.commit("").await?;
        flow.reload().await?;
    }
    get(flow).await
}

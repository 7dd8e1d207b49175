//! The settings of the shop.

use std::sync::Arc;

use tracing::instrument;

use super::{
    Flow, Guard, Result, audit,
    change::{ATTEMPTS, pause},
    concurrent_change, now,
    once::{self, Once},
};
use crate::{
    domain::{
        audit::Action, checkout::check_version, money::Currency, reason::Refusal, store::Store,
    },
    store,
};

/// Answers the settings.
#[instrument(name = "flow.get_store", skip_all)]
pub async fn get(flow: &Flow) -> Result<Arc<Store>> {
    Ok(Arc::clone(&flow.snapshot().store))
}

/// Changes the settings: `change` is given those that are and answers those that shall be. It may be called several
/// times, each time on the newest version.
#[instrument(name = "flow.update_store", skip_all)]
pub async fn update(
    flow: &Flow,
    change: impl Fn(&Store) -> std::result::Result<Store, Refusal> + Send,
    guard: Guard,
) -> Result<Arc<Store>> {
    for attempt in 0..ATTEMPTS {
        let claim = match once::begin(flow, guard.request.as_ref(), now()).await? {
            Once::Answered(_) => return get(flow).await,
            Once::New(claim) => claim,
        };
        let current = store::settings::load(&claim.transaction).await?;
        let current = current.unwrap_or_else(|| Store::empty(Currency::USD));
        check_version(current.version, guard.expected_version)?;
        let version = current.version.saturating_add(1);
        let changed = Store {
            version,
            ..change(&current)?
        };
        if store::settings::replace(&claim.transaction, &changed, current.version).await? {
            audit::note(
                &claim.transaction,
                &guard,
                Action::UpdateStore,
                audit::UNNAMED,
            )
            .await?;
            claim.commit("").await?;
            flow.reload().await?;
            return get(flow).await;
        }
        drop(claim);
        pause(attempt).await;
    }
    Err(concurrent_change().into())
}

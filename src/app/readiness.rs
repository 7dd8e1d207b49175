//! What the health service tells: ready while the database answers, alive as long as anything is answered.

use std::time::Duration;

use tokio::{
    task::{JoinHandle, JoinSet},
    time::timeout,
};
use tokio_util::sync::CancellationToken;
use tonic_health::{ServingStatus, server::HealthReporter};

use super::close;
use crate::{rpc, store::Database};

/// How often the database is tried, and how long that may take.
const INTERVAL: Duration = Duration::from_millis(500);
const PATIENCE: Duration = Duration::from_secs(2);

/// Tells whether the service is ready, until it is [withdrawn](Self::withdraw).
#[derive(Debug)]
pub(super) struct Readiness {
    health: HealthReporter,
    withdrawn: CancellationToken,
    following: JoinHandle<()>,
}

impl Readiness {
    /// Follows the database by `probe`, a connection of its own: it is not kept waiting when all of the pool are busy. The
    /// `pool` has up to so many connections.
    pub(super) fn follow(
        health: HealthReporter,
        probe: Database,
        pool: Database,
        connections: u32,
    ) -> Self {
        let withdrawn = CancellationToken::new();
        let following = tokio::spawn({
            let (health, withdrawn) = (health.clone(), withdrawn.clone());
            async move {
                let following = follow(&health, &probe, &pool, connections);
                withdrawn.run_until_cancelled(following).await;
                close(probe).await;
            }
        });
        Self {
            health,
            withdrawn,
            following,
        }
    }

    /// Not ready from now on, whatever the database does.
    pub(super) async fn withdraw(&mut self) {
        self.withdrawn.cancel();
        if let Err(error) = (&mut self.following).await {
            tracing::error!(%error, "the database was not followed any more");
        }
        tell(&self.health, ServingStatus::NotServing).await;
    }

    /// Ends the calls of those that watch it, which would go on for ever.
    pub(super) async fn hang_up(&mut self) {
        for service in services().chain([rpc::LIVENESS]) {
            self.health.clear_service_status(service).await;
        }
    }
}

async fn follow(health: &HealthReporter, probe: &Database, pool: &Database, connections: u32) {
    let mut ready = true;
    loop {
        tokio::time::sleep(INTERVAL).await;
        let answered = matches!(timeout(PATIENCE, probe.ping()).await, Ok(Ok(())));
        if answered == ready {
            continue;
        }
        ready = answered;
        if ready {
            weed(pool, connections).await;
            tracing::info!("the database is back: ready");
            tell(health, ServingStatus::Serving).await;
        } else {
            tracing::warn!("the database is out of reach: not ready");
            tell(health, ServingStatus::NotServing).await;
        }
    }
}

/// Tries all connections of the pool at once, so that no call meets one that died while the database was away.
async fn weed(pool: &Database, connections: u32) {
    let mut tries = JoinSet::new();
    for _ in 0..connections {
        let pool = pool.clone();
        tries.spawn(async move { timeout(PATIENCE, pool.ping()).await });
    }
    // One that does not answer is thrown away, which is all that is asked for.
    tries.join_all().await;
}

async fn tell(health: &HealthReporter, status: ServingStatus) {
    for service in services() {
        health.set_service_status(service, status).await;
    }
}

/// The service as a whole, and each one of it.
fn services() -> impl Iterator<Item = &'static str> {
    [""].into_iter().chain(rpc::SERVICES)
}

//! Watching checkouts: whoever watches one is told its newest state after each change, whichever replica made it.
//!
//! A watched checkout is read once after a change, for everybody on this replica who watches it; those that changed at the
//! same time are read together. There are no queues: who is slow finds the newest state.

use std::{
    collections::{HashMap, HashSet},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tokio::{
    sync::{Notify, OwnedSemaphorePermit, Semaphore, watch},
    time::{Instant, sleep},
};
use tokio_util::sync::CancellationToken;
use tracing::instrument;
use uuid::Uuid;

use super::{
    Error, Flow, Result,
    change::{load, no_such_cart},
    event::Told,
    now,
};
use crate::{
    domain::{
        caller::Caller,
        checkout::{Checkout, CheckoutEnd},
        event::Subject,
    },
    store,
};

/// Watches at a time.
const WATCHES: usize = 10_000;
/// Checkouts that are read at once.
const PAGE: usize = 100;
/// Pause before checkouts that could not be read are read again.
const READ_AGAIN: Duration = Duration::from_secs(1);

/// The checkouts that are watched on this replica.
pub(super) struct Watches {
    /// By id. Each is here for as long as somebody watches it.
    watched: Mutex<HashMap<Uuid, Arc<Watched>>>,
    /// Wakes whoever reads changed checkouts: the first watch began, or the last one ended.
    turned: Notify,
    /// The places for watches.
    places: Arc<Semaphore>,
}

/// A checkout that is watched.
struct Watched {
    id: Uuid,
    /// The newest state; none until it is read for the first time.
    seen: watch::Sender<Option<Seen>>,
    /// When the last reading began that succeeded. Those who read one by one take turns.
    read: tokio::sync::Mutex<Option<Instant>>,
}

/// What is seen of a checkout.
#[derive(Debug, Clone)]
pub struct Seen {
    /// The checkout.
    pub checkout: Arc<Checkout>,
    /// How it ended; none while it lives.
    pub end: Option<CheckoutEnd>,
}

/// Watches a checkout.
pub struct Watcher {
    flow: Arc<Flow>,
    watched: Arc<Watched>,
    seen: watch::Receiver<Option<Seen>>,
    caller: Caller,
    ended: bool,
    _place: OwnedSemaphorePermit,
}

/// Begins to watch a checkout that lives.
#[instrument(name = "flow.watch_checkout", skip_all)]
pub async fn watch(flow: Arc<Flow>, id: Uuid, caller: Caller) -> Result<Watcher> {
    if flow.draining.is_cancelled() {
        return Err(Error::Draining);
    }
    let place = Arc::clone(&flow.watches.places).try_acquire_owned();
    let place = place.map_err(|_| Error::TooMany("watches"))?;
    let mut watcher = Watcher::begin(flow, id, caller, place);
    // After it was added to those that are watched, so that no change is missed between.
    let now_seen = watcher.watched.read(&watcher.flow, Instant::now()).await?;
    watcher.check_seen(&now_seen)?;
    now_seen.checkout.check_alive(now())?;
    watcher.seen.mark_changed();
    Ok(watcher)
}

impl Watcher {
    /// Who watches.
    #[must_use]
    pub const fn caller(&self) -> &Caller {
        &self.caller
    }

    fn begin(flow: Arc<Flow>, id: Uuid, caller: Caller, place: OwnedSemaphorePermit) -> Self {
        let mut all = flow.watches.lock();
        if all.is_empty() {
            flow.watches.turned.notify_one();
        }
        let watched = all.entry(id).or_insert_with(|| Arc::new(Watched::new(id)));
        let (watched, seen) = (Arc::clone(watched), watched.seen.subscribe());
        drop(all);
        Self {
            flow,
            watched,
            seen,
            caller,
            ended: false,
            _place: place,
        }
    }

    /// The checkout as it is, when first called; then after it changed, once or more. None after it has ended. Nothing is
    /// lost when the future is dropped.
    pub async fn next(&mut self) -> Result<Option<Seen>> {
        while !self.ended {
            let lifetime = self.lifetime();
            tokio::select! {
                biased;
                () = self.flow.draining.cancelled() => return Err(Error::Draining),
                // Never an error: what is watched here has its sender.
                _ = self.seen.changed() => {
                    let seen = self.seen.borrow_and_update().clone();
                    seen.as_ref().map(|seen| self.check_seen(seen)).transpose()?;
                    self.ended = seen.as_ref().is_some_and(|seen| seen.end.is_some());
                    return Ok(seen);
                }
                // Another replica may have given it more time just now.
                () = sleep(lifetime) => {
                    self.watched.read(&self.flow, Instant::now()).await?;
                }
            }
        }
        Ok(None)
    }

    /// Refuses what is not, or not any longer, there for whoever watches.
    fn check_seen(&self, seen: &Seen) -> Result<()> {
        if self.caller.sees(&seen.checkout) {
            return Ok(());
        }
        Err(no_such_cart(self.watched.id))
    }

    /// How long the checkout lives if nobody changes it.
    fn lifetime(&self) -> Duration {
        let seen = self.seen.borrow();
        let left = seen.as_ref().map(|seen| seen.checkout.expire_time - now());
        left.unwrap_or_default().to_std().unwrap_or_default()
    }
}

impl Drop for Watcher {
    fn drop(&mut self) {
        let mut all = self.flow.watches.lock();
        if self.watched.seen.receiver_count() == 1 {
            all.remove(&self.watched.id);
            if all.is_empty() {
                self.flow.watches.turned.notify_one();
            }
        }
    }
}

impl Watched {
    fn new(id: Uuid) -> Self {
        Self {
            id,
            seen: watch::Sender::new(None),
            read: tokio::sync::Mutex::default(),
        }
    }

    /// Reads the checkout, unless somebody has begun to after it was `asked` for.
    async fn read(&self, flow: &Flow, asked: Instant) -> Result<Seen> {
        let mut read = self.read.lock().await;
        let known = self.seen.borrow().clone();
        if let Some(known) = known
            && read.is_some_and(|began| began >= asked)
        {
            return Ok(known);
        }
        let began = Instant::now();
        let seen = Seen::of(load(flow, self.id, &Caller::Trusted).await?);
        *read = Some(began);
        self.show(seen.clone());
        Ok(seen)
    }

    /// Shows a state to everybody who watches, unless they know a newer one.
    fn show(&self, seen: Seen) {
        self.seen.send_if_modified(|known| {
            let newer = known.as_ref().is_none_or(|known| known.age() < seen.age());
            if newer {
                *known = Some(seen);
            }
            newer
        });
    }
}

impl Seen {
    fn of(checkout: Checkout) -> Self {
        Self {
            end: checkout.end(now()),
            checkout: Arc::new(checkout),
        }
    }

    /// Grows with each change; it expires without one.
    fn age(&self) -> (i64, bool) {
        (self.checkout.version, self.end.is_some())
    }
}

impl Default for Watches {
    fn default() -> Self {
        Self {
            watched: Mutex::default(),
            turned: Notify::new(),
            places: Arc::new(Semaphore::new(WATCHES)),
        }
    }
}

impl Watches {
    fn lock(&self) -> MutexGuard<'_, HashMap<Uuid, Arc<Watched>>> {
        self.watched.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn get(&self, id: Uuid) -> Option<Arc<Watched>> {
        self.lock().get(&id).cloned()
    }

    /// The watched checkouts that may have changed. None told is that some were not told.
    fn changed(&self, told: Option<Told>) -> Vec<Uuid> {
        let Some(Told::Event(event)) = told else {
            return self.lock().keys().copied().collect();
        };
        let Subject::Checkout(change) = &event.event.subject else {
            return Vec::new();
        };
        let watched = self.get(change.checkout_id);
        // A first reading that is under way may have begun before the change.
        let news = |watched: &Arc<Watched>| {
            let seen = watched.seen.borrow();
            let known = seen.as_ref().map(|seen| seen.checkout.version);
            known.is_none_or(|known| known < change.version)
        };
        let watched = watched.filter(news);
        watched.iter().map(|watched| watched.id).collect()
    }
}

impl Flow {
    /// Reads checkouts that are watched after they changed, until it is cancelled.
    pub async fn read_watched(self: Arc<Self>, cancelled: CancellationToken) {
        let reading = async {
            loop {
                self.watches.turned.notified().await;
                self.read_while_watched().await;
            }
        };
        cancelled.run_until_cancelled(reading).await;
    }

    /// Listens to events and reads, as long as anybody watches.
    async fn read_while_watched(&self) {
        let mut told = self.listen_to_events();
        // Those that changed before we listened.
        let mut changed: HashSet<_> = self.watches.changed(None).into_iter().collect();
        while !self.watches.lock().is_empty() {
            if !changed.is_empty()
                && let Err(error) = self.read_changed(&mut changed).await
            {
                tracing::warn!(%error, "watched checkouts could not be read");
            }
            tokio::select! {
                next = told.recv() => {
                    changed.extend(self.watches.changed(next.ok()));
                    while !told.is_empty() {
                        changed.extend(self.watches.changed(told.try_recv().ok()));
                    }
                }
                () = self.watches.turned.notified() => {}
                () = sleep(READ_AGAIN), if !changed.is_empty() => {}
            }
        }
    }

    /// Reads these checkouts and shows them to those who watch. What is left after an error was not read.
    #[instrument(name = "flow.read_watched", skip_all)]
    async fn read_changed(&self, changed: &mut HashSet<Uuid>) -> store::Result<()> {
        while !changed.is_empty() {
            let page: Vec<_> = changed.iter().copied().take(PAGE).collect();
            for checkout in store::checkout::load_all(&self.database, &page).await? {
                if let Some(watched) = self.watches.get(checkout.id) {
                    watched.show(Seen::of(checkout));
                }
            }
            changed.retain(|id| !page.contains(id));
        }
        Ok(())
    }
}

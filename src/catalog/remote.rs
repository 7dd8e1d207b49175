//! A catalog in a service outside. What it answered is kept in this process: fresh for a time to live, and as what to
//! fall back on for an hour more, so that carts live on while the service is away.

use std::{
    collections::{BTreeSet, HashMap},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use chrono::{DateTime, Utc};
use moka::future::Cache;
use tokio::{sync::watch, time::Instant};
use tracing::{Instrument as _, info_span};

use super::{Asking, Calls, Listing, Listings, LookupError, MAX_PER_CALL, Products, Wanted};
use crate::outbound::Failure;

/// How long a product is kept to fall back on once it is not fresh any more.
const KEPT: Duration = Duration::from_hours(1);
/// How long changes of carts leave the catalog alone after a failure, so that few of them wait in vain.
const PAUSE: Duration = Duration::from_secs(1);
/// Most products, variants and other parts of products kept, some tens of megabytes of usual ones.
const CAPACITY: u64 = 300_000;

/// The catalog behind these calls.
#[derive(Debug)]
pub(super) struct Remote {
    calls: Calls,
    ttl: Duration,
    cache: Cache<String, Entry>,
    state: Mutex<State>,
}

/// A listing, with when it was asked for.
#[derive(Debug, Clone)]
struct Entry {
    listing: Listing,
    asked: Instant,
    time: DateTime<Utc>,
}

#[derive(Debug, Default)]
struct State {
    /// The calls that are being made, by each id that they ask for.
    in_flight: HashMap<String, Flight>,
    /// No call but for an order before this moment.
    paused_until: Option<Instant>,
}

/// A call that is being made. Its answer comes once; if the call fails it never does, and the sender is gone.
type Flight = watch::Receiver<Option<Arc<Listings>>>;

impl Remote {
    pub(super) fn new(calls: Calls, ttl: Duration) -> Self {
        let cache = Cache::builder()
            .max_capacity(CAPACITY)
            .weigher(|_, entry: &Entry| weight(&entry.listing))
            .time_to_live(ttl.saturating_add(KEPT))
            .build();
        Self {
            calls,
            ttl,
            cache,
            state: Mutex::default(),
        }
    }

    /// What there is under these ids, from memory while it is fresh.
    pub(super) async fn products(
        self: &Arc<Self>,
        ids: &[String],
        asking: Asking<'_>,
    ) -> Result<Products, LookupError> {
        let mut products = Products::default();
        let mut wanted = BTreeSet::new();
        for id in distinct(ids) {
            match self.cache.get(&id).await {
                Some(entry) if entry.asked.elapsed() < self.ttl => {
                    products.insert(id, entry.listing);
                }
                _ => drop(wanted.insert(id)),
            }
        }
        if self.is_paused() {
            for id in wanted {
                self.recall(id, &mut products).await?;
            }
        } else {
            self.ask(wanted, asking, &mut products).await?;
        }
        Ok(products)
    }

    /// What there is under these ids now, or a moment ago where someone else is asking already.
    pub(super) async fn fresh(
        self: &Arc<Self>,
        ids: &[String],
        asking: Asking<'_>,
    ) -> Result<Products, LookupError> {
        let mut products = Products::default();
        self.ask(distinct(ids), asking, &mut products).await?;
        Ok(products)
    }

    /// Asks for these, and falls back on what is in memory where that fails.
    async fn ask(
        self: &Arc<Self>,
        ids: BTreeSet<String>,
        asking: Asking<'_>,
        products: &mut Products,
    ) -> Result<(), LookupError> {
        for (id, mut flight) in self.depart(ids, asking) {
            let landed = flight.wait_for(Option::is_some).await.ok();
            let answer = landed.and_then(|answer| answer.clone());
            match answer {
                Some(answer) => {
                    let listing = listing(&answer, &id);
                    products.insert(id, listing);
                }
                None => self.recall(id, products).await?,
            }
        }
        Ok(())
    }

    /// Takes what is in memory, however old it is.
    async fn recall(&self, id: String, products: &mut Products) -> Result<(), LookupError> {
        let entry = self.cache.get(&id).await.ok_or(LookupError::Unreachable)?;
        products.insert(id, entry.listing);
        let oldest = products.stale_since.unwrap_or(entry.time);
        products.stale_since = Some(oldest.min(entry.time));
        Ok(())
    }

    /// The call that each of these is asked for by: one that is being made already, or a new one, which is made for all
    /// callers and so to its end, whoever goes away.
    fn depart(
        self: &Arc<Self>,
        ids: BTreeSet<String>,
        asking: Asking<'_>,
    ) -> Vec<(String, Flight)> {
        let mut flights = Vec::with_capacity(ids.len());
        let mut new = Vec::new();
        let mut state = self.lock();
        for id in ids {
            match state.in_flight.get(&id) {
                Some(flight) => flights.push((id, flight.clone())),
                None => new.push(id),
            }
        }
        for ids in new.chunks(MAX_PER_CALL) {
            let (sender, flight) = watch::channel(None);
            for id in ids {
                state.in_flight.insert(id.clone(), flight.clone());
                flights.push((id.clone(), flight.clone()));
            }
            let wanted = Wanted {
                ids: ids.to_vec(),
                store: Arc::clone(asking.store),
            };
            let span = info_span!("catalog.fetch", products = ids.len());
            let call = Arc::clone(self).fly(wanted, asking.now, sender);
            tokio::spawn(call.instrument(span));
        }
        flights
    }

    /// Makes a call, and tells all who wait for it.
    async fn fly(
        self: Arc<Self>,
        wanted: Wanted,
        now: DateTime<Utc>,
        sender: watch::Sender<Option<Arc<Listings>>>,
    ) {
        let landing = Landing {
            remote: &self,
            ids: wanted.ids.clone(),
        };
        let asked = Instant::now();
        match self.calls.call(wanted).await {
            Ok(answer) => {
                for id in &landing.ids {
                    let entry = Entry {
                        listing: listing(&answer, id),
                        asked,
                        time: now,
                    };
                    self.cache.insert(id.clone(), entry).await;
                }
                self.lock().paused_until = None;
                // From memory, whoever comes from here on.
                drop(landing);
                sender.send_replace(Some(Arc::new(answer)));
            }
            Err(failure) => {
                tracing::warn!(%failure, "the remote catalog could not be asked");
                if matches!(failure, Failure::Temporary(_)) {
                    self.lock().paused_until = Instant::now().checked_add(PAUSE);
                }
            }
        }
    }

    fn is_paused(&self) -> bool {
        let until = self.lock().paused_until;
        until.is_some_and(|until| Instant::now() < until)
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Each once, without that of items that are not from a catalog.
fn distinct(ids: &[String]) -> BTreeSet<String> {
    let named = ids.iter().filter(|id| !id.is_empty());
    named.cloned().collect()
}

/// What there is under this id.
fn listing(answer: &Listings, id: &str) -> Listing {
    answer.get(id).cloned().unwrap_or(Listing::Missing)
}

/// Ends a flight when dropped, however the call ended.
struct Landing<'a> {
    remote: &'a Remote,
    ids: Vec<String>,
}

impl Drop for Landing<'_> {
    fn drop(&mut self) {
        let mut state = self.remote.lock();
        for id in &self.ids {
            state.in_flight.remove(id);
        }
    }
}

/// One for the entry, one for each part that a product has in a list.
fn weight(listing: &Listing) -> u32 {
    let Listing::Product(product) = listing else {
        return 1;
    };
    let variants = product.variants.iter();
    let variants: usize = variants
        .map(|variant| 1 + variant.option_values.len())
        .sum();
    let options: usize = product
        .options
        .iter()
        .map(|option| option.values.len())
        .sum();
    let others = product.category_ids.len() + product.modifiers.len() + product.custom_fields.len();
    u32::try_from(1 + variants + options + others).unwrap_or(u32::MAX)
}

//! What a call asks for: load, let the domain decide, save. One file per area; plain functions on [`Flow`].

use std::{
    sync::{Arc, PoisonError, RwLock},
    time::Duration,
};

use chrono::{DateTime, SubsecRound, Utc};
use moka::future::Cache;
use rand::seq::IndexedRandom as _;
use tokio::sync::{Mutex, Notify};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use self::access::Access;
use crate::{
    auth::session_token::Sessions,
    catalog::{Asking, Catalog, LookupError},
    domain::{
        caller::Caller,
        checkout::{RequestKey, Revisions},
        money::Currency,
        promotion::index::Promotions,
        reason::{Reason, Refusal, Violation},
        store::Store,
    },
    limits::Codes,
    quotes::Quotes,
    store::{self, Database, StoreError, revision::Current},
    tax::TaxClient,
};

mod access;
pub mod api_token;
pub mod audit;
pub mod cart;
pub mod catalog;
mod change;
pub mod checkout;
mod code_tries;
pub mod consignment;
pub mod coupon;
pub mod erasure;
pub mod event;
pub mod fee;
pub mod gift_certificate;
mod holds;
pub mod line_item;
pub mod manual_discount;
mod once;
pub mod order;
pub mod promotion;
pub mod purge;
mod refresh;
pub mod session;
pub mod settings;
mod settlement;
mod shipping;
mod stock;
pub mod store_credit;
mod tax;
pub mod watch;

/// How often a replica looks whether another one has changed catalog, promotions, settings or who may call.
const POLL_INTERVAL: Duration = Duration::from_secs(1);
/// Checkouts whose changes this replica can line up at once.
const QUEUES: u64 = 100_000;

/// What the flows work with.
pub struct Flow {
    /// Tells this process from others on the same database.
    replica: Uuid,
    database: Database,
    catalog: Catalog,
    quotes: Quotes,
    tax: TaxClient,
    codes: Codes,
    sessions: Arc<Sessions>,
    /// Wakes whoever tells the tax provider of orders.
    tax_tasks: Notify,
    events: event::Events,
    token_uses: api_token::Uses,
    watches: watch::Watches,
    /// Cancelled when streams are to end, so that their callers go elsewhere.
    draining: CancellationToken,
    snapshot: RwLock<Arc<Snapshot>>,
    /// Held while the snapshot is loaded, so that an older one never replaces a newer one.
    reloading: Mutex<()>,
    /// One queue for each checkout that is being changed, so that callers on this replica take turns instead of
    /// deciding in vain. What keeps changes safe is the version in the database, not this.
    queues: Cache<Uuid, Arc<Mutex<()>>>,
}

/// What all requests share and that changes rarely.
#[derive(Debug, Clone)]
struct Snapshot {
    store: Arc<Store>,
    /// Those that apply by themselves, now or later, unless they are changed.
    promotions: Arc<Promotions>,
    revisions: Revisions,
    /// Apart from the others: no checkout is priced by it.
    access: Arc<Access>,
    access_revision: i64,
}

impl Snapshot {
    /// What the catalog is asked by.
    const fn asking(&self, now: DateTime<Utc>) -> Asking<'_> {
        Asking {
            revision: self.revisions.catalog,
            store: &self.store,
            now,
        }
    }

    /// The revisions of all that is here.
    const fn current(&self) -> Current {
        Current {
            shop: self.revisions,
            access: self.access_revision,
        }
    }
}

impl Flow {
    /// Loads settings and promotions; a database without any has a shop that ships nowhere.
    pub async fn new(
        replica: Uuid,
        database: Database,
        catalog: Catalog,
        quotes: Quotes,
        codes: Codes,
        sessions: Arc<Sessions>,
    ) -> Result<Self> {
        let snapshot = load_snapshot(&database, None).await?;
        Ok(Self {
            replica,
            database,
            catalog,
            quotes,
            tax: TaxClient::default(),
            codes,
            sessions,
            tax_tasks: Notify::new(),
            events: event::Events::default(),
            token_uses: api_token::Uses::default(),
            watches: watch::Watches::default(),
            draining: CancellationToken::new(),
            snapshot: RwLock::new(Arc::new(snapshot)),
            reloading: Mutex::default(),
            queues: Cache::builder()
                .max_capacity(QUEUES)
                .time_to_idle(Duration::from_mins(1))
                .build(),
        })
    }

    /// Keeps up with changes that other replicas make to catalog, promotions, settings and who may call, until it is
    /// cancelled.
    pub async fn follow_changes(self: Arc<Self>, cancelled: CancellationToken) {
        let mut ticks = tokio::time::interval(POLL_INTERVAL);
        while cancelled.run_until_cancelled(ticks.tick()).await.is_some() {
            match store::revision::load(&self.database).await {
                Ok(revisions) if revisions == self.snapshot().current() => {}
                Ok(_) => {
                    if let Err(error) = self.reload().await {
                        tracing::warn!(%error, "settings, promotions and who may call could not be reloaded");
                    }
                }
                Err(error) => tracing::warn!(%error, "changes could not be looked up"),
            }
        }
    }

    /// Ends the streams of events and of checkouts, and refuses new ones, so that their callers go elsewhere.
    pub fn end_streams(&self) {
        self.draining.cancel();
    }

    /// The id that tells this process from others on the same database.
    #[must_use]
    pub const fn replica(&self) -> Uuid {
        self.replica
    }

    /// Whether no shop has been set up yet.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.snapshot().store.version == 0
    }

    fn snapshot(&self) -> Arc<Snapshot> {
        Arc::clone(&self.snapshot.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Takes over settings, promotions, who may call and revisions as they are in the database now.
    async fn reload(&self) -> Result<()> {
        let _reloading = self.reloading.lock().await;
        let loaded = load_snapshot(&self.database, Some(&self.snapshot())).await?;
        *self
            .snapshot
            .write()
            .unwrap_or_else(PoisonError::into_inner) = Arc::new(loaded);
        Ok(())
    }

    /// The queue of those that want to change this checkout.
    async fn queue(&self, checkout_id: Uuid) -> Arc<Mutex<()>> {
        self.queues
            .get_with(checkout_id, async { Arc::default() })
            .await
    }
}

/// Loads what is newer than in the snapshot before, if there was one.
async fn load_snapshot(database: &Database, before: Option<&Snapshot>) -> Result<Snapshot> {
    // Revisions first: what is newer than its revision is only loaded once more.
    let current = store::revision::load(database).await?;
    let same_access = before.filter(|before| before.access_revision == current.access);
    let access = match same_access {
        Some(before) => Arc::clone(&before.access),
        None => Arc::new(Access::load(database).await?),
    };
    let (store, promotions) = match before.filter(|before| before.revisions == current.shop) {
        Some(before) => (Arc::clone(&before.store), Arc::clone(&before.promotions)),
        None => load_shop(database).await?,
    };
    Ok(Snapshot {
        store,
        promotions,
        revisions: current.shop,
        access,
        access_revision: current.access,
    })
}

async fn load_shop(database: &Database) -> Result<(Arc<Store>, Arc<Promotions>)> {
    let store = store::settings::load(database).await?;
    let store = store.unwrap_or_else(|| Store::empty(Currency::USD));
    let promotions = store::promotion::active(database, now()).await?;
    Ok((Arc::new(store), Arc::new(Promotions::new(promotions))))
}

/// What guards a change: who wants it, the caller's request id and the version the caller expects.
#[derive(Debug, Clone, Default)]
pub struct Guard {
    /// Makes the call safe to repeat.
    pub request: Option<RequestKey>,
    /// Refuse unless the checkout has this version.
    pub expected_version: Option<i64>,
    /// Who wants it: what is not theirs is not there for them.
    pub caller: Caller,
}

/// Why a flow did not do what was asked. In each case nothing was changed.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The request is refused.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// Something that is needed is out of reach.
    #[error("{0} is out of reach")]
    Unavailable(Dependency),
    /// There are as many of these as the service takes.
    #[error("there are too many {0}")]
    TooMany(&'static str),
    /// The caller has done this too often.
    #[error("the limit of {limit} is reached")]
    Limited {
        /// What is limited, and how far.
        limit: String,
        /// After what time it may be done again.
        retry: Duration,
    },
    /// The service is about to stop.
    #[error("the service is about to stop")]
    Draining,
    /// A bug.
    #[error("internal error: {0}")]
    Internal(#[source] Box<dyn std::error::Error + Send + Sync>),
}

/// Something that is needed and can be out of reach.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Dependency {
    /// The database.
    #[error("the database")]
    Database,
    /// The remote catalog.
    #[error("the catalog")]
    Catalog,
    /// The carrier with this id.
    #[error("carrier \"{0}\"")]
    Carrier(String),
}

impl From<StoreError> for Error {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Unavailable(_) => Self::Unavailable(Dependency::Database),
            StoreError::Serialization(_) => concurrent_change().into(),
            StoreError::Corrupt { .. } | StoreError::Other(_) => Self::Internal(Box::new(error)),
        }
    }
}

impl From<LookupError> for Error {
    fn from(error: LookupError) -> Self {
        match error {
            LookupError::Store(error) => error.into(),
            LookupError::Unreachable => Self::Unavailable(Dependency::Catalog),
        }
    }
}

/// Result of a flow.
pub type Result<T> = std::result::Result<T, Error>;

/// Which page of a list.
#[derive(Debug, Clone)]
pub struct Page {
    /// Most items, 1 to 200.
    pub size: u32,
    /// The key after which the page begins; none for the first page.
    pub after: Option<String>,
}

impl Page {
    /// The key after which the page begins, parsed.
    fn key<K: std::str::FromStr>(&self) -> Result<Option<K>> {
        let parsed = self.after.as_deref().map(str::parse).transpose();
        parsed.map_err(|_| {
            Refusal::field(
                "page_token",
                "use next_page_token of the page before, or none",
            )
            .into()
        })
    }

    /// One more than fit, to see whether there is another page.
    fn limit(&self) -> u64 {
        u64::from(self.size).saturating_add(1)
    }

    /// The page of `items`, which were loaded up to [`Self::limit`].
    fn of<T>(&self, mut items: Vec<T>, key: impl Fn(&T) -> String) -> Paged<T> {
        let size = usize::try_from(self.size).unwrap_or(usize::MAX);
        let more = items.len() > size;
        items.truncate(size);
        let next = items.last().filter(|_| more).map(key);
        Paged { items, next }
    }
}

/// A page of a list.
#[derive(Debug, Clone)]
pub struct Paged<T> {
    /// The items.
    pub items: Vec<T>,
    /// The key after which the next page begins; none on the last page.
    pub next: Option<String>,
}

/// The time, to the microsecond that every database keeps.
#[expect(
    clippy::disallowed_methods,
    reason = "the one clock: everything else is given the time"
)]
pub(crate) fn now() -> DateTime<Utc> {
    Utc::now().trunc_subsecs(6)
}

/// A new id.
#[expect(
    clippy::disallowed_methods,
    reason = "the one source of ids: everything else is given them"
)]
pub(crate) fn new_id() -> Uuid {
    Uuid::now_v7()
}

/// So many characters of an alphabet that nobody can guess.
#[expect(
    clippy::disallowed_methods,
    reason = "the one source of randomness: everything else is given it"
)]
fn random_text(alphabet: &[char], length: u32) -> String {
    let mut random = rand::rng();
    (0..length)
        .filter_map(|_| alphabet.choose(&mut random))
        .collect()
}

/// Refuses an amount in another currency than the one of `what`.
fn other_currency(path: &str, given: Currency, what: &str, expected: Currency) -> Refusal {
    let violation = Violation::new(
        format!("{path}.currency_code"),
        Reason::CurrencyMismatch,
        format!("{what} is in {expected}, not in {given}"),
    );
    Refusal::fields(vec![violation])
        .with("currency_code", given)
        .with("expected_currency_code", expected)
}

fn concurrent_change() -> Refusal {
    let message = "others kept changing this at the same time: try again";
    Refusal::new(Reason::ConcurrentChange, message)
}

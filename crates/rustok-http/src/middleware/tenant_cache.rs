//! The tenant cache; V2 and V3 are this type with different loaders.
//!
//! Concurrent first requests share one load, also when it fails, and when the request that started it is cancelled.
//! An invalidation takes precedence over a load in progress. "Not found" is cached separately and for a short time,
//! so that random hostnames cannot evict real tenants. A known tenant is served stale for a bounded time while the
//! directory does not respond. Never `get`, load, then `insert`: that loads once for every concurrent caller.

mod invalidation;
mod limits;
mod metrics;

pub use metrics::TenantCacheMetrics;

use futures_util::FutureExt as _;
use invalidation::{Invalidations, Mark};
use limits::{LoadQueue, UnknownNames};
use metrics::{Counters, count};
use moka::future::Cache;
use moka::notification::RemovalCause;
use moka::policy::EvictionPolicy;
use rustok_core::ids::TenantId;
use rustok_tenancy::{Tenant, TenantError, TenantIdentifier};
use std::future::Future;
use std::net::IpAddr;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::{Instant, timeout};

/// Maximum time that a tenant is cached.
const FOUND_TTL: Duration = Duration::from_secs(300);
/// Maximum time that a tenant is cached without a request for it.
const FOUND_IDLE: Duration = Duration::from_secs(180);
/// Maximum number of cached identifiers of tenants.
const FOUND_CAPACITY: u64 = 20_000;
/// How long a "not found" is cached.
const ABSENT_TTL: Duration = Duration::from_secs(10);
/// Maximum number of cached unknown identifiers.
const ABSENT_CAPACITY: u64 = 10_000;
/// Time until the directory is asked again for a stale tenant.
const RECHECK: Duration = Duration::from_secs(1);
/// How long a request waits for the directory when a stale tenant could be served.
const TIMEOUT: Duration = Duration::from_millis(100);
/// How often a request repeats a load that an invalidation overtook, if the request began before the load.
const OVERTAKEN_LIMIT: usize = 3;

/// Loads tenants. `Ok(None)` means that there is no such tenant; it is not a failure.
pub trait TenantLoader: Send + Sync + 'static {
    /// Loads the tenant that `identifier` names.
    fn load(
        &self,
        identifier: &TenantIdentifier,
    ) -> impl Future<Output = Result<Option<Tenant>, TenantError>> + Send;
}

/// The settings of a cache.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TenantCacheSettings {
    /// How long after its usual time (5 minutes) a tenant is served stale while the directory does not respond (RFC
    /// 5861, 4); zero: not at all.
    pub stale_if_error: Duration,
    /// Unknown identifiers that a client may request per second; unused allowance accumulates for ten seconds. Zero:
    /// no limit. It applies only where the client is given: [`TenantCache::get_or_fetch_for`].
    pub unknown_per_second: u32,
    /// Maximum number of concurrent loads; at least 1.
    pub concurrent_loads: usize,
    /// Maximum number of queued loads, each for at most a second; further loads fail at once.
    pub waiting_loads: usize,
}

impl Default for TenantCacheSettings {
    /// 5 minutes, 10 names per second and client, 32 loads at once, 1,024 waiting.
    fn default() -> Self {
        Self {
            stale_if_error: Duration::from_secs(300),
            unknown_per_second: 10,
            concurrent_loads: 32,
            waiting_loads: 1_024,
        }
    }
}

/// The result of a load or of a cache look-up.
#[derive(Debug, Clone)]
pub enum CachedTenant {
    /// The tenant.
    Found(Arc<Tenant>),
    /// There is no such tenant.
    NotFound,
}

/// The queue that a load waits in. Behind a proxy that does not report its clients, all of them count as one, and one
/// that requests garbage must not shut out the others: so the directory is asked for a client over its limit too, but
/// with few concurrent loads.
#[derive(Debug, Clone, Copy)]
enum Lane {
    Usual,
    Slow,
}

/// Maximum number of concurrent loads in the slow lane.
const SLOW_LOADS: usize = 2;

#[derive(Clone)]
struct Entry {
    tenant: Arc<Tenant>,
    mark: Mark,
    /// `None` for an answer of the directory. Otherwise the entry is stale, and this is when to ask the directory
    /// again.
    recheck_at: Option<Instant>,
}

/// The last known tenant of an identifier, and until when it may be served stale.
#[derive(Clone)]
struct Known {
    entry: Entry,
    until: Instant,
}

/// A cache of tenants over a loader. Cheap to clone.
pub struct TenantCache<L> {
    inner: Arc<Inner<L>>,
}

impl<L> Clone for TenantCache<L> {
    fn clone(&self) -> Self {
        Self {
            inner: Arc::clone(&self.inner),
        }
    }
}

struct Inner<L> {
    loader: L,
    found: Cache<TenantIdentifier, Entry>,
    absent: Cache<TenantIdentifier, Mark>,
    /// Served only when the directory does not respond. A separate cache, since its entries live longer than those of
    /// `found`.
    known: Cache<TenantIdentifier, Known>,
    stale_if_error: Duration,
    invalidations: Invalidations,
    unknown_names: Option<UnknownNames>,
    loads: LoadQueue,
    /// For clients that have requested too many unknown identifiers.
    slow_loads: LoadQueue,
    counters: Arc<Counters>,
}

impl<L: TenantLoader> TenantCache<L> {
    /// A cache over `loader` with the default settings.
    #[must_use]
    pub fn with_loader(loader: L) -> Self {
        Self::over(loader, TenantCacheSettings::default())
    }

    /// A cache over `loader`.
    #[must_use]
    pub fn over(loader: L, settings: TenantCacheSettings) -> Self {
        let counters = Arc::new(Counters::default());
        let evicting = Arc::clone(&counters);
        let found = Cache::builder()
            .name("tenants")
            .max_capacity(FOUND_CAPACITY)
            .eviction_policy(EvictionPolicy::lru())
            .time_to_live(FOUND_TTL)
            .time_to_idle(FOUND_IDLE)
            .eviction_listener(move |_, _, cause| {
                if cause == RemovalCause::Size {
                    count(&evicting.evictions);
                }
            })
            .build();
        let absent = Cache::builder()
            .name("unknown-tenants")
            .max_capacity(ABSENT_CAPACITY)
            .time_to_live(ABSENT_TTL)
            .build();
        let stale_if_error = settings.stale_if_error;
        let known = Cache::builder()
            .name("known-tenants")
            .max_capacity(if stale_if_error.is_zero() {
                0
            } else {
                FOUND_CAPACITY
            })
            .eviction_policy(EvictionPolicy::lru())
            .time_to_live(FOUND_TTL.saturating_add(stale_if_error).min(KNOWN_TTL_LIMIT))
            .build();
        Self {
            inner: Arc::new(Inner {
                loader,
                found,
                absent,
                known,
                stale_if_error,
                invalidations: Invalidations::new(),
                unknown_names: UnknownNames::per_second(settings.unknown_per_second),
                loads: LoadQueue::new(settings.concurrent_loads, settings.waiting_loads),
                slow_loads: LoadQueue::new(SLOW_LOADS, settings.waiting_loads),
                counters,
            }),
        }
    }

    /// The tenant that `identifier` names, from the cache or by one load for all concurrent callers.
    ///
    /// # Errors
    /// [`TenantError::NotFound`], [`TenantError::Unavailable`], and what the loader fails with.
    pub async fn get_or_fetch(&self, identifier: &TenantIdentifier) -> Result<Arc<Tenant>, TenantError> {
        self.look_up(None, identifier).await
    }

    /// As [`Self::get_or_fetch`] for a request of `client`, whose rate of unknown identifiers is limited. Pass `None`
    /// for an address that many clients share, such as a proxy's.
    ///
    /// # Errors
    /// As [`Self::get_or_fetch`], and [`TenantError::TooManyUnknown`] for an identifier that the directory does not
    /// know or cannot be asked for now.
    pub async fn get_or_fetch_for(
        &self,
        client: impl Into<Option<IpAddr>>,
        identifier: &TenantIdentifier,
    ) -> Result<Arc<Tenant>, TenantError> {
        self.look_up(client.into(), identifier).await
    }

    /// A hit allocates nothing and reads no clock here; a miss has a boxed future of its own.
    async fn look_up(
        &self,
        client: Option<IpAddr>,
        identifier: &TenantIdentifier,
    ) -> Result<Arc<Tenant>, TenantError> {
        match self.inner.found.get(identifier).await {
            Some(entry) if self.inner.is_fresh(&entry) => {
                self.inner.counters.hits.count();
                Ok(entry.tenant)
            }
            held => Box::pin(self.miss(client, identifier, held)).await,
        }
    }

    async fn miss(
        &self,
        client: Option<IpAddr>,
        identifier: &TenantIdentifier,
        held: Option<Entry>,
    ) -> Result<Arc<Tenant>, TenantError> {
        let inner = &self.inner;
        if let Some(entry) = held.filter(|entry| inner.is_usable(entry)) {
            return Ok(inner.serve(entry));
        }
        if inner.is_absent(identifier).await {
            count(&inner.counters.negative_hits);
            return Err(TenantError::NotFound);
        }
        let known = inner.last_known(identifier).await;
        let refusal = match known {
            None => inner.check(client).err(),
            Some(_) => None,
        };
        count(&inner.counters.misses);
        // In a separate task: when the request that started the load is cancelled, the load continues for the others.
        let lane = match refusal {
            None => Lane::Usual,
            Some(_) => Lane::Slow,
        };
        let fetching = tokio::spawn(self.clone().fetch(client, lane, identifier.clone()));
        let fetched = match known {
            None => fetching.await,
            Some(known) => match timeout(TIMEOUT, fetching).await {
                Ok(fetched) => fetched,
                // The load continues. An invalidation may have arrived during the wait.
                Err(_) if inner.invalidations.stands(known.entry.mark) => {
                    return Ok(inner.serve(known.stale()));
                }
                Err(_) => return Err(unavailable()),
            },
        };
        let fetched = fetched.unwrap_or_else(|_| Err(unavailable()));
        match (fetched, refusal) {
            (Ok(entry), _) => Ok(inner.serve(entry)),
            (Err(_), Some(refusal)) => {
                count(&inner.counters.refused);
                Err(refusal)
            }
            (Err(error), None) => Err(error),
        }
    }

    async fn fetch(
        self,
        client: Option<IpAddr>,
        lane: Lane,
        identifier: TenantIdentifier,
    ) -> Result<Entry, TenantError> {
        let inner = &self.inner;
        let asked = inner.invalidations.now();
        let mut overtaken = 0;
        loop {
            if let Some(held) = inner.found.get(&identifier).await {
                if inner.is_usable(&held) {
                    return Ok(held);
                }
                inner.found.invalidate(&identifier).await;
            }
            // A load that began after this request may answer it even if it was overtaken. Otherwise a request would
            // never get an answer while the directory changes all the time.
            let late = |mark: Mark| overtaken >= OVERTAKEN_LIMIT && mark.is_since(asked);
            let load = inner.load(client, lane, &identifier);
            match inner.found.try_get_with_by_ref(&identifier, load).await {
                Ok(entry) if inner.invalidations.stands(entry.mark) || late(entry.mark) => return Ok(entry),
                Err(failed) => match &*failed {
                    LoadFailed::NotFound(mark) => {
                        if inner.invalidations.absence_stands(*mark) || late(*mark) {
                            return Err(TenantError::NotFound);
                        }
                    }
                    LoadFailed::Error(error) => return Err(error.clone()),
                },
                Ok(_) => {}
            }
            overtaken += 1;
        }
    }

    /// Invalidates one identifier, including the result of a load in progress. An id stands for its tenant under all
    /// of its identifiers.
    pub async fn invalidate(&self, identifier: &TenantIdentifier) {
        self.inner.invalidations.name(identifier);
        self.inner.found.invalidate(identifier).await;
        self.inner.absent.invalidate(identifier).await;
    }

    /// Invalidates a tenant under all identifiers that it has or had, and all cached "not found": one of them may
    /// concern an identifier that it has by now.
    pub fn invalidate_tenant(&self, tenant: TenantId) {
        self.inner.invalidations.tenant(tenant);
    }

    /// Invalidates everything, including the results of loads in progress.
    pub fn invalidate_all(&self) {
        self.inner.invalidations.everything();
    }

    /// Marks everything as in doubt: the directory is asked again for each tenant. A known tenant may still be served
    /// stale where the directory does not respond.
    pub fn doubt_all(&self) {
        self.inner.invalidations.doubt();
    }

    /// The counters, and the number of entries.
    #[must_use]
    pub fn metrics(&self) -> TenantCacheMetrics {
        TenantCacheMetrics {
            entries: self.inner.found.entry_count(),
            absent_entries: self.inner.absent.entry_count(),
            ..self.inner.counters.snapshot()
        }
    }

    pub(super) fn loader(&self) -> &L {
        &self.inner.loader
    }
}

/// moka rejects longer times.
const KNOWN_TTL_LIMIT: Duration = Duration::from_secs(365 * 24 * 3_600);

impl<L: TenantLoader> Inner<L> {
    fn is_fresh(&self, entry: &Entry) -> bool {
        entry.recheck_at.is_none() && self.invalidations.is_fresh(entry.mark)
    }

    /// Fresh, or stale and not yet due for a recheck.
    fn is_usable(&self, entry: &Entry) -> bool {
        match entry.recheck_at {
            None => self.invalidations.is_fresh(entry.mark),
            Some(at) => Instant::now() < at && self.invalidations.stands(entry.mark),
        }
    }

    async fn is_absent(&self, identifier: &TenantIdentifier) -> bool {
        let mark = self.absent.get(identifier).await;
        mark.is_some_and(|mark| self.invalidations.is_still_absent(mark))
    }

    async fn last_known(&self, identifier: &TenantIdentifier) -> Option<Known> {
        let known = self.known.get(identifier).await?;
        let serves = Instant::now() < known.until && self.invalidations.stands(known.entry.mark);
        serves.then_some(known)
    }

    fn check(&self, client: Option<IpAddr>) -> Result<(), TenantError> {
        let (Some(limit), Some(client)) = (&self.unknown_names, client) else {
            return Ok(());
        };
        limit.check(client)
    }

    /// The tenant; counts it if it is stale.
    fn serve(&self, entry: Entry) -> Arc<Tenant> {
        if entry.recheck_at.is_some() {
            count(&self.counters.stale);
        }
        entry.tenant
    }

    async fn load(
        &self,
        client: Option<IpAddr>,
        lane: Lane,
        identifier: &TenantIdentifier,
    ) -> Result<Entry, LoadFailed> {
        // An earlier load may have ended after this request missed the cache: its answer is valid.
        if let Some(mark) = self.absent.get(identifier).await
            && self.invalidations.is_still_absent(mark)
        {
            return Err(LoadFailed::NotFound(mark));
        }
        let (number, answer) = self.ask(lane, identifier).await;
        match answer {
            Ok(CachedTenant::Found(tenant)) => {
                let entry = Entry {
                    mark: self.invalidations.found(number, identifier, tenant.id),
                    tenant,
                    recheck_at: None,
                };
                self.remember(identifier, &entry).await;
                Ok(entry)
            }
            Ok(CachedTenant::NotFound) => {
                let mark = self.invalidations.absent(number, identifier);
                self.absent.insert(identifier.clone(), mark).await;
                self.known.invalidate(identifier).await;
                if let (Some(limit), Some(client)) = (&self.unknown_names, client) {
                    limit.charge(client);
                }
                Err(LoadFailed::NotFound(mark))
            }
            Err(error @ TenantError::Unavailable { .. }) => match self.last_known(identifier).await {
                Some(known) => Ok(known.stale()),
                None => Err(LoadFailed::Error(error)),
            },
            Err(error) => Err(LoadFailed::Error(error)),
        }
    }

    /// Asks the directory once it is this load's turn. Also returns the number of the last invalidation before that.
    async fn ask(
        &self,
        lane: Lane,
        identifier: &TenantIdentifier,
    ) -> (u64, Result<CachedTenant, TenantError>) {
        let loads = match lane {
            Lane::Usual => &self.loads,
            Lane::Slow => &self.slow_loads,
        };
        let Some(_turn) = loads.take().await else {
            count(&self.counters.overloaded);
            return (self.invalidations.now(), Err(unavailable()));
        };
        let number = self.invalidations.now();
        count(&self.counters.loads);
        // A panic of the loader is one failure, and does not cause another load for every waiter.
        let loaded = AssertUnwindSafe(self.loader.load(identifier))
            .catch_unwind()
            .await;
        let answer = loaded.unwrap_or_else(|_| Err(unavailable()));
        if answer.is_err() {
            count(&self.counters.load_failures);
        }
        (
            number,
            answer.map(|tenant| match tenant {
                Some(tenant) => CachedTenant::Found(Arc::new(tenant)),
                None => CachedTenant::NotFound,
            }),
        )
    }

    async fn remember(&self, identifier: &TenantIdentifier, entry: &Entry) {
        let until = Instant::now().checked_add(FOUND_TTL.saturating_add(self.stale_if_error));
        if let Some(until) = until.filter(|_| !self.stale_if_error.is_zero()) {
            let known = Known {
                entry: entry.clone(),
                until,
            };
            self.known.insert(identifier.clone(), known).await;
        }
    }
}

impl Known {
    /// The stale entry, until the directory is asked again.
    fn stale(self) -> Entry {
        let recheck_at = Instant::now() + RECHECK;
        Entry {
            recheck_at: Some(recheck_at.min(self.until)),
            ..self.entry
        }
    }
}

/// Why a load added nothing to the cache of tenants.
enum LoadFailed {
    NotFound(Mark),
    Error(TenantError),
}

/// The directory did not respond.
pub(crate) fn unavailable() -> TenantError {
    TenantError::Unavailable {
        retry_after: Duration::from_secs(1),
    }
}

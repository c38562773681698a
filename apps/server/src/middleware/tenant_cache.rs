//! The engine of the tenant cache; V2 and V3 are this with different loaders.
//!
//! Many concurrent first requests make one load, also when it fails and when the request that started it goes away.
//! An invalidation wins over a load that is under way. "Not found" is an answer of its own, kept apart and for a short
//! time, so that random hostnames cannot push real tenants out. Never `get`, load, then `insert`: that loads once for
//! every concurrent caller.

use moka::future::Cache;
use moka::policy::EvictionPolicy;
use rustok_tenancy::{Tenant, TenantError, TenantIdentifier};
use std::future::Future;
use std::hash::{BuildHasher, RandomState};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// How long a tenant is kept at most.
const FOUND_TTL: Duration = Duration::from_secs(300);
/// How long a tenant is kept that nobody asks for.
const FOUND_IDLE: Duration = Duration::from_secs(180);
/// How many identifiers of tenants are kept.
const FOUND_CAPACITY: u64 = 20_000;
/// How long "there is no such tenant" is believed.
const MISSING_TTL: Duration = Duration::from_secs(10);
/// How many unknown identifiers are kept.
const MISSING_CAPACITY: u64 = 10_000;
/// Generations are kept for groups of keys: memory stays fixed, and a neighbour's invalidation costs one load at most.
const GENERATIONS: usize = 1_024;
/// How often a load is repeated that an invalidation overtook, before the caller is told to come back.
const OVERTAKEN_LIMIT: usize = 8;

/// Where tenants come from. `Ok(None)` says that there is none; it is no failure.
pub trait TenantLoader: Send + Sync + 'static {
    /// Loads the tenant that `identifier` names.
    fn load(
        &self,
        identifier: &TenantIdentifier,
    ) -> impl Future<Output = Result<Option<Tenant>, TenantError>> + Send;
}

/// What a lookup ended in.
#[derive(Debug, Clone)]
pub enum CachedTenant {
    /// The tenant.
    Found(Arc<Tenant>),
    /// There is none.
    NotFound,
}

#[derive(Clone)]
struct Entry {
    tenant: CachedTenant,
    generation: u64,
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
    missing: Cache<TenantIdentifier, u64>,
    generations: Generations,
}

struct Generations {
    groups: Box<[AtomicU64]>,
    all: AtomicU64,
    hasher: RandomState,
}

impl Generations {
    fn new() -> Self {
        let groups = (0..GENERATIONS).map(|_| AtomicU64::new(0)).collect();
        Self {
            groups,
            all: AtomicU64::new(0),
            hasher: RandomState::new(),
        }
    }

    fn group(&self, identifier: &TenantIdentifier) -> Option<&AtomicU64> {
        let hash = self.hasher.hash_one(identifier);
        usize::try_from(hash % GENERATIONS as u64)
            .ok()
            .and_then(|index| self.groups.get(index))
    }

    /// The generation of a key; it only ever grows.
    fn of(&self, identifier: &TenantIdentifier) -> u64 {
        let group = self
            .group(identifier)
            .map_or(0, |group| group.load(Ordering::Acquire));
        group.wrapping_add(self.all.load(Ordering::Acquire))
    }

    fn raise(&self, identifier: &TenantIdentifier) {
        if let Some(group) = self.group(identifier) {
            group.fetch_add(1, Ordering::AcqRel);
        }
    }
}

impl<L: TenantLoader> TenantCache<L> {
    /// A cache over `loader`.
    #[must_use]
    pub fn with_loader(loader: L) -> Self {
        let found = Cache::builder()
            .name("tenants")
            .max_capacity(FOUND_CAPACITY)
            .eviction_policy(EvictionPolicy::lru())
            .time_to_live(FOUND_TTL)
            .time_to_idle(FOUND_IDLE)
            .build();
        let missing = Cache::builder()
            .name("unknown-tenants")
            .max_capacity(MISSING_CAPACITY)
            .time_to_live(MISSING_TTL)
            .build();
        Self {
            inner: Arc::new(Inner {
                loader,
                found,
                missing,
                generations: Generations::new(),
            }),
        }
    }

    /// The tenant that `identifier` names, from the cache or by one load for all who ask at once.
    ///
    /// # Errors
    /// [`TenantError::NotFound`], and what the loader fails with.
    pub async fn get_or_fetch(&self, identifier: &TenantIdentifier) -> Result<Arc<Tenant>, TenantError> {
        let inner = &self.inner;
        let generation = inner.generations.of(identifier);
        if let Some(entry) = inner.found.get(identifier).await
            && entry.generation == generation
        {
            return entry.tenant.into_result();
        }
        if inner.missing.get(identifier).await == Some(generation) {
            return Err(TenantError::NotFound);
        }
        // In a task of its own: when the request that leads the load goes away, the load goes on for the others.
        let (cache, identifier) = (self.clone(), identifier.clone());
        let load = tokio::spawn(async move { cache.fetch(&identifier).await });
        load.await.unwrap_or_else(|_| Err(unavailable()))
    }

    async fn fetch(&self, identifier: &TenantIdentifier) -> Result<Arc<Tenant>, TenantError> {
        for _ in 0..OVERTAKEN_LIMIT {
            let load = self.clone().load(identifier.clone());
            let loaded = self.inner.found.try_get_with_by_ref(identifier, load).await;
            let entry = match loaded {
                Ok(entry) => entry,
                Err(failed) => match &*failed {
                    LoadFailed::NotFound { generation } => Entry {
                        tenant: CachedTenant::NotFound,
                        generation: *generation,
                    },
                    LoadFailed::Error(error) => return Err(error.clone()),
                },
            };
            if entry.generation == self.inner.generations.of(identifier) {
                return entry.tenant.into_result();
            }
            // Invalidated meanwhile: whatever was loaded, or still lay there, is not to be served any more.
            self.inner.found.invalidate(identifier).await;
        }
        Err(unavailable())
    }

    async fn load(self, identifier: TenantIdentifier) -> Result<Entry, LoadFailed> {
        let generation = self.inner.generations.of(&identifier);
        // Whoever came between the end of an earlier load and this moment: its answer stands.
        if self.inner.missing.get(&identifier).await == Some(generation) {
            return Err(LoadFailed::NotFound { generation });
        }
        let (cache, wanted) = (self.clone(), identifier.clone());
        // Its own task, so that a loader that panics is one failure and not one more load for every waiter.
        let loaded = tokio::spawn(async move { cache.inner.loader.load(&wanted).await }).await;
        match loaded.unwrap_or_else(|_| Err(unavailable())) {
            Ok(Some(tenant)) => Ok(Entry {
                tenant: CachedTenant::Found(Arc::new(tenant)),
                generation,
            }),
            Ok(None) => {
                self.inner.missing.insert(identifier, generation).await;
                Err(LoadFailed::NotFound { generation })
            }
            Err(error) => Err(LoadFailed::Error(error)),
        }
    }

    /// Forgets what is known of one identifier, also what a load under way is about to find.
    pub async fn invalidate(&self, identifier: &TenantIdentifier) {
        self.inner.generations.raise(identifier);
        self.inner.found.invalidate(identifier).await;
        self.inner.missing.invalidate(identifier).await;
    }

    /// Forgets everything, also what loads under way are about to find.
    pub fn invalidate_all(&self) {
        self.inner.generations.all.fetch_add(1, Ordering::AcqRel);
        self.inner.found.invalidate_all();
        self.inner.missing.invalidate_all();
    }
}

impl CachedTenant {
    fn into_result(self) -> Result<Arc<Tenant>, TenantError> {
        match self {
            Self::Found(tenant) => Ok(tenant),
            Self::NotFound => Err(TenantError::NotFound),
        }
    }
}

/// Why a load put nothing into the cache of tenants.
enum LoadFailed {
    NotFound { generation: u64 },
    Error(TenantError),
}

/// The directory gave no answer.
pub(crate) fn unavailable() -> TenantError {
    TenantError::Unavailable {
        retry_after: Duration::from_secs(1),
    }
}

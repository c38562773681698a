//! The tenant cache that the server mounts: V2's loader behind a timeout and a circuit breaker.
//!
//! The guard sits *inside* the load, so a thousand waiting requests are one call for the breaker, and a tenant that is
//! in the cache is served whatever state the breaker is in.

use super::tenant_cache::{TenantCache, TenantLoader, unavailable};
use super::tenant_cache_v2::StoreLoader;
use rustok_core::resilience::{
    BreakerOutcome, CircuitBreaker, CircuitBreakerConfig, CircuitBreakerError, with_timeout,
};
use rustok_storage::Store;
use rustok_tenancy::{Tenant, TenantError, TenantIdentifier};
use std::time::Duration;

/// How long one load may take before it counts as a failure.
const LOAD_TIMEOUT: Duration = Duration::from_secs(2);

/// A loader behind a timeout and a circuit breaker.
pub struct Guarded<L> {
    loader: L,
    breaker: CircuitBreaker,
}

impl<L: TenantLoader> TenantLoader for Guarded<L> {
    async fn load(&self, identifier: &TenantIdentifier) -> Result<Option<Tenant>, TenantError> {
        let load = || async {
            with_timeout(LOAD_TIMEOUT, || self.loader.load(identifier))
                .await
                .unwrap_or_else(|_| Err(unavailable()))
        };
        self.breaker
            .classify(outcome)
            .call(load)
            .await
            .map_err(|error| match error {
                CircuitBreakerError::Rejected { retry_after, .. } => TenantError::Unavailable { retry_after },
                CircuitBreakerError::Inner(error) => error,
            })
    }
}

/// Only a directory that is away is a failure. A row of one tenant that does not decode must not close the others.
fn outcome(error: &TenantError) -> BreakerOutcome {
    match error {
        TenantError::Unavailable { .. } => BreakerOutcome::Failure,
        _ => BreakerOutcome::Success,
    }
}

/// Tenants by their identifiers, loaded from the directory behind a timeout and a circuit breaker.
pub type TenantCacheV3 = TenantCache<Guarded<StoreLoader>>;

impl TenantCacheV3 {
    /// A cache over a store, with a breaker of its own: 5 failures in a row open it for 1 s.
    #[must_use]
    pub fn new(store: Store) -> Self {
        let config = CircuitBreakerConfig {
            failure_threshold: 5,
            success_threshold: 2,
            timeout: Duration::from_secs(1),
        };
        let breaker = CircuitBreaker::new("tenant-directory", config);
        Self::with_loader(Guarded {
            loader: StoreLoader::new(store),
            breaker,
        })
    }
}

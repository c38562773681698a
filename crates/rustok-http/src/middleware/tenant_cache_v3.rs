//! The tenant cache that the server uses: V2's loader behind a timeout and a circuit breaker.
//!
//! The guard is *inside* the load, so a thousand waiting requests are one call to the breaker, and a cached tenant is
//! served in any state of the breaker.

use super::tenant_cache::{TenantCache, TenantCacheSettings, TenantLoader, unavailable};
use super::tenant_cache_v2::StoreLoader;
use rustok_app::Store;
use rustok_core::resilience::circuit_breaker::OpenTime;
use rustok_core::resilience::{
    BreakerOutcome, CircuitBreaker, CircuitBreakerConfig, CircuitBreakerError, with_timeout,
};
use rustok_tenancy::{Tenant, TenantError, TenantIdentifier};
use std::time::Duration;

/// How long one load may take before it counts as a failure.
const LOAD_TIMEOUT: Duration = Duration::from_secs(2);

/// The breaker's name in logs and metrics.
const NAME: &str = "tenant-directory";

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

/// Only an unavailable directory is a failure. A row of one tenant that does not decode must not make other tenants
/// unavailable.
fn outcome(error: &TenantError) -> BreakerOutcome {
    match error {
        TenantError::Unavailable { .. } => BreakerOutcome::Failure,
        _ => BreakerOutcome::Success,
    }
}

/// Tenants by their identifiers, loaded from the directory behind a timeout and a circuit breaker.
pub type TenantCacheV3 = TenantCache<Guarded<StoreLoader>>;

impl TenantCacheV3 {
    /// A cache over a store, with the default settings.
    #[must_use]
    pub fn new(store: Store) -> Self {
        Self::with_settings(store, TenantCacheSettings::default())
    }

    /// A cache over a store.
    #[must_use]
    pub fn with_settings(store: Store, settings: TenantCacheSettings) -> Self {
        // One breaker and one failure count for the database: two breakers would each have to detect its recovery.
        let guarded = match store.breaker().cloned() {
            Some(breaker) => Guarded {
                loader: StoreLoader::new(store.behind_own_breaker()),
                breaker,
            },
            None => Guarded::new(StoreLoader::new(store)),
        };
        Self::over(guarded, settings)
    }

    /// The breaker in front of the directory: on PostgreSQL the database's own ([`Store::breaker`]).
    #[must_use]
    pub fn breaker(&self) -> &CircuitBreaker {
        &self.loader().breaker
    }
}

impl<L> Guarded<L> {
    /// A loader behind a breaker of its own: 5 consecutive failures open it for 1 s, later for up to 4 s.
    pub fn new(loader: L) -> Self {
        let config = CircuitBreakerConfig {
            failure_threshold: 5,
            success_threshold: 2,
            timeout: Duration::from_secs(1),
        };
        let growing = CircuitBreaker::builder(NAME)
            .config(config)
            .open_time(OpenTime::Exponential {
                initial: config.timeout,
                factor: 2,
                cap: Duration::from_secs(4),
                jitter_percent: 20,
            })
            .build();
        // These settings are valid. The fallback differs only in that its open time does not grow.
        let breaker = growing.unwrap_or_else(|_| CircuitBreaker::new(NAME, config));
        Self { loader, breaker }
    }
}

//! The tenant cache directly over the store, for a caller with its own timeout and circuit breaker. The server uses
//! V3.

use super::tenant_cache::{TenantCache, TenantCacheSettings, TenantLoader, unavailable};
use rustok_core::deadline::Deadline;
use rustok_storage::{Store, StoreError, tenants};
use rustok_tenancy::{Tenant, TenantError, TenantIdentifier};
use std::time::Duration;

/// Deadline of one query to the directory.
const LOAD_LIMIT: Duration = Duration::from_secs(5);

/// Loads tenants from the directory.
pub struct StoreLoader {
    store: Store,
}

impl TenantLoader for StoreLoader {
    async fn load(&self, identifier: &TenantIdentifier) -> Result<Option<Tenant>, TenantError> {
        let mut tx = self
            .store
            .platform_read(Deadline::after(LOAD_LIMIT))
            .await
            .map_err(directory_error)?;
        tenants::find_tenant(&mut tx, identifier)
            .await
            .map_err(directory_error)
    }
}

fn directory_error(error: StoreError) -> TenantError {
    tracing::debug!(%error, "tenant directory");
    if error.is_outage() {
        unavailable()
    } else {
        TenantError::Inconsistent(error.to_string())
    }
}

/// Tenants by their identifiers, loaded from the directory.
pub type TenantCacheV2 = TenantCache<StoreLoader>;

impl TenantCacheV2 {
    /// A cache over a store, with the default settings.
    #[must_use]
    pub fn new(store: Store) -> Self {
        Self::with_settings(store, TenantCacheSettings::default())
    }

    /// A cache over a store.
    #[must_use]
    pub fn with_settings(store: Store, settings: TenantCacheSettings) -> Self {
        Self::over(StoreLoader::new(store), settings)
    }
}

impl StoreLoader {
    pub(super) const fn new(store: Store) -> Self {
        Self { store }
    }
}

#[cfg(doctest)]
#[doc = include_str!("../../../../docs/TENANT_CACHE_V2_MIGRATION.md")]
mod migration_guide {}

//! The tenant cache directly over the store, for a caller with its own timeout and circuit breaker. The server uses
//! V3.

use super::tenant_cache::{TenantCache, TenantCacheSettings, TenantLoader};
use rustok_app::{Store, tenants};
use rustok_core::deadline::Deadline;
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
        tenants::look_up(&self.store, identifier, Deadline::after(LOAD_LIMIT)).await
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

//! The state of the HTTP toolkit: what its layers and extractors share.
//!
//! Extractors work with any router state that contains it (`HttpState: FromRef<S>`), so each surface has a state of
//! its own.

use crate::imports::{ImportSettings, Imports};
use crate::layers::coding::Places;
use crate::layers::unavailable_log::UnavailableLog;
use crate::limits::Limits;
use crate::middleware::tenant_cache_v3::TenantCacheV3;
use crate::openapi::ApiDocument;
use crate::settings::HttpSettings;
use rustok_app::Services;
use rustok_telemetry::Tracer;
use rustok_telemetry::metrics::HttpMetrics;
use std::sync::Arc;

/// The state of the HTTP toolkit. Cheap to clone.
#[derive(Clone)]
pub struct HttpState(Arc<Inner>);

struct Inner {
    settings: HttpSettings,
    services: Arc<Services>,
    tenants: TenantCacheV3,
    limits: Limits,
    imports: Imports,
    document: ApiDocument,
    unavailable_log: UnavailableLog,
    coding: Places,
    tracer: Tracer,
    metrics: Option<HttpMetrics>,
}

impl HttpState {
    /// Builds the state. `metrics` counts requests; `None` where nothing shows the counts.
    #[must_use]
    pub fn new(
        settings: HttpSettings,
        imports: ImportSettings,
        services: Arc<Services>,
        document: ApiDocument,
        tracer: Tracer,
        metrics: Option<HttpMetrics>,
    ) -> Self {
        let tenants = TenantCacheV3::with_settings(services.store.clone(), settings.tenant_cache);
        let limits = Limits::new(&settings);
        Self(Arc::new(Inner {
            settings,
            services,
            tenants,
            limits,
            imports: Imports::new(imports),
            document,
            unavailable_log: UnavailableLog::new(),
            coding: Places::default(),
            tracer,
            metrics,
        }))
    }

    /// A state on a new SQLite database, which exists as long as the second value.
    #[cfg(test)]
    pub(crate) async fn for_test(settings: HttpSettings) -> (Self, rustok_test_support::TestDatabase) {
        use rustok_storage::{DatabaseUrl, Opener, StoreConfig};

        let database = rustok_test_support::TestDatabase::sqlite();
        let url = DatabaseUrl::parse(database.url()).unwrap();
        let store = rustok_storage::open(StoreConfig::new(url), Opener::Server)
            .await
            .unwrap();
        let clock = Arc::new(rustok_core::clock::SystemClock);
        let validator = rustok_tenancy::TenantIdentifierValidator::new("localhost").unwrap();
        let services = Arc::new(Services::new(store, clock, validator));
        let imports = ImportSettings::in_folder(std::env::temp_dir().join("rustok-imports"));
        let document = ApiDocument::new(utoipa::openapi::OpenApi::default);
        let state = Self::new(settings, imports, services, document, Tracer::off(), None);
        (state, database)
    }

    /// The settings.
    #[must_use]
    pub fn settings(&self) -> &HttpSettings {
        &self.0.settings
    }

    /// The services that use cases share.
    #[must_use]
    pub fn services(&self) -> &Arc<Services> {
        &self.0.services
    }

    /// The tenants by identifier.
    #[must_use]
    pub fn tenants(&self) -> &TenantCacheV3 {
        &self.0.tenants
    }

    /// Admission limits: for all clients together, and for each.
    #[must_use]
    pub fn limits(&self) -> &Limits {
        &self.0.limits
    }

    /// Files uploaded for import.
    #[must_use]
    pub fn imports(&self) -> &Imports {
        &self.0.imports
    }

    /// The API document.
    #[must_use]
    pub fn document(&self) -> &ApiDocument {
        &self.0.document
    }

    /// Decides which requests are recorded, and takes their spans.
    #[must_use]
    pub fn tracer(&self) -> &Tracer {
        &self.0.tracer
    }

    /// Requests by operation; `None` if they are not counted.
    #[must_use]
    pub fn metrics(&self) -> Option<&HttpMetrics> {
        self.0.metrics.as_ref()
    }

    /// The rate limit of log lines for 503 responses.
    pub(crate) fn unavailable_log(&self) -> &UnavailableLog {
        &self.0.unavailable_log
    }

    /// Permits for coding a response.
    pub(crate) fn coding(&self) -> &Places {
        &self.0.coding
    }
}

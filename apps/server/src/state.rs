//! The state that all handlers share.

use crate::api::node::texts::RenderedTexts;
use crate::api::product::rendered::RenderedProducts;
use crate::config::Config;
use crate::imports::Imports;
use crate::layers::{CodingPlaces, UnavailableLog};
use crate::limits::Limits;
use crate::metrics::ServerMetrics;
use crate::middleware::tenant_cache_v3::TenantCacheV3;
use rustok_app::Services;
use rustok_telemetry::Tracer;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// Products get the memory for rendered JSON divided by this; texts get the rest.
const PRODUCTS_PART: u64 = 3;

/// The state of the running server. Cheap to clone.
#[derive(Clone)]
pub struct AppState(Arc<Inner>);

struct Inner {
    config: Config,
    services: Arc<Services>,
    tenants: TenantCacheV3,
    texts: RenderedTexts,
    products: RenderedProducts,
    limits: Limits,
    imports: Imports,
    metrics: ServerMetrics,
    unavailable_log: UnavailableLog,
    coding: CodingPlaces,
    tracer: Tracer,
    draining: AtomicBool,
}

impl AppState {
    /// Builds the state, without tracing.
    #[must_use]
    pub fn new(config: Config, services: Arc<Services>) -> Self {
        Self::with_tracer(config, services, Tracer::off())
    }

    /// Builds the state.
    #[must_use]
    pub fn with_tracer(config: Config, services: Arc<Services>, tracer: Tracer) -> Self {
        let tenants = TenantCacheV3::with_settings(services.store.clone(), config.tenant_cache());
        let limits = Limits::new(&config);
        let for_products = config.rendered_bytes / PRODUCTS_PART;
        let texts = RenderedTexts::new(config.rendered_bytes - for_products);
        let products = RenderedProducts::new(for_products);
        let imports = Imports::new(&config);
        let metrics = ServerMetrics::new(services.clock.as_ref(), config.is_measured());
        Self(Arc::new(Inner {
            texts,
            products,
            limits,
            imports,
            metrics,
            config,
            services,
            tenants,
            unavailable_log: UnavailableLog::new(),
            coding: CodingPlaces::default(),
            tracer,
            draining: AtomicBool::new(false),
        }))
    }

    /// A state on a new SQLite database, which exists as long as the second value.
    #[cfg(test)]
    pub(crate) async fn for_test(config: Config) -> (Self, rustok_test_support::TestDatabase) {
        let database = rustok_test_support::TestDatabase::sqlite();
        let config = Config {
            database_url: Some(database.url().to_owned()),
            ..config
        };
        let store = rustok_storage::Store::open(config.store().unwrap(), rustok_storage::Opener::Server)
            .await
            .unwrap();
        let clock = Arc::new(rustok_core::clock::SystemClock);
        let services = Services::new(store, clock, config.validator().unwrap());
        (Self::new(config, Arc::new(services)), database)
    }

    /// The configuration.
    #[must_use]
    pub fn config(&self) -> &Config {
        &self.0.config
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

    /// Texts of nodes, rendered as JSON.
    #[must_use]
    pub fn texts(&self) -> &RenderedTexts {
        &self.0.texts
    }

    /// Products of the store, rendered as JSON.
    #[must_use]
    pub fn products(&self) -> &RenderedProducts {
        &self.0.products
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

    /// The server's own counters.
    #[must_use]
    pub fn metrics(&self) -> &ServerMetrics {
        &self.0.metrics
    }

    /// Decides which requests are recorded, and takes their spans.
    #[must_use]
    pub fn tracer(&self) -> &Tracer {
        &self.0.tracer
    }

    /// The rate limit of log lines for 503 responses.
    #[must_use]
    pub fn unavailable_log(&self) -> &UnavailableLog {
        &self.0.unavailable_log
    }

    /// Permits for coding a response.
    #[must_use]
    pub fn coding(&self) -> &CodingPlaces {
        &self.0.coding
    }

    /// From now on `/readyz` reports that the server is shutting down.
    pub fn start_draining(&self) {
        self.0.draining.store(true, Ordering::Release);
    }

    /// Whether the server is shutting down.
    #[must_use]
    pub fn is_draining(&self) -> bool {
        self.0.draining.load(Ordering::Acquire)
    }
}

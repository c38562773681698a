//! What every handler can reach.

use crate::api::node::texts::RenderedTexts;
use crate::api::product::rendered::RenderedProducts;
use crate::config::Config;
use crate::imports::Imports;
use crate::layers::{CodingPlaces, Outage};
use crate::limits::Limits;
use crate::metrics::ServerMetrics;
use crate::middleware::tenant_cache_v3::TenantCacheV3;
use rustok_app::Services;
use rustok_telemetry::Tracer;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// The part of the memory for what is rendered that products get; the others are for texts.
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
    outage: Outage,
    coding: CodingPlaces,
    tracer: Tracer,
    draining: AtomicBool,
}

impl AppState {
    /// Puts the parts together, without traces.
    #[must_use]
    pub fn new(config: Config, services: Arc<Services>) -> Self {
        Self::with_tracer(config, services, Tracer::off())
    }

    /// Puts the parts together.
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
            outage: Outage::new(),
            coding: CodingPlaces::default(),
            tracer,
            draining: AtomicBool::new(false),
        }))
    }

    /// The settings.
    #[must_use]
    pub fn config(&self) -> &Config {
        &self.0.config
    }

    /// What use cases share.
    #[must_use]
    pub fn services(&self) -> &Arc<Services> {
        &self.0.services
    }

    /// Tenants by their identifiers.
    #[must_use]
    pub fn tenants(&self) -> &TenantCacheV3 {
        &self.0.tenants
    }

    /// Texts of nodes that are JSON already.
    #[must_use]
    pub fn texts(&self) -> &RenderedTexts {
        &self.0.texts
    }

    /// Products of the store that are JSON already.
    #[must_use]
    pub fn products(&self) -> &RenderedProducts {
        &self.0.products
    }

    /// How much is taken on, of everybody and of each.
    #[must_use]
    pub fn limits(&self) -> &Limits {
        &self.0.limits
    }

    /// Files that were sent to be imported.
    #[must_use]
    pub fn imports(&self) -> &Imports {
        &self.0.imports
    }

    /// What the server counts itself.
    #[must_use]
    pub fn metrics(&self) -> &ServerMetrics {
        &self.0.metrics
    }

    /// Who decides which requests are recorded, and takes their spans.
    #[must_use]
    pub fn tracer(&self) -> &Tracer {
        &self.0.tracer
    }

    /// What the log tells of requests that are turned away.
    #[must_use]
    pub fn outage(&self) -> &Outage {
        &self.0.outage
    }

    /// Places for answers that are being coded.
    #[must_use]
    pub fn coding(&self) -> &CodingPlaces {
        &self.0.coding
    }

    /// From now on `/readyz` says no.
    pub fn start_draining(&self) {
        self.0.draining.store(true, Ordering::Release);
    }

    /// Whether the server is shutting down.
    #[must_use]
    pub fn is_draining(&self) -> bool {
        self.0.draining.load(Ordering::Acquire)
    }
}

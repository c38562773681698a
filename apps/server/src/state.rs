//! The state of the running process: the surfaces' state, and what only the process needs.

use crate::config::Config;
use crate::metrics::{self, ServerMetrics};
use rustok_api::router;
use rustok_api::state::ApiState;
use rustok_app::Services;
use rustok_http::imports::Imports;
use rustok_http::middleware::tenant_cache_v3::TenantCacheV3;
use rustok_http::openapi::ApiDocument;
use rustok_http::state::HttpState;
use rustok_telemetry::Tracer;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// The state of the running server. Cheap to clone.
#[derive(Clone)]
pub struct AppState(Arc<Inner>);

struct Inner {
    config: Config,
    api: ApiState,
    metrics: ServerMetrics,
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
        let metrics = ServerMetrics::new(services.clock.as_ref());
        let http = HttpState::new(
            config.http(),
            config.imports(),
            services,
            ApiDocument::new(router::document),
            tracer,
            metrics::requests(config.is_measured()),
        );
        let api = ApiState::new(http, config.rendered_bytes);
        Self(Arc::new(Inner {
            config,
            api,
            metrics,
            draining: AtomicBool::new(false),
        }))
    }

    /// The configuration.
    #[must_use]
    pub fn config(&self) -> &Config {
        &self.0.config
    }

    /// The state of the REST surface.
    #[must_use]
    pub fn api(&self) -> &ApiState {
        &self.0.api
    }

    /// The state of the HTTP toolkit.
    #[must_use]
    pub fn http(&self) -> &HttpState {
        self.api().http()
    }

    /// The services that use cases share.
    #[must_use]
    pub fn services(&self) -> &Arc<Services> {
        self.http().services()
    }

    /// The tenants by identifier.
    #[must_use]
    pub fn tenants(&self) -> &TenantCacheV3 {
        self.http().tenants()
    }

    /// Files uploaded for import.
    #[must_use]
    pub fn imports(&self) -> &Imports {
        self.http().imports()
    }

    /// Decides which traces are recorded, and takes their spans.
    #[must_use]
    pub fn tracer(&self) -> &Tracer {
        self.http().tracer()
    }

    /// The process's own counters.
    #[must_use]
    pub fn metrics(&self) -> &ServerMetrics {
        &self.0.metrics
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

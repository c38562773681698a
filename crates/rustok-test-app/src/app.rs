//! The server in the test's own process: services over a database, and a router that is served on the test's runtime.
//!
//! It has no workers: what they do has to be called, or tested with the program.

use crate::directory::{self, clock_of, platform, soon, validator};
use crate::server::{Operator, Server};
use axum::Router;
use rustok_api::router;
use rustok_api::state::{ApiState, RENDERED_BYTES};
use rustok_app::secrets::{Keyring, SecretKey};
use rustok_app::{IdempotencyKey, Services, tenants};
use rustok_core::clock::{Clock, ManualClock};
use rustok_events::Event;
use rustok_http::imports::ImportSettings;
use rustok_http::layers;
use rustok_http::openapi::ApiDocument;
use rustok_http::serve::{Shutdown, descriptors, serve};
use rustok_http::settings::HttpSettings;
use rustok_http::state::HttpState;
use rustok_storage::{DatabaseUrl, Opener, StoreConfig, outbox};
use rustok_telemetry::Tracer;
use rustok_tenancy::TenantIdentifierValidator;
use std::any::Any;
use std::sync::{Arc, Mutex};
use tokio::net::TcpListener;
use tokio::task::AbortHandle;

/// What a test sets. The defaults are those of the server.
#[derive(Debug, Clone, Default)]
pub struct Setup {
    /// The settings of the HTTP toolkit.
    pub http: HttpSettings,
    /// A clock that the test moves. Without one, time passes.
    pub clock: Option<Arc<ManualClock>>,
}

/// A running server in the test's process. Dropped, it accepts no more connections.
pub struct TestApp {
    url: String,
    http: HttpState,
    shutdown: Shutdown,
    serving: AbortHandle,
    /// What the served router needs and nobody else has.
    _kept: Mutex<Box<dyn Any + Send>>,
}

impl TestApp {
    /// The REST surface over this database.
    ///
    /// # Panics
    /// When the database cannot be opened, or no port is available.
    pub async fn open(database_url: &str) -> Self {
        Self::open_with(database_url, Setup::default()).await
    }

    /// As [`Self::open`], with other settings.
    ///
    /// # Panics
    /// As [`Self::open`].
    pub async fn open_with(database_url: &str, setup: Setup) -> Self {
        let config = StoreConfig::new(DatabaseUrl::parse(database_url).unwrap());
        let settings = if DatabaseUrl::names_postgres(database_url) {
            setup.http.within_places(config.postgres_waiting)
        } else {
            setup.http
        };
        let services = services(config, setup.clock, validator()).await;
        let document = ApiDocument::new(router::document);
        let folder = tempfile::Builder::new().prefix("rustok-app-").tempdir().unwrap();
        let imports = ImportSettings::in_folder(folder.path().join("imports"));
        let http = HttpState::new(settings, imports, services, document, Tracer::off(), None);
        let api = ApiState::new(http, RENDERED_BYTES);
        let routes = router::routes(&api).merge(rustok_pages::router::routes(api.http()));
        let surfaces = rustok_pages::router::surfaces(router::surfaces());
        let routes = layers::wrap(routes, api.http(), surfaces);
        Self::serve(routes, api.http(), folder).await
    }

    /// Serves a router that has all its layers, and whose state is `http`. `kept` lives as long as the server.
    ///
    /// # Panics
    /// When no port is available.
    pub async fn serve(routes: Router, http: &HttpState, kept: impl Any + Send) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let shutdown = Shutdown::default();
        let connections = descriptors::connections(http.settings().max_connections.max(1));
        let serving = tokio::spawn({
            let (http, shutdown) = (http.clone(), shutdown.clone());
            async move { serve(listener, routes, &http, connections, &shutdown).await }
        });
        Self {
            url,
            http: http.clone(),
            shutdown,
            serving: serving.abort_handle(),
            _kept: Mutex::new(Box::new(kept)),
        }
    }

    /// The URL of the listener: `http://127.0.0.1:PORT`.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }

    /// The services that its use cases share.
    #[must_use]
    pub fn services(&self) -> &Arc<Services> {
        self.http.services()
    }

    /// Gives a tenant one more host.
    ///
    /// # Panics
    /// When that is refused.
    pub async fn add_host(&self, slug: &str, host: &str) {
        let platform = platform(self.services());
        let identifier = platform.services.validator.slug(slug).unwrap();
        let added = tenants::add_host(&platform, identifier.into(), host, IdempotencyKey::none()).await;
        drop(added.unwrap());
        self.directory_changed();
    }

    /// The events that no worker has delivered, oldest first; at most a hundred.
    ///
    /// # Panics
    /// When the database refuses the query.
    pub async fn pending_events(&self) -> Vec<Event> {
        let store = &self.services().store;
        let mut tx = store.platform_read(soon()).await.unwrap();
        outbox::list_waiting(&mut tx, 100).await.unwrap()
    }

    /// No worker watches the directory: what was cached of it is forgotten here.
    fn directory_changed(&self) {
        self.http.tenants().invalidate_all();
    }
}

impl Drop for TestApp {
    fn drop(&mut self) {
        self.shutdown.closing.cancel();
        self.serving.abort();
    }
}

impl Operator for TestApp {
    async fn create_tenant(&self, slug: &str) {
        directory::create_tenant(self.services(), slug).await;
        self.directory_changed();
    }

    async fn issue_token(&self, slug: &str, role: &str) -> String {
        directory::issue_token(self.services(), slug, role).await
    }

    async fn open_session(&self, slug: &str, role: &str) -> String {
        directory::open_session(self.services(), slug, role).await
    }

    async fn issue_platform_token(&self) -> String {
        directory::issue_platform_token(self.services()).await
    }
}

impl Server for TestApp {
    fn url(&self) -> &str {
        &self.url
    }
}

/// Services as the server has them, over a database that no other server has open.
///
/// # Panics
/// When the database cannot be opened.
pub async fn services(
    config: StoreConfig,
    clock: Option<Arc<ManualClock>>,
    validator: TenantIdentifierValidator,
) -> Arc<Services> {
    let store = rustok_storage::open(config, Opener::Server).await.unwrap();
    let clock: Arc<dyn Clock> = match clock {
        Some(clock) => clock,
        None => clock_of(&store).await,
    };
    let secrets = Keyring::new(SecretKey::new([7; 32]), []);
    Arc::new(Services::new(store, clock, validator).with_secrets(secrets))
}

//! Tenants and tokens by use cases, over the services of a running server or beside it.

use rustok_app::people::{self, Browser};
use rustok_app::{Ctx, IdempotencyKey, PlatformCtx, Services, tenants};
use rustok_auth::Actor;
use rustok_core::clock::{Clock, SharedClock, SystemClock};
use rustok_core::deadline::Deadline;
use rustok_storage::{DatabaseUrl, Opener, Store, StoreConfig};
use rustok_tenancy::{NewTenantInput, Tenant, TenantIdentifierValidator, TenantSettings};
use std::sync::Arc;
use std::time::{Duration, Instant};
use uuid::Uuid;

/// Services in another process than the server's, as a command has them: with a store of their own.
pub(crate) async fn services_beside(database_url: &str) -> Arc<Services> {
    let store = store_beside(database_url).await;
    let clock = clock_of(&store).await;
    Arc::new(Services::new(store, clock, validator()))
}

async fn store_beside(database_url: &str) -> Store {
    let config = StoreConfig::new(DatabaseUrl::parse(database_url).unwrap());
    rustok_storage::open(config, Opener::Command).await.unwrap()
}

/// A context of a tenant in another process than the server's.
///
/// # Panics
/// When the database cannot be opened, or has no such tenant.
pub async fn beside(database_url: &str, slug: &str) -> Ctx {
    context(services_beside(database_url).await, slug).await
}

/// As [`beside`], at another time than the server's.
///
/// # Panics
/// As [`beside`].
pub async fn beside_at(database_url: &str, slug: &str, clock: Arc<dyn Clock>) -> Ctx {
    let store = store_beside(database_url).await;
    context(Arc::new(Services::new(store, clock, validator())), slug).await
}

async fn context(services: Arc<Services>, slug: &str) -> Ctx {
    let tenant = Arc::new(find(&services, slug).await);
    Ctx::system(services, tenant, "import", Deadline::never())
}

/// The clock of a server on this database: on PostgreSQL the database's.
pub(crate) async fn clock_of(store: &Store) -> Arc<dyn Clock> {
    if store.sqlite_path().is_some() {
        return Arc::new(SystemClock);
    }
    let asked = Instant::now();
    let theirs = store.database_time(soon()).await.unwrap();
    Arc::new(SharedClock::new(theirs, asked))
}

pub(crate) fn validator() -> TenantIdentifierValidator {
    TenantIdentifierValidator::new("localhost").unwrap()
}

pub(crate) fn platform(services: &Arc<Services>) -> PlatformCtx {
    PlatformCtx::system(Arc::clone(services), "test", soon())
}

pub(crate) fn soon() -> Deadline {
    Deadline::after(Duration::from_secs(30))
}

async fn find(services: &Arc<Services>, slug: &str) -> Tenant {
    let identifier = services.validator.slug(slug).unwrap();
    tenants::find(&platform(services), &identifier).await.unwrap()
}

pub(crate) async fn create_tenant(services: &Arc<Services>, slug: &str) {
    let input = NewTenantInput {
        slug: slug.to_owned(),
        name: slug.to_owned(),
        hosts: Vec::new(),
        settings: TenantSettings::default(),
    };
    let created = tenants::create(&platform(services), input, IdempotencyKey::none()).await;
    drop(created.unwrap());
}

pub(crate) async fn issue_token(services: &Arc<Services>, slug: &str, role: &str) -> String {
    let tenant = Arc::new(find(services, slug).await);
    let ctx = Ctx::system(Arc::clone(services), tenant, "test", soon());
    let issued = tenants::issue_token(&ctx, "test", role.parse().unwrap()).await;
    issued.unwrap().secret.expose()
}

pub(crate) async fn issue_platform_token(services: &Arc<Services>) -> String {
    let issued = tenants::issue_platform_token(&platform(services), "test").await;
    issued.unwrap().secret.expose()
}

/// Opens a session of a new member of a tenant, as its host below `localhost` has it; returns its secret.
pub(crate) async fn open_session(services: &Arc<Services>, slug: &str, role: &str) -> String {
    let tenant = Arc::new(find(services, slug).await);
    let ctx = Ctx::system(Arc::clone(services), tenant, "test", soon());
    let number = services.ids.next::<Uuid>();
    let email = format!("{role}-{number}@{slug}.example");
    let account = people::create_account(&platform(services), &email, role, None)
        .await
        .unwrap();
    people::grant(&ctx, &account, role.parse().unwrap())
        .await
        .unwrap();
    let link = people::issue_link(&ctx, account.id).await.unwrap().expose();
    let browser = Browser {
        host: format!("{slug}.localhost"),
        ..Browser::default()
    };
    let visitor = Ctx {
        actor: Actor::Anonymous,
        ..ctx
    };
    let opened = people::exchange_link(&visitor, &link, browser)
        .await
        .unwrap()
        .opened()
        .unwrap();
    opened.secret.expose()
}

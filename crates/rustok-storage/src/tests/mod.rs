//! What the storage room promises, shown on both databases.
//!
//! These tests look behind the seam: with SQL of their own, with the drivers, at the schema itself. They must never
//! prove isolation with the SQL filter and the database's own wall both on: each is tried with the other one off.

mod between;
pub(crate) mod bounded;
mod cancellation;
mod connections;
mod constraints;
mod deadlines;
mod directory;
mod faults;
mod group_commit;
mod guard;
mod idempotency;
mod locks;
mod migrations;
mod neighbours;
mod pooler;
mod restored;
mod schema;
mod seam;
mod statistics;
mod switched;
mod timings;
mod tls;
mod walls;

use crate::tenants;
use crate::{DatabaseUrl, Opener, Store, StoreConfig, StoreError};
use jiff::Timestamp;
use rustok_core::deadline::Deadline;
use rustok_core::ids::TenantId;
use rustok_tenancy::{NewTenant, NewTenantInput, TenantHandle, TenantIdentifierValidator, TenantSettings};
use rustok_test_support::TestDatabase;
use std::pin::Pin;
use std::task::{Context, Waker};
use std::time::Duration;
use uuid::Uuid;

/// Goes on with a future once, for nobody who would be woken. Whether it is done.
pub(crate) fn poll<F: Future>(future: Pin<&mut F>) -> bool {
    future.poll(&mut Context::from_waker(Waker::noop())).is_ready()
}

/// A URL with something more in its query.
pub(crate) fn with_query(url: &str, more: &str) -> String {
    let mark = if url.contains('?') { '&' } else { '?' };
    format!("{url}{mark}{more}")
}

/// Far enough away for any statement here, near enough to end a test that hangs.
pub(crate) fn soon() -> Deadline {
    Deadline::after(Duration::from_secs(30))
}

/// A fixed moment, with all the digits that are kept.
pub(crate) fn now() -> Timestamp {
    "2026-01-02T03:04:05.678901Z".parse().unwrap()
}

pub(crate) fn id(number: u128) -> Uuid {
    Uuid::from_u128(number)
}

pub(crate) fn config(db: &TestDatabase) -> StoreConfig {
    StoreConfig::new(DatabaseUrl::parse(db.url()).unwrap())
}

pub(crate) async fn open(db: &TestDatabase) -> Store {
    Store::open(config(db), Opener::Server).await.unwrap()
}

/// A store with few PostgreSQL connections, so that one is soon handed to the next user.
async fn open_small(db: &TestDatabase, connections: usize) -> Store {
    let config = StoreConfig {
        postgres_connections: connections,
        ..config(db)
    };
    Store::open(config, Opener::Server).await.unwrap()
}

fn validator() -> TenantIdentifierValidator {
    TenantIdentifierValidator::new("localhost").unwrap()
}

fn new_tenant(number: u128, slug: &str, hosts: &[&str]) -> NewTenant {
    NewTenantInput {
        slug: slug.to_owned(),
        name: format!("Shop {slug}"),
        hosts: hosts.iter().map(ToString::to_string).collect(),
        settings: TenantSettings::default(),
    }
    .check(&validator(), TenantId::from_uuid(id(number)), now())
    .unwrap()
}

async fn add_tenant(store: &Store, tenant: &NewTenant) -> Result<(), StoreError> {
    let mut tx = store.platform_write(soon()).await?;
    tenants::insert_tenant(&mut tx, tenant).await?;
    tx.commit().await
}

/// Adds a tenant whose id is `number`.
pub(crate) async fn tenant(store: &Store, number: u128, slug: &str) -> TenantHandle {
    let new = new_tenant(number, slug, &[]);
    add_tenant(store, &new).await.unwrap();
    let mut tx = store.platform_read(soon()).await.unwrap();
    let identifier = validator().known_id(new.id());
    tenants::find_tenant(&mut tx, &identifier)
        .await
        .unwrap()
        .unwrap()
        .handle()
}

const INSERT_AUTHOR: &str =
    "INSERT INTO authors (tenant_id, id, login, display_name, created_at) VALUES ($1, $2, $3, '', $4)";

/// Authors, since they need nothing but a tenant: one committed transaction for all of them.
pub(crate) async fn add_authors(store: &Store, tenant: TenantHandle, logins: &[&str]) {
    let mut tx = store.write(tenant, soon()).await.unwrap();
    for login in logins {
        let id = Uuid::from_u64_pair(1, login.bytes().fold(7, |sum, byte| sum * 31 + u64::from(byte)));
        let params = crate::value::params![tx.tenant, id, *login, now()];
        tx.db.execute_one("authors", INSERT_AUTHOR, params).await.unwrap();
    }
    tx.commit().await.unwrap();
}

/// The logins of a tenant's authors, asked for with the tenant in the query.
pub(crate) async fn logins(store: &Store, tenant: TenantHandle) -> Vec<String> {
    let mut tx = store.read(tenant, soon()).await.unwrap();
    let sql = "SELECT login FROM authors WHERE tenant_id = $1 ORDER BY login";
    tx.db
        .fetch("authors", sql, crate::value::params![tx.tenant], |row| {
            row.get("login")
        })
        .await
        .unwrap()
}

//! What the storage room promises, shown on both databases.
//!
//! These tests look behind the seam: with SQL of their own, with the drivers, at the schema itself. They must never
//! prove isolation with the SQL filter and the database's own wall both on: each is tried with the other one off.

mod bounded;
mod constraints;
mod deliveries;
mod directory;
mod idempotency;
mod jobs;
mod landed;
mod neighbours;
mod people;
pub(crate) mod plans;
mod pooler;
mod restored;
mod roles;
mod schema;
mod timings;
mod walls;

use crate::tenants;
use crate::{DatabaseUrl, Opener, Store, StoreConfig, StoreError};
use jiff::Timestamp;
use rustok_core::deadline::Deadline;
use rustok_core::ids::TenantId;
use rustok_tenancy::{NewTenant, NewTenantInput, TenantHandle, TenantIdentifierValidator, TenantSettings};
use rustok_test_support::TestDatabase;
use std::time::Duration;
use uuid::Uuid;

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
    crate::open(config(db), Opener::Server).await.unwrap()
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
        let params = rustok_db::params![tx.tenant(), id, *login, now()];
        tx.db.execute_one("authors", INSERT_AUTHOR, params).await.unwrap();
    }
    tx.commit().await.unwrap();
}

/// The logins of a tenant's authors, asked for with the tenant in the query.
pub(crate) async fn logins(store: &Store, tenant: TenantHandle) -> Vec<String> {
    let mut tx = store.read(tenant, soon()).await.unwrap();
    let sql = "SELECT login FROM authors WHERE tenant_id = $1 ORDER BY login";
    tx.db
        .fetch("authors", sql, rustok_db::params![tx.tenant()], |row| {
            row.get("login")
        })
        .await
        .unwrap()
}

//! What the seam promises, shown on both databases with tables of its own (`schema`).
//!
//! These tests look behind the seam: with SQL of their own, with the drivers, at the connections themselves. They must
//! never use a table of `rustok-storage`.

mod between;
mod cancellation;
mod codes;
mod connections;
mod deadlines;
mod faults;
mod group_commit;
mod guard;
mod locks;
mod migrations;
mod overwritten;
mod seam;
mod statistics;
mod switched;
mod tls;

use crate::{DatabaseUrl, Migration, Opener, PlatformTx, Schema, Store, StoreConfig, StoreError, params};
use jiff::Timestamp;
use rustok_core::deadline::Deadline;
use rustok_core::ids::TenantId;
use rustok_tenancy::TenantHandle;
use rustok_test_support::TestDatabase;
use std::pin::Pin;
use std::task::{Context, Waker};
use std::time::Duration;
use uuid::Uuid;

/// `accounts` and `counter` are the platform's, the others have rows of tenants. `marks` refers to `notes`.
pub(crate) const SCHEMA: Schema = Schema {
    migrations: &[
        Migration {
            name: "0001_accounts",
            sqlite: include_str!("schema/sqlite_0001_accounts.sql"),
            postgres: include_str!("schema/postgres_0001_accounts.sql"),
        },
        Migration {
            name: "0002_notes",
            sqlite: include_str!("schema/sqlite_0002_notes.sql"),
            postgres: include_str!("schema/postgres_0002_notes.sql"),
        },
    ],
    tables: &["accounts", "counter", "lefts", "marks", "notes", "rights"],
    filled: &["counter"],
};

/// Runs each test on both databases, both without a schema, as `name::sqlite` and `name::postgres`.
macro_rules! both_databases {
    ($($(#[$meta:meta])* async fn $name:ident($db:ident) $body:block)+) => {$(
        $(#[$meta])*
        mod $name {
            use super::*;

            async fn case($db: TestDatabase) $body

            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn sqlite() {
                case(TestDatabase::sqlite()).await;
            }

            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn postgres() {
                case(TestDatabase::postgres_empty().await).await;
            }
        }
    )+};
}
pub(crate) use both_databases;

/// A PostgreSQL database without a schema that a plain role owns; its URL is that role's.
async fn empty_as_owner() -> TestDatabase {
    // First a superuser makes the roles, then they are lent to the owner with its first database that has a schema.
    drop(TestDatabase::postgres().await);
    drop(TestDatabase::postgres_as_owner().await);
    TestDatabase::postgres_empty_as_owner().await
}

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

/// Opens a store with the tables of these tests.
pub(crate) async fn open_with(config: StoreConfig, opener: Opener) -> Result<Store, StoreError> {
    Store::open(config, opener, SCHEMA).await
}

pub(crate) async fn open(db: &TestDatabase) -> Store {
    open_with(config(db), Opener::Server).await.unwrap()
}

/// A store with few PostgreSQL connections, so that one is soon handed to the next user.
async fn open_small(db: &TestDatabase, connections: usize) -> Store {
    let config = StoreConfig {
        postgres_connections: connections,
        ..config(db)
    };
    open_with(config, Opener::Server).await.unwrap()
}

/// Adds a tenant whose id is `number`.
pub(crate) async fn tenant(store: &Store, number: u128, name: &str) -> TenantHandle {
    let tenant = TenantId::from_uuid(id(number));
    let mut tx = store.platform_write(soon()).await.unwrap();
    let sql = "INSERT INTO accounts (id, name) VALUES ($1, $2)";
    tx.db
        .execute_one("accounts", sql, params![tenant, name])
        .await
        .unwrap();
    tx.commit().await.unwrap();
    TenantHandle::for_due_work(tenant)
}

/// The number that a migration wrote, read in the platform's transaction.
async fn counter(tx: &mut PlatformTx) -> Result<i64, StoreError> {
    let sql = "SELECT number FROM counter WHERE id = 1";
    let number = tx.db.fetch_optional("counter", sql, &[], |row| row.get("number"));
    number
        .await?
        .ok_or_else(|| StoreError::inconsistent("counter", "id", "the row is missing"))
}

pub(crate) const INSERT_NOTE: &str =
    "INSERT INTO notes (tenant_id, id, word, text, created_at) VALUES ($1, $2, $3, '', $4)";

/// One committed transaction for all of them.
pub(crate) async fn add_notes(store: &Store, tenant: TenantHandle, words: &[&str]) {
    let mut tx = store.write(tenant, soon()).await.unwrap();
    for word in words {
        let id = Uuid::from_u64_pair(1, word.bytes().fold(7, |sum, byte| sum * 31 + u64::from(byte)));
        let params = params![tx.tenant, id, *word, now()];
        tx.db.execute_one("notes", INSERT_NOTE, params).await.unwrap();
    }
    tx.commit().await.unwrap();
}

/// The words of a tenant's notes, asked for with the tenant in the query.
pub(crate) async fn words(store: &Store, tenant: TenantHandle) -> Vec<String> {
    let mut tx = store.read(tenant, soon()).await.unwrap();
    let sql = "SELECT word FROM notes WHERE tenant_id = $1 ORDER BY word";
    tx.db
        .fetch("notes", sql, params![tx.tenant], |row| row.get("word"))
        .await
        .unwrap()
}

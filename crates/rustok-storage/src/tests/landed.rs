//! What happens to the rows of a shop when its schema changes.

use super::*;
use crate::orders::find_order;
use crate::products::{ProductFilter, list_products};
use crate::schema::SCHEMA;
use crate::{jobs, outbox};
use rusqlite::Connection;
use rustok_commerce::AnyOrder;
use rustok_core::page::Limit;
use rustok_db::{Migration, testing};
use rustok_events::{JobKind, Lease};
use rustok_test_support::both_databases;
use rustok_text::plain::folded;
use std::collections::BTreeMap;
use tokio_postgres::{Client, NoTls};

async fn client(db: &TestDatabase) -> Client {
    let (client, connection) = tokio_postgres::connect(db.direct_url(), NoTls).await.unwrap();
    drop(tokio::spawn(connection));
    client
}

/// The first column of the only row.
async fn number(db: &TestDatabase, sql: &str) -> Result<i64, String> {
    if db.is_postgres() {
        client(db)
            .await
            .query_one(sql, &[])
            .await
            .map(|row| row.get(0))
            .map_err(|error| error.to_string())
    } else {
        let conn = Connection::open(db.path()).unwrap();
        conn.query_row(sql, [], |row| row.get(0))
            .map_err(|error| error.to_string())
    }
}

both_databases! {
    async fn every_landed_schema_is_upgraded_with_its_rows(db) {
        let last = SCHEMA.migrations.last().map(|migration| migration.name);
        assert_eq!(LANDED.last().map(|(name, _)| *name), last, "rows for the newest schema (CONTRIBUTING.md)");
        for (landed, rows) in LANDED {
            let db = if db.is_postgres() { TestDatabase::postgres_empty_as_owner().await } else { TestDatabase::sqlite() };
            let number = SCHEMA.migrations.iter().position(|migration| migration.name == *landed).unwrap() + 1;
            migrate_to(&db, &SCHEMA.migrations[..number]).await;
            fill(&db, rows).await;
            let before = count_rows(&db).await;
            let empty: Vec<_> = before.iter().filter(|(_, rows)| **rows == 0).collect();
            assert!(empty.is_empty(), "{landed}: tables without a row: {empty:?}");
            let store = open(&db).await;
            let after = count_rows(&db).await;
            for (table, rows) in &before {
                let table = if table == "due_work" { "jobs" } else { table };
                assert_eq!(after.get(table), Some(rows), "{landed}: {table}");
            }
            assert_eq!(store.find_damage(soon()).await.unwrap(), [""; 0]);
            assert_eq!(shape(&db).await, shape(&fresh(db.is_postgres()).await).await, "{landed}");
            let shop = TenantHandle::for_due_work(TenantId::from_uuid(id(7)));
            let mut tx = store.read(shop, soon()).await.unwrap();
            for order in 1..=3 {
                let order = find_order(&mut tx, id(order).into()).await.unwrap().unwrap();
                AnyOrder::try_from(order.row).unwrap();
            }
            drop(tx);
            // What waited still waits, and what was to be done is still due.
            let mut tx = store.platform_write(soon()).await.unwrap();
            let waiting = outbox::list_waiting(&mut tx, 10).await.unwrap();
            assert_eq!(waiting.iter().map(|event| event.id.as_uuid()).collect::<Vec<_>>(), [id(1)], "{landed}");
            let lease = Lease::new(id(99), now());
            let due = jobs::claim(&mut tx, JobKind::ALL, lease, now(), 10).await.unwrap();
            assert_eq!(due.iter().map(|due| due.job.subject_id).collect::<Vec<_>>(), [id(1)], "{landed}");
        }
    }

    async fn vendors_of_an_older_schema_are_found_in_any_case(db) {
        let db = if db.is_postgres() { TestDatabase::postgres_empty_as_owner().await } else { TestDatabase::sqlite() };
        let (last, rows) = LANDED[1];
        let number = SCHEMA.migrations.iter().position(|migration| migration.name == last).unwrap() + 1;
        migrate_to(&db, &SCHEMA.migrations[..number]).await;
        fill(&db, rows).await;
        fill(&db, "UPDATE products SET vendor = 'ÄCME Öl', search_text = 'tea\näcme öl'").await;
        let store = open(&db).await;
        let shop = TenantHandle::for_due_work(TenantId::from_uuid(id(7)));
        let mut tx = store.read(shop, soon()).await.unwrap();
        let filter = ProductFilter { vendor: Some(folded("Äcme ÖL")), ..ProductFilter::default() };
        assert_eq!(list_products(&mut tx, &filter, None, Limit::default()).await.unwrap().items.len(), 1);
    }

    /// Two servers may start at once on an empty PostgreSQL, and commands beside them; a SQLite file has one server.
    async fn several_open_an_empty_database_at_once(db) {
        let db = if db.is_postgres() { TestDatabase::postgres_empty_as_owner().await } else { TestDatabase::sqlite() };
        let second = if db.is_postgres() { Opener::Server } else { Opener::Command };
        let opens = [Opener::Server, Opener::Command, second, Opener::Command]
            .map(|opener| tokio::spawn(crate::open(config(&db), opener)));
        for opened in opens {
            opened.await.unwrap().unwrap();
        }
        let applied = number(&db, "SELECT count(*) FROM schema_migrations").await.unwrap();
        assert_eq!(applied, i64::try_from(SCHEMA.migrations.len()).unwrap());
    }

    /// What a new state of orders needs of the schema: one source, both databases, no row lost.
    async fn a_status_is_added_to_orders_in_one_migration(db) {
        let db = if db.is_postgres() { TestDatabase::postgres_as_owner().await } else { TestDatabase::sqlite() };
        drop(open(&db).await);
        fill(&db, LANDED.last().unwrap().1).await;
        let (rows, shaped) = (count_rows(&db).await, shape(&db).await);
        migrate_to(&db, &[SCHEMA.migrations, &[on_hold()]].concat()).await;
        assert_eq!(count_rows(&db).await, rows);
        assert_eq!(shape(&db).await, shaped);
        if db.is_postgres() {
            let half = "SELECT count(*) FROM pg_class WHERE relrowsecurity AND NOT relforcerowsecurity";
            assert_eq!(db.superuser_count(half).await, 0, "row security is forced again");
        }
        fill(&db, "UPDATE orders SET status = 'on_hold', expires_at = NULL, placed_from = NULL WHERE id = $1").await;
        // Nothing but the status is wrong with it.
        let lost = "UPDATE orders SET status = 'lost', confirmed_at = updated_at WHERE version = 1";
        let refused = if db.is_postgres() {
            let (client, connection) = tokio_postgres::connect(db.superuser_url(), NoTls).await.unwrap();
            drop(tokio::spawn(connection));
            let error = client.batch_execute(lost).await.unwrap_err();
            error.as_db_error().and_then(|error| error.constraint()).unwrap_or_default().to_owned()
        } else {
            let conn = Connection::open(db.path()).unwrap();
            assert!(!conn.prepare("PRAGMA foreign_key_check").unwrap().exists([]).unwrap());
            conn.execute(lost, []).unwrap_err().to_string()
        };
        assert!(refused.contains("orders_status_known"), "{refused}");
    }
}

/// For each schema that has landed: its last migration, and rows for all of its tables. A new one is added with the
/// migrations that land (CONTRIBUTING.md), and none is ever changed.
const LANDED: &[(&str, &str)] = &[
    ("0009_search", include_str!("landed/0009_search.sql")),
    (
        "0010_variant_hs_code",
        include_str!("landed/0010_variant_hs_code.sql"),
    ),
    ("0014_people", include_str!("landed/0014_people.sql")),
    ("0018_home", include_str!("landed/0018_home.sql")),
    (
        "0019_second_factor",
        include_str!("landed/0019_second_factor.sql"),
    ),
];

/// Runs statements with the words of the files in `landed` in the SQL of a database, behind the store's back.
async fn fill(db: &TestDatabase, sql: &str) {
    let mut sql = sql.to_owned();
    let is_postgres = db.is_postgres();
    let bytes = |count: usize| {
        let zeros = "00".repeat(count);
        if is_postgres {
            format!("'\\x{zeros}'")
        } else {
            format!("x'{zeros}'")
        }
    };
    for number in 1..=9 {
        let id = id(number);
        let id = if is_postgres {
            format!("'{id}'")
        } else {
            format!("x'{}'", id.simple())
        };
        sql = sql.replace(&format!("${number}"), &id);
    }
    let time = if is_postgres {
        "'2026-01-02Z'"
    } else {
        "1767312000000000"
    };
    for (word, text) in [
        ("$now", time.to_owned()),
        ("$hash", bytes(32)),
        ("$net", bytes(16)),
        ("$true", "true".to_owned()),
        ("$false", "false".to_owned()),
    ] {
        sql = sql.replace(word, &text);
    }
    if is_postgres {
        db.superuser_run(&sql).await;
    } else {
        let conn = Connection::open(db.path()).unwrap();
        conn.execute_batch(&format!("PRAGMA foreign_keys = ON; {sql}"))
            .unwrap();
    }
}

/// How many rows each table has, without the history of migrations.
async fn count_rows(db: &TestDatabase) -> BTreeMap<String, i64> {
    let mut counts = BTreeMap::new();
    let tables = shape(db).await.into_keys();
    for table in tables.filter(|table| table != "schema_migrations") {
        let sql = format!("SELECT count(*) FROM {table}");
        let count = if db.is_postgres() {
            db.superuser_count(&sql).await
        } else {
            number(db, &sql).await.unwrap()
        };
        counts.insert(table, count);
    }
    counts
}

async fn shape(db: &TestDatabase) -> super::schema::Schema {
    if db.is_postgres() {
        super::schema::postgres_schema(&client(db).await).await
    } else {
        super::schema::sqlite_schema(&Connection::open(db.path()).unwrap())
    }
}

/// A database with the newest schema and no rows.
async fn fresh(is_postgres: bool) -> TestDatabase {
    let db = if is_postgres {
        TestDatabase::postgres_empty_as_owner().await
    } else {
        TestDatabase::sqlite()
    };
    drop(open(&db).await);
    db
}

/// A migration that lets orders be on hold, made from the source of the schema.
fn on_hold() -> Migration {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("schema");
    let mut sources: Vec<(String, String)> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .map(|path| {
            let name = path.file_stem().unwrap().to_str().unwrap().to_owned();
            (name, std::fs::read_to_string(path).unwrap())
        })
        .collect();
    sources.sort();
    let change = "ALTER TABLE orders DROP CONSTRAINT orders_status_known;
        ALTER TABLE orders ADD CONSTRAINT orders_status_known CHECK
            (status IN ('pending', 'confirmed', 'paid', 'shipped', 'delivered', 'cancelled', 'on_hold'));
        -- A view shows this table.
        ALTER TABLE tenants DROP CONSTRAINT tenants_status_known;
        ALTER TABLE tenants ADD CONSTRAINT tenants_status_known CHECK (status IN ('active', 'suspended'));
        ALTER TABLE orders DROP CONSTRAINT orders_confirmed_has_date;
        ALTER TABLE orders ADD CONSTRAINT orders_confirmed_has_date CHECK
            (status IN ('pending', 'cancelled', 'on_hold') OR confirmed_at IS NOT NULL);
        UPDATE orders SET email = email;";
    sources.push(("9999_on_hold".to_owned(), change.to_owned()));
    let named = sources.iter().map(|(name, text)| (name.as_str(), text.as_str()));
    let made = rustok_schema::render(named).unwrap().pop().unwrap();
    Migration {
        name: "9999_on_hold",
        sqlite: made.sqlite.leak(),
        postgres: made.postgres.leak(),
    }
}

async fn migrate_to(db: &TestDatabase, migrations: &[Migration]) {
    testing::migrate(&config(db).url, Opener::Server, migrations)
        .await
        .unwrap();
}

//! Opening: several at once, a schema from the future, a second server, and migrations that fail half-way.

use super::*;
use crate::latest_schema;
use crate::migrate::{self, Migration};
use crate::orders::find_order;
use futures_util::future::join_all;
use rusqlite::Connection;
use rustok_commerce::AnyOrder;
use rustok_test_support::both_databases;
use std::collections::BTreeMap;
use tokio_postgres::{Client, NoTls};

async fn client(db: &TestDatabase) -> Client {
    let (client, connection) = tokio_postgres::connect(db.url(), NoTls).await.unwrap();
    drop(tokio::spawn(connection));
    client
}

/// Runs SQL behind the store's back.
async fn run(db: &TestDatabase, sql: &str) {
    if db.is_postgres() {
        client(db).await.batch_execute(sql).await.unwrap();
    } else {
        Connection::open(db.path()).unwrap().execute_batch(sql).unwrap();
    }
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

#[track_caller]
fn setup_error(opened: Result<Store, StoreError>) -> String {
    match opened {
        Err(StoreError::Setup(text)) => text,
        Err(other) => panic!("{other:?}"),
        Ok(_) => panic!("it opened"),
    }
}

async fn open_all(configs: Vec<(StoreConfig, Opener)>) {
    let opens = configs
        .into_iter()
        .map(|(config, opener)| tokio::spawn(Store::open(config, opener)));
    for opened in join_all(opens).await {
        let store = opened.unwrap().unwrap();
        let mut tx = store.platform_read(soon()).await.unwrap();
        assert_eq!(tenants::directory_version(&mut tx).await.unwrap(), 1);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn several_open_an_empty_postgres_at_once() {
    for db in [
        TestDatabase::postgres_empty().await,
        TestDatabase::postgres_empty_as_owner().await,
    ] {
        let openers = [Opener::Server, Opener::Command, Opener::Server, Opener::Command];
        open_all(openers.map(|opener| (config(&db), opener)).to_vec()).await;
        assert_eq!(
            number(&db, "SELECT count(*) FROM schema_migrations")
                .await
                .unwrap(),
            latest_schema()
        );
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn several_open_an_empty_sqlite_at_once() {
    for _ in 0..5 {
        let db = TestDatabase::sqlite();
        let openers = [Opener::Server, Opener::Command, Opener::Command, Opener::Command];
        open_all(openers.map(|opener| (config(&db), opener)).to_vec()).await;
        assert_eq!(
            number(&db, "SELECT count(*) FROM schema_migrations")
                .await
                .unwrap(),
            latest_schema()
        );
    }
}

both_databases! {
    async fn opening_again_changes_nothing(db) {
        let store = open(&db).await;
        let shop = tenant(&store, 1, "shop1").await;
        add_authors(&store, shop, &["a"]).await;
        drop(store);
        for opener in [Opener::Command, Opener::Server] {
            let store = Store::open(config(&db), opener).await.unwrap();
            assert_eq!(logins(&store, shop).await, ["a"]);
        }
        assert_eq!(number(&db, "SELECT count(*) FROM schema_migrations").await.unwrap(), latest_schema());
    }

    async fn a_database_of_a_development_version_is_refused(db) {
        let db = if db.is_postgres() { TestDatabase::postgres_empty().await } else { TestDatabase::sqlite() };
        run(&db, "CREATE TABLE schema_migrations (number bigint NOT NULL PRIMARY KEY, name text NOT NULL); \
                  INSERT INTO schema_migrations VALUES (1, '0001_initial'), (2, '0002_outbox_delivered')").await;
        for opener in [Opener::Server, Opener::Command] {
            assert_eq!(setup_error(Store::open(config(&db), opener).await), migrate::UNRELEASED);
        }
        assert_eq!(crate::inspect::find_schema(&config(&db).url).await.unwrap(), crate::inspect::Schema::Unreleased);
        assert_eq!(number(&db, "SELECT count(*) FROM schema_migrations").await, Ok(2));
        assert!(number(&db, "SELECT count(*) FROM tenants").await.is_err());
    }

    async fn every_landed_schema_is_upgraded_with_its_rows(db) {
        let last = migrate::MIGRATIONS.last().map(|migration| migration.name);
        assert_eq!(LANDED.last().map(|(name, _)| *name), last, "rows for the newest schema (CONTRIBUTING.md)");
        for (landed, rows) in LANDED {
            let db = if db.is_postgres() { TestDatabase::postgres_empty_as_owner().await } else { TestDatabase::sqlite() };
            let number = migrate::MIGRATIONS.iter().position(|migration| migration.name == *landed).unwrap() + 1;
            migrate_to(&db, &migrate::MIGRATIONS[..number]).await;
            fill(&db, rows).await;
            let before = count_rows(&db).await;
            let empty: Vec<_> = before.iter().filter(|(_, rows)| **rows == 0).collect();
            assert!(empty.is_empty(), "{landed}: tables without a row: {empty:?}");
            let store = open(&db).await;
            let after = count_rows(&db).await;
            for (table, rows) in &before {
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
        }
    }

    /// What a new state of orders needs of the schema: one source, both databases, no row lost.
    async fn a_status_is_added_to_orders_in_one_migration(db) {
        let db = if db.is_postgres() { TestDatabase::postgres_as_owner().await } else { TestDatabase::sqlite() };
        drop(open(&db).await);
        fill(&db, LANDED.last().unwrap().1).await;
        let (rows, shaped) = (count_rows(&db).await, shape(&db).await);
        migrate(&db, Opener::Server, on_hold()).await.unwrap();
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

    async fn a_newer_schema_is_refused(db) {
        drop(open(&db).await);
        let newer = latest_schema() + 1;
        run(&db, &format!("INSERT INTO schema_migrations (number, name) VALUES ({newer}, 'later')")).await;
        for opener in [Opener::Server, Opener::Command] {
            let message = setup_error(Store::open(config(&db), opener).await);
            assert!(message.contains(&format!("schema {newer}")) && message.contains("newer rustok"), "{message}");
        }
    }

    async fn a_migration_that_fails_leaves_nothing_of_itself(db) {
        drop(open(&db).await);
        let latest = latest_schema();
        let half = Migration {
            name: "half",
            sqlite: "CREATE TABLE half (id INTEGER); INSERT INTO nothing VALUES (1);",
            postgres: "CREATE TABLE half (id bigint); INSERT INTO nothing VALUES (1);",
        };
        let fixed = Migration {
            name: "fixed",
            sqlite: "CREATE TABLE half (id INTEGER);",
            postgres: "CREATE TABLE half (id bigint);",
        };
        let message = migrate(&db, Opener::Server, half).await.unwrap_err();
        assert!(matches!(&message, StoreError::Setup(message) if message.contains("nothing")), "{message:?}");
        assert_eq!(number(&db, "SELECT max(number) FROM schema_migrations").await, Ok(latest));
        assert!(number(&db, "SELECT count(*) FROM half").await.is_err());
        // Where it failed, the next try goes on; a command does not try.
        assert!(matches!(migrate(&db, Opener::Command, fixed).await, Err(StoreError::Setup(message)) if message.contains("migrate")));
        migrate(&db, Opener::Server, fixed).await.unwrap();
        assert_eq!(number(&db, "SELECT max(number) FROM schema_migrations").await, Ok(latest + 1));
        assert_eq!(number(&db, "SELECT count(*) FROM half").await, Ok(0));
        migrate(&db, Opener::Command, fixed).await.unwrap();
    }
}

/// For each schema that has landed: its last migration, and rows for all of its tables. A new one is added with the
/// migrations that land (CONTRIBUTING.md), and none is ever changed.
const LANDED: &[(&str, &str)] = &[("0009_search", include_str!("landed/0009_search.sql"))];

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
    match DatabaseUrl::parse(db.url()).unwrap() {
        DatabaseUrl::Sqlite(path) => migrate::sqlite(&path, Opener::Server, migrations).unwrap(),
        DatabaseUrl::Postgres(config) => migrate::postgres(&config, Opener::Server, migrations)
            .await
            .unwrap(),
    }
}

/// Brings the schema up to all that there is and one more.
async fn migrate(db: &TestDatabase, opener: Opener, one_more: Migration) -> Result<(), StoreError> {
    let migrations = [migrate::MIGRATIONS, &[one_more]].concat();
    match DatabaseUrl::parse(db.url()).unwrap() {
        DatabaseUrl::Sqlite(path) => migrate::sqlite(&path, opener, &migrations),
        DatabaseUrl::Postgres(config) => migrate::postgres(&config, opener, &migrations).await,
    }
}

/// Texts of every script are stored, and compared alike on all servers.
#[tokio::test]
async fn a_database_of_another_encoding_is_refused() {
    let db = TestDatabase::postgres_latin1().await;
    let found = crate::inspect::find_schema(&config(&db).url).await;
    let mut messages = vec![found.unwrap_err().to_string()];
    for opener in [Opener::Server, Opener::Command] {
        messages.push(setup_error(Store::open(config(&db), opener).await));
    }
    for message in messages {
        assert!(
            message.contains("LATIN1") && message.contains("ENCODING 'UTF8' TEMPLATE template0"),
            "{message}"
        );
    }
}

/// SQLite changes a table by building it anew; with foreign keys on, dropping the old one would delete its children.
#[tokio::test]
async fn a_table_rebuilt_by_a_sqlite_migration_keeps_its_children() {
    let db = TestDatabase::sqlite();
    let store = open(&db).await;
    let shop = tenant(&store, 1, "shop1").await;
    add_authors(&store, shop, &["a"]).await;
    drop(store);
    run(&db, "CREATE TABLE p (id INTEGER PRIMARY KEY); CREATE TABLE c (p INTEGER REFERENCES p (id) ON DELETE CASCADE); \
              INSERT INTO p VALUES (1); INSERT INTO c VALUES (1)").await;
    let rebuild = |rows| Migration {
        name: "rebuild",
        sqlite: rows,
        postgres: "",
    };
    let broken = "CREATE TABLE q (id INTEGER PRIMARY KEY); DROP TABLE p; ALTER TABLE q RENAME TO p;";
    let message = migrate(&db, Opener::Server, rebuild(broken)).await.unwrap_err();
    assert!(
        matches!(&message, StoreError::Setup(message) if message.contains("foreign keys")),
        "{message:?}"
    );
    assert_eq!(number(&db, "SELECT count(*) FROM p").await, Ok(1));
    let whole = "CREATE TABLE q (id INTEGER PRIMARY KEY); INSERT INTO q SELECT * FROM p; DROP TABLE p; \
                 ALTER TABLE q RENAME TO p;";
    migrate(&db, Opener::Server, rebuild(whole)).await.unwrap();
    assert_eq!(number(&db, "SELECT count(*) FROM c").await, Ok(1));
}

/// A backfill that row security would turn into a silent `UPDATE 0` is an error instead.
#[tokio::test]
async fn a_postgres_migration_that_row_security_would_blind_fails() {
    let backfill = Migration {
        name: "backfill",
        sqlite: "",
        postgres: "UPDATE authors SET display_name = login;",
    };
    let db = TestDatabase::postgres_as_owner().await;
    let message = migrate(&db, Opener::Server, backfill).await.unwrap_err();
    assert!(
        matches!(&message, StoreError::Setup(message) if message.contains("row-level security")),
        "{message:?}"
    );
}

#[tokio::test]
async fn a_second_server_on_a_sqlite_file_is_refused_a_command_is_not() {
    let db = TestDatabase::sqlite();
    let first = open(&db).await;
    let message = setup_error(Store::open(config(&db), Opener::Server).await);
    assert!(
        message.contains("another server") && message.contains("rustok.db"),
        "{message}"
    );
    let command = Store::open(config(&db), Opener::Command).await.unwrap();
    let shop = tenant(&command, 1, "shop1").await;
    assert_eq!(logins(&first, shop).await, [""; 0]);
    drop(command);
    assert!(
        Store::open(config(&db), Opener::Server).await.is_err(),
        "a command's end frees no server's lock"
    );
    // Any clone of the store keeps the others off.
    let clone = first.clone();
    drop(first);
    assert!(Store::open(config(&db), Opener::Server).await.is_err());
    drop(clone);
    open(&db).await;
}

#[tokio::test]
async fn what_cannot_be_opened_says_so_without_secrets() {
    for url in [
        "",
        "mysql://x",
        "sqlite://",
        "sqlite://a?mode=memory",
        "postgres://u:hunter2@h:port/x",
    ] {
        let message = match DatabaseUrl::parse(url) {
            Err(StoreError::Setup(message)) => message,
            other => panic!("{url}: {other:?}"),
        };
        assert!(!message.contains("hunter2"), "{message}");
    }
    let url = DatabaseUrl::parse("postgres://u:hunter2@127.0.0.1:1/x").unwrap();
    assert!(!format!("{url:?}").contains("hunter2"));
    let error = Store::open(StoreConfig::new(url), Opener::Server)
        .await
        .err()
        .unwrap();
    assert!(
        error.is_outage() && !error.to_string().contains("hunter2"),
        "{error:?}"
    );
    let folder = tempfile::tempdir().unwrap();
    let no_file = folder.path().join("folder");
    std::fs::create_dir(&no_file).unwrap();
    let file = DatabaseUrl::parse(&format!("sqlite://{}", no_file.display())).unwrap();
    let message = setup_error(Store::open(StoreConfig::new(file), Opener::Command).await);
    assert!(message.contains("cannot open"), "{message}");
}

/// A process that was stopped in the middle of a migration keeps its lock.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nobody_waits_for_ever_for_somebody_at_the_schema() {
    let sqlite = TestDatabase::sqlite();
    let lock = crate::files::open_lock(&migrate::beside(sqlite.path(), ".migrate.lock")).unwrap();
    lock.lock().unwrap();
    let postgres = TestDatabase::postgres_empty().await;
    let connected = tokio_postgres::connect(postgres.superuser_url(), tokio_postgres::NoTls).await;
    let (holder, connection) = connected.unwrap();
    drop(tokio::spawn(connection));
    let held = format!("SELECT pg_advisory_lock({})", migrate::LOCK_KEY);
    holder.batch_execute(&held).await.unwrap();
    for db in [&sqlite, &postgres] {
        let refused = Store::open(config(db), Opener::Server).await.unwrap_err();
        assert!(matches!(refused, StoreError::Setup(_)), "{refused:?}");
    }
    drop(lock);
    holder
        .batch_execute("SELECT pg_advisory_unlock_all()")
        .await
        .unwrap();
    for db in [&sqlite, &postgres] {
        Store::open(config(db), Opener::Server).await.unwrap();
    }
}

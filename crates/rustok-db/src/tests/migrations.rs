//! Opening: several at once, a schema from the future, a second server, and migrations that fail half-way.

use super::*;
use crate::migrate;
use crate::{FoundSchema, find_schema, testing};
use futures_util::future::join_all;
use rusqlite::Connection;
use tokio_postgres::{Client, NoTls};

/// The number of the newest migration.
fn latest() -> i64 {
    SCHEMA.latest()
}

async fn client(db: &TestDatabase) -> Client {
    let (client, connection) = tokio_postgres::connect(db.direct_url(), NoTls).await.unwrap();
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
        .map(|(config, opener)| tokio::spawn(open_with(config, opener)));
    for opened in join_all(opens).await {
        let store = opened.unwrap().unwrap();
        let mut tx = store.platform_read(soon()).await.unwrap();
        assert_eq!(counter(&mut tx).await.unwrap(), 1);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn several_open_an_empty_postgres_at_once() {
    for db in [TestDatabase::postgres_empty().await, empty_as_owner().await] {
        let openers = [Opener::Server, Opener::Command, Opener::Server, Opener::Command];
        open_all(openers.map(|opener| (config(&db), opener)).to_vec()).await;
        assert_eq!(
            number(&db, "SELECT count(*) FROM schema_migrations")
                .await
                .unwrap(),
            latest()
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
            latest()
        );
    }
}

both_databases! {
    async fn opening_again_changes_nothing(db) {
        let store = open(&db).await;
        let shop = tenant(&store, 1, "shop1").await;
        add_notes(&store, shop, &["a"]).await;
        drop(store);
        for opener in [Opener::Command, Opener::Server] {
            let store = open_with(config(&db), opener).await.unwrap();
            assert_eq!(words(&store, shop).await, ["a"]);
        }
        assert_eq!(number(&db, "SELECT count(*) FROM schema_migrations").await.unwrap(), latest());
    }

    async fn a_database_of_a_development_version_is_refused(db) {
        run(&db, "CREATE TABLE schema_migrations (number bigint NOT NULL PRIMARY KEY, name text NOT NULL); \
                  INSERT INTO schema_migrations VALUES (1, '0001_initial'), (2, '0002_outbox_delivered')").await;
        for opener in [Opener::Server, Opener::Command] {
            assert_eq!(setup_error(open_with(config(&db), opener).await), migrate::UNRELEASED);
        }
        assert_eq!(find_schema(&config(&db).url, &SCHEMA).await.unwrap(), FoundSchema::Unreleased);
        assert_eq!(number(&db, "SELECT count(*) FROM schema_migrations").await, Ok(2));
        assert!(number(&db, "SELECT count(*) FROM accounts").await.is_err());
    }

    async fn a_newer_schema_is_refused(db) {
        drop(open(&db).await);
        let newer = latest() + 1;
        run(&db, &format!("INSERT INTO schema_migrations (number, name) VALUES ({newer}, 'later')")).await;
        for opener in [Opener::Server, Opener::Command] {
            let message = setup_error(open_with(config(&db), opener).await);
            assert!(message.contains(&format!("schema {newer}")) && message.contains("newer rustok"), "{message}");
        }
    }

    async fn a_migration_that_fails_leaves_nothing_of_itself(db) {
        drop(open(&db).await);
        let latest = latest();
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

/// Brings the schema up to all that there is and one more.
async fn migrate(db: &TestDatabase, opener: Opener, one_more: Migration) -> Result<(), StoreError> {
    let migrations = [SCHEMA.migrations, &[one_more]].concat();
    testing::migrate(&config(db).url, opener, &migrations).await
}

/// Texts of every script are stored, and compared alike on all servers.
#[tokio::test]
async fn a_database_of_another_encoding_is_refused() {
    let db = TestDatabase::postgres_latin1().await;
    let found = find_schema(&config(&db).url, &SCHEMA).await;
    let mut messages = vec![found.unwrap_err().to_string()];
    for opener in [Opener::Server, Opener::Command] {
        messages.push(setup_error(open_with(config(&db), opener).await));
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
    add_notes(&store, shop, &["a"]).await;
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
        postgres: "UPDATE notes SET text = word;",
    };
    let db = empty_as_owner().await;
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
    let message = setup_error(open_with(config(&db), Opener::Server).await);
    assert!(
        message.contains("another server") && message.contains("rustok.db"),
        "{message}"
    );
    let command = open_with(config(&db), Opener::Command).await.unwrap();
    let shop = tenant(&command, 1, "shop1").await;
    assert_eq!(words(&first, shop).await, [""; 0]);
    drop(command);
    assert!(
        open_with(config(&db), Opener::Server).await.is_err(),
        "a command's end frees no server's lock"
    );
    // Any clone of the store keeps the others off.
    let clone = first.clone();
    drop(first);
    assert!(open_with(config(&db), Opener::Server).await.is_err());
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
    let error = open_with(StoreConfig::new(url), Opener::Server)
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
    let message = setup_error(open_with(StoreConfig::new(file), Opener::Command).await);
    assert!(message.contains("cannot open"), "{message}");
}

/// A process that was stopped in the middle of a migration keeps its lock.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nobody_waits_for_ever_for_somebody_at_the_schema() {
    let sqlite = TestDatabase::sqlite();
    let lock = crate::files::open_lock(&crate::files::beside(sqlite.path(), ".migrate.lock")).unwrap();
    lock.lock().unwrap();
    let postgres = TestDatabase::postgres_empty().await;
    let connected = tokio_postgres::connect(postgres.superuser_url(), tokio_postgres::NoTls).await;
    let (holder, connection) = connected.unwrap();
    drop(tokio::spawn(connection));
    let held = format!("SELECT pg_advisory_lock({})", migrate::LOCK_KEY);
    holder.batch_execute(&held).await.unwrap();
    for db in [&sqlite, &postgres] {
        let refused = open_with(config(db), Opener::Server).await.unwrap_err();
        assert!(matches!(refused, StoreError::Setup(_)), "{refused:?}");
    }
    drop(lock);
    holder
        .batch_execute("SELECT pg_advisory_unlock_all()")
        .await
        .unwrap();
    for db in [&sqlite, &postgres] {
        open_with(config(db), Opener::Server).await.unwrap();
    }
}

//! Opening: several at once, a schema from the future, a second server, and migrations that fail half-way.

use super::*;
use crate::latest_schema;
use crate::migrate::{self, Migration};
use crate::nodes::details::{NodeFilter, list_nodes};
use crate::nodes::public::{PublicFilter, ShownLocales, list_public};
use crate::nodes::texts::Part;
use crate::products::{self, ProductFilter};
use futures_util::future::join_all;
use rusqlite::Connection;
use rustok_core::page::Limit;
use rustok_test_support::both_databases;
use rustok_text::Slug;
use rustok_text::locale::Preference;
use rustok_text::words::Query;
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

    async fn work_that_is_due_stays_so_when_its_kinds_grow(db) {
        let db = if db.is_postgres() { TestDatabase::postgres_empty().await } else { TestDatabase::sqlite() };
        let first = &migrate::MIGRATIONS[..1];
        if db.is_postgres() {
            migrate::postgres(&db.url().parse().unwrap(), Opener::Server, first).await.unwrap();
        } else {
            migrate::sqlite(db.path(), Opener::Server, first).unwrap();
        }
        let (id, time) = if db.is_postgres() {
            ("'00000000-0000-0000-0000-000000000007'", "'2020-01-01'")
        } else {
            ("x'00000000000000000000000000000007'", "7")
        };
        run(&db, &format!(
            "INSERT INTO tenants (id, slug, name, status, settings, created_at, updated_at, version, directory_version) \
             VALUES ({id}, 'shop1', 'x', 'active', '{{}}', {time}, {time}, 1, 1); \
             INSERT INTO due_work (tenant_id, id, kind, subject_id, due_at) \
             VALUES ({id}, {id}, 'expire_order', {id}, {time})"
        )).await;
        drop(open(&db).await);
        let kept = format!("SELECT count(*) FROM due_work WHERE tenant_id = {id} AND subject_id = {id} AND due_at = {time}");
        assert_eq!(number(&db, &kept).await.unwrap(), 1);
        run(&db, "UPDATE due_work SET kind = 'fail_import'").await;
    }

    async fn orders_that_were_confirmed_before_are_called_off_seven_days_later(db) {
        // As the owner of the tables, whom row security is forced on.
        let db = if db.is_postgres() { TestDatabase::postgres_empty_as_owner().await } else { TestDatabase::sqlite() };
        let place = migrate::MIGRATIONS.iter().position(|migration| migration.name.ends_with("confirmed_expiry"));
        let before = &migrate::MIGRATIONS[..place.unwrap()];
        let forced = |word: &str| {
            let all = ["customers", "orders", "due_work"].map(|table| format!("ALTER TABLE {table} {word} ROW LEVEL SECURITY;"));
            if db.is_postgres() { all.concat() } else { String::new() }
        };
        let (id, one, two, time, hash) = if db.is_postgres() {
            migrate::postgres(&db.url().parse().unwrap(), Opener::Server, before).await.unwrap();
            let id = |number: u8| format!("'00000000-0000-0000-0000-00000000000{number}'");
            (id(7), id(1), id(2), "'2020-01-01Z'", "''")
        } else {
            migrate::sqlite(db.path(), Opener::Server, before).unwrap();
            let id = |number: u8| format!("x'0000000000000000000000000000000{number}'");
            (id(7), id(1), id(2), "1577836800000000", "x''")
        };
        run(&db, &format!(
            "{} INSERT INTO tenants (id, slug, name, status, settings, created_at, updated_at, version, directory_version) \
             VALUES ({id}, 'shop1', 'x', 'active', '{{}}', {time}, {time}, 1, 1); \
             INSERT INTO customers (tenant_id, id, email, created_at) VALUES ({id}, {id}, 'a@example.org', {time}); \
             INSERT INTO orders (tenant_id, id, customer_id, email, status, currency, total_minor, secret_hash, created_at, \
             updated_at, expires_at, confirmed_at, version) VALUES \
             ({id}, {one}, {id}, '', 'pending', 'USD', 0, {hash}, {time}, {time}, {time}, NULL, 1), \
             ({id}, {two}, {id}, '', 'confirmed', 'USD', 0, {hash}, {time}, {time}, NULL, {time}, 2); \
             INSERT INTO due_work (tenant_id, id, kind, subject_id, due_at) VALUES ({id}, {id}, 'expire_order', {one}, {time}); {}",
            forced("NO FORCE"), forced("FORCE")
        )).await;
        drop(open(&db).await);
        if db.is_postgres() {
            let forced = "SELECT count(*) FROM pg_class WHERE relname IN ('orders', 'due_work') AND relforcerowsecurity";
            assert_eq!(number(&db, forced).await, Ok(2));
        }
        run(&db, &forced("NO FORCE")).await;
        let untouched = format!("SELECT count(*) FROM orders o JOIN due_work w ON w.subject_id = o.id AND w.due_at = o.expires_at \
            WHERE o.id = {one} AND o.expires_at = {time}");
        assert_eq!(number(&db, &untouched).await, Ok(1));
        let (early, late) = if db.is_postgres() {
            ("now() + interval '167 hours'", "now() + interval '168 hours'")
        } else {
            ("(unixepoch() + 167 * 3600) * 1000000", "(unixepoch() + 168 * 3600) * 1000000")
        };
        let due = format!("SELECT count(*) FROM orders o JOIN due_work w ON w.subject_id = o.id AND w.due_at = o.expires_at \
            WHERE o.id = {two} AND w.kind = 'expire_order' AND w.due_at > {early} AND w.due_at <= {late}");
        assert_eq!(number(&db, &due).await, Ok(1));
        assert_eq!(number(&db, "SELECT count(*) FROM due_work").await, Ok(2));
    }

    async fn what_was_there_before_words_were_kept_is_found_by_them(db) {
        let db = if db.is_postgres() { TestDatabase::postgres_empty_as_owner().await } else { TestDatabase::sqlite() };
        let place = migrate::MIGRATIONS.iter().position(|migration| migration.name.ends_with("bounded_lists"));
        let before = &migrate::MIGRATIONS[..place.unwrap()];
        let tables = ["authors", "terms", "nodes", "node_revisions", "node_translations", "node_terms", "products"];
        let forced = |word: &str| {
            let all = tables.map(|table| format!("ALTER TABLE {table} {word} ROW LEVEL SECURITY;"));
            if db.is_postgres() { all.concat() } else { String::new() }
        };
        let (seven, time) = if db.is_postgres() {
            migrate::postgres(&db.url().parse().unwrap(), Opener::Server, before).await.unwrap();
            ("'00000000-0000-0000-0000-000000000007'", "'2020-01-01Z'")
        } else {
            migrate::sqlite(db.path(), Opener::Server, before).unwrap();
            ("x'00000000000000000000000000000007'", "1577836800000000")
        };
        let line = if db.is_postgres() { "chr(10)" } else { "char(10)" };
        run(&db, &format!(
            "{} INSERT INTO tenants (id, slug, name, status, settings, created_at, updated_at, version, directory_version) \
             VALUES ({seven}, 'shop1', 'x', 'active', '{{}}', {time}, {time}, 1, 1); \
             INSERT INTO authors (tenant_id, id, login, display_name, created_at) VALUES ({seven}, {seven}, 'a', 'A', {time}); \
             INSERT INTO terms (tenant_id, id, taxonomy, slug, name, created_at) VALUES ({seven}, {seven}, 'tag', 'hot', 'Hot', {time}); \
             INSERT INTO nodes (tenant_id, id, kind, status, author_id, created_at, updated_at, published_at, \
             working_revision, published_revision, version) \
             VALUES ({seven}, {seven}, 'post', 'published', {seven}, {time}, {time}, {time}, 1, 1, 2); \
             INSERT INTO node_revisions (tenant_id, node_id, revision, locale, title, slug, excerpt, body, format, body_html, \
             actor, created_at) VALUES ({seven}, {seven}, 1, 'en', 'A \"Word\"', 'a-word', '', '', 'html', '', 'system:x', {time}); \
             INSERT INTO node_translations (tenant_id, node_id, locale, slug, title_search, working_revision, published_slug, \
             published_revision, is_original) VALUES ({seven}, {seven}, 'en', 'a-word', 'a \"word\" back\\slash', 1, 'a-word', 1, true); \
             INSERT INTO node_terms (tenant_id, node_id, term_id) VALUES ({seven}, {seven}, {seven}); \
             INSERT INTO products (tenant_id, id, handle, status, title, description_html, tags, options, images, search_text, \
             created_at, updated_at, version) VALUES ({seven}, {seven}, 'tea', 'active', 'Green Tea', '', '[]', '[]', '[]', \
             'green tea' || {line} || 'acme', {time}, {time}, 1); {}",
            forced("NO FORCE"), forced("FORCE")
        )).await;
        let store = open(&db).await;
        if db.is_postgres() {
            let forced = "SELECT count(*) FROM pg_class WHERE relname IN ('nodes', 'node_terms', 'node_translations', 'products') \
                          AND relforcerowsecurity";
            assert_eq!(number(&db, forced).await, Ok(4));
        }
        let mut directory = store.platform_read(soon()).await.unwrap();
        let known = validator().known_id(TenantId::from_uuid(id(7)));
        let shop = tenants::find_tenant(&mut directory, &known).await.unwrap().unwrap().handle();
        drop(directory);
        let mut tx = store.read(shop, soon()).await.unwrap();
        let (limit, query) = (Limit::default(), |text: &str| Some(Query::of(text)));
        for (text, found) in [("GREEN", 1), ("te acm", 1), ("a", 1), ("green shirt", 0)] {
            let filter = ProductFilter { query: query(text), ..ProductFilter::default() };
            let page = products::list_products(&mut tx, &filter, None, limit).await.unwrap();
            assert_eq!(page.items.len(), found, "{text}");
        }
        let preference = Preference { wanted: &[], default: "en".parse().unwrap() };
        for (text, found) in [("word", 1), ("back a", 1), ("green", 0)] {
            let filter = NodeFilter { query: query(text), ..NodeFilter::default() };
            let page = list_nodes(&mut tx, &filter, preference, Part::Summary, None, limit).await.unwrap();
            assert_eq!(page.items.len(), found, "{text}");
        }
        let filter = PublicFilter { tag: Some(Slug::parse("hot").unwrap()), ..PublicFilter::default() };
        let locales = ShownLocales { preference, listed: Vec::new() };
        let page = list_public(&mut tx, &filter, locales, now(), None, limit).await.unwrap();
        assert_eq!(page.items.len(), 1);
    }

    async fn of_old_payments_and_refunds_with_one_reference_the_first_keeps_it(db) {
        let db = if db.is_postgres() { TestDatabase::postgres_empty_as_owner().await } else { TestDatabase::sqlite() };
        let place = migrate::MIGRATIONS.iter().position(|migration| migration.name.ends_with("references_and_standing"));
        let before = &migrate::MIGRATIONS[..place.unwrap()];
        let tables = ["customers", "orders", "payments", "refunds"];
        let forced = |word: &str| {
            let all = tables.map(|table| format!("ALTER TABLE {table} {word} ROW LEVEL SECURITY;"));
            if db.is_postgres() { all.concat() } else { String::new() }
        };
        let id = |number: u8| {
            if db.is_postgres() { format!("'00000000-0000-0000-0000-00000000000{number}'") }
            else { format!("x'0000000000000000000000000000000{number}'") }
        };
        let time = |day: u8| {
            if db.is_postgres() { format!("'2020-01-0{day}Z'") } else { format!("{day}") }
        };
        let (first, hash) = if db.is_postgres() {
            migrate::postgres(&db.url().parse().unwrap(), Opener::Server, before).await.unwrap();
            (time(1), "''")
        } else {
            migrate::sqlite(db.path(), Opener::Server, before).unwrap();
            (time(1), "x''")
        };
        let mut sql = forced("NO FORCE");
        for tenant in [7, 8] {
            sql += &format!(
                "INSERT INTO tenants (id, slug, name, status, settings, created_at, updated_at, version, directory_version) \
                 VALUES ({0}, 'shop{tenant}', 'x', 'active', '{{}}', {first}, {first}, 1, 1); \
                 INSERT INTO customers (tenant_id, id, email, created_at) VALUES ({0}, {0}, 'a@example.org', {first});",
                id(tenant)
            );
        }
        // Tenant, order, day of payment, method.
        for (tenant, order, day, method) in [(7, 1, 2, "card"), (7, 2, 1, " Card"), (7, 3, 3, "cash"), (8, 4, 4, "card")] {
            let (tenant, order, day) = (id(tenant), id(order), time(day));
            sql += &format!(
                "INSERT INTO orders (tenant_id, id, customer_id, email, status, currency, total_minor, secret_hash, created_at, \
                 updated_at, confirmed_at, expires_at, version) \
                 VALUES ({tenant}, {order}, {tenant}, '', 'confirmed', 'USD', 0, {hash}, {first}, {first}, {first}, NULL, 2); \
                 INSERT INTO payments (tenant_id, order_id, payment_id, method, amount_minor, currency, paid_at) \
                 VALUES ({tenant}, {order}, 'pay_1', '{method}', 0, 'USD', {day}); \
                 INSERT INTO refunds (tenant_id, order_id, refund_id, amount_minor, currency, refunded_at) \
                 VALUES ({tenant}, {order}, 're_1 ', 0, 'USD', {day});"
            );
        }
        run(&db, &format!("{sql}{}", forced("FORCE"))).await;
        drop(open(&db).await);
        if db.is_postgres() {
            let forced = "SELECT count(*) FROM pg_class WHERE relname IN ('payments', 'refunds') AND relforcerowsecurity";
            assert_eq!(number(&db, forced).await, Ok(2));
        }
        run(&db, &forced("NO FORCE")).await;
        let line = if db.is_postgres() { "chr(10)" } else { "char(10)" };
        for (table, name) in [("payments", "pay_1"), ("refunds", "re_1")] {
            assert_eq!(number(&db, &format!("SELECT count(*) FROM {table}")).await, Ok(4));
            let none = format!("SELECT count(*) FROM {table} WHERE reference IS NULL AND order_id = {}", id(1));
            assert_eq!(number(&db, &none).await, Ok(1), "{table}: it was the second");
            let kept = format!(
                "SELECT count(*) FROM {table} WHERE reference = 'card' || {line} || '{name}' AND order_id IN ({}, {}) \
                 OR reference = 'cash' || {line} || '{name}' AND order_id = {}",
                id(2), id(4), id(3)
            );
            assert_eq!(number(&db, &kept).await, Ok(3), "{table}");
        }
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

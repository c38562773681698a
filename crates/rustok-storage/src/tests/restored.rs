//! A backup of PostgreSQL and the way back: every row of every table, all walls, or nothing at all.

use super::*;
use crate::inspect::find_isolation_faults;
use crate::restore;
use crate::schema::SCHEMA;
use rustok_db::{Migration, Schema, params};
use rustok_test_support::{TIMEOUT, eventually};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::mpsc;
use tempfile::TempDir;
use tokio::task::{JoinSet, block_in_place};

/// What a text may hold that the file's own text could take for something else.
const WORDS: [&str; 7] = [
    "\\N",
    "\\.",
    "a\tb\nc\rd",
    "\\",
    "",
    "'\"{},",
    "日本語 \u{1f375} ́",
];

const INSERT_CUSTOMER: &str =
    "INSERT INTO customers (tenant_id, id, email, created_at) VALUES ($1, $2, $3, $4)";

fn url(db: &TestDatabase) -> DatabaseUrl {
    DatabaseUrl::parse(db.url()).unwrap()
}

/// A category, whose parent comes behind it in the table.
const INSERT_TERM: &str = "INSERT INTO terms (tenant_id, id, taxonomy, slug, name, parent_id, created_at, name_folded) \
                           VALUES ($1, $2, 'category', $3, $4, $5, $6, '')";

async fn fill(store: &Store, shop: TenantHandle) {
    let mut tx = store.write(shop, soon()).await.unwrap();
    for (number, word) in (0..).zip(WORDS) {
        let login = format!("{number}{word}");
        let author = params![tx.tenant(), id(number), &login, now()];
        tx.db.execute_one("authors", INSERT_AUTHOR, author).await.unwrap();
        let event = "INSERT INTO outbox (tenant_id, id, topic, subject_id, payload, occurred_at) VALUES ($1, $2, $3, $2, $4, $5)";
        let payload = serde_json::json!({ "words": word });
        let event_of = params![tx.tenant(), id(number), word, &payload, now()];
        tx.db.execute_one("outbox", event, event_of).await.unwrap();
    }
    let nobody: Option<Uuid> = None;
    for (number, parent) in [(9, nobody), (2, Some(id(9)))] {
        let slug = format!("t{number}");
        let term = params![tx.tenant(), id(number), &slug, "T", parent, now()];
        tx.db.execute_one("terms", INSERT_TERM, term).await.unwrap();
    }
    tx.commit().await.unwrap();
    let mut tx = store.write(shop, soon()).await.unwrap();
    let below = "UPDATE terms SET parent_id = $2 WHERE tenant_id = $1 AND id = $3";
    let cycle = params![tx.tenant(), id(2), id(9)];
    tx.db.execute_one("terms", below, cycle).await.unwrap();
    tx.commit().await.unwrap();
}

/// Two shops with rows, and a backup of them.
async fn backed_up() -> (TestDatabase, Store, TempDir, PathBuf) {
    let db = TestDatabase::postgres_as_owner().await;
    let store = open(&db).await;
    for (number, slug) in [(1, "shop1"), (2, "shop2")] {
        let shop = tenant(&store, number, slug).await;
        fill(&store, shop).await;
    }
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("shops.backup");
    let bytes = store.backup(&file, |_, _| ()).await.unwrap();
    assert_eq!(bytes, std::fs::metadata(&file).unwrap().len());
    (db, store, folder, file)
}

/// Keys, checks, indexes, policies, rights and walls.
async fn shape(db: &TestDatabase) -> Vec<String> {
    let sql = "SELECT conrelid::regclass || ' ' || conname || ' ' || pg_get_constraintdef(oid) AS line FROM pg_constraint \
               WHERE connamespace = 'public'::regnamespace \
               UNION ALL SELECT indexdef FROM pg_indexes WHERE schemaname = 'public' \
               UNION ALL SELECT tablename || policyname || permissive || roles::text || cmd || qual || coalesce(with_check, '') \
               FROM pg_policies WHERE schemaname = 'public' \
               UNION ALL SELECT relname || relrowsecurity || relforcerowsecurity || coalesce(relacl::text, '') FROM pg_class \
               WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'v', 'S') ORDER BY 1";
    db.superuser_texts(sql).await
}

async fn tables(db: &TestDatabase) -> i64 {
    db.superuser_count("SELECT count(*) FROM pg_class WHERE relnamespace = 'public'::regnamespace")
        .await
}

/// Restores as a binary with other migrations would.
async fn restore_with(db: &TestDatabase, file: &Path, migrations: &[Migration]) -> Result<u64, StoreError> {
    let schema = Schema {
        migrations: migrations.to_vec().leak(),
        ..SCHEMA
    };
    rustok_db::restore(&url(db), file, &schema, |_, _| ()).await
}

async fn refused(db: &TestDatabase, file: &Path) -> String {
    match restore(&url(db), file, |_, _| ()).await.unwrap_err() {
        StoreError::Setup(message) => message,
        other => panic!("{other:?}"),
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_row_and_every_wall_comes_back() {
    let (db, _store, _folder, file) = backed_up().await;
    let migrated = TestDatabase::postgres_as_owner().await;
    for target in [
        TestDatabase::postgres_empty_as_owner().await,
        migrated,
        TestDatabase::postgres_empty().await,
    ] {
        let read = restore(&url(&target), &file, |_, _| ()).await.unwrap();
        assert_eq!(read, std::fs::metadata(&file).unwrap().len());
        let (there, here) = (db.contents().await, target.contents().await);
        assert_eq!(there, here);
        // With the list of migrations.
        assert_eq!((here.len(), here["authors"].len()), (SCHEMA.tables.len() + 1, 14));
        // A superuser's rights are named after him.
        if target.direct_url() != target.superuser_url() {
            assert_eq!(shape(&db).await, shape(&target).await);
        }
        let store = open(&target).await;
        for number in [1, 2] {
            let shop = TenantHandle::for_due_work(TenantId::from_uuid(id(number)));
            let mut tx = store.read(shop, soon()).await.unwrap();
            let sql = "SELECT DISTINCT tenant_id FROM authors";
            let seen = tx.db.fetch("x", sql, &[], |row| row.get::<TenantId>("tenant_id"));
            assert_eq!(seen.await.unwrap(), [shop.tenant_id()]);
            drop(tx);
            add_authors(&store, shop, &["later"]).await;
        }
        let nobody = TenantHandle::for_due_work(TenantId::from_uuid(id(999)));
        let faults = find_isolation_faults(&store, nobody, soon()).await.unwrap();
        assert_eq!(faults, [""; 0]);
        // And it can be backed up itself.
        let again = file.with_extension("again");
        store.backup(&again, |_, _| ()).await.unwrap();
        std::fs::remove_file(again).unwrap();
    }
}

/// What one transaction wrote is there as a whole or not at all, in whatever sequence tables are read.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_backup_is_of_one_moment_while_others_write() {
    let db = TestDatabase::postgres_as_owner().await;
    let store = open(&db).await;
    let shop = tenant(&store, 1, "shop1").await;
    let mut writers = JoinSet::new();
    for writer in 0..3_u128 {
        let store = store.clone();
        writers.spawn(async move {
            for number in writer * 1_000_000.. {
                let mut tx = store.write(shop, soon()).await.unwrap();
                let word = number.to_string();
                let author = params![tx.tenant(), id(number), &word, now()];
                tx.db.execute_one("authors", INSERT_AUTHOR, author).await.unwrap();
                let customer = params![tx.tenant(), id(number), &word, now()];
                tx.db
                    .execute_one("customers", INSERT_CUSTOMER, customer)
                    .await
                    .unwrap();
                tx.commit().await.unwrap();
            }
        });
    }
    let count = "SELECT count(*) FROM authors";
    eventually(TIMEOUT, async || match db.superuser_count(count).await {
        few @ 0..20 => Err(few),
        _ => Ok(()),
    })
    .await;
    let before = db.superuser_count(count).await;
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("shops.backup");
    let (stepped, steps) = mpsc::channel();
    let (go_on, wait) = mpsc::channel::<()>();
    let copied = tokio::spawn({
        let (store, file) = (store.clone(), file.clone());
        async move {
            // Between the tables: authors come second.
            let between = move |done, _| {
                if done == 2 {
                    stepped.send(()).unwrap();
                    block_in_place(|| wait.recv().ok());
                }
            };
            store.backup(&file, between).await
        }
    });
    block_in_place(|| steps.recv().unwrap());
    let during = db.superuser_count(count).await;
    eventually(TIMEOUT, async || match db.superuser_count(count).await {
        more if more > during + 20 => Ok(()),
        few => Err(few),
    })
    .await;
    drop(go_on);
    copied.await.unwrap().unwrap();
    writers.shutdown().await;
    let target = TestDatabase::postgres_empty_as_owner().await;
    restore(&url(&target), &file, |_, _| ()).await.unwrap();
    let restored = target.superuser_count(count).await;
    assert!(
        (before..=during).contains(&restored),
        "{before} {restored} {during}"
    );
    let halves = "SELECT count(*) FROM authors a FULL JOIN customers c ON a.id = c.id WHERE a.id IS NULL OR c.id IS NULL";
    assert_eq!(target.superuser_count(halves).await, 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_file_that_is_not_whole_leaves_nothing_behind() {
    let (_db, _store, folder, file) = backed_up().await;
    let whole = std::fs::read(&file).unwrap();
    let target = TestDatabase::postgres_empty_as_owner().await;
    let broken = folder.path().join("broken");
    let step = whole.len() / 25;
    let places = (1..25).map(|place| place * step).chain([3, 17, whole.len() - 1]);
    for place in places {
        std::fs::write(&broken, &whole[..place]).unwrap();
        let message = refused(&target, &broken).await;
        assert!(message.contains("broken is cut off"), "{place}: {message}");
        let mut changed = whole.clone();
        changed[place] ^= 0x10;
        std::fs::write(&broken, &changed).unwrap();
        let message = refused(&target, &broken).await;
        let foreign = place < 16 && message.contains("no backup of RusToK");
        assert!(
            foreign || message.contains("broken is damaged") || message.contains("broken is cut off"),
            "{place}: {message}"
        );
        assert_eq!(tables(&target).await, 0, "{place}");
    }
    for (foreign, words) in [
        (b"SQLite format 3\0 and so on".as_slice(), "sqlite://"),
        (b"PGDMP\x01\x0e", "no backup of RusToK"),
        (b"", "no backup of RusToK"),
    ] {
        std::fs::write(&broken, foreign).unwrap();
        let message = refused(&target, &broken).await;
        assert!(message.contains(words), "{message}");
    }
    let missing = refused(&target, &folder.path().join("missing")).await;
    assert!(missing.contains("cannot read"), "{missing}");
    assert_eq!(tables(&target).await, 0);
    restore(&url(&target), &file, |_, _| ()).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn only_a_database_without_rows_takes_a_backup() {
    let (db, _store, _folder, file) = backed_up().await;
    let before = db.contents().await;
    let message = refused(&db, &file).await;
    assert!(
        message.contains("has rows in api_tokens") || message.contains("has rows in authors"),
        "{message}"
    );
    assert!(
        message.contains("tenants") && message.contains("empty database"),
        "{message}"
    );
    assert_eq!(db.contents().await, before);
    let target = TestDatabase::postgres_as_owner().await;
    let shaped = shape(&target).await;
    tenant(&open(&target).await, 7, "mine").await;
    let message = refused(&target, &file).await;
    assert!(message.contains("has rows in tenants:"), "{message}");
    assert_eq!(shape(&target).await, shaped, "its keys and walls stand");
}

/// The file of an older binary is brought up to date; that of a newer one, and one into a newer schema, are refused.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_backup_of_an_older_schema_is_brought_up_to_date() {
    let (_db, _store, folder, file) = backed_up().await;
    let later = Migration {
        name: "0099_later",
        sqlite: "",
        postgres: "ALTER TABLE authors NO FORCE ROW LEVEL SECURITY; ALTER TABLE authors ADD COLUMN words bigint; \
                   UPDATE authors SET words = length(login); ALTER TABLE authors FORCE ROW LEVEL SECURITY;",
    };
    let migrations = SCHEMA.migrations;
    let all = [migrations, &[later]].concat();
    let target = TestDatabase::postgres_empty_as_owner().await;
    restore_with(&target, &file, &all).await.unwrap();
    let filled = "SELECT count(*) FROM authors WHERE words IS NOT NULL";
    assert_eq!(target.superuser_count(filled).await, 14);
    let number = "SELECT max(number) FROM schema_migrations";
    let latest = crate::latest_schema();
    assert_eq!(target.superuser_count(number).await, latest + 1);

    let message = restore_with(&target, &file, &all).await.unwrap_err();
    let expected = format!("the database has schema {} already", latest + 1);
    assert!(message.to_string().contains(&expected), "{message}");

    // As a binary of before would read it.
    let empty = TestDatabase::postgres_empty_as_owner().await;
    for (known, words) in [
        (&migrations[..migrations.len() - 1], "use a newer rustok"),
        (&[&migrations[1..], &[later]].concat(), "a development version"),
        // A longer history than that of this binary, and another one.
        (&migrations[1..3], "a development version"),
    ] {
        let message = restore_with(&empty, &file, known).await.unwrap_err();
        assert!(message.to_string().contains(words), "{message}");
    }
    assert_eq!(tables(&empty).await, 0);
    drop(folder);
}

/// Nobody gets a backup that lacks rows, or a table, without being told.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_hides_rows_from_a_backup_is_told() {
    let db = TestDatabase::postgres_as_owner().await;
    let store = open(&db).await;
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("shops.backup");
    for (breach, repair, message) in [
        (
            "DROP POLICY backup ON orders",
            "CREATE POLICY backup ON orders FOR SELECT TO rustok_backup USING (current_user = 'rustok_backup')",
            "hides rows of orders",
        ),
        (
            "CREATE POLICY posts ON nodes AS RESTRICTIVE USING (kind = 'post')",
            "DROP POLICY posts ON nodes",
            "hides rows of nodes",
        ),
        (
            "ALTER POLICY backup ON authors USING (current_user = 'rustok_backup' AND login <> 'x')",
            "ALTER POLICY backup ON authors USING (current_user = 'rustok_backup')",
            "hides rows of authors",
        ),
        (
            "REVOKE SELECT ON payments FROM rustok_backup",
            "GRANT SELECT ON payments TO rustok_backup",
            "permission denied",
        ),
    ] {
        db.superuser_run(breach).await;
        let error = store.backup(&file, |_, _| ()).await.unwrap_err();
        assert!(error.to_string().contains(message), "{breach}: {error}");
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0, "{breach}");
        db.superuser_run(repair).await;
    }
    store.backup(&file, |_, _| ()).await.unwrap();
    let error = store.backup(&file, |_, _| ()).await.unwrap_err();
    assert!(error.to_string().contains("exists already"), "{error}");
    let mode = std::os::unix::fs::PermissionsExt::mode(&std::fs::metadata(&file).unwrap().permissions());
    assert_eq!(mode & 0o777, 0o600);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_backup_of_sqlite_is_restored_where_there_is_nothing() {
    let db = TestDatabase::sqlite();
    let store = open(&db).await;
    let shop = tenant(&store, 1, "shop1").await;
    add_authors(&store, shop, &["a"]).await;
    let folder = db.path().with_file_name("backups");
    let file = folder.join("copy.db");
    store.backup(&file, |_, _| ()).await.unwrap();
    // The folder was made for it: both are their owner's alone.
    let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!((mode(&folder), mode(&file)), (0o700, 0o600));

    let target = TestDatabase::sqlite();
    let beside = |suffix: &str| PathBuf::from(format!("{}{suffix}", target.path().display()));
    std::fs::write(beside("-wal"), "old").unwrap();
    let message = refused(&target, &file).await;
    assert!(message.contains("-wal is left of a database"), "{message}");
    std::fs::remove_file(beside("-wal")).unwrap();
    let other = target.path().with_file_name("other");
    let postgres = b"rustok backup 1\nand so on".as_slice();
    for (bytes, words) in [
        (
            b"no database, only some words that are long enough".as_slice(),
            "no backup of RusToK",
        ),
        (b"", "no backup of RusToK"),
        (postgres, "postgres://"),
    ] {
        std::fs::write(&other, bytes).unwrap();
        let message = refused(&target, &other).await;
        assert!(message.contains(words), "{message}");
    }
    std::fs::copy(&file, &other).unwrap();
    let newer = "INSERT INTO schema_migrations (number, name) VALUES (999, 'later')";
    rusqlite::Connection::open(&other)
        .unwrap()
        .execute(newer, [])
        .unwrap();
    let message = refused(&target, &other).await;
    assert!(message.contains("use a newer rustok"), "{message}");
    std::fs::write(&other, &std::fs::read(&file).unwrap()[..40_000]).unwrap();
    let message = refused(&target, &other).await;
    assert!(message.contains("other is damaged"), "{message}");
    assert!(!target.path().exists() && !beside(".partial").exists());

    restore(&url(&target), &file, |_, _| ()).await.unwrap();
    let restored = open(&target).await;
    assert_eq!(logins(&restored, shop).await, ["a"]);
    drop(restored);
    let message = refused(&target, &file).await;
    assert!(message.contains("exists already"), "{message}");
    // One that was lost, with what says that it was there.
    std::fs::remove_file(target.path()).unwrap();
    for suffix in ["-wal", "-shm"] {
        std::fs::remove_file(beside(suffix)).ok();
    }
    restore(&url(&target), &file, |_, _| ()).await.unwrap();
    assert_eq!(logins(&open(&target).await, shop).await, ["a"]);
}

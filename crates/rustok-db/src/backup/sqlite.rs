//! A copy of a SQLite database: one snapshot. A read transaction is held throughout, which does not block writers in
//! WAL mode. Without it, each write by another connection would restart the copy.

use super::Partial;
use super::format::{PREFIX, SQLITE};
use crate::config::DatabaseUrl;
use crate::error::StoreError;
use crate::files;
use crate::files::beside;
use crate::inspect::{FoundSchema, find_schema};
use crate::migrate;
use crate::schema::Schema;
use crate::store;
use rusqlite::backup::{Backup, StepResult};
use rusqlite::{Connection, OpenFlags};
use std::io::Read as _;
use std::path::Path;

/// Pages copied per progress report: 1 MiB.
const PAGES_PER_STEP: i32 = 256;
/// How to open the copy: it must exist, and must not be a link.
const COPY: OpenFlags = OpenFlags::SQLITE_OPEN_READ_WRITE
    .union(OpenFlags::SQLITE_OPEN_NO_MUTEX)
    .union(OpenFlags::SQLITE_OPEN_NOFOLLOW);

/// The caller has checked that `target` does not exist.
pub(super) fn copy(source: &Path, target: &Path, progress: impl FnMut(u64, u64)) -> Result<u64, StoreError> {
    let partial = Partial::create(target)?;
    let failed = |error: rusqlite::Error| StoreError::Setup(format!("the copy failed: {error}"));
    copy_pages(source, &partial.path, progress).map_err(failed)?;
    check(&partial.path).map_err(failed)?;
    partial.finish(target)
}

/// Creates the database `database`, which must not exist, from the backup `file`.
pub(super) async fn put_back(
    file: &Path,
    database: &Path,
    schema: &Schema,
    progress: impl FnMut(u64, u64) + Send + 'static,
) -> Result<(), StoreError> {
    look_at(file, schema).await?;
    let setup = |message: String| Err(StoreError::Setup(message));
    if database.symlink_metadata().is_ok() {
        return setup(format!(
            "{} exists already: a backup is restored only where there is no database; put it aside first",
            database.display()
        ));
    }
    // SQLite would replay these into the restored file, or delete them.
    for suffix in ["-wal", "-shm", "-journal"] {
        let left = beside(database, suffix);
        if left.symlink_metadata().is_ok() {
            return setup(format!(
                "{} is left of a database that is gone, and does not belong to the backup: put it aside first",
                left.display()
            ));
        }
    }
    // Keeps others from opening this database meanwhile.
    let server = store::lock_file(database)?;
    let migrating = files::open_lock(&beside(database, ".migrate.lock"))?;
    migrate::take(&migrating, database)?;
    let (file, database) = (file.to_owned(), database.to_owned());
    tokio::task::spawn_blocking(move || {
        let copied = copy(&file, &database, progress);
        drop((server, migrating));
        copied.map(drop)
    })
    .await
    .map_err(|error| StoreError::Setup(format!("the restore ended early: {error}")))?
}

/// Whether `file` is a RusToK database with a schema that this binary knows.
async fn look_at(file: &Path, schema: &Schema) -> Result<(), StoreError> {
    let mut begin = Vec::new();
    let read = std::fs::File::open(file).and_then(|from| from.take(16).read_to_end(&mut begin));
    let begins = |with: &[u8]| read.is_ok() && begin.starts_with(with);
    let message = match find_schema(&DatabaseUrl::Sqlite(file.to_owned()), schema).await {
        Ok(FoundSchema::Number(number)) if number <= schema.latest() => return Ok(()),
        Ok(FoundSchema::Number(number)) => format!(
            "{} has schema {number}, this binary knows only up to {}: use a newer rustok",
            file.display(),
            schema.latest()
        ),
        Ok(FoundSchema::Unreleased) => format!("{}: {}", file.display(), migrate::UNRELEASED),
        _ if begins(PREFIX) => format!(
            "{} is a backup of a PostgreSQL database: it is restored where the database's URL begins with postgres://",
            file.display()
        ),
        Err(error) if begins(SQLITE) => format!(
            "{} is damaged ({error}): nothing was restored; copy it again, or take another backup",
            file.display()
        ),
        _ => format!("{} is no backup of RusToK", file.display()),
    };
    Err(StoreError::Setup(message))
}

fn copy_pages(source: &Path, target: &Path, mut progress: impl FnMut(u64, u64)) -> rusqlite::Result<()> {
    let source = Connection::open_with_flags(
        source,
        OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX,
    )?;
    // The first read fixes the snapshot.
    source.execute_batch("BEGIN")?;
    source.query_row("SELECT count(*) FROM sqlite_schema", [], |_| Ok(()))?;
    let mut copy = Connection::open_with_flags(target, COPY)?;
    {
        let backup = Backup::new(&source, &mut copy)?;
        while backup.step(PAGES_PER_STEP)? != StepResult::Done {
            let pages = |count: i32| u64::try_from(count).unwrap_or(0);
            let now = backup.progress();
            progress(pages(now.pagecount - now.remaining), pages(now.pagecount));
        }
    }
    // A single file without a WAL; the server that opens it switches WAL mode on again.
    copy.pragma_update_and_check(None, "journal_mode", "DELETE", |_| Ok(()))
}

/// Verifies the whole copy through a new connection.
fn check(path: &Path) -> rusqlite::Result<()> {
    let copy = Connection::open_with_flags(path, COPY)?;
    let first: String = copy.query_row("PRAGMA integrity_check(1)", [], |row| row.get(0))?;
    let broken_keys = copy.prepare("PRAGMA foreign_key_check")?.exists([])?;
    if first == "ok" && !broken_keys {
        return Ok(());
    }
    let reason = if broken_keys {
        "it has broken foreign keys".to_owned()
    } else {
        first
    };
    Err(rusqlite::Error::SqliteFailure(
        rusqlite::ffi::Error::new(rusqlite::ffi::SQLITE_CORRUPT),
        Some(format!(
            "the copy is damaged, so the database may be too: {reason}"
        )),
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::params;
    use crate::tests::{id, now, open, soon, tenant};
    use rustok_test_support::TestDatabase;
    use std::os::unix::fs::PermissionsExt as _;
    use std::sync::mpsc;

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn a_backup_is_one_snapshot_while_others_write() {
        let db = TestDatabase::sqlite();
        let store = open(&db).await;
        let shop = tenant(&store, 1, "shop1").await;
        // More pages than one step copies.
        let insert = "INSERT INTO notes (tenant_id, id, word, text, created_at) VALUES ($1, $2, $3, $4, $5)";
        let add = async |number: u128| {
            let mut tx = store.write(shop, soon()).await.unwrap();
            let (word, text) = (format!("{number}"), "x".repeat(40_000));
            let note = params![shop.tenant_id(), id(number), &word, &text, now()];
            tx.db.execute_one("notes", insert, note).await.unwrap();
            tx.commit().await.unwrap();
        };
        for number in 0..60 {
            add(number).await;
        }
        let target = db.path().with_file_name("copy.db");
        let (stepped, steps) = mpsc::channel();
        let (go_on, wait) = mpsc::channel::<()>();
        let copied = tokio::spawn({
            let (store, target) = (store.clone(), target.clone());
            async move {
                store
                    .backup(&target, move |done, total| {
                        let _ = stepped.send((done, total));
                        let _ = wait.recv();
                    })
                    .await
            }
        });
        let (done, total) = tokio::task::spawn_blocking(move || (steps.recv(), steps))
            .await
            .unwrap()
            .0
            .unwrap();
        assert!(done > 0 && done < total, "{done} of {total}");
        // A running copy does not block a writer, and does not contain its write.
        add(1_000).await;
        drop(go_on);
        let bytes = copied.await.unwrap().unwrap();
        assert_eq!(bytes, std::fs::metadata(&target).unwrap().len());

        let count = "SELECT count(*) FROM notes";
        let copy = Connection::open(&target).unwrap();
        assert_eq!(copy.query_row(count, [], |row| row.get::<_, i64>(0)).unwrap(), 60);
        drop(copy);
        let left: Vec<_> = std::fs::read_dir(target.parent().unwrap())
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .filter(|name| name.starts_with("copy"))
            .collect();
        assert_eq!(left, ["copy.db"]);
    }

    #[tokio::test]
    async fn a_file_that_exists_is_never_touched() {
        let db = TestDatabase::sqlite();
        let store = open(&db).await;
        let target = db.path().with_file_name("precious");
        std::fs::write(&target, "precious").unwrap();
        let error = store.backup(&target, |_, _| ()).await.unwrap_err();
        assert!(error.to_string().contains("exists already"), "{error}");
        assert_eq!(std::fs::read_to_string(&target).unwrap(), "precious");
        store.backup(db.path(), |_, _| ()).await.unwrap_err();
        let nowhere = db.path().with_file_name("no").join("such").join("folder");
        store.backup(&nowhere, |_, _| ()).await.unwrap_err();
    }

    #[tokio::test]
    async fn what_somebody_put_in_its_way_is_not_filled() {
        let db = TestDatabase::sqlite();
        let store = open(&db).await;
        let target = db.path().with_file_name("copy.db");
        let (partial, victim) = (beside(&target, ".partial"), db.path().with_file_name("victim"));
        std::fs::write(&victim, "precious").unwrap();
        let plant: [&dyn Fn(); 4] = [
            &|| std::fs::write(&partial, "foreign").unwrap(),
            &|| std::os::unix::fs::symlink(&victim, &partial).unwrap(),
            &|| std::os::unix::fs::symlink(db.path().with_file_name("nowhere"), &partial).unwrap(),
            &|| std::fs::hard_link(&victim, &partial).unwrap(),
        ];
        for plant in plant {
            plant();
            let error = store.backup(&target, |_, _| ()).await.unwrap_err();
            assert!(error.to_string().contains("partial exists already"), "{error}");
            assert!(
                partial.symlink_metadata().is_ok() && !target.exists(),
                "it is not ours to remove"
            );
            std::fs::remove_file(&partial).unwrap();
        }
        assert_eq!(std::fs::read_to_string(&victim).unwrap(), "precious");
        assert!(!db.path().with_file_name("nowhere").exists());
        // The folder itself may be a link.
        let link = db.path().with_file_name("link");
        std::os::unix::fs::symlink(db.path().parent().unwrap(), &link).unwrap();
        store.backup(&link.join("copy.db"), |_, _| ()).await.unwrap();
        let mode = std::fs::metadata(&target).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }

    #[tokio::test]
    async fn a_damaged_database_gives_no_backup() {
        let db = TestDatabase::sqlite();
        let store = open(&db).await;
        // Bypasses the store: a row with a dangling reference.
        let raw = Connection::open(db.path()).unwrap();
        raw.execute_batch(
            "PRAGMA foreign_keys = OFF; \
             INSERT INTO notes VALUES (x'00000000000000000000000000000001', x'00', 'x', 'x', 0)",
        )
        .unwrap();
        let target = db.path().with_file_name("copy.db");
        let error = store.backup(&target, |_, _| ()).await.unwrap_err();
        assert!(error.to_string().contains("foreign keys"), "{error}");
        assert!(!target.exists() && !beside(&target, ".partial").exists());
    }
}

//! Checkpoints: moves committed pages from the write-ahead log into the database file, outside of commits.
//!
//! By default SQLite does this in the COMMIT that fills the log (`wal_autocheckpoint`): that transaction and all
//! queued behind it wait for two more fsyncs and the write of a thousand pages. Here a thread with its own connection
//! runs `PASSIVE` checkpoints, which neither block nor wait. Once every page is moved and no reader uses the log, the
//! next write restarts the log from its beginning. Under continuous writes that moment may never come, so at [`LONG`]
//! pages the committer forces it, waiting at most [`LONGEST_WAIT`].

use super::FileWatch;
use crate::error::StoreError;
use rusqlite::Connection;
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, mpsc};
use std::time::Duration;

/// Pages (of 4 KiB) moved per checkpoint, approximately.
const STEP: u64 = 1_000;
/// At this many pages (64 MiB) the log is restarted even if writers have to wait for it.
const LONG: u64 = 16_384;
/// Longest time that the committer waits for readers of the log.
const LONGEST_WAIT: Duration = Duration::from_millis(20);

/// State of the log, shared by the writer and the checkpoint thread.
#[derive(Debug, Default)]
pub(super) struct Log {
    pages: AtomicU64,
    moved: AtomicU64,
    /// Number of pages at which the next restart is attempted.
    long: AtomicU64,
    /// A checkpoint was asked for since the file got its last mark.
    stamp_due: AtomicBool,
}

impl Log {
    /// Makes the writer's connection count committed pages and turns its automatic checkpoints off. Signals `wake`
    /// when there is enough to move.
    pub(super) fn count(
        self: &Arc<Self>,
        writer: &mut Connection,
        wake: mpsc::SyncSender<()>,
    ) -> rusqlite::Result<()> {
        let log = Arc::clone(self);
        log.long.store(LONG, Ordering::Relaxed);
        writer.wal_hook(Some(move |_: &mut _, pages| {
            if log.committed(u64::try_from(pages).unwrap_or_default()) {
                // If a signal is pending already, that one is enough.
                let asked = wake.try_send(()).is_ok();
                log.stamp_due.fetch_or(asked, Ordering::Relaxed);
            }
            Ok(())
        }))
    }

    /// Records the log's size in pages; true if there is enough to move.
    fn committed(&self, pages: u64) -> bool {
        let before = self.pages.swap(pages, Ordering::Relaxed);
        if pages < before {
            // The log was restarted.
            self.moved.store(0, Ordering::Relaxed);
            self.long.store(LONG, Ordering::Relaxed);
        }
        pages.saturating_sub(self.moved.load(Ordering::Relaxed)) >= STEP
    }

    /// Whether the file is to get a new mark; true once per checkpoint.
    pub(super) fn take_stamp_due(&self) -> bool {
        self.stamp_due.swap(false, Ordering::Relaxed)
    }

    fn moved(&self, pages: u64) {
        self.moved.store(pages, Ordering::Relaxed);
    }

    /// Restarts a log that has become long. Called by the committer between two transactions, so no write is in
    /// progress.
    pub(super) fn restart_if_long(&self, writer: &Connection, watch: &FileWatch) {
        let pages = self.pages.load(Ordering::Relaxed);
        if pages < self.long.load(Ordering::Relaxed) {
            return;
        }
        let restarted = writer
            .busy_timeout(LONGEST_WAIT)
            .and_then(|()| checkpoint(writer, "PRAGMA wal_checkpoint(RESTART)"));
        let _ = writer.busy_timeout(Duration::ZERO);
        match restarted {
            Ok(Some(moved)) => self.moved(moved.pages),
            // A long read, for example a backup, still uses the log: try again later.
            Ok(None) => self.long.store(pages + STEP, Ordering::Relaxed),
            Err(error) => noted(watch, &error),
        }
    }
}

/// The checkpoint thread; returns when the writer is gone.
pub(super) fn run(path: &Path, log: &Log, watch: &FileWatch, wake: &mpsc::Receiver<()>) {
    let mut conn = None;
    while wake.recv().is_ok() {
        // The path must still name the file that is written.
        if watch.check().is_err() {
            continue;
        }
        let stamp = watch.last_stamp();
        match step(&mut conn, path) {
            Ok(Some(moved)) => {
                log.moved(moved.pages);
                // The file was synced: what it had before is on the disk.
                if moved.all {
                    watch.record_stamp(stamp);
                }
            }
            // Another process is running a checkpoint.
            Ok(None) => {}
            Err(error) => noted(watch, &error),
        }
    }
    if let Some(conn) = &conn {
        watch.before_close(conn);
    }
}

/// Moves every page that no reader still needs in the log.
fn step(conn: &mut Option<Connection>, path: &Path) -> rusqlite::Result<Option<Moved>> {
    let conn = match conn {
        Some(conn) => conn,
        none => none.insert(open(path)?),
    };
    checkpoint(conn, "PRAGMA wal_checkpoint(PASSIVE)")
}

fn open(path: &Path) -> rusqlite::Result<Connection> {
    let conn = Connection::open(path)?;
    conn.busy_timeout(Duration::ZERO)?;
    // Syncs the log to disk before a page of the file is overwritten.
    conn.pragma_update(None, "synchronous", "FULL")?;
    Ok(conn)
}

/// What is in the database file after a checkpoint.
struct Moved {
    /// How many pages of the log.
    pages: u64,
    /// Whether it is the whole log: only then is the file synced.
    all: bool,
}

/// Moves pages of the log into the database file; `None` if a lock was in the way.
fn checkpoint(conn: &Connection, sql: &'static str) -> rusqlite::Result<Option<Moved>> {
    conn.prepare_cached(sql)?.query_row([], |row| {
        let (busy, logged, moved): (i64, i64, i64) = (row.get(0)?, row.get(1)?, row.get(2)?);
        Ok((busy == 0).then(|| Moved {
            pages: u64::try_from(moved).unwrap_or_default(),
            all: logged == moved,
        }))
    })
}

/// Moves the pages that no reader still needs in the log; true if that was the whole log, which is synced then.
pub(super) fn move_all(conn: &Connection) -> rusqlite::Result<bool> {
    let moved = checkpoint(conn, "PRAGMA wal_checkpoint(PASSIVE)")?;
    Ok(moved.is_some_and(|moved| moved.all))
}

fn noted(watch: &FileWatch, error: &rusqlite::Error) {
    let error = StoreError::from_sqlite("", error);
    watch.note(&error);
    tracing::warn!(%error, "the write-ahead log was not moved into the database file; it is tried again");
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sqlite::open_writer;
    use tempfile::TempDir;

    /// A writer whose commits are counted, and what wakes the one who moves.
    struct Case {
        folder: TempDir,
        writer: Connection,
        log: Arc<Log>,
        wake: mpsc::Receiver<()>,
        watch: FileWatch,
    }

    impl Case {
        fn new() -> Self {
            let folder = tempfile::tempdir().unwrap();
            let path = folder.path().join("shop.db");
            let mut writer = open_writer(&path).unwrap();
            let (sender, wake) = mpsc::sync_channel(1);
            let log = Arc::new(Log::default());
            log.count(&mut writer, sender).unwrap();
            writer.execute_batch("CREATE TABLE t (b BLOB)").unwrap();
            let watch = FileWatch::of(&path, None).unwrap();
            Self {
                folder,
                writer,
                log,
                wake,
                watch,
            }
        }

        fn path(&self) -> std::path::PathBuf {
            self.folder.path().join("shop.db")
        }

        /// A commit of so many pages, about.
        fn commit(&self, pages: u32) {
            let sql = "INSERT INTO t VALUES (zeroblob(?1))";
            self.writer.execute(sql, [i64::from(pages) * 4_096]).unwrap();
        }

        fn file_pages(&self) -> u64 {
            std::fs::metadata(self.path()).unwrap().len() / 4_096
        }

        fn pages(&self) -> u64 {
            self.log.pages.load(Ordering::Relaxed)
        }

        fn step(&self) -> u64 {
            let moved = step(&mut None, &self.path()).unwrap().unwrap();
            self.log.moved(moved.pages);
            moved.pages
        }
    }

    #[test]
    fn a_commit_moves_nothing_itself_and_wakes_the_one_who_does() {
        let case = Case::new();
        let before = case.file_pages();
        case.commit(900);
        assert!(case.wake.try_recv().is_err(), "too early");
        case.commit(900);
        case.commit(900);
        assert_eq!(case.file_pages(), before, "a commit moved pages");
        case.wake.try_recv().unwrap();
        assert_eq!(case.step(), case.pages());
        assert!(case.file_pages() > 2_700);
        // All is moved: the log starts anew.
        case.commit(10);
        assert!(case.pages() < 100, "{}", case.pages());
        case.commit(900);
        assert!(
            case.wake.try_recv().is_err(),
            "what was moved before is not counted"
        );
    }

    #[test]
    fn a_log_that_is_read_all_the_time_does_not_grow_for_ever() {
        let case = Case::new();
        let reader = || {
            let conn = Connection::open(case.path()).unwrap();
            conn.execute_batch("BEGIN; SELECT count(*) FROM t").unwrap();
            conn
        };
        let mut reading = reader();
        let mut longest = 0;
        // Each reader is there before the one before it ends, and something was always written meanwhile.
        for _ in 0..60 {
            case.commit(500);
            let next = reader();
            case.step();
            case.commit(1);
            drop(std::mem::replace(&mut reading, next));
            longest = longest.max(case.pages());
            // Readers end sometime while the committer waits.
            if case.pages() >= LONG {
                drop(std::mem::replace(
                    &mut reading,
                    Connection::open_in_memory().unwrap(),
                ));
            }
            case.log.restart_if_long(&case.writer, &case.watch);
        }
        assert!((LONG..LONG + 600).contains(&longest), "{longest}");
        assert!(case.pages() < LONG, "{}", case.pages());
    }

    #[test]
    fn who_reads_for_long_holds_up_a_writer_for_a_moment_only_and_not_each_time() {
        let case = Case::new();
        let reader = Connection::open(case.path()).unwrap();
        reader.execute_batch("BEGIN; SELECT count(*) FROM t").unwrap();
        case.commit(17_000);
        let begun = std::time::Instant::now();
        for _ in 0..100 {
            case.log.restart_if_long(&case.writer, &case.watch);
        }
        assert!(begun.elapsed() < LONGEST_WAIT * 50, "{:?}", begun.elapsed());
        case.commit(1_000);
        assert!(case.pages() > LONG + STEP);
        drop(reader);
        case.log.restart_if_long(&case.writer, &case.watch);
        case.commit(1);
        assert!(case.pages() < 100, "{}", case.pages());
    }
}

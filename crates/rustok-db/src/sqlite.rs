//! SQLite: reads run on the calling thread, one writer with group commit.
//!
//! All write transactions share one connection, at which tenants take turns (`turns`). Each runs inside a SAVEPOINT,
//! releases it and then waits for the COMMIT that the committer thread makes for the whole group. No result leaves the
//! server before that COMMIT. While it holds the connection, a task must await nothing but the database. A third
//! thread moves the log into the file (`checkpoint`).

mod checkpoint;
mod holder;
mod stamp;
mod turns;
mod tx;
mod watch;

use crate::counts::Connections;
use crate::error::StoreError;
use checkpoint::Log;
use holder::Holder;
use rusqlite::config::DbConfig;
use rusqlite::{Connection, OpenFlags};
use rustok_core::deadline::Deadline;
use rustok_core::ids::TenantId;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError, mpsc};
use std::time::Duration;
use tokio::sync::{Mutex as WriterLock, Semaphore, oneshot};
use tokio::time::Instant;
use turns::Turns;

pub(crate) use stamp::{Stamp, check_log};
pub(crate) use tx::{ReadTx, WriteTx, execute, query};
pub use watch::DatabaseState;
pub(crate) use watch::FileWatch;

/// Pause between two attempts while another process holds the write lock.
const BUSY_PAUSE: Duration = Duration::from_millis(2);
/// Interval between two lookups of the lock's holder.
const BUSY_LOOK: Duration = Duration::from_secs(1);
/// Longest wait for another process. Its imports hold the lock for at most a tenth of that.
const BUSY_LIMIT: Duration = Duration::from_secs(3);
/// A recorded foreign lock expires after this long without an attempt to write.
const FORGOTTEN: Duration = Duration::from_secs(1);
/// Interval between two deadline checks of a reader, in steps of SQLite's virtual machine: some tenths of a
/// millisecond.
const STEPS_PER_LOOK: i32 = 10_000;
/// Prepared statements kept per connection: more than there are distinct queries.
const CACHED_STATEMENTS: usize = 256;

pub(crate) struct Sqlite {
    /// Who has the turn locks the writer.
    turns: Arc<Turns>,
    writer: Arc<WriterLock<Writer>>,
    wake_committer: mpsc::Sender<()>,
    readers: Arc<Readers>,
    watch: Arc<FileWatch>,
    path: PathBuf,
}

struct Writer {
    conn: Connection,
    watch: Arc<FileWatch>,
    /// Set while another process holds the write lock.
    held: Option<ForeignLock>,
    /// The members of the open group, which wait for its COMMIT.
    waiting: Vec<oneshot::Sender<Result<(), GroupFailure>>>,
}

/// Another process holds the write lock.
#[derive(Debug, Clone, Copy)]
struct ForeignLock {
    since: Instant,
    /// When this process last tried to take the lock.
    seen: Instant,
    /// The last lookup of the holder: when, and its result.
    looked: Option<(Instant, Option<Holder>)>,
}

impl ForeignLock {
    /// Looks up the holder, at most once per [`BUSY_LOOK`], and resumes it if it is stopped.
    fn look(&mut self, path: &Path) {
        if self.looked.is_some_and(|(at, _)| at.elapsed() < BUSY_LOOK) {
            return;
        }
        let holder = Holder::of(path);
        if let Some(holder) = holder {
            let woken = holder.wake();
            tracing::warn!(%holder, woken, "another process holds the write lock of the database");
        }
        self.looked = Some((Instant::now(), holder));
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        self.watch.before_close(&self.conn);
    }
}

impl Writer {
    /// Ok means: try again. Fails with the holder's name once the lock has been held for [`BUSY_LIMIT`]; later
    /// callers fail at once while it is still held.
    fn wait_for_other_process(&mut self, path: &Path, deadline: Deadline) -> Result<(), StoreError> {
        let now = Instant::now();
        let held = match &mut self.held {
            Some(held) if now.saturating_duration_since(held.seen) < FORGOTTEN => held,
            held => held.insert(ForeignLock {
                since: now,
                seen: now,
                looked: None,
            }),
        };
        held.seen = now;
        let waited = now.saturating_duration_since(held.since);
        if waited >= BUSY_LOOK {
            held.look(path);
        }
        if deadline.is_expired() {
            return Err(StoreError::Timeout("waiting for another process that writes"));
        }
        if waited < BUSY_LIMIT {
            return Ok(());
        }
        let holder = held.looked.and_then(|(_, holder)| holder);
        let holder = holder.map_or_else(|| "another process".to_owned(), |holder| holder.to_string());
        Err(StoreError::Locked(format!("{holder} holds the write lock")))
    }
}

/// Why a group's transaction was not committed, or why its outcome is unknown.
#[derive(Debug, Clone)]
enum GroupFailure {
    Trouble(String),
    Unavailable(String),
    InDoubt(String),
}

impl From<GroupFailure> for StoreError {
    fn from(failure: GroupFailure) -> Self {
        match failure {
            GroupFailure::Trouble(why) => Self::Trouble(why),
            GroupFailure::Unavailable(why) => Self::Unavailable(why),
            GroupFailure::InDoubt(why) => Self::InDoubt(why),
        }
    }
}

/// A read connection and the deadline of its current use.
struct Reader {
    conn: Connection,
    deadline: Arc<Mutex<Deadline>>,
}

struct Readers {
    idle: Mutex<Vec<Reader>>,
    permits: Arc<Semaphore>,
    max: usize,
    path: PathBuf,
    mmap_bytes: i64,
    watch: Arc<FileWatch>,
}

impl Sqlite {
    /// Opens the writer and prepares the reader pool. The schema must exist. A `server`
    /// marks the file.
    pub(crate) fn open(
        path: &Path,
        readers: usize,
        mmap_bytes: i64,
        server: bool,
    ) -> Result<Self, StoreError> {
        let mut conn = open_writer(path)?;
        let stamp = server.then(|| Stamp::begin(path, &conn)).transpose()?;
        let watch = Arc::new(FileWatch::of(path, stamp)?);
        let log = Arc::new(Log::default());
        let (wake_mover, wake) = mpsc::sync_channel(1);
        log.count(&mut conn, wake_mover)
            .map_err(|error| StoreError::from_sqlite("", &error))?;
        let (moved, watched, file) = (Arc::clone(&log), Arc::clone(&watch), path.to_owned());
        spawn("sqlite-log", move || {
            checkpoint::run(&file, &moved, &watched, &wake)
        })?;
        let writer = Arc::new(WriterLock::new(Writer {
            conn,
            watch: Arc::clone(&watch),
            held: None,
            waiting: Vec::new(),
        }));
        let (wake_committer, wake) = mpsc::channel();
        let turns = Arc::new(Turns::default());
        let (committed, watched, taken) = (Arc::clone(&writer), Arc::clone(&watch), Arc::clone(&turns));
        spawn("sqlite-commit", move || {
            commit_groups(&committed, &taken, &watched, &log, &wake)
        })?;
        let readers = Readers {
            idle: Mutex::new(Vec::new()),
            permits: Arc::new(Semaphore::new(readers)),
            max: readers,
            path: path.to_owned(),
            mmap_bytes,
            watch: Arc::clone(&watch),
        };
        Ok(Self {
            turns,
            writer,
            wake_committer,
            readers: Arc::new(readers),
            watch,
            path: path.to_owned(),
        })
    }

    /// The database file.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// The watch on the database file.
    pub(crate) const fn watch(&self) -> &Arc<FileWatch> {
        &self.watch
    }

    /// Usage of the reader pool.
    pub(crate) fn connections(&self) -> Connections {
        let Readers {
            idle, permits, max, ..
        } = &*self.readers;
        Connections {
            idle: idle.lock().unwrap_or_else(PoisonError::into_inner).len(),
            used: max.saturating_sub(permits.available_permits()),
            max: *max,
        }
    }

    pub(crate) async fn read(&self, deadline: Deadline) -> Result<ReadTx, StoreError> {
        self.watch.known()?;
        let permits = Arc::clone(&self.readers.permits);
        let permit = within(deadline, "waiting for a reader", permits.acquire_owned())
            .await?
            .map_err(|_| StoreError::Unavailable("readers are closed".to_owned()))?;
        let idle = self
            .readers
            .idle
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .pop();
        let reader = match idle {
            Some(reader) => reader,
            // A new reader must open the same file that the writer has.
            None => self
                .watch
                .check()
                .and_then(|()| open_reader(&self.readers.path, self.readers.mmap_bytes))?,
        };
        *reader.deadline.lock().unwrap_or_else(PoisonError::into_inner) = deadline;
        Ok(ReadTx {
            reader: Some(reader),
            begun: false,
            readers: Arc::clone(&self.readers),
            _permit: permit,
        })
    }

    /// Waits for a turn of `owner`, a tenant or the platform, at the writer.
    pub(crate) async fn write(
        &self,
        owner: Option<TenantId>,
        deadline: Deadline,
    ) -> Result<WriteTx, StoreError> {
        let turn = within(deadline, "waiting for the writer", self.turns.take(owner)).await?;
        let turn = turn.ok_or(StoreError::Overloaded)?;
        let mut guard = Arc::clone(&self.writer).lock_owned().await;
        self.watch.check()?;
        while guard.conn.is_autocommit() {
            match control(&guard.conn, "BEGIN IMMEDIATE") {
                Ok(()) => break,
                Err(error) if error.sqlite_error_code() == Some(rusqlite::ErrorCode::DatabaseBusy) => {
                    guard.wait_for_other_process(&self.path, deadline)?;
                    tokio::time::sleep(BUSY_PAUSE).await;
                }
                Err(error) => return Err(StoreError::from_sqlite("", &error)),
            }
        }
        guard.held = None;
        if let Err(error) = control(&guard.conn, "SAVEPOINT member") {
            if guard.waiting.is_empty() {
                let _ = control(&guard.conn, "ROLLBACK");
            }
            return Err(StoreError::from_sqlite("", &error));
        }
        Ok(WriteTx {
            guard: Some(guard),
            turn: Some(turn),
            wake_committer: self.wake_committer.clone(),
            watch: Arc::clone(&self.watch),
        })
    }
}

fn spawn(name: &'static str, work: impl FnOnce() + Send + 'static) -> Result<(), StoreError> {
    std::thread::Builder::new()
        .name(name.to_owned())
        .spawn(work)
        .map(drop)
        .map_err(|error| StoreError::Setup(format!("cannot start the thread {name}: {error}")))
}

async fn within<F: Future>(
    deadline: Deadline,
    doing: &'static str,
    work: F,
) -> Result<F::Output, StoreError> {
    match deadline.instant() {
        Some(at) => tokio::time::timeout_at(at, work)
            .await
            .map_err(|_| StoreError::Timeout(doing)),
        None => Ok(work.await),
    }
}

/// Runs a statement that only controls the transaction.
fn control(conn: &Connection, sql: &'static str) -> rusqlite::Result<()> {
    conn.prepare_cached(sql)?.raw_execute().map(drop)
}

/// The committer: one COMMIT for every transaction that released its savepoint since the last one.
fn commit_groups(
    writer: &WriterLock<Writer>,
    turns: &Arc<Turns>,
    watch: &FileWatch,
    log: &Log,
    wake: &mpsc::Receiver<()>,
) {
    while wake.recv().is_ok() {
        let _turn = turns.take_to_commit();
        let mut writer = writer.blocking_lock();
        let waiting = std::mem::take(&mut writer.waiting);
        if waiting.is_empty() {
            continue;
        }
        if log.take_stamp_due() {
            watch.renew_stamp(&writer.conn);
        }
        let result = commit(&writer.conn, watch);
        if result.is_err() && !writer.conn.is_autocommit() {
            let _ = control(&writer.conn, "ROLLBACK");
        }
        for member in waiting {
            let _ = member.send(result.clone());
        }
        if result.is_ok() {
            log.restart_if_long(&writer.conn, watch);
        }
    }
}

/// A commit counts only if the file is still at its path afterwards.
fn commit(conn: &Connection, watch: &FileWatch) -> Result<(), GroupFailure> {
    watch
        .check()
        .map_err(|error| GroupFailure::Unavailable(error.to_string()))?;
    control(conn, "COMMIT").map_err(|error| {
        let error = StoreError::from_sqlite("", &error);
        watch.note(&error);
        GroupFailure::Trouble(error.to_string())
    })?;
    watch
        .check()
        .map_err(|error| GroupFailure::InDoubt(error.to_string()))
}

fn configure(conn: &Connection) -> rusqlite::Result<()> {
    conn.set_prepared_statement_cache_capacity(CACHED_STATEMENTS);
    // A query plan must not depend on bound values: otherwise a cached statement is prepared again for most of them,
    // which costs more than running it (https://sqlite.org/c3ref/c_dbconfig_defensive.html, "QPSG").
    conn.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)?;
    // Statement journals and sorts stay in memory: none of them has to be durable.
    conn.pragma_update(None, "temp_store", "MEMORY")?;
    conn.pragma_update(None, "foreign_keys", true)?;
    conn.pragma_update(None, "trusted_schema", false)
}

/// A read-write connection with the settings that durability needs.
pub(crate) fn open_writer(path: &Path) -> Result<Connection, StoreError> {
    let setup =
        |error: rusqlite::Error| StoreError::Setup(format!("cannot open {}: {error}", path.display()));
    let conn = Connection::open(path).map_err(setup)?;
    // Switching to WAL needs the file exclusively for a moment, and other processes may be opening it.
    conn.busy_timeout(Duration::from_secs(5)).map_err(setup)?;
    let mode: String = conn
        .pragma_update_and_check(None, "journal_mode", "WAL", |row| row.get(0))
        .map_err(setup)?;
    if mode != "wal" {
        return Err(StoreError::Setup(format!(
            "{} cannot use a write-ahead log",
            path.display()
        )));
    }
    conn.pragma_update(None, "synchronous", "FULL").map_err(setup)?;
    configure(&conn).map_err(setup)?;
    conn.busy_timeout(Duration::ZERO).map_err(setup)?;
    Ok(conn)
}

fn open_reader(path: &Path, mmap_bytes: i64) -> Result<Reader, StoreError> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let deadline = Arc::new(Mutex::new(Deadline::never()));
    let open = || {
        let mut conn = Connection::open_with_flags(path, flags)?;
        configure(&conn)?;
        conn.pragma_update(None, "mmap_size", mmap_bytes)?;
        conn.busy_timeout(Duration::from_millis(50))?;
        // Only readers are interrupted: in the writer an interrupt would end the transaction of the whole group.
        let until = Arc::clone(&deadline);
        let passed = move || until.lock().unwrap_or_else(PoisonError::into_inner).is_expired();
        conn.progress_handler(STEPS_PER_LOOK, Some(passed))?;
        Ok(Reader {
            conn,
            deadline: Arc::clone(&deadline),
        })
    };
    open().map_err(|error: rusqlite::Error| StoreError::from_sqlite("", &error))
}

//! Opening a database and beginning transactions on it.

use crate::error::StoreError;
use crate::files;
use crate::migrate;
use crate::postgres::{Limits, Mode, Postgres, PostgresUrl, Role};
use crate::span;
use crate::sqlite::{DatabaseState, Sqlite};
use crate::standing::Writer;
use crate::timings::{StoreTimes, Timings};
use crate::tx::{Db, Inner, PlatformTx, TenantTx};
use rustok_core::deadline::Deadline;
use rustok_core::ids::TenantId;
use rustok_core::resilience::CircuitBreaker;
use rustok_core::shares::{Share, Shares};
use rustok_tenancy::TenantHandle;
use std::fmt;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;
use tokio_postgres::Client;

/// Where the data lives: `sqlite://path` or `postgres://...`.
#[derive(Debug, Clone)]
pub enum DatabaseUrl {
    /// A SQLite file.
    Sqlite(PathBuf),
    /// A PostgreSQL connection string (its password never shows in `Debug`). What it does not say about time-outs is
    /// set here: 5 s to connect, 10 s for what was sent to be acknowledged, half a minute until an idle connection is
    /// looked after. Of several hosts the first one is used that takes writes; while none does, reads go to the first
    /// that answers, unless `target_session_attrs` is `read-write`. With `read-only` nothing is ever written.
    Postgres(Box<PostgresUrl>),
}

impl DatabaseUrl {
    /// Reads a URL.
    ///
    /// # Errors
    /// [`StoreError::Setup`], which does not repeat the URL, since it may hold a password.
    pub fn parse(url: &str) -> Result<Self, StoreError> {
        if let Some(path) = url.strip_prefix("sqlite://") {
            if path.is_empty() || path.contains('?') {
                return Err(StoreError::Setup(
                    "a SQLite URL is sqlite:// and the path of a file".to_owned(),
                ));
            }
            return Ok(Self::Sqlite(PathBuf::from(path)));
        }
        if url.starts_with("postgres://") || url.starts_with("postgresql://") {
            return url.parse().map(|url| Self::Postgres(Box::new(url)));
        }
        Err(StoreError::Setup(
            "a database URL starts with sqlite:// or postgres://".to_owned(),
        ))
    }

    /// `sqlite` or `postgresql`.
    #[must_use]
    pub fn system(&self) -> &'static str {
        match self {
            Self::Sqlite(_) => "sqlite",
            Self::Postgres(_) => "postgresql",
        }
    }
}

/// Who opens the database.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Opener {
    /// The server: brings the schema up to date; on SQLite it keeps other servers off the file for as long as it lives.
    Server,
    /// A command beside a server: creates the schema of an empty database, and refuses an outdated one.
    Command,
}

/// How a database is opened.
#[derive(Debug, Clone)]
pub struct StoreConfig {
    /// Where the data lives.
    pub url: DatabaseUrl,
    /// PostgreSQL connections at most.
    pub postgres_connections: usize,
    /// Transactions that may wait for a PostgreSQL connection; one more is refused at once.
    pub postgres_waiting: usize,
    /// How long PostgreSQL may take for one answer to the server, however long its caller would wait. A command has no
    /// such limit: somebody sits in front of it.
    pub postgres_answer_timeout: Duration,
    /// SQLite readers at most.
    pub sqlite_readers: usize,
    /// How much of a SQLite file each reader maps into memory, in bytes.
    pub sqlite_mmap_bytes: i64,
    /// Whether [`Store::times`] has something to tell: durations are counted.
    pub timed: bool,
}

impl StoreConfig {
    /// The defaults: 16 connections, 256 who wait for one, 10 s for an answer, 8 readers, 256 MiB mapped, durations counted.
    #[must_use]
    pub fn new(url: DatabaseUrl) -> Self {
        Self {
            url,
            postgres_connections: 16,
            postgres_waiting: 256,
            postgres_answer_timeout: Duration::from_secs(10),
            sqlite_readers: 8,
            sqlite_mmap_bytes: 256 << 20,
            timed: true,
        }
    }
}

/// The database. Cheap to clone.
#[derive(Clone)]
pub struct Store {
    inner: Arc<Backend>,
    shares: Arc<Shares<TenantId>>,
    timings: Arc<Timings>,
    /// Its transactions take their own place behind the breaker.
    guarded: bool,
}

enum Backend {
    Sqlite { db: Sqlite, _server_lock: Option<File> },
    Postgres(Postgres),
}

/// How long a transaction waits for its tenant's share at most.
const LONGEST_WAIT: Duration = Duration::from_secs(2);

/// A place of the tenant's share. That there is none is no fault of the database: the tenant has too many transactions.
async fn enter(
    shares: &Arc<Shares<TenantId>>,
    role: Role,
    latest: Option<Instant>,
) -> Result<Option<Share<TenantId>>, StoreError> {
    let Role::App(tenant) = role else {
        return Ok(None);
    };
    let longest = Instant::now() + LONGEST_WAIT;
    let latest = latest.map_or(longest, |latest| latest.min(longest));
    let share = shares.enter(tenant, latest).await;
    share.map(Some).ok_or(StoreError::Overloaded)
}

/// How many reads of one tenant may wait for its share of the readers of SQLite.
const READS_WAITING: usize = 1_024;

impl Store {
    /// Opens the database and checks its schema.
    ///
    /// # Errors
    /// [`StoreError::Setup`] when another server has the SQLite file, the schema is newer than this binary or (for a
    /// command) older; [`StoreError::Unavailable`] when the database cannot be reached.
    pub async fn open(config: StoreConfig, opener: Opener) -> Result<Self, StoreError> {
        let timings = Timings::new(config.timed);
        let shares = match &config.url {
            DatabaseUrl::Sqlite(_) => Shares::of(config.sqlite_readers, READS_WAITING),
            DatabaseUrl::Postgres(_) => Shares::of(config.postgres_connections, config.postgres_waiting),
        };
        let backend = match config.url {
            DatabaseUrl::Sqlite(path) => {
                let server_lock = match opener {
                    Opener::Server => Some(lock_file(&path)?),
                    Opener::Command => None,
                };
                migrate::sqlite(&path, opener, migrate::MIGRATIONS)?;
                let db = Sqlite::open(&path, config.sqlite_readers, config.sqlite_mmap_bytes)?;
                Backend::Sqlite {
                    db,
                    _server_lock: server_lock,
                }
            }
            DatabaseUrl::Postgres(postgres) => {
                migrate::postgres(&postgres, opener, migrate::MIGRATIONS).await?;
                if opener == Opener::Server
                    && postgres.is_remote()
                    && !postgres.demands_tls()
                    && !migrate::is_encrypted(&postgres).await?
                {
                    tracing::warn!(
                        "what goes to PostgreSQL and back can be read on its way: add sslmode=verify-full to the URL, \
                         or sslmode=require if nobody can stand in between"
                    );
                }
                let limits = Limits {
                    connections: config.postgres_connections,
                    waiting: config.postgres_waiting,
                    answer_timeout: match opener {
                        Opener::Server => config.postgres_answer_timeout,
                        Opener::Command => Duration::MAX,
                    },
                };
                Backend::Postgres(Postgres::open(&postgres, limits, Arc::clone(&timings.renewals))?)
            }
        };
        Ok(Self {
            inner: Arc::new(backend),
            shares,
            timings: Arc::new(timings),
            guarded: true,
        })
    }

    /// The circuit breaker that every transaction on PostgreSQL stands behind. SQLite has none: it is called in the
    /// thread and fails at once, and a writer that waits for another process must not keep readers out.
    #[must_use]
    pub fn breaker(&self) -> Option<&CircuitBreaker> {
        match &*self.inner {
            Backend::Sqlite { .. } => None,
            Backend::Postgres(db) => Some(db.breaker()),
        }
    }

    /// The same database for somebody who makes his calls through [`Store::breaker`] himself: transactions take no
    /// place there of their own, so nothing is counted twice and no probe waits for its own place. Time-outs and
    /// limits stay.
    #[must_use]
    pub fn behind_own_breaker(&self) -> Self {
        Self {
            inner: Arc::clone(&self.inner),
            shares: Arc::clone(&self.shares),
            timings: Arc::clone(&self.timings),
            guarded: false,
        }
    }

    pub(crate) async fn begin(&self, role: Role, mode: Mode, deadline: Deadline) -> Result<Db, StoreError> {
        let waiting = self.timings.wait(mode == Mode::Write);
        let span = span::acquire(self.system());
        let begun = self.begin_on(role, mode, deadline).await;
        span::ended(&span, &begun);
        drop(waiting);
        let (inner, share) = begun?;
        Ok(Db::new(inner, share, deadline, Arc::clone(&self.timings)))
    }

    async fn begin_on(
        &self,
        role: Role,
        mode: Mode,
        deadline: Deadline,
    ) -> Result<(Inner, Option<Share<TenantId>>), StoreError> {
        match (&*self.inner, mode) {
            (Backend::Sqlite { db, .. }, Mode::Read) => {
                let share = enter(&self.shares, role, deadline.instant()).await?;
                Ok((Inner::SqliteRead(db.read(deadline).await?), share))
            }
            // Writers queue for the only one there is.
            (Backend::Sqlite { db, .. }, Mode::Write) => {
                Ok((Inner::SqliteWrite(db.write(deadline).await?), None))
            }
            (Backend::Postgres(db), mode) => {
                let share = |latest| enter(&self.shares, role, latest);
                let (tx, share) = db.begin(role, mode, deadline, self.guarded, share).await?;
                Ok((Inner::Postgres(Box::new(tx)), share))
            }
        }
    }

    /// A read-only transaction on one tenant's data; it sees one snapshot.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`], [`StoreError::Timeout`], [`StoreError::Rejected`] and [`StoreError::Overloaded`].
    pub async fn read(&self, tenant: TenantHandle, deadline: Deadline) -> Result<TenantTx, StoreError> {
        let tenant = tenant.tenant_id();
        let db = self.begin(Role::App(tenant), Mode::Read, deadline).await?;
        Ok(TenantTx {
            db,
            tenant,
            writer: Writer::System,
        })
    }

    /// A transaction that may change one tenant's data. On SQLite it holds the only writer: await nothing but the
    /// database until it is committed or dropped.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`], [`StoreError::Timeout`], [`StoreError::Rejected`] and [`StoreError::Overloaded`].
    pub async fn write(&self, tenant: TenantHandle, deadline: Deadline) -> Result<TenantTx, StoreError> {
        let tenant = tenant.tenant_id();
        let db = self.begin(Role::App(tenant), Mode::Write, deadline).await?;
        Ok(TenantTx {
            db,
            tenant,
            writer: Writer::System,
        })
    }

    /// A read-only transaction on the tenant directory and on due work.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`], [`StoreError::Timeout`], [`StoreError::Rejected`] and [`StoreError::Overloaded`].
    pub async fn platform_read(&self, deadline: Deadline) -> Result<PlatformTx, StoreError> {
        let db = self.begin(Role::Platform, Mode::Read, deadline).await?;
        Ok(PlatformTx {
            db,
            writer: Writer::System,
        })
    }

    /// A transaction that may change the tenant directory and the outbox.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`], [`StoreError::Timeout`], [`StoreError::Rejected`] and [`StoreError::Overloaded`].
    pub async fn platform_write(&self, deadline: Deadline) -> Result<PlatformTx, StoreError> {
        let db = self.begin(Role::Platform, Mode::Write, deadline).await?;
        Ok(PlatformTx {
            db,
            writer: Writer::System,
        })
    }

    /// A pooled PostgreSQL connection as it came back, for a look at what was left on it.
    #[cfg(test)]
    pub(crate) async fn pooled_client(&self) -> crate::postgres::Object {
        match &*self.inner {
            Backend::Postgres(db) => db.pooled_client().await,
            Backend::Sqlite { .. } => panic!("SQLite has no pool of clients"),
        }
    }

    /// `sqlite` or `postgresql`, as OpenTelemetry's `db.system.name` has it.
    #[must_use]
    pub fn system(&self) -> &'static str {
        match &*self.inner {
            Backend::Sqlite { .. } => "sqlite",
            Backend::Postgres(_) => "postgresql",
        }
    }

    /// What is known of the database without asking it; of PostgreSQL that is whether a server takes writes.
    #[must_use]
    pub fn state(&self) -> DatabaseState {
        match &*self.inner {
            Backend::Sqlite { db, .. } => db.watch().state(),
            Backend::Postgres(db) if db.is_read_only() => DatabaseState::ReadOnly,
            Backend::Postgres(_) => DatabaseState::Ok,
        }
    }

    /// Looks whether the SQLite file is still at its path; costs microseconds.
    pub fn look_at_file(&self) {
        if let Backend::Sqlite { db, .. } = &*self.inner {
            db.watch().look();
        }
    }

    /// Reads all of the SQLite file and remembers whether it is damaged. It takes as long as reading takes, in a thread
    /// of its own.
    pub async fn read_through_file(&self) {
        if let Backend::Sqlite { db, .. } = &*self.inner {
            let watch = Arc::clone(db.watch());
            if let Err(error) = tokio::task::spawn_blocking(move || watch.read_through()).await {
                tracing::error!(%error, "the database file was not read through");
            }
        }
    }

    /// A PostgreSQL connection beside the pool, in the session of whom the URL names.
    pub(crate) async fn own_connection(&self) -> Result<Client, StoreError> {
        match &*self.inner {
            Backend::Postgres(db) => db.own_connection().await,
            Backend::Sqlite { .. } => Err(StoreError::Setup("SQLite has no sessions".to_owned())),
        }
    }

    /// The SQLite file, if that is what this is.
    #[must_use]
    pub fn sqlite_path(&self) -> Option<&Path> {
        match &*self.inner {
            Backend::Sqlite { db, .. } => Some(db.path()),
            Backend::Postgres(_) => None,
        }
    }

    /// PostgreSQL connections: how many there are and how many of them are idle.
    #[cfg(test)]
    pub(crate) fn postgres_connections(&self) -> Option<(usize, usize)> {
        match &*self.inner {
            Backend::Sqlite { .. } => None,
            Backend::Postgres(db) => Some((db.connections().open(), db.connections().idle)),
        }
    }

    /// The connections as they are now; on SQLite the readers.
    #[must_use]
    pub fn connections(&self) -> Connections {
        match &*self.inner {
            Backend::Sqlite { db, .. } => db.connections(),
            Backend::Postgres(db) => db.connections(),
        }
    }

    /// How long the database took, since it was opened.
    #[must_use]
    pub fn times(&self) -> StoreTimes {
        self.timings.read()
    }
}

/// How many connections there are. Read one by one while others take them, so about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Connections {
    /// Open and free.
    pub idle: usize,
    /// In somebody's hands.
    pub used: usize,
    /// There may be so many.
    pub max: usize,
}

impl Connections {
    #[cfg(test)]
    const fn open(self) -> usize {
        self.idle + self.used
    }
}

impl fmt::Debug for Store {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Store").field(&self.system()).finish()
    }
}

/// Takes the lock that keeps a second server off the file; the system frees it when this process ends.
pub(crate) fn lock_file(database: &Path) -> Result<File, StoreError> {
    let path = migrate::beside(database, ".lock");
    let file = files::open_lock(&path)?;
    file.try_lock().map_err(|_| {
        StoreError::Setup(format!(
            "another server is using {} (its lock is {}); stop it first or give this one its own file",
            database.display(),
            path.display()
        ))
    })?;
    Ok(file)
}

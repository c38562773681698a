//! Opens a database and begins transactions on it.

use crate::config::{DatabaseUrl, Opener, StoreConfig};
use crate::counts::Connections;
use crate::error::StoreError;
use crate::files;
use crate::migrate;
use crate::postgres::{Limits, Mode, Postgres, Role};
use crate::schema::Schema;
use crate::span;
use crate::sqlite::{self, DatabaseState, Sqlite};
use crate::timings::{StoreTimes, Timings};
use crate::tx::{Db, Inner, Platform, PlatformTx, TenantTx};
use rustok_core::deadline::Deadline;
use rustok_core::ids::TenantId;
use rustok_core::resilience::CircuitBreaker;
use rustok_core::shares::{Share, Shares};
use rustok_tenancy::TenantHandle;
use std::fmt;
use std::fs::File;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;
use tokio_postgres::Client;

/// The database. Cheap to clone.
#[derive(Clone)]
pub struct Store {
    inner: Arc<Backend>,
    schema: Schema,
    shares: Arc<Shares<TenantId>>,
    timings: Arc<Timings>,
    /// Each transaction takes a breaker permit of its own.
    guarded: bool,
}

enum Backend {
    Sqlite { db: Sqlite, _server_lock: Option<File> },
    Postgres(Postgres),
}

/// Longest wait of a transaction for its tenant's share.
const LONGEST_WAIT: Duration = Duration::from_secs(2);

/// Takes a place in the tenant's share of the connections. Failing to get one is no fault of the database: the tenant
/// runs too many transactions.
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

/// Reads of one tenant that may wait for its share of the SQLite readers.
const READS_WAITING: usize = 1_024;

impl Store {
    /// Opens the database, and brings its schema up to date or checks it.
    ///
    /// # Errors
    /// [`StoreError::Setup`] when another server has the SQLite file, the schema is newer than this binary or (for a
    /// command) older; [`StoreError::Unavailable`] when the database cannot be reached.
    pub async fn open(config: StoreConfig, opener: Opener, schema: Schema) -> Result<Self, StoreError> {
        let timings = Timings::new(config.timed, schema.tables);
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
                sqlite::check_log(&path)?;
                migrate::sqlite(&path, opener, schema.migrations)?;
                let db = Sqlite::open(
                    &path,
                    config.sqlite_readers,
                    config.sqlite_mmap_bytes,
                    server_lock.is_some(),
                )?;
                Backend::Sqlite {
                    db,
                    _server_lock: server_lock,
                }
            }
            DatabaseUrl::Postgres(postgres) => {
                migrate::postgres(&postgres, opener, schema.migrations).await?;
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
            schema,
            shares,
            timings: Arc::new(timings),
            guarded: true,
        })
    }

    /// The circuit breaker in front of every PostgreSQL transaction. SQLite has none: it runs on the calling thread
    /// and fails at once, and a writer that waits for another process must not block readers.
    #[must_use]
    pub fn breaker(&self) -> Option<&CircuitBreaker> {
        match &*self.inner {
            Backend::Sqlite { .. } => None,
            Backend::Postgres(db) => Some(db.breaker()),
        }
    }

    /// The same database for a caller that goes through [`Store::breaker`] itself: transactions take no permit of
    /// their own, so nothing is counted twice and no half-open probe waits for its own permit. Time-outs and limits
    /// still apply.
    #[must_use]
    pub fn behind_own_breaker(&self) -> Self {
        Self {
            inner: Arc::clone(&self.inner),
            schema: self.schema,
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
            // Tenants take turns at the only write connection instead of having shares of it.
            (Backend::Sqlite { db, .. }, Mode::Write) => {
                let owner = match role {
                    Role::App(tenant) => Some(tenant),
                    Role::Platform | Role::Owner => None,
                };
                Ok((Inner::SqliteWrite(db.write(owner, deadline).await?), None))
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
        Ok(TenantTx::new(db, tenant))
    }

    /// A transaction that may change one tenant's data. On SQLite it holds the only writer: await nothing but the
    /// database until it is committed or dropped.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`], [`StoreError::Timeout`], [`StoreError::Rejected`] and [`StoreError::Overloaded`].
    pub async fn write(&self, tenant: TenantHandle, deadline: Deadline) -> Result<TenantTx, StoreError> {
        let tenant = tenant.tenant_id();
        let db = self.begin(Role::App(tenant), Mode::Write, deadline).await?;
        Ok(TenantTx::new(db, tenant))
    }

    /// A read-only transaction on the tenant directory and due work.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`], [`StoreError::Timeout`], [`StoreError::Rejected`] and [`StoreError::Overloaded`].
    pub async fn platform_read(&self, deadline: Deadline) -> Result<PlatformTx, StoreError> {
        let db = self.begin(Role::Platform, Mode::Read, deadline).await?;
        Ok(PlatformTx::new(db, Platform))
    }

    /// A transaction that may change the tenant directory and the outbox.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`], [`StoreError::Timeout`], [`StoreError::Rejected`] and [`StoreError::Overloaded`].
    pub async fn platform_write(&self, deadline: Deadline) -> Result<PlatformTx, StoreError> {
        let db = self.begin(Role::Platform, Mode::Write, deadline).await?;
        Ok(PlatformTx::new(db, Platform))
    }

    /// A pooled PostgreSQL connection as it was returned, to inspect what was left on it.
    #[cfg(test)]
    pub(crate) async fn pooled_client(&self) -> crate::postgres::Object {
        match &*self.inner {
            Backend::Postgres(db) => db.pooled_client().await,
            Backend::Sqlite { .. } => panic!("SQLite has no pool of clients"),
        }
    }

    /// `sqlite` or `postgresql`: the value of OpenTelemetry's `db.system.name`.
    #[must_use]
    pub fn system(&self) -> &'static str {
        match &*self.inner {
            Backend::Sqlite { .. } => "sqlite",
            Backend::Postgres(_) => "postgresql",
        }
    }

    /// State of the database as recorded, without a query.
    #[must_use]
    pub fn state(&self) -> DatabaseState {
        match &*self.inner {
            Backend::Sqlite { db, .. } => db.watch().state(),
            Backend::Postgres(db) => db.state(),
        }
    }

    /// Checks that the SQLite file is still at its path; takes microseconds.
    pub fn look_at_file(&self) {
        if let Backend::Sqlite { db, .. } = &*self.inner {
            db.watch().look();
        }
    }

    /// Reads the whole SQLite file on a blocking thread and records whether it is damaged.
    pub async fn read_through_file(&self) {
        if let Backend::Sqlite { db, .. } = &*self.inner {
            let watch = Arc::clone(db.watch());
            if let Err(error) = tokio::task::spawn_blocking(move || watch.read_through()).await {
                tracing::error!(%error, "the database file was not read through");
            }
        }
    }

    /// A PostgreSQL connection outside the pool, in a session of the role that the URL names.
    pub(crate) async fn own_connection(&self) -> Result<Client, StoreError> {
        match &*self.inner {
            Backend::Postgres(db) => db.own_connection().await,
            Backend::Sqlite { .. } => Err(StoreError::Setup("SQLite has no connection of a role".to_owned())),
        }
    }

    pub(crate) const fn schema(&self) -> &Schema {
        &self.schema
    }

    /// The path of the SQLite file; `None` for PostgreSQL.
    #[must_use]
    pub fn sqlite_path(&self) -> Option<&Path> {
        match &*self.inner {
            Backend::Sqlite { db, .. } => Some(db.path()),
            Backend::Postgres(_) => None,
        }
    }

    /// PostgreSQL connections: the total and how many of them are idle.
    #[cfg(test)]
    pub(crate) fn postgres_connections(&self) -> Option<(usize, usize)> {
        match &*self.inner {
            Backend::Sqlite { .. } => None,
            Backend::Postgres(db) => Some((db.connections().open(), db.connections().idle)),
        }
    }

    /// Current connection counts; on SQLite those of the readers.
    #[must_use]
    pub fn connections(&self) -> Connections {
        match &*self.inner {
            Backend::Sqlite { db, .. } => db.connections(),
            Backend::Postgres(db) => db.connections(),
        }
    }

    /// Database timings since the store was opened.
    #[must_use]
    pub fn times(&self) -> StoreTimes {
        self.timings.read()
    }
}

impl fmt::Debug for Store {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Store").field(&self.system()).finish()
    }
}

/// Takes the lock that keeps a second server off the file; the system releases it when this process ends.
pub(crate) fn lock_file(database: &Path) -> Result<File, StoreError> {
    let path = files::beside(database, ".lock");
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

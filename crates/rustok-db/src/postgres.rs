//! PostgreSQL: every transaction runs under one of our roles, with the tenant set for that transaction only.
//!
//! BEGIN, role and tenant are sent together with the first statement. A transaction dropped half-way never returns
//! its connection to the pool with a transaction open or a tenant set.

mod connection;
mod dial;
mod tls;
mod tx;

use crate::counts::Connections;
use crate::error::StoreError;
use crate::fault::Faults;
use crate::guard::Guard;
use crate::sqlite::DatabaseState;
#[cfg(test)]
pub(crate) use connection::{Connection, poll_once};
use deadpool::Runtime;
use deadpool::managed::{self, PoolError, TimeoutType, Timeouts};
pub(crate) use dial::Hosts;
use dial::{Manager, Writable};
use rustok_core::deadline::Deadline;
use rustok_core::ids::TenantId;
use rustok_core::resilience::CircuitBreaker;
use std::fmt::Write as _;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::Duration;
pub use tls::PostgresUrl;
use tokio::time::Instant;
use tokio_postgres::{Client, Config};
use tx::Exchange;
pub(crate) use tx::{BATCH_SIZE, PgTx};

type Pool = managed::Pool<Manager>;
pub(crate) type Object = managed::Object<Manager>;

/// Defaults for what the URL leaves unset: time to connect, time until sent data is acknowledged, and TCP keepalive
/// of an idle connection.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
const UNACKNOWLEDGED: Duration = Duration::from_secs(10);
const KEEPALIVE_IDLE: Duration = Duration::from_secs(30);
const KEEPALIVE_INTERVAL: Duration = Duration::from_secs(5);
const KEEPALIVE_RETRIES: u32 = 3;

/// PostgreSQL ends a transaction that is idle for this long, so that a server that was stopped or cut off in the
/// middle of one does not keep its locks. Our own statements follow each other within microseconds.
const IDLE_LIMIT: Duration = Duration::from_secs(3);
/// Longest wait of a statement for a lock. Shorter than the time of any answer, so that contention is reported as
/// such and not as a database that does not answer. A contended row is waited for twice, for the place in its queue
/// and for its holder, so this is less than half of a statement's time.
const LOCK_LIMIT: Duration = Duration::from_secs(2);
/// Waiting for a connection ends this long before the deadline, so that a full pool is reported as overload.
const SLOT_MARGIN: Duration = Duration::from_millis(2);

/// Fills in what `url` leaves unset, so that no connection waits for ever for a dead peer.
pub(crate) fn with_limits(mut url: Config) -> Config {
    let untouched = Config::new().get_keepalives_idle();
    if url.get_connect_timeout().is_none() {
        url.connect_timeout(CONNECT_TIMEOUT);
    }
    if url.get_tcp_user_timeout().is_none() {
        url.tcp_user_timeout(UNACKNOWLEDGED);
    }
    if url.get_keepalives_idle() == untouched {
        url.keepalives_idle(KEEPALIVE_IDLE);
    }
    if url.get_keepalives_interval().is_none() {
        url.keepalives_interval(KEEPALIVE_INTERVAL);
    }
    if url.get_keepalives_retries().is_none() {
        url.keepalives_retries(KEEPALIVE_RETRIES);
    }
    url
}

/// Number of connections, of transactions that may wait for one, and the time for one answer.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Limits {
    pub(crate) connections: usize,
    pub(crate) waiting: usize,
    pub(crate) answer_timeout: Duration,
}

pub(crate) struct Postgres {
    pool: Pool,
    guard: Guard,
    renewals: Arc<AtomicU64>,
    writable: Arc<Writable>,
    faults: Arc<Faults>,
}

/// The role that a transaction runs under.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Role {
    /// `rustok_app`: one tenant's rows, enforced by row security.
    App(TenantId),
    /// `rustok_platform`: the tenant directory and the few tables that workers claim from.
    Platform,
    /// The role that the URL names: for maintenance, never for rows.
    Owner,
}

/// Reads see one snapshot; writes are read-committed with conditional updates.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mode {
    Read,
    Write,
}

impl Postgres {
    /// `renewals` counts transactions that were restarted on another connection.
    pub(crate) fn open(
        url: &PostgresUrl,
        limits: Limits,
        renewals: Arc<AtomicU64>,
    ) -> Result<Self, StoreError> {
        // The driver's limit covers only the TCP connect, not a server that accepts and then sends nothing.
        let connect_timeout = url.config.get_connect_timeout().copied();
        let writable = Arc::new(Writable::default());
        let pool = Pool::builder(Manager::new(url, Arc::clone(&writable)))
            .max_size(limits.connections)
            .runtime(Runtime::Tokio1)
            .create_timeout(connect_timeout)
            .build()
            .map_err(|error| StoreError::Setup(format!("no connection pool: {error}")))?;
        // When the breaker opens, idle pooled connections are dropped: they are likely dead too, and each would cost
        // a request a whole deadline after the database recovers.
        let idle = pool.clone();
        let discard = move || drop(idle.retain(|_, _| false));
        let guard = Guard::new(limits.answer_timeout, limits.waiting, discard)
            .map_err(|error| StoreError::Setup(format!("no circuit breaker: {error}")))?;
        Ok(Self {
            pool,
            guard,
            renewals,
            writable,
            faults: Arc::default(),
        })
    }

    /// What is known of the database without asking it.
    pub(crate) fn state(&self) -> DatabaseState {
        match self.faults.state() {
            DatabaseState::Ok if self.writable.is_read_only() => DatabaseState::ReadOnly,
            known => known,
        }
    }

    /// A connection outside the pool, in a session of the role that the URL names.
    pub(crate) async fn own_connection(&self) -> Result<Client, StoreError> {
        self.pool.manager().own_connection().await
    }

    pub(crate) const fn breaker(&self) -> &CircuitBreaker {
        self.guard.breaker()
    }

    /// `share` acquires the caller's share of the connections, until the given instant.
    pub(crate) async fn begin<T>(
        &self,
        role: Role,
        mode: Mode,
        deadline: Deadline,
        guarded: bool,
        share: impl AsyncFnOnce(Option<Instant>) -> Result<T, StoreError>,
    ) -> Result<(PgTx, T), StoreError> {
        let waits = self.guard.until(deadline).remaining();
        let latest = waits.map(|waits| Instant::now() + waits.saturating_sub(SLOT_MARGIN));
        let connecting = async {
            let share = share(latest).await?;
            let left = latest.map(|latest| latest.saturating_duration_since(Instant::now()));
            let client = connection(&self.pool, left).await?;
            check(&client, mode)?;
            Ok((client, share))
        };
        let (watch, (client, share)) = self.guard.begin(deadline, guarded, connecting).await?;
        let begin = begin_text(role, mode, watch.statement_limit());
        let line = Exchange {
            client: Some(client),
            begin: Some(begin),
            open: false,
            in_flight: false,
            unfit: false,
            mode,
            waits,
            writable: Arc::clone(&self.writable),
            faults: Arc::clone(&self.faults),
            renewals: Arc::clone(&self.renewals),
        };
        Ok((PgTx { line, watch }, share))
    }

    #[cfg(test)]
    pub(crate) async fn pooled_client(&self) -> Object {
        self.pool.get().await.unwrap()
    }

    pub(crate) fn connections(&self) -> Connections {
        let status = self.pool.status();
        Connections {
            idle: status.available,
            used: status.size.saturating_sub(status.available),
            max: status.max_size,
        }
    }
}

/// Takes a connection from the pool. A timeout while the pool is full says nothing about the database: it is
/// [`StoreError::Overloaded`].
async fn connection(pool: &Pool, waits: Option<Duration>) -> Result<Object, StoreError> {
    let timeouts = Timeouts {
        wait: waits.map(|waits| waits.max(Duration::from_millis(1))),
        ..pool.timeouts()
    };
    pool.timeout_get(&timeouts).await.map_err(|error| match error {
        // A refusal of the server while connecting, whatever its reason.
        PoolError::Backend(error) => error,
        PoolError::Timeout(TimeoutType::Wait) => StoreError::Overloaded,
        other => StoreError::Unavailable(other.to_string()),
    })
}

/// Refuses a write transaction on a server that reported itself read-only.
fn check(client: &Object, mode: Mode) -> Result<(), StoreError> {
    if mode == Mode::Write && client.read_only().is_some() {
        return Err(StoreError::ReadOnly("the server takes no writes".to_owned()));
    }
    Ok(())
}

fn begin_text(role: Role, mode: Mode, statement_limit: Option<Duration>) -> String {
    let mut begin = String::with_capacity(256);
    begin.push_str(match mode {
        Mode::Read => "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY;",
        // Named, since the server's default may differ. A server that was made read-only does not refuse this BEGIN,
        // only the first write.
        Mode::Write => "BEGIN ISOLATION LEVEL READ COMMITTED;",
    });
    // SET LOCAL takes no parameters; only a UUID and a number are formatted in.
    match role {
        Role::App(tenant) => {
            let _ = write!(
                begin,
                "SET LOCAL ROLE rustok_app;SET LOCAL rustok.tenant_id = '{tenant}'"
            );
        }
        Role::Platform => begin.push_str("SET LOCAL ROLE rustok_platform"),
        Role::Owner => begin.push_str("SET LOCAL ROLE NONE"),
    }
    // Settings that are equal for all transactions are made once per session: each setting costs a message.
    if let Some(left) = statement_limit {
        let _ = write!(
            begin,
            ";SET LOCAL statement_timeout = {}",
            left.as_millis().clamp(1, 3_600_000)
        );
        let lock = left * 2 / 5;
        if lock < LOCK_LIMIT {
            let _ = write!(begin, ";SET LOCAL lock_timeout = {}", lock.as_millis().max(1));
        }
    }
    begin
}

//! PostgreSQL: every transaction runs under one of our roles, with the tenant set for that transaction only.
//!
//! BEGIN, role and tenant are sent together with the first statement. A transaction dropped half-way never returns
//! its connection to the pool with a transaction open or a tenant set.

mod connection;
mod dial;
mod tls;

use crate::error::StoreError;
use crate::guard::{Guard, TxMonitor};
use crate::standing;
use crate::store::Connections;
use crate::tx::Statement;
use crate::value::Value;
#[cfg(test)]
pub(crate) use connection::Connection;
use connection::Statements;
use deadpool::Runtime;
use deadpool::managed::{self, PoolError, TimeoutType, Timeouts};
pub(crate) use dial::Hosts;
use dial::{Manager, Writable};
use futures_util::future::{join, join_all};
use rustok_core::deadline::Deadline;
use rustok_core::ids::TenantId;
use rustok_core::resilience::CircuitBreaker;
use std::borrow::Cow;
use std::fmt::Write as _;
use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
pub use tls::PostgresUrl;
use tokio::time::Instant;
use tokio_postgres::types::ToSql;
use tokio_postgres::{Client, Config, Row};

type Pool = managed::Pool<Manager>;
pub(crate) type Object = managed::Object<Manager>;

/// Time for an abandoned statement to end before its connection is closed.
const DRAIN_LIMIT: Duration = Duration::from_millis(250);
/// Statements sent in one flight; `join_all` keeps their order up to this many.
pub(crate) const BATCH_SIZE: usize = 30;

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
        })
    }

    /// Whether no server that accepts writes is known.
    pub(crate) fn is_read_only(&self) -> bool {
        self.writable.is_read_only()
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

/// A transaction on one pooled connection, under the guard.
pub(crate) struct PgTx {
    line: Exchange,
    watch: TxMonitor,
}

/// The connection and its state for cleanup.
struct Exchange {
    client: Option<Object>,
    /// The text that opens the transaction, sent with the first statement; kept until that is answered.
    begin: Option<String>,
    /// Something was sent that must be undone before the connection is reused.
    open: bool,
    /// A statement was sent and its answer has not been read.
    in_flight: bool,
    /// The session is unusable and must be closed.
    unfit: bool,
    mode: Mode,
    /// How long acquiring a replacement connection may take.
    waits: Option<Duration>,
    writable: Arc<Writable>,
    renewals: Arc<AtomicU64>,
}

impl PgTx {
    /// With `last`, a ROLLBACK that ends the transaction travels with the query.
    pub(crate) async fn query(
        &mut self,
        table: &'static str,
        sql: &str,
        params: &[Value<'_>],
        last: bool,
    ) -> Result<Vec<Row>, StoreError> {
        let params = references(params);
        let Self { line, watch } = self;
        let exchange = async {
            loop {
                let rows = line.run(table, async |client, statements, begin| {
                    let statement = statements.prepared(client, sql).await?;
                    let end = async {
                        if last {
                            connection::poll_once(client.batch_execute("ROLLBACK"));
                        }
                    };
                    let (rows, ()) =
                        join(opened(client, begin, client.query(&statement, &params)), end).await;
                    rows
                });
                let rows = rows.await;
                if !line.is_renewed_after(&rows).await? {
                    if last && rows.is_ok() {
                        line.open = false;
                        line.leave();
                    }
                    return rows;
                }
            }
        };
        watch.answer(pin!(exchange)).await
    }

    pub(crate) async fn execute(
        &mut self,
        table: &'static str,
        sql: &str,
        params: &[Value<'_>],
    ) -> Result<u64, StoreError> {
        let params = references(params);
        let Self { line, watch } = self;
        let exchange = async {
            loop {
                let changed = line.run(table, async |client, statements, begin| {
                    let statement = statements.prepared(client, sql).await?;
                    opened(client, begin, client.execute(&statement, &params)).await
                });
                let changed = changed.await;
                if !line.is_renewed_after(&changed).await? {
                    return changed;
                }
            }
        };
        watch.answer(pin!(exchange)).await
    }

    /// Sends all statements without waiting in between, then checks every answer. The query travels behind the last
    /// one; its rows are returned.
    pub(crate) async fn execute_all(
        &mut self,
        statements: &[Cow<'_, Statement<'_>>],
        query: Option<&Statement<'_>>,
    ) -> Result<Vec<tokio_postgres::Row>, StoreError> {
        let Self { line, watch } = self;
        let mut flights = statements.chunks(BATCH_SIZE).peekable();
        let mut rows = Vec::new();
        while let Some(flight) = flights.next() {
            let query = query.filter(|_| flights.peek().is_none());
            let exchange = async {
                loop {
                    let answers = line.send_batch(flight, query).await;
                    if !line.is_renewed_after(&answers).await? {
                        return answers;
                    }
                }
            };
            rows = watch.answer(pin!(exchange)).await?;
        }
        Ok(rows)
    }

    /// COMMIT answers Ok for a failed transaction too: the caller must know that every statement succeeded. The
    /// `commit_checks` travel ahead of it in the same flight; one that finds no row raises an error, so that nothing is
    /// committed.
    pub(crate) async fn commit(mut self, commit_checks: &[Statement<'_>]) -> Result<(), StoreError> {
        if self.line.open {
            let Self { line, watch } = &mut self;
            watch
                .answer(pin!(line.commit(commit_checks)))
                .await
                .map_err(StoreError::of_commit)?;
            self.line.open = false;
        }
        Ok(())
    }
}

impl Exchange {
    /// One exchange with the server.
    async fn run<T>(
        &mut self,
        table: &'static str,
        work: impl AsyncFnOnce(&Client, &mut Statements, Option<&str>) -> Result<T, tokio_postgres::Error>,
    ) -> Result<T, StoreError> {
        let Some(client) = &mut self.client else {
            return Err(StoreError::Unavailable("the transaction is over".to_owned()));
        };
        // Set before anything is sent: a drop from here on knows what to clean up.
        self.open = true;
        self.in_flight = true;
        let begin = self.begin.as_deref();
        let result = client
            .exchange(async |client, statements| work(client, statements, begin).await)
            .await;
        self.in_flight = false;
        result.map_err(|error| {
            let farewell = error.is_closed().then(|| self.client.as_mut()?.take_farewell());
            self.note_error(table, farewell.flatten().as_ref().unwrap_or(&error))
        })
    }

    /// Maps an error. If the session cannot be used any more it is closed after this transaction, and the idle
    /// connections made like it are dropped at once.
    fn note_error(&mut self, table: &'static str, error: &tokio_postgres::Error) -> StoreError {
        let error = StoreError::from_postgres(table, error);
        match error {
            // The transaction itself was opened read-only.
            StoreError::ReadOnly(reason) if self.mode == Mode::Read => {
                return StoreError::Refused { table, reason };
            }
            StoreError::ReadOnly(_) => self.writable.was_refused(),
            StoreError::Unfit(_) => {}
            other => return other,
        }
        self.unfit = true;
        if let Some(pool) = self.client.as_ref().and_then(Object::pool) {
            drop(pool.retain(|connection, _| connection.read_only().is_some()));
        }
        error
    }

    /// Detaches the current waiter although an answer is still outstanding.
    fn leave(&mut self) {
        if let Some(client) = &mut self.client {
            client.leave();
        }
    }

    async fn commit(&mut self, commit_checks: &[Statement<'_>]) -> Result<(), StoreError> {
        let answers = self.run("", async |client, statements, _| {
            let mut prepared = Vec::with_capacity(commit_checks.len());
            for commit_check in commit_checks {
                match statements.prepared(client, &commit_check.sql).await {
                    Ok(statement) => prepared.push((statement, references(&commit_check.params))),
                    // COMMIT was not sent.
                    Err(error) => return Ok(Err((commit_check.table, error))),
                }
            }
            let asked = join_all(prepared.iter().map(|(sql, params)| client.execute(sql, params)));
            let (answers, committed) = join(asked, client.batch_execute("COMMIT")).await;
            for (commit_check, answer) in commit_checks.iter().zip(answers) {
                match answer {
                    // The question failed in the database, so the COMMIT behind it only ended a failed transaction.
                    Err(error) if error.as_db_error().is_some() => {
                        return Ok(Err((commit_check.table, error)));
                    }
                    answer => drop(answer?),
                }
            }
            committed.map(Ok)
        });
        let failed = |(table, error): (&'static str, tokio_postgres::Error)| match error.code() {
            Some(code) if code.code() == standing::DIVISION_BY_ZERO => standing::refusal(table),
            _ => StoreError::from_postgres(table, &error),
        };
        answers.await?.map_err(failed)
    }

    async fn send_batch(
        &mut self,
        flight: &[Cow<'_, Statement<'_>>],
        query: Option<&Statement<'_>>,
    ) -> Result<Vec<tokio_postgres::Row>, StoreError> {
        let table = flight.first().map_or("", |statement| statement.table);
        let answers = self.run(table, async |client, statements, begin| {
            let mut prepared = Vec::with_capacity(flight.len());
            for statement in flight {
                let params = references(&statement.params);
                prepared.push((statements.prepared(client, &statement.sql).await?, params));
            }
            let last = match query {
                Some(query) => Some((
                    statements.prepared(client, &query.sql).await?,
                    references(&query.params),
                )),
                None => None,
            };
            let all = join_all(prepared.iter().map(|(sql, params)| client.execute(sql, params)));
            let rows = async {
                match &last {
                    Some((sql, params)) => client.query(sql, params).await,
                    None => Ok(Vec::new()),
                }
            };
            opened(client, begin, async { Ok(join(all, rows).await) }).await
        });
        let (changed, rows) = answers.await?;
        for (statement, changed) in flight.iter().zip(changed) {
            let changed = changed.map_err(|error| self.note_error(statement.table, &error))?;
            statement.expect.check(statement.table, changed)?;
        }
        rows.map_err(|error| self.note_error(query.map_or(table, |query| query.table), &error))
    }

    /// Called after an exchange. A connection that died idle in the pool is not a failure: if the transaction's first
    /// exchange met it, the connection is replaced and the exchange may be repeated, since nothing sent on the old
    /// one had an effect. The other idle connections are dropped too.
    async fn is_renewed_after<T>(&mut self, result: &Result<T, StoreError>) -> Result<bool, StoreError> {
        let lost = matches!(
            result,
            Err(StoreError::Unavailable(_) | StoreError::ReadOnly(_) | StoreError::Unfit(_))
        );
        if !lost {
            self.begin = None;
            return Ok(false);
        }
        if self.begin.is_none() {
            return Ok(false);
        }
        let Some(old) = self
            .client
            .take_if(|client| Object::metrics(client).recycle_count > 0)
        else {
            return Ok(false);
        };
        let Some(pool) = Object::pool(&old) else {
            return Ok(false);
        };
        drop(Object::take(old));
        drop(pool.retain(|_, _| false));
        self.open = false;
        self.unfit = false;
        let client = Box::pin(connection(&pool, self.waits)).await?;
        check(&client, self.mode)?;
        self.client = Some(client);
        self.renewals.fetch_add(1, Ordering::Relaxed);
        Ok(true)
    }
}

/// Sends the text that opens the transaction in the same flight as `work`; its error takes precedence.
async fn opened<T>(
    client: &Client,
    begin: Option<&str>,
    work: impl Future<Output = Result<T, tokio_postgres::Error>>,
) -> Result<T, tokio_postgres::Error> {
    match begin {
        Some(begin) => {
            let (begun, result) = join(client.batch_execute(begin), work).await;
            begun?;
            result
        }
        None => work.await,
    }
}

fn references<'a>(params: &'a [Value<'_>]) -> Vec<&'a (dyn ToSql + Sync)> {
    params.iter().map(|value| value as &(dyn ToSql + Sync)).collect()
}

impl Drop for PgTx {
    fn drop(&mut self) {
        let Some(mut client) = self.line.client.take() else {
            return;
        };
        if !self.line.open {
            return;
        }
        if self.line.unfit {
            drop(Object::take(client));
            return;
        }
        if !self.line.in_flight {
            client.post("ROLLBACK");
            return;
        }
        match tokio::runtime::Handle::try_current() {
            Ok(runtime) if self.watch.was_left_in_time() => drop(runtime.spawn(drain(client))),
            // What is still outstanding on it, and for how long, is unknown.
            Ok(runtime) => drop(runtime.spawn(give_up(client))),
            Err(_) => drop(Object::take(client)),
        }
    }
}

/// Rolls back an abandoned statement's transaction before the connection returns to the pool, or closes the
/// connection.
async fn drain(mut client: Object) {
    let rollback = client.exchange(async |client, _| client.batch_execute("ROLLBACK").await);
    let rolled_back = tokio::time::timeout(DRAIN_LIMIT, rollback).await;
    if !matches!(rolled_back, Ok(Ok(()))) {
        give_up(client).await;
    }
}

/// Closes the connection and sends a cancel request for what runs on it.
async fn give_up(client: Object) {
    let cancel = client.cancel();
    drop(Object::take(client));
    let _ = tokio::time::timeout(DRAIN_LIMIT, cancel).await;
}

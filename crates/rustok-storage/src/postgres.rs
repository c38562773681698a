//! PostgreSQL: every transaction runs under a role of ours, with the tenant set for that transaction only.
//!
//! BEGIN, role and tenant travel together with the first statement. A transaction that is dropped half-way never
//! gives its connection to the next user with a transaction open or a tenant set.

mod connection;
mod dial;
mod tls;

use crate::error::StoreError;
use crate::guard::{Guard, Watch};
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

/// How long an abandoned statement may take to end before its connection is given up.
const DRAIN_LIMIT: Duration = Duration::from_millis(250);
/// Statements sent in one flight; `join_all` keeps their order up to this many.
pub(crate) const FLIGHT: usize = 30;

/// What a URL says nothing about: after how long a connection is given up that cannot be made, whose other end does
/// not acknowledge what was sent, or that is idle and dead.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
const UNACKNOWLEDGED: Duration = Duration::from_secs(10);
const KEEPALIVE_IDLE: Duration = Duration::from_secs(30);
const KEEPALIVE_INTERVAL: Duration = Duration::from_secs(5);
const KEEPALIVE_RETRIES: u32 = 3;

/// After how long PostgreSQL ends a transaction in which nobody says anything: a server that was stopped or cut off in
/// the middle of one holds its locks no longer. Between two statements of ours lie microseconds.
const IDLE_LIMIT: Duration = Duration::from_secs(3);
/// How long a statement waits for a lock at most. Shorter than any answer may take: who waits longer for somebody else
/// is told so, and it does not look as if the database did not answer. A row that several want is waited for twice, for
/// one's turn and for its holder, so it is less than half of a statement's time.
const LOCK_LIMIT: Duration = Duration::from_secs(2);
/// So much earlier than all waiting ends whoever has got no connection: too many were before him.
const SLOT_MARGIN: Duration = Duration::from_millis(2);

/// Sets what `url` leaves open, so that no connection waits for ever for a peer that is gone.
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

/// How many connections there are, how many may wait for one, and how long one answer may take.
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

/// Under whose rights a transaction runs.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Role {
    /// `rustok_app`: one tenant's rows, by row security.
    App(TenantId),
    /// `rustok_platform`: the directory and the few tables that workers claim.
    Platform,
    /// Whom the database's URL names: for upkeep, never for rows.
    Owner,
}

/// Reads see one snapshot; writes are read-committed with conditional updates.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mode {
    Read,
    Write,
}

impl Postgres {
    /// `renewals` counts transactions that began anew on another connection.
    pub(crate) fn open(
        url: &PostgresUrl,
        limits: Limits,
        renewals: Arc<AtomicU64>,
    ) -> Result<Self, StoreError> {
        // The driver bounds only how long TCP may take: a server that accepts and says nothing is out of its sight.
        let connect_timeout = url.config.get_connect_timeout().copied();
        let writable = Arc::new(Writable::default());
        let pool = Pool::builder(Manager::new(url, Arc::clone(&writable)))
            .max_size(limits.connections)
            .runtime(Runtime::Tokio1)
            .create_timeout(connect_timeout)
            .build()
            .map_err(|error| StoreError::Setup(format!("no connection pool: {error}")))?;
        // When the database is sick, so are the connections that lie in the pool. Else each of them would cost
        // somebody a whole deadline once it is well again.
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

    /// Whether no server is known that takes writes.
    pub(crate) fn is_read_only(&self) -> bool {
        self.writable.is_read_only()
    }

    /// One beside the pool, in the session of whom the URL names.
    pub(crate) async fn own_connection(&self) -> Result<Client, StoreError> {
        self.pool.manager().own_connection().await
    }

    pub(crate) const fn breaker(&self) -> &CircuitBreaker {
        self.guard.breaker()
    }

    /// `share` is asked for the caller's share of the connections, until then.
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
        let line = Line {
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

/// Who has no place in the pool when `waits` is over learned nothing about the database.
async fn connection(pool: &Pool, waits: Option<Duration>) -> Result<Object, StoreError> {
    let timeouts = Timeouts {
        wait: waits.map(|waits| waits.max(Duration::from_millis(1))),
        ..pool.timeouts()
    };
    pool.timeout_get(&timeouts).await.map_err(|error| match error {
        // Whatever the server says to somebody who knocks: he is not let in.
        PoolError::Backend(error) => error,
        PoolError::Timeout(TimeoutType::Wait) => StoreError::Overloaded,
        other => StoreError::Unavailable(other.to_string()),
    })
}

/// Nobody begins to write where the server said that it takes no writes.
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
        // Named, since a server's own default may be another. But one that was made read-only stays so, and BEGIN is
        // not refused there: whoever asks first for a write is.
        Mode::Write => "BEGIN ISOLATION LEVEL READ COMMITTED;",
    });
    // SET LOCAL takes no parameters; what is formatted in is a UUID and a number.
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
    // What is the same for all transactions is set for the session: each setting is a message more.
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
    line: Line,
    watch: Watch,
}

/// The connection and what is to be cleaned up on it.
struct Line {
    client: Option<Object>,
    /// What opens the transaction, sent with the first statement; kept until that was answered.
    begin: Option<String>,
    /// Something was sent that the next user must not find.
    open: bool,
    /// A statement was sent and its answer not yet read.
    in_flight: bool,
    /// The session is of no use to anybody.
    unfit: bool,
    mode: Mode,
    /// How long a new connection may take.
    waits: Option<Duration>,
    writable: Arc<Writable>,
    renewals: Arc<AtomicU64>,
}

impl PgTx {
    /// The `last` query takes what ends the transaction along.
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

    /// Sends all statements without waiting in between, then checks every answer.
    pub(crate) async fn execute_all(
        &mut self,
        statements: &[Cow<'_, Statement<'_>>],
    ) -> Result<(), StoreError> {
        let Self { line, watch } = self;
        for flight in statements.chunks(FLIGHT) {
            let exchange = async {
                loop {
                    let changed = line.fly(flight).await;
                    if !line.is_renewed_after(&changed).await? {
                        return changed;
                    }
                }
            };
            watch.answer(pin!(exchange)).await?;
        }
        Ok(())
    }

    /// COMMIT answers Ok for a failed transaction too: whoever calls this knows that every statement succeeded. The
    /// `questions` travel before it in the same flight; one that finds nothing fails, so that nothing is kept.
    pub(crate) async fn commit(mut self, questions: &[Statement<'_>]) -> Result<(), StoreError> {
        if self.line.open {
            let Self { line, watch } = &mut self;
            watch
                .answer(pin!(line.commit(questions)))
                .await
                .map_err(StoreError::of_commit)?;
            self.line.open = false;
        }
        Ok(())
    }
}

impl Line {
    /// One exchange with the server.
    async fn run<T>(
        &mut self,
        table: &'static str,
        work: impl AsyncFnOnce(&Client, &mut Statements, Option<&str>) -> Result<T, tokio_postgres::Error>,
    ) -> Result<T, StoreError> {
        let Some(client) = &mut self.client else {
            return Err(StoreError::Unavailable("the transaction is over".to_owned()));
        };
        // Marked before anything is sent: a drop from here on knows what to clean up.
        self.open = true;
        self.in_flight = true;
        let begin = self.begin.as_deref();
        let result = client
            .exchange(async |client, statements| work(client, statements, begin).await)
            .await;
        self.in_flight = false;
        result.map_err(|error| {
            let farewell = error.is_closed().then(|| self.client.as_mut()?.take_farewell());
            self.told(table, farewell.flatten().as_ref().unwrap_or(&error))
        })
    }

    /// What an answer means here. A session that cannot do what it is there for goes with this transaction, and those that
    /// lie in the pool and were made like it go at once.
    fn told(&mut self, table: &'static str, error: &tokio_postgres::Error) -> StoreError {
        let error = StoreError::from_postgres(table, error);
        match error {
            // We said so ourselves when it began.
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

    /// Nobody waits on the connection any more, though an answer is still to come.
    fn leave(&mut self) {
        if let Some(client) = &mut self.client {
            client.leave();
        }
    }

    async fn commit(&mut self, questions: &[Statement<'_>]) -> Result<(), StoreError> {
        let answers = self.run("", async |client, statements, _| {
            let mut prepared = Vec::with_capacity(questions.len());
            for question in questions {
                match statements.prepared(client, &question.sql).await {
                    Ok(statement) => prepared.push((statement, references(&question.params))),
                    // The COMMIT was not sent.
                    Err(error) => return Ok(Err((question.table, error))),
                }
            }
            let asked = join_all(prepared.iter().map(|(sql, params)| client.execute(sql, params)));
            let (answers, committed) = join(asked, client.batch_execute("COMMIT")).await;
            for (question, answer) in questions.iter().zip(answers) {
                match answer {
                    // The database answered no: the COMMIT behind it ended a failed transaction.
                    Err(error) if error.as_db_error().is_some() => return Ok(Err((question.table, error))),
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

    async fn fly(&mut self, flight: &[Cow<'_, Statement<'_>>]) -> Result<(), StoreError> {
        let table = flight.first().map_or("", |statement| statement.table);
        let changed = self.run(table, async |client, statements, begin| {
            let mut prepared = Vec::with_capacity(flight.len());
            for statement in flight {
                let params = references(&statement.params);
                prepared.push((statements.prepared(client, &statement.sql).await?, params));
            }
            let all = join_all(prepared.iter().map(|(sql, params)| client.execute(sql, params)));
            opened(client, begin, async { Ok::<_, tokio_postgres::Error>(all.await) }).await
        });
        let changed = changed.await?;
        for (statement, changed) in flight.iter().zip(changed) {
            let changed = changed.map_err(|error| self.told(statement.table, &error))?;
            statement.expect.check(statement.table, changed)?;
        }
        Ok(())
    }

    /// After an exchange: a connection that died while it lay in the pool is nobody's failure. If that is what the
    /// transaction's first exchange met, the line has a new connection and the exchange may be made again: what died
    /// with the old one had no effect. The others that lay there go too.
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

/// Sends what opens the transaction in the same flight as `work`; its failure comes first.
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
            // Nobody knows what still comes on it, and when.
            Ok(runtime) => drop(runtime.spawn(give_up(client))),
            Err(_) => drop(Object::take(client)),
        }
    }
}

/// Ends an abandoned statement's transaction before the connection goes back, or gives the connection up.
async fn drain(mut client: Object) {
    let rollback = client.exchange(async |client, _| client.batch_execute("ROLLBACK").await);
    let rolled_back = tokio::time::timeout(DRAIN_LIMIT, rollback).await;
    if !matches!(rolled_back, Ok(Ok(()))) {
        give_up(client).await;
    }
}

/// Closes the connection and asks the server to end what runs on it.
async fn give_up(client: Object) {
    let cancel = client.cancel();
    drop(Object::take(client));
    let _ = tokio::time::timeout(DRAIN_LIMIT, cancel).await;
}

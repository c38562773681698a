//! A transaction on PostgreSQL: what is sent in one flight, how an exchange is repeated on another connection, and what
//! is cleaned up when it is dropped half-way.

use super::connection::{Statements, poll_once};
use super::dial::Writable;
use super::{Mode, Object};
use crate::error::StoreError;
use crate::fault::Faults;
use crate::guard::TxMonitor;
use crate::statement::{self, CommitCheck, Statement};
use crate::value::Value;
use futures_util::future::{join, join_all};
use std::borrow::Cow;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use tokio_postgres::types::ToSql;
use tokio_postgres::{Client, Row};

/// Time for an abandoned statement to end before its connection is closed.
const DRAIN_LIMIT: Duration = Duration::from_millis(250);
/// Statements sent in one flight; `join_all` keeps their order up to this many.
pub(crate) const BATCH_SIZE: usize = 30;

/// A transaction on one pooled connection, under the guard.
pub(crate) struct PgTx {
    pub(super) line: Exchange,
    pub(super) watch: TxMonitor,
}

/// The connection and its state for cleanup.
pub(super) struct Exchange {
    pub(super) client: Option<Object>,
    /// The text that opens the transaction, sent with the first statement; kept until that is answered.
    pub(super) begin: Option<String>,
    /// Something was sent that must be undone before the connection is reused.
    pub(super) open: bool,
    /// A statement was sent and its answer has not been read.
    pub(super) in_flight: bool,
    /// The session is unusable and must be closed.
    pub(super) unfit: bool,
    pub(super) mode: Mode,
    /// How long acquiring a replacement connection may take.
    pub(super) waits: Option<Duration>,
    pub(super) writable: Arc<Writable>,
    pub(super) faults: Arc<Faults>,
    pub(super) renewals: Arc<AtomicU64>,
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
                            poll_once(client.batch_execute("ROLLBACK"));
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
    /// `commit_checks` travel ahead of it in the same flight; a no raises an error, so that nothing is committed.
    pub(crate) async fn commit(mut self, commit_checks: &[CommitCheck]) -> Result<(), StoreError> {
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

/// The table of a commit check that failed, the error if its answer was no, and how it failed.
type Refused = (&'static str, fn() -> StoreError, tokio_postgres::Error);

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
        self.faults.note(&error);
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

    async fn commit(&mut self, commit_checks: &[CommitCheck]) -> Result<(), StoreError> {
        let answers = self.run("", async |client, statements, _| {
            let mut prepared = Vec::with_capacity(commit_checks.len());
            for CommitCheck { statement, refusal } in commit_checks {
                match statements.prepared(client, &statement.sql).await {
                    Ok(sql) => prepared.push((sql, references(&statement.params))),
                    // COMMIT was not sent.
                    Err(error) => return Ok(Err((statement.table, *refusal, error))),
                }
            }
            let asked = join_all(prepared.iter().map(|(sql, params)| client.execute(sql, params)));
            let (answers, committed) = join(asked, client.batch_execute("COMMIT")).await;
            for (CommitCheck { statement, refusal }, answer) in commit_checks.iter().zip(answers) {
                match answer {
                    // The question failed in the database, so the COMMIT behind it only ended a failed transaction.
                    Err(error) if error.as_db_error().is_some() => {
                        return Ok(Err((statement.table, *refusal, error)));
                    }
                    answer => drop(answer?),
                }
            }
            committed.map(Ok)
        });
        let answers = answers.await?;
        answers.map_err(|(table, refusal, error): Refused| match error.code() {
            Some(code) if code.code() == statement::DIVISION_BY_ZERO => refusal(),
            _ => self.note_error(table, &error),
        })
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
        let client = Box::pin(super::connection(&pool, self.waits)).await?;
        super::check(&client, self.mode)?;
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

//! PostgreSQL: every transaction runs under a role of ours, with the tenant set for that transaction only.
//!
//! BEGIN, role and tenant travel together with the first statement. A transaction that is dropped half-way never
//! gives its connection to the next user with a transaction open or a tenant set.

use crate::error::StoreError;
use crate::tx::Statement;
use crate::value::Value;
use deadpool_postgres::{Manager, ManagerConfig, Object, Pool, RecyclingMethod};
use futures_util::future::{join, join_all};
use rustok_core::deadline::Deadline;
use rustok_core::ids::TenantId;
use std::fmt::Write as _;
use std::future::Future;
use std::pin::pin;
use std::task::{Context, Waker};
use std::time::Duration;
use tokio_postgres::types::ToSql;
use tokio_postgres::{Config, NoTls, Row};

/// How long an abandoned statement may take to end before its connection is given up.
const DRAIN_LIMIT: Duration = Duration::from_millis(250);
/// Statements sent in one flight; `join_all` keeps their order up to this many.
const FLIGHT: usize = 30;

pub(crate) struct Postgres {
    pool: Pool,
}

/// Under whose rights a transaction runs.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Role {
    /// `rustok_app`: one tenant's rows, by row security.
    App(TenantId),
    /// `rustok_platform`: the directory and the few tables that workers claim.
    Platform,
}

/// Reads see one snapshot; writes are read-committed with conditional updates.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mode {
    Read,
    Write,
}

impl Postgres {
    pub(crate) fn open(config: Config, connections: usize) -> Result<Self, StoreError> {
        let recycling = ManagerConfig {
            recycling_method: RecyclingMethod::Fast,
        };
        let pool = Pool::builder(Manager::from_config(config, NoTls, recycling))
            .max_size(connections)
            .build()
            .map_err(|error| StoreError::Setup(format!("no connection pool: {error}")))?;
        Ok(Self { pool })
    }

    pub(crate) async fn begin(&self, role: Role, mode: Mode, deadline: Deadline) -> Result<PgTx, StoreError> {
        let get = async {
            self.pool
                .get()
                .await
                .map_err(|error| StoreError::Unavailable(error.to_string()))
        };
        let client = match deadline.instant() {
            Some(at) => tokio::time::timeout_at(at, get)
                .await
                .map_err(|_| StoreError::Timeout("waiting for a connection"))??,
            None => get.await?,
        };
        let begin = begin_text(role, mode, deadline);
        Ok(PgTx {
            client: Some(client),
            begin: Some(begin),
            in_flight: false,
            deadline,
        })
    }

    #[cfg(test)]
    pub(crate) async fn pooled_client(&self) -> Object {
        self.pool.get().await.unwrap()
    }

    /// How many connections exist and how many of them are idle.
    pub(crate) fn connections(&self) -> (usize, usize) {
        let status = self.pool.status();
        (status.size, status.available)
    }
}

fn begin_text(role: Role, mode: Mode, deadline: Deadline) -> String {
    let mut begin = String::with_capacity(224);
    begin.push_str(match mode {
        Mode::Read => "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY;",
        // Named, since a server's own default may be another.
        Mode::Write => "BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE;",
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
    }
    if let Some(left) = deadline.remaining() {
        let _ = write!(
            begin,
            ";SET LOCAL statement_timeout = {}",
            left.as_millis().clamp(1, 3_600_000)
        );
    }
    begin
}

/// A transaction on one pooled connection.
pub(crate) struct PgTx {
    client: Option<Object>,
    /// What opens the transaction, until it is sent with the first statement.
    begin: Option<String>,
    /// A statement was sent and its answer not yet read.
    in_flight: bool,
    deadline: Deadline,
}

impl PgTx {
    pub(crate) async fn query(
        &mut self,
        table: &'static str,
        sql: &str,
        params: &[Value<'_>],
    ) -> Result<Vec<Row>, StoreError> {
        let params = references(params);
        self.run(table, async |client, begin| {
            let statement = client.prepare_cached(sql).await?;
            opened(client, begin, client.query(&statement, &params)).await
        })
        .await
    }

    pub(crate) async fn execute(
        &mut self,
        table: &'static str,
        sql: &str,
        params: &[Value<'_>],
    ) -> Result<u64, StoreError> {
        let params = references(params);
        self.run(table, async |client, begin| {
            let statement = client.prepare_cached(sql).await?;
            opened(client, begin, client.execute(&statement, &params)).await
        })
        .await
    }

    /// Sends all statements without waiting in between, then checks every answer.
    pub(crate) async fn execute_all(&mut self, statements: &[Statement<'_>]) -> Result<(), StoreError> {
        for flight in statements.chunks(FLIGHT) {
            let table = flight.first().map_or("", |statement| statement.table);
            let changed = self
                .run(table, async |client, begin| {
                    let mut prepared = Vec::with_capacity(flight.len());
                    for statement in flight {
                        let params = references(&statement.params);
                        prepared.push((client.prepare_cached(statement.sql).await?, params));
                    }
                    let all = join_all(prepared.iter().map(|(sql, params)| client.execute(sql, params)));
                    opened(client, begin, async { Ok::<_, tokio_postgres::Error>(all.await) }).await
                })
                .await?;
            for (statement, changed) in flight.iter().zip(changed) {
                let changed = changed.map_err(|error| StoreError::from_postgres(statement.table, &error))?;
                statement.expect.check(statement.table, changed)?;
            }
        }
        Ok(())
    }

    /// COMMIT answers Ok for a failed transaction too: whoever calls this knows that every statement succeeded.
    pub(crate) async fn commit(mut self) -> Result<(), StoreError> {
        if self.begin.is_none() {
            self.run("", async |client, _| client.batch_execute("COMMIT").await)
                .await?;
        }
        self.begin = Some(String::new());
        Ok(())
    }

    /// One exchange with the server, up to the deadline.
    async fn run<T>(
        &mut self,
        table: &'static str,
        work: impl AsyncFnOnce(&Object, Option<String>) -> Result<T, tokio_postgres::Error>,
    ) -> Result<T, StoreError> {
        let client = self
            .client
            .as_ref()
            .ok_or_else(|| StoreError::Unavailable("the transaction is over".to_owned()))?;
        // Marked open and in flight before anything is sent: a drop from here on knows what to clean up.
        let begin = self.begin.take();
        self.in_flight = true;
        let work = work(client, begin);
        let result = match self.deadline.instant() {
            Some(at) => tokio::time::timeout_at(at, work)
                .await
                .map_err(|_| StoreError::Timeout("waiting for PostgreSQL"))?,
            None => work.await,
        };
        self.in_flight = false;
        result.map_err(|error| StoreError::from_postgres(table, &error))
    }
}

/// Sends what opens the transaction in the same flight as `work`; its failure comes first.
async fn opened<T>(
    client: &Object,
    begin: Option<String>,
    work: impl Future<Output = Result<T, tokio_postgres::Error>>,
) -> Result<T, tokio_postgres::Error> {
    match begin {
        Some(begin) => {
            let (begun, result) = join(client.batch_execute(&begin), work).await;
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
        let Some(client) = self.client.take() else { return };
        if self.begin.is_some() {
            return;
        }
        if !self.in_flight {
            // The first poll queues the message; whoever gets the connection next is served after it.
            let mut rollback = pin!(client.batch_execute("ROLLBACK"));
            let _ = rollback.as_mut().poll(&mut Context::from_waker(Waker::noop()));
            return;
        }
        match tokio::runtime::Handle::try_current() {
            Ok(runtime) => drop(runtime.spawn(drain(client))),
            Err(_) => drop(Object::take(client)),
        }
    }
}

/// Ends an abandoned statement's transaction before the connection goes back, or gives the connection up.
async fn drain(client: Object) {
    let rolled_back = tokio::time::timeout(DRAIN_LIMIT, client.batch_execute("ROLLBACK")).await;
    if matches!(rolled_back, Ok(Ok(()))) {
        return;
    }
    let cancel = client.cancel_token();
    drop(Object::take(client));
    let _ = tokio::time::timeout(DRAIN_LIMIT, cancel.cancel_query(NoTls)).await;
}

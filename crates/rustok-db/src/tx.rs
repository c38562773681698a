//! Transactions, the only access to the data: tenant data needs a tenant, the directory a platform transaction.

use crate::error::StoreError;
use crate::postgres::{BATCH_SIZE, PgTx};
use crate::row::{Places, Row};
use crate::rows;
use crate::span;
use crate::sqlite::{self, ReadTx, WriteTx};
use crate::statement::{self, CommitCheck, Expect, Statement};
use crate::timings::{Operation, Timings};
use crate::value::Value;
use rustok_core::deadline::Deadline;
use rustok_core::ids::TenantId;
use rustok_core::shares::Share;
use std::sync::Arc;
use tokio::time::Instant;

/// A transaction of either database. It owns its connection and returns owned values only, so that a future that
/// holds it over an await is `Send`. Dropping it without a commit rolls it back.
///
/// The `table` of a statement is the one that its errors, times and spans name.
pub struct Db {
    inner: Inner,
    /// Its place in the tenant's share; released after the connection is.
    _share: Option<Share<TenantId>>,
    deadline: Deadline,
    /// A statement failed, or its future was dropped before the answer: the transaction can only be rolled back, on
    /// either database.
    broken: bool,
    /// The transaction ends with the next query.
    pub(crate) last: bool,
    timings: Arc<Timings>,
}

pub(crate) enum Inner {
    SqliteRead(ReadTx),
    SqliteWrite(WriteTx),
    Postgres(Box<PgTx>),
}

impl Db {
    pub(crate) fn new(
        inner: Inner,
        share: Option<Share<TenantId>>,
        deadline: Deadline,
        timings: Arc<Timings>,
    ) -> Self {
        Self {
            inner,
            _share: share,
            deadline,
            broken: false,
            last: false,
            timings,
        }
    }

    #[cfg(test)]
    pub(crate) fn set_deadline(&mut self, deadline: Deadline) {
        self.deadline = deadline;
    }

    /// Whether it is PostgreSQL's, for the few statements in which the dialects differ.
    #[must_use]
    pub fn is_postgres(&self) -> bool {
        matches!(self.inner, Inner::Postgres(_))
    }

    fn system(&self) -> &'static str {
        if self.is_postgres() {
            "postgresql"
        } else {
            "sqlite"
        }
    }

    /// All rows of a query.
    ///
    /// # Errors
    /// Those of the database, and those of `map`.
    pub async fn fetch<T>(
        &mut self,
        table: &'static str,
        sql: &str,
        params: &[Value<'_>],
        map: impl Fn(&Row<'_>) -> Result<T, StoreError>,
    ) -> Result<Vec<T>, StoreError> {
        let began = self.start(table)?;
        let timed = self.timings.time(Operation::of(sql), table, began);
        trace_statement(sql, false);
        let span = span::statement(self.system(), table, sql);
        let rows = match &mut self.inner {
            Inner::SqliteRead(tx) => tx
                .connection()
                .and_then(|conn| sqlite::query(conn, table, sql, params, map)),
            Inner::SqliteWrite(tx) => tx
                .connection()
                .and_then(|conn| sqlite::query(conn, table, sql, params, map)),
            Inner::Postgres(tx) => {
                let rows = tx.query(table, sql, params, self.last).await;
                rows.and_then(|rows| {
                    let places = Places::default();
                    rows.iter()
                        .map(|row| map(&Row::postgres(table, row, &places)))
                        .collect()
                })
            }
        };
        drop(timed);
        span::ended(&span, &rows);
        self.settle(rows)
    }

    /// As [`Db::fetch`], in a function that sends further queries: this one is never the last.
    ///
    /// # Errors
    /// Those of [`Db::fetch`].
    pub async fn fetch_first<T>(
        &mut self,
        table: &'static str,
        sql: &str,
        params: &[Value<'_>],
        map: impl Fn(&Row<'_>) -> Result<T, StoreError>,
    ) -> Result<Vec<T>, StoreError> {
        let last = std::mem::take(&mut self.last);
        let rows = self.fetch(table, sql, params, map).await;
        self.last = last;
        rows
    }

    /// The first row of a query, if any.
    ///
    /// # Errors
    /// Those of [`Db::fetch`].
    pub async fn fetch_optional<T>(
        &mut self,
        table: &'static str,
        sql: &str,
        params: &[Value<'_>],
        map: impl Fn(&Row<'_>) -> Result<T, StoreError>,
    ) -> Result<Option<T>, StoreError> {
        Ok(self.fetch(table, sql, params, map).await?.into_iter().next())
    }

    /// Runs a write; returns how many rows it changed.
    ///
    /// # Errors
    /// Those of the database; the transaction cannot be committed then.
    pub async fn execute(
        &mut self,
        table: &'static str,
        sql: &str,
        params: &[Value<'_>],
    ) -> Result<u64, StoreError> {
        let began = self.start(table)?;
        let timed = self.timings.time(Operation::of(sql), table, began);
        trace_statement(sql, false);
        let span = span::statement(self.system(), table, sql);
        let changed = match &mut self.inner {
            Inner::SqliteRead(tx) => tx
                .connection()
                .and_then(|conn| sqlite::execute(conn, table, sql, params)),
            Inner::SqliteWrite(tx) => tx
                .connection()
                .and_then(|conn| sqlite::execute(conn, table, sql, params)),
            Inner::Postgres(tx) => tx.execute(table, sql, params).await,
        };
        drop(timed);
        span::ended(&span, &changed);
        self.settle(changed)
    }

    /// Runs a write that must change exactly one row.
    ///
    /// # Errors
    /// [`StoreError::Stale`] when it changed none or several; the transaction cannot be committed then.
    pub async fn execute_one(
        &mut self,
        table: &'static str,
        sql: &str,
        params: &[Value<'_>],
    ) -> Result<(), StoreError> {
        let changed = self.execute(table, sql, params).await?;
        let checked = Expect::Exactly(1).check(table, changed);
        self.settle(checked)
    }

    /// Sends several writes in one flight and checks each result.
    ///
    /// # Errors
    /// [`StoreError::Stale`] when one changed other rows than it must, and those of the database; the transaction cannot
    /// be committed then.
    pub async fn execute_all(&mut self, statements: &[Statement<'_>]) -> Result<(), StoreError> {
        let none = self.send_all(statements, None, |_| Ok(()));
        none.await.map(drop)
    }

    /// As [`Db::execute_all`], with a query behind the writes in the same flight: returns its rows.
    ///
    /// # Errors
    /// Those of [`Db::execute_all`] and [`Db::fetch`].
    pub async fn execute_all_and_fetch<T>(
        &mut self,
        statements: &[Statement<'_>],
        query: &Statement<'_>,
        map: impl Fn(&Row<'_>) -> Result<T, StoreError>,
    ) -> Result<Vec<T>, StoreError> {
        self.send_all(statements, Some(query), map).await
    }

    async fn send_all<T>(
        &mut self,
        statements: &[Statement<'_>],
        query: Option<&Statement<'_>>,
        map: impl Fn(&Row<'_>) -> Result<T, StoreError>,
    ) -> Result<Vec<T>, StoreError> {
        if self.is_postgres() {
            let table = statements.first().map_or("", |statement| statement.table);
            let began = self.start(table)?;
            let statements = rows::together(statements);
            for (place, statement) in statements.iter().enumerate() {
                trace_statement(&statement.sql, place % BATCH_SIZE != 0);
            }
            if let Some(query) = query {
                trace_statement(&query.sql, true);
            }
            let timed = self.timings.time(Operation::Batch, table, began);
            let span = span::batch("postgresql", &statements);
            let rows = match &mut self.inner {
                Inner::Postgres(tx) => tx.execute_all(&statements, query).await,
                _ => Ok(Vec::new()),
            };
            drop(timed);
            let rows = rows.and_then(|rows| {
                let (table, places) = (query.map_or(table, |query| query.table), Places::default());
                let rows = rows.iter().map(|row| map(&Row::postgres(table, row, &places)));
                rows.collect()
            });
            span::ended(&span, &rows);
            return self.settle(rows);
        }
        for statement in statements {
            let changed = self
                .execute(statement.table, &statement.sql, &statement.params)
                .await?;
            let checked = statement.expect.check(statement.table, changed);
            self.settle(checked)?;
        }
        match query {
            Some(query) => self.fetch(query.table, &query.sql, &query.params, map).await,
            None => Ok(Vec::new()),
        }
    }

    /// Commits, unless the answer to one of the `commit_checks` is no. No result may leave the server before this
    /// returns.
    pub(crate) async fn commit(mut self, commit_checks: &[CommitCheck]) -> Result<(), StoreError> {
        if let Inner::SqliteWrite(_) = self.inner {
            for CommitCheck { statement, refusal } in commit_checks {
                let Statement {
                    table, sql, params, ..
                } = statement;
                let stands = self.fetch_optional(table, sql, params, statement::stands);
                if stands.await? != Some(true) {
                    return Err(refusal());
                }
            }
        }
        let began = self.start("")?;
        if matches!(self.inner, Inner::SqliteRead(_)) {
            return Ok(());
        }
        let joins = self.is_postgres() && !commit_checks.is_empty();
        if joins {
            for (place, commit_check) in commit_checks.iter().enumerate() {
                trace_statement(&commit_check.statement.sql, place > 0);
            }
        }
        trace_statement("COMMIT", joins);
        let _timed = self.timings.time(Operation::Commit, "", began);
        let span = span::statement(self.system(), "", "COMMIT");
        let committed = match self.inner {
            Inner::SqliteRead(_) => Ok(()),
            Inner::SqliteWrite(tx) => tx.commit(self.deadline).await,
            Inner::Postgres(tx) => tx.commit(commit_checks).await,
        };
        span::ended(&span, &committed);
        committed
    }

    /// Runs before anything is sent: fails if an earlier statement failed or the deadline has passed. Marks the
    /// transaction as broken until the answer, so that it stays broken if the future is dropped meanwhile. Returns
    /// the current time, which it has read anyway.
    fn start(&mut self, table: &'static str) -> Result<Instant, StoreError> {
        if self.broken {
            return Err(StoreError::Refused {
                table,
                reason: "the transaction is over, or a statement of it failed".to_owned(),
            });
        }
        let now = Instant::now();
        if self.deadline.instant().is_some_and(|due| due <= now) {
            return Err(StoreError::Timeout("a statement was due"));
        }
        self.broken = true;
        Ok(now)
    }

    /// Runs after the answer. A row that does not decode does not break the transaction.
    fn settle<T>(&mut self, answer: Result<T, StoreError>) -> Result<T, StoreError> {
        if let Err(error) = &answer {
            match &self.inner {
                Inner::SqliteRead(tx) => tx.note(error),
                Inner::SqliteWrite(tx) => tx.note(error),
                Inner::Postgres(_) => {}
            }
        }
        self.broken = self.last || !matches!(answer, Ok(_) | Err(StoreError::InconsistentRow { .. }));
        answer
    }
}

/// Logs a statement at level `trace`, in its place among the events of a request: its text, never its values, and
/// whether it joins the previous statement instead of waiting for that one's answer. Tests use this to count
/// statements and round trips and to inspect query plans.
fn trace_statement(sql: &str, joins: bool) {
    tracing::trace!(target: "rustok_db::sql", sql, joins);
}

/// What the data of a transaction belongs to: one tenant, or the platform.
pub trait Owner: Copy + Send + sealed::Sealed {
    /// The tenant; `None` is the platform.
    fn tenant_id(self) -> Option<TenantId>;
}

mod sealed {
    pub trait Sealed {}
    impl Sealed for super::TenantId {}
    impl Sealed for super::Platform {}
}

/// The platform: the tenant directory, and the tables that workers claim from across tenants.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Platform;

impl Owner for TenantId {
    fn tenant_id(self) -> Option<TenantId> {
        Some(self)
    }
}

impl Owner for Platform {
    fn tenant_id(self) -> Option<TenantId> {
        None
    }
}

/// A transaction on the data of one owner. That of a tenant is made only from a `TenantHandle`, so a query on tenant
/// data without a tenant does not compile.
pub struct Tx<O> {
    /// Sends statements. Only `rustok-storage` may use it, whose functions name the tenant in each of them.
    pub db: Db,
    pub(crate) tenant: O,
    commit_checks: Vec<CommitCheck>,
}

/// A transaction on one tenant's data.
pub type TenantTx = Tx<TenantId>;

/// A transaction on the platform's data.
pub type PlatformTx = Tx<Platform>;

impl TenantTx {
    /// The tenant whose data this transaction sees.
    #[must_use]
    pub fn tenant(&self) -> TenantId {
        self.tenant
    }
}

impl<O: Owner> Tx<O> {
    pub(crate) fn new(db: Db, tenant: O) -> Self {
        Self {
            db,
            tenant,
            commit_checks: Vec::new(),
        }
    }

    /// The tenant whose data this transaction sees; `None` for the platform's.
    #[must_use]
    pub fn owner(&self) -> Option<TenantId> {
        self.tenant.tenant_id()
    }

    /// Declares that the next reading function is the last: the end of the transaction travels with its query, which
    /// saves a message on PostgreSQL. The transaction is rolled back, and any statement after that query is refused.
    pub fn last(&mut self) -> &mut Self {
        self.db.last = true;
        self
    }

    /// Sets the questions that the commit asks: it is refused if the answer to one of them is no.
    #[must_use]
    pub fn with_commit_checks(mut self, commit_checks: Vec<CommitCheck>) -> Self {
        self.commit_checks = commit_checks;
        self
    }

    /// Commits. No result may leave the server before this returns.
    ///
    /// # Errors
    /// [`StoreError::InDoubt`] when it is unknown whether anything was committed; with any other error nothing was.
    /// [`StoreError::TokenRevoked`] and [`StoreError::TenantSuspended`] when the actor may no longer write.
    pub async fn commit(self) -> Result<(), StoreError> {
        self.db.commit(&self.commit_checks).await
    }
}

//! Transactions: the only way to the data. Tenant data only with a tenant, the directory only as the platform.

use crate::error::StoreError;
use crate::postgres::PgTx;
use crate::row::Row;
use crate::sqlite::{self, ReadTx, WriteTx};
use crate::value::Value;
use rustok_core::deadline::Deadline;
use rustok_core::ids::TenantId;

/// How many rows a write must change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Expect {
    Any,
    Exactly(u64),
}

impl Expect {
    pub(crate) fn check(self, table: &'static str, changed: u64) -> Result<(), StoreError> {
        match self {
            Self::Exactly(expected) if changed != expected => Err(StoreError::Stale { table, expected, changed }),
            _ => Ok(()),
        }
    }
}

/// A write among several that travel together.
#[derive(Debug)]
pub(crate) struct Statement<'a> {
    pub(crate) table: &'static str,
    pub(crate) sql: &'static str,
    pub(crate) params: Vec<Value<'a>>,
    pub(crate) expect: Expect,
}

impl<'a> Statement<'a> {
    /// A write that must change exactly one row.
    pub(crate) fn one(table: &'static str, sql: &'static str, params: &[Value<'a>]) -> Self {
        Self { table, sql, params: params.to_vec(), expect: Expect::Exactly(1) }
    }
}

/// A transaction of either database. It owns its connection and hands out owned values only, so that a future that
/// holds it over an await is `Send`. Dropped without a commit it leaves no trace.
pub(crate) struct Db {
    inner: Inner,
    deadline: Deadline,
}

enum Inner {
    SqliteRead(ReadTx),
    SqliteWrite(WriteTx),
    Postgres(PgTx),
}

impl Db {
    pub(crate) fn sqlite_read(tx: ReadTx, deadline: Deadline) -> Self {
        Self { inner: Inner::SqliteRead(tx), deadline }
    }

    pub(crate) fn sqlite_write(tx: WriteTx, deadline: Deadline) -> Self {
        Self { inner: Inner::SqliteWrite(tx), deadline }
    }

    pub(crate) fn postgres(tx: PgTx, deadline: Deadline) -> Self {
        Self { inner: Inner::Postgres(tx), deadline }
    }

    pub(crate) fn is_postgres(&self) -> bool {
        matches!(self.inner, Inner::Postgres(_))
    }

    /// All rows of a query.
    pub(crate) async fn fetch<T>(
        &mut self,
        table: &'static str,
        sql: &str,
        params: &[Value<'_>],
        map: impl Fn(&Row<'_>) -> Result<T, StoreError>,
    ) -> Result<Vec<T>, StoreError> {
        match &mut self.inner {
            Inner::SqliteRead(tx) => sqlite::query(tx.connection()?, table, sql, params, map),
            Inner::SqliteWrite(tx) => sqlite::query(tx.connection()?, table, sql, params, map),
            Inner::Postgres(tx) => {
                let rows = tx.query(table, sql, params).await?;
                rows.iter().map(|row| map(&Row::postgres(table, row))).collect()
            }
        }
    }

    /// The first row of a query, if there is one.
    pub(crate) async fn fetch_optional<T>(
        &mut self,
        table: &'static str,
        sql: &str,
        params: &[Value<'_>],
        map: impl Fn(&Row<'_>) -> Result<T, StoreError>,
    ) -> Result<Option<T>, StoreError> {
        Ok(self.fetch(table, sql, params, map).await?.into_iter().next())
    }

    /// A write; answers how many rows it changed.
    pub(crate) async fn execute(
        &mut self,
        table: &'static str,
        sql: &str,
        params: &[Value<'_>],
    ) -> Result<u64, StoreError> {
        match &mut self.inner {
            Inner::SqliteRead(tx) => sqlite::execute(tx.connection()?, table, sql, params),
            Inner::SqliteWrite(tx) => sqlite::execute(tx.connection()?, table, sql, params),
            Inner::Postgres(tx) => tx.execute(table, sql, params).await,
        }
    }

    /// A write that must change exactly one row.
    ///
    /// # Errors
    /// [`StoreError::Stale`] when it changed none or several.
    pub(crate) async fn execute_one(
        &mut self,
        table: &'static str,
        sql: &str,
        params: &[Value<'_>],
    ) -> Result<(), StoreError> {
        let changed = self.execute(table, sql, params).await?;
        match &mut self.inner {
            Inner::Postgres(tx) => tx.check(table, Expect::Exactly(1), changed),
            _ => Expect::Exactly(1).check(table, changed),
        }
    }

    /// Several writes in one flight, each with its own check.
    pub(crate) async fn execute_all(&mut self, statements: &[Statement<'_>]) -> Result<(), StoreError> {
        if let Inner::Postgres(tx) = &mut self.inner {
            return tx.execute_all(statements).await;
        }
        for statement in statements {
            let changed = self.execute(statement.table, statement.sql, &statement.params).await?;
            statement.expect.check(statement.table, changed)?;
        }
        Ok(())
    }

    /// Makes everything durable. Only after this may anything be told to the outside.
    pub(crate) async fn commit(self) -> Result<(), StoreError> {
        match self.inner {
            Inner::SqliteRead(_) => Ok(()),
            Inner::SqliteWrite(tx) => tx.commit(self.deadline).await,
            Inner::Postgres(tx) => tx.commit().await,
        }
    }
}

/// A transaction on one tenant's data. It is made only from a `TenantHandle`, so no query on tenant data without a
/// tenant compiles.
pub struct TenantTx {
    pub(crate) db: Db,
    pub(crate) tenant: TenantId,
}

impl TenantTx {
    /// Whose data this transaction sees.
    #[must_use]
    pub fn tenant(&self) -> TenantId {
        self.tenant
    }

    /// Makes everything durable. Only after this may anything be told to the outside.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] when nothing was committed; [`StoreError::Timeout`] when that is not known.
    pub async fn commit(self) -> Result<(), StoreError> {
        self.db.commit().await
    }
}

/// A transaction on the tenant directory and on what workers claim across tenants.
pub struct PlatformTx {
    pub(crate) db: Db,
}

impl PlatformTx {
    /// As [`TenantTx::commit`].
    ///
    /// # Errors
    /// As [`TenantTx::commit`].
    pub async fn commit(self) -> Result<(), StoreError> {
        self.db.commit().await
    }
}

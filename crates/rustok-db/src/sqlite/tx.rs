//! A transaction on SQLite: a snapshot of a reader, or a turn at the writer, and the statements in it.

use super::turns::Turn;
use super::{FileWatch, GroupFailure, Reader, Readers, Writer, control, within};
use crate::error::StoreError;
use crate::row::{Places, Row};
use crate::value::Value;
use rusqlite::Connection;
use rustok_core::deadline::Deadline;
use std::sync::{Arc, PoisonError, mpsc};
use tokio::sync::{OwnedMutexGuard, OwnedSemaphorePermit, oneshot};

/// A read-only transaction: one snapshot from its first statement to its end.
pub(crate) struct ReadTx {
    pub(super) reader: Option<Reader>,
    pub(super) begun: bool,
    pub(super) readers: Arc<Readers>,
    pub(super) _permit: OwnedSemaphorePermit,
}

impl ReadTx {
    /// Records what an error shows to be wrong with the file.
    pub(crate) fn note(&self, error: &StoreError) {
        self.readers.watch.note(error);
    }

    pub(crate) fn connection(&mut self) -> Result<&Connection, StoreError> {
        let conn = &self.reader.as_ref().ok_or_else(closed)?.conn;
        if !self.begun {
            control(conn, "BEGIN").map_err(|error| StoreError::from_sqlite("", &error))?;
            self.begun = true;
        }
        Ok(conn)
    }
}

impl Drop for ReadTx {
    fn drop(&mut self) {
        let Some(reader) = self.reader.take() else { return };
        let ended = !self.begun || control(&reader.conn, "COMMIT").is_ok();
        if ended && reader.conn.is_autocommit() {
            self.readers
                .idle
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .push(reader);
        }
    }
}

/// A turn at the writer. Dropping it without a commit rolls it back.
pub(crate) struct WriteTx {
    pub(super) guard: Option<OwnedMutexGuard<Writer>>,
    /// Passed on only after the guard is dropped.
    pub(super) turn: Option<Turn>,
    pub(super) wake_committer: mpsc::Sender<()>,
    pub(super) watch: Arc<FileWatch>,
}

impl WriteTx {
    /// As [`ReadTx::note`].
    pub(crate) fn note(&self, error: &StoreError) {
        self.watch.note(error);
    }

    pub(crate) fn connection(&mut self) -> Result<&Connection, StoreError> {
        let writer = self.guard.as_ref().ok_or_else(closed)?;
        if writer.conn.is_autocommit() {
            return Err(StoreError::Unavailable(
                "the transaction was ended by an earlier error".to_owned(),
            ));
        }
        Ok(&writer.conn)
    }

    /// Releases the savepoint and waits for the group's commit.
    pub(crate) async fn commit(mut self, deadline: Deadline) -> Result<(), StoreError> {
        let conn = self.connection()?;
        control(conn, "RELEASE member").map_err(|error| StoreError::from_sqlite("", &error))?;
        let (done, committed) = oneshot::channel();
        if let Some(mut writer) = self.guard.take() {
            writer.waiting.push(done);
            // The committer takes everything in the list once it has the lock: one wake-up per group is enough.
            if writer.waiting.len() == 1 {
                let _ = self.wake_committer.send(());
            }
        }
        drop(self.turn.take());
        within(deadline, "waiting for a commit", committed)
            .await
            .map_err(StoreError::of_commit)?
            .map_err(|_| StoreError::InDoubt("the committer has stopped".to_owned()))?
            .map_err(StoreError::from)
    }
}

impl Drop for WriteTx {
    fn drop(&mut self) {
        let Some(mut writer) = self.guard.take() else {
            return;
        };
        let undone = !writer.conn.is_autocommit()
            && !writer.waiting.is_empty()
            && control(&writer.conn, "ROLLBACK TO member")
                .and_then(|()| control(&writer.conn, "RELEASE member"))
                .is_ok();
        if undone {
            return;
        }
        if !writer.conn.is_autocommit() {
            let _ = control(&writer.conn, "ROLLBACK");
        }
        // An error such as a full disk ended the whole transaction: every member of the group lost its writes.
        for member in std::mem::take(&mut writer.waiting) {
            let _ = member.send(Err(GroupFailure::Trouble(
                "an error ended the whole transaction".to_owned(),
            )));
        }
    }
}

fn closed() -> StoreError {
    StoreError::Unavailable("the transaction is over".to_owned())
}

/// Binds by the digits of each parameter's name: in SQLite `$2` is a *named* parameter, numbered by first appearance.
fn bind(statement: &mut rusqlite::Statement<'_>, params: &[Value<'_>]) -> Result<(), String> {
    for index in 1..=statement.parameter_count() {
        let name = statement.parameter_name(index).unwrap_or_default();
        let digits = name
            .trim_start_matches('$')
            .split("::")
            .next()
            .unwrap_or_default();
        let number: usize = digits
            .parse()
            .map_err(|_| format!("parameter `{name}` has no number"))?;
        let value = number.checked_sub(1).and_then(|n| params.get(n));
        let value = value.ok_or_else(|| format!("parameter `{name}` has no value"))?;
        statement
            .raw_bind_parameter(index, value)
            .map_err(|error| error.to_string())?;
    }
    Ok(())
}

pub(crate) fn query<T>(
    conn: &Connection,
    table: &'static str,
    sql: &str,
    params: &[Value<'_>],
    map: impl Fn(&Row<'_>) -> Result<T, StoreError>,
) -> Result<Vec<T>, StoreError> {
    let failed = |error: rusqlite::Error| StoreError::from_sqlite(table, &error);
    let mut statement = conn.prepare_cached(sql).map_err(failed)?;
    bind(&mut statement, params).map_err(|reason| StoreError::Refused { table, reason })?;
    let mut rows = statement.raw_query();
    let (places, mut items) = (Places::default(), Vec::new());
    while let Some(row) = rows.next().map_err(failed)? {
        items.push(map(&Row::sqlite(table, row, &places))?);
    }
    #[cfg(any(test, feature = "testing"))]
    {
        drop(rows);
        crate::testing::count_steps(statement.reset_status(rusqlite::StatementStatus::VmStep));
    }
    Ok(items)
}

pub(crate) fn execute(
    conn: &Connection,
    table: &'static str,
    sql: &str,
    params: &[Value<'_>],
) -> Result<u64, StoreError> {
    let failed = |error: rusqlite::Error| StoreError::from_sqlite(table, &error);
    let mut statement = conn.prepare_cached(sql).map_err(failed)?;
    bind(&mut statement, params).map_err(|reason| StoreError::Refused { table, reason })?;
    let changed = statement.raw_execute().map_err(failed)?;
    Ok(u64::try_from(changed).unwrap_or(u64::MAX))
}

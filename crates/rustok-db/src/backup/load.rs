//! Restores a PostgreSQL backup into a database without rows, in one transaction: everything or nothing.
//!
//! It runs as the owner of the tables. Row security, which is forced for the owner too, is lifted within this
//! transaction; no other session sees that. Foreign keys are dropped and recreated after the rows: orders and
//! payments refer to each other, and a new key checks all rows at once.

use super::dump::{find_tables, quoted};
use super::format::{Head, Reader, Record, Sum, Table};
use crate::error::StoreError;
use crate::migrate::{PostgresSchema, UNRELEASED, is_known};
use crate::postgres::PostgresUrl;
use crate::schema::{Migration, Schema};
use bytes::Bytes;
use futures_util::SinkExt as _;
use std::path::Path;
use std::pin::pin;
use tokio::io::AsyncRead;
use tokio_postgres::{Client, Error};

/// No statement timeout: a COPY takes as long as reading the file. READ COMMITTED: the check for existing rows sees
/// everything that was committed before the locks.
const BEGIN: &str = "BEGIN ISOLATION LEVEL READ COMMITTED; SET LOCAL statement_timeout = 0; \
     SET LOCAL idle_in_transaction_session_timeout = '60s'; SET LOCAL row_security = off; SET LOCAL DateStyle = 'ISO'; SET LOCAL TimeZone = 'UTC'";

/// The foreign keys, as the statements that drop and recreate them.
const KEYS: &str = "SELECT format('ALTER TABLE %s DROP CONSTRAINT %I', conrelid::regclass, conname) AS gone, \
     format('ALTER TABLE %s ADD CONSTRAINT %I %s', conrelid::regclass, conname, pg_get_constraintdef(oid)) AS back \
     FROM pg_constraint WHERE contype = 'f' AND conrelid = ANY (ARRAY(SELECT t::regclass::oid FROM unnest($1::text[]) t)) \
     ORDER BY conrelid, conname";

const FORCED: &str = "SELECT relname::text FROM pg_class WHERE relforcerowsecurity \
     AND oid = ANY (ARRAY(SELECT t::regclass::oid FROM unnest($1::text[]) t)) ORDER BY relname";

/// What to undo once the rows are loaded.
struct Open {
    tables: Vec<Table>,
    keys: Vec<String>,
    forced: Vec<String>,
}

pub(super) async fn load<R: AsyncRead + Unpin>(
    url: &PostgresUrl,
    schema: &Schema,
    from: R,
    file: &Path,
    progress: impl FnMut(u64),
) -> Result<(), StoreError> {
    let migrations = schema.migrations;
    let (mut reader, head) = Reader::begin(from, file).await?;
    let number = number(&head, migrations, file)?;
    let server = PostgresSchema::of(url).await?;
    let client = server.client();
    client
        .batch_execute(BEGIN)
        .await
        .map_err(|error| failed(&error))?;
    let loaded = async {
        let applied = server.enter().await?;
        if !is_known(migrations, &applied) {
            return Err(StoreError::Setup(UNRELEASED.to_owned()));
        }
        let found = applied.len();
        if found != 0 && found != number {
            return Err(StoreError::Setup(format!(
                "the database has schema {found} already and {} has schema {number}: restore it into a new, empty database",
                file.display()
            )));
        }
        let (first, later) = migrations.split_at_checked(number).unwrap_or((migrations, &[]));
        server
            .apply(first.get(found..).unwrap_or_default(), found)
            .await?;
        let open = open(client, schema.filled).await?;
        rows(client, &open, &mut reader, progress).await?;
        close(client, &open).await?;
        server.apply(later, number).await
    };
    let end = match loaded.await {
        Ok(()) => {
            return client
                .batch_execute("COMMIT")
                .await
                .map_err(|error| failed(&error));
        }
        Err(error) => error,
    };
    // Leaves neither changes nor locks behind.
    drop(client.batch_execute("ROLLBACK").await);
    Err(end)
}

/// The schema number of the file, if this binary knows that schema.
fn number(head: &Head, migrations: &[Migration], file: &Path) -> Result<usize, StoreError> {
    let (number, file) = (head.migrations.len(), file.display());
    let message = if number == 0 || !is_known(migrations, &head.migrations) {
        format!("{file}: {UNRELEASED}")
    } else if number > migrations.len() {
        format!(
            "{file} has schema {number}, this binary knows only up to {}: use a newer rustok",
            migrations.len()
        )
    } else {
        return Ok(number);
    };
    Err(StoreError::Setup(message))
}

/// Locks out all other sessions, and checks that there are no rows that could be lost. Those of the tables `filled` came
/// with migrations and do not count as data; the file contains them too.
async fn open(client: &Client, filled: &[&str]) -> Result<Open, StoreError> {
    let failed = |error: Error| failed(&error);
    let tables = find_tables(client).await.map_err(failed)?;
    let names: Vec<String> = tables
        .iter()
        .map(|table| quoted(std::slice::from_ref(&table.name)))
        .collect();
    let lock = format!("LOCK TABLE {} IN ACCESS EXCLUSIVE MODE", names.join(", "));
    client.batch_execute(&lock).await.map_err(failed)?;
    let forced = client.query(FORCED, &[&names]).await.map_err(failed)?;
    let forced: Vec<String> = forced.iter().map(|row| row.get(0)).collect();
    force(client, &forced, "NO FORCE").await?;
    let mut with_rows = Vec::new();
    for (table, name) in tables.iter().zip(&names) {
        let any = format!("SELECT EXISTS (SELECT FROM {name})");
        let any = client.query_one(&any, &[]).await.map_err(failed)?;
        if !filled.contains(&table.name.as_str()) && any.get(0) {
            with_rows.push(table.name.clone());
        }
    }
    if !with_rows.is_empty() {
        return Err(StoreError::Setup(format!(
            "the database has rows in {}: a backup is restored into a new, empty database only",
            with_rows.join(", ")
        )));
    }
    // Of the tables that migrations fill, those that there are at the schema of the file.
    for (_, name) in tables
        .iter()
        .zip(&names)
        .filter(|(table, _)| filled.contains(&table.name.as_str()))
    {
        let delete = format!("DELETE FROM {name}");
        client.batch_execute(&delete).await.map_err(failed)?;
    }
    let mut keys = Vec::new();
    for row in client.query(KEYS, &[&names]).await.map_err(failed)? {
        client.batch_execute(row.get("gone")).await.map_err(failed)?;
        keys.push(row.get("back"));
    }
    Ok(Open { tables, keys, forced })
}

async fn force(client: &Client, tables: &[String], word: &str) -> Result<(), StoreError> {
    for table in tables {
        let name = quoted(std::slice::from_ref(table));
        let sql = format!("ALTER TABLE {name} {word} ROW LEVEL SECURITY");
        client.batch_execute(&sql).await.map_err(|error| failed(&error))?;
    }
    Ok(())
}

async fn rows<R: AsyncRead + Unpin>(
    client: &Client,
    open: &Open,
    reader: &mut Reader<R>,
    mut progress: impl FnMut(u64),
) -> Result<(), StoreError> {
    let mut missing = open.tables.clone();
    loop {
        let table = match reader.next().await? {
            Record::Table(table) => table,
            Record::End if missing.is_empty() => return Ok(()),
            _ => return Err(unlike("it lacks tables")),
        };
        let known = missing.iter().position(|ours| *ours == table);
        let Some(known) = known else {
            return Err(unlike(&format!("the table {} is another", table.name)));
        };
        missing.swap_remove(known);
        let copied = copy(client, &table, reader, &mut progress).await?;
        progress(reader.place());
        if copied.0 != copied.1.rows {
            return Err(unlike(&format!(
                "{} rows of {} became {}",
                copied.1.rows, table.name, copied.0
            )));
        }
    }
}

/// Copies the rows of a table; returns the number of rows that the database accepted, and the size according to the
/// file.
async fn copy<R: AsyncRead + Unpin>(
    client: &Client,
    table: &Table,
    reader: &mut Reader<R>,
    progress: &mut impl FnMut(u64),
) -> Result<(u64, Sum), StoreError> {
    let name = quoted(std::slice::from_ref(&table.name));
    let sql = format!("COPY {name} ({}) FROM STDIN", quoted(&table.columns));
    let sink = client.copy_in::<_, Bytes>(&sql).await;
    let mut sink = pin!(sink.map_err(|error| failed(&error))?);
    loop {
        let lines = match reader.next().await? {
            Record::Lines(lines) => Bytes::copy_from_slice(lines),
            Record::EndOfTable(sum) => {
                let taken = sink.as_mut().finish().await;
                return Ok((taken.map_err(|error| failed(&error))?, sum));
            }
            _ => return Err(unlike("a table does not end")),
        };
        sink.send(lines).await.map_err(|error| failed(&error))?;
        progress(reader.place());
    }
}

/// Restores foreign keys and row security as the migrations made them.
async fn close(client: &Client, open: &Open) -> Result<(), StoreError> {
    for key in &open.keys {
        client.batch_execute(key).await.map_err(|error| failed(&error))?;
    }
    force(client, &open.forced, "FORCE").await
}

/// The file is undamaged, but does not match its schema.
fn unlike(how: &str) -> StoreError {
    StoreError::Setup(format!(
        "the backup is not of the schema that it names ({how}): nothing was restored; use the rustok that made it"
    ))
}

fn failed(error: &Error) -> StoreError {
    match StoreError::from_postgres("restore", error) {
        StoreError::Refused { reason, .. }
        | StoreError::Locked(reason)
        | StoreError::SchemaMissing(reason)
        | StoreError::Taken { key: reason } => StoreError::Setup(format!("nothing was restored: {reason}")),
        other => other,
    }
}

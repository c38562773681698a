//! A backup of PostgreSQL: all rows of all tables from one snapshot, while others keep writing.
//!
//! It runs in one transaction with the role `rustok_backup`, which sees the rows of all tenants and cannot change
//! any. The row security policies are checked first: changed ones could silently hide rows from the backup.

use super::format::{BLOCK, Head, Table, Writer};
use crate::error::StoreError;
use futures_util::TryStreamExt as _;
use std::pin::pin;
use tokio::io::AsyncWrite;
use tokio_postgres::{Client, Error};

/// The SET LOCALs make the text format independent of the server's settings. The transaction keeps the schema from
/// being changed until the backup ends.
const BEGIN: &str = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY; SET LOCAL ROLE rustok_backup; \
     SET LOCAL row_security = on; SET LOCAL statement_timeout = 0; SET LOCAL lock_timeout = '10s'; \
     SET LOCAL idle_in_transaction_session_timeout = '60s'; SET LOCAL DateStyle = 'ISO'; SET LOCAL TimeZone = 'UTC'; \
     SET LOCAL bytea_output = 'hex'";

/// The tables of a backup with their columns: those that `rustok_backup` may read, except `schema_migrations`, which is
/// in the file's head.
const TABLES: &str = "SELECT c.relname::text AS name, \
     (SELECT array_agg(a.attname::text ORDER BY a.attnum) FROM pg_attribute a \
      WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped) AS columns \
     FROM pg_class c WHERE c.relkind = 'r' AND c.relnamespace = current_schema()::regnamespace \
     AND c.relname <> 'schema_migrations' AND EXISTS (SELECT FROM aclexplode(c.relacl) g \
      WHERE g.grantee = 'rustok_backup'::regrole AND g.privilege_type = 'SELECT') ORDER BY c.relname";

/// Tables whose row security would hide rows.
const HIDDEN: &str = "SELECT c.relname::text FROM pg_class c \
     WHERE c.relname = ANY ($1) AND c.relnamespace = current_schema()::regnamespace AND c.relrowsecurity AND ( \
      NOT EXISTS (SELECT FROM pg_policy p WHERE p.polrelid = c.oid AND p.polpermissive AND p.polcmd = 'r' \
       AND p.polroles = ARRAY['rustok_backup'::regrole::oid] \
       AND pg_get_expr(p.polqual, c.oid) = '(CURRENT_USER = ''rustok_backup''::name)') \
      OR EXISTS (SELECT FROM pg_policy p WHERE p.polrelid = c.oid AND NOT p.polpermissive)) ORDER BY c.relname";

/// `names` as quoted SQL identifiers, separated by commas.
pub(super) fn quoted(names: &[String]) -> String {
    let quoted = names
        .iter()
        .map(|name| format!("\"{}\"", name.replace('"', "\"\"")));
    quoted.collect::<Vec<_>>().join(", ")
}

pub(super) async fn find_tables(client: &Client) -> Result<Vec<Table>, Error> {
    let rows = client.query(TABLES, &[]).await?;
    let table = |row: &tokio_postgres::Row| Table {
        name: row.get("name"),
        columns: row.get("columns"),
    };
    Ok(rows.iter().map(table).collect())
}

/// Writes the whole database, which must have exactly the tables `expected`, to `to`; `progress` gets the number of
/// finished tables and their total.
pub(super) async fn dump<W: AsyncWrite + Unpin>(
    client: &Client,
    expected: &[&str],
    to: W,
    mut progress: impl FnMut(u64, u64),
) -> Result<(), StoreError> {
    let (head, tables) = begin(client, expected).await?;
    let written = |error: std::io::Error| StoreError::Setup(format!("cannot write the backup: {error}"));
    let total = u64::try_from(tables.len()).unwrap_or(u64::MAX);
    let mut writer = Writer::begin(to, &head).await.map_err(written)?;
    for (table, done) in tables.iter().zip(1..) {
        writer.table(table).await.map_err(written)?;
        let columns = quoted(&table.columns);
        let name = quoted(std::slice::from_ref(&table.name));
        let copy = format!("COPY {name} ({columns}) TO STDOUT");
        let mut lines = pin!(client.copy_out(&copy).await.map_err(|error| failed(&error))?);
        // COPY yields single rows, and most are short.
        let mut block = Vec::with_capacity(2 * BLOCK);
        while let Some(line) = lines.try_next().await.map_err(|error| failed(&error))? {
            block.extend_from_slice(&line);
            if block.len() >= BLOCK {
                writer.lines(&block).await.map_err(written)?;
                block.clear();
            }
        }
        writer.lines(&block).await.map_err(written)?;
        writer.end_table().await.map_err(written)?;
        progress(done, total);
    }
    client
        .batch_execute("COMMIT")
        .await
        .map_err(|error| failed(&error))?;
    writer.end().await.map_err(written)
}

/// Takes the snapshot, and checks that it will show all rows.
async fn begin(client: &Client, expected: &[&str]) -> Result<(Head, Vec<Table>), StoreError> {
    let failed = |error: Error| failed(&error);
    client.batch_execute(BEGIN).await.map_err(failed)?;
    let all: Vec<String> = expected.iter().map(ToString::to_string).collect();
    // Before the first query, so that the tables match the schema that is found.
    let lock = format!("LOCK TABLE {} IN ACCESS SHARE MODE", quoted(&all));
    client.batch_execute(&lock).await.map_err(failed)?;
    let tables = find_tables(client).await.map_err(failed)?;
    if !tables.iter().map(|table| &table.name).eq(&all) {
        return Err(StoreError::Setup(
            "the role rustok_backup may not read every table: give it what the migrations gave it".to_owned(),
        ));
    }
    let hidden = client.query(HIDDEN, &[&all]).await.map_err(failed)?;
    let hidden: Vec<String> = hidden.iter().map(|row| row.get(0)).collect();
    if !hidden.is_empty() {
        return Err(StoreError::Setup(format!(
            "row security hides rows of {} from a backup: restore the policies of the migrations",
            hidden.join(", ")
        )));
    }
    let head = "SELECT to_char(now() AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS\"Z\"') AS taken_at, \
                array_agg(name ORDER BY number) AS migrations FROM schema_migrations";
    let head = client.query_one(head, &[]).await.map_err(failed)?;
    let head = Head {
        taken_at: head.get("taken_at"),
        migrations: head.get("migrations"),
    };
    Ok((head, tables))
}

fn failed(error: &Error) -> StoreError {
    match StoreError::from_postgres("backup", error) {
        StoreError::Refused { reason, .. }
        | StoreError::Locked(reason)
        | StoreError::SchemaMissing(reason) => StoreError::Setup(format!("the backup failed: {reason}")),
        other => other,
    }
}

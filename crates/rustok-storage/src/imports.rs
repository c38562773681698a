//! Import jobs: one row each, from the arrival of the file until the report is deleted.
//!
//! The server that has the file holds the row as by a lease: it keeps postponing the due work that would fail the
//! import. A writer must expect that the row was failed meanwhile: each write returns whether it still applied.

use crate::jobs;
use jiff::Timestamp;
use rustok_core::money::Currency;
use rustok_core::page::{Limit, Page};
use rustok_db::{Json, Row, Statement, StoreError, TenantTx, Value, params};
use rustok_events::ids::{ImportId, JobId};
use rustok_events::{Job, JobKind};
use rustok_text::Locale;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use uuid::Uuid;

const TABLE: &str = "imports";
const COLUMNS: &str = "id, source, setting, dry_run, file, actor, status, bytes_read, bytes_total, report, failure, \
                       options, created_at, started_at, finished_at";

/// The source system of a file, and what the file itself does not state.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ImportSource {
    /// Shopify's product CSV, with prices in this currency.
    Shopify(Currency),
    /// A WordPress export, with texts in this locale.
    Wordpress(Locale),
}

impl ImportSource {
    /// The stable name.
    #[must_use]
    pub const fn as_str(&self) -> &'static str {
        match self {
            Self::Shopify(_) => "shopify",
            Self::Wordpress(_) => "wordpress",
        }
    }

    fn setting(&self) -> &str {
        match self {
            Self::Shopify(currency) => currency.code(),
            Self::Wordpress(locale) => locale.as_str(),
        }
    }

    fn decode(row: &Row<'_>) -> Result<Self, StoreError> {
        let (source, setting): (String, String) = (row.get("source")?, row.get("setting")?);
        let decoded = match source.as_str() {
            "shopify" => Currency::parse(&setting).ok().map(Self::Shopify),
            "wordpress" => Locale::parse(&setting).ok().map(Self::Wordpress),
            _ => None,
        };
        decoded.ok_or_else(|| row.inconsistent("source", &format!("{source} with {setting}")))
    }
}

/// State of an import.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ImportStatus {
    /// The file has arrived and waits.
    Queued,
    /// The file is being read.
    Running,
    /// The file was read to its end.
    Succeeded,
    /// A part of the file was not read; the rest was imported.
    Incomplete,
    /// It ended before that.
    Failed,
}

impl ImportStatus {
    const ALL: [Self; 5] = [
        Self::Queued,
        Self::Running,
        Self::Succeeded,
        Self::Incomplete,
        Self::Failed,
    ];

    /// The stable name.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Queued => "queued",
            Self::Running => "running",
            Self::Succeeded => "succeeded",
            Self::Incomplete => "incomplete",
            Self::Failed => "failed",
        }
    }

    /// Whether the import has ended.
    #[must_use]
    pub const fn is_final(self) -> bool {
        matches!(self, Self::Succeeded | Self::Incomplete | Self::Failed)
    }
}

/// What an import may do, and what the file does not tell.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ImportOptions {
    /// Whether what was changed here since the last import is overwritten, and an older state of an item taken.
    pub overwrite: bool,
    /// Whether a tracked variant without a number of pieces starts with none instead of being untracked.
    pub zero_when_missing: bool,
    /// The name of the shop or site, which separates its items from those of others; WordPress' exports have one.
    pub source_name: Option<String>,
}

/// Result of an import, in products or nodes.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ImportCounts {
    /// Newly created.
    pub created: u64,
    /// Updated because their source had changed.
    pub updated: u64,
    /// Left as they are because their source had not changed.
    pub unchanged: u64,
    /// Items of the file that were skipped on purpose.
    pub skipped: u64,
    /// Everything skipped on purpose, items and all else, by reason.
    pub skipped_by_reason: BTreeMap<String, u64>,
    /// Number of errors; not all of them need be stored.
    pub error_count: u64,
    /// What was kept or changed of single items, as many as are to be stored.
    #[serde(default)]
    pub notes: Vec<ImportError>,
}

/// An item that could not be imported, or what was changed of it, and its position in the file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ImportError {
    /// Line, from 1.
    pub line: u64,
    /// Column in characters, from 1.
    pub column: u64,
    /// The reason, for people.
    pub reason: String,
}

/// An import that is not yet stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewImport {
    /// Its id.
    pub id: ImportId,
    /// The source.
    pub source: ImportSource,
    /// Whether to run without storing the result.
    pub dry_run: bool,
    /// See [`ImportOptions`].
    pub options: ImportOptions,
    /// The file's name, as given by the sender.
    pub file: String,
    /// The actor who sent it.
    pub actor: String,
    /// The length of the file.
    pub bytes_total: u64,
}

/// A stored import.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Import {
    /// Its id.
    pub id: ImportId,
    /// The source.
    pub source: ImportSource,
    /// Whether it runs without storing the result.
    pub dry_run: bool,
    /// See [`ImportOptions`].
    pub options: ImportOptions,
    /// The file's name, as given by the sender.
    pub file: String,
    /// The actor who sent it.
    pub actor: String,
    /// Its state.
    pub status: ImportStatus,
    /// Bytes of the file read so far.
    pub bytes_read: u64,
    /// The length of the file.
    pub bytes_total: u64,
    /// Its result; present once it has ended by itself.
    pub counts: Option<ImportCounts>,
    /// Items that could not be imported; empty in lists.
    pub errors: Vec<ImportError>,
    /// Why it failed.
    pub failure: Option<String>,
    /// When its file had fully arrived.
    pub created_at: Timestamp,
    /// When reading last began.
    pub started_at: Option<Timestamp>,
    /// When it ended.
    pub finished_at: Option<Timestamp>,
}

/// The end of an import.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ImportEnd {
    /// Bytes of the file that were read.
    pub bytes_read: u64,
    /// The result.
    pub counts: ImportCounts,
    /// Items that could not be imported, as many as are to be stored.
    pub errors: Vec<ImportError>,
    /// Why it failed or is incomplete, if it did or is.
    pub failure: Option<String>,
    /// Whether the file was read to a part only, and that was imported.
    pub is_incomplete: bool,
}

fn decode(row: &Row<'_>) -> Result<Import, StoreError> {
    let status: String = row.get("status")?;
    let bytes = |column: &'static str| {
        let bytes: i64 = row.get(column)?;
        u64::try_from(bytes).map_err(|_| row.inconsistent(column, "below zero"))
    };
    Ok(Import {
        id: row.get::<Uuid>("id")?.into(),
        source: ImportSource::decode(row)?,
        dry_run: row.get("dry_run")?,
        options: row
            .get::<Option<Json<_>>>("options")?
            .map(|json| json.0)
            .unwrap_or_default(),
        file: row.get("file")?,
        actor: row.get("actor")?,
        status: ImportStatus::ALL
            .into_iter()
            .find(|known| known.as_str() == status)
            .ok_or_else(|| row.inconsistent("status", &status))?,
        bytes_read: bytes("bytes_read")?,
        bytes_total: bytes("bytes_total")?,
        counts: row.get::<Option<Json<_>>>("report")?.map(|json| json.0),
        errors: Vec::new(),
        failure: row.get("failure")?,
        created_at: row.get("created_at")?,
        started_at: row.get("started_at")?,
        finished_at: row.get("finished_at")?,
    })
}

fn number(bytes: u64) -> i64 {
    i64::try_from(bytes).unwrap_or(i64::MAX)
}

/// Number of the tenant's imports that are queued or running.
///
/// # Errors
/// Those of the database.
pub async fn count_open(tx: &mut TenantTx) -> Result<u64, StoreError> {
    let sql = "SELECT count(*) AS open FROM imports WHERE tenant_id = $1 AND status IN ('queued', 'running')";
    let open = tx
        .db
        .fetch_optional(TABLE, sql, params![tx.tenant()], |row| row.get::<i64>("open"))
        .await?;
    Ok(open.and_then(|open| u64::try_from(open).ok()).unwrap_or(0))
}

/// Adds a queued import. It fails at `lease_until` unless the lease is renewed.
///
/// # Errors
/// Those of the database.
pub async fn insert_import(
    tx: &mut TenantTx,
    new: &NewImport,
    job: JobId,
    lease_until: Timestamp,
    now: Timestamp,
) -> Result<(), StoreError> {
    let options = serde_json::json!(new.options);
    let values = [
        tx.tenant().into(),
        Value::from(new.id.as_uuid()),
        new.source.as_str().into(),
        new.source.setting().into(),
        new.dry_run.into(),
        Value::from(&new.file),
        Value::from(&new.actor),
        number(new.bytes_total).into(),
        now.into(),
        Value::from(&options),
    ];
    let insert = Statement::one(
        TABLE,
        "INSERT INTO imports (tenant_id, id, source, setting, dry_run, file, actor, status, bytes_read, bytes_total, \
         created_at, options) VALUES ($1, $2, $3, $4, $5, $6, $7, 'queued', 0, $8, $9, $10)",
        &values,
    );
    let job = Job {
        id: job,
        tenant_id: tx.tenant(),
        kind: JobKind::FailImport,
        subject_id: new.id.as_uuid(),
        due_at: lease_until,
    };
    tx.db
        .execute_all(&[insert, jobs::insert_job(tx.tenant(), &job)])
        .await
}

/// The import with this id, its errors included.
///
/// # Errors
/// Those of the database.
pub async fn find_import(tx: &mut TenantTx, id: ImportId) -> Result<Option<Import>, StoreError> {
    let sql = format!("SELECT {COLUMNS}, errors FROM imports WHERE tenant_id = $1 AND id = $2");
    tx.db
        .fetch_optional(TABLE, &sql, params![tx.tenant(), id.as_uuid()], |row| {
            let errors = row.get::<Option<Json<_>>>("errors")?;
            Ok(Import {
                errors: errors.map(|json| json.0).unwrap_or_default(),
                ..decode(row)?
            })
        })
        .await
}

/// A page of imports, newest first, without their errors.
///
/// # Errors
/// Those of the database.
pub async fn list_imports(
    tx: &mut TenantTx,
    after: Option<ImportId>,
    limit: Limit,
) -> Result<Page<Import>, StoreError> {
    let mut values = params![tx.tenant(), limit.plus_one()].to_vec();
    let mut sql = format!("SELECT {COLUMNS} FROM imports WHERE tenant_id = $1");
    if let Some(after) = after {
        values.push(after.as_uuid().into());
        sql.push_str(" AND id < $3");
    }
    sql.push_str(" ORDER BY id DESC LIMIT $2");
    let found = tx.db.fetch(TABLE, &sql, &values, decode).await?;
    Ok(Page::cut(found, limit, |import| import.id))
}

/// Marks an import as running, from the start of its file; false if it has already ended.
///
/// # Errors
/// Those of the database.
pub async fn begin_import(tx: &mut TenantTx, id: ImportId, now: Timestamp) -> Result<bool, StoreError> {
    let sql = "UPDATE imports SET status = 'running', bytes_read = 0, started_at = $3 \
               WHERE tenant_id = $1 AND id = $2 AND status IN ('queued', 'running')";
    changed(tx, sql, params![tx.tenant(), id.as_uuid(), now]).await
}

/// Records how many bytes have been read; false if the import no longer runs.
///
/// # Errors
/// Those of the database.
pub async fn save_progress(tx: &mut TenantTx, id: ImportId, bytes_read: u64) -> Result<bool, StoreError> {
    let sql = "UPDATE imports SET bytes_read = $3 WHERE tenant_id = $1 AND id = $2 AND status = 'running'";
    changed(tx, sql, params![tx.tenant(), id.as_uuid(), number(bytes_read)]).await
}

/// Queues an interrupted import again; false if it no longer runs.
///
/// # Errors
/// Those of the database.
pub async fn put_back(tx: &mut TenantTx, id: ImportId) -> Result<bool, StoreError> {
    let sql = "UPDATE imports SET status = 'queued' WHERE tenant_id = $1 AND id = $2 AND status = 'running'";
    changed(tx, sql, params![tx.tenant(), id.as_uuid()]).await
}

/// Ends a running import and stores its report; false if it no longer runs.
///
/// # Errors
/// Those of the database.
pub async fn finish_import(
    tx: &mut TenantTx,
    id: ImportId,
    end: &ImportEnd,
    now: Timestamp,
) -> Result<bool, StoreError> {
    let status = match end.failure {
        Some(_) if end.is_incomplete => ImportStatus::Incomplete,
        Some(_) => ImportStatus::Failed,
        None => ImportStatus::Succeeded,
    };
    let (counts, errors) = (serde_json::json!(end.counts), serde_json::json!(end.errors));
    let sql = "UPDATE imports SET status = $3, report = $4, errors = $5, failure = $6, finished_at = $7, bytes_read = $8 \
               WHERE tenant_id = $1 AND id = $2 AND status = 'running'";
    let values = params![
        tx.tenant(),
        id.as_uuid(),
        status.as_str(),
        &counts,
        &errors,
        end.failure.as_deref(),
        now,
        number(end.bytes_read)
    ];
    let ended = changed(tx, sql, values).await?;
    jobs::delete_job(tx, JobKind::FailImport, id.as_uuid()).await?;
    Ok(ended)
}

/// Fails an import that has not ended, without a report; false if there was none.
///
/// # Errors
/// Those of the database.
pub async fn fail_import(
    tx: &mut TenantTx,
    id: ImportId,
    failure: &str,
    now: Timestamp,
) -> Result<bool, StoreError> {
    let sql = "UPDATE imports SET status = 'failed', failure = $3, finished_at = $4 \
               WHERE tenant_id = $1 AND id = $2 AND status IN ('queued', 'running')";
    let failed = changed(tx, sql, params![tx.tenant(), id.as_uuid(), failure, now]).await?;
    jobs::delete_job(tx, JobKind::FailImport, id.as_uuid()).await?;
    Ok(failed)
}

/// Deletes imports that ended before `before`, at most 20 of them: their reports may be long.
///
/// # Errors
/// Those of the database.
pub async fn delete_imports_before(tx: &mut TenantTx, before: Timestamp) -> Result<u64, StoreError> {
    let sql = "DELETE FROM imports WHERE tenant_id = $1 AND id IN (SELECT d.id FROM imports d \
               WHERE d.tenant_id = $1 AND d.finished_at < $2 ORDER BY d.finished_at LIMIT 20)";
    tx.db.execute(TABLE, sql, params![tx.tenant(), before]).await
}

async fn changed(tx: &mut TenantTx, sql: &str, values: &[Value<'_>]) -> Result<bool, StoreError> {
    Ok(tx.db.execute(TABLE, sql, values).await? > 0)
}

#[cfg(test)]
mod tests;

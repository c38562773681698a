//! Imports as jobs: a file that somebody sent, where its import stands, and its report.
//!
//! Where the file lies is not known here. The process that has it puts the end of a lease off for as long as it lives;
//! an import whose lease is over is failed by whoever sees it first. Each step says whether the import was still to be
//! done: who is told no has lost it and must leave the file alone.

use super::{ImportReport, ImportSource};
use crate::context::{Ctx, PlatformCtx};
use rustok_auth::Action;
use rustok_core::clock::Timestamp;
use rustok_core::deadline::Deadline;
use rustok_core::error::{ErrorKind, RichError};
use rustok_core::ids::ImportId;
use rustok_core::page::{Limit, Page};
use rustok_events::{Job, JobKind};
use rustok_storage::imports::{self, ImportCounts, ImportEnd, NewImport};
pub use rustok_storage::imports::{Import, ImportError, ImportStatus};
use rustok_storage::outbox;
use rustok_tenancy::TenantHandle;
use std::time::Duration;

/// How many errors of a report are kept; the rest is counted.
pub const MAX_STORED_ERRORS: usize = 1_000;
/// How long an import and its report are kept after its end.
pub const KEPT: Duration = Duration::from_secs(90 * 24 * 3_600);

/// How long a client should wait when too many of its imports wait.
const RETRY_AFTER: Duration = Duration::from_secs(30);
/// What an import is told of a server that went away with its file.
const ABANDONED: &str = "the server stopped while it ran: send the file again";
/// How long one import may take to be failed.
const STEP_LIMIT: Duration = Duration::from_secs(5);

/// A file that has arrived.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Upload {
    /// The import's id.
    pub id: ImportId,
    /// Where the file comes from.
    pub source: ImportSource,
    /// Whether nothing shall be kept.
    pub dry_run: bool,
    /// The file's name, for its errors.
    pub file: String,
    /// Its length.
    pub bytes_total: u64,
}

/// Refuses who may not import, and who has `most` imports that have not ended: before a file is received.
///
/// # Errors
/// `too_many_imports`.
pub async fn check_room(ctx: &Ctx, most: u64) -> Result<(), RichError> {
    ctx.authorize(Action::ImportData)?;
    let open = imports::count_open(ctx.read().await?.last()).await?;
    room(open, most)
}

fn room(open: u64, most: u64) -> Result<(), RichError> {
    if open < most {
        return Ok(());
    }
    Err(RichError::new(ErrorKind::RateLimited, "too many imports wait")
        .with_code("too_many_imports")
        .with_retry_after(RETRY_AFTER)
        .with_public(format!(
            "{open} imports have not ended yet, and {most} may wait. Nothing was kept: send the file again later."
        )))
}

/// Takes an import on, whose file has arrived and is kept by the caller until `lease` is over. Two that come at once may
/// both get the last place.
///
/// # Errors
/// `too_many_imports`.
pub async fn enqueue(ctx: &Ctx, upload: Upload, most: u64, lease: Duration) -> Result<Import, RichError> {
    ctx.authorize(Action::ImportData)?;
    let now = ctx.now();
    let mut tx = ctx.write().await?;
    if let Ok(before) = now.checked_sub(KEPT) {
        imports::delete_imports_before(&mut tx, before).await?;
    }
    room(imports::count_open(&mut tx).await?, most)?;
    let id = upload.id;
    let new = NewImport {
        id,
        source: upload.source,
        dry_run: upload.dry_run,
        file: upload.file,
        actor: ctx.actor.to_string(),
        bytes_total: upload.bytes_total,
    };
    imports::insert_import(&mut tx, &new, ctx.id(), until(now, lease), now).await?;
    let import = imports::find_import(&mut tx, id).await?;
    tx.commit().await?;
    import.ok_or_else(unknown)
}

fn unknown() -> RichError {
    RichError::new(ErrorKind::NotFound, "no such import")
        .with_code("import_not_found")
        .with_public("There is no such import.")
}

fn until(now: Timestamp, lease: Duration) -> Timestamp {
    now.checked_add(lease).unwrap_or(Timestamp::MAX)
}

/// One import, with the errors that were kept.
///
/// # Errors
/// `import_not_found`.
pub async fn get(ctx: &Ctx, id: ImportId) -> Result<Import, RichError> {
    ctx.authorize(Action::ImportData)?;
    let found = imports::find_import(ctx.read().await?.last(), id).await?;
    found.ok_or_else(unknown)
}

/// A page of imports, newest first, without their errors.
///
/// # Errors
/// Those of the database.
pub async fn list(ctx: &Ctx, after: Option<ImportId>, limit: Limit) -> Result<Page<Import>, RichError> {
    ctx.authorize(Action::ImportData)?;
    Ok(imports::list_imports(ctx.read().await?.last(), after, limit).await?)
}

/// Begins an import that has not ended, from the start of its file. `None` when there is none.
///
/// # Errors
/// Those of the database.
pub async fn begin(ctx: &Ctx, id: ImportId, lease: Duration) -> Result<Option<Import>, RichError> {
    ctx.authorize(Action::ImportData)?;
    let now = ctx.now();
    let mut tx = ctx.write().await?;
    if !imports::begin_import(&mut tx, id, now).await? {
        return Ok(None);
    }
    outbox::postpone_job(&mut tx, JobKind::FailImport, id.as_uuid(), until(now, lease)).await?;
    let import = imports::find_import(&mut tx, id).await?;
    tx.commit().await?;
    Ok(import)
}

/// Notes how much of a running import's file was read, and puts the end of its lease off. Whether it still runs.
///
/// # Errors
/// Those of the database.
pub async fn note_progress(ctx: &Ctx, id: ImportId, bytes: u64, lease: Duration) -> Result<bool, RichError> {
    ctx.authorize(Action::ImportData)?;
    let mut tx = ctx.write().await?;
    let runs = imports::save_progress(&mut tx, id, bytes).await?;
    outbox::postpone_job(
        &mut tx,
        JobKind::FailImport,
        id.as_uuid(),
        until(ctx.now(), lease),
    )
    .await?;
    tx.commit().await?;
    Ok(runs)
}

/// Puts the end of a lease off. Whether the import has not ended.
///
/// # Errors
/// Those of the database.
pub async fn keep(ctx: &Ctx, id: ImportId, lease: Duration) -> Result<bool, RichError> {
    ctx.authorize(Action::ImportData)?;
    let mut tx = ctx.write().await?;
    let to = until(ctx.now(), lease);
    let is_open = outbox::postpone_job(&mut tx, JobKind::FailImport, id.as_uuid(), to).await?;
    tx.commit().await?;
    Ok(is_open)
}

/// Lets an import that was stopped between two batches wait again.
///
/// # Errors
/// Those of the database.
pub async fn put_back(ctx: &Ctx, id: ImportId) -> Result<bool, RichError> {
    ctx.authorize(Action::ImportData)?;
    let mut tx = ctx.write().await?;
    let waits = imports::put_back(&mut tx, id).await?;
    tx.commit().await?;
    Ok(waits)
}

/// Ends an import with its report, after `bytes_read` of its file. It has failed when it could not go on, or when the file had errors and nothing else.
///
/// # Errors
/// Those of the database.
pub async fn finish(
    ctx: &Ctx,
    import: &Import,
    report: &ImportReport,
    bytes_read: u64,
) -> Result<bool, RichError> {
    ctx.authorize(Action::ImportData)?;
    let mut end = end(report);
    end.bytes_read = match end.failure {
        // What follows the end of an export is not looked at.
        None => import.bytes_total,
        Some(_) => bytes_read.min(import.bytes_total),
    };
    let mut tx = ctx.write().await?;
    let ended = imports::finish_import(&mut tx, import.id, &end, ctx.now()).await?;
    tx.commit().await?;
    Ok(ended)
}

/// Ends an import that has no report.
///
/// # Errors
/// Those of the database.
pub async fn fail(ctx: &Ctx, id: ImportId, why: &str) -> Result<bool, RichError> {
    ctx.authorize(Action::ImportData)?;
    let mut tx = ctx.write().await?;
    let failed = imports::fail_import(&mut tx, id, why, ctx.now()).await?;
    tx.commit().await?;
    Ok(failed)
}

fn end(report: &ImportReport) -> ImportEnd {
    let imported = report.created + report.updated + report.unchanged;
    let failure = match &report.stopped {
        Some(error) => Some(error.to_response().detail().to_owned()),
        None if imported == 0 && report.error_count > 0 => {
            Some("nothing of the file could be imported: see the errors".to_owned())
        }
        None => None,
    };
    let errors = report.errors.iter().take(MAX_STORED_ERRORS);
    ImportEnd {
        bytes_read: 0,
        counts: ImportCounts {
            created: report.created,
            updated: report.updated,
            unchanged: report.unchanged,
            skipped: report.skipped,
            skipped_by_reason: report.skipped_by_reason.clone(),
            error_count: report.error_count,
        },
        errors: errors
            .map(|error| ImportError {
                line: error.line,
                column: error.column,
                reason: error.reason.clone(),
            })
            .collect(),
        failure,
    }
}

/// Fails up to `limit` imports whose lease is over: their server is gone, and with it their file. How many were due.
///
/// # Errors
/// When the database is away. What goes wrong with one import is logged, and tried again in the next round.
pub async fn fail_abandoned(ctx: &PlatformCtx, limit: i64) -> Result<usize, RichError> {
    ctx.authorize(Action::ImportData)?;
    let now = ctx.services.clock.now();
    let jobs = outbox::list_due(ctx.read().await?.last(), JobKind::FailImport, now, limit).await?;
    for job in &jobs {
        match fail_one(ctx, job).await {
            Ok(()) => {}
            Err(error) if error.kind().is_outage() => return Err(error),
            Err(error) => {
                tracing::warn!(tenant_id = %job.tenant_id, import_id = %job.subject_id, ?error, "cannot fail an import");
            }
        }
    }
    Ok(jobs.len())
}

async fn fail_one(ctx: &PlatformCtx, job: &Job) -> Result<(), RichError> {
    let now = ctx.services.clock.now();
    let shop = TenantHandle::for_due_work(job.tenant_id);
    let deadline = Deadline::after(STEP_LIMIT).min(ctx.deadline);
    let mut tx = ctx.services.store.write(shop, deadline).await?;
    if outbox::take_due_job(&mut tx, JobKind::FailImport, job.subject_id, now).await? {
        let id = ImportId::from_uuid(job.subject_id);
        imports::fail_import(&mut tx, id, ABANDONED, now).await?;
        tx.commit().await?;
        tracing::warn!(tenant_id = %job.tenant_id, import_id = %id, "an import was left alone by its server");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use rustok_import::RowError;

    fn report(created: u64, errors: u64) -> ImportReport {
        let error = RowError {
            file: "a.csv".to_owned(),
            line: 1,
            column: 1,
            reason: "no".to_owned(),
        };
        ImportReport {
            created,
            error_count: errors,
            errors: (0..errors).map(|_| error.clone()).collect(),
            ..ImportReport::default()
        }
    }

    #[test]
    fn an_import_has_failed_when_nothing_came_of_it() {
        let failed = |report: &ImportReport| end(report).failure.is_some();
        assert!(!failed(&report(0, 0)), "an empty file has no errors");
        assert!(!failed(&report(1, 5)) && failed(&report(0, 1)));
        let away = RichError::new(ErrorKind::Unavailable, "canary").with_public("away");
        let stopped = ImportReport {
            stopped: Some(away),
            ..report(7, 0)
        };
        assert_eq!(end(&stopped).failure.as_deref(), Some("away"));
    }

    #[test]
    fn the_first_errors_are_kept_and_all_are_counted() {
        let end = end(&report(1, 1_500));
        assert_eq!(
            (end.errors.len(), end.counts.error_count),
            (MAX_STORED_ERRORS, 1_500)
        );
    }
}

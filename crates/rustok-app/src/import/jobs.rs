//! Imports as jobs: uploaded files, their progress and their reports.
//!
//! This module does not know where the file is. The process that has it renews a lease while it lives; any process
//! fails an import whose lease has expired. Each step returns whether the import is still open: on `false` the
//! process has lost it and must leave the file alone.

use super::{ImportOptions, ImportReport, ImportSource};
use crate::context::{Ctx, PlatformCtx};
use crate::jobs::JOB_LIMIT;
use rustok_auth::Action;
use rustok_core::clock::Timestamp;
use rustok_core::deadline::Deadline;
use rustok_core::error::{ErrorKind, RichError};
use rustok_core::page::{Limit, Page};
use rustok_events::ids::ImportId;
use rustok_events::{ClaimedJob, JobKind};
use rustok_import::RowError;
use rustok_storage::imports::{self, ImportCounts, ImportEnd, NewImport};
pub use rustok_storage::imports::{Import, ImportError, ImportStatus};
use rustok_storage::jobs as due;
use rustok_tenancy::TenantHandle;
use std::time::Duration;

/// Errors, and notes, stored per report; further ones are only counted.
pub const MAX_STORED_ERRORS: usize = 1_000;
/// How long an import and its report are kept after its end.
pub const KEPT: Duration = Duration::from_secs(90 * 24 * 3_600);

/// The `Retry-After` if too many imports are open.
const RETRY_AFTER: Duration = Duration::from_secs(30);
/// The error of an import whose server went away with its file.
const ABANDONED: &str = "the server stopped while it ran: send the file again";

/// A file that was received.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Upload {
    /// The import's id.
    pub id: ImportId,
    /// The format of the file.
    pub source: ImportSource,
    /// Whether to roll everything back.
    pub dry_run: bool,
    /// What the import may do.
    pub options: ImportOptions,
    /// The file's name in error messages.
    pub file: String,
    /// The file's size in bytes.
    pub bytes_total: u64,
}

/// Refuses actors that may not import, and tenants with `most` open imports; to be called before a file is received.
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

/// Queues the import of a received file, which the caller keeps until `lease` expires. Two concurrent calls may both
/// get the last place.
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
        options: upload.options,
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

/// One import, with its stored errors.
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
/// Database errors.
pub async fn list(ctx: &Ctx, after: Option<ImportId>, limit: Limit) -> Result<Page<Import>, RichError> {
    ctx.authorize(Action::ImportData)?;
    Ok(imports::list_imports(ctx.read().await?.last(), after, limit).await?)
}

/// Starts an open import, from the beginning of its file. `None` if it has ended or does not exist.
///
/// # Errors
/// Database errors.
pub async fn begin(ctx: &Ctx, id: ImportId, lease: Duration) -> Result<Option<Import>, RichError> {
    ctx.authorize(Action::ImportData)?;
    let now = ctx.now();
    let mut tx = ctx.write().await?;
    if !imports::begin_import(&mut tx, id, now).await? {
        return Ok(None);
    }
    due::postpone_job(&mut tx, JobKind::FailImport, id.as_uuid(), until(now, lease)).await?;
    let import = imports::find_import(&mut tx, id).await?;
    tx.commit().await?;
    Ok(import)
}

/// Records the number of bytes read by a running import, and renews its lease. Returns whether it is still running.
///
/// # Errors
/// Database errors.
pub async fn note_progress(ctx: &Ctx, id: ImportId, bytes: u64, lease: Duration) -> Result<bool, RichError> {
    ctx.authorize(Action::ImportData)?;
    let mut tx = ctx.write().await?;
    let runs = imports::save_progress(&mut tx, id, bytes).await?;
    due::postpone_job(
        &mut tx,
        JobKind::FailImport,
        id.as_uuid(),
        until(ctx.now(), lease),
    )
    .await?;
    tx.commit().await?;
    Ok(runs)
}

/// Renews a lease. Returns whether the import is still open.
///
/// # Errors
/// Database errors.
pub async fn keep(ctx: &Ctx, id: ImportId, lease: Duration) -> Result<bool, RichError> {
    ctx.authorize(Action::ImportData)?;
    let mut tx = ctx.write().await?;
    let to = until(ctx.now(), lease);
    let is_open = due::postpone_job(&mut tx, JobKind::FailImport, id.as_uuid(), to).await?;
    tx.commit().await?;
    Ok(is_open)
}

/// Puts an import that was stopped between two batches back into the queue.
///
/// # Errors
/// Database errors.
pub async fn put_back(ctx: &Ctx, id: ImportId) -> Result<bool, RichError> {
    ctx.authorize(Action::ImportData)?;
    let mut tx = ctx.write().await?;
    let waits = imports::put_back(&mut tx, id).await?;
    tx.commit().await?;
    Ok(waits)
}

/// Ends an import with its report, after `bytes_read` of its file. It has failed if it stopped early, or if the file
/// had errors and nothing was imported; it is incomplete if a part of the file was not read.
///
/// # Errors
/// Database errors.
pub async fn finish(
    ctx: &Ctx,
    import: &Import,
    report: &ImportReport,
    bytes_read: u64,
) -> Result<bool, RichError> {
    ctx.authorize(Action::ImportData)?;
    let mut end = end(report);
    end.bytes_read = match end.failure {
        // Data after the end of an export is ignored.
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
/// Database errors.
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
        None if report.is_incomplete => Some(unread(report)),
        None => None,
    };
    let is_incomplete = report.stopped.is_none() && imported > 0 && report.is_incomplete;
    let stored = |list: &[RowError]| {
        let first = list.iter().take(MAX_STORED_ERRORS);
        first
            .map(|error| ImportError {
                line: error.line,
                column: error.column,
                reason: error.reason.clone(),
            })
            .collect()
    };
    ImportEnd {
        bytes_read: 0,
        counts: ImportCounts {
            created: report.created,
            updated: report.updated,
            unchanged: report.unchanged,
            skipped: report.skipped,
            skipped_by_reason: report.skipped_by_reason.clone(),
            error_count: report.error_count,
            notes: stored(&report.notes),
        },
        errors: stored(&report.errors),
        failure,
        is_incomplete,
    }
}

/// Why a report is incomplete: the last error says where.
fn unread(report: &ImportReport) -> String {
    let last = report.errors.last().map_or_else(String::new, |error| {
        format!(
            " (line {}, column {}: {})",
            error.line, error.column, error.reason
        )
    });
    format!(
        "a part of the file could not be read{last}; what could be read, up to byte {}, was imported: export it again and \
         import that, which changes only what is missing",
        report.bytes_read
    )
}

/// Fails an import whose lease has expired: its server is gone, and with it its file. Returns whether it was still due.
pub(crate) async fn fail_abandoned(ctx: &PlatformCtx, claimed: &ClaimedJob) -> Result<bool, RichError> {
    ctx.authorize(Action::ImportData)?;
    let job = &claimed.job;
    let shop = TenantHandle::for_due_work(job.tenant_id);
    let deadline = Deadline::after(JOB_LIMIT).min(ctx.deadline);
    let mut tx = ctx.services.store.write(shop, deadline).await?;
    if !due::finish(&mut tx, claimed).await? {
        return Ok(false);
    }
    let id = ImportId::from_uuid(job.subject_id);
    imports::fail_import(&mut tx, id, ABANDONED, ctx.services.clock.now()).await?;
    tx.commit().await?;
    tracing::warn!(tenant_id = %job.tenant_id, import_id = %id, "an import was left alone by its server");
    Ok(true)
}

#[cfg(test)]
mod tests {
    use super::*;

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
        let cut = ImportReport {
            is_incomplete: true,
            bytes_read: 77,
            ..report(7, 1)
        };
        let cut = end(&cut);
        assert!(
            cut.is_incomplete
                && cut
                    .failure
                    .is_some_and(|why| why.contains("line 1") && why.contains("byte 77"))
        );
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

//! Jobs: what falls due is claimed, done and removed. `run_one` is the register of the kinds.
//!
//! Any number of processes may run this at once: a job is claimed by lease, in a transaction that ends before the work
//! begins. A job that fails is due again later and does not block the others; one that fails too often is dead.

use crate::content::{authors, terms};
use crate::context::PlatformCtx;
use crate::import;
use crate::mail;
use crate::orders::{self, Shops};
use rustok_core::deadline::Deadline;
use rustok_core::error::RichError;
use rustok_events::lease::LEASE;
use rustok_events::{ClaimedJob, JobKind, Lease};
use rustok_storage::{StoreError, TenantTx, jobs};
use rustok_tenancy::TenantHandle;
use std::pin::Pin;
use std::time::Duration;

/// Time limit per job.
pub(crate) const JOB_LIMIT: Duration = Duration::from_secs(5);

/// The result of one round.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct JobRound {
    /// Due jobs claimed; if it equals the limit, there may be more.
    pub due: usize,
    /// Jobs whose work was done. The rest were not needed any more, not due yet, or given back.
    pub done: usize,
    /// Jobs that failed.
    pub failed: usize,
}

/// Does up to `limit` due jobs of these kinds, the longest due first. Those that are not begun before `is_stopping`, or
/// before half of the lease is over, are given back.
///
/// # Errors
/// If the database is unavailable: what is claimed is given back, or is due again at the end of its lease. A failure of one
/// job is logged, counted and stored with the job.
pub async fn run_due(
    ctx: &PlatformCtx,
    kinds: &[JobKind],
    limit: i64,
    is_stopping: impl Fn() -> bool,
) -> Result<JobRound, RichError> {
    let until = Deadline::after(LEASE / 2);
    let claimed = claim(ctx, kinds, limit).await?;
    let mut round = JobRound {
        due: claimed.len(),
        ..JobRound::default()
    };
    let mut shops = Shops::new();
    for (done, job) in claimed.iter().enumerate() {
        let left = claimed.get(done..).unwrap_or_default();
        if is_stopping() || until.is_expired() {
            give_back(ctx, left).await?;
            break;
        }
        match run_one(ctx, &mut shops, job).await {
            Ok(done) => round.done += usize::from(done),
            Err(error) if is_of_all(&error) => {
                // No attempt was made of those, so none counts.
                if let Err(error) = give_back(ctx, left).await {
                    tracing::warn!(?error, "claimed jobs wait for the end of their lease");
                }
                return Err(error);
            }
            Err(error) => {
                round.failed += 1;
                fail(ctx, job, &error).await;
            }
        }
    }
    Ok(round)
}

/// Whether an error is not of one job, and the next job would fail too. A lock that another client holds is of one job.
fn is_of_all(error: &RichError) -> bool {
    matches!(
        error.code(),
        "database_unavailable" | "circuit_open" | "overloaded"
    )
}

/// Does the work of one job, and ends its claim. Returns whether there was anything to do.
async fn run_one(ctx: &PlatformCtx, shops: &mut Shops, job: &ClaimedJob) -> Result<bool, RichError> {
    match job.job.kind {
        JobKind::ExpireOrder => orders::expire(ctx, shops, job).await,
        JobKind::FailImport => import::jobs::fail_abandoned(ctx, job).await,
        JobKind::RetireTerm => terms::manage::retire_rest(ctx, job).await,
        JobKind::RetireAuthor => authors::manage::retire_rest(ctx, job).await,
        JobKind::SendMail => mail::deliver(ctx, job).await,
    }
}

/// One part of a long job: whether it was the last one.
pub(crate) type Part<'a> = Pin<Box<dyn Future<Output = Result<bool, StoreError>> + Send + 'a>>;

/// How many parts of a long job one claim does.
const PARTS: usize = 20;

/// Does a job whose work is done in parts, each in its own transaction: as many as one claim may do. `part` returns whether
/// that was the last one; the job is then finished in the same transaction. Otherwise the rest is due at once.
pub(crate) async fn run_in_parts(
    ctx: &PlatformCtx,
    job: &ClaimedJob,
    part: impl for<'a> Fn(&'a mut TenantTx) -> Part<'a>,
) -> Result<bool, RichError> {
    let tenant = TenantHandle::for_due_work(job.job.tenant_id);
    // Each transaction has the time of a job: what is committed must not count as a failure of the claim.
    let begin = || {
        let deadline = Deadline::after(JOB_LIMIT).min(ctx.deadline);
        ctx.services.store.write(tenant, deadline)
    };
    let until = Deadline::after(JOB_LIMIT);
    for _ in 0..PARTS {
        let mut tx = begin().await?;
        let is_last = part(&mut tx).await?;
        if is_last {
            jobs::finish(&mut tx, job).await?;
        }
        tx.commit().await?;
        if is_last {
            return Ok(true);
        }
        if until.is_expired() {
            break;
        }
    }
    let mut tx = begin().await?;
    jobs::reschedule(&mut tx, job, ctx.services.clock.now()).await?;
    tx.commit().await?;
    Ok(true)
}

async fn claim(ctx: &PlatformCtx, kinds: &[JobKind], limit: i64) -> Result<Vec<ClaimedJob>, RichError> {
    let now = ctx.services.clock.now();
    let mut tx = ctx.write().await?;
    let lease = Lease::new(ctx.services.ids.next(), now);
    let claimed = jobs::claim(&mut tx, kinds, lease, now, limit).await?;
    if !claimed.is_empty() {
        tx.commit().await?;
    }
    Ok(claimed)
}

async fn give_back(ctx: &PlatformCtx, claimed: &[ClaimedJob]) -> Result<(), RichError> {
    if claimed.is_empty() {
        return Ok(());
    }
    let mut tx = ctx.write().await?;
    jobs::give_back(&mut tx, claimed).await?;
    Ok(tx.commit().await?)
}

async fn fail(ctx: &PlatformCtx, claimed: &ClaimedJob, error: &RichError) {
    let (job, attempts) = (&claimed.job, claimed.attempts);
    tracing::error!(tenant_id = %job.tenant_id, kind = %job.kind, subject_id = %job.subject_id, attempts, ?error, "a job failed");
    let stored = async {
        let mut tx = ctx.write().await?;
        let is_dead = jobs::fail(&mut tx, claimed, &error.to_string(), ctx.services.clock.now()).await?;
        tx.commit().await?;
        Ok::<_, RichError>(is_dead)
    };
    match stored.await {
        Ok(false) => {}
        Ok(true) => tracing::error!(job_id = %job.id, kind = %job.kind, "a job is dead: it failed too often"),
        // It is due again at the end of its lease.
        Err(error) => tracing::warn!(job_id = %job.id, ?error, "the failure of a job is not stored"),
    }
}

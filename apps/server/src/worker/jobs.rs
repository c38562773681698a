//! Does what has fallen due: jobs, and deliveries that failed before.

use super::{Round, outbox, round_deadline};
use crate::state::AppState;
use rustok_app::{PlatformCtx, deliveries, jobs};
use rustok_core::error::RichError;
use rustok_events::JobKind;
use std::sync::Arc;
use std::time::Duration;
use tokio_util::sync::CancellationToken;

/// How long after its due time a job may begin.
pub(super) const EVERY: Duration = Duration::from_secs(5);
/// Jobs per round, and deliveries.
const BATCH: i64 = 100;
/// An abandoned import is failed by the worker of imports, after it has looked for files of its own.
const KINDS: &[JobKind] = &[JobKind::ExpireOrder, JobKind::RetireTerm, JobKind::RetireAuthor];

pub(super) async fn round(state: &AppState, stop: &CancellationToken) -> Result<Round, RichError> {
    let ctx = PlatformCtx::system(Arc::clone(state.services()), "jobs", round_deadline());
    let is_stopping = || stop.is_cancelled();
    let round = jobs::run_due(&ctx, KINDS, BATCH, is_stopping).await?;
    if round.due > 0 {
        tracing::info!(
            due = round.due,
            done = round.done,
            failed = round.failed,
            "jobs done"
        );
    }
    let consume = |consumer, event: &_| outbox::consume(state, consumer, event);
    let retried = deliveries::retry_due(&ctx, BATCH, is_stopping, consume).await?;
    state.metrics().count_delivered(retried.delivered);
    let is_full = |claimed: usize| i64::try_from(claimed).is_ok_and(|claimed| claimed >= BATCH);
    Ok(if is_full(round.due) || is_full(retried.claimed) {
        Round::Full
    } else {
        Round::Done
    })
}

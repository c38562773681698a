//! Sends mails that wait. A worker of its own: a mail server that is slow holds up no order.

use super::{Round, round_deadline};
use crate::state::AppState;
use rustok_app::{PlatformCtx, jobs};
use rustok_core::error::RichError;
use rustok_events::JobKind;
use std::sync::Arc;
use std::time::Duration;
use tokio_util::sync::CancellationToken;

/// How long a mail waits at most while the mail server answers.
pub(super) const EVERY: Duration = Duration::from_secs(2);
/// Mails per round.
const BATCH: i64 = 20;

pub(super) async fn round(state: &AppState, stop: &CancellationToken) -> Result<Round, RichError> {
    let ctx = PlatformCtx::system(Arc::clone(state.services()), "mail", round_deadline());
    let round = jobs::run_due(&ctx, &[JobKind::SendMail], BATCH, || stop.is_cancelled()).await?;
    if round.due > 0 {
        tracing::info!(
            due = round.due,
            sent = round.done,
            failed = round.failed,
            "mails sent"
        );
    }
    let is_full = i64::try_from(round.due).is_ok_and(|due| due >= BATCH);
    Ok(if is_full { Round::Full } else { Round::Done })
}

//! Cancels orders that were not confirmed in time, and confirmed orders that were not paid in time.

use super::{Round, round_deadline};
use crate::state::AppState;
use rustok_app::{PlatformCtx, orders};
use rustok_core::error::RichError;
use std::sync::Arc;
use std::time::Duration;

/// How long after its due time an order may be cancelled.
pub(super) const EVERY: Duration = Duration::from_secs(5);
/// Orders per round.
const BATCH: i64 = 100;

pub(super) async fn round(state: &AppState) -> Result<Round, RichError> {
    let ctx = PlatformCtx::system(Arc::clone(state.services()), "order-expiry", round_deadline());
    let round = orders::expire_due(&ctx, BATCH).await?;
    if round.due > 0 {
        tracing::info!(
            due = round.due,
            cancelled = round.cancelled,
            failed = round.failed,
            "orders expired"
        );
    }
    // Failed orders were postponed. If even that failed, a full round of them must not be repeated at once.
    let more = i64::try_from(round.due).is_ok_and(|due| due >= BATCH) && round.failed == 0;
    Ok(if more { Round::Full } else { Round::Done })
}

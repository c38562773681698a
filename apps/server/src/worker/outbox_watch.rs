//! Measures the backlog of the outbox, so that no metrics scrape queries the database.

use super::{Round, round_deadline};
use crate::state::AppState;
use rustok_core::error::RichError;
use rustok_storage::outbox;
use std::time::Duration;

/// Maximum age of the reported backlog.
pub(super) const EVERY: Duration = Duration::from_secs(5);
/// Events that are counted at most, to keep the query cheap: a larger backlog is reported as this number.
const COUNTED: i64 = 10_000;

pub(super) async fn round(state: &AppState) -> Result<Round, RichError> {
    let mut tx = state.services().store.platform_read(round_deadline()).await?;
    let backlog = outbox::backlog(&mut tx, COUNTED).await?;
    state.metrics().see_backlog(backlog);
    Ok(Round::Done)
}

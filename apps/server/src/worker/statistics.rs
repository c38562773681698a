//! Makes PostgreSQL analyse fast-growing tables before autovacuum does.

use super::{Round, round_deadline};
use crate::state::AppState;
use rustok_core::error::RichError;
use std::time::Duration;

/// How long the planner may use the old size of a growing table.
pub(crate) const EVERY: Duration = Duration::from_secs(1);

pub(super) async fn round(state: &AppState) -> Result<Round, RichError> {
    state
        .services()
        .store
        .analyse_grown_tables(round_deadline())
        .await?;
    Ok(Round::Done)
}

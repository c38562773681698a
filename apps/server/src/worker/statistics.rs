//! Has PostgreSQL look at tables that grow fast before it does so by itself.

use super::{Round, round_deadline};
use crate::state::AppState;
use rustok_core::error::RichError;
use std::time::Duration;

/// How long a table that fills may be as small as it was to the planner.
pub(crate) const EVERY: Duration = Duration::from_secs(1);

pub(super) async fn round(state: &AppState) -> Result<Round, RichError> {
    state
        .services()
        .store
        .analyse_grown_tables(round_deadline())
        .await?;
    Ok(Round::Done)
}

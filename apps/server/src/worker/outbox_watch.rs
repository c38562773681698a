//! Looks how much waits in the outbox, so that nobody who asks for metrics has to ask the database.

use super::{Round, round_deadline};
use crate::state::AppState;
use rustok_core::error::RichError;
use rustok_storage::outbox;
use std::time::Duration;

/// How old what is told of the outbox may be.
pub(super) const EVERY: Duration = Duration::from_secs(5);
/// Events that are counted: of more it is only known that they are more, so that the look stays cheap.
const COUNTED: i64 = 10_000;

pub(super) async fn round(state: &AppState) -> Result<Round, RichError> {
    let mut tx = state.services().store.platform_read(round_deadline()).await?;
    let backlog = outbox::backlog(&mut tx, COUNTED).await?;
    state.metrics().see_backlog(backlog);
    Ok(Round::Done)
}

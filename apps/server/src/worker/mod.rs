//! Work that no request waits for.

use crate::state::AppState;
use tokio_util::sync::CancellationToken;

/// The running workers.
pub struct Workers;

impl Workers {
    /// Waits until all have stopped.
    pub async fn finish(self) {}
}

/// Starts all workers; they stop when `stop` is cancelled.
#[must_use]
pub fn spawn_all(_state: &AppState, _stop: &CancellationToken) -> Workers {
    Workers
}

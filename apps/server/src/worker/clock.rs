//! Compares the clock with the database's, so that anything falls due at the same moment on all servers of a
//! database, whatever the clock of one machine shows.
//!
//! It must never stop the server: a wrong clock is reported, and the database's time is used.

use crate::state::AppState;
use rustok_core::clock::Clock;
use rustok_core::deadline::Deadline;
use rustok_storage::{Store, StoreError};
use std::time::{Duration, Instant};
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

/// Interval of the comparisons.
const EVERY: Duration = Duration::from_secs(10);
/// Deadline of the query; a later answer would be too imprecise.
const LIMIT: Duration = Duration::from_secs(5);
/// A machine's clock that is further off than this is reported in the log.
const TOLERANCE_MICROS: i64 = 5_000_000;

pub(super) async fn run(state: AppState, stop: CancellationToken) {
    let services = state.services();
    let mut was_off = false;
    while !stop.is_cancelled() {
        match compare(&services.store, services.clock.as_ref()).await {
            Ok(ahead) => {
                state.metrics().see_clock(ahead);
                let is_off = ahead.abs() > TOLERANCE_MICROS;
                if is_off && !was_off {
                    tracing::error!(
                        ahead_ms = ahead / 1_000,
                        "this machine's clock is not the database's, whose time is used: set it by a time server"
                    );
                }
                was_off = is_off;
            }
            // Others detect an unavailable database, and report it.
            Err(error) => tracing::debug!(%error, "the clocks were not compared"),
        }
        tokio::select! {
            () = stop.cancelled() => {}
            () = sleep(EVERY) => {}
        }
    }
}

/// How far this machine's clock is ahead of the database's, in microseconds.
async fn compare(store: &Store, clock: &dyn Clock) -> Result<i64, StoreError> {
    let asked = Instant::now();
    let theirs = store.database_time(Deadline::after(LIMIT)).await?;
    Ok(clock.compare(theirs, asked))
}

//! Compares the clock with the database's, so that what falls due does so for all servers of a database at once, whatever
//! the clock of one of their machines shows.
//!
//! It must never stop the server: a clock that is wrong is told of, and not gone by.

use crate::state::AppState;
use rustok_core::clock::Clock;
use rustok_core::deadline::Deadline;
use rustok_storage::{Store, StoreError};
use std::time::{Duration, Instant};
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

/// How often the two are compared.
const EVERY: Duration = Duration::from_secs(10);
/// How long the database may take to answer; what comes later would say little.
const LIMIT: Duration = Duration::from_secs(5);
/// A machine's clock that is further off than this is worth a warning.
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
            // Others find out whether it is away, and say so.
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

//! Checks whether the SQLite file is still at its path and intact, so that `/readyz` and the metrics report it before
//! a request fails.
//!
//! It must never slow down the server: reading the file takes a hundredth of the time at most.

use crate::state::AppState;
use std::time::Duration;
use tokio::time::{Instant, sleep};
use tokio_util::sync::CancellationToken;

/// Interval of the checks that the file is there.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// Minimum pause between two reads of the whole file.
const READ_EVERY: Duration = Duration::from_secs(10);
/// The pause after a read is at least this many times as long as the read.
const PAUSES: u32 = 100;

pub(super) async fn run(state: AppState, stop: CancellationToken) {
    let store = &state.services().store;
    let looking = async {
        loop {
            store.look_at_file();
            sleep(LOOK_EVERY).await;
        }
    };
    let reading = async {
        loop {
            let begun = Instant::now();
            store.read_through_file().await;
            sleep(READ_EVERY.max(begun.elapsed() * PAUSES)).await;
        }
    };
    tokio::select! {
        () = stop.cancelled() => {}
        () = looking => {}
        () = reading => {}
    }
}

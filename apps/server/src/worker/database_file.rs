//! Looks whether the SQLite file is still at its place and whether it is whole, so that `/readyz` and the metrics tell
//! before a request finds out.
//!
//! It must never slow the server down: the file is read through as often as leaves a hundredth of the time for it.

use crate::state::AppState;
use std::time::Duration;
use tokio::time::{Instant, sleep};
use tokio_util::sync::CancellationToken;

/// How often it is looked whether the file is there.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// How long at least between two readings of the whole file.
const READ_EVERY: Duration = Duration::from_secs(10);
/// So many times as long as a reading took is the pause after it.
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

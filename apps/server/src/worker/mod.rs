//! Work that no request waits for: expiring orders, delivering events, watching the directory, forgetting old answers.
//!
//! A worker must never end because one round failed: it logs, and the next round tries again. It ends when it is told
//! to stop, between two rounds, so that none is cut off.

mod directory;
mod expiry;
mod idempotency;
mod outbox;

use crate::state::AppState;
use rustok_core::deadline::Deadline;
use rustok_core::error::RichError;
use std::time::Duration;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

/// The running workers.
#[derive(Debug)]
#[must_use = "workers must be waited for, or a round may be cut off"]
pub struct Workers(JoinSet<()>);

impl Workers {
    /// Waits until all have stopped.
    pub async fn finish(mut self) {
        while let Some(ended) = self.0.join_next().await {
            if let Err(error) = ended {
                tracing::error!(%error, "a worker panicked");
            }
        }
    }
}

/// Starts all workers; they stop when `stop` is cancelled.
pub fn spawn_all(state: &AppState, stop: &CancellationToken) -> Workers {
    let mut workers = JoinSet::new();
    workers.spawn(directory::run(state.clone(), stop.clone()));
    let (expiring, delivering) = (state.clone(), state.clone());
    workers.spawn(rounds(
        "order expiry",
        expiry::EVERY,
        stop.clone(),
        async move || expiry::round(&expiring).await,
    ));
    workers.spawn(rounds("outbox", outbox::EVERY, stop.clone(), async move || {
        outbox::round(&delivering).await
    }));
    let (purging, forgetting) = (state.clone(), state.clone());
    workers.spawn(rounds("outbox purge", HOURLY, stop.clone(), async move || {
        outbox::purge(&purging).await
    }));
    workers.spawn(rounds("idempotency", HOURLY, stop.clone(), async move || {
        idempotency::round(&forgetting).await
    }));
    Workers(workers)
}

/// How often old rows are deleted.
const HOURLY: Duration = Duration::from_secs(3_600);
/// How long one round may take before it is given up; the next one takes up what is left.
const ROUND_LIMIT: Duration = Duration::from_secs(60);

fn round_deadline() -> Deadline {
    Deadline::after(ROUND_LIMIT)
}

/// Whether there is more to do right now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Round {
    /// The round was as large as a round may be: there is more.
    Full,
    /// Nothing is left.
    Done,
}

/// Makes a round, at once when there is more to do and else after a pause, until it is told to stop.
async fn rounds(
    name: &'static str,
    every: Duration,
    stop: CancellationToken,
    mut round: impl AsyncFnMut() -> Result<Round, RichError>,
) {
    while !stop.is_cancelled() {
        match round().await {
            Ok(Round::Full) => continue,
            Ok(Round::Done) => {}
            Err(error) => tracing::warn!(worker = name, ?error, "a round failed and is tried again"),
        }
        tokio::select! {
            () = stop.cancelled() => {}
            () = tokio::time::sleep(every) => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rustok_core::error::ErrorKind;

    #[tokio::test]
    async fn rounds_go_on_after_a_failure_and_end_when_told_to() {
        let stop = CancellationToken::new();
        let stopped = stop.clone();
        let mut made = 0;
        rounds("test", Duration::ZERO, stop, async || {
            made += 1;
            match made {
                1 => Ok(Round::Full),
                2 => Err(RichError::new(ErrorKind::Unavailable, "away")),
                3 => Ok(Round::Done),
                _ => {
                    stopped.cancel();
                    // More to do, but it is not begun any more.
                    Ok(Round::Full)
                }
            }
        })
        .await;
        assert_eq!(made, 4);
    }

    #[tokio::test]
    async fn who_is_told_to_stop_does_not_wait_for_the_pause() {
        let stop = CancellationToken::new();
        let stopped = stop.clone();
        rounds("test", Duration::MAX, stop, async || {
            stopped.cancel();
            Ok(Round::Done)
        })
        .await;
    }
}

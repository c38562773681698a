//! Work that no request waits for: expiring orders, delivering events, importing files, watching the directory,
//! forgetting old answers, looking at tables that grow and at the file of the database.
//!
//! A worker must never end because one round failed: it logs, and the next round tries again. It ends when it is told
//! to stop, between two rounds; only a round that does not end in time is cut off. While the database's circuit breaker is not closed it rests:
//! requests and the watch of the directory find out whether the database is back, and neither waits for long.

mod clock;
mod database_file;
mod directory;
mod expiry;
mod idempotency;
mod imports;
mod outbox;
mod outbox_watch;
pub(crate) mod statistics;

use crate::state::AppState;
use rustok_core::deadline::Deadline;
use rustok_core::error::RichError;
use rustok_core::resilience::{CircuitBreaker, CircuitState};
use std::time::Duration;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

/// How many rows are forgotten in one transaction: some milliseconds of the writer. In one of all that is old nobody else
/// could write for seconds.
const FORGOTTEN_AT_ONCE: u32 = 250;

/// The running workers.
#[derive(Debug)]
#[must_use = "workers must be waited for, or a round is cut off"]
pub struct Workers(JoinSet<()>);

impl Workers {
    /// Waits until all have stopped; a round that waits for a silent database is cut off after a while. That loses
    /// nothing: a round's changes are transactions, and the next start takes up what is left.
    pub async fn finish(mut self) {
        let ended = async {
            while let Some(ended) = self.0.join_next().await {
                if let Err(error) = ended {
                    tracing::error!(%error, "a worker panicked");
                }
            }
        };
        if tokio::time::timeout(FINISH_LIMIT, ended).await.is_err() {
            tracing::warn!("a worker did not finish its round in time and was cut off");
        }
    }
}

/// Starts all workers; they stop when `stop` is cancelled.
pub fn spawn_all(state: &AppState, stop: &CancellationToken) -> Workers {
    let mut workers = JoinSet::new();
    workers.spawn(directory::run(state.clone(), stop.clone()));
    workers.spawn(imports::run(state.clone(), stop.clone()));
    let pace = |name, every| Pace {
        name,
        every,
        state: Some(state.clone()),
        breaker: state.services().store.breaker().cloned(),
        stop: stop.clone(),
    };
    let (expiring, delivering) = (state.clone(), state.clone());
    workers.spawn(rounds(pace("order_expiry", expiry::EVERY), async move || {
        expiry::round(&expiring).await
    }));
    let mut sum = outbox::Sum::default();
    workers.spawn(rounds(pace("outbox", outbox::EVERY), async move || {
        outbox::round(&delivering, &mut sum).await
    }));
    let (purging, forgetting) = (state.clone(), state.clone());
    workers.spawn(rounds(pace("outbox_purge", HOURLY), async move || {
        outbox::purge(&purging).await
    }));
    workers.spawn(rounds(pace("idempotency", HOURLY), async move || {
        idempotency::round(&forgetting).await
    }));
    let watching = state.clone();
    workers.spawn(rounds(
        pace("outbox_watch", outbox_watch::EVERY),
        async move || outbox_watch::round(&watching).await,
    ));
    if state.services().store.sqlite_path().is_some() {
        workers.spawn(database_file::run(state.clone(), stop.clone()));
    } else {
        workers.spawn(clock::run(state.clone(), stop.clone()));
        let looking = state.clone();
        workers.spawn(rounds(pace("statistics", statistics::EVERY), async move || {
            statistics::round(&looking).await
        }));
    }
    Workers(workers)
}

/// How often old rows are deleted.
const HOURLY: Duration = Duration::from_secs(3_600);
/// How long rounds that run may take to finish when the server stops.
const FINISH_LIMIT: Duration = Duration::from_secs(2);
/// How long one round may take before it is given up; the next one takes up what is left.
const ROUND_LIMIT: Duration = Duration::from_secs(60);

pub(crate) fn round_deadline() -> Deadline {
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

/// Who makes rounds and when.
struct Pace {
    name: &'static str,
    /// Where rounds are counted; nowhere in tests.
    state: Option<AppState>,
    /// The pause after a round that left nothing.
    every: Duration,
    /// The database's, if it has one.
    breaker: Option<CircuitBreaker>,
    stop: CancellationToken,
}

impl Pace {
    fn rests(&self) -> bool {
        self.breaker
            .as_ref()
            .is_some_and(|breaker| breaker.state() != CircuitState::Closed)
    }

    /// What the database's absence kept from being done is not put off for a whole pause.
    fn pause(&self) -> Duration {
        if self.rests() {
            REST.min(self.every)
        } else {
            self.every
        }
    }
}

/// How long a worker rests at most while the database is away: it takes up its work soon after.
const REST: Duration = Duration::from_secs(1);

/// Makes a round, at once when there is more to do and else after a pause, until it is told to stop.
async fn rounds(pace: Pace, mut round: impl AsyncFnMut() -> Result<Round, RichError>) {
    let mut failing = false;
    while !pace.stop.is_cancelled() {
        if !pace.rests() {
            let made = round().await;
            match &made {
                Ok(_) => {}
                // The first of many says it all.
                Err(error) if failing => tracing::debug!(worker = pace.name, ?error, "a round failed again"),
                Err(error) => tracing::warn!(worker = pace.name, ?error, "a round failed and is tried again"),
            }
            failing = made.is_err();
            if let Some(state) = &pace.state {
                state.metrics().count_round(pace.name, !failing);
            }
            if matches!(made, Ok(Round::Full)) {
                continue;
            }
        }
        tokio::select! {
            () = pace.stop.cancelled() => {}
            () = tokio::time::sleep(pace.pause()) => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rustok_core::error::ErrorKind;
    use std::sync::atomic::{AtomicUsize, Ordering};

    fn pace(every: Duration, stop: &CancellationToken, breaker: Option<&CircuitBreaker>) -> Pace {
        Pace {
            name: "test",
            state: None,
            every,
            breaker: breaker.cloned(),
            stop: stop.clone(),
        }
    }

    #[tokio::test]
    async fn rounds_go_on_after_a_failure_and_end_when_told_to() {
        let stop = CancellationToken::new();
        let mut made = 0;
        rounds(pace(Duration::ZERO, &stop, None), async || {
            made += 1;
            match made {
                1 => Ok(Round::Full),
                2 => Err(RichError::new(ErrorKind::Unavailable, "away")),
                3 => Ok(Round::Done),
                _ => {
                    stop.cancel();
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
        rounds(pace(Duration::MAX, &stop, None), async || {
            stop.cancel();
            Ok(Round::Done)
        })
        .await;
    }

    #[tokio::test]
    async fn nobody_works_while_the_database_is_away_and_everybody_soon_after() {
        let breaker = CircuitBreaker::builder("database").build().unwrap();
        let stop = CancellationToken::new();
        let hourly = pace(HOURLY, &stop, Some(&breaker));
        assert_eq!(hourly.pause(), HOURLY);
        breaker.open();
        assert_eq!(hourly.pause(), REST);
        assert_eq!(
            pace(Duration::ZERO, &stop, Some(&breaker)).pause(),
            Duration::ZERO
        );
        breaker.reset();

        let made = AtomicUsize::new(0);
        let working = rounds(pace(Duration::ZERO, &stop, Some(&breaker)), async || {
            if made.fetch_add(1, Ordering::Relaxed) == 0 {
                breaker.open();
                return Err(RichError::new(ErrorKind::Unavailable, "away"));
            }
            stop.cancel();
            Ok(Round::Done)
        });
        let watching = async {
            for _ in 0..10 {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
            let meanwhile = made.load(Ordering::Relaxed);
            breaker.reset();
            meanwhile
        };
        let ((), meanwhile) = tokio::join!(working, watching);
        assert_eq!((meanwhile, made.load(Ordering::Relaxed)), (1, 2));
    }
}

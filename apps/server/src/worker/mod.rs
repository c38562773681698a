//! Background work: jobs such as the expiry of orders, sending mails, delivering events, importing files, watching the directory,
//! deleting old replies and sessions, analysing growing tables, and checking the database's file or clock.
//!
//! A worker must never end because a round failed: it logs the error, and the next round tries again. It ends between
//! two rounds when it is stopped; only a round that does not end in time is cut off. While the database's circuit
//! breaker is not closed a worker rests: requests and the directory watch detect the recovery, and neither waits for
//! long.

mod clock;
mod database_file;
mod directory;
mod idempotency;
mod imports;
mod jobs;
mod mail;
mod outbox;
mod outbox_watch;
mod people;
pub(crate) mod statistics;

use crate::state::AppState;
use rustok_core::deadline::Deadline;
use rustok_core::error::RichError;
use rustok_core::resilience::{CircuitBreaker, CircuitState};
use std::time::Duration;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

/// Rows deleted per transaction: some milliseconds of the writer. Deleting all old rows in one transaction would
/// block all other writes for seconds.
const FORGOTTEN_AT_ONCE: u32 = 250;

/// The running workers.
#[derive(Debug)]
#[must_use = "workers must be waited for, or a round is cut off"]
pub struct Workers(JoinSet<()>);

impl Workers {
    /// Waits until all have stopped; cuts off a round that waits too long for an unresponsive database. Nothing is
    /// lost: a round's changes are transactions, and the next start continues with the rest.
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
    let (working, stopping) = (state.clone(), stop.clone());
    workers.spawn(rounds(pace("jobs", jobs::EVERY), async move || {
        jobs::round(&working, &stopping).await
    }));
    if state.services().mail.is_on() {
        let (sending, stopping) = (state.clone(), stop.clone());
        workers.spawn(rounds(pace("mail", mail::EVERY), async move || {
            mail::round(&sending, &stopping).await
        }));
    }
    let (delivering, stopping, mut sum) = (state.clone(), stop.clone(), outbox::Sum::default());
    workers.spawn(rounds(pace("outbox", outbox::EVERY), async move || {
        outbox::round(&delivering, &stopping, &mut sum).await
    }));
    let (purging, forgetting) = (state.clone(), state.clone());
    workers.spawn(rounds(pace("outbox_purge", HOURLY), async move || {
        outbox::purge(&purging).await
    }));
    workers.spawn(rounds(pace("idempotency", HOURLY), async move || {
        idempotency::round(&forgetting).await
    }));
    let ending = state.clone();
    workers.spawn(rounds(pace("people", HOURLY), async move || {
        people::round(&ending).await
    }));
    let using = state.clone();
    workers.spawn(rounds(pace("token_use", people::USES_EVERY), async move || {
        people::store_uses(&using).await
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

/// Interval at which old rows are deleted.
const HOURLY: Duration = Duration::from_secs(3_600);
/// How long running rounds may take to finish at shutdown.
const FINISH_LIMIT: Duration = Duration::from_secs(2);
/// Deadline of one round; the next one continues with the rest.
const ROUND_LIMIT: Duration = Duration::from_secs(60);

pub(crate) fn round_deadline() -> Deadline {
    Deadline::after(ROUND_LIMIT)
}

/// Whether there is more to do right now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Round {
    /// The round reached its maximum size: there is more.
    Full,
    /// Nothing is left.
    Done,
}

/// The schedule of a worker.
struct Pace {
    name: &'static str,
    /// Where rounds are counted; `None` in tests.
    state: Option<AppState>,
    /// The pause after a round that left nothing to do.
    every: Duration,
    /// The database's breaker, if it has one.
    breaker: Option<CircuitBreaker>,
    stop: CancellationToken,
}

impl Pace {
    fn rests(&self) -> bool {
        self.breaker
            .as_ref()
            .is_some_and(|breaker| breaker.state() != CircuitState::Closed)
    }

    /// The pause after a round. It is short while the database is unavailable, so that postponed work does not wait
    /// for a whole pause.
    fn pause(&self) -> Duration {
        if self.rests() {
            REST.min(self.every)
        } else {
            self.every
        }
    }
}

/// Maximum pause while the database is unavailable, so that work resumes soon after its recovery.
const REST: Duration = Duration::from_secs(1);

/// Runs rounds until stopped: the next one at once if there is more to do, otherwise after a pause.
async fn rounds(pace: Pace, mut round: impl AsyncFnMut() -> Result<Round, RichError>) {
    let mut failing = false;
    while !pace.stop.is_cancelled() {
        if !pace.rests() {
            let made = round().await;
            match &made {
                Ok(_) => {}
                // Only the first of consecutive failures is a warning.
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
                    // There is more to do, but no further round begins.
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

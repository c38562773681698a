//! Decides when a connection must end although its client keeps it open: the client does not read its responses, or
//! sends no requests.

use super::answer::ResponsesInFlight;
use crate::limits::bytes::Share;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use tokio::sync::Semaphore;
use tokio::time::Instant;

/// How long a client may read nothing of its responses.
pub(super) const STALL: Duration = Duration::from_secs(10);
/// How long a connection may be open without a request in flight while connection permits are scarce.
const IDLE_WHEN_SCARCE: Duration = Duration::from_secs(2);
/// Permits are scarce when less than one in this many is free.
const SCARCE_PART: usize = 8;
/// Interval of the checks.
const LOOK: Duration = Duration::from_secs(2);

/// The activity of a connection.
#[derive(Debug, Clone)]
pub(super) struct Activity {
    /// Whether a request has ever arrived.
    pub(super) asked: Arc<AtomicBool>,
    pub(super) in_flight: ResponsesInFlight,
    pub(super) answers: Arc<Share>,
}

/// Why a connection must end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum End {
    /// No request arrived, or no response is read: the connection is cut.
    Cut,
    /// It is idle: the client is asked to close it.
    Idle,
}

/// How long a connection may be open.
#[derive(Debug, Clone, Copy)]
pub(super) struct Patience {
    /// Before its first request.
    pub(super) first_request: Duration,
    /// Without a request in flight.
    pub(super) idle: Duration,
}

/// The connection permits of a listener.
#[derive(Debug, Clone)]
pub(super) struct Places {
    pub(super) all: usize,
    pub(super) free: Arc<Semaphore>,
}

impl Places {
    fn are_scarce(&self) -> bool {
        self.free.available_permits() * SCARCE_PART < self.all
    }
}

impl Activity {
    pub(super) fn new(answers: Arc<Share>) -> Self {
        Self {
            asked: Arc::default(),
            in_flight: ResponsesInFlight::default(),
            answers,
        }
    }

    /// Returns when the connection must end. The first request may take as long as a head may; the HTTP library's own
    /// timer starts with the first byte, since before that it does not know the HTTP version.
    pub(super) async fn watch(&self, places: &Places, patience: Patience) -> End {
        let opened = Instant::now();
        // A short idle time is checked more often, so that it is exceeded by a quarter at most.
        let look = LOOK.min(patience.idle / 4);
        let (mut last_busy, mut last_progress) = (opened, opened);
        let (mut released, mut begun) = (self.answers.released(), self.in_flight.begun());
        loop {
            tokio::time::sleep(look).await;
            let now = Instant::now();
            if !self.asked.load(Ordering::Relaxed) {
                if now - opened >= patience.first_request {
                    return End::Cut;
                }
                continue;
            }
            let released_now = self.answers.released();
            if self.answers.held() == 0 || released_now != released {
                released = released_now;
                last_progress = now;
            }
            if now - last_progress >= STALL {
                return End::Cut;
            }
            let begun_now = self.in_flight.begun();
            if !self.in_flight.is_none() || begun_now != begun {
                begun = begun_now;
                last_busy = now;
            }
            let idle = if places.are_scarce() {
                IDLE_WHEN_SCARCE.min(patience.idle)
            } else {
                patience.idle
            };
            if now - last_busy >= idle {
                return End::Idle;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::limits::Limits;
    use crate::settings::HttpSettings;

    fn places(free: usize) -> Places {
        Places {
            all: 80,
            free: Arc::new(Semaphore::new(free)),
        }
    }

    fn activity(asked: bool) -> Activity {
        let activity = Activity::new(Limits::new(&HttpSettings::default()).answers.share());
        activity.asked.store(asked, Ordering::Relaxed);
        activity
    }

    async fn ended(activity: &Activity, free: usize) -> (End, Duration) {
        ended_after(activity, free, Duration::from_secs(75)).await
    }

    async fn ended_after(activity: &Activity, free: usize, idle: Duration) -> (End, Duration) {
        let begun = Instant::now();
        let patience = Patience {
            first_request: Duration::from_secs(10),
            idle,
        };
        let end = activity.watch(&places(free), patience).await;
        (end, begun.elapsed())
    }

    #[tokio::test(start_paused = true)]
    async fn who_asks_for_nothing_is_not_kept_long() {
        assert_eq!(
            ended(&activity(false), 80).await,
            (End::Cut, Duration::from_secs(10))
        );
        assert_eq!(
            ended(&activity(true), 80).await,
            (End::Idle, Duration::from_secs(76))
        );
        assert_eq!(
            ended(&activity(true), 9).await,
            (End::Idle, Duration::from_secs(2))
        );
        let second = Duration::from_secs(1);
        assert_eq!(
            ended_after(&activity(true), 80, second).await,
            (End::Idle, second)
        );
        assert_eq!(ended_after(&activity(true), 9, second).await, (End::Idle, second));
    }

    #[tokio::test(start_paused = true)]
    async fn a_request_in_hand_is_no_idleness() {
        let activity = activity(true);
        let request = activity.in_flight.begin();
        let watched = tokio::time::timeout(Duration::from_secs(3_600), ended(&activity, 0)).await;
        assert!(watched.is_err());
        drop(request);
        assert_eq!(ended(&activity, 0).await.0, End::Idle);
    }

    #[tokio::test(start_paused = true)]
    async fn requests_that_come_and_go_between_two_looks_are_no_idleness() {
        let activity = activity(true);
        let asking = async {
            for _ in 0..400 {
                tokio::time::sleep(Duration::from_millis(999)).await;
                drop(activity.in_flight.begin());
            }
            std::future::pending::<()>().await;
        };
        let (end, after) = tokio::select! {
            ended = ended(&activity, 80) => ended,
            () = asking => unreachable!(),
        };
        assert_eq!(end, End::Idle);
        assert!(after > Duration::from_secs(470), "{after:?}");
    }

    #[tokio::test(start_paused = true)]
    async fn an_answer_that_is_not_taken_ends_its_connection() {
        let activity = activity(true);
        let _request = activity.in_flight.begin();
        let mut held = activity.answers.hold(100);
        let reading = async {
            for _ in 0..30 {
                tokio::time::sleep(Duration::from_secs(3)).await;
                drop(held.split(1));
            }
            std::future::pending::<()>().await;
        };
        let (end, after) = tokio::select! {
            ended = ended(&activity, 80) => ended,
            () = reading => unreachable!(),
        };
        assert_eq!(end, End::Cut);
        assert!(
            (Duration::from_secs(100)..Duration::from_secs(104)).contains(&after),
            "{after:?}"
        );
    }
}

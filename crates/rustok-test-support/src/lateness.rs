//! How late timers fire on this machine while a test runs.
//!
//! A test of a time limit on a machine that is busy with other things measures that machine. It must never grant more
//! than was seen beside it at the same time.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep};

/// How long each timer runs whose lateness is measured.
const EVERY: Duration = Duration::from_millis(2);

/// Sets timers one after the other and remembers how late the worst of them was. Dropped, it ends.
#[derive(Debug)]
pub struct Lateness {
    worst_micros: Arc<AtomicU64>,
    timers: JoinHandle<()>,
}

impl Lateness {
    /// Begins to watch, on the runtime of the caller.
    #[must_use]
    pub fn watch() -> Self {
        let worst_micros = Arc::new(AtomicU64::new(0));
        let seen = Arc::clone(&worst_micros);
        let timers = tokio::spawn(async move {
            loop {
                let begun = Instant::now();
                sleep(EVERY).await;
                let late = begun.elapsed().saturating_sub(EVERY);
                seen.fetch_max(
                    u64::try_from(late.as_micros()).unwrap_or(u64::MAX),
                    Ordering::Relaxed,
                );
            }
        });
        Self { worst_micros, timers }
    }

    /// How late the worst timer was so far.
    #[must_use]
    pub fn worst(&self) -> Duration {
        Duration::from_micros(self.worst_micros.load(Ordering::Relaxed))
    }
}

impl Drop for Lateness {
    fn drop(&mut self) {
        self.timers.abort();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_thread_that_is_held_up_is_seen() {
        let lateness = Lateness::watch();
        sleep(EVERY).await;
        let busy = std::time::Instant::now();
        while busy.elapsed() < Duration::from_millis(30) {
            std::hint::spin_loop();
        }
        sleep(EVERY).await;
        assert!(
            lateness.worst() >= Duration::from_millis(20),
            "{:?}",
            lateness.worst()
        );
    }
}

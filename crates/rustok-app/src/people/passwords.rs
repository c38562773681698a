//! Hashes and compares passwords: few at once, on blocking threads, with a short queue.
//!
//! It must never run while a transaction is open: it takes tens of milliseconds on purpose.

use crate::context::Services;
use rand::Rng as _;
use rustok_auth::password::SALT_BYTES;
use rustok_auth::{Password, PasswordHash};
use rustok_core::error::{ErrorKind, RichError};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;
use tokio::sync::Semaphore;

/// Attempts that may wait for a turn: about two seconds of work for one processor.
const MOST_WAITING: usize = 64;

/// The turns of password work in this process: half of the processors, each with 19 MiB while it runs.
#[derive(Debug)]
pub(crate) struct Hashing {
    turns: Arc<Semaphore>,
    waiting: AtomicUsize,
}

impl Default for Hashing {
    fn default() -> Self {
        let processors = std::thread::available_parallelism().map_or(1, usize::from);
        Self {
            turns: Arc::new(Semaphore::new((processors / 2).max(1))),
            waiting: AtomicUsize::new(0),
        }
    }
}

/// One attempt in the queue.
struct Waiting<'a>(&'a AtomicUsize);

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Hashing {
    /// Runs `work` when its turn comes. It keeps its turn until it ends, even if nobody waits for it any more.
    async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, RichError> {
        if self.waiting.fetch_add(1, Ordering::Relaxed) >= MOST_WAITING {
            self.waiting.fetch_sub(1, Ordering::Relaxed);
            return Err(overloaded());
        }
        let waiting = Waiting(&self.waiting);
        let turn = Arc::clone(&self.turns).acquire_owned().await;
        drop(waiting);
        let turn = turn.map_err(|_| overloaded())?;
        let worked = tokio::task::spawn_blocking(move || {
            let worked = work();
            drop(turn);
            worked
        });
        worked
            .await
            .map_err(|error| RichError::new(ErrorKind::Internal, "password work").with_source(error))
    }
}

fn overloaded() -> RichError {
    RichError::new(ErrorKind::Unavailable, "too many passwords to check")
        .with_code("overloaded")
        .with_public("Too many sign-ins at once. Try again in a moment.")
        .with_retry_after(Duration::from_secs(1))
}

impl Services {
    /// The hash of a new password.
    pub(crate) async fn hash_password(&self, password: Password) -> Result<PasswordHash, RichError> {
        let mut salt = [0; SALT_BYTES];
        self.with_rng(|rng| rng.fill_bytes(&mut salt));
        self.hashing.run(move || password.hash(salt)).await
    }

    /// Whether `typed` is the password with this hash. Without a hash, or with a text that is longer than any password, it
    /// takes as long and the answer is no.
    pub(crate) async fn is_password(
        &self,
        hash: Option<PasswordHash>,
        typed: &str,
    ) -> Result<bool, RichError> {
        let typed = Password::typed(typed);
        let work = move || match (hash, typed) {
            (Some(hash), Some(typed)) => hash.matches(&typed),
            (_, typed) => {
                let typed = typed.or_else(|| Password::typed(""));
                typed.is_some_and(|typed| PasswordHash::of_nobody().matches(&typed))
            }
        };
        self.hashing.run(work).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Instant;

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn few_run_at_once_a_limited_number_waits_and_the_rest_is_refused() {
        let hashing = Arc::new(Hashing {
            turns: Arc::new(Semaphore::new(2)),
            waiting: AtomicUsize::new(0),
        });
        let (now, most) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
        let (open, closed) = (Arc::new(Semaphore::new(0)), MOST_WAITING + 2);
        let runs = (0..closed + 5).map(|_| {
            let (hashing, now, most, open) = (hashing.clone(), now.clone(), most.clone(), open.clone());
            tokio::spawn(async move {
                let handle = tokio::runtime::Handle::current();
                let work = move || {
                    most.fetch_max(now.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
                    drop(handle.block_on(open.acquire()));
                    now.fetch_sub(1, Ordering::SeqCst);
                };
                hashing.run(work).await
            })
        });
        let runs: Vec<_> = runs.collect();
        let refused = || runs.iter().filter(|run| run.is_finished()).count();
        let begun = Instant::now();
        while refused() < 5 && begun.elapsed() < Duration::from_secs(10) {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        assert_eq!(refused(), 5);
        // Those who run have begun before the first of them ends.
        while most.load(Ordering::SeqCst) < 2 && begun.elapsed() < Duration::from_secs(10) {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        open.add_permits(1);
        let mut done = 0;
        for run in runs {
            match run.await.unwrap() {
                Ok(()) => done += 1,
                Err(error) => assert_eq!((error.status(), error.code()), (503, "overloaded")),
            }
        }
        assert_eq!((done, most.load(Ordering::SeqCst)), (closed, 2));
        assert_eq!(hashing.waiting.load(Ordering::SeqCst), 0);
    }
}

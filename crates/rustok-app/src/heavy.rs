//! CPU-bound work. It must not block an async worker that other requests need, nor occupy all processors at once.

use std::sync::{Condvar, LazyLock, Mutex, PoisonError};
use tokio::runtime::{Handle, RuntimeFlavor};

/// Work on fewer bytes takes a millisecond or so and runs in place.
const LIGHT_BYTES: usize = 16 << 10;

/// Permits for half of the processors, at least one; the others are left to light requests.
static TURNS: LazyLock<Turns> = LazyLock::new(|| {
    let processors = std::thread::available_parallelism().map_or(1, usize::from);
    Turns::new((processors / 2).max(1))
});

/// Runs work whose cost grows with `bytes`: directly if it is small, else with `block_in_place` and a permit.
pub(crate) fn heavy<T>(bytes: usize, work: impl FnOnce() -> T) -> T {
    let flavour = Handle::try_current().map(|runtime| runtime.runtime_flavor());
    if bytes < LIGHT_BYTES || !matches!(flavour, Ok(RuntimeFlavor::MultiThread)) {
        return work();
    }
    tokio::task::block_in_place(|| {
        let _turn = TURNS.wait();
        work()
    })
}

/// A semaphore that limits concurrent heavy work.
struct Turns {
    free: Mutex<usize>,
    freed: Condvar,
}

struct Turn<'a>(&'a Turns);

impl Turns {
    const fn new(count: usize) -> Self {
        Self {
            free: Mutex::new(count),
            freed: Condvar::new(),
        }
    }

    fn wait(&self) -> Turn<'_> {
        let free = self.free.lock().unwrap_or_else(PoisonError::into_inner);
        let mut free = self
            .freed
            .wait_while(free, |free| *free == 0)
            .unwrap_or_else(PoisonError::into_inner);
        *free -= 1;
        Turn(self)
    }
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        *self.0.free.lock().unwrap_or_else(PoisonError::into_inner) += 1;
        self.0.freed.notify_one();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::time::{Duration, Instant};

    #[test]
    fn so_many_work_at_once() {
        let turns = Turns::new(2);
        let (now, most) = (AtomicUsize::new(0), AtomicUsize::new(0));
        std::thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| {
                    let _turn = turns.wait();
                    most.fetch_max(now.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
                    std::thread::park_timeout(Duration::from_millis(5));
                    now.fetch_sub(1, Ordering::SeqCst);
                });
            }
        });
        assert_eq!(most.into_inner(), 2);
        assert_eq!(*turns.free.lock().unwrap(), 2);
    }

    /// More heavy tasks than workers, and a light task beside them.
    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn heavy_work_holds_up_no_worker() {
        let begun = Instant::now();
        let all: Vec<_> = (0..4)
            .map(|_| {
                let work = || std::thread::park_timeout(Duration::from_millis(300));
                tokio::spawn(async move { heavy(LIGHT_BYTES, work) })
            })
            .collect();
        tokio::time::sleep(Duration::from_millis(20)).await;
        tokio::spawn(async {}).await.unwrap();
        let light = begun.elapsed();
        for work in all {
            work.await.unwrap();
        }
        assert!(light < begun.elapsed() / 2, "{light:?} of {:?}", begun.elapsed());
    }
}

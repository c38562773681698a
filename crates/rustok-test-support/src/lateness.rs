//! Measures the scheduling delay of this machine while a test runs.
//!
//! On a busy machine a test of a time limit would measure the load. So a test grants as much beyond the limit as was
//! observed at the same time in two ways: how late timers fire on the test's own runtime, and how long the threads of
//! a watched process were runnable without a core (`/proc/PID/task/*/schedstat`, Linux only). A program that sleeps,
//! blocks or waits for another is not runnable, so its own faults are never granted.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep};

/// The duration of each measured timer.
const EVERY: Duration = Duration::from_millis(2);
/// How many timers pass between two readings of the watched process.
const TIMERS_PER_LOOK: u32 = 5;

/// Runs timers one after the other and records how late each fired. Dropped, it stops.
#[derive(Debug)]
pub struct Lateness {
    seen: Arc<Mutex<Seen>>,
    timers: JoinHandle<()>,
}

#[derive(Debug, Default)]
struct Seen {
    /// For each late timer: when it started, when it fired, and how late it was.
    timers: Vec<(Instant, Instant, Duration)>,
    process: Option<Process>,
}

/// A process whose threads are watched.
#[derive(Debug)]
struct Process {
    tasks: PathBuf,
    /// Nanoseconds that each thread had waited for a core at the last reading.
    threads: HashMap<std::ffi::OsString, u64>,
    waited: Duration,
    /// The sum of these waits over all threads, per reading.
    looks: Vec<(Instant, Duration)>,
}

impl Lateness {
    /// Starts measuring timers on the runtime of the caller.
    #[must_use]
    pub fn watch() -> Self {
        Self::begin(None)
    }

    /// Also watches the threads of this process.
    #[must_use]
    pub fn watch_process(id: u32) -> Self {
        Self::begin(Some(Process {
            tasks: PathBuf::from(format!("/proc/{id}/task")),
            threads: HashMap::new(),
            waited: Duration::ZERO,
            looks: Vec::new(),
        }))
    }

    fn begin(process: Option<Process>) -> Self {
        let seen = Arc::new(Mutex::new(Seen {
            timers: Vec::new(),
            process,
        }));
        look(&seen);
        let timers = tokio::spawn(watch(Arc::clone(&seen)));
        Self { seen, timers }
    }

    /// The largest delay of a timer so far.
    #[must_use]
    pub fn worst(&self) -> Duration {
        let seen = self.seen.lock().unwrap();
        seen.timers
            .iter()
            .map(|(_, _, late)| *late)
            .max()
            .unwrap_or_default()
    }

    /// The delay to grant for something that began at `from` and ends now.
    #[must_use]
    pub fn since(&self, from: impl Into<Instant>) -> Duration {
        self.between(from, Instant::now())
    }

    /// The delay to grant for something between these moments: twice the largest timer delay in that time, once for
    /// either end, plus the time that the watched process waited for a core. Without a watched process, or without
    /// its numbers, four times the largest timer delay.
    #[must_use]
    pub fn between(&self, from: impl Into<Instant>, to: impl Into<Instant>) -> Duration {
        let (from, to) = (from.into(), to.into());
        look(&self.seen);
        let seen = self.seen.lock().unwrap();
        let timers = seen.timers.iter();
        let meanwhile = timers.filter(|(begun, fired, _)| *begun <= to && *fired >= from);
        let worst = meanwhile.map(|(_, _, late)| *late).max().unwrap_or_default();
        let waited = seen
            .process
            .as_ref()
            .and_then(|process| process.between(from, to));
        2 * worst + waited.unwrap_or(2 * worst)
    }
}

impl Process {
    fn look(&mut self) {
        let Ok(tasks) = std::fs::read_dir(&self.tasks) else {
            return;
        };
        for task in tasks.flatten() {
            let Some(waited) = waited_nanos(&task.path()) else {
                continue;
            };
            let before = self.threads.insert(task.file_name(), waited).unwrap_or(0);
            self.waited += Duration::from_nanos(waited.saturating_sub(before));
        }
        if !self.threads.is_empty() {
            self.looks.push((Instant::now(), self.waited));
        }
    }

    /// From the last reading before `from` to the first one after `to`; `None` without readings.
    fn between(&self, from: Instant, to: Instant) -> Option<Duration> {
        let first = self
            .looks
            .iter()
            .rev()
            .find(|(at, _)| *at <= from)
            .or(self.looks.first())?;
        let last = self
            .looks
            .iter()
            .find(|(at, _)| *at >= to)
            .or(self.looks.last())?;
        Some(last.1.saturating_sub(first.1))
    }
}

/// The second number of the file: how long the thread was runnable without a core.
fn waited_nanos(task: &std::path::Path) -> Option<u64> {
    let numbers = std::fs::read_to_string(task.join("schedstat")).ok()?;
    numbers.split_whitespace().nth(1)?.parse().ok()
}

fn look(seen: &Mutex<Seen>) {
    if let Some(process) = &mut seen.lock().unwrap().process {
        process.look();
    }
}

async fn watch(seen: Arc<Mutex<Seen>>) {
    loop {
        for _ in 0..TIMERS_PER_LOOK {
            let begun = Instant::now();
            sleep(EVERY).await;
            let fired = Instant::now();
            let late = fired.saturating_duration_since(begun + EVERY);
            // Timers have a resolution of a millisecond.
            if late > EVERY {
                seen.lock().unwrap().timers.push((begun, fired, late));
            }
        }
        look(&seen);
    }
}

impl Drop for Lateness {
    fn drop(&mut self) {
        self.timers.abort();
    }
}

/// How often this thread was preempted. A measurement with preemptions in between includes the work of others. `None`
/// where the system does not report it (the source is Linux' `/proc`).
#[must_use]
pub fn preemptions() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/thread-self/status").ok()?;
    let count = status
        .lines()
        .find_map(|line| line.strip_prefix("nonvoluntary_ctxt_switches:"))?;
    count.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spin(time: Duration) {
        let begun = std::time::Instant::now();
        while begun.elapsed() < time {
            std::hint::spin_loop();
        }
    }

    #[tokio::test]
    async fn a_thread_that_is_held_up_is_seen() {
        let lateness = Lateness::watch();
        sleep(EVERY).await;
        let begun = Instant::now();
        spin(Duration::from_millis(30));
        let ended = Instant::now();
        sleep(EVERY).await;
        assert!(lateness.worst() >= Duration::from_millis(20), "{lateness:?}");
        let granted = lateness.between(begun, ended);
        assert!(granted >= Duration::from_millis(4 * 20), "{granted:?}");
        // No grant for the time before the measurement.
        assert!(lateness.between(begun - Duration::from_secs(2), begun - Duration::from_secs(1)) < granted);
    }

    /// More threads than cores: some wait for a core. A sleeping one does not.
    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn a_process_that_gets_no_core_is_seen_and_one_that_sleeps_is_not() {
        if waited_nanos(std::path::Path::new("/proc/thread-self")).is_none() {
            return;
        }
        let script = "for _ in 1 2 3 4 5 6 7 8; do (exec sleep 20) & done; wait";
        let mut sleeps = tokio::process::Command::new("sh")
            .args(["-c", script])
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        let lateness = Lateness::watch_process(sleeps.id().unwrap());
        sleep(Duration::from_millis(300)).await;
        let looks = lateness
            .seen
            .lock()
            .unwrap()
            .process
            .as_ref()
            .unwrap()
            .looks
            .clone();
        let waited = looks.last().unwrap().1 - looks.first().unwrap().1;
        assert!(waited < Duration::from_millis(300), "{waited:?}");
        sleeps.kill().await.unwrap();

        let cores = std::thread::available_parallelism().unwrap().get();
        let lateness = Lateness::watch_process(std::process::id());
        let begun = Instant::now();
        let threads: Vec<_> = (0..2 * cores)
            .map(|_| std::thread::spawn(|| spin(Duration::from_millis(400))))
            .collect();
        tokio::task::spawn_blocking(|| threads.into_iter().for_each(|thread| thread.join().unwrap()))
            .await
            .unwrap();
        // At any time half of them were waiting.
        let granted = lateness.since(begun);
        assert!(granted > Duration::from_millis(200), "{granted:?}");
    }
}

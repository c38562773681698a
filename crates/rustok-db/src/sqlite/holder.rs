//! Finds another process that holds the write lock of a SQLite file, and resumes it if it is stopped.
//!
//! A stopped process (SIGSTOP, a terminal's Ctrl-Z) keeps its locks. Only resuming it releases them without losing
//! what it was writing, so a stopped holder is sent SIGCONT. No process is ever terminated from here, and a running
//! one gets no signal.

use crate::files::beside;
use rustix::process::{Pid, Signal, kill_process};
use std::fmt;
use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

/// The byte of the `-shm` file that a writer locks (<https://sqlite.org/walformat.html>, "WAL locks").
const WRITE_LOCK: &str = "120";

/// A process that holds the lock.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Holder {
    pid: i32,
    is_stopped: bool,
}

impl fmt::Display for Holder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let stopped = if self.is_stopped { ", which is stopped" } else { "" };
        write!(f, "process {}{stopped}", self.pid)
    }
}

impl Holder {
    /// The holder of the file's write lock, where the system shows it (Linux does, for processes visible to this
    /// one).
    pub(super) fn of(database: &Path) -> Option<Self> {
        let inode = fs::metadata(beside(database, "-shm")).ok()?.ino();
        let pid = pid_in(&fs::read_to_string("/proc/locks").ok()?, inode)?;
        let status = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
        Some(Self {
            pid,
            is_stopped: is_stopped(&status),
        })
    }

    /// Sends SIGCONT to a stopped holder; true if it was sent.
    pub(super) fn wake(self) -> bool {
        let pid = Pid::from_raw(self.pid).filter(|_| self.is_stopped);
        pid.is_some_and(|pid| kill_process(pid, Signal::CONT).is_ok())
    }
}

/// A line is `1: POSIX  ADVISORY  WRITE 4711 fd:01:1234 120 120`; one for a waiting process has an arrow and does not
/// match.
fn pid_in(locks: &str, inode: u64) -> Option<i32> {
    let inode = inode.to_string();
    locks.lines().find_map(|line| {
        let words: Vec<&str> = line.split_whitespace().collect();
        let [_, "POSIX", _, "WRITE", pid, place, first, last] = words[..] else {
            return None;
        };
        let covers = place.rsplit(':').next() == Some(&inode) && first == WRITE_LOCK && last == WRITE_LOCK;
        covers.then(|| pid.parse().ok()).flatten()
    })
}

/// Reads the state behind the process name, which may contain anything: `4711 (rustok) T 1 ...`.
fn is_stopped(status: &str) -> bool {
    let state = status.rsplit_once(") ").map(|(_, rest)| rest);
    state.is_some_and(|state| state.starts_with('T'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_holder_is_found_among_all_locks() {
        let locks = "1: POSIX  ADVISORY  READ  11 fd:01:77 124 124\n\
                     2: FLOCK  ADVISORY  WRITE 12 fd:01:77 0 EOF\n\
                     2: -> POSIX  ADVISORY  WRITE 13 fd:01:77 120 120\n\
                     3: POSIX  ADVISORY  WRITE 14 fd:01:78 120 120\n\
                     4: POSIX  ADVISORY  WRITE 15 fd:01:77 120 120\n";
        assert_eq!(pid_in(locks, 77), Some(15));
        assert_eq!(pid_in(locks, 79), None);
    }

    #[test]
    fn a_name_cannot_pretend_a_state() {
        assert!(is_stopped("15 (rustok) T 1 15"));
        assert!(!is_stopped("15 (x) T 1) S 1 15"));
        assert!(!is_stopped(""));
        let own = fs::read_to_string("/proc/self/stat").unwrap_or_default();
        assert!(!is_stopped(&own));
    }
}

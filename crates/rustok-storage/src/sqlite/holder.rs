//! Who holds the write lock of a SQLite file, when it is another process, and what can be done about him.
//!
//! A process that is stopped (SIGSTOP, a terminal's Ctrl-Z) keeps its locks. Nothing but going on gives them back without
//! losing what it was writing, so whoever is stopped while he holds the lock is told to go on. Nobody is ever ended
//! from here, and nobody who is not stopped is told anything.

use crate::migrate::beside;
use rustix::process::{Pid, Signal, kill_process};
use std::fmt;
use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

/// The byte of the `-shm` file that is locked by whoever writes (<https://sqlite.org/walformat.html>, "WAL locks").
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
    /// Of the file's write lock, where the system tells (Linux does, of processes that this one can see).
    pub(super) fn of(database: &Path) -> Option<Self> {
        let inode = fs::metadata(beside(database, "-shm")).ok()?.ino();
        let pid = pid_in(&fs::read_to_string("/proc/locks").ok()?, inode)?;
        let status = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
        Some(Self {
            pid,
            is_stopped: is_stopped(&status),
        })
    }

    /// Lets him go on if he is stopped. Whether he was told.
    pub(super) fn wake(self) -> bool {
        let pid = Pid::from_raw(self.pid).filter(|_| self.is_stopped);
        pid.is_some_and(|pid| kill_process(pid, Signal::CONT).is_ok())
    }
}

/// A line is `1: POSIX  ADVISORY  WRITE 4711 fd:01:1234 120 120`; of who only waits it has an arrow.
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

/// What comes after the name, which may hold anything: `4711 (rustok) T 1 ...`.
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

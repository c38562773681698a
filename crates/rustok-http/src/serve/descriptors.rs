//! How many files and connections the system allows this process to have open.

use rustix::process::{Resource, getrlimit, setrlimit};

/// File descriptors reserved for everything but client connections: the database, files to import, the log.
const RESERVED: u64 = 768;

/// Raises the soft limit of open files to the hard limit, and returns how many of the `wanted` connections are
/// possible. Idle clients would use up the usual initial limit of 1,024.
#[must_use]
pub fn connections(wanted: usize) -> usize {
    let limits = getrlimit(Resource::Nofile);
    let mut raised = limits;
    raised.current = limits.maximum;
    let now = match setrlimit(Resource::Nofile, raised) {
        Ok(()) => limits.maximum,
        Err(_) => limits.current,
    };
    let most = now.map_or(usize::MAX, possible);
    if most < wanted {
        tracing::warn!(
            wanted,
            connections = most,
            "the limit of open files allows fewer connections than max_connections; raise it (ulimit -n)"
        );
    }
    most.min(wanted)
}

/// The limits of open files of a server that is started as this process was.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// The limit at its start; `None` if there is none.
    pub soft: Option<u64>,
    /// The limit that it sets itself.
    pub hard: Option<u64>,
    /// The connections that the hard limit allows.
    pub connections: usize,
}

/// The limits as they are; changes nothing.
#[must_use]
pub fn limits() -> Limits {
    let limits = getrlimit(Resource::Nofile);
    Limits {
        soft: limits.current,
        hard: limits.maximum,
        connections: limits.maximum.map_or(usize::MAX, possible),
    }
}

/// The connections possible with this many open files; half of them when there are few.
fn possible(files: u64) -> usize {
    let reserved = RESERVED.min(files / 2);
    usize::try_from(files - reserved).unwrap_or(usize::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn some_files_are_left_for_everything_else() {
        assert_eq!(possible(1_024), 512);
        assert_eq!(possible(65_536), 65_536 - 768);
        assert_eq!(possible(0), 0);
    }

    #[test]
    fn what_is_wanted_is_the_most() {
        assert_eq!(connections(10), 10);
    }
}

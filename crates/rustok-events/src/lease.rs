//! Leases: how long a worker has what it claimed, and when what failed is tried again.
//!
//! A claim is a short transaction, so that nothing is locked while the work is done. A worker that dies loses its claims
//! at the end of the lease; one that is merely slow finds its lease taken and must change nothing then.

use rustok_core::clock::Timestamp;
use rustok_core::resilience::retry::Backoff;
use serde::{Deserialize, Serialize};
use std::time::Duration;
use uuid::Uuid;

/// How long a claim holds. The work of one claim must end well before.
pub const LEASE: Duration = Duration::from_secs(30);
/// A job or delivery that has failed this often is dead: it is kept, counted and reported, but not tried again.
pub const MAX_ATTEMPTS: u32 = 12;

/// The pause after the first failure; it doubles with each further one.
const FIRST_PAUSE: Duration = Duration::from_secs(10);
/// The longest pause. All attempts together span about three hours.
const LONGEST_PAUSE: Duration = Duration::from_secs(3_600);

/// The right of one claim to what it claimed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lease {
    /// Names the claim; a later claim has another.
    pub id: Uuid,
    /// When others may claim the same.
    pub until: Timestamp,
}

impl Lease {
    /// A lease that begins at `now`.
    #[must_use]
    pub fn new(id: Uuid, now: Timestamp) -> Self {
        Self {
            id,
            until: after(now, LEASE),
        }
    }
}

/// When to try again after `attempts` failures, the last one at `now`; `None` if it is dead.
#[must_use]
pub fn next_attempt(attempts: u32, now: Timestamp) -> Option<Timestamp> {
    let backoff = Backoff::Exponential {
        initial: FIRST_PAUSE,
        factor: 2,
    };
    (attempts < MAX_ATTEMPTS).then(|| after(now, backoff.pause_after(attempts).min(LONGEST_PAUSE)))
}

fn after(now: Timestamp, pause: Duration) -> Timestamp {
    now.checked_add(pause).unwrap_or(Timestamp::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_double_up_to_an_hour_and_then_it_is_dead() {
        let now = Timestamp::UNIX_EPOCH;
        let pause = |attempts| next_attempt(attempts, now).map(|at| at.duration_since(now).as_secs());
        assert_eq!(
            [1, 2, 3, 9, 10, 11].map(pause),
            [10, 20, 40, 2_560, 3_600, 3_600].map(Some)
        );
        assert_eq!([MAX_ATTEMPTS, u32::MAX].map(pause), [None, None]);
        assert_eq!(next_attempt(1, Timestamp::MAX), Some(Timestamp::MAX));
    }

    #[test]
    fn a_lease_ends() {
        let id = Uuid::from_u128(1);
        assert_eq!(
            Lease::new(id, Timestamp::UNIX_EPOCH).until,
            Timestamp::UNIX_EPOCH + LEASE
        );
        assert_eq!(Lease::new(id, Timestamp::MAX).until, Timestamp::MAX);
    }
}

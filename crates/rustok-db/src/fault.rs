//! Remembers what is wrong with a database that answers, so that health checks and metrics report it without a query.
//!
//! A fault is known for [`KEPT`] after it was last met. It must never decide whether the database is asked.

use crate::error::StoreError;
use crate::sqlite::DatabaseState;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// How long a fault is known that is not met again. The workers query the database every second or two.
const KEPT: Duration = Duration::from_secs(15);

/// The fault that was met last, and when.
#[derive(Debug, Default)]
pub(crate) struct Faults(Mutex<Option<(DatabaseState, Instant)>>);

impl Faults {
    /// Records the fault that an error shows, if it does. Logs one that was not known before.
    pub(crate) fn note(&self, error: &StoreError) {
        self.note_at(error, Instant::now());
    }

    fn note_at(&self, error: &StoreError, now: Instant) {
        let (state, why) = match error {
            StoreError::SchemaMissing(why) => (DatabaseState::SchemaMissing, why),
            StoreError::DiskFull(why) => (DatabaseState::DiskFull, why),
            StoreError::Damaged(why) => (DatabaseState::Corrupt, why),
            _ => return,
        };
        let mut last = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if last.is_none_or(|(known, at)| known != state || now.saturating_duration_since(at) >= KEPT) {
            tracing::error!(
                state = state.as_str(),
                why,
                "the database answers, but cannot be worked on"
            );
        }
        *last = Some((state, now));
    }

    /// The fault that was met within [`KEPT`], or [`DatabaseState::Ok`].
    pub(crate) fn state(&self) -> DatabaseState {
        self.state_at(Instant::now())
    }

    fn state_at(&self, now: Instant) -> DatabaseState {
        let last = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match *last {
            Some((state, at)) if now.saturating_duration_since(at) < KEPT => state,
            _ => DatabaseState::Ok,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fault_is_known_until_it_was_not_met_for_a_while() {
        let (faults, begun) = (Faults::default(), Instant::now());
        let shortly = KEPT - Duration::from_millis(1);
        assert_eq!(faults.state_at(begun), DatabaseState::Ok);
        let full = StoreError::DiskFull("no space".to_owned());
        faults.note_at(&full, begun);
        assert_eq!(faults.state_at(begun + shortly), DatabaseState::DiskFull);
        assert_eq!(faults.state_at(begun + KEPT), DatabaseState::Ok);
        faults.note_at(&full, begun + shortly);
        // What is no fault of the database neither adds nor removes one.
        faults.note_at(&StoreError::Overloaded, begun + KEPT);
        assert_eq!(faults.state_at(begun + KEPT), DatabaseState::DiskFull);
        faults.note_at(&StoreError::SchemaMissing("no table".to_owned()), begun + KEPT);
        assert_eq!(faults.state_at(begun + KEPT), DatabaseState::SchemaMissing);
    }
}

//! The one place where time comes from.
//!
//! Everything that stamps a time takes a [`Clock`], so that tests move time instead of sleeping. Nothing else in the
//! workspace may read the ambient clock (`clippy.toml` bans it).

use std::fmt::Debug;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

pub use jiff::Timestamp;

/// A source of wall-clock time in UTC, cut to whole microseconds, which is what both databases keep.
pub trait Clock: Send + Sync + Debug {
    /// The time now, in whole microseconds.
    fn now(&self) -> Timestamp;
}

/// The operating system's clock.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> Timestamp {
        #[expect(
            clippy::disallowed_methods,
            reason = "this is the one place that may read the ambient clock"
        )]
        let now = Timestamp::now();
        from_micros(now.as_microsecond())
    }
}

/// A clock that stands still until it is told to move.
///
/// ```
/// use rustok_core::clock::{Clock, ManualClock, Timestamp};
/// use std::time::Duration;
///
/// let clock = ManualClock::new(Timestamp::UNIX_EPOCH);
/// clock.advance(Duration::from_secs(60));
/// assert_eq!(clock.now().as_second(), 60);
/// ```
#[derive(Debug, Default)]
pub struct ManualClock {
    micros: AtomicI64,
}

impl ManualClock {
    /// A clock that shows `start`, cut to whole microseconds.
    #[must_use]
    pub fn new(start: Timestamp) -> Self {
        Self {
            micros: AtomicI64::new(start.as_microsecond()),
        }
    }

    /// Moves the clock forward; stops at the largest time there is.
    pub fn advance(&self, by: Duration) {
        let by = i64::try_from(by.as_micros()).unwrap_or(i64::MAX);
        let _ = self
            .micros
            .try_update(Ordering::Relaxed, Ordering::Relaxed, |now| {
                Some(now.saturating_add(by))
            });
    }

    /// Sets the clock, also backwards.
    pub fn set(&self, to: Timestamp) {
        self.micros.store(to.as_microsecond(), Ordering::Relaxed);
    }
}

impl Clock for ManualClock {
    fn now(&self) -> Timestamp {
        from_micros(self.micros.load(Ordering::Relaxed))
    }
}

fn from_micros(micros: i64) -> Timestamp {
    Timestamp::from_microsecond(micros).unwrap_or(if micros < 0 {
        Timestamp::MIN
    } else {
        Timestamp::MAX
    })
}

/// The time that a text from outside names (RFC 3339), cut to whole microseconds: what is answered is then what is stored.
/// `None` for text of another form, and for a year that one of the two databases cannot keep.
///
/// ```
/// let at = rustok_core::clock::parse_time("2030-01-31T12:00:00.123456789Z").unwrap();
/// assert_eq!(at.to_string(), "2030-01-31T12:00:00.123456Z");
/// ```
#[must_use]
pub fn parse_time(text: &str) -> Option<Timestamp> {
    let at = whole_micros(text.parse().ok()?);
    (FIRST_SECOND..=LAST_SECOND)
        .contains(&at.as_second())
        .then_some(at)
}

/// Cut to whole microseconds, towards the past.
#[must_use]
pub fn whole_micros(at: Timestamp) -> Timestamp {
    from_micros(i64::try_from(at.as_nanosecond().div_euclid(1_000)).unwrap_or(at.as_microsecond()))
}

/// 0001-01-01T00:00:00Z.
const FIRST_SECOND: i64 = -62_135_596_800;
/// 9999-12-30T22:00:00Z, near the last moment that a [`Timestamp`] has.
const LAST_SECOND: i64 = 253_402_207_200;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_from_outside_are_cut_to_what_is_stored() {
        for (text, stored) in [
            ("2030-01-31T12:00:00.1234567Z", "2030-01-31T12:00:00.123456Z"),
            ("1969-12-31T23:59:59.9999999Z", "1969-12-31T23:59:59.999999Z"),
            ("2030-01-31T14:00:00+02:00", "2030-01-31T12:00:00Z"),
            ("0001-01-01T00:00:00Z", "0001-01-01T00:00:00Z"),
        ] {
            assert_eq!(parse_time(text).unwrap().to_string(), stored);
        }
        for text in [
            "",
            "2030-01-31",
            "2030-02-31T12:00:00Z",
            "-000001-01-01T00:00:00Z",
            "-009999-01-02T01:59:59Z",
            "10000-01-01T00:00:00Z",
        ] {
            assert_eq!(parse_time(text), None, "{text}");
        }
    }

    #[test]
    fn system_clock_is_cut_to_microseconds() {
        assert_eq!(SystemClock.now().subsec_nanosecond() % 1_000, 0);
    }

    #[test]
    fn manual_clock_saturates() {
        let clock = ManualClock::new(Timestamp::MAX);
        clock.advance(Duration::MAX);
        assert_eq!(clock.now(), Timestamp::MAX);
        clock.set(Timestamp::UNIX_EPOCH);
        assert_eq!(clock.now(), Timestamp::UNIX_EPOCH);
    }
}

//! The single source of time.
//!
//! Code that needs the current time takes a [`Clock`], so that tests advance time instead of sleeping. No other code
//! in the workspace may read the system clock (`clippy.toml` bans it).

use std::fmt::Debug;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, Instant, SystemTime};

use jiff::Span;
pub use jiff::Timestamp;
pub use jiff::civil::Date;
use jiff::tz::TimeZone;

/// The time zone with this name of the IANA database, such as `Europe/Stockholm`.
#[must_use]
pub fn find_time_zone(name: &str) -> Option<TimeZone> {
    TimeZone::get(name).ok()
}

/// The day of a time in the time zone with this name, or in UTC if there is none.
#[must_use]
pub fn day_in(time_zone: &str, at: Timestamp) -> Date {
    let zone = find_time_zone(time_zone).unwrap_or(TimeZone::UTC);
    at.to_zoned(zone).date()
}

/// The day with this number; the last one that there is for a number beyond it.
#[must_use]
pub fn day_of(number: i64) -> Date {
    let span = Span::new().try_days(number).ok();
    let day = span.and_then(|span| Date::constant(1970, 1, 1).checked_add(span).ok());
    day.unwrap_or(Date::MAX)
}

/// The number of a day: days since 1970-01-01.
#[must_use]
pub fn day_number(day: Date) -> i64 {
    let days = day.since(Date::constant(1970, 1, 1)).map(|span| span.get_days());
    days.map_or(0, i64::from)
}

/// A source of wall-clock time in UTC, truncated to whole microseconds, the precision of both databases.
pub trait Clock: Send + Sync + Debug {
    /// The current time, in whole microseconds.
    fn now(&self) -> Timestamp;

    /// Compares this clock with the database time `theirs`, which was requested at the moment `asked`. Returns how
    /// far this machine's clock is ahead of the database, in microseconds. A clock that follows the database adjusts
    /// to it.
    fn compare(&self, theirs: Timestamp, asked: Instant) -> i64 {
        let _ = asked;
        micros_between(self.now(), theirs)
    }
}

fn micros_between(later: Timestamp, earlier: Timestamp) -> i64 {
    later.as_microsecond().saturating_sub(earlier.as_microsecond())
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
        let now = SystemTime::now();
        // The system clock may show a year that a timestamp cannot represent.
        let micros = match now.duration_since(SystemTime::UNIX_EPOCH) {
            Ok(since) => i64::try_from(since.as_micros()).unwrap_or(i64::MAX),
            Err(before) => i64::try_from(before.duration().as_micros()).map_or(i64::MIN, |micros| -micros),
        };
        from_micros(micros)
    }
}

/// A clock that follows the database that several servers share, whatever this machine's clock shows, so that due
/// times are reached on all servers at once. Between two comparisons it advances by the machine's monotonic clock.
#[derive(Debug)]
pub struct SharedClock {
    machine: SystemClock,
    begun: Instant,
    /// The time that it shows at `begun`.
    micros: AtomicI64,
}

impl SharedClock {
    /// A clock for a database that returned the time `theirs` when it was queried at the moment `asked`.
    #[must_use]
    pub fn new(theirs: Timestamp, asked: Instant) -> Self {
        let clock = Self {
            machine: SystemClock,
            begun: Instant::now(),
            micros: AtomicI64::new(theirs.as_microsecond()),
        };
        clock.compare(theirs, asked);
        clock
    }

    fn micros_at(&self, at: Instant) -> i64 {
        let micros = |passed: Duration| i64::try_from(passed.as_micros()).unwrap_or(i64::MAX);
        let shown = self.micros.load(Ordering::Relaxed);
        match at.checked_duration_since(self.begun) {
            Some(passed) => shown.saturating_add(micros(passed)),
            None => shown.saturating_sub(micros(self.begun.saturating_duration_since(at))),
        }
    }
}

impl Clock for SharedClock {
    fn now(&self) -> Timestamp {
        from_micros(self.micros_at(Instant::now()))
    }

    /// The database read its clock at some moment between the query and now. An offset inside this interval counts as
    /// zero.
    fn compare(&self, theirs: Timestamp, asked: Instant) -> i64 {
        let open = asked.elapsed() / 2;
        let middle = asked.checked_add(open).unwrap_or(asked);
        let theirs_micros = theirs.as_microsecond();
        let behind = theirs_micros.saturating_sub(self.micros_at(middle));
        if u128::from(behind.unsigned_abs()) > open.as_micros() {
            let _ = self
                .micros
                .try_update(Ordering::Relaxed, Ordering::Relaxed, |shown| {
                    Some(shown.saturating_add(behind))
                });
        }
        micros_between(self.machine.now(), theirs)
    }
}

/// A clock that stands still until it is advanced.
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
    /// A clock that shows `start`, truncated to whole microseconds.
    #[must_use]
    pub fn new(start: Timestamp) -> Self {
        Self {
            micros: AtomicI64::new(start.as_microsecond()),
        }
    }

    /// Moves the clock forward; it saturates at the largest timestamp.
    pub fn advance(&self, by: Duration) {
        let by = i64::try_from(by.as_micros()).unwrap_or(i64::MAX);
        let _ = self
            .micros
            .try_update(Ordering::Relaxed, Ordering::Relaxed, |now| {
                Some(now.saturating_add(by))
            });
    }

    /// Sets the clock, also to an earlier time.
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

/// Parses an RFC 3339 time from external input, truncated to whole microseconds, so that the API returns exactly what
/// is stored. `None` for text in another format, and for a year that one of the two databases cannot store.
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

/// Truncates to whole microseconds, towards the past.
#[must_use]
pub fn whole_micros(at: Timestamp) -> Timestamp {
    from_micros(i64::try_from(at.as_nanosecond().div_euclid(1_000)).unwrap_or(at.as_microsecond()))
}

/// 0001-01-01T00:00:00Z.
const FIRST_SECOND: i64 = -62_135_596_800;
/// 9999-12-30T22:00:00Z, near the maximum of [`Timestamp`].
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
    fn a_shared_clock_shows_the_databases_time_and_follows_it() {
        let theirs: Timestamp = "2030-01-31T12:00:00Z".parse().unwrap();
        let clock = SharedClock::new(theirs, Instant::now());
        let near = |shown: Timestamp, wanted: Timestamp| micros_between(shown, wanted).abs() < 5_000_000;
        assert!(near(clock.now(), theirs), "{}", clock.now());
        // The server that took over is two hours behind.
        let later: Timestamp = "2030-01-31T10:00:00Z".parse().unwrap();
        let ahead = clock.compare(later, Instant::now());
        assert!(near(clock.now(), later), "{}", clock.now());
        assert!((ahead - micros_between(SystemClock.now(), later)).abs() < 5_000_000);
        // After a slow reply the uncertainty is large: an offset inside it changes nothing.
        let asked = Instant::now().checked_sub(Duration::from_secs(20)).unwrap();
        let before = clock.now();
        clock.compare(from_micros(before.as_microsecond() - 15_000_000), asked);
        assert!(near(clock.now(), before), "{}", clock.now());
    }

    #[test]
    fn no_time_is_too_late_for_a_clock() {
        let clock = SharedClock::new(Timestamp::MAX, Instant::now());
        assert_eq!(clock.now(), Timestamp::MAX);
        clock.compare(Timestamp::MIN, Instant::now());
        assert!(clock.now() < Timestamp::UNIX_EPOCH);
        assert_eq!(from_micros(i64::MAX), Timestamp::MAX);
        assert_eq!(from_micros(i64::MIN), Timestamp::MIN);
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

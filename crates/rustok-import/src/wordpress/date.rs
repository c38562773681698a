//! Dates in WordPress exports. Parsing must never fail: a date is usable or absent.

use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::fmt::rfc2822::DateTimeParser;
use jiff::tz::TimeZone;

/// `2013-04-09 18:20:39`, read as UTC; `None` for WordPress' "no date" (`0000-00-00 00:00:00`) and for anything else.
pub(super) fn from_mysql(text: &str) -> Option<Timestamp> {
    let civil = DateTime::strptime("%Y-%m-%d %H:%M:%S", text.trim()).ok()?;
    in_range(civil.to_zoned(TimeZone::UTC).ok()?.timestamp())
}

/// How far the site's clock is ahead of UTC, in seconds, as its dates tell.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Offset(i64);

impl Offset {
    /// Learns from an item that has its date in both.
    pub(super) fn learn(&mut self, local: Option<Timestamp>, utc: Option<Timestamp>) {
        const QUARTER: i64 = 15 * 60;
        const MOST: i64 = 14 * 3_600;
        let (Some(local), Some(utc)) = (local, utc) else {
            return;
        };
        let seconds = local.as_second() - utc.as_second();
        if seconds.abs() <= MOST && seconds % QUARTER == 0 {
            self.0 = seconds;
        }
    }

    /// The time of a local date.
    pub(super) fn to_utc(self, local: Timestamp) -> Option<Timestamp> {
        in_range(Timestamp::from_second(local.as_second() - self.0).ok()?)
    }
}

/// Whether a date is what programs make of "no date".
pub(super) fn is_made_up(at: Timestamp) -> bool {
    /// 30 November 1999, which is the year 0000, month 00 and day 00 of two digits.
    const NO_DAY: i64 = 943_920_000;
    matches!(at.as_second(), 0 | NO_DAY)
}

/// `Tue, 09 Apr 2013 18:20:39 +0000`. The day of the week is ignored: it is wrong in real exports.
pub(super) fn from_rss(text: &str) -> Option<Timestamp> {
    const PARSER: DateTimeParser = DateTimeParser::new().relaxed_weekday(true);
    in_range(PARSER.parse_timestamp(text.trim()).ok()?)
}

/// Whether the text is WordPress' notation for "no date".
pub(super) fn is_none(text: &str) -> bool {
    let text = text.trim();
    // `Mon, 30 Nov -0001 00:00:00 +0000` is what PHP makes of the zero date.
    text.is_empty()
        || text.starts_with("0000-00-00")
        || text.starts_with("-0001-")
        || text.contains(" -0001 ")
}

/// From year 1 on, the range of both databases.
fn in_range(timestamp: Timestamp) -> Option<Timestamp> {
    const YEAR_ONE: i64 = -62_135_596_800;
    (timestamp.as_second() >= YEAR_ONE).then_some(timestamp)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_are_read_or_absent() {
        assert_eq!(
            from_mysql("2013-04-09 18:20:39").unwrap().to_string(),
            "2013-04-09T18:20:39Z"
        );
        for text in [
            "0000-00-00 00:00:00",
            "-0001-11-30 00:00:00",
            "",
            "2013-02-30 00:00:00",
            "yesterday",
        ] {
            assert_eq!(from_mysql(text), None, "{text}");
        }
        // Actually a Tuesday.
        assert_eq!(
            from_rss("Wed, 01 Jan 2030 19:00:18 +0200").unwrap().to_string(),
            "2030-01-01T17:00:18Z"
        );
        assert_eq!(from_rss("Mon, 30 Nov -0001 00:00:00 +0000"), None);
        assert!(
            is_none("0000-00-00 00:00:00") && is_none(" ") && is_none("Mon, 30 Nov -0001 00:00:00 +0000")
        );
        assert!(!is_none("yesterday"));
    }
}

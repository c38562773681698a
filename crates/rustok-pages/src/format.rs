//! Money, numbers and times as people read them: in the language of the page and the time zone of the shop.
//!
//! The patterns are those of CLDR; `scripts/compare-intl` compares them with another implementation.

use crate::words::{Language, Words};
use jiff::tz::TimeZone;
use rustok_core::clock::{Date, Timestamp};
use rustok_core::money::Money;
use std::fmt;

/// No-break space, as CLDR puts it between a number and a unit.
const NO_BREAK: char = '\u{a0}';

const MONTHS: [&str; 12] = [
    "month-1", "month-2", "month-3", "month-4", "month-5", "month-6", "month-7", "month-8", "month-9",
    "month-10", "month-11", "month-12",
];
const MONTHS_SHORT: [&str; 12] = [
    "month-short-1",
    "month-short-2",
    "month-short-3",
    "month-short-4",
    "month-short-5",
    "month-short-6",
    "month-short-7",
    "month-short-8",
    "month-short-9",
    "month-short-10",
    "month-short-11",
    "month-short-12",
];

const WEEKDAYS: [&str; 7] = [
    "weekday-1",
    "weekday-2",
    "weekday-3",
    "weekday-4",
    "weekday-5",
    "weekday-6",
    "weekday-7",
];

/// A time for a page: the text that is shown, and the one that programs read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Moment {
    shown: String,
    machine: String,
}

impl fmt::Display for Moment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Neither text can contain markup: digits, names of months, words of ours.
        write!(f, "<time datetime=\"{}\">{}</time>", self.machine, self.shown)
    }
}

impl askama::filters::HtmlSafe for Moment {}

/// How one reader reads.
#[derive(Debug, Clone)]
pub(crate) struct Formats {
    words: Words,
    zone: TimeZone,
    now: Timestamp,
}

impl Formats {
    pub(crate) const fn new(words: Words, zone: TimeZone, now: Timestamp) -> Self {
        Self { words, zone, now }
    }

    /// A time near today in short: the hour alone, yesterday, the day, or the day with its year.
    pub(crate) fn short(&self, at: Timestamp) -> Moment {
        let (local, today) = (
            at.to_zoned(self.zone.clone()),
            self.now.to_zoned(self.zone.clone()),
        );
        let clock = format!("{:02}:{:02}", local.hour(), local.minute());
        let day = local.day().to_string();
        let month = month_of(&MONTHS_SHORT, local.month());
        let month = self.words.t(month);
        let year = local.year().to_string();
        let texts = [
            ("time", clock.as_str()),
            ("day", &day),
            ("month", &month),
            ("year", &year),
        ];
        let key = if local.date() == today.date() {
            "time-today"
        } else if Some(local.date()) == today.date().yesterday().ok() {
            "time-yesterday"
        } else if local.year() == today.year() {
            "time-this-year"
        } else {
            "time-with-year"
        };
        self.moment(at, self.words.with(key, &texts).into_owned())
    }

    /// A time spelt out.
    pub(crate) fn long(&self, at: Timestamp) -> Moment {
        let local = at.to_zoned(self.zone.clone());
        let clock = format!("{:02}:{:02}", local.hour(), local.minute());
        let (day, year) = (local.day().to_string(), local.year().to_string());
        let month = self.words.t(month_of(&MONTHS, local.month()));
        let texts = [
            ("time", clock.as_str()),
            ("day", &day),
            ("month", &month),
            ("year", &year),
        ];
        self.moment(at, self.words.with("time-long", &texts).into_owned())
    }

    /// A day in short, without its year.
    pub(crate) fn day(&self, day: Date) -> String {
        let month = self.words.t(month_of(&MONTHS_SHORT, day.month()));
        let number = day.day().to_string();
        let texts = [("day", number.as_str()), ("month", &month)];
        self.words.with("day-short", &texts).into_owned()
    }

    /// Today with its weekday, without its year.
    pub(crate) fn today(&self) -> String {
        let today = self.now.to_zoned(self.zone.clone());
        let month = self.words.t(month_of(&MONTHS, today.month()));
        let weekday = usize::try_from(today.weekday().to_monday_zero_offset()).unwrap_or(0);
        let weekday = self
            .words
            .t(WEEKDAYS.get(weekday).copied().unwrap_or(WEEKDAYS[0]));
        let number = today.day().to_string();
        let texts = [
            ("weekday", &*weekday),
            ("day", number.as_str()),
            ("month", &month),
        ];
        self.words.with("day-long", &texts).into_owned()
    }

    /// The hour of now, from 0 to 23.
    pub(crate) fn hour(&self) -> i8 {
        self.now.to_zoned(self.zone.clone()).hour()
    }

    fn moment(&self, at: Timestamp, shown: String) -> Moment {
        let local = at.to_zoned(self.zone.clone());
        Moment {
            shown,
            machine: local.strftime("%Y-%m-%dT%H:%M:%S%:z").to_string(),
        }
    }

    /// The name of the time zone of the shop.
    pub(crate) fn zone_name(&self) -> &str {
        self.zone.iana_name().unwrap_or("UTC")
    }

    /// A time as the fields for date and time show it.
    pub(crate) fn date_and_time(&self, at: Timestamp) -> (String, String) {
        let local = at.to_zoned(self.zone.clone());
        (
            local.strftime("%Y-%m-%d").to_string(),
            local.strftime("%H:%M").to_string(),
        )
    }

    /// The time that was typed into the fields for date and time; `None` if there is no such time.
    pub(crate) fn read(&self, date: &str, time: &str) -> Option<Timestamp> {
        let date: jiff::civil::Date = date.parse().ok()?;
        let time: jiff::civil::Time = time.parse().ok()?;
        let local = date.to_datetime(time).to_zoned(self.zone.clone()).ok()?;
        Some(local.timestamp())
    }

    /// A whole number.
    pub(crate) fn number(&self, number: u64) -> String {
        grouped(self.words.language(), &number.to_string())
    }

    /// A size in megabytes, with one digit after the point where it is below ten.
    pub(crate) fn megabytes(&self, bytes: u64) -> String {
        const TENTH: u64 = (1 << 20) / 10;
        let tenths = bytes.saturating_add(TENTH / 2) / TENTH;
        let size = match tenths {
            100.. => self.number(tenths / 10),
            _ => {
                let point = match self.words.language() {
                    Language::English => '.',
                    Language::Russian => ',',
                };
                format!("{}{point}{}", tenths / 10, tenths % 10)
            }
        };
        self.words.with("megabytes", &[("n", &size)]).into_owned()
    }

    /// An amount with its currency.
    pub(crate) fn money(&self, money: Money) -> String {
        money_in(self.words.language(), money)
    }
}

fn month_of(names: &[&'static str; 12], month: i8) -> &'static str {
    usize::try_from(month - 1)
        .ok()
        .and_then(|index| names.get(index))
        .copied()
        .unwrap_or(names[0])
}

/// The digits of a whole number in groups of three.
fn grouped(language: Language, digits: &str) -> String {
    let separator = match language {
        Language::English => ',',
        Language::Russian => NO_BREAK,
    };
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(separator);
        }
        text.push(digit);
    }
    text
}

/// The symbols of the currencies that have one in a language (CLDR, `symbol`); others are shown by their code.
const SYMBOLS: &str = include_str!("../locales/currencies.tsv");

fn symbol(language: Language, code: &'static str) -> &'static str {
    let column = match language {
        Language::English => 1,
        Language::Russian => 2,
    };
    let line = SYMBOLS.lines().find(|line| line.starts_with(code));
    line.and_then(|line| line.split('\t').nth(column)).unwrap_or(code)
}

fn money_in(language: Language, money: Money) -> String {
    let plain = money.amount().to_string();
    let (is_negative, plain) = match plain.strip_prefix('-') {
        Some(plain) => (true, plain),
        None => (false, plain.as_str()),
    };
    let (whole, part) = plain.split_once('.').unwrap_or((plain, ""));
    let whole = grouped(language, whole);
    let symbol = symbol(language, money.currency().code());
    let minus = if is_negative { "\u{2212}" } else { "" };
    match language {
        Language::English => {
            let space = match symbol.ends_with(|c: char| c.is_alphanumeric() || c == '.') {
                true => "\u{a0}",
                false => "",
            };
            let point = if part.is_empty() { "" } else { "." };
            format!("{minus}{symbol}{space}{whole}{point}{part}")
        }
        Language::Russian => {
            let comma = if part.is_empty() { "" } else { "," };
            format!("{minus}{whole}{comma}{part}{NO_BREAK}{symbol}")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rustok_core::money::Currency;

    fn formats(language: Language, now: &str) -> Formats {
        let zone = TimeZone::get("Europe/Berlin").unwrap();
        Formats::new(language.words(), zone, now.parse().unwrap())
    }

    #[test]
    fn money_has_the_digits_and_the_symbol_of_its_currency() {
        for (amount, code, english, russian) in [
            ("1240.50", "USD", "$1,240.50", "1\u{a0}240,50\u{a0}$"),
            ("1240.50", "RUB", "RUB\u{a0}1,240.50", "1\u{a0}240,50\u{a0}₽"),
            ("1240", "JPY", "¥1,240", "1\u{a0}240\u{a0}¥"),
            ("1.234", "KWD", "KWD\u{a0}1.234", "1,234\u{a0}KWD"),
            ("-13.95", "EUR", "\u{2212}€13.95", "\u{2212}13,95\u{a0}€"),
            ("0.10", "GBP", "£0.10", "0,10\u{a0}£"),
            (
                "1234567.89",
                "CAD",
                "CA$1,234,567.89",
                "1\u{a0}234\u{a0}567,89\u{a0}CA$",
            ),
        ] {
            let money = Money::parse(amount, Currency::parse(code).unwrap()).unwrap();
            assert_eq!(money_in(Language::English, money), english);
            assert_eq!(money_in(Language::Russian, money), russian);
        }
    }

    #[test]
    fn sizes_are_in_megabytes() {
        let (english, russian) = (
            formats(Language::English, "2026-11-29T12:00:00Z"),
            formats(Language::Russian, "2026-11-29T12:00:00Z"),
        );
        for (bytes, text, text_ru) in [
            (0, "0.0\u{a0}MB", "0,0\u{a0}МБ"),
            (1_600_000, "1.5\u{a0}MB", "1,5\u{a0}МБ"),
            (256 << 20, "256\u{a0}MB", "256\u{a0}МБ"),
            (4_096 << 20, "4,096\u{a0}MB", "4\u{a0}096\u{a0}МБ"),
        ] {
            assert_eq!(english.megabytes(bytes), text);
            assert_eq!(russian.megabytes(bytes), text_ru);
        }
    }

    #[test]
    fn times_are_short_near_today_and_in_the_zone_of_the_shop() {
        let at = |text: &str| text.parse::<Timestamp>().unwrap();
        let now = "2026-11-29T12:00:00Z";
        for (time, english, russian) in [
            ("2026-11-29T08:12:00Z", "Today, 09:12", "Сегодня, 09:12"),
            ("2026-11-28T20:40:00Z", "Yesterday, 21:40", "Вчера, 21:40"),
            // Midnight has passed in the shop already.
            ("2026-11-28T23:30:00Z", "Today, 00:30", "Сегодня, 00:30"),
            ("2026-11-27T17:51:00Z", "27 Nov, 18:51", "27 нояб., 18:51"),
            (
                "2025-07-01T10:00:00Z",
                "1 Jul 2025, 12:00",
                "1 июл. 2025 г., 12:00",
            ),
        ] {
            assert_eq!(formats(Language::English, now).short(at(time)).shown, english);
            assert_eq!(formats(Language::Russian, now).short(at(time)).shown, russian);
        }
        let berlin = formats(Language::English, now);
        let typed = berlin.date_and_time(at("2026-07-01T06:00:00Z"));
        assert_eq!(typed, ("2026-07-01".to_owned(), "08:00".to_owned()));
        assert_eq!(berlin.read(&typed.0, &typed.1), Some(at("2026-07-01T06:00:00Z")));
        assert_eq!(berlin.read("2026-13-01", "08:00"), None);
        assert_eq!(berlin.zone_name(), "Europe/Berlin");
        // It is the next day in the shop.
        for (language, today) in [
            (Language::English, "Monday, 30 November"),
            (Language::Russian, "Понедельник, 30 ноября"),
        ] {
            let formats = formats(language, "2026-11-29T23:30:00Z");
            assert_eq!((formats.today().as_str(), formats.hour()), (today, 0));
        }
        assert_eq!(berlin.day(Date::constant(2026, 11, 7)), "7 Nov");
        let long = formats(Language::Russian, now).long(at("2026-05-03T10:00:00Z"));
        assert_eq!(long.shown, "3 мая 2026 г., 12:00");
        assert_eq!(long.machine, "2026-05-03T12:00:00+02:00");
    }

    /// What is shown in each language of an amount in every currency, and of times over a year, in two zones.
    #[test]
    #[ignore = "prints what scripts/compare-intl compares"]
    fn print_for_comparison() {
        let letters = || 'A'..='Z';
        let codes =
            letters().flat_map(|a| letters().flat_map(move |b| letters().map(move |c| format!("{a}{b}{c}"))));
        let languages = Language::ALL.map(|language| (language, language.tag()));
        for currency in codes.filter_map(|code| Currency::parse(&code).ok()) {
            for amount in ["0", "1", "1234", "-9876543"] {
                let money = Money::parse(amount, currency).unwrap();
                for (language, tag) in languages {
                    println!(
                        "money\t{tag}\t{}\t{amount}\t{}",
                        currency.code(),
                        money_in(language, money)
                    );
                }
            }
        }
        for zone in ["UTC", "Asia/Kolkata"] {
            for day in 0..366 {
                let at = "2027-12-31T21:37:00Z".parse::<Timestamp>().unwrap()
                    - jiff::SignedDuration::from_hours(25 * day);
                for (language, tag) in languages {
                    let formats = |now: &str| {
                        let zone = TimeZone::get(zone).unwrap();
                        Formats::new(language.words(), zone, now.parse().unwrap())
                    };
                    let near = formats("2027-12-31T23:59:00Z").short(at).shown;
                    let far = formats("2040-01-01T00:00:00Z");
                    println!(
                        "time\t{tag}\t{zone}\t{at}\t{near}\t{}\t{}",
                        far.short(at).shown,
                        far.long(at).shown
                    );
                }
            }
        }
    }
}

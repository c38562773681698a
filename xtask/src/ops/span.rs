//! Durations in Prometheus' notation. It must never round: a window that is not a whole number of milliseconds is
//! rejected.

use serde::Deserialize;
use std::fmt;

/// `5m`, `1h`, `3d`: the text and the duration.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub(crate) struct Span {
    /// The name of a window in series and labels. It stays when the duration is scaled.
    name: String,
    milliseconds: u64,
}

impl Span {
    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    pub(crate) const fn milliseconds(&self) -> u64 {
        self.milliseconds
    }

    /// The same name with the duration multiplied by `times / by`.
    pub(crate) fn scaled(&self, times: u64, by: u64) -> Result<Self, String> {
        let scaled = self.milliseconds.saturating_mul(times);
        if by == 0 || !scaled.is_multiple_of(by) || scaled < by {
            return Err(format!("{} cannot be divided by {by}", self.name));
        }
        Ok(Self {
            name: self.name.clone(),
            milliseconds: scaled / by,
        })
    }
}

impl TryFrom<String> for Span {
    type Error = String;

    fn try_from(name: String) -> Result<Self, Self::Error> {
        let (number, unit) = name.split_at(name.len() - name.chars().last().map_or(0, char::len_utf8));
        let unit = match unit {
            "s" => 1_000,
            "m" => 60_000,
            "h" => 3_600_000,
            "d" => 86_400_000,
            _ => return Err(format!("`{name}`: a length of time ends in s, m, h or d")),
        };
        let number: u64 = number.parse().map_err(|error| format!("`{name}`: {error}"))?;
        Ok(Self {
            milliseconds: number.saturating_mul(unit),
            name,
        })
    }
}

/// In PromQL notation, in the largest unit without a remainder.
impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let units = [
            (86_400_000, "d"),
            (3_600_000, "h"),
            (60_000, "m"),
            (1_000, "s"),
            (1, "ms"),
        ];
        let ms = self.milliseconds;
        let whole = units.iter().find(|(unit, _)| ms.is_multiple_of(*unit));
        let (unit, name) = whole.copied().unwrap_or((1, "ms"));
        write!(f, "{}{name}", ms / unit)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn span(text: &str) -> Span {
        text.to_owned().try_into().unwrap()
    }

    #[test]
    fn a_length_is_read_and_written() {
        for text in ["30s", "5m", "1h", "3d"] {
            assert_eq!(span(text).to_string(), text);
        }
        assert_eq!(span("90m").to_string(), "90m");
        assert_eq!(span("60s").to_string(), "1m");
        for wrong in ["", "5", "m", "5x", "-1m", "1h30m", "5ä"] {
            assert!(Span::try_from(wrong.to_owned()).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_window_keeps_its_name_when_it_shrinks() {
        let shorter = span("5m").scaled(1, 120).unwrap();
        assert_eq!((shorter.name(), &*shorter.to_string()), ("5m", "2500ms"));
        assert_eq!(span("5m").scaled(2, 1).unwrap().to_string(), "10m");
        assert!(span("1s").scaled(1, 7).is_err());
    }
}

//! Errors of a row or an item, always with the position in the file where a person can find it. Must never carry a
//! whole cell or body: reasons quote at most a few dozen characters.

use crate::source::Position;
use serde::Serialize;
use thiserror::Error;

/// Maximum length of a reason, in characters: a hostile element name must not make a huge report.
const MAX_REASON_CHARS: usize = 300;
/// Maximum length of a quote from the file in a reason, in characters.
const MAX_QUOTED_CHARS: usize = 40;

/// Something that could not be imported, and its position.
///
/// Serialised as it appears in the `errors` list of `rustok import --json`.
#[derive(Debug, Clone, PartialEq, Eq, Error, Serialize)]
#[error("{file}:{line}:{column}: {reason}")]
pub struct RowError {
    /// The name of the file, as given to the reader.
    pub file: String,
    /// Physical line in the file, from 1; LF, CR LF and a lone CR each end a line.
    pub line: u64,
    /// Column in that line in characters, from 1.
    pub column: u64,
    /// What is wrong and, where it helps, what was expected. Human-readable; not a stable code.
    pub reason: String,
}

/// A [`RowError`] without its file name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Fault {
    pub(crate) at: Position,
    pub(crate) reason: String,
}

impl Fault {
    pub(crate) fn new(at: Position, reason: impl Into<String>) -> Self {
        let reason: String = reason.into();
        let reason = match reason.char_indices().nth(MAX_REASON_CHARS) {
            Some((cut, _)) => format!("{}…", &reason[..cut]),
            None => reason,
        };
        Self { at, reason }
    }

    pub(crate) fn in_file(self, file: &str) -> RowError {
        RowError {
            file: file.to_owned(),
            line: self.at.line,
            column: self.at.column,
            reason: self.reason,
        }
    }
}

/// Text from the file prepared for a reason: quoted, escaped and shortened.
pub(crate) fn quoted(text: &str) -> String {
    match text.char_indices().nth(MAX_QUOTED_CHARS) {
        Some((cut, _)) => format!("{:?}…", &text[..cut]),
        None => format!("{text:?}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_text_is_cut_on_a_character_boundary() {
        let long = "ж".repeat(1_000);
        assert_eq!(
            Fault::new(Position::start(), long.clone()).reason.chars().count(),
            MAX_REASON_CHARS + 1
        );
        assert_eq!(quoted(&long).chars().count(), MAX_QUOTED_CHARS + 3);
        assert_eq!(quoted("a\"b\n"), "\"a\\\"b\\n\"");
    }

    #[test]
    fn serialises_as_the_report_wants_it() {
        let error = Fault::new(Position::start(), "no").in_file("a.csv");
        assert_eq!(
            serde_json::to_string(&error).unwrap(),
            r#"{"file":"a.csv","line":1,"column":1,"reason":"no"}"#
        );
        assert_eq!(error.to_string(), "a.csv:1:1: no");
    }
}

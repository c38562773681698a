//! What counts as fit text, in one place.
//!
//! It answers only; it never changes a text.

/// Whether `text` has a control character. A NUL cannot be stored by PostgreSQL, and no other one belongs into a line.
pub(crate) fn has_control(text: &str) -> bool {
    text.chars().any(char::is_control)
}

/// The same for text of several lines: line feeds, carriage returns and tabs are fine.
pub(crate) fn has_control_but_breaks(text: &str) -> bool {
    text.chars()
        .any(|c| c.is_control() && !matches!(c, '\n' | '\r' | '\t'))
}

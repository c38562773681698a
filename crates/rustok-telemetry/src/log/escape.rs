//! Escapes untrusted text inside a log line: it must neither end the line nor send control sequences to a terminal.

use std::fmt::{self, Write};

/// Appends text to a line, with quotes and non-printable characters escaped as in JSON.
pub(super) struct Escaped<'a>(pub(super) &'a mut String);

impl Write for Escaped<'_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        let mut plain = 0;
        for (at, c) in text.char_indices() {
            if is_plain(c) {
                continue;
            }
            self.0.push_str(&text[plain..at]);
            plain = at + c.len_utf8();
            match c {
                '"' => self.0.push_str("\\\""),
                '\\' => self.0.push_str("\\\\"),
                '\n' => self.0.push_str("\\n"),
                '\r' => self.0.push_str("\\r"),
                '\t' => self.0.push_str("\\t"),
                // All of these characters are in the basic plane: four digits suffice.
                other => write!(self.0, "\\u{:04x}", u32::from(other))?,
            }
        }
        self.0.push_str(&text[plain..]);
        Ok(())
    }
}

/// Whether a character needs no escape. Besides control characters, those are escaped that some programs treat as a
/// line end or that change the direction of the following text (<https://trojansource.codes>).
const fn is_plain(c: char) -> bool {
    !matches!(
        c,
        '\0'..='\x1f'
            | '"'
            | '\\'
            | '\x7f'..='\u{9f}'
            | '\u{200b}'..='\u{200f}'
            | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{2069}'
            | '\u{feff}'
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_escaped_is_one_line_and_still_json() {
        let nasty = "a\nb\r\t\"\\\x1b[31m\u{9b}2J\u{202e}\u{2028}\0ä\u{feff}";
        let mut line = String::new();
        Escaped(&mut line).write_str(nasty).unwrap();
        assert_eq!(line, r#"a\nb\r\t\"\\\u001b[31m\u009b2J\u202e\u2028\u0000ä\ufeff"#);
        let read: String = serde_json::from_str(&format!("\"{line}\"")).unwrap();
        assert_eq!(read, nasty);
    }
}

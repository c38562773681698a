//! Formatting of a [`RichError`] for logs and terminals: `Display` is the message with its context, `Debug` the whole
//! report.
//!
//! Texts may come from untrusted input. Each stays on one line, since a line break could forge a log line and an
//! escape sequence could rewrite the terminal, and each has a length limit. Nothing here may be sent as a response.

use super::RichError;
use std::error::Error;
use std::fmt::{self, Display, Write};
use std::panic::Location;

/// Maximum length of one text in the output, in bytes.
pub(super) const MAX_SHOWN_BYTES: usize = 4096;

/// Maximum depth of the cause chain in the output.
const MAX_CAUSES: usize = 16;

impl Display for RichError {
    /// The internal message: `outermost context: ...: message`, on one line.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for context in self.contexts().filter(|context| !context.is_empty()) {
            write_one_line(f, context)?;
            f.write_str(": ")?;
        }
        write_one_line(f, self.internal_message())
    }
}

impl fmt::Debug for RichError {
    /// The internal report: message and location, context layers and their locations, public part, fields, tenant,
    /// trace, causes. `{:?}` is one line, `{:#?}` has one line per part.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} [{}, {}]: ", self.kind(), self.code(), self.status())?;
        write_one_line(f, self.internal_message())?;
        write_place(f, self.location())?;
        for layer in self.layers() {
            part(f, "in", &layer.text)?;
            write_place(f, layer.added_at)?;
        }
        if let Some(public) = self.public_message() {
            part(f, "public", public)?;
        }
        for violation in self.violations() {
            part(f, "violation", &violation.pointer)?;
            f.write_char(' ')?;
            write_one_line(f, &violation.code)?;
            f.write_char(' ')?;
            write_one_line(f, &violation.detail)?;
        }
        for (name, value) in self.extensions() {
            part(f, name, value)?;
        }
        for (key, value) in self.fields() {
            part(f, key, value)?;
        }
        if let Some(tenant) = self.tenant() {
            part(f, "tenant", tenant)?;
        }
        if let Some(trace) = self.trace() {
            part(f, "trace", trace)?;
        }
        for cause in std::iter::successors(self.source(), |cause| (*cause).source()).take(MAX_CAUSES) {
            part(f, "caused by", cause)?;
        }
        Ok(())
    }
}

fn part(f: &mut fmt::Formatter<'_>, name: &str, value: impl Display) -> fmt::Result {
    f.write_str(if f.alternate() { "\n  " } else { " | " })?;
    f.write_str(name)?;
    f.write_str(": ")?;
    write_one_line(f, value)
}

fn write_place(f: &mut fmt::Formatter<'_>, place: &Location<'_>) -> fmt::Result {
    write!(f, " (at {place})")
}

fn write_one_line(f: &mut fmt::Formatter<'_>, text: impl Display) -> fmt::Result {
    let left = MAX_SHOWN_BYTES;
    write!(OneLine { out: f, left }, "{text}")
}

/// Writes text until `left` bytes are used up; escapes characters that break the line or change the text direction.
struct OneLine<'a, 'f> {
    out: &'a mut fmt::Formatter<'f>,
    left: usize,
}

impl Write for OneLine<'_, '_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        if self.left == 0 {
            return Ok(());
        }
        let shown = &text[..text.floor_char_boundary(self.left)];
        let mut rest = shown;
        while let Some(at) = rest.find(leaves_the_line) {
            let (before, from) = rest.split_at(at);
            self.out.write_str(before)?;
            let mut after = from.chars();
            if let Some(escaped) = after.next() {
                write!(self.out, "{}", escaped.escape_default())?;
            }
            rest = after.as_str();
        }
        self.out.write_str(rest)?;
        if shown.len() < text.len() {
            self.left = 0;
            return self.out.write_char('…');
        }
        self.left -= shown.len();
        Ok(())
    }
}

/// Control characters, line and paragraph separators, and characters that change the direction of the following text
/// (Unicode Technical Standard 55, section 2).
fn leaves_the_line(c: char) -> bool {
    c.is_control() || matches!(c, '\u{2028}'..='\u{202E}' | '\u{2066}'..='\u{2069}')
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::{ErrorContext, ErrorKind};
    use std::io;

    const FORGED: &str = "a\nb\r\t\u{1b}[2J\u{85}\u{2028}\u{202e}\u{0}";
    const SHOWN: &str = r"a\nb\r\t\u{1b}[2J\u{85}\u{2028}\u{202e}\u{0}";

    fn forged() -> RichError {
        RichError::new(ErrorKind::Validation, FORGED)
            .with_public(FORGED)
            .with_extension("hint", FORGED)
            .with_violation("a", FORGED, FORGED)
            .with_source(io::Error::other(FORGED))
            .with_field("sent", FORGED)
            .with_trace(FORGED)
            .context(FORGED)
    }

    #[test]
    fn nothing_leaves_the_line_of_a_report() {
        let report = format!("{:?}", forged());
        assert!(!report.contains(leaves_the_line), "{report:?}");
        // Message, context, public text, code and detail of the violation, field, trace, cause.
        assert_eq!(report.matches(SHOWN).count(), 8, "{report}");
        assert_eq!(forged().to_string(), format!("{SHOWN}: {SHOWN}"));
    }

    #[test]
    fn the_long_report_has_a_line_for_each_part() {
        let report = format!("{:#?}", forged());
        let names: Vec<_> = report
            .lines()
            .map(|line| line.split(':').next().unwrap())
            .collect();
        assert_eq!(
            names,
            [
                "validation [validation_failed, 422]",
                "  in",
                "  public",
                "  violation",
                "  hint",
                "  sent",
                "  trace",
                "  caused by"
            ]
        );
    }

    #[test]
    fn a_long_text_is_cut_and_an_empty_one_is_no_trouble() {
        let long = "é".repeat(1 << 19);
        let error = RichError::new(ErrorKind::Internal, long.clone())
            .context(long.clone())
            .with_field("long", long);
        let text = error.to_string();
        assert_eq!(text.len(), 2 * (MAX_SHOWN_BYTES + '…'.len_utf8()) + 2);
        assert!(text.ends_with("é…"));
        assert!(format!("{error:?}").len() < 4 * MAX_SHOWN_BYTES);
        let empty = RichError::new(ErrorKind::Internal, "").context("");
        assert_eq!(empty.to_string(), "");
        assert!(format!("{empty:?}").starts_with("internal [internal, 500]:  (at "));
    }

    /// A cause whose source is again such a cause, endlessly.
    #[derive(Debug)]
    struct Endless;

    impl Display for Endless {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("endless")
        }
    }

    impl Error for Endless {
        fn source(&self) -> Option<&(dyn Error + 'static)> {
            Some(&Self)
        }
    }

    #[test]
    fn an_endless_chain_of_causes_ends() {
        let error = RichError::new(ErrorKind::Internal, "x").with_source(Endless);
        assert_eq!(format!("{error:?}").matches("caused by").count(), MAX_CAUSES);
    }

    #[derive(Debug)]
    struct Domain;

    impl From<Domain> for RichError {
        #[track_caller]
        fn from(_: Domain) -> Self {
            Self::new(ErrorKind::NotFound, "no row")
        }
    }

    fn raised() -> Result<(), Domain> {
        Err(Domain)
    }

    fn asked() -> Result<(), RichError> {
        raised()?;
        Ok(())
    }

    /// The line number of the call below, which must be on the next line.
    #[track_caller]
    fn next_line() -> u32 {
        Location::caller().line() + 1
    }

    #[test]
    fn an_error_knows_the_line_that_made_it() {
        let line = next_line();
        let made = RichError::new(ErrorKind::Internal, "x");
        assert_eq!((made.location().file(), made.location().line()), (file!(), line));

        let line = next_line();
        let through_context = raised().context("load").unwrap_err();
        assert_eq!(through_context.location().line(), line);

        let line = next_line();
        let through_into: RichError = Domain.into();
        assert_eq!(through_into.location().line(), line);

        let question_mark = asked().unwrap_err().location().line();
        assert!((line - 40..line).contains(&question_mark), "{question_mark}");

        // A limit of the language: a function passed by name has no caller location.
        let through_map_err = raised().map_err(RichError::from).unwrap_err();
        assert_ne!(through_map_err.location().file(), file!());
    }

    #[test]
    fn each_layer_knows_the_line_that_added_it() {
        let line = next_line();
        let error = asked().context("load").unwrap_err();
        let error = error.with_field("id", "7").with_context(|| "ship");
        let report = format!("{error:?}");
        for (layer, line) in [("load", line), ("ship", line + 1)] {
            let expected = format!(" | in: {layer} (at {}:{line}:", file!());
            assert!(report.contains(&expected), "{expected} is missing in {report}");
        }
    }
}

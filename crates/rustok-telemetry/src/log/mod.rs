//! Where log lines go and what they look like: standard error, as text for people or JSON for machines.

mod escape;
mod line;
mod subscriber;

pub use subscriber::log_lines;

use std::io::{IsTerminal, Write};
use subscriber::Lines;
use tracing_subscriber::filter::Targets;

/// The form of a log line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogFormat {
    /// One JSON object per line.
    Json,
    /// Readable lines.
    Text,
}

impl LogFormat {
    /// `json`, `text`, or `auto`: text on a terminal.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        match name {
            "json" => Some(Self::Json),
            "text" => Some(Self::Text),
            "auto" if std::io::stderr().is_terminal() => Some(Self::Text),
            "auto" => Some(Self::Json),
            _ => None,
        }
    }
}

/// Starts logging to standard error. A second call changes nothing. `filter` is `info` or `rustok=debug,warn`: a level
/// for all, and levels for what starts with a name. What the `log` crate is told is not written: database drivers tell
/// it the parameters of statements.
///
/// # Errors
/// What is wrong with the filter.
pub fn init_log(filter: &str, format: LogFormat) -> Result<(), String> {
    let filter: Targets = filter.parse().map_err(|error| format!("{error}"))?;
    let lines = Lines::new(filter, format, |line: &str| {
        // Nobody is left who could be told that this did not work.
        let _ = std::io::stderr().lock().write_all(line.as_bytes());
    });
    // Only a second call fails, and then there is a log already.
    let _ = tracing::subscriber::set_global_default(lines);
    Ok(())
}

/// A subscriber whose lines go to `write`.
#[cfg(test)]
pub(crate) fn lines_for_tests(
    write: impl Fn(&str) + Send + Sync + 'static,
) -> impl tracing::Subscriber + Send + Sync {
    Lines::new(Targets::new(), LogFormat::Json, write)
}

#[cfg(test)]
mod tests;

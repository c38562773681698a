//! Logging to standard error, as text for people or JSON for machines.

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
    /// Human-readable lines.
    Text,
}

impl LogFormat {
    /// Parses `json`, `text`, or `auto`: text on a terminal, else JSON.
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

/// Starts logging to standard error. A second call has no effect. `filter` is `info` or `rustok=debug,warn`: a
/// default level, and levels for targets by prefix. Records of the `log` crate are not written: database drivers log
/// statement parameters there.
///
/// # Errors
/// A description of what is wrong with the filter.
pub fn init_log(filter: &str, format: LogFormat) -> Result<(), String> {
    let filter: Targets = filter.parse().map_err(|error| format!("{error}"))?;
    let lines = Lines::new(filter, format, |line: &str| {
        // There is no other channel to report a write error.
        let _ = std::io::stderr().lock().write_all(line.as_bytes());
    });
    // Fails only on a second call, when logging has been started already.
    let _ = tracing::subscriber::set_global_default(lines);
    Ok(())
}

/// A subscriber that passes its lines to `write`.
#[cfg(test)]
pub(crate) fn lines_for_tests(
    write: impl Fn(&str) + Send + Sync + 'static,
) -> impl tracing::Subscriber + Send + Sync {
    Lines::new(Targets::new(), LogFormat::Json, write)
}

#[cfg(test)]
mod tests;

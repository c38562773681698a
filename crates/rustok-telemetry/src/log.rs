//! Where log lines go and what they look like: standard error, as text for people or JSON for machines.

use std::io::IsTerminal;
use tracing_subscriber::EnvFilter;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;

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

/// Starts logging to standard error. A second call changes nothing.
///
/// # Errors
/// What is wrong with the filter.
pub fn init_log(filter: &str, format: LogFormat) -> Result<(), String> {
    let filter = EnvFilter::builder()
        .parse(filter)
        .map_err(|error| error.to_string())?;
    let lines = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr);
    let count = crate::metrics::LogLines;
    // Only a second call fails, and then there is a log already.
    let _ = match format {
        LogFormat::Json => lines
            .json()
            .flatten_event(true)
            .with_current_span(true)
            .with_span_list(false)
            .finish()
            .with(count)
            .try_init(),
        LogFormat::Text => lines.finish().with(count).try_init(),
    };
    Ok(())
}

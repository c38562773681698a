//! How many lines the log has got of each level: an error that nobody reads is still counted. The lines themselves must
//! never be kept here.

use std::sync::atomic::{AtomicU64, Ordering};
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::layer::{Context, Layer};

static LINES: [(&str, AtomicU64); 5] = [
    ("error", AtomicU64::new(0)),
    ("warn", AtomicU64::new(0)),
    ("info", AtomicU64::new(0)),
    ("debug", AtomicU64::new(0)),
    ("trace", AtomicU64::new(0)),
];

/// Counts the events that the log's filter lets through, for the whole process.
#[derive(Debug, Clone, Copy, Default)]
pub struct LogLines;

impl<S: Subscriber> Layer<S> for LogLines {
    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        let [error, warn, info, debug, trace] = &LINES;
        let (_, lines) = match *event.metadata().level() {
            Level::ERROR => error,
            Level::WARN => warn,
            Level::INFO => info,
            Level::DEBUG => debug,
            Level::TRACE => trace,
        };
        lines.fetch_add(1, Ordering::Relaxed);
    }
}

/// The lines of each level, since the process started.
#[must_use]
pub fn log_lines() -> [(&'static str, u64); 5] {
    [0, 1, 2, 3, 4].map(|level| {
        let (name, lines) = &LINES[level];
        (*name, lines.load(Ordering::Relaxed))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use tracing_subscriber::EnvFilter;
    use tracing_subscriber::layer::SubscriberExt as _;

    /// The only test of this binary that logs.
    #[test]
    fn lines_that_are_written_are_counted_and_others_are_not() {
        let log = tracing_subscriber::fmt()
            .with_env_filter(EnvFilter::new("info"))
            .with_writer(std::io::sink)
            .finish()
            .with(LogLines);
        let before = log_lines();
        tracing::subscriber::with_default(log, || {
            tracing::error!("one");
            tracing::error!("two");
            tracing::info!("three");
            tracing::debug!("not written");
        });
        let counted = log_lines()
            .iter()
            .zip(before)
            .map(|((_, after), (_, before))| after - before)
            .collect::<Vec<_>>();
        assert_eq!(counted, [2, 0, 1, 0, 0]);
    }
}

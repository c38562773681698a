//! The `tracing` subscriber: events become log lines, spans become children of the recorded root span.
//!
//! A span is created only while the current root is recorded; otherwise it costs only that check. Spans of a trace
//! have the target [`TRACES`]. An event with that target is not logged: its fields go to the innermost open span. It
//! must never wait for anything but standard error.

use super::LogFormat;
use super::line;
use crate::trace::{Child, Value, with_current};
use std::borrow::Cow;
use std::cell::RefCell;
use std::fmt::Debug;
use std::sync::atomic::{AtomicU64, Ordering};
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::subscriber::Interest;
use tracing::{Event, Level, Metadata, Subscriber};
use tracing_subscriber::filter::{LevelFilter, Targets};

/// The target of spans that are part of a trace.
const TRACES: &str = "rustok.trace";

/// Lines written, by level.
static WRITTEN: [(&str, AtomicU64); 5] = [
    ("error", AtomicU64::new(0)),
    ("warn", AtomicU64::new(0)),
    ("info", AtomicU64::new(0)),
    ("debug", AtomicU64::new(0)),
    ("trace", AtomicU64::new(0)),
];

/// How many lines were written since the process started, by level; lines suppressed by the filter do not count.
#[must_use]
pub fn log_lines() -> [(&'static str, u64); 5] {
    let counted = WRITTEN.each_ref();
    counted.map(|(name, written)| (*name, written.load(Ordering::Relaxed)))
}

/// The subscriber of this process. `write` receives whole lines.
pub(super) struct Lines<W> {
    filter: Targets,
    format: LogFormat,
    write: W,
}

thread_local! {
    /// The buffer for the current line.
    static LINE: RefCell<String> = const { RefCell::new(String::new()) };
}

/// A larger buffer is not kept for the next line.
const KEPT_LINE: usize = 4 << 10;

impl<W: Fn(&str) + 'static> Lines<W> {
    pub(super) const fn new(filter: Targets, format: LogFormat, write: W) -> Self {
        Self {
            filter,
            format,
            write,
        }
    }

    fn log(&self, event: &Event<'_>) {
        let level = match *event.metadata().level() {
            Level::ERROR => 0,
            Level::WARN => 1,
            Level::INFO => 2,
            Level::DEBUG => 3,
            Level::TRACE => 4,
        };
        WRITTEN[level].1.fetch_add(1, Ordering::Relaxed);
        // Taken out of the cell: a value that logs while it is formatted uses a buffer of its own.
        let mut line = LINE.take();
        line::write(&mut line, self.format, event);
        (self.write)(&line);
        if line.capacity() <= KEPT_LINE {
            line.clear();
            LINE.set(line);
        }
    }
}

impl<W: Fn(&str) + 'static> Subscriber for Lines<W> {
    fn register_callsite(&self, metadata: &'static Metadata<'static>) -> Interest {
        if metadata.target() == TRACES {
            Interest::sometimes()
        } else if metadata.is_event() && self.filter.would_enable(metadata.target(), metadata.level()) {
            Interest::always()
        } else {
            Interest::never()
        }
    }

    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        if metadata.target() == TRACES {
            return with_current(|root| root.is_recorded()).unwrap_or(false);
        }
        metadata.is_event() && self.filter.would_enable(metadata.target(), metadata.level())
    }

    fn max_level_hint(&self) -> Option<LevelFilter> {
        let levels = self.filter.iter().map(|(_, level)| level);
        let lines = levels.chain(self.filter.default_level()).max();
        // Spans of traces have this level, independent of the log level.
        lines.max(Some(LevelFilter::INFO))
    }

    fn new_span(&self, span: &Attributes<'_>) -> Id {
        let opened = with_current(|root| {
            let place = root.open(span.metadata().name(), |child| span.record(&mut Fill(child)))?;
            Some(id_of(root.context().span_id().0, place))
        });
        Id::from_u64(opened.flatten().unwrap_or(NOWHERE))
    }

    fn record(&self, span: &Id, values: &Record<'_>) {
        at(span, |root, place| {
            root.change(place, |child| values.record(&mut Fill(child)));
        });
    }

    fn record_follows_from(&self, _: &Id, _: &Id) {}

    fn event(&self, event: &Event<'_>) {
        if event.metadata().target() == TRACES {
            with_current(|root| root.change_innermost(|child| event.record(&mut Fill(child))));
        } else {
            self.log(event);
        }
    }

    fn enter(&self, _: &Id) {}

    fn exit(&self, _: &Id) {}

    fn try_close(&self, span: Id) -> bool {
        at(&span, crate::trace::RootSpan::close);
        true
    }
}

/// The id of a span that is not recorded.
const NOWHERE: u64 = u64::MAX;
/// How many bits of an id hold the index within the root; the others identify the root.
const PLACE_BITS: u32 = 16;
const PLACE_MASK: u64 = (1 << PLACE_BITS) - 1;

/// An id identifies its root, so that a span moved to another request changes nothing there.
fn id_of(root: u64, place: usize) -> u64 {
    // Never 0, and never `NOWHERE`, since the number of children of a root is limited.
    (root << PLACE_BITS) | (u64::try_from(place).unwrap_or_default() + 1) & PLACE_MASK
}

fn at(span: &Id, change: impl FnOnce(&crate::trace::RootSpan, usize)) {
    let id = span.into_u64();
    with_current(|root| {
        let place = usize::try_from((id & PLACE_MASK).saturating_sub(1)).unwrap_or(usize::MAX);
        if id == id_of(root.context().span_id().0, place) {
            change(root, place);
        }
    });
}

/// Collects fields as attributes.
struct Fill<'a>(&'a mut Child);

impl Visit for Fill<'_> {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        let value = Value::Text(Cow::Owned(format!("{value:?}")));
        self.0.set(field.name(), value);
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.0
            .set(field.name(), Value::Text(Cow::Owned(value.to_owned())));
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.0.set(field.name(), Value::Int(value));
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        let value = i64::try_from(value).unwrap_or(i64::MAX);
        self.0.set(field.name(), Value::Int(value));
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.0.set(field.name(), Value::Flag(value));
    }
}

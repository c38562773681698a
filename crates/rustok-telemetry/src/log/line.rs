//! Formats an event as one line. The names of the first fields are stable: `docs/OBSERVABILITY_GUIDE.md` lists them.

use super::LogFormat;
use super::escape::Escaped;
use crate::trace::{RootSpan, with_current};
use rustok_core::clock::{Clock as _, SystemClock};
use std::fmt::{self, Write as _};
use tracing::Event;
use tracing::field::{Field, Visit};

/// Writes the line of an event, including the fields of its root span.
pub(super) fn write(line: &mut String, format: LogFormat, event: &Event<'_>) {
    let mut fields = Fields {
        rest: String::new(),
        message: String::new(),
        names: Vec::new(),
        format,
    };
    event.record(&mut fields);
    let metadata = event.metadata();
    let now = SystemClock.now();
    match format {
        LogFormat::Json => {
            // Writing to a String cannot fail.
            let _ = write!(
                line,
                "{{\"timestamp\":\"{now:.6}\",\"level\":\"{}\",\"target\":\"{}\",\"message\":\"{}\"",
                metadata.level(),
                metadata.target(),
                fields.message
            );
        }
        LogFormat::Text => {
            let (level, target) = (metadata.level(), metadata.target());
            let _ = write!(line, "{now:.6} {level:>5} {target}: {}", fields.message);
        }
    }
    line.push_str(&fields.rest);
    let known = fields.names;
    with_current(|root| write_root(line, format, root, &known));
    line.push_str(match format {
        LogFormat::Json => "}\n",
        LogFormat::Text => "\n",
    });
}

/// Writes the fields of the root span. A field of the event takes precedence.
fn write_root(line: &mut String, format: LogFormat, root: &RootSpan, known: &[&str]) {
    let context = root.context();
    let mut add = |name: &str, value: &dyn fmt::Display| {
        if !known.contains(&name) {
            write_text(line, format, name, format_args!("{value}"));
        }
    };
    add("trace_id", &context.trace_id());
    add("span_id", &context.span_id());
    match root.request_id() {
        Some(id) => add("request_id", &id),
        None => add("request_id", &context.span_id()),
    }
    if let Some(tenant) = root.tenant() {
        add("tenant_id", &tenant);
    }
}

fn write_name(line: &mut String, format: LogFormat, name: &str) {
    let _ = match format {
        LogFormat::Json => write!(line, ",\"{name}\":"),
        LogFormat::Text => write!(line, " {name}="),
    };
}

fn write_text(line: &mut String, format: LogFormat, name: &str, value: fmt::Arguments<'_>) {
    write_name(line, format, name);
    line.push('"');
    let start = line.len();
    let _ = Escaped(line).write_fmt(value);
    let simple = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.' | b':' | b'/' | b'+');
    if format == LogFormat::Text && line.len() > start && line[start..].bytes().all(simple) {
        line.remove(start - 1);
    } else {
        line.push('"');
    }
}

/// Appends the fields of an event, escaped.
struct Fields {
    message: String,
    rest: String,
    names: Vec<&'static str>,
    format: LogFormat,
}

impl Fields {
    fn text(&mut self, field: &Field, value: fmt::Arguments<'_>) {
        if field.name() == "message" {
            let _ = Escaped(&mut self.message).write_fmt(value);
        } else {
            self.names.push(field.name());
            write_text(&mut self.rest, self.format, field.name(), value);
        }
    }

    fn plain(&mut self, field: &Field, value: &dyn fmt::Display) {
        self.names.push(field.name());
        write_name(&mut self.rest, self.format, field.name());
        let _ = write!(self.rest, "{value}");
    }
}

impl Visit for Fields {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.text(field, format_args!("{value:?}"));
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.text(field, format_args!("{value}"));
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.plain(field, &value);
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.plain(field, &value);
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.plain(field, &value);
    }
}

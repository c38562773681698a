//! W3C Trace Context: the trace that a request belongs to (<https://www.w3.org/TR/trace-context/>).

use rand::RngExt as _;
use std::fmt;

/// A trace id: 16 bytes, 32 lower-case hex digits, never all zero.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TraceId(u128);

impl fmt::Display for TraceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:032x}", self.0)
    }
}

/// Trace id and span id. Its text form is a `traceparent`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TraceContext {
    trace_id: TraceId,
    span_id: u64,
}

impl TraceContext {
    /// Continues the trace of a `traceparent` header with a new span, or starts a new trace when there is none or it
    /// is malformed: a bad header never fails a request.
    #[must_use]
    pub fn continued_or_new(traceparent: Option<&str>) -> Self {
        #[expect(
            clippy::disallowed_methods,
            reason = "trace ids are the one thing that no test needs to foretell"
        )]
        let mut rng = rand::rng();
        let trace_id = traceparent
            .and_then(trace_id_of)
            .unwrap_or_else(|| rng.random_range(1..=u128::MAX));
        Self {
            trace_id: TraceId(trace_id),
            span_id: rng.random_range(1..=u64::MAX),
        }
    }

    /// The trace.
    #[must_use]
    pub const fn trace_id(self) -> TraceId {
        self.trace_id
    }
}

impl fmt::Display for TraceContext {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "00-{}-{:016x}-00", self.trace_id, self.span_id)
    }
}

fn trace_id_of(traceparent: &str) -> Option<u128> {
    let mut parts = traceparent.split('-');
    let (version, trace, span, flags) = (parts.next()?, parts.next()?, parts.next()?, parts.next()?);
    let hex =
        |text: &str, len| text.len() == len && text.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
    let known = hex(version, 2) && version != "ff" && (version != "00" || parts.next().is_none());
    if !known || !hex(trace, 32) || !hex(span, 16) || !hex(flags, 2) {
        return None;
    }
    let span = u64::from_str_radix(span, 16).ok()?;
    u128::from_str_radix(trace, 16)
        .ok()
        .filter(|trace| *trace != 0 && span != 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_good_traceparent_is_continued_with_a_new_span() {
        let context =
            TraceContext::continued_or_new(Some("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"));
        assert_eq!(context.trace_id().to_string(), "4bf92f3577b34da6a3ce929d0e0e4736");
        assert!(!context.to_string().contains("00f067aa0ba902b7"));
    }

    #[test]
    fn a_bad_traceparent_starts_a_new_trace() {
        let zero = "00-00000000000000000000000000000000-00f067aa0ba902b7-01";
        let upper = "00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01";
        let long = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-x";
        for bad in [
            "",
            "00",
            zero,
            upper,
            long,
            "ff-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
            "é-é-é-é",
        ] {
            assert_eq!(trace_id_of(bad), None, "{bad}");
        }
    }
}

//! W3C Trace Context: the trace that a request belongs to (<https://www.w3.org/TR/trace-context/>).
//!
//! The trace id is accepted from any client. The sampling decision and the vendors' `tracestate` are accepted only
//! from trusted proxies: an untrusted client must not fill the trace store or inject its own text. `baggage` is not
//! read. A malformed header starts a new trace; it must never fail a request.

use http::{HeaderMap, HeaderValue};
use rand::rngs::ThreadRng;
use std::fmt;

/// Maximum length of a `tracestate` that is propagated, in bytes; the minimum that W3C requires (3.3.1.5).
const MAX_STATE_BYTES: usize = 512;
/// Maximum number of members in a `tracestate` (3.3.1.1).
const MAX_STATE_MEMBERS: usize = 32;

/// A trace id: 16 bytes, 32 lower-case hex digits, never all zero.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TraceId(pub(crate) u128);

impl fmt::Display for TraceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:032x}", self.0)
    }
}

/// A span id: 8 bytes, 16 lower-case hex digits, never all zero.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SpanId(pub(crate) u64);

impl fmt::Display for SpanId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

/// Trace id, span id and the sampled flag. Its text form is a `traceparent`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TraceContext {
    pub(crate) trace_id: TraceId,
    pub(crate) span_id: SpanId,
    pub(crate) sampled: bool,
}

impl TraceContext {
    /// The trace.
    #[must_use]
    pub const fn trace_id(self) -> TraceId {
        self.trace_id
    }

    /// The span.
    #[must_use]
    pub const fn span_id(self) -> SpanId {
        self.span_id
    }

    /// The sampled flag: whether the spans of this trace are recorded from the start.
    #[must_use]
    pub const fn is_sampled(self) -> bool {
        self.sampled
    }

    /// Parses a `traceparent`; `None` when it is malformed. Of a future version the known prefix is parsed (4.2).
    #[must_use]
    pub fn parse(traceparent: &str) -> Option<Self> {
        let mut parts = traceparent.split('-');
        let (version, trace, span, flags) = (parts.next()?, parts.next()?, parts.next()?, parts.next()?);
        let hex = |text: &str, len| {
            text.len() == len && text.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'))
        };
        let known = hex(version, 2) && version != "ff" && (version != "00" || parts.next().is_none());
        if !known || !hex(trace, 32) || !hex(span, 16) || !hex(flags, 2) {
            return None;
        }
        let trace_id = u128::from_str_radix(trace, 16).ok().filter(|id| *id != 0)?;
        let span_id = u64::from_str_radix(span, 16).ok().filter(|id| *id != 0)?;
        Some(Self {
            trace_id: TraceId(trace_id),
            span_id: SpanId(span_id),
            sampled: u8::from_str_radix(flags, 16).ok()? & 1 == 1,
        })
    }
}

impl fmt::Display for TraceContext {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "00-{}-{}-{:02x}",
            self.trace_id,
            self.span_id,
            u8::from(self.sampled)
        )
    }
}

/// The trace context that a caller sent.
#[derive(Debug, Clone, Default)]
pub struct Incoming {
    pub(crate) parent: Option<TraceContext>,
    pub(crate) state: Option<Box<str>>,
    pub(crate) trusted: bool,
}

impl Incoming {
    /// Reads the headers of a request; `trusted`: it comes from one of our proxies.
    #[must_use]
    pub fn of(headers: &HeaderMap, trusted: bool) -> Self {
        let mut lines = headers.get_all("traceparent").iter();
        let parent = match (lines.next(), lines.next()) {
            (Some(line), None) => line.to_str().ok().and_then(TraceContext::parse),
            // Several headers are ambiguous (3.2).
            _ => None,
        };
        let state = (trusted && parent.is_some())
            .then(|| state_of(headers.get_all("tracestate").iter()))
            .flatten();
        Self {
            parent,
            state,
            trusted,
        }
    }

    /// A context that this server wrote itself: the `traceparent` of an event.
    #[must_use]
    pub fn of_ours(traceparent: Option<&str>) -> Self {
        Self {
            parent: traceparent.and_then(TraceContext::parse),
            state: None,
            trusted: true,
        }
    }
}

/// The `tracestate` members, joined; `None` when the header is absent or malformed.
fn state_of<'a>(lines: impl Iterator<Item = &'a HeaderValue>) -> Option<Box<str>> {
    let mut state = String::new();
    for line in lines {
        for member in line.to_str().ok()?.split(',').map(str::trim) {
            if member.is_empty() {
                continue;
            }
            if !is_member(member) {
                return None;
            }
            if !state.is_empty() {
                state.push(',');
            }
            state.push_str(member);
        }
    }
    let fits = state.len() <= MAX_STATE_BYTES && state.split(',').count() <= MAX_STATE_MEMBERS;
    (fits && !state.is_empty()).then(|| state.into())
}

/// `key=value` (3.3.1.3).
fn is_member(member: &str) -> bool {
    let key_byte = |b: u8| matches!(b, b'a'..=b'z' | b'0'..=b'9' | b'_' | b'-' | b'*' | b'/' | b'@');
    let value_byte = |b: u8| matches!(b, b' '..=b'~') && b != b'=';
    member.split_once('=').is_some_and(|(key, value)| {
        (1..=256).contains(&key.len())
            && key.bytes().all(key_byte)
            && (1..=256).contains(&value.len())
            && value.bytes().all(value_byte)
    })
}

/// The source of ids.
#[expect(
    clippy::disallowed_methods,
    reason = "trace ids are the one thing that no test needs to foretell"
)]
pub(crate) fn rng() -> ThreadRng {
    rand::rng()
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

    fn incoming(lines: &[(&'static str, &str)], trusted: bool) -> Incoming {
        let mut headers = HeaderMap::new();
        for (name, value) in lines {
            headers.append(*name, HeaderValue::from_bytes(value.as_bytes()).unwrap());
        }
        Incoming::of(&headers, trusted)
    }

    #[test]
    fn a_traceparent_is_its_text() {
        assert_eq!(TraceContext::parse(GOOD).unwrap().to_string(), GOOD);
        let unsampled = GOOD.replace("-01", "-02");
        assert!(!TraceContext::parse(&unsampled).unwrap().is_sampled());
        let later = GOOD.replacen("00", "cc", 1) + "-what-comes";
        assert_eq!(TraceContext::parse(&later).unwrap().to_string(), GOOD);
    }

    #[test]
    fn a_bad_traceparent_is_none() {
        let long = format!("{GOOD}-x");
        for bad in [
            "",
            "00",
            "00-00000000000000000000000000000000-00f067aa0ba902b7-01",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01",
            "00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01",
            "00-+bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
            &long,
            &GOOD.replacen("00", "ff", 1),
            "é-é-é-é",
        ] {
            assert_eq!(TraceContext::parse(bad), None, "{bad}");
        }
        let twice = incoming(&[("traceparent", GOOD), ("traceparent", GOOD)], true);
        assert_eq!(twice.parent, None);
    }

    #[test]
    fn only_who_is_trusted_has_a_tracestate() {
        let lines = [
            ("traceparent", GOOD),
            ("tracestate", "a=1, b@c=x y"),
            ("tracestate", ",d=2"),
        ];
        assert_eq!(incoming(&lines, true).state.as_deref(), Some("a=1,b@c=x y,d=2"));
        assert_eq!(incoming(&lines, false).state, None);
        assert_eq!(incoming(&lines[1..], true).state, None, "without a traceparent");
        let many = (0..33).map(|n| format!("a{n}=1,")).collect::<String>();
        for bad in ["a", "A=1", "a=", "=1", "a=b=c", "a=é", &"a=1,".repeat(200), &many] {
            let read = incoming(&[("traceparent", GOOD), ("tracestate", bad)], true);
            assert!(read.state.is_none() && read.parent.is_some(), "{bad}");
        }
    }
}

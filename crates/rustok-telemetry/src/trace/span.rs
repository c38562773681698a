//! The data of a span before it is encoded.

use std::borrow::Cow;

/// The kind of a span; the numbers are OTLP's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SpanKind {
    /// Internal work.
    Internal = 1,
    /// A request that this server handled.
    Server = 2,
    /// A call to another service.
    Client = 3,
    /// A message put into a queue.
    Producer = 4,
    /// A message taken from a queue.
    Consumer = 5,
}

/// The value of an attribute.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Value {
    Text(Cow<'static, str>),
    Int(i64),
    Flag(bool),
}

/// An attribute: a name of the semantic conventions, or our own with the prefix `rustok.`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attribute {
    pub(crate) key: &'static str,
    pub(crate) value: Value,
}

impl Attribute {
    /// A text attribute. The value must never come from a client.
    #[must_use]
    pub fn text(key: &'static str, value: impl Into<Cow<'static, str>>) -> Self {
        Self {
            key,
            value: Value::Text(value.into()),
        }
    }

    /// An integer attribute.
    #[must_use]
    pub const fn int(key: &'static str, value: i64) -> Self {
        Self {
            key,
            value: Value::Int(value),
        }
    }
}

/// The data of the root span that is known at its end.
#[derive(Debug, Clone)]
pub struct SpanEnd {
    /// A name of low cardinality, such as `GET /nodes/{slug}`.
    pub name: Cow<'static, str>,
    /// Its kind.
    pub kind: SpanKind,
    /// Its attributes.
    pub attributes: Vec<Attribute>,
    /// Whether it failed; then `error.type` is among the attributes.
    pub failed: bool,
}

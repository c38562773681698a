//! What a span is before it is encoded.

use std::borrow::Cow;

/// What a span stands for; the numbers are OTLP's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SpanKind {
    /// Something inside.
    Internal = 1,
    /// A request that was answered.
    Server = 2,
    /// A call to somebody else.
    Client = 3,
    /// Something put into a queue.
    Producer = 4,
    /// Something taken from a queue.
    Consumer = 5,
}

/// The value of an attribute.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Value {
    Text(Cow<'static, str>),
    Int(i64),
    Flag(bool),
}

/// An attribute: a name of the semantic conventions, or one of ours that starts with `rustok.`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attribute {
    pub(crate) key: &'static str,
    pub(crate) value: Value,
}

impl Attribute {
    /// A text. It must be nothing that a client made up.
    #[must_use]
    pub fn text(key: &'static str, value: impl Into<Cow<'static, str>>) -> Self {
        Self {
            key,
            value: Value::Text(value.into()),
        }
    }

    /// A number.
    #[must_use]
    pub const fn int(key: &'static str, value: i64) -> Self {
        Self {
            key,
            value: Value::Int(value),
        }
    }
}

/// What is told of the outermost span once it has ended.
#[derive(Debug, Clone)]
pub struct Told {
    /// Of few different values, as `GET /nodes/{slug}`.
    pub name: Cow<'static, str>,
    /// What it stands for.
    pub kind: SpanKind,
    /// Its attributes.
    pub attributes: Vec<Attribute>,
    /// It failed; the `error.type` is among the attributes.
    pub failed: bool,
}

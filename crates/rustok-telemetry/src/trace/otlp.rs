//! Encodes spans as OTLP: `opentelemetry.proto.collector.trace.v1`, which is stable
//! (<https://github.com/open-telemetry/opentelemetry-proto>). The numbers are those of its fields.

use super::protobuf::{Field, Writer, fields};
use super::queue::Finished;
use super::root::Child;
use super::span::{Attribute, SpanKind, Value};
use crate::propagation::{SpanId, TraceId};

/// The version of the semantic conventions for attribute names.
const SCHEMA_URL: &str = "https://opentelemetry.io/schemas/1.44.0";
/// `SpanFlags`: the field `is_remote` is set, and true.
const HAS_IS_REMOTE: u32 = 0x100;
const IS_REMOTE: u32 = 0x200;
const SAMPLED: u32 = 1;
/// `Status.StatusCode`.
const STATUS_ERROR: u64 = 2;

/// An `ExportTraceServiceRequest`. `resource` is what [`resource`] made.
pub(super) fn request(resource: &[u8], batch: &[Finished]) -> Vec<u8> {
    let mut request = Writer::default();
    request.message(1, |resource_spans| {
        resource_spans.bytes(1, resource);
        resource_spans.message(2, |scope_spans| {
            scope_spans.message(1, |scope| scope.bytes(1, b"rustok"));
            for finished in batch {
                scope_spans.message(2, |span| write_root(span, finished));
                for child in &finished.children.spans {
                    scope_spans.message(2, |span| write_child(span, finished, child));
                }
            }
            scope_spans.bytes(3, SCHEMA_URL.as_bytes());
        });
        resource_spans.bytes(3, SCHEMA_URL.as_bytes());
    });
    request.finish()
}

/// A `Resource`: the attributes of this process.
pub(super) fn resource(attributes: &[Attribute]) -> Vec<u8> {
    let mut resource = Writer::default();
    for attribute in attributes {
        resource.message(1, |pair| write_attribute(pair, attribute));
    }
    resource.finish()
}

/// How many spans the collector rejected, from an `ExportTraceServiceResponse`.
pub(super) fn rejected(response: &[u8]) -> u64 {
    let partial = fields(response).find(|(number, _)| *number == 1);
    let Some((_, Field::Bytes(partial))) = partial else {
        return 0;
    };
    match fields(partial).find(|(number, _)| *number == 1) {
        Some((_, Field::Varint(rejected))) => rejected,
        _ => 0,
    }
}

/// The common fields of both kinds of span.
struct Span<'a> {
    trace: TraceId,
    id: SpanId,
    parent: Option<SpanId>,
    parent_is_remote: bool,
    state: Option<&'a str>,
    name: &'a str,
    kind: SpanKind,
    start: u64,
    end: u64,
    attributes: &'a [Attribute],
    failed: bool,
}

fn write_root(writer: &mut Writer, finished: &Finished) {
    let span = Span {
        trace: finished.context.trace_id,
        id: finished.context.span_id,
        parent: finished.parent,
        parent_is_remote: finished.parent.is_some(),
        state: finished.state.as_deref(),
        name: &finished.end.name,
        kind: finished.end.kind,
        start: finished.start,
        end: finished.start.saturating_add(finished.duration),
        attributes: &finished.end.attributes,
        failed: finished.end.failed,
    };
    write_span(writer, &span);
}

fn write_child(writer: &mut Writer, finished: &Finished, child: &Child) {
    // A span still open ends with its request.
    let end = child.end.unwrap_or(finished.duration);
    let span = Span {
        trace: finished.context.trace_id,
        id: child.id,
        parent: Some(child.parent),
        parent_is_remote: false,
        state: finished.state.as_deref(),
        name: &child.name,
        kind: child.kind,
        start: finished.start.saturating_add(child.start),
        end: finished.start.saturating_add(end),
        attributes: &child.attributes,
        failed: child.failed,
    };
    write_span(writer, &span);
}

fn write_span(writer: &mut Writer, span: &Span<'_>) {
    writer.bytes(1, &span.trace.0.to_be_bytes());
    writer.bytes(2, &span.id.0.to_be_bytes());
    if let Some(state) = span.state {
        writer.bytes(3, state.as_bytes());
    }
    if let Some(parent) = span.parent {
        writer.bytes(4, &parent.0.to_be_bytes());
    }
    writer.bytes(5, span.name.as_bytes());
    writer.varint(6, span.kind as u64);
    writer.fixed64(7, span.start);
    writer.fixed64(8, span.end);
    for attribute in span.attributes {
        writer.message(9, |pair| write_attribute(pair, attribute));
    }
    if span.failed {
        writer.message(15, |status| status.varint(3, STATUS_ERROR));
    }
    let remote = if span.parent_is_remote { IS_REMOTE } else { 0 };
    writer.fixed32(16, SAMPLED | HAS_IS_REMOTE | remote);
}

/// A `KeyValue`.
fn write_attribute(pair: &mut Writer, attribute: &Attribute) {
    pair.bytes(1, attribute.key.as_bytes());
    pair.message(2, |value| match &attribute.value {
        Value::Text(text) => value.bytes(1, text.as_bytes()),
        Value::Flag(flag) => value.varint(2, u64::from(*flag)),
        // Two's complement, as protobuf encodes it.
        Value::Int(number) => value.varint(3, number.cast_unsigned()),
    });
}

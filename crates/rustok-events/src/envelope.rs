//! The event as stored in the outbox and delivered to subscribers.
//!
//! An event must never be published before its transaction is committed, and never be dropped before it is delivered.
//! Delivery is at least once: subscribers detect duplicates by the event's id.

use crate::ids::EventId;
use crate::topic::Topic;
use rustok_core::clock::Timestamp;
use rustok_core::ids::TenantId;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// A committed fact.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Event {
    /// Its id, the same in every delivery.
    pub id: EventId,
    /// The tenant it belongs to.
    pub tenant_id: TenantId,
    /// The kind of event.
    pub topic: Topic,
    /// The id of the order, node, product or variant that it is about.
    pub subject_id: Uuid,
    /// The data for subscribers; a JSON object whose members depend on the topic.
    pub payload: serde_json::Value,
    /// When it happened.
    pub occurred_at: Timestamp,
    /// The `traceparent` (W3C Trace Context) of the request that caused it, so that the delivery joins its trace.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub traceparent: Option<String>,
}

impl Event {
    /// An event without payload and trace.
    #[must_use]
    pub fn new(
        id: EventId,
        tenant_id: TenantId,
        topic: Topic,
        subject_id: impl Into<Uuid>,
        occurred_at: Timestamp,
    ) -> Self {
        Self {
            id,
            tenant_id,
            topic,
            subject_id: subject_id.into(),
            payload: serde_json::Value::Object(serde_json::Map::new()),
            occurred_at,
            traceparent: None,
        }
    }

    /// Sets the payload.
    #[must_use]
    pub fn with_payload(mut self, payload: serde_json::Value) -> Self {
        self.payload = payload;
        self
    }

    /// Sets the trace context. Anything other than a `traceparent` of version 00 is dropped: subscribers never
    /// receive arbitrary text from a client.
    #[must_use]
    pub fn with_traceparent(mut self, traceparent: Option<String>) -> Self {
        self.traceparent = traceparent.filter(|text| is_traceparent(text));
        self
    }
}

/// `00-{32 hex}-{16 hex}-{2 hex}`, all in lower case, neither id all zero (W3C Trace Context, 3.2.2).
fn is_traceparent(text: &str) -> bool {
    let mut parts = text.split('-');
    let mut hex = |len: usize, may_be_zero: bool| {
        parts.next().is_some_and(|part| {
            part.len() == len
                && part.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'))
                && (may_be_zero || part.bytes().any(|b| b != b'0'))
        })
    };
    let has_all = text.starts_with("00-") && hex(2, true) && hex(32, false) && hex(16, false) && hex(2, true);
    has_all && parts.next().is_none()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::JobId;
    use serde_json::json;

    const TRACEPARENT: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

    fn event() -> Event {
        let (id, tenant_id) = (
            EventId::from_uuid(Uuid::from_u128(1)),
            TenantId::from_uuid(Uuid::from_u128(2)),
        );
        let order = JobId::from_uuid(Uuid::from_u128(3));
        Event::new(id, tenant_id, Topic::OrderPaid, order, Timestamp::UNIX_EPOCH)
    }

    #[test]
    fn the_wire_form_is_stable() {
        let event = event()
            .with_payload(json!({"method": "card"}))
            .with_traceparent(Some(TRACEPARENT.into()));
        let wire = json!({
            "id": "00000000-0000-0000-0000-000000000001",
            "tenant_id": "00000000-0000-0000-0000-000000000002",
            "topic": "order.paid",
            "subject_id": "00000000-0000-0000-0000-000000000003",
            "payload": {"method": "card"},
            "occurred_at": "1970-01-01T00:00:00Z",
            "traceparent": TRACEPARENT,
        });
        assert_eq!(serde_json::to_value(&event).unwrap(), wire);
        assert_eq!(serde_json::from_value::<Event>(wire).unwrap(), event);
    }

    #[test]
    fn an_event_without_more_has_an_empty_payload_and_no_trace() {
        let wire = serde_json::to_value(event()).unwrap();
        assert_eq!(wire["payload"], json!({}));
        assert!(wire.get("traceparent").is_none());
    }

    #[test]
    fn only_a_traceparent_is_kept() {
        let kept = |text: &str| event().with_traceparent(Some(text.into())).traceparent;
        assert_eq!(kept(TRACEPARENT).as_deref(), Some(TRACEPARENT));
        for bad in [
            "",
            "00",
            &TRACEPARENT.to_uppercase(),
            &TRACEPARENT.replace("00-4b", "01-4b"),
            &format!("{TRACEPARENT}-more"),
            &format!("00-{}-00f067aa0ba902b7-01", "0".repeat(32)),
            &format!("00-4bf92f3577b34da6a3ce929d0e0e4736-{}-01", "0".repeat(16)),
            "00-4bf92f3577b34da6a3ce929d0e0e473-00f067aa0ba902b7-01",
        ] {
            assert_eq!(kept(bad), None, "{bad}");
        }
    }
}

//! The envelope: which fact, about what, for which tenant, as part of which trace.

use crate::topic::Topic;
use rustok_core::clock::Timestamp;
use rustok_core::ids::{EventId, TenantId};
use serde::Serialize;
use uuid::Uuid;

/// A fact that was committed in the transaction that wrote this into the outbox.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Event {
    /// Its id; a consumer that sees it twice knows it by this.
    pub id: EventId,
    /// Whose it is.
    pub tenant_id: TenantId,
    /// What happened.
    pub topic: Topic,
    /// To what: the order, node or product.
    pub subject_id: Uuid,
    /// What a consumer needs besides; never secrets.
    pub payload: serde_json::Value,
    /// When.
    pub occurred_at: Timestamp,
    /// The W3C trace context that it happened in.
    pub traceparent: Option<String>,
}

//! Delivers committed events to the structured log (target `rustok.events`, level debug), and deletes old ones. At
//! level info the log has only the number of events, at most once a minute.
//!
//! Delivery is at least once: an event is delivered before it is marked, so that a crash in between repeats it, with
//! the same id. It must never be delivered before its transaction is committed, and cannot be: only committed events
//! are found.

use super::{FORGOTTEN_AT_ONCE, Round, round_deadline};
use crate::state::AppState;
use rustok_core::error::RichError;
use rustok_events::Event;
use rustok_storage::{PlatformTx, outbox};
use rustok_telemetry::{Attribute, Incoming, SpanEnd, SpanKind, Tracer};
use std::time::{Duration, Instant};

/// Interval of rounds: how long an event may wait.
pub(super) const EVERY: Duration = Duration::from_millis(500);
/// Events per round.
const BATCH: usize = 100;
/// How long a delivered event is kept.
const KEPT: Duration = Duration::from_secs(7 * 24 * 3_600);

/// Minimum time between two lines with the number of delivered events.
const SUM_EVERY: Duration = Duration::from_secs(60);

/// The events delivered since the last such line.
#[derive(Debug, Default)]
pub(super) struct Sum {
    events: usize,
    logged_at: Option<Instant>,
}

impl Sum {
    /// The number of events, if a line is due.
    fn due(&mut self, now: Instant) -> Option<usize> {
        let is_early = self
            .logged_at
            .is_some_and(|logged_at| now < logged_at + SUM_EVERY);
        if self.events == 0 || is_early {
            return None;
        }
        self.logged_at = Some(now);
        Some(std::mem::take(&mut self.events))
    }
}

pub(super) async fn round(state: &AppState, sum: &mut Sum) -> Result<Round, RichError> {
    let delivered = deliver_some(state).await?;
    sum.events += delivered;
    if delivered >= BATCH {
        return Ok(Round::Full);
    }
    if let Some(events) = sum.due(Instant::now()) {
        tracing::info!(events, "events delivered");
    }
    Ok(Round::Done)
}

async fn deliver_some(state: &AppState) -> Result<usize, RichError> {
    let services = state.services();
    let (store, deadline) = (&services.store, round_deadline());
    // An SQLite file has one server and one writer, which must not be held while events are read and logged. On
    // PostgreSQL the rows stay locked until they are marked, so that no other process delivers them too.
    let (events, mut tx) = if store.sqlite_path().is_some() {
        let events = claim(&mut store.platform_read(deadline).await?).await?;
        if events.is_empty() {
            return Ok(0);
        }
        events.iter().for_each(|event| deliver(state.tracer(), event));
        (events, store.platform_write(deadline).await?)
    } else {
        let mut tx = store.platform_write(deadline).await?;
        let events = claim(&mut tx).await?;
        if events.is_empty() {
            return Ok(0);
        }
        events.iter().for_each(|event| deliver(state.tracer(), event));
        (events, tx)
    };
    let now = services.clock.now();
    outbox::mark_delivered(&mut tx, &events, now).await?;
    tx.commit().await?;
    state.metrics().count_delivered(events.len());
    Ok(events.len())
}

async fn claim(tx: &mut PlatformTx) -> Result<Vec<Event>, RichError> {
    Ok(outbox::claim_events(tx, i64::try_from(BATCH).unwrap_or(i64::MAX)).await?)
}

/// Delivers an event as part of the trace that it came from.
fn deliver(tracer: &Tracer, event: &Event) {
    let root = tracer.root(Incoming::of_ours(event.traceparent.as_deref()), None);
    root.set_tenant(event.tenant_id.as_uuid());
    root.run_now(|| log_event(event));
    // An event without a trace starts none: it would be a trace of a single span.
    if event.traceparent.is_none() || !tracer.wants(&root, false) {
        return;
    }
    let logged_at = SpanEnd {
        name: format!("process {}", event.topic).into(),
        kind: SpanKind::Consumer,
        attributes: vec![
            Attribute::text("messaging.system", "rustok.outbox"),
            Attribute::text("messaging.operation.name", "process"),
            Attribute::text("messaging.operation.type", "process"),
            Attribute::text("messaging.destination.name", event.topic.as_str()),
            Attribute::text("messaging.message.id", event.id.to_string()),
        ],
        failed: false,
    };
    tracer.finish(&root, logged_at);
}

fn log_event(event: &Event) {
    tracing::debug!(
        target: "rustok.events",
        event_id = %event.id,
        tenant_id = %event.tenant_id,
        topic = %event.topic,
        subject_id = %event.subject_id,
        occurred_at = %event.occurred_at,
        traceparent = event.traceparent,
        payload = %event.payload,
        "event"
    );
}

/// Deletes events that were delivered long ago.
pub(super) async fn purge(state: &AppState) -> Result<Round, RichError> {
    let services = state.services();
    let Ok(before) = services.clock.now().checked_sub(KEPT) else {
        return Ok(Round::Done);
    };
    let mut tx = services.store.platform_write(round_deadline()).await?;
    let deleted = outbox::delete_delivered_before(&mut tx, before, FORGOTTEN_AT_ONCE.into()).await?;
    tx.commit().await?;
    tracing::debug!(deleted, "old events forgotten");
    Ok(if deleted < u64::from(FORGOTTEN_AT_ONCE) {
        Round::Done
    } else {
        Round::Full
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sum_is_told_once_a_minute_and_loses_nothing() {
        let begun = Instant::now();
        let mut sum = Sum::default();
        let mut logged = Vec::new();
        for second in 0..150 {
            sum.events += usize::from(second < 100) * 7;
            logged.extend(sum.due(begun + Duration::from_secs(second)));
        }
        assert_eq!(logged, [7, 60 * 7, 39 * 7]);
    }
}

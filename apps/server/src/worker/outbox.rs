//! Delivers committed events to the structured log (target `rustok.events`, level debug), and deletes old ones. At
//! level info the log has only the number of events, at most once a minute.
//!
//! Delivery is at least once (`rustok_app::deliveries`): an event is delivered before it is marked, so that a crash in
//! between repeats it, with the same id. It must never be delivered before its transaction is committed, and cannot be:
//! only committed events are found.

use super::{FORGOTTEN_AT_ONCE, Round, round_deadline};
use crate::state::AppState;
use rustok_app::{PlatformCtx, deliveries};
use rustok_core::error::RichError;
use rustok_events::{Consumer, Event};
use rustok_storage::outbox;
use rustok_telemetry::{Attribute, Incoming, SpanEnd, SpanKind, Tracer};
use std::future::{Ready, ready};
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio_util::sync::CancellationToken;

/// Interval of rounds: how long an event may wait.
pub(super) const EVERY: Duration = Duration::from_millis(500);
/// Events per round.
const BATCH: i64 = 100;
/// How long an event is kept after its distribution; longer if a delivery of it is left.
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

pub(super) async fn round(
    state: &AppState,
    stop: &CancellationToken,
    sum: &mut Sum,
) -> Result<Round, RichError> {
    let ctx = PlatformCtx::system(Arc::clone(state.services()), "outbox", round_deadline());
    let consume = |consumer, event: &_| consume(state, consumer, event);
    let round = deliveries::deliver_new(&ctx, BATCH, || stop.is_cancelled(), consume).await?;
    state.metrics().count_delivered(round.delivered);
    sum.events += round.delivered;
    if i64::try_from(round.claimed).is_ok_and(|claimed| claimed >= BATCH) {
        return Ok(Round::Full);
    }
    if let Some(events) = sum.due(Instant::now()) {
        tracing::info!(events, "events delivered");
    }
    Ok(Round::Done)
}

/// Hands an event to a consumer.
pub(super) fn consume(state: &AppState, consumer: Consumer, event: &Event) -> Ready<Result<(), RichError>> {
    match consumer {
        Consumer::Log => deliver(state.tracer(), event),
    }
    ready(Ok(()))
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

/// Deletes events that were distributed long ago.
pub(super) async fn purge(state: &AppState) -> Result<Round, RichError> {
    let services = state.services();
    let now = services.clock.now();
    let Ok(before) = now.checked_sub(KEPT) else {
        return Ok(Round::Done);
    };
    let mut tx = services.store.platform_write(round_deadline()).await?;
    let (deleted, is_full) = outbox::purge(&mut tx, before, now, FORGOTTEN_AT_ONCE.into()).await?;
    tx.commit().await?;
    tracing::debug!(deleted, "old events forgotten");
    Ok(if is_full { Round::Full } else { Round::Done })
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

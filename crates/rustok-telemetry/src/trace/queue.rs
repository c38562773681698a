//! The bounded queue of spans to export. A producer never waits.

use super::root::{Children, RootSpan, nanos};
use super::span::{Attribute, SpanEnd};
use crate::propagation::{SpanId, TraceContext};
use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{SystemTime, UNIX_EPOCH};
use tokio::sync::Notify;

/// Maximum number of queued spans. A span takes about half a kilobyte.
const MAX_WAITING: usize = 8_192;
/// Spans per message; a queue of this length is exported at once.
pub(super) const BATCH: usize = 512;

/// A finished request with all its spans.
#[derive(Debug)]
pub(super) struct Finished {
    pub(super) context: TraceContext,
    pub(super) parent: Option<SpanId>,
    pub(super) state: Option<Box<str>>,
    /// Nanoseconds since 1970.
    pub(super) start: u64,
    pub(super) duration: u64,
    pub(super) end: SpanEnd,
    pub(super) children: Children,
}

impl Finished {
    /// Finishes the span now.
    #[expect(
        clippy::disallowed_methods,
        reason = "a span is recorded with the time of the machine, whatever the application's clock says"
    )]
    pub(super) fn of(root: &RootSpan, mut end: SpanEnd) -> Self {
        let duration = nanos(root.elapsed());
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        if let Some(tenant) = root.tenant() {
            let tenant = Attribute::text("rustok.tenant.id", tenant.to_string());
            end.attributes.push(tenant);
        }
        Self {
            context: root.context(),
            parent: root.parent(),
            state: root.state().map(Into::into),
            start: nanos(now).saturating_sub(duration),
            duration,
            end,
            children: root.take_children(),
        }
    }

    fn spans(&self) -> usize {
        1 + self.children.spans.len()
    }
}

/// Numbers of spans since the start, by outcome.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct TraceCounts {
    /// Accepted by the collector.
    pub exported: u64,
    /// Never sent: the queue was full, or the request had too many spans.
    pub dropped: u64,
    /// Sent without success: the collector rejected them, or was unreachable for too long.
    pub lost: u64,
    /// Currently queued.
    pub waiting: u64,
}

#[derive(Debug, Default)]
pub(super) struct Queue {
    waiting: Mutex<Waiting>,
    wake: Notify,
    closing: AtomicBool,
    closed: Notify,
    exported: AtomicU64,
    dropped: AtomicU64,
    lost: AtomicU64,
}

#[derive(Debug, Default)]
struct Waiting {
    requests: VecDeque<Finished>,
    spans: usize,
}

impl Queue {
    fn waiting(&self) -> std::sync::MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn put(&self, finished: Finished) {
        let spans = finished.spans();
        self.count_dropped(finished.children.dropped);
        let mut waiting = self.waiting();
        let before = waiting.spans;
        if before + spans > MAX_WAITING || self.is_closing() {
            drop(waiting);
            self.count_dropped(count(spans));
            return;
        }
        waiting.spans = before + spans;
        waiting.requests.push_back(finished);
        drop(waiting);
        if before == 0 || (before < BATCH && before + spans >= BATCH) {
            self.wake.notify_one();
        }
    }

    /// Takes the oldest spans, up to a batch; the spans of one request stay together.
    pub(super) fn take(&self) -> Vec<Finished> {
        let mut waiting = self.waiting();
        let (mut taken, mut spans) = (Vec::new(), 0);
        while spans < BATCH
            && let Some(finished) = waiting.requests.pop_front()
        {
            spans += finished.spans();
            taken.push(finished);
        }
        waiting.spans -= spans;
        taken
    }

    pub(super) fn len(&self) -> usize {
        self.waiting().spans
    }

    /// Waits until something was queued, or the queue was closed.
    pub(super) async fn woken(&self) {
        self.wake.notified().await;
    }

    pub(super) fn close(&self) {
        self.closing.store(true, Ordering::Release);
        self.wake.notify_one();
        self.closed.notify_one();
    }

    /// Waits until the queue is closed; for a single waiter.
    pub(super) async fn closed(&self) {
        if !self.is_closing() {
            self.closed.notified().await;
        }
    }

    pub(super) fn is_closing(&self) -> bool {
        self.closing.load(Ordering::Acquire)
    }

    pub(super) fn count_exported(&self, spans: u64) {
        self.exported.fetch_add(spans, Ordering::Relaxed);
    }

    pub(super) fn count_dropped(&self, spans: u64) {
        self.dropped.fetch_add(spans, Ordering::Relaxed);
    }

    pub(super) fn count_lost(&self, spans: u64) {
        self.lost.fetch_add(spans, Ordering::Relaxed);
    }

    pub(super) fn counts(&self) -> TraceCounts {
        TraceCounts {
            exported: self.exported.load(Ordering::Relaxed),
            dropped: self.dropped.load(Ordering::Relaxed),
            lost: self.lost.load(Ordering::Relaxed),
            waiting: count(self.len()),
        }
    }
}

pub(super) fn spans_of(batch: &[Finished]) -> u64 {
    count(batch.iter().map(Finished::spans).sum())
}

fn count(spans: usize) -> u64 {
    u64::try_from(spans).unwrap_or(u64::MAX)
}

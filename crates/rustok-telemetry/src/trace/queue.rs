//! What waits to be sent: so many spans and no more. Who puts something in never waits.

use super::root::{Children, RootSpan, nanos};
use super::span::{Attribute, Told};
use crate::propagation::{SpanId, TraceContext};
use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{SystemTime, UNIX_EPOCH};
use tokio::sync::Notify;

/// Spans that may wait. A span takes about half a kilobyte.
const MAX_WAITING: usize = 8_192;
/// Spans of one message; so many that wait are sent at once.
pub(super) const BATCH: usize = 512;

/// A request whose spans are complete.
#[derive(Debug)]
pub(super) struct Finished {
    pub(super) context: TraceContext,
    pub(super) parent: Option<SpanId>,
    pub(super) state: Option<Box<str>>,
    /// Nanoseconds since 1970.
    pub(super) start: u64,
    pub(super) duration: u64,
    pub(super) told: Told,
    pub(super) children: Children,
}

impl Finished {
    /// Ends the span now.
    #[expect(
        clippy::disallowed_methods,
        reason = "a span is told with the time of the machine, whatever the application's clock says"
    )]
    pub(super) fn of(root: &RootSpan, mut told: Told) -> Self {
        let duration = nanos(root.elapsed());
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        if let Some(tenant) = root.tenant() {
            let tenant = Attribute::text("rustok.tenant.id", tenant.to_string());
            told.attributes.push(tenant);
        }
        Self {
            context: root.context(),
            parent: root.parent(),
            state: root.state().map(Into::into),
            start: nanos(now).saturating_sub(duration),
            duration,
            told,
            children: root.take_children(),
        }
    }

    fn spans(&self) -> usize {
        1 + self.children.spans.len()
    }
}

/// How many spans went where since the start.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct TraceCounts {
    /// Taken by the collector.
    pub exported: u64,
    /// Never sent: too many waited already, or one request had too many.
    pub dropped: u64,
    /// Sent in vain: the collector refused them, or could not be reached for too long.
    pub lost: u64,
    /// Waiting now.
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

    /// The oldest ones, up to a batch; a request is never torn apart.
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

    /// Until something was put in, or the end has come.
    pub(super) async fn woken(&self) {
        self.wake.notified().await;
    }

    pub(super) fn close(&self) {
        self.closing.store(true, Ordering::Release);
        self.wake.notify_one();
        self.closed.notify_one();
    }

    /// Until the end has come; for one who waits.
    pub(super) async fn closed(&self) {
        self.closed.notified().await;
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

//! The outermost span of a request, or of one piece of a worker's work: whose trace it is, and what happens within.
//!
//! Everything that runs within [`RootSpan::run`] finds it again with [`RootSpan::current`]: lines of the log get their
//! ids from it, and spans of the `tracing` crate become its children while it is recorded. Work that is spawned does
//! not belong to it any more. It must never hold more than [`MAX_CHILDREN`] spans.

use super::span::{Attribute, SpanKind, Value};
use crate::propagation::{SpanId, TraceContext, rng};
use rand::RngExt as _;
use std::borrow::Cow;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::{Duration, Instant};
use uuid::Uuid;

/// Spans within one request; what comes after them is counted only.
pub(crate) const MAX_CHILDREN: usize = 256;

tokio::task_local! {
    static CURRENT: RootSpan;
}

/// The outermost span. Cheap to clone.
#[derive(Debug, Clone)]
pub struct RootSpan(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    context: TraceContext,
    parent: Option<SpanId>,
    state: Option<Box<str>>,
    request_id: Option<Box<str>>,
    tenant: OnceLock<Uuid>,
    start: Instant,
    /// Only while it is recorded.
    children: Option<Mutex<Children>>,
}

#[derive(Debug, Default)]
pub(super) struct Children {
    pub(super) spans: Vec<Child>,
    pub(super) dropped: u64,
}

/// A span within. Times are nanoseconds after the start of the root.
#[derive(Debug, Clone)]
pub(crate) struct Child {
    pub(crate) id: SpanId,
    pub(crate) parent: SpanId,
    pub(crate) name: Cow<'static, str>,
    pub(crate) kind: SpanKind,
    pub(crate) start: u64,
    /// `None` while it is open.
    pub(crate) end: Option<u64>,
    pub(crate) attributes: Vec<Attribute>,
    pub(crate) failed: bool,
}

impl Child {
    /// Sets an attribute, or the special fields that say what the span is.
    pub(crate) fn set(&mut self, key: &'static str, value: Value) {
        match (key, &value) {
            ("otel.name", Value::Text(name)) => self.name = name.clone(),
            ("otel.kind", Value::Text(kind)) => {
                self.kind = match &**kind {
                    "client" => SpanKind::Client,
                    "producer" => SpanKind::Producer,
                    "consumer" => SpanKind::Consumer,
                    _ => SpanKind::Internal,
                }
            }
            _ => {
                self.failed |= key == "error.type";
                match self.attributes.iter_mut().find(|known| known.key == key) {
                    Some(known) => known.value = value,
                    None => self.attributes.push(Attribute { key, value }),
                }
            }
        }
    }
}

impl RootSpan {
    pub(super) fn new(
        context: TraceContext,
        parent: Option<SpanId>,
        state: Option<Box<str>>,
        request_id: Option<Box<str>>,
    ) -> Self {
        Self(Arc::new(Inner {
            context,
            parent,
            state,
            request_id,
            tenant: OnceLock::new(),
            start: Instant::now(),
            children: context.sampled.then(Mutex::default),
        }))
    }

    /// The one that the running code belongs to.
    #[must_use]
    pub fn current() -> Option<Self> {
        CURRENT.try_with(Clone::clone).ok()
    }

    /// Runs `work` as a part of this.
    pub async fn run<F: Future>(&self, work: F) -> F::Output {
        CURRENT.scope(self.clone(), work).await
    }

    /// As [`Self::run`] for work that does not wait.
    pub fn run_now<T>(&self, work: impl FnOnce() -> T) -> T {
        CURRENT.sync_scope(self.clone(), work)
    }

    /// Trace and span; its text form is the `traceparent` for whom we hand this on to.
    #[must_use]
    pub fn context(&self) -> TraceContext {
        self.0.context
    }

    /// What the request is called in the log: the name that a proxy of ours gave it, or its span id.
    pub(crate) fn request_id(&self) -> Option<&str> {
        self.0.request_id.as_deref()
    }

    /// Takes note of the tenant whose request this is; the first one counts.
    pub fn set_tenant(&self, tenant: Uuid) {
        let _ = self.0.tenant.set(tenant);
    }

    /// The tenant, once it is known.
    #[must_use]
    pub fn tenant(&self) -> Option<Uuid> {
        self.0.tenant.get().copied()
    }

    /// How long it has been running.
    #[must_use]
    pub fn elapsed(&self) -> Duration {
        self.0.start.elapsed()
    }

    pub(super) fn parent(&self) -> Option<SpanId> {
        self.0.parent
    }

    pub(super) fn state(&self) -> Option<&str> {
        self.0.state.as_deref()
    }

    pub(crate) fn is_recorded(&self) -> bool {
        self.0.children.is_some()
    }

    fn now(&self) -> u64 {
        nanos(self.elapsed())
    }

    fn with_children<T>(&self, change: impl FnOnce(&mut Children) -> T) -> Option<T> {
        let children = self.0.children.as_ref()?;
        Some(change(
            &mut children.lock().unwrap_or_else(PoisonError::into_inner),
        ))
    }

    /// Opens a span under the innermost open one that is no call to somebody else. Its place, if it is recorded.
    pub(crate) fn open(&self, name: &'static str, fill: impl FnOnce(&mut Child)) -> Option<usize> {
        let start = self.now();
        self.with_children(|children| {
            if children.spans.len() >= MAX_CHILDREN {
                children.dropped += 1;
                return None;
            }
            let holds = |child: &&Child| child.end.is_none() && child.kind != SpanKind::Client;
            let parent = children.spans.iter().rev().find(holds);
            let mut child = Child {
                id: SpanId(rng().random_range(1..=u64::MAX)),
                parent: parent.map_or(self.0.context.span_id, |parent| parent.id),
                name: Cow::Borrowed(name),
                kind: SpanKind::Internal,
                start,
                end: None,
                attributes: Vec::new(),
                failed: false,
            };
            fill(&mut child);
            children.spans.push(child);
            Some(children.spans.len() - 1)
        })
        .flatten()
    }

    pub(crate) fn change(&self, place: usize, change: impl FnOnce(&mut Child)) {
        self.with_children(|children| children.spans.get_mut(place).map(change));
    }

    /// Changes the innermost span that is open.
    pub(crate) fn change_innermost(&self, change: impl FnOnce(&mut Child)) {
        self.with_children(|children| {
            let open = children.spans.iter_mut().rev().find(|child| child.end.is_none());
            open.map(change)
        });
    }

    pub(crate) fn close(&self, place: usize) {
        let now = self.now();
        self.change(place, |child| child.end = Some(now));
    }

    /// What happened within, told once.
    pub(super) fn take_children(&self) -> Children {
        self.with_children(std::mem::take).unwrap_or_default()
    }
}

/// Looks at the current root, if there is one.
pub(crate) fn with_current<T>(look: impl FnOnce(&RootSpan) -> T) -> Option<T> {
    CURRENT.try_with(look).ok()
}

pub(super) fn nanos(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

//! The root span of a request, or of one unit of a worker's work: its trace and its child spans.
//!
//! Code inside [`RootSpan::run`] finds it with [`RootSpan::current`]: log lines take their ids from it, and spans of
//! the `tracing` crate become its children while it is recorded. Spawned tasks do not belong to it. It must never
//! hold more than [`MAX_CHILDREN`] spans.

use super::span::{Attribute, SpanKind, Value};
use crate::propagation::{SpanId, TraceContext, rng};
use rand::RngExt as _;
use std::borrow::Cow;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::{Duration, Instant};
use uuid::Uuid;

/// Maximum number of spans in one request; further ones are only counted.
pub(crate) const MAX_CHILDREN: usize = 256;

tokio::task_local! {
    static CURRENT: RootSpan;
}

/// The root span. Cheap to clone.
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
    /// Only if it is recorded.
    children: Option<Mutex<Children>>,
}

#[derive(Debug, Default)]
pub(super) struct Children {
    pub(super) spans: Vec<Child>,
    pub(super) dropped: u64,
}

/// A child span. Times are nanoseconds since the start of the root.
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
    /// Sets an attribute, or one of the special fields for the kind and status of the span.
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

    /// The root span of the running code.
    #[must_use]
    pub fn current() -> Option<Self> {
        CURRENT.try_with(Clone::clone).ok()
    }

    /// Runs `work` inside this root span.
    pub async fn run<F: Future>(&self, work: F) -> F::Output {
        CURRENT.scope(self.clone(), work).await
    }

    /// As [`Self::run`] for synchronous work.
    pub fn run_now<T>(&self, work: impl FnOnce() -> T) -> T {
        CURRENT.sync_scope(self.clone(), work)
    }

    /// Trace id and span id; the text form is the `traceparent` for downstream calls.
    #[must_use]
    pub fn context(&self) -> TraceContext {
        self.0.context
    }

    /// The request id for the log: the one that our proxy assigned, or the span id.
    pub(crate) fn request_id(&self) -> Option<&str> {
        self.0.request_id.as_deref()
    }

    /// Sets the tenant of this request; only the first call counts.
    pub fn set_tenant(&self, tenant: Uuid) {
        let _ = self.0.tenant.set(tenant);
    }

    /// The tenant, if it is set.
    #[must_use]
    pub fn tenant(&self) -> Option<Uuid> {
        self.0.tenant.get().copied()
    }

    /// The time since its start.
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

    /// Opens a span under the innermost open span that is not a client call. Returns its index, if it is recorded.
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

    /// Changes the innermost open span.
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

    /// Takes the child spans; the second call returns none.
    pub(super) fn take_children(&self) -> Children {
        self.with_children(std::mem::take).unwrap_or_default()
    }
}

/// Calls `look` with the current root, if there is one.
pub(crate) fn with_current<T>(look: impl FnOnce(&RootSpan) -> T) -> Option<T> {
    CURRENT.try_with(look).ok()
}

pub(super) fn nanos(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

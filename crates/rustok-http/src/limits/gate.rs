//! Overload protection: limits concurrent requests and the queue for them. Any further request is refused with
//! `Retry-After` before memory is spent on it.

use super::refusals::Refusals;
use rustok_core::error::{ErrorKind, RichError};
use rustok_core::ids::TenantId;
use rustok_core::shares::{Share, Shares};
use std::borrow::Cow;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;
use tokio::sync::{Semaphore, SemaphorePermit};
use tokio::time::{Instant, timeout_at};

/// Longest wait for a permit: after that, newer requests have better chances.
const LONGEST_WAIT: Duration = Duration::from_secs(1);

/// Permits for requests, and a short queue for them.
#[derive(Debug)]
pub struct Gate {
    name: &'static str,
    all_places: usize,
    places: Semaphore,
    /// One tenant may hold three quarters of the permits.
    tenants: Arc<Shares<TenantId>>,
    waiting: AtomicUsize,
    longest_queue: usize,
    refusals: Refusals,
}

/// The current numbers of a gate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct GateNumbers {
    /// `requests`, `uploads` or `imports`.
    pub gate: &'static str,
    /// Number of permits.
    pub places: usize,
    /// Number of permits in use.
    pub in_flight: usize,
    /// Number of requests that wait for a permit.
    pub waiting: usize,
    /// Number of requests refused so far.
    pub refused: u64,
}

/// A permit; released on drop.
#[derive(Debug)]
#[must_use]
pub struct GatePermit<'a> {
    _place: SemaphorePermit<'a>,
    _share: Option<Share<TenantId>>,
}

impl Gate {
    /// `places` is the number of permits, at least one; `name` is for the log and for metrics.
    #[must_use]
    pub(super) fn new(name: &'static str, places: usize, longest_queue: usize) -> Self {
        let all_places = places.clamp(1, Semaphore::MAX_PERMITS);
        Self {
            name,
            all_places,
            places: Semaphore::new(all_places),
            tenants: Shares::of(all_places, longest_queue),
            waiting: AtomicUsize::new(0),
            longest_queue,
            refusals: Refusals::of(name),
        }
    }

    /// The numbers are read one by one, so they are approximate.
    pub(super) fn numbers(&self) -> GateNumbers {
        GateNumbers {
            gate: self.name,
            places: self.all_places,
            in_flight: self.all_places.saturating_sub(self.places.available_permits()),
            waiting: self.waiting.load(Ordering::Relaxed),
            refused: self.refusals.total(),
        }
    }

    /// Takes a permit, at once or after a short wait in the queue; first come, first served. A request for a tenant
    /// waits for its tenant's share first, where it does not block other tenants.
    ///
    /// # Errors
    /// `overloaded`, when the queue is full or no permit became free in time.
    pub async fn enter(&self, tenant: Option<TenantId>) -> Result<GatePermit<'_>, RichError> {
        if let Some(place) = self.place(tenant, Instant::now() + LONGEST_WAIT).await {
            return Ok(place);
        }
        self.refusals.count();
        Err(overloaded(
            "no place for a request",
            "The server has as many requests as it can take. Nothing was changed; come back later.",
        ))
    }

    async fn place(&self, tenant: Option<TenantId>, latest: Instant) -> Option<GatePermit<'_>> {
        let share = match tenant {
            Some(tenant) => Some(self.tenants.enter(tenant, latest).await?),
            None => None,
        };
        let permit = match self.places.try_acquire() {
            Ok(permit) => permit,
            Err(_) => {
                let _waiting = Waiting::begin(self)?;
                timeout_at(latest, self.places.acquire()).await.ok()?.ok()?
            }
        };
        Some(GatePermit {
            _place: permit,
            _share: share,
        })
    }
}

/// The problem `overloaded`, with a short `Retry-After`.
pub(crate) fn overloaded(why: &'static str, public: impl Into<Cow<'static, str>>) -> RichError {
    RichError::new(ErrorKind::Unavailable, why)
        .with_code("overloaded")
        .with_retry_after(LONGEST_WAIT)
        .with_public(public)
}

/// An entry in the queue; removed on drop.
struct Waiting<'a>(&'a AtomicUsize);

impl<'a> Waiting<'a> {
    fn begin(gate: &'a Gate) -> Option<Self> {
        let before = gate.waiting.fetch_add(1, Ordering::Relaxed);
        let waiting = Self(&gate.waiting);
        (before < gate.longest_queue).then_some(waiting)
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures_util::FutureExt as _;
    use std::pin::pin;
    use uuid::Uuid;

    #[tokio::test(start_paused = true)]
    async fn who_finds_no_place_waits_and_who_finds_no_queue_is_refused() {
        let gate = Gate::new("test", 2, 1);
        let (first, _second) = (gate.enter(None).await.unwrap(), gate.enter(None).await.unwrap());
        let mut third = pin!(gate.enter(None));
        assert!(third.as_mut().now_or_never().is_none());
        let refused = gate.enter(None).now_or_never().unwrap().unwrap_err();
        assert_eq!((refused.status(), refused.code()), (503, "overloaded"));
        assert_eq!(refused.retry_after(), Some(LONGEST_WAIT));
        drop(first);
        let _third = third.now_or_never().unwrap().unwrap();
        assert!(
            gate.enter(None).now_or_never().is_none(),
            "the queue has room again"
        );
    }

    #[tokio::test(start_paused = true)]
    async fn nobody_waits_long_and_who_goes_away_frees_the_queue() {
        let gate = Gate::new("test", 1, 1);
        let _place = gate.enter(None).await.unwrap();
        let gone = Box::pin(gate.enter(None));
        drop(gone);
        assert_eq!(gate.enter(None).await.unwrap_err().code(), "overloaded");
        assert_eq!(gate.waiting.load(Ordering::Relaxed), 0);
    }

    #[tokio::test(start_paused = true)]
    async fn one_tenant_leaves_places_to_the_others() {
        let gate = Gate::new("test", 4, 8);
        let (greedy, neighbour) = (Uuid::from_u128(1).into(), Uuid::from_u128(2).into());
        let mut held = Vec::new();
        for _ in 0..3 {
            held.push(gate.enter(Some(greedy)).await.unwrap());
        }
        let mut fourth = pin!(gate.enter(Some(greedy)));
        assert!(fourth.as_mut().now_or_never().is_none());
        let _neighbour = gate.enter(Some(neighbour)).now_or_never().unwrap().unwrap();
        assert_eq!(fourth.await.unwrap_err().code(), "overloaded");
    }
}

//! Limits what untrusted clients can make the cache do: unknown identifiers per client, and concurrent loads.
//!
//! Memory must never depend on the number of clients or requests: clients share slots. Cached tenants are never
//! refused by these limits.

use crate::middleware::client::network;
use rustok_tenancy::TenantError;
use std::hash::{BuildHasher, RandomState};
use std::net::IpAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use tokio::sync::{Semaphore, SemaphorePermit};
use tokio::time::{Instant, timeout};

/// Number of slots, which clients share (64 KiB). Each client has two, and is refused only when both are used up: a
/// flooding client affects another only if it shares both.
const SLOTS: usize = 8_192;
/// Unused allowance accumulates for this long.
const SAVED: Duration = Duration::from_secs(10);
/// How long a load may wait in the queue.
const TURN_LIMIT: Duration = Duration::from_secs(1);

/// Limits the unknown identifiers that each client may request (the generic cell rate algorithm, ITU-T I.371).
#[derive(Debug)]
pub(super) struct UnknownNames {
    /// When a slot's allowance is full again, in microseconds after `start`.
    slots: Box<[AtomicU64]>,
    hashers: [RandomState; 2],
    start: Instant,
    /// Cost of one identifier, in microseconds.
    cost_us: u64,
}

impl UnknownNames {
    /// `None` for a rate of zero: no limit.
    pub(super) fn per_second(rate: u32) -> Option<Self> {
        Some(Self {
            slots: (0..SLOTS).map(|_| AtomicU64::new(0)).collect(),
            hashers: [RandomState::new(), RandomState::new()],
            start: Instant::now(),
            cost_us: 1_000_000_u64.checked_div(u64::from(rate))?.max(1),
        })
    }

    /// Refuses a client that has requested too many unknown identifiers.
    pub(super) fn check(&self, client: IpAddr) -> Result<(), TenantError> {
        let limit = self
            .now()
            .saturating_add(micros(SAVED))
            .saturating_sub(self.cost_us);
        let over = |slot: &AtomicU64| slot.load(Ordering::Relaxed).saturating_sub(limit);
        match self.slots_of(client).map(over).min() {
            None | Some(0) => Ok(()),
            Some(over_us) => Err(TenantError::TooManyUnknown {
                retry_after: Duration::from_micros(over_us),
            }),
        }
    }

    /// Charges the client for an unknown identifier.
    pub(super) fn charge(&self, client: IpAddr) {
        let now = self.now();
        let full = now.saturating_add(micros(SAVED));
        for slot in self.slots_of(client) {
            let add = |at: u64| Some(at.max(now).saturating_add(self.cost_us).min(full));
            // The closure always returns `Some`, so this cannot fail.
            let _ = slot.fetch_update(Ordering::Relaxed, Ordering::Relaxed, add);
        }
    }

    fn now(&self) -> u64 {
        micros(self.start.elapsed())
    }

    fn slots_of(&self, client: IpAddr) -> impl Iterator<Item = &AtomicU64> {
        let who = network(client);
        self.hashers.iter().filter_map(move |hasher| {
            let hash = hasher.hash_one(who) % SLOTS as u64;
            usize::try_from(hash).ok().and_then(|slot| self.slots.get(slot))
        })
    }
}

fn micros(time: Duration) -> u64 {
    u64::try_from(time.as_micros()).unwrap_or(u64::MAX)
}

/// Limits running and queued loads. Further loads are refused: with an unbounded queue no request would be answered
/// in time.
#[derive(Debug)]
pub(super) struct LoadQueue {
    running: Semaphore,
    /// Running and waiting together.
    all: Semaphore,
}

impl LoadQueue {
    pub(super) fn new(running: usize, waiting: usize) -> Self {
        let running = running.clamp(1, Semaphore::MAX_PERMITS / 2);
        Self {
            running: Semaphore::new(running),
            all: Semaphore::new(running + waiting.min(Semaphore::MAX_PERMITS / 2)),
        }
    }

    /// Waits for a turn; `None` when the queue is full or the wait is too long. The load runs as long as it holds the
    /// permits.
    pub(super) async fn take(&self) -> Option<[SemaphorePermit<'_>; 2]> {
        let place = self.all.try_acquire().ok()?;
        let turn = timeout(TURN_LIMIT, self.running.acquire()).await.ok()?.ok()?;
        Some([place, turn])
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::{Ipv4Addr, Ipv6Addr};
    use tokio::time::advance;

    const CLIENT: IpAddr = IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1));

    /// Number of unknown identifiers that the client may request now.
    fn names(limit: &UnknownNames, client: IpAddr) -> usize {
        (0..1_000)
            .take_while(|_| {
                let free = limit.check(client).is_ok();
                if free {
                    limit.charge(client);
                }
                free
            })
            .count()
    }

    #[tokio::test(start_paused = true)]
    async fn a_client_may_ask_for_ten_seconds_at_once_and_then_at_its_rate() {
        let limit = UnknownNames::per_second(10).unwrap();
        assert_eq!(names(&limit, CLIENT), 100);
        let Err(TenantError::TooManyUnknown { retry_after }) = limit.check(CLIENT) else {
            panic!("let through");
        };
        assert_eq!(retry_after, Duration::from_millis(100));
        advance(retry_after - Duration::from_micros(1)).await;
        assert_eq!(names(&limit, CLIENT), 0);
        advance(Duration::from_micros(1)).await;
        assert_eq!(names(&limit, CLIENT), 1);
        advance(Duration::from_secs(1)).await;
        assert_eq!(names(&limit, CLIENT), 10);
        advance(Duration::from_secs(3_600)).await;
        assert_eq!(names(&limit, CLIENT), 100, "more is not saved up");
    }

    #[tokio::test(start_paused = true)]
    async fn what_was_under_way_when_the_allowance_ended_leaves_no_debt() {
        let limit = UnknownNames::per_second(10).unwrap();
        for _ in 0..10_000 {
            limit.charge(CLIENT);
        }
        advance(Duration::from_secs(1)).await;
        assert_eq!(names(&limit, CLIENT), 10);
    }

    #[tokio::test(start_paused = true)]
    async fn one_client_does_not_use_up_what_others_have() {
        let limit = UnknownNames::per_second(1).unwrap();
        // All addresses of a /64 are one client, and so are an IPv4 address and its mapped form.
        let v6 = |last| IpAddr::V6(Ipv6Addr::new(0x2001, 0xdb8, 0, 1, 9, 9, 9, last));
        let flood: usize = (0..500).map(|n| names(&limit, v6(n))).sum();
        let mapped = IpAddr::V6(Ipv4Addr::new(192, 0, 2, 1).to_ipv6_mapped());
        assert_eq!((flood, names(&limit, mapped), names(&limit, CLIENT)), (10, 10, 0));
        let others = (2..=200).map(|n| names(&limit, IpAddr::V4(Ipv4Addr::new(192, 0, 2, n))));
        assert!(others.filter(|names| *names == 10).count() > 190);
        assert!(UnknownNames::per_second(0).is_none());
    }

    #[tokio::test(start_paused = true)]
    async fn loads_beyond_the_bound_are_refused_at_once_and_waiting_ends() {
        let turns = LoadQueue::new(2, 1);
        let running = (turns.take().await.unwrap(), turns.take().await.unwrap());
        let begun = Instant::now();
        let (waited, refused) = tokio::join!(turns.take(), async {
            let refused = turns.take().await.is_none();
            (refused, begun.elapsed())
        });
        assert!(waited.is_none());
        assert_eq!(refused, (true, Duration::ZERO));
        assert_eq!(begun.elapsed().as_secs(), TURN_LIMIT.as_secs());
        drop(running);
        assert!(turns.take().await.is_some());
    }
}

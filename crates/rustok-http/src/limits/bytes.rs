//! Memory budgets for data in transit: request bodies being received, and responses that clients have not read yet.
//!
//! Every connection may always hold a little, so that no client is shut out. Beyond that all connections share one
//! budget, of which one connection may hold an eighth of what is free at that moment (dynamic thresholds: Choudhury
//! and Hahne, IEEE/ACM Transactions on Networking 6 (2), 1998).

use super::refusals::Refusals;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

/// What every connection may always hold, in bytes.
pub(super) const ALWAYS: usize = 32 << 10;
/// One connection may hold the free bytes divided by this.
const SHARE: usize = 8;

/// A byte limit for all connections together.
#[derive(Debug)]
pub struct Budget {
    most: usize,
    held: AtomicUsize,
    refusals: Refusals,
}

/// One connection's share of a budget.
#[derive(Debug)]
pub struct Share {
    budget: Arc<Budget>,
    held: AtomicUsize,
    released: AtomicU64,
}

/// Some bytes of a share; released on drop.
#[derive(Debug)]
#[must_use]
pub struct Held {
    share: Arc<Share>,
    bytes: usize,
}

impl Budget {
    /// A budget of `most` bytes; `name` is for the log.
    pub(super) fn new(name: &'static str, most: usize) -> Arc<Self> {
        Arc::new(Self {
            most,
            held: AtomicUsize::new(0),
            refusals: Refusals::of(name),
        })
    }

    /// The share of a new connection.
    #[must_use]
    pub fn share(self: &Arc<Self>) -> Arc<Share> {
        Arc::new(Share {
            budget: Arc::clone(self),
            held: AtomicUsize::new(0),
            released: AtomicU64::new(0),
        })
    }

    /// Bytes held by all connections.
    #[must_use]
    pub fn held(&self) -> usize {
        self.held.load(Ordering::Relaxed)
    }

    /// Counts a refusal by a part of this budget.
    pub(super) fn refuse(&self) {
        self.refusals.count();
    }

    /// How often there was no room.
    pub(super) fn refused(&self) -> u64 {
        self.refusals.total()
    }
}

impl Share {
    /// Whether this connection may hold `bytes` more now. If not, counts a refusal.
    #[must_use]
    pub fn has_room(&self, bytes: usize) -> bool {
        let free = self.budget.most.saturating_sub(self.budget.held());
        let room = self.held().saturating_add(bytes) <= ALWAYS.max(free / SHARE);
        if !room {
            self.budget.refusals.count();
        }
        room
    }

    /// Holds bytes without checking for room.
    pub fn hold(self: &Arc<Self>, bytes: usize) -> Held {
        self.take(bytes);
        Held {
            share: Arc::clone(self),
            bytes,
        }
    }

    fn take(&self, bytes: usize) {
        self.budget.held.fetch_add(bytes, Ordering::Relaxed);
        self.held.fetch_add(bytes, Ordering::Relaxed);
    }

    /// Bytes held by this connection.
    #[must_use]
    pub fn held(&self) -> usize {
        self.held.load(Ordering::Relaxed)
    }

    /// Bytes released so far: the number grows as long as the client keeps reading.
    #[must_use]
    pub fn released(&self) -> u64 {
        self.released.load(Ordering::Relaxed)
    }
}

impl Held {
    /// Holds `bytes` more.
    pub fn add(&mut self, bytes: usize) {
        self.share.take(bytes);
        self.bytes += bytes;
    }

    /// Splits off up to `bytes` bytes, to be released separately.
    pub fn split(&mut self, bytes: usize) -> Self {
        let bytes = bytes.min(self.bytes);
        self.bytes -= bytes;
        Self {
            share: Arc::clone(&self.share),
            bytes,
        }
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        let bytes = self.bytes;
        self.share.budget.held.fetch_sub(bytes, Ordering::Relaxed);
        self.share.held.fetch_sub(bytes, Ordering::Relaxed);
        let released = u64::try_from(bytes).unwrap_or(u64::MAX);
        self.share.released.fetch_add(released, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_held_is_released_once() {
        let budget = Budget::new("test", 1_000);
        let share = budget.share();
        let mut held = share.hold(60);
        held.add(40);
        assert_eq!((budget.held(), share.held(), share.released()), (100, 100, 0));
        let part = held.split(30);
        drop(part);
        assert_eq!((budget.held(), share.held(), share.released()), (70, 70, 30));
        let rest = held.split(1_000);
        drop(held);
        assert_eq!(share.held(), 70);
        drop(rest);
        assert_eq!((budget.held(), share.held(), share.released()), (0, 0, 100));
    }

    /// A thousand connections that take all they may, and release nothing.
    #[test]
    fn greedy_connections_keep_nobody_out() {
        const MOST: usize = 64 << 20;
        const PIECE: usize = 4 << 10;
        let budget = Budget::new("test", MOST);
        let mut held = Vec::new();
        for _ in 0..1_000 {
            let share = budget.share();
            while share.has_room(PIECE) {
                held.push(share.hold(PIECE));
            }
        }
        assert!(budget.held() < MOST + 1_000 * ALWAYS, "{}", budget.held());
        let honest = budget.share();
        assert!(honest.has_room(ALWAYS) && !honest.has_room(ALWAYS + 1));
        let first = held.first().map(|held| held.share.held()).unwrap_or_default();
        assert!((MOST / 10..MOST / SHARE).contains(&first), "{first}");
        held.clear();
        assert_eq!(budget.held(), 0);
        assert!(honest.has_room(MOST / SHARE) && !honest.has_room(MOST / SHARE + 1));
    }
}

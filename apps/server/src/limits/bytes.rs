//! Memory for what is on its way: bodies that are being received, answers that their clients have not taken yet.
//!
//! Every connection may hold a little, whatever others do: so nobody is kept out. Beyond that all share one budget, of
//! which one connection may hold an eighth of what is free at that moment (dynamic thresholds: Choudhury and Hahne,
//! IEEE/ACM Transactions on Networking 6 (2), 1998).

use super::refusals::Refusals;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

/// What every connection may hold, in bytes.
pub(super) const ALWAYS: usize = 32 << 10;
/// The part of the free bytes that one connection may hold.
const SHARE: usize = 8;

/// A limit of bytes for all connections together.
#[derive(Debug)]
pub struct Budget {
    most: usize,
    held: AtomicUsize,
    refusals: Refusals,
}

/// What one connection holds of a budget.
#[derive(Debug)]
pub struct Share {
    budget: Arc<Budget>,
    held: AtomicUsize,
    released: AtomicU64,
}

/// Some bytes of a share; released when this is dropped.
#[derive(Debug)]
#[must_use]
pub struct Held {
    share: Arc<Share>,
    bytes: usize,
}

impl Budget {
    /// At most `most` bytes; `name` is for the log.
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

    /// How many bytes are held by all.
    #[must_use]
    pub fn held(&self) -> usize {
        self.held.load(Ordering::Relaxed)
    }

    /// How often there was no room.
    pub(super) fn refused(&self) -> u64 {
        self.refusals.total()
    }
}

impl Share {
    /// Whether this connection may hold so many more bytes now; if not, that is counted as a refusal.
    #[must_use]
    pub fn has_room(&self, bytes: usize) -> bool {
        let free = self.budget.most.saturating_sub(self.budget.held());
        let room = self.held().saturating_add(bytes) <= ALWAYS.max(free / SHARE);
        if !room {
            self.budget.refusals.count();
        }
        room
    }

    /// Holds bytes, without a question whether there is room.
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

    /// How many bytes the connection holds.
    #[must_use]
    pub fn held(&self) -> usize {
        self.held.load(Ordering::Relaxed)
    }

    /// How many bytes it has released so far: it grows as long as its client goes on reading.
    #[must_use]
    pub fn released(&self) -> u64 {
        self.released.load(Ordering::Relaxed)
    }
}

impl Held {
    /// Holds more.
    pub fn add(&mut self, bytes: usize) {
        self.share.take(bytes);
        self.bytes += bytes;
    }

    /// A part of it, to be released by itself; all, if there is not more.
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

    /// A thousand connections that take all that they may, and never give anything back.
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

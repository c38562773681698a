//! Limits the bytes of request bodies that one client network may have in memory, however many connections it has.

use super::bytes::Budget;
use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};

/// One network may hold the budget divided by this.
const PART: usize = 4;

/// Counts the bytes that each client network holds of a budget. A network that holds none uses no memory.
#[derive(Debug)]
pub struct Networks {
    most: usize,
    held: Mutex<HashMap<IpAddr, usize>>,
}

/// Bytes that a network holds; released on drop.
#[derive(Debug)]
#[must_use]
pub struct NetworkBytes {
    networks: Arc<Networks>,
    network: IpAddr,
    bytes: usize,
}

impl Networks {
    /// Parts of a budget of `budget` bytes; each network may hold `least` in any case.
    pub(super) fn new(budget: usize, least: usize) -> Arc<Self> {
        Arc::new(Self {
            most: (budget / PART).max(least),
            held: Mutex::default(),
        })
    }

    /// Begins to count for a network (see `client::network`).
    pub fn count(self: &Arc<Self>, network: IpAddr) -> NetworkBytes {
        NetworkBytes {
            networks: Arc::clone(self),
            network,
            bytes: 0,
        }
    }
}

impl NetworkBytes {
    /// Holds `bytes` more; false if the network holds too much, which `budget` counts as a refusal.
    #[must_use]
    pub fn add(&mut self, bytes: usize, budget: &Budget) -> bool {
        // A network without bytes has no entry.
        if bytes == 0 {
            return true;
        }
        let mut held = self.networks.held.lock().unwrap_or_else(PoisonError::into_inner);
        let of_all = held.entry(self.network).or_default();
        let has_room = of_all.saturating_add(bytes) <= self.networks.most;
        if has_room {
            *of_all += bytes;
            self.bytes += bytes;
        } else if *of_all == 0 {
            held.remove(&self.network);
        }
        drop(held);
        if !has_room {
            budget.refuse();
        }
        has_room
    }
}

impl Drop for NetworkBytes {
    fn drop(&mut self) {
        if self.bytes == 0 {
            return;
        }
        let mut held = self.networks.held.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(of_all) = held.get_mut(&self.network) {
            *of_all -= self.bytes;
            if *of_all == 0 {
                held.remove(&self.network);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_network_holds_its_part_on_all_its_connections_together() {
        let budget = Budget::new("test", 1_000);
        let networks = Networks::new(1_000, 100);
        let address = |text: &str| text.parse::<IpAddr>().unwrap();
        let mut first: Vec<_> = (0..5).map(|_| networks.count(address("203.0.113.7"))).collect();
        let taken: Vec<bool> = first.iter_mut().map(|bytes| bytes.add(60, &budget)).collect();
        assert_eq!(taken, [true, true, true, true, false]);
        assert_eq!(budget.refused(), 1);
        let mut other = networks.count(address("203.0.113.8"));
        assert!(other.add(250, &budget) && !other.add(1, &budget));
        first.pop();
        first.pop();
        let mut again = networks.count(address("203.0.113.7"));
        assert!(again.add(70, &budget) && !again.add(1, &budget));
        assert!(networks.count(address("203.0.113.9")).add(0, &budget));
        drop((first, again, other));
        assert!(networks.held.lock().unwrap().is_empty());
        // A single body of the largest size fits.
        let mut only = Networks::new(1_000, 900).count(address("2001:db8::"));
        assert!(only.add(900, &budget) && !only.add(1, &budget));
        let mut none = Networks::new(0, 0).count(address("2001:db8::"));
        assert!(!none.add(1, &budget) && none.networks.held.lock().unwrap().is_empty());
    }
}

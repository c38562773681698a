//! Limits the connections per client network, so that one address cannot take all of them.

use super::refusals::Refusals;
use crate::middleware::client;
use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};

/// Counts the open connections of each client network.
#[derive(Debug)]
pub struct Connections {
    most: usize,
    open: Mutex<HashMap<IpAddr, usize>>,
    refusals: Refusals,
}

/// A counted connection; no longer counted once this is dropped.
#[derive(Debug)]
#[must_use]
pub struct Counted(Option<(Arc<Connections>, IpAddr)>);

impl Connections {
    /// At most `most` per network; 0 means no limit.
    pub(super) fn new(most: usize) -> Arc<Self> {
        Arc::new(Self {
            most,
            open: Mutex::default(),
            refusals: Refusals::of("connections"),
        })
    }

    /// Counts a connection from `peer`; `None` when its network has too many.
    #[must_use]
    pub fn admit(self: &Arc<Self>, peer: IpAddr) -> Option<Counted> {
        if self.most == 0 {
            return Some(Counted::free());
        }
        let network = client::network(peer);
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        let count = open.entry(network).or_default();
        if *count >= self.most {
            drop(open);
            self.refusals.count();
            return None;
        }
        *count += 1;
        drop(open);
        Some(Counted(Some((Arc::clone(self), network))))
    }

    /// Number of connections closed without being served.
    pub(super) fn refused(&self) -> u64 {
        self.refusals.total()
    }
}

impl Counted {
    /// A connection without a limit: of the operator on the same machine, or of a proxy.
    pub const fn free() -> Self {
        Self(None)
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        let Some((connections, network)) = &self.0 else {
            return;
        };
        let mut open = connections.open.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = open.get_mut(network) {
            *count -= 1;
            if *count == 0 {
                open.remove(network);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_network_has_so_many() {
        let connections = Connections::new(2);
        let admit = |address: &str| connections.admit(address.parse().unwrap());
        let first = admit("203.0.113.7").unwrap();
        let _second = admit("::ffff:203.0.113.7").unwrap();
        assert!(admit("203.0.113.7").is_none());
        let _other = admit("203.0.113.8").unwrap();
        drop(first);
        let _third = admit("203.0.113.7").unwrap();
        let _six: Vec<_> = (1..3)
            .map(|host| admit(&format!("2001:db8::{host}")).unwrap())
            .collect();
        assert!(admit("2001:db8::9").is_none());
        assert_eq!(connections.refused(), 2);
    }

    #[test]
    fn nothing_is_kept_of_who_has_gone() {
        let connections = Connections::new(1);
        drop(connections.admit("203.0.113.7".parse().unwrap()));
        assert!(connections.open.lock().unwrap().is_empty());
        let unlimited = Connections::new(0);
        let all: Vec<_> = (0..100)
            .map(|_| unlimited.admit("203.0.113.7".parse().unwrap()))
            .collect();
        assert!(all.iter().all(Option::is_some));
    }
}

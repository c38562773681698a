//! Fair shares of a limited number of slots among owners such as tenants: no owner may take all of them.
//!
//! One owner may hold three quarters of the slots at once. Further requests of this owner wait for its own slots and
//! delay no other owner. An owner without requests uses no memory.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Arc, Mutex, PoisonError};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{Instant, timeout_at};

/// Limits how many of the slots each owner may hold.
#[derive(Debug)]
pub struct Shares<K: Hash + Eq + Copy> {
    most: usize,
    waiting: usize,
    owners: Mutex<HashMap<K, Owner>>,
}

#[derive(Debug)]
struct Owner {
    places: Arc<Semaphore>,
    /// How many owners hold or wait for a slot.
    users: usize,
}

/// One slot of an owner's share; released on drop.
#[derive(Debug)]
#[must_use]
pub struct Share<K: Hash + Eq + Copy> {
    _entered: Entered<K>,
    _place: OwnedSemaphorePermit,
}

#[derive(Debug)]
struct Entered<K: Hash + Eq + Copy> {
    shares: Arc<Shares<K>>,
    owner: K,
}

impl<K: Hash + Eq + Copy> Shares<K> {
    /// Shares of `places` slots; of each owner, `waiting` more requests may wait.
    #[must_use]
    pub fn of(places: usize, waiting: usize) -> Arc<Self> {
        Arc::new(Self {
            most: (places - places / 4).max(1),
            waiting,
            owners: Mutex::new(HashMap::new()),
        })
    }

    /// Acquires a slot of `owner`'s share; `None` when too many of its requests wait already, or no slot was released
    /// until `latest`.
    pub async fn enter(self: &Arc<Self>, owner: K, latest: Instant) -> Option<Share<K>> {
        let (entered, places) = self.count(owner)?;
        let place = match Arc::clone(&places).try_acquire_owned() {
            Ok(place) => place,
            Err(_) => timeout_at(latest, places.acquire_owned()).await.ok()?.ok()?,
        };
        Some(Share {
            _entered: entered,
            _place: place,
        })
    }

    fn count(self: &Arc<Self>, owner: K) -> Option<(Entered<K>, Arc<Semaphore>)> {
        let mut owners = self.owners.lock().unwrap_or_else(PoisonError::into_inner);
        let known = owners.entry(owner).or_insert_with(|| Owner {
            places: Arc::new(Semaphore::new(self.most)),
            users: 0,
        });
        if known.users >= self.most.saturating_add(self.waiting) {
            return None;
        }
        known.users += 1;
        let places = Arc::clone(&known.places);
        drop(owners);
        let shares = Arc::clone(self);
        Some((Entered { shares, owner }, places))
    }
}

impl<K: Hash + Eq + Copy> Drop for Entered<K> {
    fn drop(&mut self) {
        let mut owners = self.shares.owners.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = owners.get_mut(&self.owner) {
            known.users -= 1;
            if known.users == 0 {
                owners.remove(&self.owner);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::future::Future;
    use std::pin::{Pin, pin};
    use std::task::{Context, Poll, Waker};
    use std::time::Duration;

    fn now<T>(future: Pin<&mut impl Future<Output = T>>) -> Option<T> {
        match future.poll(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(done) => Some(done),
            Poll::Pending => None,
        }
    }

    #[tokio::test(start_paused = true)]
    async fn an_owner_leaves_places_to_others() {
        let shares = Shares::of(8, 2);
        let latest = Instant::now() + Duration::from_secs(2);
        let mut held = Vec::new();
        for _ in 0..6 {
            held.push(now(pin!(shares.enter(1, latest))).unwrap().unwrap());
        }
        let mut next = pin!(shares.enter(1, latest));
        assert!(now(next.as_mut()).is_none());
        let _neighbour = now(pin!(shares.enter(2, latest))).unwrap().unwrap();
        held.pop();
        let seventh = now(next).unwrap().unwrap();
        // Two may wait; the third is rejected.
        let (mut one, mut two) = (pin!(shares.enter(1, latest)), pin!(shares.enter(1, latest)));
        assert!(now(one.as_mut()).is_none() && now(two.as_mut()).is_none());
        assert!(now(pin!(shares.enter(1, latest))).unwrap().is_none());
        assert!(one.await.is_none() && two.await.is_none(), "nothing became free");
        assert_eq!(Instant::now(), latest);
        drop((held, seventh));
        assert_eq!(shares.owners.lock().unwrap().len(), 1, "of the neighbour");
    }

    #[tokio::test]
    async fn who_is_alone_has_one_place_at_least() {
        let latest = Instant::now();
        for places in [0, 1] {
            let shares = Shares::of(places, 0);
            let _only = shares.enter("a", latest).await.unwrap();
            assert!(shares.enter("a", latest).await.is_none());
            let _other = shares.enter("b", latest).await.unwrap();
        }
    }
}

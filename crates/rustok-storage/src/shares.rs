//! Each tenant's share of what all transactions need: connections to PostgreSQL, readers of SQLite.
//!
//! One tenant may have three quarters of them at once; its other transactions wait for each other, not in the way of its
//! neighbours. Nothing is kept of a tenant that has no transaction.

use crate::error::StoreError;
use rustok_core::deadline::Deadline;
use rustok_core::ids::TenantId;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::Instant;

/// How long a transaction waits for its tenant's share at most.
const LONGEST_WAIT: Duration = Duration::from_secs(2);

/// What each tenant may have of so many places.
#[derive(Debug)]
pub(crate) struct Shares {
    most: usize,
    waiting: usize,
    tenants: Mutex<HashMap<TenantId, Tenant>>,
}

#[derive(Debug)]
struct Tenant {
    places: Arc<Semaphore>,
    /// Transactions that have a place or wait for one.
    transactions: usize,
}

/// A tenant's transaction; its place is free again when this is dropped.
#[derive(Debug)]
pub(crate) struct Share {
    _entered: Entered,
    _place: OwnedSemaphorePermit,
}

/// Counts a transaction of a tenant.
#[derive(Debug)]
struct Entered {
    shares: Arc<Shares>,
    tenant: TenantId,
}

impl Shares {
    /// Shares of `places`; `waiting` transactions of one tenant may wait.
    pub(crate) fn of(places: usize, waiting: usize) -> Arc<Self> {
        Arc::new(Self {
            most: (places - places / 4).max(1),
            waiting,
            tenants: Mutex::default(),
        })
    }

    /// A place for a transaction of this tenant.
    ///
    /// # Errors
    /// [`StoreError::Overloaded`] when too many of it wait already, or none became free in time: it is the tenant's
    /// requests that are too many, and the database is not to blame.
    pub(crate) async fn enter(
        self: &Arc<Self>,
        tenant: TenantId,
        deadline: Deadline,
    ) -> Result<Share, StoreError> {
        let (entered, places) = self.count(tenant)?;
        let place = match Arc::clone(&places).try_acquire_owned() {
            Ok(place) => place,
            Err(_) => {
                let latest = Instant::now() + LONGEST_WAIT;
                let until = deadline.instant().map_or(latest, |due| latest.min(due.into()));
                let place = tokio::time::timeout_at(until, places.acquire_owned()).await;
                place.ok().and_then(Result::ok).ok_or(StoreError::Overloaded)?
            }
        };
        Ok(Share {
            _entered: entered,
            _place: place,
        })
    }

    fn count(self: &Arc<Self>, tenant: TenantId) -> Result<(Entered, Arc<Semaphore>), StoreError> {
        let mut tenants = self.tenants.lock().unwrap_or_else(PoisonError::into_inner);
        let of_tenant = tenants.entry(tenant).or_insert_with(|| Tenant {
            places: Arc::new(Semaphore::new(self.most)),
            transactions: 0,
        });
        if of_tenant.transactions >= self.most + self.waiting {
            return Err(StoreError::Overloaded);
        }
        of_tenant.transactions += 1;
        let places = Arc::clone(&of_tenant.places);
        drop(tenants);
        let shares = Arc::clone(self);
        Ok((Entered { shares, tenant }, places))
    }
}

impl Drop for Entered {
    fn drop(&mut self) {
        let mut tenants = self.shares.tenants.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(of_tenant) = tenants.get_mut(&self.tenant) {
            of_tenant.transactions -= 1;
            if of_tenant.transactions == 0 {
                tenants.remove(&self.tenant);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures_util::FutureExt as _;
    use std::pin::pin;
    use uuid::Uuid;

    fn tenant(number: u128) -> TenantId {
        Uuid::from_u128(number).into()
    }

    #[tokio::test(start_paused = true)]
    async fn a_tenant_leaves_places_to_others() {
        let shares = Shares::of(8, 2);
        let enter = |number| shares.enter(tenant(number), Deadline::never());
        let mut held = Vec::new();
        for _ in 0..6 {
            held.push(enter(1).now_or_never().unwrap().unwrap());
        }
        let mut next = pin!(enter(1));
        assert!(next.as_mut().now_or_never().is_none());
        let _neighbour = enter(2).now_or_never().unwrap().unwrap();
        held.pop();
        let seventh = next.now_or_never().unwrap().unwrap();
        // Two may wait, a third is one too many.
        let waiting = [Box::pin(enter(1)), Box::pin(enter(1))].map(|mut wait| {
            assert!(wait.as_mut().now_or_never().is_none());
            wait
        });
        assert!(matches!(enter(1).await, Err(StoreError::Overloaded)));
        for wait in waiting {
            assert!(
                matches!(wait.await, Err(StoreError::Overloaded)),
                "nothing became free"
            );
        }
        drop((held, seventh));
        assert_eq!(shares.tenants.lock().unwrap().len(), 1, "of the neighbour");
    }
}

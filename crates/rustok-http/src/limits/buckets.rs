//! The buckets of a rate limiter: the usage of each key, in memory of a fixed size.
//!
//! A client can use as many keys as there are addresses, so the number of keys is fixed. When a part is full, keys
//! whose quota is full again are evicted; if there are none, an arbitrary key is. An evicted key only ever gets more
//! than its quota, never less.

use governor::nanos::Nanos;
use governor::state::StateStore;
use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

/// Number of maps, each behind its own lock.
const PARTS: usize = 64;
/// Maximum number of keys in one map.
const KEYS_PER_PART: usize = 2_048;

/// The usage of each key. Keys are hashes under a secret of the process, so that no client can target one part.
#[derive(Debug)]
pub(super) struct Buckets(Box<[Mutex<Part>]>);

/// For each key, when its quota is full again.
type Part = HashMap<u64, Nanos>;

impl Buckets {
    pub(super) fn new() -> Self {
        Self((0..PARTS).map(|_| Mutex::default()).collect())
    }

    #[cfg(test)]
    fn len(&self) -> usize {
        self.0.iter().map(|part| part.lock().unwrap().len()).sum()
    }
}

impl StateStore for Buckets {
    type Key = u64;

    fn measure_and_replace<T, F, E>(&self, key: &u64, decide: F) -> Result<T, E>
    where
        F: Fn(Option<Nanos>) -> Result<(T, Nanos), E>,
    {
        let index = usize::try_from(key % PARTS as u64).unwrap_or_default();
        let Some(part) = self.0.get(index) else {
            return decide(None).map(|(answer, _)| answer);
        };
        let mut part = part.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(full_again) = part.get_mut(key) {
            let (answer, next) = decide(Some(*full_again))?;
            *full_again = next;
            return Ok(answer);
        }
        let (answer, next) = decide(None)?;
        if part.len() >= KEYS_PER_PART {
            make_room(&mut part, next);
        }
        part.insert(*key, next);
        Ok(answer)
    }
}

/// Evicts keys. `fresh` is when a key that has just used one request has its whole quota back.
fn make_room(part: &mut Part, fresh: Nanos) {
    part.retain(|_, full_again| *full_again > fresh);
    if part.len() >= KEYS_PER_PART
        && let Some(any) = part.keys().next().copied()
    {
        part.remove(&any);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    fn seconds(seconds: u64) -> Nanos {
        Duration::from_secs(seconds).into()
    }

    /// Uses the bucket of a key, which is full again at `next`. Returns its previous value.
    fn using(buckets: &Buckets, key: u64, next: u64) -> Option<Nanos> {
        let used: Result<_, ()> = buckets.measure_and_replace(&key, |before| Ok((before, seconds(next))));
        used.unwrap()
    }

    #[test]
    fn each_key_has_its_own_bucket() {
        let buckets = Buckets::new();
        assert_eq!(using(&buckets, 1, 10), None);
        assert_eq!(using(&buckets, 1 + PARTS as u64, 20), None);
        assert_eq!(using(&buckets, 1, 11), Some(seconds(10)));
        let refused: Result<(), _> = buckets.measure_and_replace(&1, Err);
        assert_eq!(refused, Err(Some(seconds(11))));
        assert_eq!(
            using(&buckets, 1, 12),
            Some(seconds(11)),
            "a refusal uses nothing"
        );
    }

    #[test]
    fn a_flood_of_keys_takes_no_more_room_and_spares_who_has_used_much() {
        let buckets = Buckets::new();
        let room = PARTS * KEYS_PER_PART;
        assert_eq!(using(&buckets, 0, 60), None);
        for key in 1..3 * room as u64 {
            using(&buckets, key, 1);
        }
        assert!(buckets.len() <= room, "{}", buckets.len());
        assert_eq!(
            using(&buckets, 0, 61),
            Some(seconds(60)),
            "it has not its quota back yet"
        );
        // When no key has its quota back, one is evicted all the same.
        for key in 1..(room + 4 * PARTS) as u64 {
            using(&buckets, key, 10 * room as u64 - key);
        }
        assert_eq!(buckets.len(), room);
    }
}

//! JSON that is ready to be sent, in memory that has a bound.

use bytes::Bytes;
use moka::sync::Cache;
use std::hash::Hash;

/// What something kept takes beside its bytes: its key, and its place in the cache.
const ENTRY_OVERHEAD_BYTES: usize = 256;
/// The part of the memory that one entry may take: a heavier one would push out most others for nothing.
const HEAVIEST_PART: u64 = 4;

/// What can be kept. Cheap to clone.
pub(super) trait Ready: Clone + Send + Sync + 'static {
    /// How many bytes it takes.
    fn bytes(&self) -> usize;
}

impl Ready for Bytes {
    fn bytes(&self) -> usize {
        self.len()
    }
}

/// What was shown lately, by all that it was made of.
pub(super) struct Kept<K, V> {
    cache: Cache<K, V>,
    heaviest: usize,
}

impl<K: Hash + Eq + Send + Sync + 'static, V: Ready> Kept<K, V> {
    /// Of at most so many bytes; `key_bytes` is what a key takes beside its own size.
    pub(super) fn new(max_bytes: u64, key_bytes: impl Fn(&K) -> usize + Send + Sync + 'static) -> Self {
        let weight = move |key: &K, ready: &V| {
            u32::try_from(ready.bytes() + key_bytes(key) + ENTRY_OVERHEAD_BYTES).unwrap_or(u32::MAX)
        };
        Self {
            cache: Cache::builder().max_capacity(max_bytes).weigher(weight).build(),
            heaviest: usize::try_from(max_bytes / HEAVIEST_PART).unwrap_or(usize::MAX),
        }
    }

    pub(super) fn get(&self, key: &K) -> Option<V> {
        self.cache.get(key)
    }

    pub(super) fn insert(&self, key: K, ready: &V) {
        if ready.bytes() <= self.heaviest {
            self.cache.insert(key, ready.clone());
        }
    }

    /// How many bytes are kept, and how many entries.
    #[cfg(test)]
    pub(super) fn size(&self) -> (u64, u64) {
        self.cache.run_pending_tasks();
        (self.cache.weighted_size(), self.cache.entry_count())
    }
}

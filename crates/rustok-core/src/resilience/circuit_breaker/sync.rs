//! The atomics and the lock of the closed path. The model checker replaces this module by its own.

pub(super) use std::sync::atomic::{AtomicU64, Ordering, fence};
pub(super) use std::sync::{Mutex, MutexGuard, PoisonError};

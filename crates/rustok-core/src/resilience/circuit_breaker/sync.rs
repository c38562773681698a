//! Where the closed path gets its atomics and its lock from. The model checker compiles the same files against its own.

pub(super) use std::sync::atomic::{AtomicU64, Ordering, fence};
pub(super) use std::sync::{Mutex, MutexGuard, PoisonError};

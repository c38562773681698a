//! The generator of ids: from a clock and a random source that its owner gives it.

use crate::clock::Clock;
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use std::sync::{Arc, Mutex, PoisonError};
use uuid::Uuid;

/// Generates UUIDv7 ids from a clock and a random generator.
///
/// The ids of one `Ids` are ordered by the clock's milliseconds; within a millisecond the order is random.
#[derive(Debug)]
pub struct Ids {
    clock: Arc<dyn Clock>,
    rng: Mutex<StdRng>,
}

impl Ids {
    /// Ids from `clock` and a generator seeded by the operating system.
    #[must_use]
    pub fn new(clock: Arc<dyn Clock>) -> Self {
        Self {
            clock,
            rng: Mutex::new(rand::make_rng()),
        }
    }

    /// Ids from `clock` and a generator with a fixed seed: for tests only, the ids are predictable.
    #[must_use]
    pub fn seeded(clock: Arc<dyn Clock>, seed: u64) -> Self {
        Self {
            clock,
            rng: Mutex::new(StdRng::seed_from_u64(seed)),
        }
    }

    /// The next id.
    #[must_use]
    pub fn next<T: From<Uuid>>(&self) -> T {
        let mut random = [0_u8; 10];
        self.rng
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .fill_bytes(&mut random);
        let millis = u64::try_from(self.clock.now().as_millisecond()).unwrap_or(0);
        T::from(uuid::Builder::from_unix_timestamp_millis(millis, &random).into_uuid())
    }
}

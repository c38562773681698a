//! A small number for each live thread, used as an index to its lanes.
//!
//! A number belongs to one thread at a time. When a thread ends, its number is reused, so short-lived threads do not
//! exhaust them.

use super::lanes::LANES;
use std::sync::{Mutex, PoisonError};

struct Numbers {
    returned: Vec<usize>,
    next: usize,
}

static NUMBERS: Mutex<Numbers> = Mutex::new(Numbers {
    returned: Vec::new(),
    next: 0,
});

/// A number, held for the lifetime of its thread.
struct Claim(Option<usize>);

impl Claim {
    fn new() -> Self {
        let mut numbers = NUMBERS.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(number) = numbers.returned.pop() {
            return Self(Some(number));
        }
        let number = numbers.next;
        if number >= LANES {
            return Self(None);
        }
        numbers.next += 1;
        Self(Some(number))
    }
}

impl Drop for Claim {
    /// The lock orders all writes of this thread before those of the next owner.
    fn drop(&mut self) {
        if let Some(number) = self.0 {
            let mut numbers = NUMBERS.lock().unwrap_or_else(PoisonError::into_inner);
            numbers.returned.push(number);
        }
    }
}

thread_local! {
    static CLAIM: Claim = Claim::new();
}

/// This thread's number, below [`LANES`]; `None` while there are more threads than numbers, and during thread exit.
#[inline]
pub(super) fn my_number() -> Option<usize> {
    CLAIM.try_with(|claim| claim.0).ok().flatten()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;
    use std::sync::Barrier;

    #[test]
    fn living_threads_never_share_a_number_and_dead_ones_give_theirs_back() {
        for _ in 0..3 {
            let barrier = Barrier::new(LANES + 10);
            let numbers: Vec<_> = std::thread::scope(|scope| {
                let threads: Vec<_> = (0..LANES + 10)
                    .map(|_| {
                        scope.spawn(|| {
                            let number = my_number();
                            assert_eq!(number, my_number());
                            barrier.wait();
                            number
                        })
                    })
                    .collect();
                threads.into_iter().map(|thread| thread.join().unwrap()).collect()
            });
            let given: Vec<_> = numbers.into_iter().flatten().collect();
            let distinct: HashSet<_> = given.iter().collect();
            assert_eq!(distinct.len(), given.len());
            assert!(given.iter().all(|number| *number < LANES));
            // Other tests of this process hold some numbers; without reuse, the second round would get none.
            assert!(given.len() > LANES / 2, "only {}", given.len());
        }
    }
}

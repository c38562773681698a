//! A small number for each living thread, so that it finds its lanes without a search.
//!
//! A number belongs to one thread at a time. When the thread ends it goes to the next one that asks, so threads that
//! come and go do not use them up.

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

/// A number, for as long as its thread lives.
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
    /// The lock orders all that this thread wrote before what the next owner writes.
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

/// This thread's number, below [`LANES`]; `None` while there are more threads than numbers, and while it is ending.
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
            // Other tests of this process hold some; without giving back, the second round would get none.
            assert!(given.len() > LANES / 2, "only {}", given.len());
        }
    }
}

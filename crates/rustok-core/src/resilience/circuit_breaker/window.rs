//! A sliding time window of call results in a fixed number of buckets.
//!
//! It must not grow with traffic: memory is fixed when it is made, a record costs one addition, and moving on costs at
//! most one step per bucket however long nothing happened.

/// What happened in a stretch of time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Tally {
    pub(super) calls: u64,
    pub(super) failures: u64,
    pub(super) slow: u64,
}

impl Tally {
    fn add(&mut self, failure: bool, slow: bool) {
        self.calls += 1;
        self.failures += u64::from(failure);
        self.slow += u64::from(slow);
    }

    const fn subtract(&mut self, other: Self) {
        self.calls -= other.calls;
        self.failures -= other.failures;
        self.slow -= other.slow;
    }
}

/// The window. The bucket that is being filled counts as a whole one, so it covers between (n - 1)/n and all of its
/// length.
#[derive(Debug)]
pub(super) struct Window {
    bucket_nanos: u64,
    /// The number of the newest bucket, counted from time zero; its place is this modulo the number of buckets.
    newest: u64,
    buckets: Box<[Tally]>,
    total: Tally,
}

impl Window {
    /// `buckets` of `length_nanos / buckets` each; both are at least 1.
    pub(super) fn new(length_nanos: u64, buckets: u16) -> Self {
        let count = buckets.max(1);
        Self {
            bucket_nanos: (length_nanos / u64::from(count)).max(1),
            newest: 0,
            buckets: vec![Tally::default(); usize::from(count)].into_boxed_slice(),
            total: Tally::default(),
        }
    }

    /// Counts one call that ended at `now` (nanoseconds). A time before the newest bucket counts in the newest.
    pub(super) fn record(&mut self, now: u64, failure: bool, slow: bool) {
        self.advance(now);
        let place = self.place(self.newest);
        if let Some(bucket) = self.buckets.get_mut(place) {
            bucket.add(failure, slow);
            self.total.add(failure, slow);
        }
    }

    /// What the window holds at `now`.
    pub(super) fn total(&mut self, now: u64) -> Tally {
        self.advance(now);
        self.total
    }

    pub(super) fn clear(&mut self) {
        self.buckets.fill(Tally::default());
        self.total = Tally::default();
    }

    fn place(&self, number: u64) -> usize {
        let count = self.buckets.len() as u64;
        usize::try_from(number % count).unwrap_or(0)
    }

    fn advance(&mut self, now: u64) {
        let number = now / self.bucket_nanos;
        if number <= self.newest {
            return;
        }
        if number - self.newest >= self.buckets.len() as u64 {
            self.clear();
        } else {
            for passed in self.newest + 1..=number {
                let place = self.place(passed);
                if let Some(bucket) = self.buckets.get_mut(place) {
                    self.total.subtract(std::mem::take(bucket));
                }
            }
        }
        self.newest = number;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn old_calls_leave_bucket_by_bucket() {
        let mut window = Window::new(100, 10);
        window.record(0, true, false);
        window.record(15, false, true);
        assert_eq!(
            window.total(99),
            Tally {
                calls: 2,
                failures: 1,
                slow: 1
            }
        );
        assert_eq!(
            window.total(100),
            Tally {
                calls: 1,
                failures: 0,
                slow: 1
            }
        );
        assert_eq!(window.total(110), Tally::default());
    }

    #[test]
    fn a_clock_that_lags_counts_in_the_newest_bucket() {
        let mut window = Window::new(100, 10);
        window.record(95, false, false);
        window.record(3, true, false);
        assert_eq!(window.total(184).calls, 2);
        assert_eq!(window.total(190).calls, 0);
    }

    #[test]
    fn extreme_times_do_not_overflow() {
        let mut window = Window::new(0, 0);
        window.record(u64::MAX, true, true);
        assert_eq!(window.total(u64::MAX).calls, 1);
        let mut window = Window::new(u64::MAX, u16::MAX);
        window.record(u64::MAX, true, true);
        assert_eq!(window.total(u64::MAX).failures, 1);
    }

    proptest! {
        /// Against the obvious model: keep every call, count those whose bucket is one of the newest ten.
        #[test]
        fn it_counts_what_a_list_would(steps in proptest::collection::vec((0_u64..60, any::<bool>()), 1..200)) {
            let mut window = Window::new(100, 10);
            let (mut now, mut all) = (0_u64, Vec::new());
            for (step, failure) in steps {
                now += step;
                window.record(now, failure, false);
                all.push((now / 10, failure));
                let live = all.iter().filter(|(bucket, _)| bucket + 10 > now / 10);
                let expected = Tally {
                    calls: live.clone().count() as u64,
                    failures: live.filter(|(_, failure)| *failure).count() as u64,
                    slow: 0,
                };
                prop_assert_eq!(window.total(now), expected);
            }
        }
    }
}

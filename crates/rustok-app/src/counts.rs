//! Metrics counters of use cases. Incremented after the commit; never use them for a decision. They store nothing
//! about a request.

use rustok_core::error::RichError;
use std::sync::atomic::{AtomicU64, Ordering};

/// Counters with a fixed set of names.
#[derive(Debug)]
pub struct Tally<const N: usize> {
    names: [&'static str; N],
    counts: [AtomicU64; N],
}

impl<const N: usize> Tally<N> {
    /// A counter of zero for each name.
    #[must_use]
    pub fn new(names: [&'static str; N]) -> Self {
        Self {
            names,
            counts: [const { AtomicU64::new(0) }; N],
        }
    }

    /// Increments the counter of `name`; ignores an unknown name.
    pub fn count(&self, name: &str) {
        let place = self.names.iter().position(|known| *known == name);
        if let Some(count) = place.and_then(|place| self.counts.get(place)) {
            count.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// All names with their values.
    pub fn read(&self) -> impl Iterator<Item = (&'static str, u64)> + '_ {
        let counts = self.counts.iter().map(|count| count.load(Ordering::Relaxed));
        self.names.into_iter().zip(counts)
    }
}

/// The counters of all use cases. One per process.
#[derive(Debug)]
pub struct Counts {
    /// Orders by transition; `expire` is a cancellation by the expiry worker.
    pub order_transitions: Tally<7>,
    /// Attempts to place an order, by outcome.
    pub order_placements: Tally<5>,
    /// Orders refused for insufficient stock.
    pub oversell_refusals: Tally<1>,
    /// Retries of orders because concurrent orders took their stock or used up a limit.
    pub order_retries: Tally<1>,
    /// Nodes by transition.
    pub node_transitions: Tally<9>,
    /// Attempts to open a session, by outcome.
    pub sign_ins: Tally<3>,
}

impl Default for Counts {
    fn default() -> Self {
        Self {
            order_transitions: Tally::new(["place", "confirm", "pay", "ship", "deliver", "cancel", "expire"]),
            order_placements: Tally::new([PLACED, REPLAYED, REFUSED, FAILED, ABANDONED]),
            oversell_refusals: Tally::new([OVERSELL]),
            order_retries: Tally::new([RETRY]),
            node_transitions: Tally::new([
                "create",
                "update",
                "remove_translation",
                "publish",
                "unpublish",
                "archive",
                "restore",
                "delete",
                "undelete",
            ]),
            sign_ins: Tally::new([OPENED, REFUSED, FAILED]),
        }
    }
}

const OPENED: &str = "opened";
const PLACED: &str = "placed";
const REPLAYED: &str = "replayed";
const REFUSED: &str = "refused";
const FAILED: &str = "failed";
const ABANDONED: &str = "abandoned";
/// The error code of the refusal.
const OVERSELL: &str = "insufficient_stock";
const RETRY: &str = "place_order";

impl Counts {
    /// Counts a retry of an order.
    pub(crate) fn retry_order(&self) {
        self.order_retries.count(RETRY);
    }

    /// Counts an attempt to open a session.
    pub(crate) fn sign_in<T>(&self, opened: &Result<T, RichError>) {
        self.sign_ins.count(match opened {
            Ok(_) => OPENED,
            Err(error) if error.status() >= 500 => FAILED,
            Err(_) => REFUSED,
        });
    }

    /// Starts an attempt to place an order. Dropped without [`PlacementCount::end`], it counts as abandoned.
    pub(crate) fn begin_placement(&self) -> PlacementCount<'_> {
        PlacementCount {
            counts: self,
            outcome: ABANDONED,
        }
    }
}

/// A running attempt to place an order.
pub(crate) struct PlacementCount<'a> {
    counts: &'a Counts,
    outcome: &'static str,
}

impl PlacementCount<'_> {
    /// Ends the attempt; `Ok` says whether an order was placed, and not a stored response repeated.
    pub(crate) fn end(mut self, is_placed: Result<bool, &RichError>) {
        self.outcome = match is_placed {
            Ok(true) => PLACED,
            Ok(false) => REPLAYED,
            Err(error) if error.status() >= 500 => FAILED,
            Err(_) => REFUSED,
        };
        if let Err(error) = is_placed {
            self.counts.oversell_refusals.count(error.code());
        }
    }
}

impl Drop for PlacementCount<'_> {
    fn drop(&mut self) {
        self.counts.order_placements.count(self.outcome);
        if self.outcome == PLACED {
            self.counts.order_transitions.count("place");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rustok_commerce::order_machine;
    use rustok_core::error::ErrorKind;

    #[test]
    fn a_placement_is_counted_once_by_how_it_ended() {
        let counts = Counts::default();
        let error = |kind, code| RichError::new(kind, "inside").with_code(code);
        counts.begin_placement().end(Ok(true));
        counts.begin_placement().end(Ok(false));
        counts
            .begin_placement()
            .end(Err(&error(ErrorKind::BusinessRule, OVERSELL)));
        counts
            .begin_placement()
            .end(Err(&error(ErrorKind::Validation, "validation_failed")));
        for kind in [ErrorKind::Internal, ErrorKind::Unavailable, ErrorKind::Timeout] {
            counts.begin_placement().end(Err(&error(kind, "x")));
        }
        drop(counts.begin_placement());
        let outcomes: Vec<_> = counts.order_placements.read().collect();
        let expected = [
            (PLACED, 1),
            (REPLAYED, 1),
            (REFUSED, 2),
            (FAILED, 3),
            (ABANDONED, 1),
        ];
        assert_eq!(outcomes, expected);
        assert_eq!(
            counts.oversell_refusals.read().collect::<Vec<_>>(),
            [(OVERSELL, 1)]
        );
        assert_eq!(counts.order_transitions.read().next(), Some(("place", 1)));
    }

    #[test]
    fn every_transition_of_an_order_has_its_count() {
        let counts = Counts::default();
        let names: Vec<_> = counts.order_transitions.read().map(|(name, _)| name).collect();
        for transition in order_machine().edges() {
            assert!(names.contains(&transition.name), "{}", transition.name);
        }
    }
}

//! Numbers of rows that are counted no further than to a limit.

/// How far the rows of one thing are counted.
pub const UP_TO: i64 = 1_000;
/// How far they are counted for each thing of a list.
pub const UP_TO_IN_LISTS: i64 = 200;

/// A number of rows: exact up to a limit, else the limit, and more.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counted {
    /// The number.
    pub count: i64,
    /// Whether there are more.
    pub more: bool,
}

impl Counted {
    /// What a count with a LIMIT of one more than `most` found.
    #[must_use]
    pub(crate) fn up_to(most: i64, count: i64) -> Self {
        Self {
            count: count.min(most),
            more: count > most,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_is_exact_up_to_its_limit() {
        let said = |count| {
            let counted = Counted::up_to(UP_TO, count);
            (counted.count, counted.more)
        };
        let expected = [(0, false), (999, false), (1_000, false), (1_000, true)];
        assert_eq!([0, 999, 1_000, 1_001].map(said), expected);
    }
}

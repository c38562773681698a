//! Numbered candidates for generated slugs and handles that may be taken.
//!
//! The caller checks which candidates are free, one batch per statement.

use std::iter::once;

/// Candidates per batch.
const BATCH: u32 = 32;
/// The last number to try: with a thousand objects of one name, give them slugs by hand.
const LAST: u32 = 1_024;

/// `base` itself, then `base` with the numbers from 2 on, in batches.
pub(crate) fn batches<T: Clone>(base: &T, numbered: impl Fn(&T, u32) -> T) -> impl Iterator<Item = Vec<T>> {
    let batch = move |from: u32| {
        (from..=(from + BATCH - 1).min(LAST))
            .map(|number| numbered(base, number))
            .collect()
    };
    once(vec![base.clone()]).chain((2..=LAST).step_by(BATCH as usize).map(batch))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_number_is_tried_once_in_its_order() {
        let tried: Vec<Vec<u32>> = batches(&1, |_, number| number).collect();
        assert_eq!((&tried[0][..], tried[1].len()), (&[1][..], 32));
        assert!(tried.concat().into_iter().eq(1..=LAST));
    }
}

//! What an import did, counted in products or nodes. It must stay small whatever the file holds.

use rustok_core::error::RichError;
use rustok_import::{RowError, Skipped};
use std::collections::BTreeMap;

/// How many errors are kept; the rest is only counted.
pub const MAX_KEPT_ERRORS: usize = 10_000;

/// What an import did.
#[derive(Debug, Default)]
pub struct ImportReport {
    /// Products or nodes that were not there.
    pub created: u64,
    /// Products or nodes whose source changed.
    pub updated: u64,
    /// Products or nodes that are as their source is: it did not change since it was imported, or not in anything that
    /// is kept.
    pub unchanged: u64,
    /// Items that are no products or nodes and were left out on purpose.
    pub skipped: u64,
    /// Everything that was left out on purpose, by reason: items, and parts of items such as comments.
    pub skipped_by_reason: BTreeMap<String, u64>,
    /// What could not be imported, in the order of the file, at most [`MAX_KEPT_ERRORS`].
    pub errors: Vec<RowError>,
    /// How many errors there were.
    pub error_count: u64,
    /// Why it ended before its time: the database went away. What was done until then stays.
    pub stopped: Option<RichError>,
    /// Whoever watched its progress ended it between two batches. What was done until then stays.
    pub is_interrupted: bool,
}

impl ImportReport {
    pub(super) fn add_error(&mut self, error: RowError) {
        self.error_count += 1;
        if self.errors.len() < MAX_KEPT_ERRORS {
            self.errors.push(error);
        }
    }

    pub(super) fn note_skipped(&mut self, skipped: &Skipped, is_item: impl Fn(&str) -> bool) {
        for (reason, count) in skipped.iter() {
            self.skipped += if is_item(reason) { count } else { 0 };
            self.skipped_by_reason.insert(reason.to_owned(), count);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_are_kept_up_to_a_limit_and_all_are_counted() {
        let mut report = ImportReport::default();
        for line in 0..12_000 {
            let error = RowError {
                file: "a.csv".to_owned(),
                line,
                column: 1,
                reason: "no".to_owned(),
            };
            report.add_error(error);
        }
        assert_eq!(
            (report.errors.len(), report.error_count),
            (MAX_KEPT_ERRORS, 12_000)
        );
    }
}

//! The report of an import, counted in products or nodes. Its size is bounded, whatever the file contains.

use rustok_core::error::RichError;
use rustok_import::{RowError, Skipped};
use std::collections::BTreeMap;

/// Errors kept in the report; further ones are only counted.
pub const MAX_KEPT_ERRORS: usize = 10_000;

/// The report of an import.
#[derive(Debug, Default)]
pub struct ImportReport {
    /// New products or nodes.
    pub created: u64,
    /// Products or nodes whose source changed.
    pub updated: u64,
    /// Products or nodes that are up to date: their source did not change since the last import, or only in parts
    /// that are not stored.
    pub unchanged: u64,
    /// Items that are no products or nodes and were skipped intentionally.
    pub skipped: u64,
    /// Everything that was skipped intentionally, by reason: items, and parts of items such as comments.
    pub skipped_by_reason: BTreeMap<String, u64>,
    /// The errors, in the order of the file, at most [`MAX_KEPT_ERRORS`].
    pub errors: Vec<RowError>,
    /// The number of errors.
    pub error_count: u64,
    /// Why the import ended early: the database became unavailable. What was done before stays.
    pub stopped: Option<RichError>,
    /// `progress` ended the import between two batches. What was done before stays.
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

//! The report of an import, counted in products or nodes. Its size is bounded, whatever the file contains.

use rustok_core::error::RichError;
use rustok_import::{RowError, Skipped};
use rustok_storage::imports::ImportStatus;
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
    /// What was kept, changed or left out of single items on purpose, in the order of the file, at most
    /// [`MAX_KEPT_ERRORS`]. All are counted in `skipped_by_reason`.
    pub notes: Vec<RowError>,
    /// Whether a part of the file was not read. What was read is imported.
    pub is_incomplete: bool,
    /// Bytes of the file that were read.
    pub bytes_read: u64,
    /// Why the import ended early: the database became unavailable. What was done before stays.
    pub stopped: Option<RichError>,
    /// `progress` ended the import between two batches. What was done before stays.
    pub is_interrupted: bool,
    /// Counts of what was noted while writing.
    pub(super) noted: Skipped,
}

impl ImportReport {
    pub(super) fn add_error(&mut self, error: RowError) {
        self.error_count += 1;
        if self.errors.len() < MAX_KEPT_ERRORS {
            self.errors.push(error);
        }
    }

    /// What the whole import is: `Succeeded` if the file was read to its end, `Incomplete` if a part of it was not,
    /// `Failed` if it stopped or had errors and nothing of it was imported.
    #[must_use]
    pub fn status(&self) -> ImportStatus {
        let imported = self.created + self.updated + self.unchanged;
        match (&self.stopped, imported) {
            (Some(_), _) => ImportStatus::Failed,
            (None, 0) if self.error_count > 0 => ImportStatus::Failed,
            (None, _) if self.is_incomplete => ImportStatus::Incomplete,
            (None, _) => ImportStatus::Succeeded,
        }
    }

    /// The report as CSV: one row per kind that was left out or changed, with its count, per note and per error.
    #[must_use]
    pub fn to_csv(&self) -> String {
        let counts = self
            .skipped_by_reason
            .iter()
            .map(|(what, count)| CsvRow::of_count(what, *count));
        let place = |kind: &'static str| {
            move |row: &RowError| CsvRow::of_place(kind, row.line, row.column, &row.reason)
        };
        let notes = self.notes.iter().map(place("note"));
        let errors = self.errors.iter().map(place("error"));
        to_csv(counts.chain(notes).chain(errors))
    }

    /// Counts `count` of this kind.
    pub(super) fn count(&mut self, kind: &str, count: u64) {
        self.noted.add_many(kind, count);
    }

    pub(super) fn add_note(&mut self, note: RowError) {
        if self.notes.len() < MAX_KEPT_ERRORS {
            self.notes.push(note);
        }
    }

    /// Adds what was counted while writing.
    pub(super) fn note_counted(&mut self) {
        let noted = std::mem::take(&mut self.noted);
        for (kind, count) in noted.iter() {
            *self.skipped_by_reason.entry(kind.to_owned()).or_default() += count;
        }
    }

    pub(super) fn note_skipped(&mut self, skipped: &Skipped, is_item: impl Fn(&str) -> bool) {
        for (reason, count) in skipped.iter() {
            self.skipped += if is_item(reason) { count } else { 0 };
            *self.skipped_by_reason.entry(reason.to_owned()).or_default() += count;
        }
    }
}

/// A row of a report as CSV.
pub(super) struct CsvRow([String; 5]);

impl CsvRow {
    pub(super) fn of_count(what: &str, count: u64) -> Self {
        Self([
            "count".into(),
            String::new(),
            String::new(),
            count.to_string(),
            what.into(),
        ])
    }

    pub(super) fn of_place(kind: &str, line: u64, column: u64, reason: &str) -> Self {
        Self([
            kind.into(),
            line.to_string(),
            column.to_string(),
            String::new(),
            reason.into(),
        ])
    }
}

/// The rows below their header. A cell that a spreadsheet would compute gets an apostrophe.
pub(super) fn to_csv(rows: impl Iterator<Item = CsvRow>) -> String {
    let mut out = "kind,line,column,count,what\r\n".to_owned();
    for CsvRow(cells) in rows {
        let cells = cells.map(|cell| {
            let computes = cell.starts_with(['=', '+', '-', '@', '\t']);
            let guard = if computes { "'" } else { "" };
            format!("\"{guard}{}\"", cell.replace('"', "\"\""))
        });
        out.push_str(&cells.join(","));
        out.push_str("\r\n");
    }
    out
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

    #[test]
    fn the_report_is_a_table() {
        let report = ImportReport {
            skipped_by_reason: BTreeMap::from([("column \"SEO\"".to_owned(), 3)]),
            notes: vec![RowError {
                file: "a.csv".to_owned(),
                line: 2,
                column: 1,
                reason: "=kept, here".to_owned(),
            }],
            ..ImportReport::default()
        };
        assert_eq!(
            report.to_csv(),
            "kind,line,column,count,what\r\n\"count\",\"\",\"\",\"3\",\"column \"\"SEO\"\"\"\r\n\
             \"note\",\"2\",\"1\",\"\",\"'=kept, here\"\r\n"
        );
    }
}

//! The report of a stored import as a file for spreadsheets.

use super::jobs::{Import, ImportError};
use super::report::{CsvRow, to_csv};

/// The report of an import as CSV, in the form of [`super::ImportReport::to_csv`]. It has as many notes and errors as are
/// stored.
#[must_use]
pub fn report_csv(import: &Import) -> String {
    let place = |kind: &'static str| {
        move |row: &ImportError| CsvRow::of_place(kind, row.line, row.column, &row.reason)
    };
    let counts = import.counts.iter().flat_map(|counts| &counts.skipped_by_reason);
    let counts = counts.map(|(what, count)| CsvRow::of_count(what, *count));
    let notes = import.counts.iter().flat_map(|counts| &counts.notes);
    to_csv(
        counts
            .chain(notes.map(place("note")))
            .chain(import.errors.iter().map(place("error"))),
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::import::jobs::ImportStatus;
    use crate::import::{ImportOptions, ImportSource};
    use rustok_core::clock::Timestamp;
    use rustok_core::money::Currency;
    use rustok_storage::imports::ImportCounts;
    use std::collections::BTreeMap;
    use uuid::Uuid;

    #[test]
    fn a_stored_report_has_its_counts_notes_and_errors() {
        let at = |line, reason: &str| ImportError {
            line,
            column: 1,
            reason: reason.to_owned(),
        };
        let mut import = Import {
            id: Uuid::from_u128(1).into(),
            source: ImportSource::Shopify(Currency::parse("USD").unwrap()),
            dry_run: false,
            options: ImportOptions::default(),
            file: "a.csv".to_owned(),
            actor: "system:test".to_owned(),
            status: ImportStatus::Succeeded,
            bytes_read: 1,
            bytes_total: 1,
            counts: Some(ImportCounts {
                skipped_by_reason: BTreeMap::from([("comment".to_owned(), 3)]),
                notes: vec![at(2, "kept")],
                ..ImportCounts::default()
            }),
            errors: vec![at(7, "=1+1")],
            failure: None,
            created_at: Timestamp::UNIX_EPOCH,
            started_at: None,
            finished_at: None,
        };
        assert_eq!(
            report_csv(&import),
            "kind,line,column,count,what\r\n\"count\",\"\",\"\",\"3\",\"comment\"\r\n\
             \"note\",\"2\",\"1\",\"\",\"kept\"\r\n\"error\",\"7\",\"1\",\"\",\"'=1+1\"\r\n"
        );
        import.counts = None;
        import.errors.clear();
        assert_eq!(report_csv(&import), "kind,line,column,count,what\r\n");
    }
}

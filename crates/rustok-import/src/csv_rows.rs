//! CSV rows with the position of every cell, on top of `csv-core`. Only wanted cells are kept and each has a size
//! limit, so neither a huge cell nor an unclosed quote can grow memory without bound.

use crate::error::Fault;
use crate::source::{Controls, Position, Source};
use csv_core::ReadFieldResult;
use std::io::{self, Read};

/// Size of the buffer through which cells are copied.
const SCRATCH_BYTES: usize = 8 * 1024;
/// Maximum size of all wanted cells of a row together.
pub(crate) const MAX_ROW_BYTES: usize = 4 * 1024 * 1024;

/// One cell: its text and its start position.
#[derive(Debug, Clone)]
pub(crate) struct Cell {
    pub(crate) text: String,
    pub(crate) at: Position,
}

/// Where a column's cells are stored and their maximum size.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Slot {
    pub(crate) index: usize,
    pub(crate) max_bytes: usize,
}

/// One row. Its buffers are reused for the next row, so that reading does not allocate per cell.
#[derive(Debug)]
pub(crate) struct Row {
    pub(crate) at: Position,
    pub(crate) cells: Vec<Cell>,
    /// The number of cells of the row in the file, wanted or not.
    pub(crate) columns: usize,
    /// The first non-blank cell beyond the header's columns.
    pub(crate) surplus: Option<Position>,
    /// All cells, wanted or not, contain only spaces.
    pub(crate) blank: bool,
    /// Why this row is invalid. The position is that of the first fault in the row.
    pub(crate) fault: Option<Fault>,
    bytes: usize,
}

impl Row {
    pub(crate) fn new(slots: usize) -> Self {
        let at = Position::start();
        let cells = vec![
            Cell {
                text: String::new(),
                at
            };
            slots
        ];
        Self {
            at,
            cells,
            columns: 0,
            surplus: None,
            blank: true,
            fault: None,
            bytes: 0,
        }
    }

    fn reset(&mut self, at: Position) {
        self.at = at;
        for cell in &mut self.cells {
            cell.text.clear();
            cell.at = at;
        }
        self.columns = 0;
        self.surplus = None;
        self.blank = true;
        self.fault = None;
        self.bytes = 0;
    }

    fn refuse(&mut self, at: Position, reason: impl Into<String>) {
        if self.fault.is_none() {
            self.fault = Some(Fault::new(at, reason));
        }
    }
}

/// How a cell ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum CellEnd {
    Cell,
    Row,
    /// The file ended first; and whether that was inside quotes.
    File {
        quoted: bool,
    },
}

/// See the module documentation.
#[derive(Debug)]
pub(crate) struct CsvRows<R> {
    source: Source<R>,
    parser: Box<csv_core::Reader>,
    scratch: Box<[u8]>,
}

impl<R: Read> CsvRows<R> {
    pub(crate) fn new(reader: R) -> Self {
        Self {
            source: Source::new(reader, Controls::Keep),
            parser: Box::new(csv_core::Reader::new()),
            scratch: vec![0; SCRATCH_BYTES].into_boxed_slice(),
        }
    }

    pub(crate) fn bytes_read(&self) -> u64 {
        self.source.bytes_read()
    }

    /// Checks that the file is text.
    ///
    /// # Errors
    /// A fault at the start of the file.
    pub(crate) fn open(&mut self) -> Result<(), Fault> {
        match self.source.sniff() {
            Ok(Ok(())) => Ok(()),
            Ok(Err(reason)) => Err(Fault::new(Position::start(), reason)),
            Err(error) => Err(self.unreadable(&error)),
        }
    }

    /// Reads the next row that is not an empty line; `false` at the end of the file.
    ///
    /// `slot_of` maps a column to its slot; `expected` is the number of columns in the header, 0 for the header
    /// itself.
    ///
    /// # Errors
    /// Only when reading fails. A fault of the row itself is in [`Row::fault`].
    pub(crate) fn read(
        &mut self,
        row: &mut Row,
        expected: usize,
        slot_of: impl Fn(usize) -> Option<Slot>,
    ) -> Result<bool, Fault> {
        if self.skip_line_ends().map_err(|error| self.unreadable(&error))? {
            return Ok(false);
        }
        row.reset(self.source.position());
        loop {
            let at = self.source.position();
            let slot = slot_of(row.columns);
            let is_surplus = expected > 0 && row.columns >= expected;
            let end = self
                .read_cell(row, at, slot, is_surplus)
                .map_err(|error| self.unreadable(&error))?;
            row.columns += 1;
            if let Some((place, bad)) = self.source.take_bad() {
                row.refuse(place, bad.reason());
            }
            match end {
                CellEnd::Cell => continue,
                CellEnd::Row => {}
                CellEnd::File { quoted: true } => {
                    row.refuse(at, "the file ends inside a quoted cell that starts here");
                }
                CellEnd::File { quoted: false } if row.columns < expected => {
                    let reason = format!(
                        "the file ends inside this row: {} of {expected} columns",
                        row.columns
                    );
                    row.refuse(self.source.position(), reason);
                }
                CellEnd::File { quoted: false } => {}
            }
            return Ok(true);
        }
    }

    /// Skips line ends before a row, so that the row starts at its first cell; `true` at the end of the file.
    fn skip_line_ends(&mut self) -> io::Result<bool> {
        loop {
            let bytes = self.source.fill()?;
            if bytes.is_empty() {
                return Ok(true);
            }
            let ends = bytes
                .iter()
                .take_while(|byte| matches!(byte, b'\n' | b'\r'))
                .count();
            if ends == 0 {
                return Ok(false);
            }
            self.source.pass(ends);
        }
    }

    fn read_cell(
        &mut self,
        row: &mut Row,
        at: Position,
        slot: Option<Slot>,
        is_surplus: bool,
    ) -> io::Result<CellEnd> {
        let mut text = Vec::new();
        if let Some(slot) = slot {
            text = std::mem::take(&mut row.cells[slot.index].text).into_bytes();
        }
        let mut too_large = false;
        let end = loop {
            let input = self.source.fill()?;
            if input.is_empty() {
                break self.end_of_file();
            }
            let (result, taken, given) = self.parser.read_field(input, &mut self.scratch);
            self.source.pass(taken);
            let piece = &self.scratch[..given];
            if !piece.iter().all(u8::is_ascii_whitespace) {
                row.blank = false;
                if is_surplus && row.surplus.is_none() {
                    row.surplus = Some(at);
                }
            }
            if let Some(slot) = slot {
                too_large |= text.len() + given > slot.max_bytes || row.bytes + given > MAX_ROW_BYTES;
                if !too_large {
                    text.extend_from_slice(piece);
                    row.bytes += given;
                }
            }
            match result {
                ReadFieldResult::Field { record_end: true } | ReadFieldResult::End => break CellEnd::Row,
                ReadFieldResult::Field { record_end: false } => break CellEnd::Cell,
                ReadFieldResult::InputEmpty | ReadFieldResult::OutputFull => {}
            }
        };
        if let Some(slot) = slot {
            if too_large {
                text.clear();
                let limit = slot.max_bytes.min(MAX_ROW_BYTES) / 1024;
                row.refuse(
                    at,
                    format!("the cell or its row is too large (limit {limit} KiB a cell)"),
                );
            }
            // The source yields valid UTF-8 and the parser only removes ASCII quotes from it.
            let cell = &mut row.cells[slot.index];
            cell.text = String::from_utf8(text).unwrap_or_default();
            cell.at = at;
        }
        Ok(end)
    }

    /// The file ended in this cell. A line end is part of the text only inside quotes, so the parser is fed one to
    /// reveal its state. (A copy of the parser does not work: `csv_core::Reader::clone` loses its tables.)
    fn end_of_file(&mut self) -> CellEnd {
        let (result, _, given) = self.parser.read_field(b"\n", &mut self.scratch);
        CellEnd::File {
            quoted: result == ReadFieldResult::InputEmpty && given == 1,
        }
    }

    fn unreadable(&self, error: &io::Error) -> Fault {
        Fault::new(
            self.source.position(),
            format!("the file cannot be read: {error}"),
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The texts of a row, their positions, and its fault.
    type Got = (Vec<String>, Vec<(u64, u64)>, Option<Fault>);

    fn rows(text: &[u8], expected: usize) -> Vec<Got> {
        let mut csv = CsvRows::new(text);
        let mut row = Row::new(3);
        let mut out = Vec::new();
        csv.open().unwrap();
        while csv
            .read(&mut row, expected, |index| {
                (index < 3).then_some(Slot {
                    index,
                    max_bytes: 20_000,
                })
            })
            .unwrap()
        {
            let used = row.columns.min(3);
            out.push((
                row.cells[..used].iter().map(|cell| cell.text.clone()).collect(),
                row.cells[..used]
                    .iter()
                    .map(|cell| (cell.at.line, cell.at.column))
                    .collect(),
                row.fault.clone(),
            ));
        }
        out
    }

    #[test]
    fn places_are_physical_for_every_line_ending_and_quoted_newlines() {
        for end in ["\n", "\r\n", "\r"] {
            let text = format!("a,b{end}{end}\"x{end}y\",\"q\"\"z\"{end}é,last");
            let got = rows(text.as_bytes(), 2);
            assert_eq!(got[0].1, [(1, 1), (1, 3)], "{end:?}");
            assert_eq!(got[1].0, [format!("x{end}y"), "q\"z".to_owned()]);
            assert_eq!(got[1].1, [(3, 1), (4, 4)]);
            assert_eq!(got[2].1, [(5, 1), (5, 3)]);
            assert!(got.iter().all(|row| row.2.is_none()));
        }
    }

    #[test]
    fn an_end_inside_quotes_or_short_of_columns_is_told() {
        let got = rows(b"a,b\nc,\"d\ne", 2);
        assert_eq!(got.len(), 2);
        let fault = got[1].2.clone().unwrap();
        assert_eq!((fault.at.line, fault.at.column), (2, 3));
        assert!(fault.reason.contains("quoted"));

        let fault = rows(b"a,b\nc", 2)[1].2.clone().unwrap();
        assert_eq!((fault.at.line, fault.at.column), (2, 2));
        assert!(fault.reason.contains("1 of 2"));

        // A short row with its line end, and an empty last cell, are complete.
        assert!(rows(b"a,b\nc\n", 2)[1].2.is_none());
        assert_eq!(rows(b"a,b\nc,", 2)[1].0, ["c", ""]);
        assert!(rows(b"a,b\nc,", 2)[1].2.is_none());
        assert!(rows(b"a,b\nc,\"d\"", 2)[1].2.is_none());
    }

    #[test]
    fn a_large_cell_is_dropped_and_the_next_row_is_read() {
        let text = format!("a,{},c\nd,e,f\n", "x".repeat(20_001));
        let got = rows(text.as_bytes(), 3);
        assert_eq!(got[0].0, ["a", "", "c"]);
        assert!(got[0].2.clone().unwrap().reason.contains("too large"));
        assert_eq!(got[1].0, ["d", "e", "f"]);
        assert!(got[1].2.is_none());
    }

    #[test]
    fn bad_text_spoils_its_row_only() {
        let got = rows(b"a,b\xFF\nc,d\n", 2);
        let fault = got[0].2.clone().unwrap();
        assert_eq!((fault.at.line, fault.at.column), (1, 4));
        assert!(got[1].2.is_none());
    }
}

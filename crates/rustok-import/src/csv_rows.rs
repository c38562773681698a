//! CSV rows with the position of every cell, on top of `csv-core`. Only wanted cells are kept and each has a size
//! limit, so neither a huge cell nor an unclosed quote can grow memory without bound.

use crate::error::Fault;
use crate::source::{NOT_UTF8, Position, Source};
use csv_core::ReadFieldResult;
use std::io::{self, Read};

/// Size of the buffer through which cells are copied.
const SCRATCH_BYTES: usize = 8 * 1024;
/// Columns whose unwanted cells are counted apart; all further ones are counted as one.
const MAX_COUNTED_COLUMNS: usize = 4_096;
/// Bad cells of a row that are reported; there is more than one only in a damaged file.
const MAX_BAD_CELLS: usize = 64;
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
    /// Cells that cannot be used, by slot, in file order; their texts are empty.
    pub(crate) bad: Vec<(usize, Fault)>,
    /// The file ended inside this row.
    pub(crate) is_cut: bool,
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
            bad: Vec::new(),
            is_cut: false,
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
        self.bad.clear();
        self.is_cut = false;
        self.bytes = 0;
    }

    /// A cell with damaged text is not used; without a slot only its place is known.
    fn spoil(&mut self, slot: Option<Slot>, fault: Fault) {
        match slot {
            Some(slot) => {
                self.cells[slot.index].text.clear();
                self.bad.push((slot.index, fault));
            }
            None if self.bad.len() < MAX_BAD_CELLS => self.bad.push((usize::MAX, fault)),
            None => {}
        }
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
    /// By column of a data row: cells that are not blank and have no slot.
    unwanted: Vec<u64>,
}

impl<R: Read> CsvRows<R> {
    pub(crate) fn new(reader: R) -> Self {
        Self {
            source: Source::new(reader),
            parser: Box::new(csv_core::Reader::new()),
            scratch: vec![0; SCRATCH_BYTES].into_boxed_slice(),
            unwanted: Vec::new(),
        }
    }

    pub(crate) fn bytes_read(&self) -> u64 {
        self.source.bytes_read()
    }

    /// Bytes of text consumed so far, after unpacking and decoding.
    pub(crate) fn text_bytes(&self) -> u64 {
        self.source.text_bytes()
    }

    /// How many characters were changed, by kind.
    pub(crate) fn changed(&self) -> [(&'static str, u64); 2] {
        self.source.changed()
    }

    /// Files of an archive that are not read.
    pub(crate) fn further_files(&self) -> &[String] {
        self.source.further_files()
    }

    /// By column: how many cells of data rows are not blank and were not wanted.
    pub(crate) fn unwanted(&self) -> &[u64] {
        &self.unwanted
    }

    /// The first bytes, as far as they are in memory, to tell what the file is.
    ///
    /// # Errors
    /// When reading fails.
    pub(crate) fn beginning(&mut self) -> Result<&[u8], Fault> {
        let at = self.source.position();
        self.source
            .fill()
            .map_err(|error| Fault::new(at, format!("the file cannot be read: {error}")))
    }

    /// Checks that the file is text, and finds what separates its cells.
    ///
    /// # Errors
    /// A fault at the start of the file.
    pub(crate) fn open(&mut self) -> Result<(), Fault> {
        match self.source.sniff() {
            Ok(Ok(())) => self.find_delimiter(),
            Ok(Err(reason)) => Err(Fault::new(Position::start(), reason)),
            Err(error) => Err(self.unreadable(&error)),
        }
    }

    /// Commas, unless the header has more of something else. Excel may say it in a first line of its own.
    fn find_delimiter(&mut self) -> Result<(), Fault> {
        let head = self.beginning()?;
        let line = head
            .split(|byte| matches!(byte, b'\n' | b'\r'))
            .next()
            .unwrap_or_default();
        let said = line.strip_prefix(b"sep=").filter(|rest| rest.len() == 1);
        let (delimiter, pass) = match said {
            Some(rest) => (rest[0], line.len()),
            None => (most_frequent_delimiter(head), 0),
        };
        self.source.pass(pass);
        *self.parser = csv_core::ReaderBuilder::new().delimiter(delimiter).build();
        Ok(())
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
            if let Some(place) = self.source.take_bad() {
                row.spoil(slot, Fault::new(place, NOT_UTF8));
            }
            match end {
                CellEnd::Cell => continue,
                CellEnd::Row => {}
                CellEnd::File { quoted: true } => {
                    row.is_cut = true;
                    row.refuse(at, "the file ends inside a quoted cell that starts here");
                }
                CellEnd::File { quoted: false } if row.columns < expected => {
                    let reason = format!(
                        "the file ends inside this row: {} of {expected} columns",
                        row.columns
                    );
                    row.is_cut = true;
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
        let mut is_blank = true;
        let column = row.columns.min(MAX_COUNTED_COLUMNS);
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
                is_blank = false;
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
        if slot.is_none() && !is_blank && !is_surplus {
            if self.unwanted.len() <= column {
                self.unwanted.resize(column + 1, 0);
            }
            self.unwanted[column] += 1;
        }
        if let Some(slot) = slot {
            if too_large {
                text.clear();
                let limit = slot.max_bytes.min(MAX_ROW_BYTES) / 1024;
                let reason =
                    format!("the cell or its row is too large (limit {limit} KiB a cell); it is left out");
                row.bad.push((slot.index, Fault::new(at, reason)));
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

/// What the first row has most of, outside quotes: a comma, unless something else is more frequent.
fn most_frequent_delimiter(head: &[u8]) -> u8 {
    const DELIMITERS: [u8; 4] = [b',', b';', b'\t', b'|'];
    let mut counts = [0_usize; DELIMITERS.len()];
    let mut in_quotes = false;
    let mut begun = false;
    for byte in head {
        match byte {
            b'"' => in_quotes = !in_quotes,
            b'\n' | b'\r' if !in_quotes && begun => break,
            _ if in_quotes => {}
            _ => {
                if let Some(at) = DELIMITERS.iter().position(|known| known == byte) {
                    counts[at] += 1;
                }
            }
        }
        begun |= !matches!(byte, b'\n' | b'\r');
    }
    let most = counts.iter().copied().max().unwrap_or(0);
    let at = counts.iter().position(|count| *count == most).unwrap_or(0);
    DELIMITERS[at]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_of_many_columns_takes_little_memory() {
        let text = b"\xFFx,".repeat(100_000);
        // UTF-8 proves itself by more good characters than bad ones.
        let text = ["ж".repeat(300_000).as_bytes(), b",", &text].concat();
        let mut csv = CsvRows::new(text.as_slice());
        let mut row = Row::new(1);
        csv.open().unwrap();
        assert!(csv.read(&mut row, 0, |_| None).unwrap());
        assert_eq!(row.columns, 100_002);
        assert!(csv.unwanted().len() <= MAX_COUNTED_COLUMNS + 1 && row.bad.len() <= MAX_BAD_CELLS);
        assert_eq!(csv.unwanted().iter().sum::<u64>(), 100_001);
    }

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
                row.fault
                    .clone()
                    .or_else(|| row.bad.first().map(|(_, fault)| fault.clone())),
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
    fn bad_text_spoils_its_cell_only() {
        let got = rows(
            "ж,b"
                .as_bytes()
                .iter()
                .chain(b"\xFF,x\nc,d,\n")
                .copied()
                .collect::<Vec<_>>()
                .as_slice(),
            3,
        );
        let fault = got[0].2.clone().unwrap();
        assert_eq!((fault.at.line, fault.at.column), (1, 4));
        assert_eq!(got[0].0, ["ж", "", "x"]);
        assert!(got[1].2.is_none());
    }

    #[test]
    fn the_header_tells_what_separates_cells() {
        for (text, second) in [
            ("a;b,b;c\n", "b,b"),
            ("sep=|\r\na|b|c\n", "b"),
            ("\n\na\tb\tc\n", "b"),
            ("\"a;a;a;a\",b,c\n", "b"),
            ("a,b,c\n1;2;3;4;5\n", "b"),
        ] {
            assert_eq!(rows(text.as_bytes(), 0)[0].0[1], second, "{text:?}");
        }
    }
}

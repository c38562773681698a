//! Reads Shopify's product CSV: the first row of a handle is the product, the following rows of the same handle are
//! further variants and images. Must never hold more than one product.

mod columns;
mod product;
mod value;

use crate::csv_rows::{CsvRows, Row};
use crate::error::{Fault, RowError};
use crate::item::ProductItem;
use crate::seen::{MAX_IDENTIFIERS, Seen, Sighting};
use crate::skipped::Skipped;
use columns::{Cells as _, Column, Header};
use product::Assembly;
use std::collections::VecDeque;
use std::io::Read;

const MAX_HANDLE_CHARS: usize = 255;

/// The product that the current rows belong to.
#[derive(Debug)]
enum Current {
    None,
    Open(Box<Assembly>),
    /// Its first row was rejected, or its handle was used before: its further rows are skipped without one error
    /// each.
    Refused(String),
}

/// Streams products out of a Shopify product CSV.
///
/// Yields every product after its last row, and an error for every rejected row, before the product it belongs to:
/// - A rejected first row rejects the product (one error; its further rows are counted under
///   `row of a refused product`).
/// - A rejected further row drops only that variant or image and sets [`ProductItem::incomplete`].
/// - Rows of one product must be adjacent; a handle that reappears later is an error that names the earlier line.
/// - A file that ends inside a row yields an error with the position; an unreadable file or an unusable header ends
///   the iteration.
///
/// Only UTF-8 is read (a byte order mark is accepted). Limits: cell 1 MiB, description 2 MiB, row 4 MiB, short texts
/// 4 KiB; per product 2,048 variants, 250 images, 250 tags, 16 MiB; 2 million products.
#[derive(Debug)]
pub struct ShopifyReader<R> {
    rows: CsvRows<R>,
    file: String,
    decimals: u32,
    header: Option<Header>,
    row: Row,
    current: Current,
    seen: Seen,
    skipped: Skipped,
    /// At most the finished product and the error of the row that ended it.
    ready: VecDeque<Result<ProductItem, RowError>>,
    done: bool,
    stopped_early: bool,
}

impl<R: Read> ShopifyReader<R> {
    /// Reads from `reader`, with internal buffering. `file_name` appears in errors. `price_decimals` is the number of
    /// decimals of the prices' currency (the file does not name it): a price with more decimals is rejected.
    #[must_use]
    pub fn new(reader: R, file_name: impl Into<String>, price_decimals: u32) -> Self {
        Self {
            rows: CsvRows::new(reader),
            file: file_name.into(),
            decimals: price_decimals,
            header: None,
            row: Header::data_row(),
            current: Current::None,
            seen: Seen::default(),
            skipped: Skipped::default(),
            ready: VecDeque::new(),
            done: false,
            stopped_early: false,
        }
    }

    /// Bytes read so far, for a progress bar.
    #[must_use]
    pub fn bytes_read(&self) -> u64 {
        self.rows.bytes_read()
    }

    /// Rows skipped on purpose: `blank row`, `row without variant or image`, `row of a refused product`.
    #[must_use]
    pub fn skipped(&self) -> &Skipped {
        &self.skipped
    }

    /// Whether the iteration ended before the end of the file, because the rest is unreadable.
    #[must_use]
    pub fn stopped_early(&self) -> bool {
        self.stopped_early
    }

    /// An error at a position in this file, for a caller that rejects an item for its own reason.
    #[must_use]
    pub fn error_at(&self, line: u64, column: u64, reason: impl Into<String>) -> RowError {
        RowError {
            file: self.file.clone(),
            line,
            column,
            reason: reason.into(),
        }
    }

    /// Reads one row and pushes its results to `ready`.
    fn step(&mut self) {
        match self.read_row() {
            Ok(true) => {
                if let Err(fault) = self.take_row() {
                    self.ready.push_back(Err(fault.in_file(&self.file)));
                }
            }
            Ok(false) => {
                self.done = true;
                self.close_current();
            }
            Err(fault) => {
                self.done = true;
                self.stopped_early = true;
                if let Current::Open(assembly) = &mut self.current {
                    assembly.mark_incomplete();
                }
                self.close_current();
                self.ready.push_back(Err(fault.in_file(&self.file)));
            }
        }
    }

    fn read_row(&mut self) -> Result<bool, Fault> {
        let header = match &self.header {
            Some(header) => header,
            None => {
                let header = self.read_header()?;
                self.header.insert(header)
            }
        };
        self.rows
            .read(&mut self.row, header.columns(), |index| header.slot_of(index))
    }

    fn read_header(&mut self) -> Result<Header, Fault> {
        self.rows.open()?;
        let mut row = Header::blank_row();
        if !self.rows.read(&mut row, 0, Header::slot)? {
            return Err(Fault::new(row.at, "the file is empty"));
        }
        Header::parse(&row)
    }

    /// Assigns a row to its product.
    fn take_row(&mut self) -> Result<(), Fault> {
        if self.row.blank && self.row.fault.is_none() {
            self.skipped.add("blank row");
            return Ok(());
        }
        let handle = self.row.text(Column::Handle).to_lowercase();
        if handle.is_empty() || handle.chars().count() > MAX_HANDLE_CHARS {
            // Without a title it can only be a further row of the current product.
            if let Current::Open(assembly) = &mut self.current
                && self.row.text(Column::Title).is_empty()
            {
                assembly.mark_incomplete();
            }
            let fault = self.row_fault();
            return Err(
                fault.unwrap_or_else(|| self.row.fault(Column::Handle, "the row has no usable handle"))
            );
        }
        match &mut self.current {
            Current::Refused(refused) if *refused == handle => {
                self.skipped.add("row of a refused product");
                Ok(())
            }
            Current::Open(assembly) if assembly.handle() == handle => {
                let added = match row_fault(&self.row, self.header.as_ref()) {
                    Some(fault) => Err(fault),
                    None => assembly.add(&self.row, self.decimals),
                };
                match added {
                    Ok(true) => Ok(()),
                    Ok(false) => {
                        self.skipped.add("row without variant or image");
                        Ok(())
                    }
                    Err(fault) => {
                        assembly.mark_incomplete();
                        Err(fault)
                    }
                }
            }
            _ => {
                self.close_current();
                self.start_product(handle)
            }
        }
    }

    fn start_product(&mut self, handle: String) -> Result<(), Fault> {
        let started = match self.seen.insert(&handle, self.row.at.line) {
            Sighting::Again(line) => Err(self.row.fault(
                Column::Handle,
                format!("the handle was used by the product on line {line}; rows of one product must stand together"),
            )),
            Sighting::Full => {
                self.done = true;
                self.stopped_early = true;
                let reason = format!("the file has more than {MAX_IDENTIFIERS} products; split it");
                Err(self.row.fault(Column::Handle, reason))
            }
            Sighting::First => match self.row_fault() {
                Some(fault) => Err(fault),
                None => Assembly::start(&self.row, handle.clone(), self.decimals),
            },
        };
        match started {
            Ok(assembly) => {
                self.current = Current::Open(Box::new(assembly));
                Ok(())
            }
            Err(fault) => {
                self.current = Current::Refused(handle);
                Err(fault)
            }
        }
    }

    fn close_current(&mut self) {
        if let Current::Open(assembly) = std::mem::replace(&mut self.current, Current::None) {
            self.ready.push_back(Ok(assembly.finish()));
        }
    }

    fn row_fault(&self) -> Option<Fault> {
        row_fault(&self.row, self.header.as_ref())
    }
}

/// A fault of the whole row: damaged text, or cells that must have shifted.
fn row_fault(row: &Row, header: Option<&Header>) -> Option<Fault> {
    let expected = header.map_or(0, Header::columns);
    row.fault.clone().or_else(|| {
        let at = row.surplus?;
        let reason = format!(
            "the row has {} columns, the header {expected}; is a cell with a comma not quoted?",
            row.columns
        );
        Some(Fault::new(at, reason))
    })
}

impl<R: Read> Iterator for ShopifyReader<R> {
    type Item = Result<ProductItem, RowError>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            if let Some(ready) = self.ready.pop_front() {
                return Some(ready);
            }
            if self.done {
                return None;
            }
            self.step();
        }
    }
}

//! Reads Shopify's product CSV: the first row of a handle is the product, the following rows of the same handle are
//! further variants and images. Reads its inventory CSV too, which has another header. Must never hold more than
//! one product.

mod columns;
mod inventory;
mod kinds;
mod price;
mod product;
mod value;

use crate::csv_rows::{CsvRows, Row};
use crate::error::{Fault, RowError};
use crate::item::ShopifyItem;
use crate::seen::{MAX_IDENTIFIERS, Seen, Sighting};
use crate::skipped::Skipped;
use columns::{Cells as _, Column, Header, HeaderFault, MAX_OPTIONS};
use inventory::StockAssembly;
use product::{Assembly, Notes};
use std::collections::VecDeque;
use std::io::Read;

const MAX_HANDLE_CHARS: usize = 255;

/// The product that the current rows belong to.
#[derive(Debug)]
enum Current {
    None,
    Open(Box<Assembly>),
    Stock(Box<StockAssembly>),
    /// Its first row was rejected, or its handle was used before: its further rows are skipped without one error
    /// each.
    Refused(String),
}

/// Streams products out of a Shopify product CSV.
///
/// Yields every product after its last row, and an error for everything that is rejected, before the product it belongs
/// to:
/// - A cell that cannot be used costs only its value: see [`VariantItem::unread`](crate::VariantItem::unread) and
///   [`ProductItem::stated`](crate::ProductItem::stated).
/// - A first row without title or with unusable options rejects the product (one error; its further rows are counted
///   under `row of a refused product`).
/// - A rejected further row drops only that variant or image and sets
///   [`ProductItem::incomplete`](crate::ProductItem::incomplete).
/// - Rows of one product must be adjacent; a handle that reappears later is an error that names the earlier line.
/// - A file that ends inside a row yields an error with the position, and sets [`Self::stopped_early`]; an unreadable
///   file or an unusable header ends the iteration. A file of another kind is named, with the number of its rows.
///
/// Encodings, delimiters, gzip and ZIP are recognised. Everything that is not yielded is counted in [`Self::skipped`],
/// once the iteration has ended. Limits: cell 1 MiB, description 2 MiB, row 4 MiB, short texts 4 KiB; per product 2,048
/// variants, 250 images, 250 tags, 16 MiB; 2 million products.
#[derive(Debug)]
pub struct ShopifyReader<R> {
    rows: CsvRows<R>,
    file: String,
    decimals: u32,
    header: Option<Header>,
    row: Row,
    current: Current,
    seen: Seen,
    notes: Notes,
    /// At most the finished product and the errors of the row that ended it.
    ready: VecDeque<Result<ShopifyItem, RowError>>,
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
            notes: Notes::default(),
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

    /// Bytes of text read so far, after unpacking and decoding, to bound how much is held at a time.
    #[must_use]
    pub fn text_bytes(&self) -> u64 {
        self.rows.text_bytes()
    }

    /// What was read and not yielded: rows (`blank row`, `row without variant or image`, `row of a refused product`),
    /// and cells by their columns.
    #[must_use]
    pub fn skipped(&self) -> &Skipped {
        &self.notes.skipped
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
                let taken = self.take_row();
                self.stopped_early |= self.row.is_cut;
                for fault in self.notes.faults.drain(..).chain(taken.err()) {
                    self.ready.push_back(Err(fault.in_file(&self.file)));
                }
            }
            Ok(false) => self.end(),
            Err(fault) => {
                self.stopped_early = true;
                if let Current::Open(assembly) = &mut self.current {
                    assembly.mark_incomplete();
                }
                self.close_current();
                self.ready.push_back(Err(fault.in_file(&self.file)));
                self.end();
            }
        }
    }

    fn end(&mut self) {
        self.done = true;
        self.close_current();
        if let Some(header) = &self.header {
            header.count_unwanted(self.rows.unwanted(), &mut self.notes.skipped);
        }
        for (kind, count) in self.rows.changed() {
            self.notes.skipped.add_many(kind, count);
        }
        let further = self.rows.further_files().join(", ");
        if !further.is_empty() {
            self.stopped_early = true;
            let at = self.row.at;
            let reason = format!(
                "the archive holds further files, which were not read; send each by itself: {further}"
            );
            self.ready
                .push_back(Err(Fault::new(at, reason).in_file(&self.file)));
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
        let head = self.rows.beginning()?;
        if let Some(reason) = kinds::of_beginning(head) {
            return Err(Fault::new(row.at, reason));
        }
        if !self.rows.read(&mut row, 0, Header::slot)? {
            return Err(Fault::new(row.at, "the file is empty"));
        }
        Header::parse(&row).or_else(|fault| match fault {
            HeaderFault::Unusable(fault) => Err(fault),
            HeaderFault::Foreign(foreign) => {
                let at = row.at;
                let mut count = 0_u64;
                while self.rows.read(&mut self.row, 0, |_| None)? {
                    count += u64::from(!self.row.blank);
                }
                let reason = format!(
                    "this is {} with {count} rows, none of which was imported; {}",
                    foreign.name, foreign.advice
                );
                Err(Fault::new(at, reason))
            }
        })
    }

    /// Assigns a row to its product.
    fn take_row(&mut self) -> Result<(), Fault> {
        if self.row.blank && self.row.fault.is_none() {
            self.notes.skipped.add("blank row");
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
        let fault = self.row_fault();
        let Some(header) = &self.header else { return Ok(()) };
        match &mut self.current {
            Current::Refused(refused) if *refused == handle => {
                self.notes.skipped.add("row of a refused product");
                Ok(())
            }
            Current::Open(assembly) if assembly.handle() == handle => {
                let added = match fault {
                    Some(fault) => Err(fault),
                    None => {
                        self.notes
                            .faults
                            .extend(self.row.bad.drain(..).map(|(_, fault)| fault));
                        assembly.add(&self.row, header, self.decimals, &mut self.notes)
                    }
                };
                match added {
                    Ok(true) => Ok(()),
                    Ok(false) => {
                        self.notes.skipped.add("row without variant or image");
                        Ok(())
                    }
                    Err(fault) => {
                        assembly.mark_incomplete();
                        Err(fault)
                    }
                }
            }
            Current::Stock(stock) if stock.handle() == handle => {
                let added = fault.map_or_else(|| stock.add(&self.row, &mut self.notes), Err);
                if added.is_err() {
                    stock.mark_incomplete();
                }
                added
            }
            _ => {
                self.close_current();
                self.start_product(handle, fault)
            }
        }
    }

    fn start_product(&mut self, handle: String, fault: Option<Fault>) -> Result<(), Fault> {
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
            Sighting::First => match (fault, &self.header) {
                (Some(fault), _) => Err(fault),
                (None, Some(header)) if header.is_inventory() => {
                    StockAssembly::start(&self.row, handle.clone(), &mut self.notes)
                        .map(|stock| Current::Stock(Box::new(stock)))
                }
                (None, Some(header)) => {
                    let bad: Vec<Fault> = self.row.bad.iter().map(|(_, fault)| fault.clone()).collect();
                    self.notes.faults.extend(bad);
                    Assembly::start(&self.row, header, handle.clone(), self.decimals, &mut self.notes)
                        .map(|assembly| Current::Open(Box::new(assembly)))
                }
                (None, None) => Ok(Current::None),
            },
        };
        match started {
            Ok(current) => {
                self.current = current;
                Ok(())
            }
            Err(fault) => {
                // One error per row, not one per cell.
                self.notes.faults.clear();
                self.current = Current::Refused(handle);
                Err(fault)
            }
        }
    }

    fn close_current(&mut self) {
        match std::mem::replace(&mut self.current, Current::None) {
            Current::Open(assembly) => {
                let product = ShopifyItem::Product(Box::new(assembly.finish()));
                self.ready.push_back(Ok(product));
            }
            Current::Stock(stock) => self.ready.push_back(Ok(ShopifyItem::Inventory(stock.finish()))),
            Current::None | Current::Refused(_) => {}
        }
    }

    fn row_fault(&self) -> Option<Fault> {
        row_fault(&self.row, self.header.as_ref())
    }
}

/// A fault of the whole row: cells that must have shifted, or damage where the row's identity stands.
fn row_fault(row: &Row, header: Option<&Header>) -> Option<Fault> {
    let expected = header.map_or(0, Header::columns);
    let identifies = |slot: usize| {
        let names = (0..MAX_OPTIONS).map(Column::OptionName);
        let values = (0..MAX_OPTIONS).map(Column::OptionValue);
        names
            .chain(values)
            .chain([Column::Handle, Column::Title])
            .any(|column| column.index() == slot)
    };
    let damaged = row.bad.iter().find(|(slot, _)| identifies(*slot));
    row.fault.clone().or_else(|| damaged.map(|(_, fault)| fault.clone())).or_else(|| {
        let at = row.surplus?;
        let reason = format!(
            "the row has {} columns, the header {expected}; is a cell with the separator in it not quoted?",
            row.columns
        );
        Some(Fault::new(at, reason))
    })
}

impl<R: Read> Iterator for ShopifyReader<R> {
    type Item = Result<ShopifyItem, RowError>;

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

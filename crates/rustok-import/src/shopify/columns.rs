//! The columns of a Shopify product CSV. Two generations of names are known: today's export (`Handle`, `Variant SKU`,
//! ...) and the newer product template (`URL handle`, `SKU`, ...). Unknown columns must be ignored: every shop adds
//! its own.

use crate::csv_rows::{Cell, MAX_ROW_BYTES, Row, Slot};
use crate::error::{Fault, quoted};

const MAX_CELL_BYTES: usize = 1024 * 1024;
const MAX_BODY_BYTES: usize = 2 * 1024 * 1024;
const MAX_HEADER_BYTES: usize = 1024;
/// Maximum number of columns, above any real export (metafields included); further ones are ignored.
pub(super) const MAX_COLUMNS: usize = 2_048;

/// The meaning of a cell.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Column {
    Handle,
    Title,
    Body,
    Vendor,
    Type,
    Tags,
    Published,
    Status,
    GiftCard,
    OptionName(usize),
    OptionValue(usize),
    Sku,
    Grams,
    Tracker,
    Quantity,
    Policy,
    Price,
    CompareAt,
    Barcode,
    ImageUrl,
    ImagePosition,
    ImageAlt,
    VariantImage,
}

pub(super) const MAX_OPTIONS: usize = 3;
const COLUMNS: usize = 27;

impl Column {
    /// Its index in a row of wanted cells.
    fn index(self) -> usize {
        match self {
            Self::Handle => 0,
            Self::Title => 1,
            Self::Body => 2,
            Self::Vendor => 3,
            Self::Type => 4,
            Self::Tags => 5,
            Self::Published => 6,
            Self::Status => 7,
            Self::GiftCard => 8,
            Self::OptionName(number) => 9 + number.min(MAX_OPTIONS - 1),
            Self::OptionValue(number) => 12 + number.min(MAX_OPTIONS - 1),
            Self::Sku => 15,
            Self::Grams => 16,
            Self::Tracker => 17,
            Self::Quantity => 18,
            Self::Policy => 19,
            Self::Price => 20,
            Self::CompareAt => 21,
            Self::Barcode => 22,
            Self::ImageUrl => 23,
            Self::ImagePosition => 24,
            Self::ImageAlt => 25,
            Self::VariantImage => 26,
        }
    }

    /// Finds a column by its header name, ignoring case and repeated spaces.
    fn by_name(name: &str) -> Option<Self> {
        let name = name
            .split_whitespace()
            .collect::<Vec<_>>()
            .join(" ")
            .to_lowercase();
        Some(match name.as_str() {
            "handle" | "url handle" => Self::Handle,
            "title" => Self::Title,
            "body (html)" | "body html" | "body" | "description" => Self::Body,
            "vendor" => Self::Vendor,
            "type" | "product type" | "custom product type" => Self::Type,
            "tags" => Self::Tags,
            "published" | "published on online store" => Self::Published,
            "status" => Self::Status,
            "gift card" => Self::GiftCard,
            "option1 name" => Self::OptionName(0),
            "option2 name" => Self::OptionName(1),
            "option3 name" => Self::OptionName(2),
            "option1 value" => Self::OptionValue(0),
            "option2 value" => Self::OptionValue(1),
            "option3 value" => Self::OptionValue(2),
            "variant sku" | "sku" => Self::Sku,
            "variant grams" | "weight value (grams)" => Self::Grams,
            "variant inventory tracker" | "inventory tracker" => Self::Tracker,
            "variant inventory qty" | "variant inventory quantity" | "inventory quantity" => Self::Quantity,
            "variant inventory policy" | "continue selling when out of stock" => Self::Policy,
            "variant price" | "price" => Self::Price,
            "variant compare at price" | "compare-at price" | "compare at price" => Self::CompareAt,
            "variant barcode" | "barcode" => Self::Barcode,
            "image src" | "product image url" => Self::ImageUrl,
            "image position" => Self::ImagePosition,
            "image alt text" => Self::ImageAlt,
            "variant image" | "variant image url" => Self::VariantImage,
            _ => return None,
        })
    }
}

/// The parsed header row.
#[derive(Debug)]
pub(super) struct Header {
    slots: Vec<Option<Slot>>,
}

impl Header {
    /// The row buffer for a header.
    pub(super) fn blank_row() -> Row {
        Row::new(MAX_COLUMNS)
    }

    /// Every column of the header row is wanted.
    pub(super) fn slot(index: usize) -> Option<Slot> {
        (index < MAX_COLUMNS).then_some(Slot {
            index,
            max_bytes: MAX_HEADER_BYTES,
        })
    }

    /// # Errors
    /// When the row is damaged or lacks one of the two columns that identify a product.
    pub(super) fn parse(row: &Row) -> Result<Self, Fault> {
        if let Some(fault) = &row.fault {
            return Err(Fault::new(
                fault.at,
                format!("the header row cannot be used: {}", fault.reason),
            ));
        }
        let names = &row.cells[..row.columns.min(MAX_COLUMNS)];
        let mut taken = [false; COLUMNS];
        let mut slots = Vec::with_capacity(names.len());
        for cell in names {
            // If two columns have the same meaning, the first wins.
            let column = Column::by_name(&cell.text).filter(|column| !taken[column.index()]);
            slots.push(column.map(|column| {
                taken[column.index()] = true;
                let max_bytes = if column == Column::Body {
                    MAX_BODY_BYTES
                } else {
                    MAX_CELL_BYTES
                };
                Slot {
                    index: column.index(),
                    max_bytes: max_bytes.min(MAX_ROW_BYTES),
                }
            }));
        }
        for (column, name) in [(Column::Handle, "Handle"), (Column::Title, "Title")] {
            if !taken[column.index()] {
                return Err(Fault::new(row.at, missing(name, names)));
            }
        }
        Ok(Self { slots })
    }

    pub(super) fn columns(&self) -> usize {
        self.slots.len()
    }

    /// The slot for the cells of a data row.
    pub(super) fn slot_of(&self, index: usize) -> Option<Slot> {
        self.slots.get(index).copied().flatten()
    }

    pub(super) fn data_row() -> Row {
        Row::new(COLUMNS)
    }
}

fn missing(name: &str, header: &[Cell]) -> String {
    let hint = match header {
        [only] if only.text.contains(';') => {
            "; its columns are separated by semicolons, commas are needed".to_owned()
        }
        [only] if only.text.contains('\t') => {
            "; its columns are separated by tabs, commas are needed".to_owned()
        }
        [first, ..] => format!(" (the first column is {})", quoted(first.text.trim())),
        [] => String::new(),
    };
    format!("the first row is not the header of a Shopify product CSV: no column {name:?}{hint}")
}

/// Reads cells by their meaning.
pub(super) trait Cells {
    fn cell(&self, column: Column) -> &Cell;

    /// The trimmed text; empty when the file has no such column.
    fn text(&self, column: Column) -> &str {
        self.cell(column).text.trim()
    }

    /// A fault at this cell.
    fn fault(&self, column: Column, reason: impl Into<String>) -> Fault {
        Fault::new(self.cell(column).at, reason)
    }
}

impl Cells for Row {
    fn cell(&self, column: Column) -> &Cell {
        &self.cells[column.index()]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_column_has_its_own_place() {
        let names = [
            "Handle",
            "Title",
            "Body (HTML)",
            "Vendor",
            "Type",
            "Tags",
            "Published",
            "Status",
            "Gift Card",
            "Option1 Name",
            "Option2 Name",
            "Option3 Name",
            "Option1 Value",
            "Option2 Value",
            "Option3 Value",
            "Variant SKU",
            "Variant Grams",
            "Variant Inventory Tracker",
            "Variant Inventory Qty",
            "Variant Inventory Policy",
            "Variant Price",
            "Variant Compare At Price",
            "Variant Barcode",
            "Image Src",
            "Image Position",
            "Image Alt Text",
            "Variant Image",
        ];
        let places: Vec<_> = names
            .iter()
            .map(|name| Column::by_name(name).unwrap().index())
            .collect();
        assert_eq!(places, (0..COLUMNS).collect::<Vec<_>>());
        assert_eq!(Column::by_name("  VARIANT   sku "), Some(Column::Sku));
        assert_eq!(Column::by_name("Option1 Linked To"), None);
    }
}

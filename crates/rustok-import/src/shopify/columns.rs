//! The columns of a Shopify product CSV. Two generations of names are known: today's export (`Handle`, `Variant SKU`,
//! ...) and the newer product template (`URL handle`, `SKU`, ...). Unknown columns are not read, since every shop adds
//! its own, but their cells are counted by name.

use super::kinds::{self, Kind};
use crate::csv_rows::{Cell, MAX_ROW_BYTES, Row, Slot};
use crate::error::{Fault, quoted};
use crate::item::{Field, Fields};
use crate::skipped::Skipped;

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
    /// Of the inventory CSV: pieces for sale.
    Available,
    /// Of the inventory CSV: pieces there.
    OnHand,
    /// Of the inventory CSV: which stock the row is about.
    Location,
}

pub(super) const MAX_OPTIONS: usize = 3;
const COLUMNS: usize = 30;

/// The columns of an inventory CSV that are read.
const OF_INVENTORY: [Column; 12] = [
    Column::Handle,
    Column::Title,
    Column::OptionName(0),
    Column::OptionName(1),
    Column::OptionName(2),
    Column::OptionValue(0),
    Column::OptionValue(1),
    Column::OptionValue(2),
    Column::Sku,
    Column::Available,
    Column::OnHand,
    Column::Location,
];

impl Column {
    /// Its index in a row of wanted cells.
    pub(super) fn index(self) -> usize {
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
            Self::Available => 27,
            Self::OnHand => 28,
            Self::Location => 29,
        }
    }

    /// The field that its cells state; `None` for what identifies a row and for what has no place yet.
    pub(super) fn field(self) -> Option<Field> {
        Some(match self {
            Self::Title => Field::Title,
            Self::Body => Field::Description,
            Self::Vendor => Field::Vendor,
            Self::Type => Field::ProductType,
            Self::Tags => Field::Tags,
            Self::Published | Self::Status => Field::Status,
            Self::OptionName(_) => Field::Options,
            Self::Sku => Field::Sku,
            Self::Grams => Field::Grams,
            Self::Tracker => Field::Tracking,
            Self::Quantity => Field::Quantity,
            Self::Policy => Field::Backorder,
            Self::Price => Field::Price,
            Self::CompareAt => Field::CompareAt,
            Self::Barcode => Field::Barcode,
            Self::ImageUrl => Field::Images,
            Self::ImageAlt => Field::ImageAlt,
            Self::Handle
            | Self::GiftCard
            | Self::OptionValue(_)
            | Self::ImagePosition
            | Self::VariantImage
            | Self::Available
            | Self::OnHand
            | Self::Location => return None,
        })
    }

    /// Finds a column by its normal name; see [`kinds::normal`].
    fn by_name(name: &str) -> Option<Self> {
        Some(match name {
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
            "available" | "available (not editable)" => Self::Available,
            "on hand" | "on hand (current)" => Self::OnHand,
            "location" => Self::Location,
            _ => return None,
        })
    }
}

/// The parsed header row.
#[derive(Debug)]
pub(super) struct Header {
    slots: Vec<Option<Slot>>,
    /// By column: what is wanted of it.
    columns: Vec<Option<Column>>,
    /// By column: its name, shortened.
    names: Vec<String>,
    stated: Fields,
    is_inventory: bool,
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
    /// When the row is damaged or lacks the columns that identify a product.
    pub(super) fn parse(row: &Row) -> Result<Self, HeaderFault> {
        if let Some(fault) = &row.fault {
            let reason = format!("the header row cannot be used: {}", fault.reason);
            return Err(HeaderFault::Unusable(Fault::new(fault.at, reason)));
        }
        let cells = &row.cells[..row.columns.min(MAX_COLUMNS)];
        let normal: Vec<String> = cells.iter().map(|cell| kinds::normal(&cell.text)).collect();
        let kind = kinds::of(&normal);
        if let Kind::Foreign(foreign) = kind {
            return Err(HeaderFault::Foreign(foreign));
        }
        let is_inventory = matches!(kind, Kind::Inventory);
        let mut header = Self {
            slots: Vec::with_capacity(cells.len()),
            columns: Vec::with_capacity(cells.len()),
            names: cells.iter().map(|cell| shortened(cell.text.trim())).collect(),
            stated: Fields::default(),
            is_inventory,
        };
        let mut taken = [false; COLUMNS];
        for name in &normal {
            // If two columns have the same meaning, the first wins.
            let column = Column::by_name(name)
                .filter(|column| !taken[column.index()])
                .filter(|column| OF_INVENTORY.contains(column) || !is_inventory)
                .filter(|column| {
                    is_inventory || !matches!(column, Column::Available | Column::OnHand | Column::Location)
                });
            if let Some(column) = column {
                taken[column.index()] = true;
                header.stated = column
                    .field()
                    .map_or(header.stated, |field| header.stated.with(field));
            }
            header.columns.push(column);
            header.slots.push(column.map(|column| {
                Slot {
                    index: column.index(),
                    max_bytes: if column == Column::Body {
                        MAX_BODY_BYTES
                    } else {
                        MAX_CELL_BYTES
                    }
                    .min(MAX_ROW_BYTES),
                }
            }));
        }
        // A handle alone would change nothing.
        let wanted = header.columns.iter().flatten().count();
        if !taken[Column::Handle.index()] || wanted < 2 {
            return Err(HeaderFault::Unusable(Fault::new(row.at, missing(cells))));
        }
        Ok(header)
    }

    pub(super) fn columns(&self) -> usize {
        self.slots.len()
    }

    pub(super) fn is_inventory(&self) -> bool {
        self.is_inventory
    }

    /// The fields that the file has columns for.
    pub(super) fn stated(&self) -> Fields {
        self.stated
    }

    /// Whether the file has this column.
    pub(super) fn has(&self, column: Column) -> bool {
        self.columns.contains(&Some(column))
    }

    /// The fields whose cells this row lacks, because it ends before them, or cannot be used.
    pub(super) fn unread(&self, row: &Row) -> Fields {
        let mut fields = Fields::default();
        let absent = self.columns.iter().skip(row.columns).flatten();
        let bad = self
            .columns
            .iter()
            .flatten()
            .filter(|column| row.bad.iter().any(|(slot, _)| *slot == column.index()));
        for field in absent.chain(bad).filter_map(|column| column.field()) {
            fields = fields.with(field);
        }
        fields
    }

    /// The slot for the cells of a data row.
    pub(super) fn slot_of(&self, index: usize) -> Option<Slot> {
        self.slots.get(index).copied().flatten()
    }

    /// Counts the cells of the columns that are not read, by the names of the columns.
    pub(super) fn count_unwanted(&self, unwanted: &[u64], skipped: &mut Skipped) {
        for (at, count) in unwanted.iter().enumerate().filter(|(_, count)| **count > 0) {
            let reason = match self.names.get(at).map(String::as_str) {
                Some("") => format!("column {} without a name", at + 1),
                Some(name) => format!("column {name:?}"),
                None => "column beyond the header".to_owned(),
            };
            skipped.add_many(&reason, *count);
        }
    }

    pub(super) fn data_row() -> Row {
        Row::new(COLUMNS)
    }
}

/// Why a header cannot be used.
#[derive(Debug)]
pub(super) enum HeaderFault {
    Unusable(Fault),
    /// It is that of another kind of file; what it is and what to do.
    Foreign(&'static kinds::Foreign),
}

fn shortened(name: &str) -> String {
    const MAX_CHARS: usize = 60;
    name.chars().take(MAX_CHARS).collect()
}

fn missing(header: &[Cell]) -> String {
    let first = header.first().map_or(String::new(), |first| {
        format!(" (the first column is {})", quoted(first.text.trim()))
    });
    format!(
        "the first row is not the header of a Shopify product CSV: it needs a column \"Handle\" and one more that is \
         known{first}"
    )
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
            "Available",
            "On hand",
            "Location",
        ];
        let places: Vec<_> = names
            .iter()
            .map(|name| Column::by_name(&kinds::normal(name)).unwrap().index())
            .collect();
        assert_eq!(places, (0..COLUMNS).collect::<Vec<_>>());
        assert_eq!(
            Column::by_name(&kinds::normal("  VARIANT   sku ")),
            Some(Column::Sku)
        );
        assert_eq!(Column::by_name(&kinds::normal("Option1 Linked To")), None);
    }
}

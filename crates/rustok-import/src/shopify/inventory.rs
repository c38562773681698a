//! Assembles the rows of one product in Shopify's inventory CSV: a row per variant and location. Must never hold more
//! than one product.

use super::columns::{Cells as _, Column, MAX_OPTIONS};
use super::product::{Notes, short};
use super::value;
use crate::csv_rows::Row;
use crate::error::Fault;
use crate::item::{InventoryItem, InventoryVariant};

const MAX_VARIANTS: usize = 2_048;
/// What Shopify writes for a variant that a location does not have.
const NOT_STOCKED: &str = "not stocked";
/// What Shopify writes as the value of no option.
const NO_OPTION: &str = "Default Title";

/// A product with rows still to come.
#[derive(Debug)]
pub(super) struct StockAssembly(InventoryItem, bool);

impl StockAssembly {
    pub(super) fn start(row: &Row, handle: String, notes: &mut Notes) -> Result<Self, Fault> {
        let mut stock = Self(
            InventoryItem {
                line: row.at.line,
                column: row.cell(Column::Handle).at.column,
                handle,
                variants: Vec::new(),
            },
            false,
        );
        stock.add(row, notes)?;
        Ok(stock)
    }

    pub(super) fn handle(&self) -> &str {
        &self.0.handle
    }

    pub(super) fn finish(mut self) -> InventoryItem {
        if self.1 {
            self.0
                .variants
                .iter_mut()
                .for_each(|variant| variant.available = None);
        }
        self.0
    }

    /// A location's row could not be read: the sums are partial, and none is the stock.
    pub(super) fn mark_incomplete(&mut self) {
        self.1 = true;
    }

    /// Adds a location's pieces to its variant.
    pub(super) fn add(&mut self, row: &Row, notes: &mut Notes) -> Result<(), Fault> {
        if let Some((_, fault)) = row.bad.first() {
            return Err(fault.clone());
        }
        let (available, on_hand) = (pieces(row, Column::Available)?, pieces(row, Column::OnHand)?);
        if available.is_some_and(|available| on_hand.is_some_and(|on_hand| on_hand != available)) {
            notes
                .skipped
                .add("column \"On hand\" beside another \"Available\"");
        }
        let available = available.or(on_hand);
        if available.is_none() {
            notes.skipped.add("location without a number of pieces");
        }
        let values: Vec<String> = (0..MAX_OPTIONS)
            .map(|number| short(row, Column::OptionValue(number)))
            .collect::<Result<_, _>>()?;
        let is_value = |value: &String| !value.is_empty() && *value != NO_OPTION;
        let option_values: Vec<String> = values.into_iter().filter(is_value).collect();
        short(row, Column::Sku)?;
        let sku = value::code(row, Column::Sku);
        let same = |known: &&mut InventoryVariant| known.option_values == option_values && known.sku == sku;
        if let Some(known) = self.0.variants.iter_mut().find(same) {
            if !row.text(Column::Location).is_empty() {
                notes
                    .skipped
                    .add("location whose pieces are one stock with those of others");
            }
            known.available = match (known.available, available) {
                (Some(one), Some(two)) => Some(one.saturating_add(two)),
                (one, two) => one.or(two),
            };
            return Ok(());
        }
        if self.0.variants.len() >= MAX_VARIANTS {
            return Err(row.fault(
                Column::Handle,
                format!("the product has more than {MAX_VARIANTS} variants"),
            ));
        }
        self.0.variants.push(InventoryVariant {
            line: row.at.line,
            sku,
            option_values,
            available,
        });
        Ok(())
    }
}

fn pieces(row: &Row, column: Column) -> Result<Option<i64>, Fault> {
    if row.text(column).eq_ignore_ascii_case(NOT_STOCKED) {
        return Ok(None);
    }
    value::quantity(row, column)
}

//! A variant's own row: which column keeps which field, to read it and to write it. The column of a fact must be named in
//! no other file.
//!
//! Every field of a variant, and every fact, is named here on the way in and on the way out, never with `..`: a new one is
//! kept, or left out on purpose.

use rustok_commerce::price::PriceList;
use rustok_commerce::variant::{Variant, VariantFacts};
use rustok_db::{Json, Row, StoreError, Value};

/// The columns that an edit can change.
pub(super) const COLUMNS: [&str; 7] = [
    "position",
    "sku",
    "title",
    "option_values",
    "barcode",
    "weight_grams",
    "hs_code",
];

/// The approximate size of a variant besides its texts, in bytes.
const BYTES: usize = 256;

/// [`COLUMNS`] of the table with this alias, for a SELECT.
pub(super) fn selected(alias: &str) -> String {
    COLUMNS.map(|column| format!("{alias}.{column}")).join(", ")
}

/// The variant in a row of [`COLUMNS`], its id and its stock, without prices.
pub(super) fn decode(row: &Row<'_>) -> Result<Variant, StoreError> {
    Ok(Variant {
        id: row.get("id")?,
        sku: row.get("sku")?,
        title: row.get("title")?,
        options: row.get::<Json<_>>("option_values")?.0,
        prices: PriceList::default(),
        facts: VariantFacts {
            barcode: row.get("barcode")?,
            weight_grams: row.get("weight_grams")?,
            hs_code: row.get("hs_code")?,
        },
        available: row.get("available")?,
        allow_backorder: row.get::<Option<bool>>("allow_backorder")?.unwrap_or(false),
        position: row.get("position")?,
    })
}

/// What [`COLUMNS`] keep of a variant. Prices and stock have tables of their own.
#[derive(PartialEq)]
pub(super) struct VariantColumns<'a> {
    position: i64,
    sku: Option<&'a str>,
    title: &'a str,
    options: &'a [String],
    facts: &'a VariantFacts,
}

impl<'a> From<&'a Variant> for VariantColumns<'a> {
    fn from(variant: &'a Variant) -> Self {
        let Variant {
            id: _,
            sku,
            title,
            options,
            prices: _,
            facts,
            available: _,
            allow_backorder: _,
            position,
        } = variant;
        Self {
            position: *position,
            sku: sku.as_deref(),
            title,
            options,
            facts,
        }
    }
}

impl<'a> VariantColumns<'a> {
    /// The values of [`COLUMNS`], in the same sequence.
    pub(super) fn values(self) -> [Value<'a>; COLUMNS.len()] {
        let VariantFacts {
            barcode,
            weight_grams,
            hs_code,
        } = self.facts;
        [
            self.position.into(),
            self.sku.into(),
            self.title.into(),
            Value::from(&serde_json::json!(self.options)),
            barcode.as_deref().into(),
            (*weight_grams).into(),
            hs_code.as_deref().into(),
        ]
    }
}

/// The approximate size of a variant on a page, in bytes.
pub(super) fn bytes(variant: &Variant) -> usize {
    let text = |text: &Option<String>| text.as_ref().map_or(0, String::len);
    let VariantFacts {
        barcode,
        weight_grams: _,
        hs_code,
    } = &variant.facts;
    let options: usize = variant.options.iter().map(String::len).sum();
    BYTES + variant.title.len() + text(&variant.sku) + text(barcode) + text(hs_code) + options
}

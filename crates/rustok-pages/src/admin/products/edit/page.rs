//! The form of a product as it is shown.

use super::differ::Difference;
use super::errors::Faults;
use super::joined::Joined;
use super::typed::{Typed, TypedImage, TypedVariant};
use crate::admin::products::Offers;
use crate::parts::Pill;
use crate::respond::{PageResult, page_with};
use crate::view::View;
use askama::Template;
use http::StatusCode;
use rustok_commerce::product::Product;
use std::collections::HashMap;

/// A field of the matrix.
pub(super) struct Cell {
    pub(super) id: String,
    pub(super) name: &'static str,
    pub(super) label: String,
    pub(super) value: String,
    pub(super) inputmode: &'static str,
    pub(super) error: Option<String>,
}

/// What a row says of the stock.
pub(super) enum RowStock {
    /// A new variant: the field with the pieces that it starts with.
    Typed(Cell),
    /// Pieces of a variant that is there.
    Counted(i64),
    /// They are not counted.
    NotCounted,
}

/// A row of the matrix.
pub(super) struct RowView {
    pub(super) at: usize,
    pub(super) id: String,
    pub(super) label: String,
    pub(super) options: Vec<OptionCell>,
    pub(super) is_free: bool,
    pub(super) currency: String,
    pub(super) shown_currency: Option<String>,
    pub(super) sku: Cell,
    pub(super) price: Cell,
    pub(super) compare: Cell,
    pub(super) stock: RowStock,
    pub(super) may_backorder: bool,
    pub(super) allow_backorder: bool,
    pub(super) backorder_label: String,
    pub(super) backorder_error: Option<String>,
    pub(super) barcode: Cell,
    pub(super) weight: Cell,
    pub(super) hs: Cell,
    pub(super) is_deleted: bool,
    pub(super) deleted_label: String,
    pub(super) error: Option<String>,
}

/// The value of an option in a row.
pub(super) struct OptionCell {
    pub(super) name: String,
    pub(super) label: String,
    pub(super) value: String,
}

/// An option above the matrix.
pub(super) struct OptionView {
    pub(super) at: usize,
    pub(super) name: String,
    pub(super) values: Joined,
    pub(super) before: String,
    /// How the values are written; said once if it is the same for all.
    pub(super) hint: Option<String>,
    /// The ids of the hints; empty if there is none.
    pub(super) name_hint_id: &'static str,
    pub(super) values_hint_id: String,
    pub(super) name_error: Option<String>,
    pub(super) values_error: Option<String>,
}

/// A picture.
pub(super) struct ImageView {
    pub(super) at: usize,
    /// The id of its first field.
    pub(super) field: String,
    pub(super) id: String,
    pub(super) url: String,
    pub(super) alt: String,
    pub(super) name: String,
    pub(super) error: Option<String>,
    pub(super) is_first: bool,
    pub(super) is_last: bool,
    /// Whether its address may still be wrong.
    pub(super) is_new: bool,
}

/// A status that can be chosen.
pub(super) struct StatusChoice {
    pub(super) value: &'static str,
    pub(super) key: &'static str,
    pub(super) is_chosen: bool,
}

#[derive(Template)]
#[template(path = "admin/product.html")]
pub(super) struct ProductPage<'a> {
    v: &'a View,
    /// `None` for a product that is not there yet.
    id: Option<String>,
    seen: String,
    once: String,
    heading: String,
    pill: Option<Pill>,
    offers: Offers,
    can_save: bool,
    typed: &'a Typed,
    tags_hint: String,
    statuses: Vec<StatusChoice>,
    options: Vec<OptionView>,
    rows: Vec<RowView>,
    images: Vec<ImageView>,
    currency: &'a str,
    faults: &'a Faults,
    is_facts_open: bool,
    is_dirty: bool,
    said: Option<String>,
    conflict: Option<Vec<Difference>>,
    limit_reached: bool,
}

/// What there is to show.
pub(super) struct Shown<'a> {
    pub(super) view: &'a View,
    pub(super) product: Option<&'a Product>,
    pub(super) typed: &'a Typed,
    pub(super) faults: &'a Faults,
    pub(super) currency: &'a str,
    pub(super) seen: String,
    pub(super) once: String,
    /// Whether the form says something that is not saved.
    pub(super) is_dirty: bool,
    /// What the last step did.
    pub(super) said: Option<String>,
    pub(super) conflict: Option<Vec<Difference>>,
}

/// What a row is called; empty for the only one of a product without options.
pub(super) fn row_label(row: &TypedVariant) -> String {
    let values: Vec<&str> = row
        .options
        .iter()
        .map(String::as_str)
        .filter(|value| !value.is_empty())
        .collect();
    values.join(", ")
}

/// What a cell is called.
pub(super) fn cell_label(view: &View, column: &str, row: &str) -> String {
    let (key, alone) = match column {
        "sku" => ("cell-sku", "variant-sku"),
        "price" => ("cell-price", "variant-price"),
        "compare" => ("cell-compare", "variant-compare"),
        "available" => ("cell-available", "stock"),
        "barcode" => ("cell-barcode", "variant-barcode"),
        "weight" => ("cell-weight", "variant-weight"),
        "hs" => ("cell-hs", "variant-hs"),
        "backorder" => ("cell-backorder", "variant-backorder"),
        "deleted" => ("cell-deleted", "variant-remove"),
        _ => ("cell-options", "product-options"),
    };
    match row.is_empty() {
        true => view.t(alone).into_owned(),
        false => view.with(key, "row", row).into_owned(),
    }
}

/// The columns of the matrix.
const COLUMNS: [&str; 9] = [
    "sku",
    "price",
    "compare",
    "available",
    "barcode",
    "weight",
    "hs",
    "backorder",
    "deleted",
];

/// Stands for the name of a row, which has no such character.
const ROW: &str = "\u{1}";

/// The names of the cells, made once for all rows.
struct CellLabels(HashMap<&'static str, String>);

impl CellLabels {
    fn of(view: &View) -> Self {
        let labels = COLUMNS.into_iter();
        Self(
            labels
                .map(|column| (column, cell_label(view, column, ROW)))
                .collect(),
        )
    }

    fn label(&self, view: &View, column: &str, row: &str) -> String {
        match self.0.get(column) {
            Some(label) if !row.is_empty() => label.replace(ROW, row),
            _ => cell_label(view, column, row),
        }
    }
}

/// Makes the cells of one row.
struct Cells<'a> {
    shown: &'a Shown<'a>,
    labels: &'a CellLabels,
    at: usize,
    label: String,
}

impl Cells<'_> {
    fn error(&self, column: &str) -> Option<String> {
        let id = format!("f-variant-{}-{column}", self.at);
        self.shown.faults.at(&id).map(str::to_owned)
    }

    fn name(&self, column: &str) -> String {
        self.labels.label(self.shown.view, column, &self.label)
    }

    fn cell(&self, column: &str, name: &'static str, value: &str, inputmode: &'static str) -> Cell {
        Cell {
            id: format!("f-variant-{}-{column}", self.at),
            name,
            label: self.name(column),
            value: value.to_owned(),
            inputmode,
            error: self.error(column),
        }
    }
}

fn row(shown: &Shown<'_>, labels: &CellLabels, at: usize, typed: &TypedVariant) -> RowView {
    let label = row_label(typed);
    let cells = Cells {
        shown,
        labels,
        at,
        label: label.clone(),
    };
    let id = typed.id.parse().ok();
    let variants = shown.product.map_or(&[][..], |product| &product.variants);
    let stored = variants.iter().find(|variant| Some(variant.id) == id);
    let stock = match stored.map(|stored| stored.available) {
        Some(Some(pieces)) => RowStock::Counted(pieces),
        Some(None) => RowStock::NotCounted,
        None => RowStock::Typed(cells.cell("available", "variant-available", &typed.available, "numeric")),
    };
    let options = shown.typed.options.iter().enumerate();
    let options = options
        .take(shown.typed.used_options())
        .map(|(at, option)| OptionCell {
            name: format!("variant-option-{at}"),
            label: option.name.clone(),
            value: typed.options.get(at).cloned().unwrap_or_default(),
        });
    RowView {
        at,
        id: typed.id.clone(),
        options: options.collect(),
        is_free: typed.is_free,
        currency: typed.currency.clone(),
        shown_currency: Some(typed.currency.clone())
            .filter(|currency| !currency.is_empty() && currency != shown.currency),
        sku: cells.cell("sku", "variant-sku", &typed.sku, "text"),
        price: cells.cell("price", "variant-price", &typed.price, "decimal"),
        compare: cells.cell("compare", "variant-compare", &typed.compare_at, "decimal"),
        may_backorder: !matches!(stock, RowStock::NotCounted),
        stock,
        allow_backorder: typed.allow_backorder,
        backorder_label: cells.name("backorder"),
        backorder_error: cells.error("backorder"),
        barcode: cells.cell("barcode", "variant-barcode", &typed.barcode, "text"),
        weight: cells.cell("weight", "variant-weight", &typed.weight, "numeric"),
        hs: cells.cell("hs", "variant-hs", &typed.hs_code, "numeric"),
        is_deleted: typed.deleted,
        deleted_label: cells.name("deleted"),
        error: cells.error("options"),
        label: match label.is_empty() {
            true => shown.view.t("variant-only").into_owned(),
            false => label,
        },
    }
}

fn options(shown: &Shown<'_>) -> Vec<OptionView> {
    let used = shown.typed.used_options();
    let error = |id: String| shown.faults.at(&id).map(str::to_owned);
    let options = shown.typed.options.iter().enumerate();
    // Those that are there, and a blank one.
    options
        .take(used + 1)
        .map(|(at, option)| OptionView {
            at,
            name: option.name.clone(),
            hint: (at == 0 || option.values.separator != ',')
                .then(|| separated(shown.view, option.values.separator)),
            name_hint_id: if at == 0 { "f-option-0-h" } else { "" },
            values_hint_id: match at == 0 || option.values.separator != ',' {
                true => format!("f-values-{at}-h"),
                false => String::new(),
            },
            values: option.values.clone(),
            before: option.before.clone(),
            name_error: error(format!("f-option-{at}")),
            values_error: error(format!("f-values-{at}")),
        })
        .collect()
}

/// How several texts are written in one field.
fn separated(view: &View, separator: char) -> String {
    match separator {
        ',' => view.t("separate-with-commas").into_owned(),
        other => view
            .with("separate-with", "separator", &other.to_string())
            .into_owned(),
    }
}

fn images(shown: &Shown<'_>) -> Vec<ImageView> {
    let count = shown.typed.images.len();
    let images = shown.typed.images.iter().enumerate();
    let image = |(at, image): (usize, &TypedImage)| ImageView {
        at,
        field: format!("f-image-{at}"),
        id: image.id.clone(),
        url: image.url.clone(),
        alt: image.alt.clone(),
        name: match image.alt.trim().is_empty() {
            true => shown
                .view
                .with("image-number", "number", &(at + 1).to_string())
                .into_owned(),
            false => image.alt.clone(),
        },
        error: shown.faults.at(&format!("f-image-{at}")).map(str::to_owned),
        is_first: at == 0,
        is_last: at + 1 == count,
        is_new: image.id.is_empty(),
    };
    images.map(image).collect()
}

fn statuses(chosen: &str) -> Vec<StatusChoice> {
    let choice = |(value, key)| StatusChoice {
        value,
        key,
        is_chosen: value == chosen,
    };
    [
        ("active", "status-active"),
        ("draft", "status-draft"),
        ("archived", "status-archived"),
    ]
    .into_iter()
    .map(choice)
    .collect()
}

/// Shows the form.
pub(super) fn render(status: StatusCode, shown: Shown<'_>) -> PageResult {
    let view = shown.view;
    let offers = Offers::of(view);
    let rows = shown.typed.variants.iter().enumerate();
    let labels = CellLabels::of(view);
    let rows: Vec<RowView> = rows.map(|(at, typed)| row(&shown, &labels, at, typed)).collect();
    let template = ProductPage {
        id: shown.product.map(|product| product.id.to_string()),
        heading: match shown.product {
            Some(product) => product.title.clone(),
            None => view.t("product-new").into_owned(),
        },
        pill: shown.product.map(|product| Pill::of_product(product.status)),
        offers,
        can_save: match shown.product {
            Some(_) => offers.update,
            None => offers.create,
        },
        tags_hint: separated(view, shown.typed.tags.separator),
        statuses: statuses(&shown.typed.status),
        options: options(&shown),
        images: images(&shown),
        is_facts_open: shown.faults.is_within(&["-barcode", "-weight", "-hs"]),
        limit_reached: rows.len() >= rustok_commerce::product::MAX_VARIANTS,
        rows,
        typed: shown.typed,
        currency: shown.currency,
        faults: shown.faults,
        is_dirty: shown.is_dirty,
        said: shown.said,
        conflict: shown.conflict,
        seen: shown.seen,
        once: shown.once,
        v: view,
    };
    page_with(status, view, &template)
}

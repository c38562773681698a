//! What is wrong with a product, at the fields of its form.

use super::page::{cell_label, row_label};
use super::typed::Typed;
use crate::view::View;
use rustok_core::error::{FieldViolation, RichError};
use std::borrow::Cow;

/// One error.
#[derive(Debug, Clone)]
pub(super) struct Fault {
    /// The id of the field.
    pub(super) id: String,
    /// What the field is called.
    pub(super) label: String,
    /// What to do.
    pub(super) message: String,
}

/// Why the product was not saved.
#[derive(Debug, Clone, Default)]
pub(super) struct Faults {
    /// The errors, each at its field.
    pub(super) all: Vec<Fault>,
    /// What went wrong with the whole.
    pub(super) problem: Option<String>,
}

impl Faults {
    pub(super) fn of_refusal(view: &View, typed: &Typed, refusal: &RichError) -> Self {
        let all = refusal.violations();
        Self {
            all: all
                .iter()
                .map(|violation| fault(view, typed, violation))
                .collect(),
            problem: all
                .is_empty()
                .then(|| view.words.problem(&refusal.to_response()).into_owned()),
        }
    }

    pub(super) fn of_violations(view: &View, typed: &Typed, found: &[FieldViolation]) -> Self {
        Self {
            all: found
                .iter()
                .map(|violation| fault(view, typed, violation))
                .collect(),
            problem: None,
        }
    }

    pub(super) fn one(view: &View, typed: &Typed, pointer: String, message: Cow<'static, str>) -> Self {
        let (id, label) = place(view, typed, &pointer);
        let message = message.into_owned();
        Self {
            all: vec![Fault { id, label, message }],
            problem: None,
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.all.is_empty() && self.problem.is_none()
    }

    /// What is wrong with the field that has this id.
    pub(super) fn at(&self, id: &str) -> Option<&str> {
        let fault = self.all.iter().find(|fault| fault.id == id)?;
        Some(&fault.message)
    }

    /// Whether a field whose id ends like this is wrong.
    pub(super) fn is_within(&self, ends: &[&str]) -> bool {
        self.all
            .iter()
            .any(|fault| ends.iter().any(|end| fault.id.ends_with(end)))
    }
}

fn fault(view: &View, typed: &Typed, violation: &FieldViolation) -> Fault {
    let (id, label) = place(view, typed, &violation.pointer);
    let is_missing = match violation.pointer.trim_start_matches("#/") {
        "title" => typed.title.trim().is_empty(),
        pointer => is_blank_option(typed, pointer),
    };
    let message = match is_missing {
        true => view.t("field-required"),
        false => view.words.violation(violation),
    };
    Fault {
        id,
        label,
        message: message.into_owned(),
    }
}

/// Whether a pointer is about an option without a name, or a row without a value of one.
fn is_blank_option(typed: &Typed, pointer: &str) -> bool {
    let number = |text: &str| text.parse::<usize>().ok();
    let text = match pointer.split('/').collect::<Vec<_>>().as_slice() {
        ["options", at] => number(at).and_then(|at| Some(&typed.options.get(at)?.name)),
        ["variants", row, "options", at] => number(row)
            .zip(number(at))
            .and_then(|(row, at)| typed.variants.get(row)?.options.get(at)),
        _ => None,
    };
    text.is_some_and(|text| text.trim().is_empty())
}

/// The id and the name of the field that a pointer is about.
fn place(view: &View, typed: &Typed, pointer: &str) -> (String, String) {
    let parts: Vec<&str> = pointer.trim_start_matches("#/").split('/').collect();
    let plain = |id: &str, key: &str| (format!("f-{id}"), view.t(key).into_owned());
    match parts.as_slice() {
        ["title"] => plain("title", "product-title"),
        ["description_html"] => plain("description", "product-description"),
        ["handle"] => plain("handle", "product-handle"),
        ["status"] => plain("status", "status"),
        ["vendor"] => plain("vendor", "product-vendor"),
        ["type"] => plain("type", "product-type"),
        ["tags", ..] => plain("tags", "product-tags"),
        ["options", at, "values"] => plain(&format!("values-{at}"), "option-values"),
        ["options", at] => plain(&format!("option-{at}"), "option"),
        ["options"] => plain("option-0", "product-options"),
        ["images", at, ..] => {
            let number = at.parse().map_or(1, |at: usize| at + 1).to_string();
            let label = view.with("image-number", "number", &number).into_owned();
            (format!("f-image-{at}"), label)
        }
        ["variants", at, member, ..] => {
            let row = at.parse().ok().and_then(|at: usize| typed.variants.get(at));
            let row = row.map(row_label).unwrap_or_default();
            let column = match *member {
                "compare_at_price" => "compare",
                "weight_grams" => "weight",
                "hs_code" => "hs",
                "allow_backorder" => "backorder",
                "sku" | "price" | "available" | "barcode" => member,
                _ => "options",
            };
            (format!("f-variant-{at}-{column}"), cell_label(view, column, &row))
        }
        _ => plain("variants", "variants"),
    }
}

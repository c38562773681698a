//! Another version of a product was saved while a form was open: what differs, and how the form goes on.

use super::page::{cell_label, row_label};
use super::typed::{Typed, TypedImage, TypedVariant};
use crate::view::View;

/// A field that the two versions say differently.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Difference {
    pub(super) label: String,
    pub(super) theirs: String,
    pub(super) mine: String,
}

/// What the form says otherwise than the product as it is now.
pub(super) fn differences(view: &View, theirs: &Typed, mine: &Typed) -> Vec<Difference> {
    let mut found = Vec::new();
    let mut compare = |label: String, theirs: &str, mine: &str| {
        if theirs.trim() != mine.trim() {
            found.push(Difference {
                label,
                theirs: theirs.to_owned(),
                mine: mine.to_owned(),
            });
        }
    };
    let name = |key: &str| view.t(key).into_owned();
    compare(name("product-title"), &theirs.title, &mine.title);
    compare(
        name("product-description"),
        &theirs.description,
        &mine.description,
    );
    compare(name("status"), &theirs.status, &mine.status);
    compare(name("product-type"), &theirs.kind, &mine.kind);
    compare(name("product-vendor"), &theirs.vendor, &mine.vendor);
    compare(
        name("product-tags"),
        &theirs.tags.parts().join(", "),
        &mine.tags.parts().join(", "),
    );
    compare(name("product-handle"), &theirs.handle, &mine.handle);
    let options = |typed: &Typed| {
        let names = typed.options.iter().map(|option| option.name.trim());
        names
            .filter(|name| !name.is_empty())
            .collect::<Vec<_>>()
            .join(", ")
    };
    compare(name("product-options"), &options(theirs), &options(mine));
    let pictures = |images: &[TypedImage]| {
        let lines = images.iter().map(|image| format!("{} {}", image.url, image.alt));
        lines.collect::<Vec<_>>().join("\n")
    };
    compare(
        name("product-pictures"),
        &pictures(&theirs.images),
        &pictures(&mine.images),
    );
    for row in &mine.variants {
        let Some(other) = theirs.variants.iter().find(|other| other.id == row.id) else {
            compare(row_label(row), &view.t("conflict-row-missing"), &row_label(row));
            continue;
        };
        let label = row_label(row);
        for (column, theirs, mine) in cells(other, row) {
            compare(cell_label(view, column, &label), theirs, mine);
        }
    }
    for row in &theirs.variants {
        if !mine.variants.iter().any(|other| other.id == row.id) {
            let label = row_label(row);
            compare(label.clone(), &label, &view.t("conflict-row-missing"));
        }
    }
    found
}

/// The cells of two rows side by side.
fn cells<'a>(theirs: &'a TypedVariant, mine: &'a TypedVariant) -> [(&'static str, &'a str, &'a str); 7] {
    let tick = |row: &TypedVariant| if row.allow_backorder { "✓" } else { "" };
    [
        ("sku", &theirs.sku, &mine.sku),
        ("price", &theirs.price, &mine.price),
        ("compare", &theirs.compare_at, &mine.compare_at),
        ("barcode", &theirs.barcode, &mine.barcode),
        ("weight", &theirs.weight, &mine.weight),
        ("hs", &theirs.hs_code, &mine.hs_code),
        ("backorder", tick(theirs), tick(mine)),
    ]
}

/// Makes the form one of the version that is there now: rows and pictures that have gone are new again, and those that
/// came are added, so that nothing is deleted that the form never showed.
pub(super) fn rebase(mine: &mut Typed, theirs: &Typed) {
    let options = theirs.options.iter().filter(|option| !option.is_blank()).count();
    for row in &mut mine.variants {
        if !theirs.variants.iter().any(|other| other.id == row.id) {
            row.id.clear();
        }
    }
    for row in &theirs.variants {
        let is_there = mine.variants.iter().any(|other| other.id == row.id);
        if !is_there {
            let mut row = row.clone();
            row.is_free = options != mine.options.iter().filter(|option| !option.is_blank()).count();
            mine.variants.push(row);
        }
    }
    for image in &mut mine.images {
        if !theirs.images.iter().any(|other| other.id == image.id) {
            image.id.clear();
        }
    }
    for image in &theirs.images {
        if !mine.images.iter().any(|other| other.id == image.id) {
            mine.images.push(image.clone());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(id: &str, price: &str) -> TypedVariant {
        TypedVariant {
            id: id.to_owned(),
            price: price.to_owned(),
            ..TypedVariant::default()
        }
    }

    fn picture(id: &str) -> TypedImage {
        TypedImage {
            id: id.to_owned(),
            url: format!("https://example.com/{id}"),
            alt: String::new(),
        }
    }

    #[test]
    fn a_form_goes_on_with_all_rows_of_the_other_version() {
        let theirs = Typed {
            variants: vec![row("1", "5"), row("3", "7")],
            images: vec![picture("a"), picture("c")],
            ..Typed::default()
        };
        let mut mine = Typed {
            variants: vec![row("1", "6"), row("2", "8")],
            images: vec![picture("b"), picture("a")],
            ..Typed::default()
        };
        rebase(&mut mine, &theirs);
        let rows: Vec<_> = mine
            .variants
            .iter()
            .map(|row| (row.id.as_str(), row.price.as_str()))
            .collect();
        assert_eq!(rows, [("1", "6"), ("", "8"), ("3", "7")]);
        let images: Vec<_> = mine.images.iter().map(|image| image.id.as_str()).collect();
        assert_eq!(images, ["", "a", "c"]);
    }
}

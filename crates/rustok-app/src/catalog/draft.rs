//! Turns input into a valid product draft: sanitises HTML and checks all fields, reporting all errors at once.

use super::refused;
use crate::heavy::heavy;
use rustok_commerce::product::{MAX_IMAGES, MAX_LISTED_VARIANTS, Product, ProductDraft, ProductInput};
use rustok_commerce::variant::{Variant, VariantInput};
use rustok_core::error::{FieldViolation, RichError};
use rustok_text::body::{BodyError, Removed, sanitise_html};

/// A validated product draft with safe HTML. Only [`check`] makes one, and only it can be written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CheckedDraft {
    pub(super) draft: ProductDraft,
    /// Whether the handle was given; a handle that was made from the title is numbered if it is taken.
    pub(super) handle_given: bool,
    /// What the sanitiser removed from the description.
    pub(super) removed: Removed,
}

impl CheckedDraft {
    /// The validated draft.
    #[must_use]
    pub fn draft(&self) -> &ProductDraft {
        &self.draft
    }

    /// What the sanitiser removed from the description.
    #[must_use]
    pub fn removed(&self) -> &Removed {
        &self.removed
    }
}

/// Sanitises the description and checks all fields.
///
/// # Errors
/// All violations at once.
pub fn check(mut input: ProductInput) -> Result<CheckedDraft, Vec<FieldViolation>> {
    let handle_given = input.handle.is_some();
    let unsafe_html = std::mem::take(&mut input.description_html);
    let html = heavy(unsafe_html.len(), || sanitise_html(&unsafe_html)).map_err(unfit_html);
    let mut found = Vec::new();
    let mut removed = Removed::default();
    match html {
        Ok(clean) => (input.description_html, removed) = (clean.html, clean.removed),
        Err(violation) => found.push(violation),
    }
    match input.validate() {
        Ok(draft) if found.is_empty() => Ok(CheckedDraft {
            draft,
            handle_given,
            removed,
        }),
        Ok(_) => Err(found),
        Err(others) => {
            found.extend(others);
            Err(found)
        }
    }
}

fn unfit_html(error: BodyError) -> FieldViolation {
    let detail = match error {
        // The length limit in the error of a body differs from that of a description.
        BodyError::TooLong => "is too long".to_owned(),
        other => other.to_string(),
    };
    FieldViolation::new("#/description_html", error.code(), detail)
}

/// As [`check`]; also checks that all ids in the input belong to `before` and that stock is unchanged.
pub(super) fn check_against(
    input: ProductInput,
    before: Option<&Product>,
) -> Result<CheckedDraft, Vec<FieldViolation>> {
    let mut found = Vec::new();
    let variants = before.map_or(&[][..], |before| &before.variants);
    for (at, variant) in input.variants.iter().take(MAX_LISTED_VARIANTS).enumerate() {
        if let Err((member, code, detail)) = check_variant(variant, variants) {
            found.push(FieldViolation::new(
                format!("#/variants/{at}/{member}"),
                code,
                detail,
            ));
        }
    }
    for (at, image) in input.images.iter().take(MAX_IMAGES).enumerate() {
        let known = |id| before.is_some_and(|before| before.images.iter().any(|image| image.id == id));
        if image.id.is_some_and(|id| !known(id)) {
            let detail = "is not an image of this product";
            found.push(FieldViolation::new(
                format!("#/images/{at}/id"),
                "unknown_id",
                detail,
            ));
        }
    }
    match check(input) {
        Ok(draft) if found.is_empty() => Ok(draft),
        Ok(_) => Err(found),
        Err(mut all) => {
            all.extend(found);
            Err(all)
        }
    }
}

type Fault = (&'static str, &'static str, &'static str);

/// Checks that the variant is known and does not change stock, which has its own endpoint.
fn check_variant(variant: &VariantInput, known: &[Variant]) -> Result<(), Fault> {
    let not_tracked = (
        "allow_backorder",
        "not_tracked",
        "cannot be set while stock is not tracked; set the stock first",
    );
    let Some(id) = variant.id else {
        if variant.deleted {
            return Err(("deleted", "unknown_variant", "names no variant of this product"));
        }
        let untracked = variant.available.is_none() && variant.allow_backorder;
        return if untracked { Err(not_tracked) } else { Ok(()) };
    };
    let Some(stored) = known.iter().find(|stored| stored.id == id) else {
        return Err(("id", "unknown_id", "is not a variant of this product"));
    };
    if variant.deleted {
        return Ok(());
    }
    if variant.available != stored.available {
        return Err((
            "available",
            "read_only",
            "is set by PUT /variants/{id}/stock; leave it out here",
        ));
    }
    match stored.available {
        None if variant.allow_backorder => Err(not_tracked),
        Some(available) if available < 0 && !variant.allow_backorder => Err((
            "allow_backorder",
            "pieces_owed",
            "cannot end while pieces are owed",
        )),
        _ => Ok(()),
    }
}

/// Checks the input for a new product.
pub(super) fn check_new(input: ProductInput) -> Result<CheckedDraft, RichError> {
    check_against(input, None).map_err(refused)
}

//! Which locale is meant: the one that was named, or the tenant's.

use crate::context::Ctx;
use rustok_content::FieldError;
use rustok_core::error::{ErrorKind, RichError};
use rustok_text::Locale;

/// The tenant's default locale, cut to what a translation can be in: `de-CH-1996` → `de-CH`.
///
/// # Errors
/// `internal` when the setting is a tag of another sort, which the check of settings should have refused.
pub fn default_locale(ctx: &Ctx) -> Result<Locale, RichError> {
    let tag = &ctx.tenant.settings.default_locale;
    let cut = Locale::from_accept_language(tag).into_iter().next();
    cut.ok_or_else(|| {
        RichError::new(
            ErrorKind::Internal,
            format!("the tenant's default locale is `{tag}`"),
        )
    })
}

/// Reads a locale that stands at `field` of the request.
///
/// # Errors
/// A violation at `field`.
pub fn parse_locale(field: &str, tag: &str) -> Result<Locale, FieldError> {
    Locale::parse(tag).map_err(|error| FieldError::new(field, "invalid_locale", error.to_string()))
}

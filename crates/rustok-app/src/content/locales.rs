//! Locales: the tenant's default, its list, and locales named in requests.

use crate::context::Ctx;
use rustok_content::FieldError;
use rustok_core::error::{ErrorKind, RichError};
use rustok_text::Locale;
use rustok_text::locale::Preference;

/// The tenant's default locale, reduced to the form of a translation's locale: `de-CH-1996` → `de-CH`.
///
/// # Errors
/// `internal` if the setting is not such a tag, which the validation of settings should have rejected.
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

/// Parses a locale in the field `field` of the request.
///
/// # Errors
/// A violation at `field`.
pub fn parse_locale(field: &str, tag: &str) -> Result<Locale, FieldError> {
    Locale::parse(tag).map_err(|error| FieldError::new(field, "invalid_locale", error.to_string()))
}

/// The tenant's locales; empty means all.
#[must_use]
pub fn listed_locales(ctx: &Ctx) -> Vec<Locale> {
    let tags = ctx.tenant.settings.locales.iter();
    tags.filter_map(|tag| Locale::parse(tag).ok()).collect()
}

/// Checks that the tenant has this locale; `field` is its place in the request.
///
/// # Errors
/// A violation at `field`.
pub fn check_listed(ctx: &Ctx, field: &str, locale: Locale) -> Result<(), FieldError> {
    let listed = listed_locales(ctx);
    if listed.is_empty() || listed.contains(&locale) {
        return Ok(());
    }
    let tags: Vec<&str> = listed.iter().map(Locale::as_str).collect();
    let rule = format!("must be one of this tenant's locales: {}", tags.join(", "));
    Err(FieldError::new(field, "locale_not_listed", rule))
}

/// The wanted locales, with the tenant's default as the fallback.
///
/// # Errors
/// As [`default_locale`].
pub fn preference<'a>(ctx: &Ctx, wanted: &'a [Locale]) -> Result<Preference<'a>, RichError> {
    Ok(Preference {
        wanted,
        default: default_locale(ctx)?,
    })
}

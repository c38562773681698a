//! Which locale is meant: the one that was named, or the tenant's; and which ones the tenant has.

use crate::context::Ctx;
use rustok_content::FieldError;
use rustok_core::error::{ErrorKind, RichError};
use rustok_text::Locale;
use rustok_text::locale::Preference;

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

/// The locales that the tenant has; every one, if there are none.
#[must_use]
pub fn listed_locales(ctx: &Ctx) -> Vec<Locale> {
    let tags = ctx.tenant.settings.locales.iter();
    tags.filter_map(|tag| Locale::parse(tag).ok()).collect()
}

/// Refuses a locale that the tenant has not; `field` is where it stands in the request.
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

/// What is wanted, and the tenant's default where nothing of it is there.
///
/// # Errors
/// As [`default_locale`].
pub fn preference<'a>(ctx: &Ctx, wanted: &'a [Locale]) -> Result<Preference<'a>, RichError> {
    Ok(Preference {
        wanted,
        default: default_locale(ctx)?,
    })
}

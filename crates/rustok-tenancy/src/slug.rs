//! A tenant's slug: its short name in hostnames, on the command line and in `X-Tenant-ID`.
//!
//! A slug must never be mistaken for something else: a UUID, a hostname in another script, or a name that belongs to
//! the platform.

use crate::error::IdentifierError;
use crate::host::{MAX_LABEL_BYTES, is_label};
use arrayvec::ArrayString;
use std::fmt;
use uuid::Uuid;
use uuid::fmt::Simple;

/// The minimum length, in bytes.
pub const MIN_SLUG_BYTES: usize = 3;

/// The maximum length, in bytes: it has to fit into one DNS label.
pub const MAX_SLUG_BYTES: usize = MAX_LABEL_BYTES;

const TOO_LONG: IdentifierError = IdentifierError::TooLong {
    max_bytes: MAX_SLUG_BYTES,
};

/// Whether a name belongs to the platform or looks like it does. Pattern matching instead of a table, since every
/// request checks it.
#[rustfmt::skip]
fn is_reserved(slug: &str) -> bool {
    matches!(
        slug,
        "abuse" | "account" | "accounts" | "admin" | "administrator" | "anonymous" | "api" | "assets" |
        "auth" | "autoconfig" | "autodiscover" | "billing" | "cdn" | "dashboard" | "ftp" | "health" |
        "hostmaster" | "imap" | "internal" | "livez" | "localhost" | "login" | "mail" | "metrics" |
        "mta-sts" | "null" | "platform" | "pop" | "postmaster" | "problems" | "readyz" | "root" | "rustok" |
        "security" | "smtp" | "static" | "status" | "support" | "system" | "tenant" | "undefined" |
        "webmaster" | "wpad" | "www"
    )
}

/// A tenant's slug: 3 to 63 of `[a-z0-9-]` without a hyphen at an edge, not reserved and not a UUID.
///
/// The text is stored inline, as in a [`Hostname`](crate::Hostname).
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct TenantSlug(ArrayString<MAX_SLUG_BYTES>);

impl TenantSlug {
    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    pub(crate) fn parse(raw: &str) -> Result<Self, IdentifierError> {
        if raw.is_empty() {
            return Err(IdentifierError::Empty);
        }
        let mut slug = ArrayString::<MAX_SLUG_BYTES>::from(raw).map_err(|_| TOO_LONG)?;
        slug.make_ascii_lowercase();
        if !is_label(&slug) {
            return Err(IdentifierError::InvalidSlug);
        }
        Self::from_label(&slug)
    }

    /// Validates a text that is already a label in canonical form.
    pub(crate) fn from_label(label: &str) -> Result<Self, IdentifierError> {
        // `xn--` would make the slug's hostname an internationalised name, which can imitate another one.
        if label.len() < MIN_SLUG_BYTES || label.starts_with("xn--") {
            return Err(IdentifierError::InvalidSlug);
        }
        if is_reserved(label) {
            return Err(IdentifierError::ReservedSlug);
        }
        // Includes the form without hyphens, which is the shortest: `slug_or_id` must be unambiguous.
        if label.len() >= Simple::LENGTH && Uuid::try_parse(label).is_ok() {
            return Err(IdentifierError::UuidAsSlug);
        }
        ArrayString::from(label).map(Self).map_err(|_| TOO_LONG)
    }
}

impl fmt::Display for TenantSlug {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const UUID: &str = "018f4e6a-7b1c-7def-8abc-0123456789ab";

    #[test]
    fn names_of_the_platform_are_reserved() {
        for slug in [
            "www",
            "api",
            "admin",
            "platform",
            "localhost",
            "mail",
            "root",
            "status",
            "null",
            "rustok",
            "mta-sts",
        ] {
            assert_eq!(TenantSlug::parse(slug), Err(IdentifierError::ReservedSlug));
            assert_eq!(
                TenantSlug::parse(&slug.to_uppercase()),
                Err(IdentifierError::ReservedSlug)
            );
            assert!(TenantSlug::parse(&format!("{slug}1")).is_ok());
        }
    }

    #[test]
    fn slugs_follow_the_rules() {
        for slug in ["demo", "a-b", "123", "shop1", "a--b", &"a".repeat(63)] {
            assert_eq!(TenantSlug::parse(slug).unwrap().as_str(), slug);
        }
        assert_eq!(TenantSlug::parse("DeMo"), TenantSlug::parse("demo"));
        for slug in [
            "ab",
            "-ab",
            "ab-",
            "a_b",
            "a.b",
            "a b",
            " abc",
            "abc ",
            "ünï",
            "Ünï",
            "xn--bcher-kva",
            "XN--abc",
        ] {
            assert_eq!(
                TenantSlug::parse(slug),
                Err(IdentifierError::InvalidSlug),
                "{slug}"
            );
        }
        assert_eq!(TenantSlug::parse(""), Err(IdentifierError::Empty));
        assert_eq!(
            TenantSlug::parse(&"a".repeat(64)),
            Err(IdentifierError::TooLong { max_bytes: 63 })
        );
    }

    #[test]
    fn what_parses_as_a_uuid_is_never_a_slug() {
        for slug in [UUID, &UUID.replace('-', ""), &UUID.to_uppercase()] {
            assert_eq!(TenantSlug::parse(slug), Err(IdentifierError::UuidAsSlug));
        }
    }
}

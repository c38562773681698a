//! The errors of tenant resolution and of the directory, and how each maps to kind, code and public text.
//!
//! A public text never repeats the caller's input and never reveals a tenant that the caller did not name.

use rustok_core::error::{ErrorKind, FieldViolation, RichError};
use std::time::Duration;
use thiserror::Error;

/// Why a text is not an identifier. The message is public.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum IdentifierError {
    /// The text is empty.
    #[error("must not be empty")]
    Empty,
    /// Longer than any identifier of its kind.
    #[error("must have at most {max_bytes} bytes")]
    TooLong {
        /// The limit that was exceeded.
        max_bytes: usize,
    },
    /// The text after the colon is not a port.
    #[error("the port must be a number from 0 to 65535")]
    InvalidPort,
    /// Not a hostname.
    #[error("must be a hostname")]
    InvalidHost,
    /// An IP address where only names are allowed.
    #[error("must be a hostname, not an IP address")]
    IpLiteral,
    /// Not a slug.
    #[error("must be 3 to 63 letters a to z, digits and hyphens, without a hyphen at an edge")]
    InvalidSlug,
    /// A slug reserved for the platform.
    #[error("is reserved")]
    ReservedSlug,
    /// A slug that could be taken for a UUID.
    #[error("must not look like a UUID")]
    UuidAsSlug,
    /// Not a UUID.
    #[error("must be a UUID")]
    InvalidUuid,
    /// A custom host that has the form of a tenant's default host.
    #[error("names below the base domain belong to slugs")]
    BelowBaseDomain,
}

impl IdentifierError {
    /// The stable code of a violation in a validation problem.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::Empty => "required",
            Self::TooLong { .. } => "too_long",
            Self::InvalidPort => "invalid_port",
            Self::InvalidHost => "invalid_host",
            Self::IpLiteral => "ip_literal",
            Self::InvalidSlug => "invalid_slug",
            Self::ReservedSlug => "reserved_slug",
            Self::UuidAsSlug => "uuid_as_slug",
            Self::InvalidUuid => "invalid_uuid",
            Self::BelowBaseDomain => "below_base_domain",
        }
    }
}

/// Why a tenant cannot be resolved, or why the directory refused a change.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum TenantError {
    /// No tenant has that identifier. A regular result, not a failure: it never counts towards the circuit breaker.
    #[error("no tenant has this identifier")]
    NotFound,
    /// The tenant is suspended.
    #[error("the tenant is suspended")]
    Suspended,
    /// The directory is unavailable.
    #[error("the tenant directory is unavailable, retry after {} ms", retry_after.as_millis())]
    Unavailable {
        /// When to retry.
        retry_after: Duration,
    },
    /// The client requested too many unknown tenants; this one was not looked up.
    #[error("too many unknown tenant identifiers, retry after {} ms", retry_after.as_millis())]
    TooManyUnknown {
        /// When the client may request the next one.
        retry_after: Duration,
    },
    /// The tenant's name in the request is not a valid identifier.
    #[error("invalid tenant identifier: {0}")]
    InvalidIdentifier(#[from] IdentifierError),
    /// Two parts of one request name different tenants.
    #[error("the names in the request lead to different tenants")]
    IdentifierMismatch,
    /// The input to create or change a tenant is invalid.
    #[error("the tenant is not valid: {} violation(s)", .0.len())]
    Invalid(Vec<FieldViolation>),
    /// Another tenant has that slug.
    #[error("the slug is taken")]
    SlugTaken,
    /// Another tenant, or this one, has that host.
    #[error("the host is taken")]
    HostTaken,
    /// The tenant does not have that host.
    #[error("the tenant has no such host")]
    HostNotFound,
    /// The tenant was changed since the caller read it.
    #[error("the tenant has version {current_version} by now")]
    VersionConflict {
        /// The stored version.
        current_version: i64,
    },
    /// A row of the directory is inconsistent. The text is internal.
    #[error("inconsistent tenant row: {0}")]
    Inconsistent(String),
}

impl TenantError {
    const fn kind(&self) -> ErrorKind {
        match self {
            Self::NotFound | Self::HostNotFound => ErrorKind::NotFound,
            Self::Suspended => ErrorKind::Forbidden,
            Self::Unavailable { .. } => ErrorKind::Unavailable,
            Self::TooManyUnknown { .. } => ErrorKind::RateLimited,
            Self::InvalidIdentifier(_) | Self::IdentifierMismatch | Self::Invalid(_) => ErrorKind::Validation,
            Self::SlugTaken | Self::HostTaken | Self::VersionConflict { .. } => ErrorKind::Conflict,
            Self::Inconsistent(_) => ErrorKind::Internal,
        }
    }
}

impl From<TenantError> for RichError {
    #[track_caller]
    fn from(error: TenantError) -> Self {
        let rich = Self::new(error.kind(), error.to_string());
        match error {
            TenantError::NotFound => rich
                .with_code("tenant_not_found")
                .with_public("There is no shop or site at this address."),
            TenantError::Suspended => rich
                .with_code("tenant_suspended")
                .with_public("This shop or site is suspended."),
            TenantError::Unavailable { retry_after } => rich
                .with_code("tenant_unavailable")
                .with_public("The tenant directory cannot be reached at the moment. Try again later.")
                .with_retry_after(retry_after),
            TenantError::TooManyUnknown { retry_after } => rich
                .with_code("rate_limited")
                .with_public("Too many addresses were asked for that no shop or site has. Try again later.")
                .with_retry_after(retry_after),
            // A malformed tenant identifier is not an error in a field: 400, not 422.
            TenantError::InvalidIdentifier(reason) => rich
                .with_status(400)
                .with_code("invalid_tenant_identifier")
                .with_public(format!("The request does not name a tenant: {reason}.")),
            TenantError::IdentifierMismatch => rich
                .with_status(400)
                .with_code("tenant_identifier_mismatch")
                .with_public("The names in the request lead to different tenants."),
            TenantError::Invalid(violations) => rich
                .with_public("The tenant is not valid.")
                .with_violations(violations),
            TenantError::SlugTaken => rich.with_code("slug_taken").with_public("The slug is taken."),
            TenantError::HostTaken => rich.with_code("host_taken").with_public("The host is taken."),
            TenantError::HostNotFound => rich
                .with_code("host_not_found")
                .with_public("The tenant does not have this host."),
            TenantError::VersionConflict { current_version } => rich
                .with_code("version_conflict")
                .with_public("The tenant was changed meanwhile. Read it again.")
                .with_extension("current_version", current_version),
            TenantError::Inconsistent(_) => rich,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every variant with its expected result, written by hand.
    fn expected() -> Vec<(TenantError, ErrorKind, u16, &'static str)> {
        let violation = FieldViolation::new("slug", "invalid_slug", "is wrong");
        let retry_after = Duration::from_secs(3);
        vec![
            (
                TenantError::NotFound,
                ErrorKind::NotFound,
                404,
                "tenant_not_found",
            ),
            (
                TenantError::Suspended,
                ErrorKind::Forbidden,
                403,
                "tenant_suspended",
            ),
            (
                TenantError::Unavailable { retry_after },
                ErrorKind::Unavailable,
                503,
                "tenant_unavailable",
            ),
            (
                TenantError::TooManyUnknown { retry_after },
                ErrorKind::RateLimited,
                429,
                "rate_limited",
            ),
            (
                IdentifierError::IpLiteral.into(),
                ErrorKind::Validation,
                400,
                "invalid_tenant_identifier",
            ),
            (
                TenantError::IdentifierMismatch,
                ErrorKind::Validation,
                400,
                "tenant_identifier_mismatch",
            ),
            (
                TenantError::Invalid(vec![violation]),
                ErrorKind::Validation,
                422,
                "validation_failed",
            ),
            (TenantError::SlugTaken, ErrorKind::Conflict, 409, "slug_taken"),
            (TenantError::HostTaken, ErrorKind::Conflict, 409, "host_taken"),
            (
                TenantError::HostNotFound,
                ErrorKind::NotFound,
                404,
                "host_not_found",
            ),
            (
                TenantError::VersionConflict { current_version: 4 },
                ErrorKind::Conflict,
                409,
                "version_conflict",
            ),
        ]
    }

    #[test]
    fn each_variant_has_its_kind_status_and_code() {
        for (error, kind, status, code) in expected() {
            let rich = RichError::from(error.clone());
            assert_eq!(
                (rich.kind(), rich.status(), rich.code()),
                (kind, status, code),
                "{error:?}"
            );
            assert!(
                rich.public_message().is_some_and(|text| !text.is_empty()),
                "{error:?}"
            );
        }
    }

    #[test]
    fn what_the_caller_needs_travels_with_it() {
        let retry_after = Duration::from_secs(3);
        for error in [
            TenantError::Unavailable { retry_after },
            TenantError::TooManyUnknown { retry_after },
        ] {
            assert_eq!(RichError::from(error).retry_after(), Some(retry_after));
        }
        let violation = FieldViolation::new("slug", "invalid_slug", "is wrong");
        let invalid = RichError::from(TenantError::Invalid(vec![violation.clone()]));
        assert_eq!(invalid.violations(), [violation]);
        let conflict = RichError::from(TenantError::VersionConflict { current_version: 4 });
        let body: serde_json::Value = serde_json::from_slice(&conflict.to_response().to_json()).unwrap();
        assert_eq!(body["current_version"], 4);
    }

    #[test]
    fn a_broken_row_says_nothing_outside() {
        let rich = RichError::from(TenantError::Inconsistent("canary-7".into()));
        assert_eq!(rich.kind(), ErrorKind::Internal);
        let body = String::from_utf8(rich.to_response().to_json()).unwrap();
        assert!(!body.contains("canary-7"), "{body}");
    }

    #[test]
    fn the_public_sentence_names_the_fault_of_an_identifier() {
        let rich = RichError::from(TenantError::from(IdentifierError::IpLiteral));
        assert_eq!(
            rich.public_message(),
            Some("The request does not name a tenant: must be a hostname, not an IP address.")
        );
    }
}

//! The eleven kinds of failure and what follows from each: HTTP status, retry advice, effect on a circuit breaker.
//!
//! A kind is chosen once, where the cause of the failure is known; adding context never changes it. This file holds
//! no text that comes from a request, a database or another service.

use crate::outcome::BreakerOutcome;
use serde::{Serialize, Serializer};
use std::fmt;

/// The kind of a failure. The list is closed: a new failure is one of these with its own `code`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ErrorKind {
    /// The input is malformed or breaks a rule of its fields.
    Validation,
    /// Credentials are missing or invalid.
    Unauthenticated,
    /// The caller is authenticated but lacks permission.
    Forbidden,
    /// The resource does not exist, or this caller may not know that it does.
    NotFound,
    /// A concurrent request won: a version, a unique value, an idempotency key in flight.
    Conflict,
    /// The request is well formed and its target exists, but the rules forbid it now.
    BusinessRule,
    /// Too many requests.
    RateLimited,
    /// No reply in time.
    Timeout,
    /// We cannot serve now: breaker open, draining, overload, database down.
    Unavailable,
    /// A service we depend on failed or returned an invalid reply.
    ExternalService,
    /// A fault of this server.
    Internal,
}

/// Whether the same request may be sent again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum RetryAdvice {
    /// It will fail again.
    Never,
    /// Not unchanged: read the current state first, then decide.
    AfterReread,
    /// Only if a repeat is harmless (a safe method, or an `Idempotency-Key`): the first one may have taken effect.
    IfIdempotent,
    /// It had no effect; wait for `Retry-After` and send it again.
    Always,
}

/// The origin of a failure, seen from a circuit breaker: this process, or the dependency behind the breaker.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Origin {
    /// The dependency (the default).
    #[default]
    Remote,
    /// Our own rejection (an inner breaker, our limiter, draining): it says nothing about the dependency's health.
    Local,
}

impl ErrorKind {
    /// All kinds, in the order of the table in the README.
    pub const ALL: [Self; 11] = [
        Self::Validation,
        Self::Unauthenticated,
        Self::Forbidden,
        Self::NotFound,
        Self::Conflict,
        Self::BusinessRule,
        Self::RateLimited,
        Self::Timeout,
        Self::Unavailable,
        Self::ExternalService,
        Self::Internal,
    ];

    /// The name on the wire, in logs and in metrics: snake_case.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Validation => "validation",
            Self::Unauthenticated => "unauthenticated",
            Self::Forbidden => "forbidden",
            Self::NotFound => "not_found",
            Self::Conflict => "conflict",
            Self::BusinessRule => "business_rule",
            Self::RateLimited => "rate_limited",
            Self::Timeout => "timeout",
            Self::Unavailable => "unavailable",
            Self::ExternalService => "external_service",
            Self::Internal => "internal",
        }
    }

    /// The `code` of an error without its own.
    #[must_use]
    pub const fn default_code(self) -> &'static str {
        match self {
            Self::Validation => "validation_failed",
            other => other.as_str(),
        }
    }

    /// The HTTP status (RFC 9110, section 15; 429 and 431: RFC 6585) of an error without its own.
    #[must_use]
    pub const fn status(self) -> u16 {
        match self {
            Self::Validation => 422,
            Self::Unauthenticated => 401,
            Self::Forbidden => 403,
            Self::NotFound => 404,
            Self::Conflict | Self::BusinessRule => 409,
            Self::RateLimited => 429,
            Self::Timeout => 504,
            Self::Unavailable => 503,
            Self::ExternalService => 502,
            Self::Internal => 500,
        }
    }

    /// Whether `status` is this kind's default or a more specific one of the same meaning (413 is still a validation
    /// failure, 412 still a conflict).
    #[must_use]
    pub const fn allows_status(self, status: u16) -> bool {
        match self {
            Self::Validation => {
                matches!(
                    status,
                    400 | 405 | 406 | 408 | 411 | 413 | 414 | 415 | 416 | 417 | 422 | 428 | 431
                )
            }
            Self::NotFound => matches!(status, 404 | 410),
            Self::Conflict => matches!(status, 409 | 412),
            other => status == other.status(),
        }
    }

    /// Whether and how the same request may be sent again.
    #[must_use]
    pub const fn retry_advice(self) -> RetryAdvice {
        match self {
            Self::RateLimited | Self::Unavailable => RetryAdvice::Always,
            Self::Timeout | Self::ExternalService => RetryAdvice::IfIdempotent,
            Self::Conflict => RetryAdvice::AfterReread,
            Self::Validation
            | Self::Unauthenticated
            | Self::Forbidden
            | Self::NotFound
            | Self::BusinessRule
            | Self::Internal => RetryAdvice::Never,
        }
    }

    /// Whether a required service is down or does not reply in time: other work that needs it would fail now too, and
    /// may succeed later.
    #[must_use]
    pub const fn is_outage(self) -> bool {
        matches!(self, Self::Unavailable | Self::Timeout)
    }

    /// Whether the same request, unchanged, may succeed later.
    ///
    /// True for [`RetryAdvice::Always`] and [`RetryAdvice::IfIdempotent`]; the caller that retries must make sure
    /// that the request is idempotent. A conflict is not retryable: the same request fails again until the caller has
    /// read the current state.
    #[must_use]
    pub const fn retryable(self) -> bool {
        matches!(
            self.retry_advice(),
            RetryAdvice::Always | RetryAdvice::IfIdempotent
        )
    }

    /// How a breaker counts it when the failure came from the dependency that the breaker guards; for our own
    /// rejections see [`ErrorKind::breaker_outcome_from`].
    #[must_use]
    pub const fn breaker_outcome(self) -> BreakerOutcome {
        self.breaker_outcome_from(Origin::Remote)
    }

    /// How a breaker counts it, given its origin. `RateLimited` and `Unavailable` are failures of the dependency but
    /// are ignored when they are our own rejection.
    #[must_use]
    pub const fn breaker_outcome_from(self, origin: Origin) -> BreakerOutcome {
        match self {
            Self::Validation
            | Self::Unauthenticated
            | Self::Forbidden
            | Self::NotFound
            | Self::Conflict
            | Self::BusinessRule => BreakerOutcome::Success,
            Self::RateLimited | Self::Unavailable => match origin {
                Origin::Remote => BreakerOutcome::Failure,
                Origin::Local => BreakerOutcome::Ignored,
            },
            Self::Timeout | Self::ExternalService | Self::Internal => BreakerOutcome::Failure,
        }
    }

    /// The title of the problem type of [`ErrorKind::default_code`].
    #[must_use]
    pub const fn title(self) -> &'static str {
        match self {
            Self::Validation => "Validation failed",
            Self::Unauthenticated => "Authentication required",
            Self::Forbidden => "Forbidden",
            Self::NotFound => "Not found",
            Self::Conflict => "Conflict",
            Self::BusinessRule => "Business rule violated",
            Self::RateLimited => "Too many requests",
            Self::Timeout => "Timeout",
            Self::Unavailable => "Service unavailable",
            Self::ExternalService => "External service failed",
            Self::Internal => "Internal error",
        }
    }

    /// The fixed public sentence of an error without a public message.
    #[must_use]
    pub const fn public_sentence(self) -> &'static str {
        match self {
            Self::Validation => "The request is not valid.",
            Self::Unauthenticated => "Valid credentials are required.",
            Self::Forbidden => "You are not allowed to do this.",
            Self::NotFound => "There is no such resource.",
            Self::Conflict => "The resource was changed by somebody else. Read it again and repeat.",
            Self::BusinessRule => "The current state of the resource does not allow this.",
            Self::RateLimited => "Too many requests. Try again later.",
            Self::Timeout => "The request took too long.",
            Self::Unavailable => "The service is not available at the moment. Try again later.",
            Self::ExternalService => "A service that we depend on failed.",
            Self::Internal => "Something went wrong on our side.",
        }
    }
}

impl fmt::Display for ErrorKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl Serialize for ErrorKind {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The table of SPEC 2.1, written by hand.
    #[test]
    fn each_kind_follows_the_table() {
        use BreakerOutcome::{Failure, Ignored, Success};
        use ErrorKind as K;
        let table = [
            (K::Validation, 422, false, Success, Success),
            (K::Unauthenticated, 401, false, Success, Success),
            (K::Forbidden, 403, false, Success, Success),
            (K::NotFound, 404, false, Success, Success),
            (K::Conflict, 409, false, Success, Success),
            (K::BusinessRule, 409, false, Success, Success),
            (K::RateLimited, 429, true, Failure, Ignored),
            (K::Timeout, 504, true, Failure, Failure),
            (K::Unavailable, 503, true, Failure, Ignored),
            (K::ExternalService, 502, true, Failure, Failure),
            (K::Internal, 500, false, Failure, Failure),
        ];
        assert_eq!(table.map(|row| row.0), K::ALL);
        for (kind, status, retryable, remote, local) in table {
            assert_eq!(kind.status(), status, "{kind}");
            assert_eq!(kind.retryable(), retryable, "{kind}");
            assert_eq!(kind.is_outage(), matches!(status, 503 | 504), "{kind}");
            assert_eq!(kind.breaker_outcome(), remote, "{kind}");
            assert_eq!(kind.breaker_outcome_from(Origin::Local), local, "{kind}");
            assert!(kind.allows_status(kind.status()), "{kind}");
        }
    }

    #[test]
    fn special_statuses_stay_inside_their_kind() {
        for status in [400, 405, 408, 413, 414, 415, 428, 431] {
            assert!(ErrorKind::Validation.allows_status(status));
            assert!(!ErrorKind::Internal.allows_status(status));
        }
        assert!(ErrorKind::Conflict.allows_status(412));
        assert!(!ErrorKind::BusinessRule.allows_status(412));
        assert!(!ErrorKind::Validation.allows_status(500));
        assert!(!ErrorKind::Validation.allows_status(200));
    }

    #[test]
    fn names_are_snake_case_and_distinct() {
        let mut names: Vec<_> = ErrorKind::ALL.map(ErrorKind::as_str).to_vec();
        assert!(
            names
                .iter()
                .all(|n| n.bytes().all(|b| b.is_ascii_lowercase() || b == b'_'))
        );
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), 11);
        assert_eq!(ErrorKind::Validation.default_code(), "validation_failed");
        assert_eq!(ErrorKind::Internal.default_code(), "internal");
    }

    /// Both tables in the documentation match the code.
    #[test]
    fn the_documents_have_the_same_table() {
        for document in [
            include_str!("README.md"),
            include_str!("../../../../docs/ERROR_HANDLING_GUIDE.md"),
        ] {
            for kind in ErrorKind::ALL {
                let start = format!("| {kind:?} | `{}` | {}", kind.default_code(), kind.status());
                let row = document.lines().find(|line| line.starts_with(&start));
                let cells: Vec<_> = row
                    .expect(&start)
                    .trim_matches('|')
                    .split('|')
                    .map(str::trim)
                    .collect();
                let again = match kind.retry_advice() {
                    RetryAdvice::Never => "no",
                    RetryAdvice::AfterReread => "after a re-read",
                    RetryAdvice::IfIdempotent => "if idempotent",
                    RetryAdvice::Always => "yes",
                };
                let outcome = match (kind.breaker_outcome(), kind.breaker_outcome_from(Origin::Local)) {
                    (BreakerOutcome::Failure, BreakerOutcome::Ignored) => "failure; ignored if",
                    (BreakerOutcome::Failure, _) => "failure",
                    _ => "success",
                };
                assert_eq!(cells[cells.len() - 2], again, "{start}");
                assert!(cells[cells.len() - 1].starts_with(outcome), "{start}");
                assert_eq!(
                    cells[cells.len() - 1].contains(';'),
                    outcome.contains(';'),
                    "{start}"
                );
            }
        }
    }
}

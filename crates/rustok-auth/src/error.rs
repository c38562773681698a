//! Why access is refused, and how each case maps to kind, code and public text.
//!
//! An unknown, a revoked and a malformed token, and a token of another tenant, MUST be indistinguishable to the
//! client.

use crate::permission::Action;
use crate::token::TokenParseError;
use rustok_core::error::{ErrorKind, RichError};
use thiserror::Error;

/// Why an actor is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum AuthError {
    /// No credential was sent where one is required.
    #[error("no credential")]
    Unauthenticated,
    /// The credential is not a token.
    #[error("malformed credential: {0}")]
    Malformed(#[from] TokenParseError),
    /// The token is unknown, revoked, or belongs to another tenant.
    #[error("unknown token")]
    UnknownToken,
    /// The session is unknown or over, or belongs to another tenant or host.
    #[error("unknown session")]
    UnknownSession,
    /// The actor is authenticated but lacks permission.
    #[error("not allowed to {action}")]
    Forbidden {
        /// The refused action.
        action: Action,
    },
}

impl From<AuthError> for RichError {
    #[track_caller]
    fn from(error: AuthError) -> Self {
        // The codes are the defaults of the kinds: `unauthenticated` and `forbidden`.
        let (kind, public) = match error {
            AuthError::Unauthenticated => (
                ErrorKind::Unauthenticated,
                "This needs a bearer token or a session.",
            ),
            AuthError::Malformed(_) | AuthError::UnknownToken => {
                (ErrorKind::Unauthenticated, "The bearer token is not valid here.")
            }
            AuthError::UnknownSession => (ErrorKind::Unauthenticated, "The session is over. Sign in again."),
            AuthError::Forbidden { .. } => (
                ErrorKind::Forbidden,
                "This token or member is not allowed to do that.",
            ),
        };
        Self::new(kind, error.to_string()).with_public(public)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_variant_has_its_kind_status_and_code() {
        for (error, kind, status, code) in [
            (
                AuthError::Unauthenticated,
                ErrorKind::Unauthenticated,
                401,
                "unauthenticated",
            ),
            (
                TokenParseError::Malformed.into(),
                ErrorKind::Unauthenticated,
                401,
                "unauthenticated",
            ),
            (
                AuthError::UnknownToken,
                ErrorKind::Unauthenticated,
                401,
                "unauthenticated",
            ),
            (
                AuthError::UnknownSession,
                ErrorKind::Unauthenticated,
                401,
                "unauthenticated",
            ),
            (
                AuthError::Forbidden {
                    action: Action::PayOrder,
                },
                ErrorKind::Forbidden,
                403,
                "forbidden",
            ),
        ] {
            let rich = RichError::from(error);
            assert_eq!(
                (rich.kind(), rich.status(), rich.code()),
                (kind, status, code),
                "{error:?}"
            );
        }
    }

    #[test]
    fn bad_tokens_of_all_sorts_look_alike() {
        let unknown = RichError::from(AuthError::UnknownToken);
        for reason in [
            TokenParseError::TooLong,
            TokenParseError::NotBearer,
            TokenParseError::Malformed,
        ] {
            let malformed = RichError::from(AuthError::from(reason));
            assert_eq!(malformed.public_message(), unknown.public_message());
            assert_eq!(
                (malformed.status(), malformed.code()),
                (unknown.status(), unknown.code())
            );
        }
    }
}

//! The actor of an operation. Every use case, history row and event has one.
//!
//! An actor is created after the lookup of a credential, or by the process for its own work; never from an unverified
//! claim in a request.

use crate::ids::{SessionId, TokenId, UserId};
use crate::role::Role;
use crate::scopes::Scopes;
use std::fmt;

/// The actor of an operation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Actor {
    /// A storefront request, or a caller without a credential.
    Anonymous,
    /// A token of the request's tenant.
    Token {
        /// The token's id, never its secret.
        id: TokenId,
        /// Its role.
        role: Role,
        /// To what its role is limited.
        scopes: Scopes,
    },
    /// A member of the request's tenant, in a session.
    User {
        /// The account.
        id: UserId,
        /// The session, never its secret.
        session: SessionId,
        /// The member's role.
        role: Role,
    },
    /// A platform token: access to the tenant directory, never to a tenant's data.
    Platform {
        /// The token's id, never its secret.
        id: TokenId,
    },
    /// The process itself: a worker, the command line, the sample data. The name is a short kebab-case word, such as
    /// `order-expiry`. No request can have this actor.
    System(&'static str),
}

/// The one on whose behalf this process works later, such as who sent a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Principal {
    /// A token of the tenant.
    Token(TokenId),
    /// A member of the tenant, whose session may have ended meanwhile.
    User(UserId),
}

impl Actor {
    /// The role in the request's tenant, of a token or a member.
    #[must_use]
    pub const fn role(&self) -> Option<Role> {
        match self {
            Self::Token { role, .. } | Self::User { role, .. } => Some(*role),
            Self::Anonymous | Self::Platform { .. } | Self::System(_) => None,
        }
    }
}

impl Principal {
    /// Parses the stable text of an [`Actor`]; `None` for one on whose behalf nothing is done later.
    #[must_use]
    pub fn of(actor: &str) -> Option<Self> {
        match actor.split_once(':')? {
            ("token", id) => id.parse().ok().map(Self::Token),
            ("user", id) => id.parse().ok().map(Self::User),
            _ => None,
        }
    }
}

impl fmt::Display for Actor {
    /// The stable text in history, events and logs: `anonymous`, `token:<uuid>`, `user:<uuid>`,
    /// `platform:<uuid>` or `system:<name>`. It is stored, so the format never changes.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Anonymous => f.write_str("anonymous"),
            Self::Token { id, .. } => write!(f, "token:{id}"),
            Self::User { id, .. } => write!(f, "user:{id}"),
            Self::Platform { id } => write!(f, "platform:{id}"),
            Self::System(name) => write!(f, "system:{name}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use uuid::Uuid;

    #[test]
    fn text_form_is_stable() {
        let uuid = Uuid::from_u128(0x018f_4e6a_7b1c_7def_8abc_0123_4567_89ab);
        let (id, user) = (TokenId::from_uuid(uuid), UserId::from_uuid(uuid));
        for (actor, text) in [
            (Actor::Anonymous, "anonymous"),
            (
                Actor::Token {
                    id,
                    role: Role::Editor,
                    scopes: Scopes::ALL,
                },
                "token:018f4e6a-7b1c-7def-8abc-0123456789ab",
            ),
            (
                Actor::User {
                    id: user,
                    session: SessionId::from_uuid(Uuid::nil()),
                    role: Role::Editor,
                },
                "user:018f4e6a-7b1c-7def-8abc-0123456789ab",
            ),
            (
                Actor::Platform { id },
                "platform:018f4e6a-7b1c-7def-8abc-0123456789ab",
            ),
            (Actor::System("order-expiry"), "system:order-expiry"),
        ] {
            assert_eq!(actor.to_string(), text);
            let principal = match actor {
                Actor::Token { id, .. } => Some(Principal::Token(id)),
                Actor::User { id, .. } => Some(Principal::User(id)),
                _ => None,
            };
            assert_eq!(Principal::of(text), principal);
        }
    }
}

//! The actor of an operation. Every use case, history row and event has one.
//!
//! An actor is created after the lookup of a credential, or by the process for its own work; never from an unverified
//! claim in a request.

use crate::ids::TokenId;
use crate::role::Role;
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

impl Actor {
    /// Parses the token id from the stable text of an actor with a tenant's token.
    #[must_use]
    pub fn token_of(text: &str) -> Option<TokenId> {
        text.strip_prefix("token:")?.parse().ok()
    }
}

impl fmt::Display for Actor {
    /// The stable text in history, events and logs: `anonymous`, `token:<uuid>`, `platform:<uuid>` or
    /// `system:<name>`. It is stored, so the format never changes.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Anonymous => f.write_str("anonymous"),
            Self::Token { id, .. } => write!(f, "token:{id}"),
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
        let id = TokenId::from_uuid(Uuid::from_u128(0x018f_4e6a_7b1c_7def_8abc_0123_4567_89ab));
        for (actor, text) in [
            (Actor::Anonymous, "anonymous"),
            (
                Actor::Token {
                    id,
                    role: Role::Editor,
                },
                "token:018f4e6a-7b1c-7def-8abc-0123456789ab",
            ),
            (
                Actor::Platform { id },
                "platform:018f4e6a-7b1c-7def-8abc-0123456789ab",
            ),
            (Actor::System("order-expiry"), "system:order-expiry"),
        ] {
            assert_eq!(actor.to_string(), text);
            let token = matches!(actor, Actor::Token { .. }).then_some(id);
            assert_eq!(Actor::token_of(text), token);
        }
    }
}

//! The roles of members and of tokens. Their permissions are defined only in [`crate::policy`].

use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;
use thiserror::Error;

/// The role of a member of a tenant, or of one of its tokens.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// Full access within the tenant, and says who its owners are.
    Owner,
    /// Full access within the tenant.
    Admin,
    /// Works on orders, reads everything else.
    Manager,
    /// Writes content and catalogue, reads everything else.
    Editor,
    /// Writes content of their own, reads other content.
    Author,
    /// Reads, to answer customers.
    Support,
    /// Read-only.
    Viewer,
}

/// The text is not the name of a role.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("must be one of owner, admin, manager, editor, author, support, viewer")]
pub struct UnknownRole;

impl Role {
    /// Every role.
    pub const ALL: [Self; 7] = [
        Self::Owner,
        Self::Admin,
        Self::Manager,
        Self::Editor,
        Self::Author,
        Self::Support,
        Self::Viewer,
    ];
    /// The roles that a token can have.
    pub const OF_TOKENS: [Self; 3] = [Self::Admin, Self::Editor, Self::Viewer];

    /// Reads the exact text of [`Self::as_str`].
    ///
    /// # Errors
    /// [`UnknownRole`].
    pub fn parse(text: &str) -> Result<Self, UnknownRole> {
        Self::ALL
            .into_iter()
            .find(|role| role.as_str() == text)
            .ok_or(UnknownRole)
    }

    /// The text on the command line, in the database and in JSON.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Owner => "owner",
            Self::Admin => "admin",
            Self::Manager => "manager",
            Self::Editor => "editor",
            Self::Author => "author",
            Self::Support => "support",
            Self::Viewer => "viewer",
        }
    }
}

impl FromStr for Role {
    type Err = UnknownRole;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::parse(text)
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_round_trips() {
        for role in Role::ALL {
            assert_eq!(role.to_string().parse(), Ok(role));
            assert_eq!(format!("{role:?}").to_lowercase(), role.as_str());
        }
        assert!(Role::OF_TOKENS.iter().all(|role| Role::ALL.contains(role)));
    }

    #[test]
    fn nothing_else_is_a_role() {
        for text in ["", "Admin", " admin", "admin\n", "platform"] {
            assert_eq!(Role::parse(text), Err(UnknownRole), "{text:?}");
        }
    }
}

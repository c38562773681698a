//! The roles of a tenant's tokens. Their permissions are defined only in [`crate::policy`].

use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;
use thiserror::Error;

/// The role of a tenant's token.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// Full access within the tenant.
    Admin,
    /// Writes content and catalogue, reads everything else.
    Editor,
    /// Read-only.
    Viewer,
}

/// The text is not `admin`, `editor` or `viewer`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("must be one of admin, editor, viewer")]
pub struct UnknownRole;

impl Role {
    /// Every role.
    pub const ALL: [Self; 3] = [Self::Admin, Self::Editor, Self::Viewer];

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
            Self::Admin => "admin",
            Self::Editor => "editor",
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
        for (role, text) in [
            (Role::Admin, "admin"),
            (Role::Editor, "editor"),
            (Role::Viewer, "viewer"),
        ] {
            assert_eq!(role.to_string(), text);
            assert_eq!(text.parse(), Ok(role));
            assert!(Role::ALL.contains(&role));
        }
    }

    #[test]
    fn nothing_else_is_a_role() {
        for text in ["", "Admin", " admin", "admin\n", "owner", "platform"] {
            assert_eq!(Role::parse(text), Err(UnknownRole), "{text:?}");
        }
    }
}

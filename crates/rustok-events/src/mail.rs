//! The kinds of mails to people.

use std::fmt;
use std::str::FromStr;
use thiserror::Error;

/// The text is not the name of a kind of mail.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("is not the name of a kind of mail")]
pub struct UnknownMailKind;

/// What a mail is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum MailKind {
    /// A person is invited to become a member.
    Invitation,
    /// A link that sets a new password.
    PasswordReset,
    /// A code that signs in.
    SignInCode,
    /// A session was opened on a device that was not seen before.
    NewDevice,
    /// The second factor of an account was turned on or off, or a recovery code was used.
    SecondFactor,
}

impl MailKind {
    /// All kinds.
    pub const ALL: &[Self] = &[
        Self::Invitation,
        Self::PasswordReset,
        Self::SignInCode,
        Self::NewDevice,
        Self::SecondFactor,
    ];

    /// The stable name in the database.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Invitation => "invitation",
            Self::PasswordReset => "password_reset",
            Self::SignInCode => "sign_in_code",
            Self::NewDevice => "new_device",
            Self::SecondFactor => "second_factor",
        }
    }
}

impl fmt::Display for MailKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for MailKind {
    type Err = UnknownMailKind;

    fn from_str(name: &str) -> Result<Self, Self::Err> {
        let mut kinds = Self::ALL.iter().copied();
        kinds.find(|kind| kind.as_str() == name).ok_or(UnknownMailKind)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_stable() {
        let names = [
            "invitation",
            "password_reset",
            "sign_in_code",
            "new_device",
            "second_factor",
        ];
        for (kind, name) in MailKind::ALL.iter().zip(names) {
            assert_eq!(kind.to_string(), name);
            assert_eq!(name.parse(), Ok(*kind));
        }
        assert_eq!("invite".parse::<MailKind>(), Err(UnknownMailKind));
    }
}

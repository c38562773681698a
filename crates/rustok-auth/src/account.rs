//! Accounts of people: a user exists once per installation and is a member of tenants, with one role in each.
//!
//! A user is not a customer, and not an author of content. Nothing here looks one up.

use crate::ids::{SessionId, UserId};
use crate::role::Role;
use crate::token::{TokenHash, TokenSecret};
use jiff::{SignedDuration, Timestamp};
use rustok_core::error::FieldViolation;
use rustok_text::CanonicalEmail;
use rustok_text::plain::checked_line;
use sha2::{Digest as _, Sha256};
use std::fmt;

/// The maximum length of a person's name, in characters.
pub const MAX_NAME_CHARS: usize = 200;
/// The maximum number of members of one tenant: a list of them is one page.
pub const MAX_MEMBERS: usize = 500;
/// The maximum number of sessions of one user in one tenant; a new one ends the oldest.
pub const MAX_SESSIONS: usize = 20;

/// A session ends when it was not used for this long.
pub const SESSION_IDLE: SignedDuration = SignedDuration::from_hours(12);
/// A session ends after this time, however often it is used.
pub const SESSION_LIFE: SignedDuration = SignedDuration::from_hours(30 * 24);
/// The last use of a session is stored at most this often: a request does not cause a write.
pub const SEEN_EVERY: SignedDuration = SignedDuration::from_mins(10);
/// How long an invitation can be accepted.
pub const INVITATION_LIFE: SignedDuration = SignedDuration::from_hours(7 * 24);
/// How long a sign-in link works.
pub const LINK_LIFE: SignedDuration = SignedDuration::from_hours(1);

/// How long a link works that sets a new password.
pub const RESET_LIFE: SignedDuration = SignedDuration::from_hours(1);
/// How long a code works that signs in.
pub const CODE_LIFE: SignedDuration = SignedDuration::from_mins(10);
/// How often a code may be entered wrongly: one chance in 200,000 to guess it.
pub const CODE_TRIES: i64 = 5;
/// How many links and how many codes one member gets in an hour.
pub const MAILS_PER_HOUR: i64 = 5;

/// The number of codes: six digits.
pub const CODES: u32 = 1_000_000;

/// A code that a person reads in a mail and types.
#[derive(Clone, PartialEq, Eq)]
pub struct SignInCode(String);

/// Without the code.
impl fmt::Debug for SignInCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SignInCode(<redacted>)")
    }
}

impl SignInCode {
    /// The code with this number.
    #[must_use]
    pub fn new(number: u32) -> Self {
        Self(format!("{:06}", number % CODES))
    }

    /// A code as typed: six digits, with spaces or a hyphen where a person puts them.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        if text.len() > 20 {
            return None;
        }
        let typed: String = text.chars().filter(|c| !matches!(c, ' ' | '-')).collect();
        let is_code = typed.len() == 6 && typed.bytes().all(|byte| byte.is_ascii_digit());
        is_code.then_some(Self(typed))
    }

    /// Its six digits.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// What is stored of it. Without the secret of the browser that asked, nobody can try all codes.
    #[must_use]
    pub fn hash(&self, secret: &TokenSecret) -> TokenHash {
        let hash = Sha256::new()
            .chain_update("rustok: a code that signs in")
            .chain_update(secret.expose())
            .chain_update(&self.0);
        TokenHash::from_bytes(hash.finalize().into())
    }
}

/// What is stored of a device: a hash of what the browser calls itself, without versions, which change by themselves.
#[must_use]
pub fn device_hash(device: &str) -> TokenHash {
    let named: String = device.chars().filter(|c| !c.is_ascii_digit()).collect();
    let hash = Sha256::new().chain_update("rustok: a device").chain_update(named);
    TokenHash::from_bytes(hash.finalize().into())
}

/// What a person is called, and where mail reaches them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Person {
    /// The address, which names the account.
    pub email: CanonicalEmail,
    /// The name, trimmed; not empty.
    pub name: String,
}

impl Person {
    /// Checks both at once.
    ///
    /// # Errors
    /// All violations, in the order e-mail, name.
    pub fn check(email: &str, name: &str) -> Result<Self, Vec<FieldViolation>> {
        let (email, name) = (parse_email(email), parse_name(name));
        match (email, name) {
            (Ok(email), Ok(name)) => Ok(Self { email, name }),
            (email, name) => Err(email.err().into_iter().chain(name.err()).collect()),
        }
    }
}

/// An e-mail address in a request.
///
/// # Errors
/// A violation at `#/email`.
pub fn parse_email(text: &str) -> Result<CanonicalEmail, FieldViolation> {
    CanonicalEmail::parse(text)
        .ok_or_else(|| FieldViolation::new("#/email", "invalid", "is not an e-mail address"))
}

/// A person's name in a request.
///
/// # Errors
/// A violation at `#/name`.
pub fn parse_name(text: &str) -> Result<String, FieldViolation> {
    let (name, faults) = checked_line(text, MAX_NAME_CHARS);
    match faults.into_iter().next() {
        None => Ok(name),
        Some(fault) => Err(FieldViolation::new("#/name", fault.code(), fault.to_string())),
    }
}

/// A person of one tenant. The e-mail address and the name are those of the account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Member {
    /// The account.
    pub user_id: UserId,
    /// The account's address.
    pub email: String,
    /// The account's name.
    pub name: String,
    /// The role in this tenant.
    pub role: Role,
    /// Since when.
    pub created_at: Timestamp,
    /// When the role was changed last.
    pub updated_at: Timestamp,
    /// Since when the account cannot be used, if it cannot.
    pub disabled_at: Option<Timestamp>,
    /// Since when the account has a second factor, if it has one.
    pub second_factor_at: Option<Timestamp>,
    /// Grows with each change of the role.
    pub version: i64,
}

/// A session of a user in one tenant, without its secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Session {
    /// Its id.
    pub id: SessionId,
    /// The user.
    pub user_id: UserId,
    /// The host that it was opened at: it is valid there only.
    pub host: String,
    /// What the browser called itself; may be empty.
    pub device: String,
    /// The address that it was opened from, if known.
    pub address: Option<String>,
    /// When it was opened.
    pub created_at: Timestamp,
    /// When it was last used, to within [`SEEN_EVERY`].
    pub seen_at: Timestamp,
    /// When it ends at the latest.
    pub expires_at: Timestamp,
}

impl Session {
    /// Whether it is still valid at `now`.
    #[must_use]
    pub fn is_valid(&self, now: Timestamp) -> bool {
        let idle_until = self.seen_at.saturating_add(SESSION_IDLE);
        now < self.expires_at && idle_until.is_ok_and(|until| now < until)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use uuid::Uuid;

    #[test]
    fn address_and_name_are_checked_at_once() {
        let person = Person::check(" Jane@Example.com ", "  Jane Roe ").unwrap();
        assert_eq!(
            (person.email.as_str(), &*person.name),
            ("jane@example.com", "Jane Roe")
        );
        let long = "ä".repeat(MAX_NAME_CHARS + 1);
        for (email, name, expected) in [
            ("x", "", &["#/email invalid", "#/name required"][..]),
            ("a@b.c", "\u{200b}", &["#/name required"]),
            ("a@b.c", "a\u{7}", &["#/name control_character"]),
            ("a@b.c", &long, &["#/name too_long"]),
        ] {
            let found = Person::check(email, name).unwrap_err();
            let found: Vec<_> = found
                .iter()
                .map(|v| format!("{} {}", v.pointer, v.code))
                .collect();
            assert_eq!(found, expected);
        }
    }

    #[test]
    fn a_code_is_six_digits_and_worth_nothing_without_its_browser() {
        use crate::token::SecretKind;
        assert_eq!(SignInCode::new(7).as_str(), "000007");
        for typed in ["123456", " 123 456", "123-456 "] {
            assert_eq!(SignInCode::parse(typed).unwrap().as_str(), "123456");
        }
        for typed in ["", "12345", "1234567", "12345a", "\u{661}23456", &" ".repeat(30)] {
            assert!(SignInCode::parse(typed).is_none(), "{typed}");
        }
        let secret = |byte| TokenSecret::from_random_bytes(SecretKind::Code, [byte; 32]);
        let (code, other) = (SignInCode::new(1), SignInCode::new(2));
        assert_eq!(code.hash(&secret(1)), code.hash(&secret(1)));
        assert_ne!(code.hash(&secret(1)), code.hash(&secret(2)));
        assert_ne!(code.hash(&secret(1)), other.hash(&secret(1)));
        assert!(!format!("{code:?}").contains('1'));
        assert_eq!(device_hash("Firefox/130.0"), device_hash("Firefox/131.0"));
        assert_ne!(device_hash("Firefox/130.0"), device_hash("Chrome/130.0"));
    }

    #[test]
    fn a_session_ends_unused_or_at_its_end() {
        let at = |hours: i64| Timestamp::from_second(hours * 3_600).unwrap();
        let session = |seen: i64| Session {
            id: SessionId::from_uuid(Uuid::nil()),
            user_id: UserId::from_uuid(Uuid::nil()),
            host: String::new(),
            device: String::new(),
            address: None,
            created_at: at(0),
            seen_at: at(seen),
            expires_at: at(720),
        };
        for (seen, now, valid) in [(0, 11, true), (0, 12, false), (700, 711, true), (715, 720, false)] {
            assert_eq!(session(seen).is_valid(at(now)), valid, "{seen} {now}");
        }
    }
}

//! Passwords: the rules for a new one, and its argon2id hash (RFC 9106).
//!
//! A password must never reach a log, a database or an error text: it has no `Display`, and its `Debug` shows nothing of
//! it. Hashing takes 19 MiB and tens of milliseconds on purpose: callers limit how many run at once, and never run one on
//! an async worker.

use argon2::{Algorithm, Argon2, Params, Version};
use base64::Engine;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use std::fmt;
use subtle::ConstantTimeEq;
use thiserror::Error;
use unicode_normalization::UnicodeNormalization;

/// The minimum length of a new password, in characters. Longer than the 8 of NIST SP 800-63B, since no list of common
/// passwords is checked.
pub const MIN_PASSWORD_CHARS: usize = 10;
/// The maximum length of a password, in bytes of UTF-8.
pub const MAX_PASSWORD_BYTES: usize = 512;

/// Bytes of the salt (RFC 9106, 3.1).
pub const SALT_BYTES: usize = 16;
const HASH_BYTES: usize = 32;

/// The first choice of OWASP's password storage cheat sheet for argon2id: 19 MiB, two passes, one lane.
const MEMORY_KIB: u32 = 19 * 1_024;
const PASSES: u32 = 2;
const LANES: u32 = 1;

/// What a stored hash may ask for at most: a row that was changed by hand must not stop the server.
const MOST_MEMORY_KIB: u32 = 256 * 1_024;
const MOST_PASSES: u32 = 16;
const MOST_LANES: u32 = 8;

/// Why a text cannot be a password.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum PasswordError {
    /// Fewer than [`MIN_PASSWORD_CHARS`] characters.
    #[error("has at least {MIN_PASSWORD_CHARS} characters")]
    TooShort,
    /// More than [`MAX_PASSWORD_BYTES`] bytes.
    #[error("has at most {MAX_PASSWORD_BYTES} bytes")]
    TooLong,
    /// It is the account's e-mail address, or one character over and over.
    #[error("is too easy to guess")]
    TooSimple,
}

impl PasswordError {
    /// The code of a violation.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::TooShort => "too_short",
            Self::TooLong => "too_long",
            Self::TooSimple => "too_simple",
        }
    }
}

/// A password in clear text, in form NFKC (NIST SP 800-63B, 3.1.1.2): the same keys on another system are the same
/// password.
#[derive(Clone, PartialEq, Eq)]
pub struct Password(String);

impl Password {
    /// A password as it was typed to sign in; `None` if it is longer than any password.
    #[must_use]
    pub fn typed(text: &str) -> Option<Self> {
        if text.len() > MAX_PASSWORD_BYTES {
            return None;
        }
        let normal: String = text.nfkc().collect();
        (normal.len() <= MAX_PASSWORD_BYTES).then_some(Self(normal))
    }

    /// A new password of the account with this e-mail address.
    ///
    /// # Errors
    /// [`PasswordError`], by the rules of this module.
    pub fn new(text: &str, email: &str) -> Result<Self, PasswordError> {
        let password = Self::typed(text).ok_or(PasswordError::TooLong)?;
        if password.0.chars().count() < MIN_PASSWORD_CHARS {
            return Err(PasswordError::TooShort);
        }
        let first = password.0.chars().next();
        let is_one_character = password.0.chars().all(|c| Some(c) == first);
        if is_one_character || password.0.to_lowercase() == email.to_lowercase() {
            return Err(PasswordError::TooSimple);
        }
        Ok(password)
    }

    /// Its hash with this salt, which must be random. Slow on purpose.
    #[must_use]
    pub fn hash(&self, salt: [u8; SALT_BYTES]) -> PasswordHash {
        let cost = Cost {
            memory_kib: MEMORY_KIB,
            passes: PASSES,
            lanes: LANES,
        };
        // The parameters are constants that argon2 accepts.
        let hash = cost.hash(self.0.as_bytes(), &salt).unwrap_or_default();
        PasswordHash(format!(
            "$argon2id$v=19$m={MEMORY_KIB},t={PASSES},p={LANES}${}${}",
            STANDARD_NO_PAD.encode(salt),
            STANDARD_NO_PAD.encode(hash)
        ))
    }
}

impl fmt::Debug for Password {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Password(<redacted>)")
    }
}

/// What a hash costs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Cost {
    memory_kib: u32,
    passes: u32,
    lanes: u32,
}

impl Cost {
    /// Parses `m=19456,t=2,p=1`.
    fn parse(text: &str) -> Option<Self> {
        let mut parts = text.split(',');
        let mut number = |name: &str| parts.next()?.strip_prefix(name)?.parse::<u32>().ok();
        let cost = Self {
            memory_kib: number("m=")?,
            passes: number("t=")?,
            lanes: number("p=")?,
        };
        let is_bounded = cost.memory_kib <= MOST_MEMORY_KIB
            && cost.passes <= MOST_PASSES
            && cost.lanes <= MOST_LANES
            && parts.next().is_none();
        is_bounded.then_some(cost)
    }

    fn hash(self, password: &[u8], salt: &[u8]) -> Option<[u8; HASH_BYTES]> {
        let params = Params::new(self.memory_kib, self.passes, self.lanes, Some(HASH_BYTES)).ok()?;
        let mut hash = [0; HASH_BYTES];
        Argon2::new(Algorithm::Argon2id, Version::V0x13, params)
            .hash_password_into(password, salt, &mut hash)
            .ok()?;
        Some(hash)
    }
}

/// The hash of a password in the PHC string format: `$argon2id$v=19$m=19456,t=2,p=1$<salt>$<hash>`.
#[derive(Clone, PartialEq, Eq)]
pub struct PasswordHash(String);

impl PasswordHash {
    /// A hash that was read from the database.
    #[must_use]
    pub fn stored(text: String) -> Self {
        Self(text)
    }

    /// The hash of an account that does not exist: to check a password against it takes as long as against a real one,
    /// so that the time does not tell which addresses have accounts. No password matches.
    #[must_use]
    pub fn of_nobody() -> Self {
        let none = STANDARD_NO_PAD.encode([0; HASH_BYTES]);
        let salt = STANDARD_NO_PAD.encode([0; SALT_BYTES]);
        Self(format!(
            "$argon2id$v=19$m={MEMORY_KIB},t={PASSES},p={LANES}${salt}${none}"
        ))
    }

    /// The text to store.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether this is the hash of `password`. Slow on purpose.
    #[must_use]
    pub fn matches(&self, password: &Password) -> bool {
        self.parts()
            .and_then(|(cost, salt, stored)| {
                let hash = cost.hash(password.0.as_bytes(), &salt)?;
                // A hash that failed is all zeros.
                Some(bool::from(hash.ct_eq(&stored)) && stored != [0; HASH_BYTES])
            })
            .unwrap_or(false)
    }

    fn parts(&self) -> Option<(Cost, Vec<u8>, [u8; HASH_BYTES])> {
        let mut parts = self.0.strip_prefix("$argon2id$v=19$")?.split('$');
        let cost = Cost::parse(parts.next()?)?;
        let salt = STANDARD_NO_PAD.decode(parts.next()?).ok()?;
        let hash = STANDARD_NO_PAD.decode(parts.next()?).ok()?;
        (parts.next().is_none()).then_some((cost, salt, hash.try_into().ok()?))
    }
}

impl fmt::Debug for PasswordHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PasswordHash(<redacted>)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn new(text: &str) -> Password {
        Password::new(text, "jane@example.com").unwrap()
    }

    #[test]
    fn rules_for_a_new_password() {
        use PasswordError::{TooLong, TooShort, TooSimple};
        for (text, expected) in [
            ("", Err(TooShort)),
            ("123456789", Err(TooShort)),
            ("ääääääääb", Err(TooShort)),
            ("1234567890", Ok(())),
            ("ten chars!", Ok(())),
            ("aaaaaaaaaaaa", Err(TooSimple)),
            ("Jane@Example.com", Err(TooSimple)),
        ] {
            let made = Password::new(text, "jane@example.com").map(drop);
            assert_eq!(made, expected, "{text}");
        }
        let of = |bytes: usize| Password::new(&"ab".repeat(bytes / 2), "x").map(drop);
        assert_eq!((of(512), of(514)), (Ok(()), Err(TooLong)));
        // U+FDFA grows from three to 33 bytes: the limit holds afterwards too.
        assert_eq!(Password::typed(&"\u{fdfa}".repeat(100)), None);
    }

    #[test]
    fn only_the_password_itself_matches() {
        let hash = new("correct horse").hash([7; SALT_BYTES]);
        for (typed, is_it) in [("correct horse", true), ("Correct horse", false), ("", false)] {
            assert_eq!(hash.matches(&Password::typed(typed).unwrap()), is_it, "{typed}");
        }
        let read = PasswordHash::stored(hash.as_str().to_owned());
        assert!(read.matches(&new("correct horse")));
        assert_ne!(hash, new("correct horse").hash([8; SALT_BYTES]));
    }

    #[test]
    fn the_same_keys_on_another_system_are_the_same_password() {
        let hash = new("Zoe\u{308} Müller").hash([7; SALT_BYTES]);
        assert!(hash.matches(&Password::typed("Zoë Mu\u{308}ller").unwrap()));
    }

    /// The expected text was made by the reference implementation (argon2-cffi 25.1).
    #[test]
    fn the_hash_is_that_of_the_reference_implementation() {
        let hash = new("1234567890").hash([0; SALT_BYTES]);
        let expected = "$argon2id$v=19$m=19456,t=2,p=1$AAAAAAAAAAAAAAAAAAAAAA$IqUDJ2ge4D+8iUarxkDTb+AmPrvn9vc6amU6RD+YfrM";
        assert_eq!(hash.as_str(), expected);
        // Cheaper parameters of another time are read as they were stored.
        let cost = Cost::parse("m=16,t=1,p=1").unwrap();
        let old = STANDARD_NO_PAD.encode(cost.hash(b"1234567890", &[1; 16]).unwrap());
        let salt = STANDARD_NO_PAD.encode([1; 16]);
        let stored = PasswordHash::stored(format!("$argon2id$v=19$m=16,t=1,p=1${salt}${old}"));
        assert!(stored.matches(&new("1234567890")));
    }

    #[test]
    fn nobody_has_a_password_and_garbage_matches_none() {
        for stored in [
            PasswordHash::of_nobody().as_str(),
            "",
            "x",
            "$argon2id$v=19$m=16,t=1,p=1$AAAA",
            "$argon2id$v=19$m=4294967295,t=2,p=1$AAAAAAAAAAAAAAAAAAAAAA$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
            "$argon2i$v=19$m=19456,t=2,p=1$AAAAAAAAAAAAAAAAAAAAAA$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
        ] {
            let hash = PasswordHash::stored(stored.to_owned());
            assert!(!hash.matches(&new("1234567890")), "{stored}");
        }
    }

    #[test]
    fn debug_shows_neither_password_nor_hash() {
        let password = new("1234567890");
        assert_eq!(format!("{password:?}"), "Password(<redacted>)");
        let hash = password.hash([0; SALT_BYTES]);
        assert_eq!(format!("{hash:?}"), "PasswordHash(<redacted>)");
    }
}

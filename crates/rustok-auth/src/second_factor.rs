//! The second factor: codes of an app by RFC 6238 (SHA-1, 30 seconds, six digits, as every app has them), and recovery codes.
//!
//! A code is taken once: the caller stores the step of the newest one. Nothing here shows a seed or a code in `Debug`.

use crate::account::SignInCode;
use crate::ids::UserId;
use hmac::{Hmac, KeyInit as _, Mac as _};
use jiff::{SignedDuration, Timestamp};
use rand::Rng;
use sha1::Sha1;
use sha2::{Digest as _, Sha256};
use std::fmt::{self, Write as _};
use subtle::ConstantTimeEq as _;

/// The length of a step, in seconds.
const STEP_SECONDS: i64 = 30;
/// How many steps a clock may be fast or slow.
const WINDOW: i64 = 1;
/// The length of a seed, in bytes: that of the hash (RFC 4226, 4).
pub const SEED_BYTES: usize = 20;
/// How many recovery codes a person gets.
pub const RECOVERY_CODES: usize = 10;
/// In bytes: nobody guesses 80 bits, nor tries them all against a stored hash.
const RECOVERY_BYTES: usize = 10;
/// The length of the stored hash of a recovery code, in bytes.
pub const HASH_BYTES: usize = 32;

/// How long a second factor can be confirmed after it was begun.
pub const ENROLMENT_LIFE: SignedDuration = SignedDuration::from_mins(30);
/// How long a person may look for the code after the first proof.
pub const PENDING_LIFE: SignedDuration = SignedDuration::from_mins(5);
/// How many wrong codes of the app one account takes in an hour: one chance in 16,000 to guess one. Above it recovery codes are taken
/// all the same, so that nobody locks the person out.
pub const TRIES_PER_HOUR: i64 = 20;

const BASE32: &[u8; 32] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";

/// RFC 4648, 6, without padding.
fn base32(bytes: &[u8]) -> String {
    let (mut text, mut buffer, mut bits) = (String::new(), 0_u32, 0);
    for byte in bytes {
        buffer = (buffer << 8) | u32::from(*byte);
        bits += 8;
        while bits >= 5 {
            bits -= 5;
            push(&mut text, buffer >> bits);
        }
    }
    if bits > 0 {
        push(&mut text, buffer << (5 - bits));
    }
    text
}

fn push(text: &mut String, value: u32) {
    let letter = usize::try_from(value & 31).ok().and_then(|at| BASE32.get(at));
    text.extend(letter.map(|letter| char::from(*letter)));
}

/// What the server and the app of a person share.
#[derive(Clone)]
pub struct Seed([u8; SEED_BYTES]);

/// Without the seed.
impl fmt::Debug for Seed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Seed(<redacted>)")
    }
}

impl Seed {
    /// A new seed.
    #[must_use]
    pub fn generate(rng: &mut impl Rng) -> Self {
        let mut bytes = [0; SEED_BYTES];
        rng.fill_bytes(&mut bytes);
        Self(bytes)
    }

    /// A stored seed; `None` if it has another length.
    #[must_use]
    pub fn stored(bytes: &[u8]) -> Option<Self> {
        bytes.try_into().ok().map(Self)
    }

    /// What is stored, sealed.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; SEED_BYTES] {
        &self.0
    }

    /// The key as a person types it into an app.
    #[must_use]
    pub fn key(&self) -> String {
        base32(&self.0)
    }

    /// The seed of a key, as an app reads it.
    #[must_use]
    pub fn of_key(key: &str) -> Option<Self> {
        let (mut bytes, mut buffer, mut bits) = (Vec::new(), 0_u32, 0);
        for letter in key.bytes() {
            let value = BASE32.iter().position(|known| *known == letter)?;
            buffer = (buffer << 5) | u32::try_from(value).ok()?;
            bits += 5;
            if bits >= 8 {
                bits -= 8;
                bytes.push(u8::try_from((buffer >> bits) & 0xff).ok()?);
            }
        }
        Self::stored(&bytes)
    }

    /// The address that an app reads from a picture (the format of Google Authenticator, which all apps take).
    #[must_use]
    pub fn address(&self, issuer: &str, account: &str) -> String {
        let (issuer, account) = (percent_encoded(issuer), percent_encoded(account));
        let key = self.key();
        format!("otpauth://totp/{issuer}:{account}?secret={key}&issuer={issuer}")
    }

    /// The code of a step (RFC 4226, 5.3).
    #[must_use]
    pub fn code(&self, step: i64) -> SignInCode {
        SignInCode::new(self.truncated(step))
    }

    fn truncated(&self, step: i64) -> u32 {
        let Ok(mut mac) = Hmac::<Sha1>::new_from_slice(&self.0) else {
            return 0; // HMAC takes keys of any length.
        };
        mac.update(&step.to_be_bytes());
        let hash: [u8; 20] = mac.finalize().into_bytes().into();
        let offset = usize::from(hash[19] & 15);
        let chosen = hash.iter().skip(offset).take(4);
        chosen.fold(0, |number, byte| (number << 8) | u32::from(*byte)) & 0x7fff_ffff
    }

    /// The step whose code was typed, if it is about now and after `last`. It takes the same time for each.
    #[must_use]
    pub fn find_step(&self, typed: &SignInCode, now: Timestamp, last: i64) -> Option<i64> {
        let current = step(now);
        let mut found = None;
        for step in current - WINDOW..=current + WINDOW {
            let code = self.code(step);
            let is_same = code.as_str().as_bytes().ct_eq(typed.as_str().as_bytes());
            if bool::from(is_same) && step > last {
                found = Some(step);
            }
        }
        found
    }
}

/// The step of a time.
#[must_use]
pub fn step(now: Timestamp) -> i64 {
    now.as_second().div_euclid(STEP_SECONDS)
}

fn percent_encoded(text: &str) -> String {
    let mut encoded = String::new();
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~') {
            encoded.push(char::from(byte));
        } else {
            // Writing to a text cannot fail.
            let _ = write!(encoded, "%{byte:02X}");
        }
    }
    encoded
}

/// A code for a person who has no app at hand; it works once.
#[derive(Clone, PartialEq, Eq)]
pub struct RecoveryCode(String);

/// Without the code.
impl fmt::Debug for RecoveryCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("RecoveryCode(<redacted>)")
    }
}

impl RecoveryCode {
    /// A new code.
    #[must_use]
    pub fn generate(rng: &mut impl Rng) -> Self {
        let mut bytes = [0; RECOVERY_BYTES];
        rng.fill_bytes(&mut bytes);
        Self(base32(&bytes))
    }

    /// The code as it is shown: four groups of four.
    #[must_use]
    pub fn shown(&self) -> String {
        let letters: Vec<char> = self.0.chars().collect();
        let groups: Vec<String> = letters.chunks(4).map(|group| group.iter().collect()).collect();
        groups.join("-")
    }

    /// What is stored of it.
    #[must_use]
    pub fn hash(&self, user: UserId) -> [u8; HASH_BYTES] {
        let hash = Sha256::new()
            .chain_update("rustok: a recovery code")
            .chain_update(user.as_uuid())
            .chain_update(&self.0);
        hash.finalize().into()
    }

    /// The hashes that are left when this code is taken; `None` if it is not among them. It takes the same time for each.
    #[must_use]
    pub fn take_from(&self, user: UserId, hashes: &[u8]) -> Option<Vec<u8>> {
        let own = self.hash(user);
        let (stored, _) = hashes.as_chunks::<HASH_BYTES>();
        let mut left = Vec::with_capacity(hashes.len());
        for hash in stored {
            if !bool::from(hash.ct_eq(&own)) {
                left.extend_from_slice(hash);
            }
        }
        (left.len() < hashes.len()).then_some(left)
    }
}

/// What a person types as the second factor.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SecondCode {
    /// Six digits of the app.
    App(SignInCode),
    /// A recovery code.
    Recovery(RecoveryCode),
}

impl SecondCode {
    /// A code as typed, with spaces and hyphens where a person puts them.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        if let Some(code) = SignInCode::parse(text) {
            return Some(Self::App(code));
        }
        if text.len() > 60 {
            return None;
        }
        let letters = text.chars().filter(|c| !matches!(c, ' ' | '-'));
        let letters: String = letters.map(|c| c.to_ascii_uppercase()).collect();
        let is_code = letters.len() == 16 && letters.bytes().all(|byte| BASE32.contains(&byte));
        is_code.then_some(Self::Recovery(RecoveryCode(letters)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use uuid::Uuid;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    /// RFC 6238, appendix B: the last six of the eight digits.
    #[test]
    fn codes_are_those_of_the_rfc() {
        let seed = Seed::stored(b"12345678901234567890").unwrap();
        for (second, code) in [
            (59, "287082"),
            (1_111_111_109, "081804"),
            (1_111_111_111, "050471"),
            (1_234_567_890, "005924"),
            (2_000_000_000, "279037"),
            (20_000_000_000, "353130"),
        ] {
            assert_eq!(seed.code(step(at(second))).as_str(), code, "{second}");
        }
        assert_eq!(seed.key(), "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ");
        assert_eq!(Seed::of_key(&seed.key()).unwrap().as_bytes(), seed.as_bytes());
        assert!(Seed::of_key("GEZDGNBV").is_none() && Seed::of_key("0").is_none());
        assert_eq!(
            seed.address("Tea & more", "jane@example.com"),
            "otpauth://totp/Tea%20%26%20more:jane%40example.com?secret=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ\
             &issuer=Tea%20%26%20more"
        );
        assert!(!format!("{seed:?}").contains('1'));
        assert!(Seed::stored(b"1234567890").is_none());
    }

    /// RFC 4648, 10.
    #[test]
    fn base32_is_that_of_the_rfc() {
        for (bytes, text) in [
            ("", ""),
            ("f", "MY"),
            ("fo", "MZXQ"),
            ("foo", "MZXW6"),
            ("foob", "MZXW6YQ"),
            ("fooba", "MZXW6YTB"),
        ] {
            assert_eq!(base32(bytes.as_bytes()), text);
        }
    }

    #[test]
    fn a_code_works_a_step_before_and_after_and_once() {
        let seed = Seed::stored(&[7; SEED_BYTES]).unwrap();
        let now = at(3_000_000);
        let current = step(now);
        for (offset, works) in [(-2, false), (-1, true), (0, true), (1, true), (2, false)] {
            let code = seed.code(current + offset);
            let expected = works.then_some(current + offset);
            assert_eq!(seed.find_step(&code, now, 0), expected, "{offset}");
            assert_eq!(seed.find_step(&code, now, current + offset), None, "{offset}");
        }
    }

    #[test]
    fn a_recovery_code_is_taken_once_by_its_person() {
        let user = |n| UserId::from_uuid(Uuid::from_u128(n));
        let code = |text: &str| match SecondCode::parse(text) {
            Some(SecondCode::Recovery(code)) => code,
            other => panic!("{other:?}"),
        };
        let (one, two) = (code("AAAA-BBBB-CCCC-2222"), code("aaaabbbbcccc3333"));
        assert_eq!(one.shown(), "AAAA-BBBB-CCCC-2222");
        assert_eq!(code(&one.shown().to_lowercase()), one);
        let hashes = [one.hash(user(1)), two.hash(user(1))].concat();
        let left = one.take_from(user(1), &hashes).unwrap();
        assert_eq!(left, two.hash(user(1)));
        assert_eq!(one.take_from(user(1), &left), None);
        assert_eq!(one.take_from(user(2), &hashes), None);
        assert!(!format!("{one:?}").contains("AAAA"));
        for wrong in ["", "AAAA-BBBB-CCCC-222", "AAAA-BBBB-CCCC-0000", &"A".repeat(61)] {
            assert_eq!(SecondCode::parse(wrong), None, "{wrong}");
        }
        assert!(matches!(SecondCode::parse("123 456"), Some(SecondCode::App(_))));
    }
}

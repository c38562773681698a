//! Bearer secrets: 256 random bits, shown once, stored only as a SHA-256 hash.
//!
//! A secret must never reach a log, a database or an error text: it has no `Display`, its `Debug` shows only the
//! kind, and no error here repeats the input.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use rand::CryptoRng;
use sha2::{Digest, Sha256};
use std::fmt;
use subtle::{Choice, ConstantTimeEq};
use thiserror::Error;

/// The length of every secret's text, in bytes: a prefix of 4, then 43 characters for 32 bytes.
pub const SECRET_TEXT_BYTES: usize = 47;

const PREFIX_BYTES: usize = 4;

/// The maximum length of an `Authorization` value, in bytes: the scheme, the secret, and some spaces between them.
pub const MAX_BEARER_BYTES: usize = 128;

/// What a secret gives access to. The kind is part of the text and of the hash, so a secret of one kind is never
/// accepted as another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum SecretKind {
    /// `rtk_`: a token of a tenant.
    Tenant,
    /// `rtp_`: a token of the platform.
    Platform,
    /// `ros_`: the secret of one order.
    Order,
    /// `rts_`: a session of a member.
    Session,
    /// `rsl_`: a link that opens a session, once.
    Link,
    /// `rti_`: an invitation to become a member.
    Invitation,
    /// `rpr_`: a link that sets a new password, once.
    Reset,
    /// `rtc_`: what a browser has that asked for a code.
    Code,
}

impl SecretKind {
    const ALL: [Self; 8] = [
        Self::Tenant,
        Self::Platform,
        Self::Order,
        Self::Session,
        Self::Link,
        Self::Invitation,
        Self::Reset,
        Self::Code,
    ];

    /// The first four characters of the text; secret scanners also search for them.
    #[must_use]
    pub const fn prefix(self) -> &'static str {
        match self {
            Self::Tenant => "rtk_",
            Self::Platform => "rtp_",
            Self::Order => "ros_",
            Self::Session => "rts_",
            Self::Link => "rsl_",
            Self::Invitation => "rti_",
            Self::Reset => "rpr_",
            Self::Code => "rtc_",
        }
    }
}

/// Why a text is not a secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum TokenParseError {
    /// The `Authorization` value is longer than any valid one.
    #[error("the authorization value is too long")]
    TooLong,
    /// The scheme is not `Bearer`, or nothing follows it.
    #[error("the authorization scheme is not Bearer")]
    NotBearer,
    /// Not a secret in the format of this server.
    #[error("the token is malformed")]
    Malformed,
}

/// A secret in clear text. It exists only until it is shown or hashed.
#[derive(Clone)]
pub struct TokenSecret {
    kind: SecretKind,
    bytes: [u8; 32],
}

impl TokenSecret {
    /// Generates a secret. Outside tests, `rng` must be seeded by the operating system.
    #[must_use]
    pub fn generate(kind: SecretKind, rng: &mut impl CryptoRng) -> Self {
        let mut bytes = [0; 32];
        rng.fill_bytes(&mut bytes);
        Self { kind, bytes }
    }

    /// A secret from 256 bits that are already random.
    #[must_use]
    pub const fn from_random_bytes(kind: SecretKind, bytes: [u8; 32]) -> Self {
        Self { kind, bytes }
    }

    /// Parses a secret's text. Each secret has exactly one text: no padding, no spare bits, no spaces.
    ///
    /// # Errors
    /// [`TokenParseError::Malformed`].
    pub fn parse(text: impl AsRef<[u8]>) -> Result<Self, TokenParseError> {
        let text = text.as_ref();
        if text.len() != SECRET_TEXT_BYTES {
            return Err(TokenParseError::Malformed);
        }
        let (prefix, encoded) = text.split_at(PREFIX_BYTES);
        let kind = SecretKind::ALL
            .into_iter()
            .find(|kind| kind.prefix().as_bytes() == prefix);
        let mut bytes = [0; 32];
        match (kind, URL_SAFE_NO_PAD.decode_slice(encoded, &mut bytes)) {
            (Some(kind), Ok(32)) => Ok(Self { kind, bytes }),
            _ => Err(TokenParseError::Malformed),
        }
    }

    /// Parses the value of an `Authorization` header (RFC 6750, 2.1): `Bearer`, case-insensitive, one or more spaces,
    /// and a tenant's or the platform's token. The other secrets are not bearer tokens.
    ///
    /// # Errors
    /// The [`TokenParseError`] for the value.
    pub fn from_bearer(value: impl AsRef<[u8]>) -> Result<Self, TokenParseError> {
        let value = value.as_ref();
        if value.len() > MAX_BEARER_BYTES {
            return Err(TokenParseError::TooLong);
        }
        let end = value
            .iter()
            .position(|&b| b == b' ')
            .ok_or(TokenParseError::NotBearer)?;
        let (scheme, rest) = value.split_at(end);
        if !scheme.eq_ignore_ascii_case(b"bearer") {
            return Err(TokenParseError::NotBearer);
        }
        let start = rest
            .iter()
            .position(|&b| b != b' ')
            .ok_or(TokenParseError::NotBearer)?;
        let secret = Self::parse(&rest[start..])?;
        match secret.kind {
            SecretKind::Tenant | SecretKind::Platform => Ok(secret),
            SecretKind::Order
            | SecretKind::Session
            | SecretKind::Link
            | SecretKind::Invitation
            | SecretKind::Reset
            | SecretKind::Code => Err(TokenParseError::Malformed),
        }
    }

    /// The kind of access that it gives.
    #[must_use]
    pub const fn kind(&self) -> SecretKind {
        self.kind
    }

    /// The text in clear, to be shown once to its owner.
    #[must_use]
    pub fn expose(&self) -> String {
        let mut text = String::with_capacity(SECRET_TEXT_BYTES);
        text.push_str(self.kind.prefix());
        URL_SAFE_NO_PAD.encode_string(self.bytes, &mut text);
        text
    }

    /// The hash to store and look up. A plain hash is enough: 256 random bits cannot be guessed, so a salt or a slow
    /// hash would add no protection.
    #[must_use]
    pub fn hash(&self) -> TokenHash {
        TokenHash(
            Sha256::new()
                .chain_update(self.kind.prefix())
                .chain_update(self.bytes)
                .finalize()
                .into(),
        )
    }
}

impl TokenSecret {
    /// The token that forms of pages in this session carry: it is derived from the secret, so it needs no storage, and
    /// only pages that the session was shown contain it.
    #[must_use]
    pub fn form_token(&self) -> FormToken {
        let digest = Sha256::new()
            .chain_update("form ")
            .chain_update(self.kind.prefix())
            .chain_update(self.bytes)
            .finalize();
        FormToken(URL_SAFE_NO_PAD.encode(digest))
    }
}

/// Proves that a form comes from a page that this session was shown. Compared in constant time.
#[derive(Clone)]
pub struct FormToken(String);

impl FormToken {
    /// The text for a hidden field.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// Whether a form that was sent carries this token.
    #[must_use]
    pub fn matches(&self, sent: &str) -> bool {
        self.0.as_bytes().ct_eq(sent.as_bytes()).into()
    }
}

impl fmt::Debug for FormToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("FormToken(<redacted>)")
    }
}

impl fmt::Debug for TokenSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "TokenSecret({}<redacted>)", self.kind.prefix())
    }
}

/// SHA-256 over the prefix and bytes of a secret, the only part that is stored. Compared in constant time.
#[derive(Clone, Copy, Eq)]
pub struct TokenHash([u8; 32]);

impl TokenHash {
    /// A hash that was read from the database.
    #[must_use]
    pub const fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// The bytes to store or to look up.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

/// The stored value is not 32 bytes long.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("a token hash has 32 bytes")]
pub struct WrongHashLength;

impl TryFrom<&[u8]> for TokenHash {
    type Error = WrongHashLength;

    fn try_from(bytes: &[u8]) -> Result<Self, Self::Error> {
        bytes.try_into().map(Self).map_err(|_| WrongHashLength)
    }
}

impl ConstantTimeEq for TokenHash {
    fn ct_eq(&self, other: &Self) -> Choice {
        self.0.ct_eq(&other.0)
    }
}

impl PartialEq for TokenHash {
    fn eq(&self, other: &Self) -> bool {
        self.ct_eq(other).into()
    }
}

impl fmt::Debug for TokenHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TokenHash(<redacted>)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use rand::SeedableRng;
    use rand::rngs::StdRng;

    fn secret(kind: SecretKind) -> TokenSecret {
        TokenSecret::generate(kind, &mut StdRng::seed_from_u64(7))
    }

    #[test]
    fn a_form_token_is_of_one_secret_and_does_not_show_it() {
        let (one, other) = (
            TokenSecret::from_random_bytes(SecretKind::Session, [1; 32]),
            TokenSecret::from_random_bytes(SecretKind::Session, [2; 32]),
        );
        let token = one.form_token();
        assert!(token.matches(one.form_token().expose()));
        assert!(!token.matches(other.form_token().expose()) && !token.matches(""));
        assert!(!one.expose().contains(token.expose()));
        assert_eq!(format!("{token:?}"), "FormToken(<redacted>)");
    }

    #[test]
    fn text_is_prefix_and_43_url_safe_characters() {
        let zero = TokenSecret::from_random_bytes(SecretKind::Tenant, [0; 32]);
        assert_eq!(zero.expose(), format!("rtk_{}", "A".repeat(43)));
        let ones = TokenSecret::from_random_bytes(SecretKind::Platform, [255; 32]);
        assert_eq!(ones.expose(), format!("rtp_{}8", "_".repeat(42)));
        assert!(secret(SecretKind::Order).expose().starts_with("ros_"));
    }

    #[test]
    fn each_secret_is_new() {
        let mut rng = StdRng::seed_from_u64(7);
        let first = TokenSecret::generate(SecretKind::Tenant, &mut rng);
        assert_ne!(
            first.expose(),
            TokenSecret::generate(SecretKind::Tenant, &mut rng).expose()
        );
    }

    #[test]
    fn hash_is_sha_256_of_prefix_and_bytes() {
        // printf 'rtk_' | cat - <(head -c 32 /dev/zero) | sha256sum
        let zero = TokenSecret::from_random_bytes(SecretKind::Tenant, [0; 32]).hash();
        let hex: String = zero.as_bytes().iter().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!(
            hex,
            "7dcd2cafb2cc998b421f97ad7592d1ecf8bb04ad7f3e163b8e8c3fc5da2b5c48"
        );
    }

    #[test]
    fn the_same_bits_of_another_kind_are_another_secret() {
        let hashes = SecretKind::ALL.map(|kind| secret(kind).hash());
        for (place, hash) in hashes.iter().enumerate() {
            assert!(!hashes[..place].contains(hash), "{place}");
        }
    }

    #[test]
    fn hashes_compare_by_every_byte() {
        let hash = secret(SecretKind::Tenant).hash();
        assert_eq!(hash, TokenHash::try_from(hash.as_bytes().as_slice()).unwrap());
        for at in 0..32 {
            let mut other = *hash.as_bytes();
            other[at] ^= 1;
            assert_ne!(hash, TokenHash::from_bytes(other));
        }
        assert_eq!(TokenHash::try_from([0; 31].as_slice()), Err(WrongHashLength));
        assert_eq!(TokenHash::try_from([0; 33].as_slice()), Err(WrongHashLength));
    }

    #[test]
    fn debug_shows_neither_secret_nor_hash() {
        let secret = secret(SecretKind::Tenant);
        assert_eq!(format!("{secret:?}"), "TokenSecret(rtk_<redacted>)");
        assert_eq!(format!("{:?}", secret.hash()), "TokenHash(<redacted>)");
    }

    #[test]
    fn only_the_exact_text_is_a_secret() {
        let text = secret(SecretKind::Tenant).expose();
        assert_eq!(
            TokenSecret::parse(&text).unwrap().hash(),
            secret(SecretKind::Tenant).hash()
        );
        for wrong in [
            String::new(),
            text[..46].to_owned(),
            format!("{text}A"),
            format!("{text}="),
            format!(" {}", &text[..46]),
            text.replacen("rtk_", "RTK_", 1),
            text.replacen("rtk_", "rtx_", 1),
            format!("rtk_{}+", &text[4..46]),
            // The last character has two spare bits: `B` would be a second text for 32 zero bytes.
            format!("rtk_{}B", "A".repeat(42)),
            format!("rtk_{}", "é".repeat(43)),
        ] {
            assert_eq!(
                TokenSecret::parse(&wrong).unwrap_err(),
                TokenParseError::Malformed,
                "{wrong:?}"
            );
        }
    }

    #[test]
    fn bearer_values_are_read_as_rfc_6750_says() {
        for kind in [SecretKind::Tenant, SecretKind::Platform] {
            let text = secret(kind).expose();
            for value in [
                format!("Bearer {text}"),
                format!("bearer {text}"),
                format!("BEARER   {text}"),
            ] {
                let read = TokenSecret::from_bearer(&value).unwrap();
                assert_eq!((read.kind(), read.hash()), (kind, secret(kind).hash()));
            }
        }
    }

    #[test]
    fn other_authorization_values_are_refused() {
        use TokenParseError::{Malformed, NotBearer, TooLong};
        let text = secret(SecretKind::Tenant).expose();
        for (value, error) in [
            (String::new(), NotBearer),
            ("Bearer".to_owned(), NotBearer),
            ("Bearer   ".to_owned(), NotBearer),
            (text.clone(), NotBearer),
            (format!("Bearer{text}"), NotBearer),
            (format!(" Bearer {text}"), NotBearer),
            (format!("Basic {text}"), NotBearer),
            (format!("Bearer\t{text}"), NotBearer),
            (format!("Bearer {text} "), Malformed),
            (format!("Bearer {text}, Bearer {text}"), Malformed),
            (
                format!("Bearer {}", secret(SecretKind::Order).expose()),
                Malformed,
            ),
            (
                format!("Bearer {}", secret(SecretKind::Session).expose()),
                Malformed,
            ),
            (format!("Bearer {}", "a".repeat(121)), Malformed),
            (format!("Bearer {}", "a".repeat(122)), TooLong),
        ] {
            assert_eq!(TokenSecret::from_bearer(&value).unwrap_err(), error, "{value:?}");
        }
        assert_eq!(
            TokenSecret::from_bearer(b"Bearer \xff\xfe").unwrap_err(),
            Malformed
        );
    }

    proptest! {
        #[test]
        fn text_round_trips(bytes in any::<[u8; 32]>(), kind in prop::sample::select(&SecretKind::ALL[..])) {
            let secret = TokenSecret::from_random_bytes(kind, bytes);
            let read = TokenSecret::parse(secret.expose()).unwrap();
            prop_assert_eq!((read.kind, read.bytes), (kind, bytes));
        }

        #[test]
        fn whatever_is_read_is_the_text_of_what_was_read(text in "(rtk_|rtp_|ros_|rts_|rsl_|rti_)[A-Za-z0-9_-]{43}") {
            if let Ok(read) = TokenSecret::parse(&text) {
                prop_assert_eq!(read.expose(), text);
            }
        }
    }
}

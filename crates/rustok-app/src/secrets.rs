//! Sealed records: what must be read again, such as the text of a mail that waits, and must show in no dump and no backup.
//!
//! A record is sealed with XChaCha20-Poly1305 under the secret key of the installation. It begins with the id of its key,
//! so that records of an older key stay readable while all are sealed again under a new one. The place of a record (table,
//! tenant or account, row) is authenticated with it: a record that was copied to another row does not open. A key must
//! never show in a log, in settings that are printed, or in the database. See docs/adr/0039.

use crate::context::Services;
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use chacha20poly1305::aead::{Aead, KeyInit, Payload};
use chacha20poly1305::{XChaCha20Poly1305, XNonce};
use rand::Rng as _;
use rustok_core::error::{ErrorKind, RichError};
use sha2::{Digest, Sha256};
use std::fmt;
use uuid::Uuid;

/// The format of a record: its first byte.
const FORMAT: u8 = 1;
/// In bytes: the beginning of a hash of the key.
const KEY_ID_BYTES: usize = 8;
/// In bytes. Random nonces of this length do not collide in practice (draft-irtf-cfrg-xchacha-03, 2.1).
const NONCE_BYTES: usize = 24;
/// In bytes.
const KEY_BYTES: usize = 32;

/// A key that seals records.
#[derive(Clone)]
pub struct SecretKey {
    id: [u8; KEY_ID_BYTES],
    cipher: XChaCha20Poly1305,
}

/// Without the key.
impl fmt::Debug for SecretKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SecretKey").finish_non_exhaustive()
    }
}

impl SecretKey {
    /// A key of 32 random bytes.
    #[must_use]
    pub fn new(bytes: [u8; KEY_BYTES]) -> Self {
        let hash: [u8; 32] = Sha256::new()
            .chain_update("rustok: the id of a secret key")
            .chain_update(bytes)
            .finalize()
            .into();
        let [a, b, c, d, e, f, g, h, ..] = hash;
        Self {
            id: [a, b, c, d, e, f, g, h],
            cipher: XChaCha20Poly1305::new(&bytes.into()),
        }
    }

    /// A key in base64, as `openssl rand -base64 32` and [`Self::generate`] write it; `None` if it is not 32 bytes.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let text = text.trim();
        let bytes = STANDARD
            .decode(text)
            .or_else(|_| URL_SAFE_NO_PAD.decode(text.trim_end_matches('=')))
            .ok()?;
        Some(Self::new(bytes.try_into().ok()?))
    }

    /// The text of a new key, from the random generator of the operating system.
    #[must_use]
    pub fn generate() -> String {
        let mut bytes = [0; KEY_BYTES];
        rand::make_rng::<rand::rngs::StdRng>().fill_bytes(&mut bytes);
        STANDARD.encode(bytes)
    }
}

/// Where a sealed record belongs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place {
    /// The table.
    pub table: &'static str,
    /// The tenant, or the account where no tenant owns the row.
    pub owner: Uuid,
    /// The id of the row.
    pub id: Uuid,
}

impl Place {
    fn bytes(&self) -> Vec<u8> {
        [
            self.table.as_bytes(),
            &[0],
            self.owner.as_bytes(),
            self.id.as_bytes(),
        ]
        .concat()
    }
}

/// The keys of a process: one seals, all open.
#[derive(Debug, Clone, Default)]
pub struct Keyring {
    /// The first one seals.
    keys: Vec<SecretKey>,
}

impl Keyring {
    /// A ring with the key that seals, and older ones that only open what they sealed.
    #[must_use]
    pub fn new(current: SecretKey, old: impl IntoIterator<Item = SecretKey>) -> Self {
        Self {
            keys: std::iter::once(current).chain(old).collect(),
        }
    }

    /// Whether there is a key.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.keys.is_empty()
    }

    /// Seals a record. Never use a nonce twice.
    fn seal(&self, place: &Place, record: &[u8], nonce: [u8; NONCE_BYTES]) -> Result<Vec<u8>, RichError> {
        let key = self.keys.first().ok_or_else(missing)?;
        let payload = Payload {
            msg: record,
            aad: &place.bytes(),
        };
        let sealed = key.cipher.encrypt(&XNonce::from(nonce), payload);
        let sealed =
            sealed.map_err(|_| RichError::new(ErrorKind::Internal, "a record could not be sealed"))?;
        Ok([&[FORMAT][..], &key.id, &nonce, &sealed].concat())
    }

    /// Opens a sealed record.
    ///
    /// # Errors
    /// `secret_key_missing` when its key is not in the ring; an internal error when it was altered or belongs elsewhere.
    pub fn open(&self, place: &Place, sealed: &[u8]) -> Result<Vec<u8>, RichError> {
        let altered = || RichError::new(ErrorKind::Internal, "a sealed record was altered");
        let (format, rest) = sealed.split_first().ok_or_else(altered)?;
        let (id, rest) = rest.split_first_chunk::<KEY_ID_BYTES>().ok_or_else(altered)?;
        let (nonce, sealed) = rest.split_first_chunk::<NONCE_BYTES>().ok_or_else(altered)?;
        if *format != FORMAT {
            return Err(altered());
        }
        let key = self.keys.iter().find(|key| key.id == *id);
        let payload = Payload {
            msg: sealed,
            aad: &place.bytes(),
        };
        let opened = key
            .ok_or_else(missing)?
            .cipher
            .decrypt(&XNonce::from(*nonce), payload);
        opened.map_err(|_| altered())
    }

    /// Refuses what needs a key where there is none.
    pub(crate) fn check(&self) -> Result<(), RichError> {
        if self.is_empty() { Err(missing()) } else { Ok(()) }
    }

    /// Whether a record is sealed with the key that seals now.
    #[must_use]
    pub fn is_current(&self, sealed: &[u8]) -> bool {
        let id = sealed.get(1..=KEY_ID_BYTES);
        self.keys.first().is_some_and(|key| id == Some(&key.id[..]))
    }
}

fn missing() -> RichError {
    RichError::new(ErrorKind::Unavailable, "no key for a sealed record")
        .with_code("secret_key_missing")
        .with_public("This server has no RUSTOK_SECRET_KEY, or another one than before, and this needs it.")
}

impl Services {
    /// Seals a record of this place.
    ///
    /// # Errors
    /// `secret_key_missing`.
    pub fn seal(&self, place: &Place, record: &[u8]) -> Result<Vec<u8>, RichError> {
        let mut nonce = [0; NONCE_BYTES];
        self.with_rng(|rng| rng.fill_bytes(&mut nonce));
        self.secrets.seal(place, record, nonce)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PLACE: Place = Place {
        table: "mails",
        owner: Uuid::from_u128(1),
        id: Uuid::from_u128(2),
    };

    fn key(byte: u8) -> SecretKey {
        SecretKey::new([byte; 32])
    }

    #[test]
    fn a_record_opens_at_its_place_only() {
        let ring = Keyring::new(key(1), []);
        let sealed = ring.seal(&PLACE, b"canary", [3; 24]).unwrap();
        assert!(!sealed.windows(6).any(|bytes| bytes == b"canary"));
        assert_eq!(ring.open(&PLACE, &sealed).unwrap(), b"canary");
        assert_ne!(ring.seal(&PLACE, b"canary", [4; 24]).unwrap(), sealed);
        let (one, two) = (Uuid::from_u128(1), Uuid::from_u128(2));
        for other in [
            Place {
                table: "mail",
                ..PLACE
            },
            Place { owner: two, ..PLACE },
            Place { id: one, ..PLACE },
        ] {
            assert_eq!(
                ring.open(&other, &sealed).unwrap_err().code(),
                "internal",
                "{other:?}"
            );
        }
        for at in [0, 9, 33, sealed.len() - 1] {
            let mut altered = sealed.clone();
            altered[at] ^= 1;
            assert_eq!(
                ring.open(&PLACE, &altered).unwrap_err().code(),
                "internal",
                "{at}"
            );
        }
        for length in [0, 8, 32, 40] {
            let cut = ring.open(&PLACE, &sealed[..length]).unwrap_err();
            assert_eq!(cut.code(), "internal", "{length}");
        }
    }

    #[test]
    fn an_older_key_opens_what_it_sealed_and_seals_nothing() {
        let old = Keyring::new(key(1), []).seal(&PLACE, b"x", [0; 24]).unwrap();
        let ring = Keyring::new(key(2), [key(1)]);
        assert_eq!(ring.open(&PLACE, &old).unwrap(), b"x");
        assert!(!ring.is_current(&old));
        let new = ring.seal(&PLACE, b"x", [0; 24]).unwrap();
        assert!(ring.is_current(&new));
        for ring in [Keyring::new(key(1), []), Keyring::default()] {
            assert_eq!(ring.open(&PLACE, &new).unwrap_err().code(), "secret_key_missing");
        }
        assert_eq!(
            Keyring::default().seal(&PLACE, b"x", [0; 24]).unwrap_err().code(),
            "secret_key_missing"
        );
    }

    #[test]
    fn a_key_is_32_bytes_in_base64() {
        let text = SecretKey::generate();
        assert_ne!(SecretKey::generate(), text);
        let parsed = SecretKey::parse(&format!(" {text}\n")).unwrap();
        assert!(!format!("{parsed:?}").contains(&text));
        let bytes = STANDARD.encode([0xff; 32]);
        let url_safe = URL_SAFE_NO_PAD.encode([0xff; 32]);
        assert_eq!(
            SecretKey::parse(&bytes).unwrap().id,
            SecretKey::parse(&url_safe).unwrap().id
        );
        for wrong in ["", "secret", &STANDARD.encode([1; 31]), &STANDARD.encode([1; 33])] {
            assert!(SecretKey::parse(wrong).is_none(), "{wrong}");
        }
    }
}

//! The identity of a request with an `Idempotency-Key`, and the encryption of its stored response.
//!
//! The client's key is never stored: the database gets a hash of it, to find the response, and the response encrypted
//! with a key derived from it. Neither a dump nor a backup thus reveals a response, such as the secret of an order;
//! only a client that repeats the key gets it. See docs/adr/0011.

use chacha20poly1305::aead::{Aead, KeyInit, Payload};
use chacha20poly1305::{XChaCha20Poly1305, XNonce};
use rustok_core::error::{ErrorKind, RichError};
use rustok_storage::idempotency::{IdempotencyRecord, IdempotencyScope, SealedReply, StoredReply};
use sha2::{Digest, Sha256};
use std::fmt;

/// In bytes. Random nonces of this length do not collide in practice (draft-irtf-cfrg-xchacha-03, 2.1).
const NONCE_BYTES: usize = 24;

/// A request with an `Idempotency-Key`.
#[derive(Clone)]
pub struct Idempotency {
    /// Actor, route and a hash of the key.
    pub(crate) scope: IdempotencyScope,
    /// SHA-256 of the body, to detect that a key is reused for another request.
    body_hash: [u8; 32],
    /// The encryption key of the response.
    seal_key: [u8; 32],
}

impl Idempotency {
    /// The request of `actor` (in its stable text form) to `route` (method and path) with this key and body.
    #[must_use]
    pub fn new(actor: String, route: String, key: &str, body: &[u8]) -> Self {
        let hashed = |purpose: &str| digest(&[purpose, &actor, &route, key].map(str::as_bytes));
        Self {
            body_hash: Sha256::digest(body).into(),
            seal_key: hashed("rustok: answers are sealed with this"),
            scope: IdempotencyScope {
                key_hash: hashed("rustok: answers are found by this"),
                actor,
                route,
            },
        }
    }

    /// Encrypts a response for storage. Never use a nonce twice.
    pub(crate) fn seal(
        &self,
        reply: &StoredReply,
        nonce: [u8; NONCE_BYTES],
    ) -> Result<IdempotencyRecord, RichError> {
        let sealed = self
            .cipher()
            .encrypt(&XNonce::from(nonce), self.payload(&reply.body))
            .map_err(|_| RichError::new(ErrorKind::Internal, "an answer could not be sealed"))?;
        let mut sealed_body = nonce.to_vec();
        sealed_body.extend(sealed);
        Ok(IdempotencyRecord {
            body_hash: self.body_hash,
            reply: SealedReply {
                status: reply.status,
                headers: reply.headers.clone(),
                sealed_body,
            },
        })
    }

    /// Decrypts a stored response.
    ///
    /// # Errors
    /// `idempotency_key_reused` if it belongs to a request with another body.
    pub(crate) fn open(&self, record: IdempotencyRecord) -> Result<StoredReply, RichError> {
        if record.body_hash != self.body_hash {
            return Err(
                RichError::new(ErrorKind::Validation, "idempotency key with another body")
                    .with_code("idempotency_key_reused")
                    .with_public(
                        "This Idempotency-Key was used for a request with another body. Take a new key.",
                    ),
            );
        }
        let SealedReply {
            status,
            headers,
            sealed_body,
        } = record.reply;
        let body = sealed_body
            .split_first_chunk::<NONCE_BYTES>()
            .and_then(|(nonce, sealed)| {
                self.cipher()
                    .decrypt(&XNonce::from(*nonce), self.payload(sealed))
                    .ok()
            });
        let body = body.ok_or_else(|| RichError::new(ErrorKind::Internal, "a kept answer was altered"))?;
        Ok(StoredReply {
            status,
            headers,
            body,
        })
    }

    fn cipher(&self) -> XChaCha20Poly1305 {
        XChaCha20Poly1305::new(&self.seal_key.into())
    }

    /// Authenticates the hash of the request's body together with the response.
    fn payload<'a>(&'a self, body: &'a [u8]) -> Payload<'a, 'a> {
        Payload {
            msg: body,
            aad: &self.body_hash,
        }
    }
}

impl fmt::Debug for Idempotency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Idempotency")
            .field("scope", &self.scope)
            .finish_non_exhaustive()
    }
}

/// SHA-256 over the parts, encoded unambiguously.
fn digest(parts: &[&[u8]]) -> [u8; 32] {
    let mut hash = Sha256::new();
    for part in parts {
        hash.update(part.len().to_be_bytes());
        hash.update(part);
    }
    hash.finalize().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(actor: &str, route: &str, key: &str, body: &str) -> Idempotency {
        Idempotency::new(actor.to_owned(), route.to_owned(), key, body.as_bytes())
    }

    fn reply() -> StoredReply {
        StoredReply {
            status: 201,
            headers: vec![("etag".to_owned(), "\"1\"".to_owned())],
            body: b"{\"secret\":\"canary\"}".to_vec(),
        }
    }

    #[test]
    fn parts_do_not_mix() {
        let first = request("ab", "c", "k", "");
        let other = request("a", "bc", "k", "");
        assert_ne!(first.scope.key_hash, other.scope.key_hash);
    }

    #[test]
    fn only_the_key_opens_what_it_sealed() {
        let first = request("a", "r", "k", "body");
        let record = first.seal(&reply(), [1; 24]).unwrap();
        let resting = format!("{record:?} {first:?}");
        let canary = b"canary";
        assert!(
            !record
                .reply
                .sealed_body
                .windows(canary.len())
                .any(|bytes| bytes == canary)
        );
        assert!(
            !resting.contains("\"k\"") && !resting.contains("canary"),
            "{resting}"
        );
        assert_eq!(first.open(record.clone()).unwrap(), reply());
        for other in [
            request("a", "r", "k2", "body"),
            request("a", "r2", "k", "body"),
            request("a2", "r", "k", "body"),
        ] {
            assert_eq!(other.open(record.clone()).unwrap_err().code(), "internal");
        }
        // The ciphertext depends on the nonce.
        assert_ne!(first.seal(&reply(), [2; 24]).unwrap(), record);
    }

    #[test]
    fn what_was_altered_or_answers_another_body_is_not_told() {
        let first = request("a", "r", "k", "body");
        let record = first.seal(&reply(), [1; 24]).unwrap();
        let another = request("a", "r", "k", "another");
        assert_eq!(
            another.open(record.clone()).unwrap_err().code(),
            "idempotency_key_reused"
        );
        // A forged body hash in the record does not help either.
        let mut lying = record.clone();
        lying.body_hash = another.body_hash;
        assert_eq!(another.open(lying).unwrap_err().code(), "internal");
        for at in [0, 24, record.reply.sealed_body.len() - 1] {
            let mut altered = record.clone();
            altered.reply.sealed_body[at] ^= 1;
            assert_eq!(first.open(altered).unwrap_err().code(), "internal", "{at}");
        }
        let mut cut = record;
        cut.reply.sealed_body.truncate(23);
        assert_eq!(first.open(cut).unwrap_err().code(), "internal");
    }
}

//! The source hash: SHA-256 over the meaning of a product or item, so that a second import of the same file is
//! detected as unchanged. Must stay stable: a different order or tag makes every product of every shop look changed.

use sha2::{Digest as _, Sha256};

/// Hashes a sequence of fields; each is length-prefixed, so that moving text between fields changes the hash.
#[derive(Debug, Clone)]
pub(crate) struct Digest(Sha256);

impl Digest {
    /// `scheme` names the hashed type and its version.
    pub(crate) fn new(scheme: &str) -> Self {
        let mut digest = Self(Sha256::new());
        digest.text(scheme);
        digest
    }

    pub(crate) fn text(&mut self, text: &str) {
        self.number(u64::try_from(text.len()).unwrap_or(u64::MAX));
        self.0.update(text.as_bytes());
    }

    /// An absent text hashes differently from an empty one.
    pub(crate) fn optional(&mut self, text: Option<&str>) {
        self.flag(text.is_some());
        if let Some(text) = text {
            self.text(text);
        }
    }

    pub(crate) fn number(&mut self, number: u64) {
        self.0.update(number.to_be_bytes());
    }

    pub(crate) fn signed(&mut self, number: i64) {
        self.0.update(number.to_be_bytes());
    }

    pub(crate) fn flag(&mut self, flag: bool) {
        self.0.update([u8::from(flag)]);
    }

    /// Starts a list: its length separates adjacent lists.
    pub(crate) fn list(&mut self, length: usize) {
        self.number(u64::try_from(length).unwrap_or(u64::MAX));
    }

    pub(crate) fn finish(self) -> [u8; 32] {
        self.0.finalize().into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(parts: &[Option<&str>]) -> [u8; 32] {
        let mut digest = Digest::new("test:1");
        for part in parts {
            digest.optional(*part);
        }
        digest.finish()
    }

    #[test]
    fn where_a_text_stands_matters() {
        assert_eq!(of(&[Some("ab"), Some("c")]), of(&[Some("ab"), Some("c")]));
        assert_ne!(of(&[Some("ab"), Some("c")]), of(&[Some("a"), Some("bc")]));
        assert_ne!(of(&[Some("")]), of(&[None]));
        assert_ne!(Digest::new("test:1").finish(), Digest::new("test:2").finish());
    }
}

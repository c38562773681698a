//! The identifiers already used in a file, and their lines. Sixteen bytes each, whatever their length; must never
//! keep the identifiers themselves.

use crate::digest::Digest;
use std::collections::HashMap;
use std::collections::hash_map::Entry;

/// Maximum number of products or nodes in one file; further ones are rejected, so that the table stays bounded (about
/// 80 MB).
pub(crate) const MAX_IDENTIFIERS: usize = 2_000_000;

/// The result of [`Seen::insert`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Sighting {
    First,
    /// Used before, on this line.
    Again(u64),
    /// The file has more than [`MAX_IDENTIFIERS`].
    Full,
}

/// See the module documentation. A 64-bit hash: two of 100,000 identifiers collide once in 3.7 billion files.
#[derive(Debug, Default)]
pub(crate) struct Seen(HashMap<u64, u64>);

impl Seen {
    pub(crate) fn insert(&mut self, identifier: &str, line: u64) -> Sighting {
        let mut digest = Digest::new("identifier:1");
        digest.text(identifier);
        let [a, b, c, d, e, f, g, h, ..] = digest.finish();
        let full = self.0.len() >= MAX_IDENTIFIERS;
        match self.0.entry(u64::from_be_bytes([a, b, c, d, e, f, g, h])) {
            Entry::Occupied(earlier) => Sighting::Again(*earlier.get()),
            Entry::Vacant(_) if full => Sighting::Full,
            Entry::Vacant(place) => {
                place.insert(line);
                Sighting::First
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_the_earlier_line() {
        let mut seen = Seen::default();
        assert_eq!(seen.insert("mug", 2), Sighting::First);
        assert_eq!(seen.insert("cup", 3), Sighting::First);
        assert_eq!(seen.insert("mug", 9), Sighting::Again(2));
    }
}

//! Counts of input that was skipped on purpose, by reason. Must stay small, whatever names a file contains.

use std::collections::BTreeMap;

const MAX_REASONS: usize = 512;
const MAX_REASON_BYTES: usize = 96;
const OTHER: &str = "other";

/// How often input was skipped on purpose, by reason (`attachment`, `comment`, `blank row`, ...).
///
/// At most 512 reasons are counted separately; the rest is counted as `other`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Skipped(BTreeMap<String, u64>);

impl Skipped {
    /// The count of this reason; 0 if it never occurred.
    #[must_use]
    pub fn count(&self, reason: &str) -> u64 {
        self.0.get(reason).copied().unwrap_or(0)
    }

    /// All reasons with their counts, sorted by name.
    pub fn iter(&self) -> impl Iterator<Item = (&str, u64)> {
        self.0.iter().map(|(reason, count)| (reason.as_str(), *count))
    }

    /// The sum over all reasons.
    #[must_use]
    pub fn total(&self) -> u64 {
        self.0.values().sum()
    }

    /// Adds all counts of another.
    pub(crate) fn merge(&mut self, other: &Self) {
        for (reason, count) in other.iter() {
            self.add_many(reason, count);
        }
    }

    /// Counts one more of this reason.
    pub fn add(&mut self, reason: &str) {
        self.add_many(reason, 1);
    }

    /// Counts `count` more of this reason. A long reason is cut.
    pub fn add_many(&mut self, reason: &str, count: u64) {
        if count == 0 {
            return;
        }
        let cut = (0..=MAX_REASON_BYTES.min(reason.len()))
            .rev()
            .find(|at| reason.is_char_boundary(*at))
            .unwrap_or(0);
        let reason = reason.get(..cut).unwrap_or_default();
        let known = self.0.contains_key(reason);
        let reason = if known || self.0.len() < MAX_REASONS {
            reason
        } else {
            OTHER
        };
        *self.0.entry(reason.to_owned()).or_default() += count;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn invented_names_do_not_pile_up() {
        let mut skipped = Skipped::default();
        for number in 0..1_000 {
            skipped.add(&format!("type-{number}"));
        }
        skipped.add(&"x".repeat(1_000));
        skipped.add("type-0");
        assert_eq!(skipped.total(), 1_002);
        assert_eq!(skipped.count("type-0"), 2);
        assert_eq!(skipped.count("never"), 0);
        assert!(skipped.iter().count() <= MAX_REASONS + 1);
        assert_eq!(skipped.count(OTHER), 1_000 - 512 + 1);
    }
}

//! Several texts in one field: tags, the values of an option.

use std::collections::HashSet;

/// More texts than a product may have tags or variants, so that a field with more is refused and not read to its end.
const MAX_PARTS: usize = 1_000;

/// Several texts in one field.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Joined {
    pub(super) text: String,
    /// A character that none of the texts has: a comma, if possible.
    pub(super) separator: char,
}

impl Joined {
    pub(super) fn of<'a>(texts: impl Iterator<Item = &'a str>) -> Self {
        let texts: Vec<&str> = texts.collect();
        let is_free = |separator: &char| texts.iter().all(|text| !text.contains(*separator));
        let separator = [',', ';', '|'].into_iter().find(is_free).unwrap_or('¦');
        Self {
            text: texts.join(&format!("{separator} ")),
            separator,
        }
    }

    /// What was typed in a field that was shown with this separator.
    pub(super) fn typed(text: &str, separator: &str) -> Self {
        Self {
            text: text.trim().to_owned(),
            separator: separator.chars().next().unwrap_or(','),
        }
    }

    /// The texts, each once, up to more than anything here may have.
    pub(super) fn parts(&self) -> Vec<String> {
        let mut seen = HashSet::new();
        let parts = self.text.split(self.separator).map(str::trim);
        let parts = parts.filter(|part| !part.is_empty() && seen.insert(*part));
        parts.take(MAX_PARTS).map(str::to_owned).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_come_back_as_they_were() {
        for (texts, shown) in [
            (&["S", "M"][..], "S, M"),
            (&["1,5 l", "2 l"], "1,5 l; 2 l"),
            (&["a,b;c", "d"], "a,b;c| d"),
            (&[], ""),
        ] {
            let joined = Joined::of(texts.iter().copied());
            assert_eq!(joined.text, shown);
            assert_eq!(joined.parts(), texts);
        }
    }

    #[test]
    fn blanks_and_repetitions_are_no_texts() {
        assert_eq!(Joined::typed(" a,, b ,a,", "").parts(), ["a", "b"]);
    }
}

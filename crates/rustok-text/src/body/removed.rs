//! What was removed from a body, so that the response can report it to the editor.

use std::fmt;

/// The maximum number of distinct entries; all others are counted in one last entry.
pub const MAX_REMOVALS: usize = 50;

/// The maximum length of a reported name, in characters; a longer one is truncated.
const MAX_NAME_CHARS: usize = 60;

/// The kind of what was removed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum What {
    /// A tag. Its content was kept, if it can have any.
    Element,
    /// An element with its content, which is not reported separately.
    ElementWithContent,
    /// An attribute, because of its name or its value. Also an invalid candidate of a `srcset`.
    Attribute,
    /// A URL, because of its scheme, which is the name: `javascript:`.
    Url,
    /// A declaration of a `style`; the name is its property.
    Style,
    /// One of the classes.
    Class,
    /// One of the words of a `rel`.
    Rel,
    /// An invalid `id` or `name`; the entry has no name.
    Id,
    /// All items beyond [`MAX_REMOVALS`] distinct ones.
    Other,
}

impl What {
    /// The name in the API.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Element => "element",
            Self::ElementWithContent => "element_with_content",
            Self::Attribute => "attribute",
            Self::Url => "url",
            Self::Style => "style",
            Self::Class => "class",
            Self::Rel => "rel",
            Self::Id => "id",
            Self::Other => "other",
        }
    }
}

/// An item that was removed, and how often.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Removal {
    /// The kind of item.
    pub what: What,
    /// Its name as written, lower-cased where HTML is case-insensitive; may be empty; truncated if long.
    pub name: String,
    /// Where it was: an element, or an attribute of one as `a[href]`. `None` for elements.
    pub on: Option<String>,
    /// The number of occurrences.
    pub count: u32,
}

impl fmt::Display for Removal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.what {
            What::ElementWithContent => "element",
            what => what.as_str(),
        })?;
        if !self.name.is_empty() {
            write!(f, " {}", self.name)?;
        }
        if self.what == What::ElementWithContent {
            f.write_str(" with its content")?;
        }
        if let Some(on) = &self.on {
            write!(f, " on {on}")?;
        }
        if self.count > 1 {
            write!(f, " ×{}", self.count)?;
        }
        Ok(())
    }
}

/// Everything removed from one body, in the sequence of first occurrence. At most [`MAX_REMOVALS`] entries and one
/// that counts the rest.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Removed {
    entries: Vec<Removal>,
}

impl Removed {
    /// Whether nothing was removed.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// The entries.
    #[must_use]
    pub fn entries(&self) -> &[Removal] {
        &self.entries
    }

    /// The total number of removed items.
    #[must_use]
    pub fn total(&self) -> u64 {
        self.entries.iter().map(|entry| u64::from(entry.count)).sum()
    }

    /// Records one item. `on` is an element and, for a URL, its attribute.
    pub(super) fn note(&mut self, what: What, name: &str, on: Option<(&str, Option<&str>)>) {
        let name = shortened(name);
        let on = on.map(|(element, attribute)| {
            let element = shortened(element);
            match attribute {
                Some(attribute) => format!("{element}[{attribute}]"),
                None => element,
            }
        });
        let known = |entry: &&mut Removal| entry.what == what && entry.name == name && entry.on == on;
        if let Some(entry) = self.entries.iter_mut().find(known) {
            entry.count = entry.count.saturating_add(1);
        } else if self.entries.len() < MAX_REMOVALS {
            self.entries.push(Removal {
                what,
                name,
                on,
                count: 1,
            });
        } else {
            self.note_other();
        }
    }

    fn note_other(&mut self) {
        match self.entries.last_mut() {
            Some(last) if last.what == What::Other => last.count = last.count.saturating_add(1),
            _ => self.entries.push(Removal {
                what: What::Other,
                name: String::new(),
                on: None,
                count: 1,
            }),
        }
    }
}

fn shortened(name: &str) -> String {
    name.chars()
        .filter(|c| !c.is_control())
        .take(MAX_NAME_CHARS)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_things_are_counted_and_different_ones_are_bounded() {
        let mut removed = Removed::default();
        for at in 0..MAX_REMOVALS + 10 {
            removed.note(What::Attribute, &format!("x{at}"), Some(("p", None)));
            removed.note(What::Element, "script", None);
        }
        assert_eq!(removed.entries().len(), MAX_REMOVALS + 1);
        assert_eq!(removed.total(), 2 * (MAX_REMOVALS as u64 + 10));
        let reported: Vec<String> = removed.entries().iter().map(ToString::to_string).collect();
        assert_eq!(reported[1], "element script ×60");
        assert_eq!(reported[MAX_REMOVALS], "other ×11");
    }

    #[test]
    fn names_are_short_and_of_one_line() {
        let mut removed = Removed::default();
        removed.note(
            What::Attribute,
            &"é\n".repeat(100),
            Some((&"x".repeat(100), None)),
        );
        let entry = &removed.entries()[0];
        assert_eq!(entry.name, "é".repeat(MAX_NAME_CHARS));
        assert_eq!(entry.on, Some("x".repeat(MAX_NAME_CHARS)));
    }
}

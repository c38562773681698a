//! What was taken out of a body, so that an editor learns it from the answer and not from the page.

use std::fmt;

/// The most different things that are named; the rest is counted in one last entry.
pub const MAX_REMOVALS: usize = 50;

/// The longest name that is told, in characters; a longer one is cut.
const MAX_NAME_CHARS: usize = 60;

/// What sort of thing was taken out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum What {
    /// A tag. Its content stayed, if it can have any.
    Element,
    /// An element with everything in it, which is not named apart.
    ElementWithContent,
    /// An attribute, or one whose value is not allowed. Also a candidate of a `srcset` that is none.
    Attribute,
    /// An address, because of its scheme, which is the name: `javascript:`.
    Url,
    /// A declaration of a `style`: the name is its property.
    Style,
    /// One of the classes.
    Class,
    /// One of the words of a `rel`.
    Rel,
    /// An `id` or a `name` that cannot be one; it has no name here.
    Id,
    /// More than [`MAX_REMOVALS`] different things: all others.
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

/// Something that was taken out, and how often.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Removal {
    /// What it was.
    pub what: What,
    /// Its name as it was written, in lower case where HTML does not care; may be empty, is cut when it is long.
    pub name: String,
    /// Where it stood: an element, or an attribute of one as `a[href]`. None for elements.
    pub on: Option<String>,
    /// How often.
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

/// All that was taken out of one body, in the order in which it was found first. At most [`MAX_REMOVALS`] entries and
/// one that counts the rest.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Removed {
    entries: Vec<Removal>,
}

impl Removed {
    /// Whether nothing was taken out.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// What was taken out.
    #[must_use]
    pub fn entries(&self) -> &[Removal] {
        &self.entries
    }

    /// How many things there were in all.
    #[must_use]
    pub fn total(&self) -> u64 {
        self.entries.iter().map(|entry| u64::from(entry.count)).sum()
    }

    /// Notes one thing. `on` is an element and, for an address, its attribute.
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
        let told: Vec<String> = removed.entries().iter().map(ToString::to_string).collect();
        assert_eq!(told[1], "element script ×60");
        assert_eq!(told[MAX_REMOVALS], "other ×11");
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

//! Handles: what names a product in an address.
//!
//! Uniqueness is the database's to keep, not this file's.

use std::fmt;

/// Most bytes of a handle.
const MAX_HANDLE_BYTES: usize = 255;

/// The part of a product's address that names it: 1 to 255 bytes of lower-case letters of any script, digits and
/// hyphens, without a hyphen at its ends.
///
/// ```
/// use rustok_commerce::product::Handle;
///
/// assert_eq!(Handle::from_title("Men's T-Shirt (Blue)").unwrap().as_str(), "mens-t-shirt-blue");
/// assert_eq!(Handle::from_title("Зелёный чай").unwrap().as_str(), "зелёный-чай");
/// assert!(Handle::parse("Blue").is_none());
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Handle(String);

/// A letter that lower-casing leaves alone, or a digit.
fn is_handle_char(c: char) -> bool {
    c.is_alphanumeric() && c.to_lowercase().eq([c])
}

impl Handle {
    /// Takes a handle as it is; `None` if it is none.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let fits = (1..=MAX_HANDLE_BYTES).contains(&text.len())
            && text.chars().all(|c| c == '-' || is_handle_char(c))
            && !text.starts_with('-')
            && !text.ends_with('-');
        fits.then(|| Self(text.to_owned()))
    }

    /// Makes a handle of a title: lower-cased, apostrophes and combining accents left out, anything else that is no
    /// letter or digit turned into one hyphen, cut at 255 bytes. `None` if no letter or digit is left.
    #[must_use]
    pub fn from_title(title: &str) -> Option<Self> {
        let mut handle = String::new();
        let mut gap = false;
        for c in title.to_lowercase().chars() {
            if matches!(c, '\'' | '\u{2019}' | '\u{300}'..='\u{36f}') {
                continue;
            }
            if !is_handle_char(c) {
                gap = true;
                continue;
            }
            let hyphen = gap && !handle.is_empty();
            if handle.len() + usize::from(hyphen) + c.len_utf8() > MAX_HANDLE_BYTES {
                break;
            }
            if hyphen {
                handle.push('-');
            }
            gap = false;
            handle.push(c);
        }
        (!handle.is_empty()).then_some(Self(handle))
    }

    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The text, owned.
    #[must_use]
    pub fn into_string(self) -> String {
        self.0
    }
}

impl fmt::Display for Handle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

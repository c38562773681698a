//! Handles: the names of products in URLs. They follow the rules of slugs (`rustok_text::slug`), with a maximum
//! length that fits Shopify's longest handles.
//!
//! The database enforces uniqueness.

use rustok_text::slug;
use std::fmt;

/// The part of a product's URL that identifies it: a slug of 1 to [`Handle::MAX_CHARS`] characters.
///
/// ```
/// use rustok_commerce::product::Handle;
///
/// assert_eq!(Handle::from_title("Men's T-Shirt (Blue)").unwrap().as_str(), "mens-t-shirt-blue");
/// assert_eq!(Handle::from_title("ผ้าไหม").unwrap().as_str(), "ผ้าไหม");
/// assert_eq!(Handle::parse("cafe\u{301}"), Handle::parse("café"));
/// assert!(Handle::parse("Blue").is_none());
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Handle(String);

impl Handle {
    /// The maximum length, in characters (Unicode scalar values).
    pub const MAX_CHARS: usize = 255;

    /// Parses a handle; see [`slug::parse`]. `None` if it is invalid.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        slug::parse(text, Self::MAX_CHARS).ok().map(Self)
    }

    /// Derives a handle from a title; see [`slug::from_title`]. `None` if no letter or digit is left.
    #[must_use]
    pub fn from_title(title: &str) -> Option<Self> {
        slug::from_title(title, Self::MAX_CHARS).map(Self)
    }

    /// The same handle with the suffix `-n`; see [`slug::numbered`].
    #[must_use]
    pub fn numbered(&self, n: u32) -> Self {
        Self(slug::numbered(&self.0, n, Self::MAX_CHARS))
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

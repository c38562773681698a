//! E-mail addresses in the one form in which they are stored and compared.
//!
//! It never decides whether an address exists: only a delivered message can.

use crate::plain::has_control;
use std::fmt;

/// Most bytes that an address may have (RFC 5321, 4.5.3.1.3: a path of 256 with its two brackets).
const MAX_BYTES: usize = 254;

/// An e-mail address, trimmed and lower-cased as a whole.
///
/// RFC 5321 would keep the case of the part before the `@`; no mail service in use does, and a customer who types
/// another case is the same customer.
///
/// ```
/// use rustok_text::CanonicalEmail;
///
/// let email = CanonicalEmail::parse("  Jane.Roe@Example.COM ").unwrap();
/// assert_eq!(email.as_str(), "jane.roe@example.com");
/// assert!(CanonicalEmail::parse("jane@@example.com").is_none());
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct CanonicalEmail(String);

impl CanonicalEmail {
    /// Reads an address: exactly one `@`, text on both sides, no empty label in the domain, no spaces or control
    /// characters, at most 254 bytes. `None` if it is none.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let text = text.trim();
        // Before lower-casing, so that a huge text costs nothing.
        if text.len() > MAX_BYTES {
            return None;
        }
        let email = text.to_lowercase();
        let (local, domain) = email.split_once('@')?;
        let fits = email.len() <= MAX_BYTES
            && !local.is_empty()
            && !domain.contains('@')
            && domain.split('.').all(|label| !label.is_empty())
            && !email.contains(char::is_whitespace)
            && !has_control(&email);
        fits.then_some(Self(email))
    }

    /// The address.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The address, owned.
    #[must_use]
    pub fn into_string(self) -> String {
        self.0
    }
}

impl fmt::Display for CanonicalEmail {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_customer_has_one_form() {
        for text in ["a@b.c", " A@B.C\n", "\u{a0}a@b.c"] {
            assert_eq!(
                CanonicalEmail::parse(text)
                    .map(CanonicalEmail::into_string)
                    .as_deref(),
                Some("a@b.c"),
                "{text:?}"
            );
        }
        assert_eq!(
            CanonicalEmail::parse("ИВАН@ПОЧТА.РФ").unwrap().as_str(),
            "иван@почта.рф"
        );
    }

    #[test]
    fn what_is_no_address_is_refused() {
        for text in [
            "",
            "@",
            "a@",
            "@b",
            "a",
            "a@b@c",
            "a b@c.d",
            "a@b .c",
            "a\u{0}@b.c",
            "a@b..c",
            "a@.b",
            "a@b.",
            "a\n@b.c",
        ] {
            assert!(CanonicalEmail::parse(text).is_none(), "{text:?}");
        }
    }

    #[test]
    fn the_limit_is_254_bytes_also_after_lower_casing() {
        let of = |n: usize| format!("{}@b.c", "a".repeat(n - 4));
        assert!(CanonicalEmail::parse(&of(254)).is_some());
        assert!(CanonicalEmail::parse(&of(255)).is_none());
        // U+0130 grows from two to three bytes.
        let grows = format!("{}@b.c", "\u{130}".repeat(125));
        assert_eq!(grows.len(), 254);
        assert!(CanonicalEmail::parse(&grows).is_none());
    }
}

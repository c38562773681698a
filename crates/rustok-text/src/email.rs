//! E-mail addresses in the canonical form in which they are stored and compared.
//!
//! Whether an address exists is not checked: only a delivered message can show that.

use crate::plain::{has_control, is_invisible};
use std::fmt;
use unicode_normalization::UnicodeNormalization;

/// The maximum length of an address, in bytes (RFC 5321, 4.5.3.1.3: a path of 256 with its two brackets).
const MAX_BYTES: usize = 254;

/// An e-mail address, trimmed, composed (UAX #15, form C) and lower-cased as a whole, with its domain in the Unicode
/// form of IDNA (UTS #46): `xn--mnchen-3ya.de` and `MÜNCHEN.de` are equal.
///
/// RFC 5321 would preserve the case of the part before the `@`; no mail service in use does, and a customer who types
/// another case is the same customer. RFC 6531 (3.1) and RFC 6532 (3.1) require form C.
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
    /// Parses an address: exactly one `@`, text on both sides, a valid IDNA domain, no spaces, no control and no
    /// invisible characters (two addresses that look the same would be two customers), at most 254 bytes both as
    /// stored and in the form for mail servers without RFC 6531. `None` if it is invalid.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let text = text.trim();
        // Checked first, so that a huge text costs nothing.
        if text.len() > MAX_BYTES
            || has_control(text)
            || text.contains(|c: char| c.is_whitespace() || is_invisible(c))
        {
            return None;
        }
        let (local, domain) = text.split_once('@')?;
        if local.is_empty() || domain.contains('@') {
            return None;
        }
        let local = local
            .nfc()
            .collect::<String>()
            .to_lowercase()
            .replace("i\u{307}", "i");
        let (ascii, domain) = one_domain(domain)?;
        let email = format!("{}@{domain}", local.nfc());
        let fits = email.len() <= MAX_BYTES && local.len() + 1 + ascii.len() <= MAX_BYTES;
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

/// The domain in the two forms of IDNA: ASCII for the wire, and Unicode for display. `None` if it is invalid.
fn one_domain(domain: &str) -> Option<(String, String)> {
    let ascii = idna::domain_to_ascii_cow(domain.as_bytes(), idna::AsciiDenyList::STD3).ok()?;
    let label_fits =
        |label: &str| (1..=63).contains(&label.len()) && !label.starts_with('-') && !label.ends_with('-');
    if !ascii.split('.').all(label_fits) {
        return None;
    }
    let (unicode, valid) = idna::domain_to_unicode(&ascii);
    valid.ok()?;
    Some((ascii.into_owned(), unicode))
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
        for (one, other) in [
            ("jane@xn--mnchen-3ya.de", "Jane@MÜNCHEN.de"),
            ("jane@mu\u{308}nchen.de", "jane@münchen.de"),
            ("andre\u{301}@example.com", "ANDRÉ@example.com"),
            ("jane@ｅｘａｍｐｌｅ.com", "jane@example.com"),
            ("jane@example。com", "jane@example.com"),
        ] {
            let parsed = CanonicalEmail::parse(one);
            assert!(parsed.is_some(), "{one}");
            assert_eq!(parsed, CanonicalEmail::parse(other), "{one} {other}");
            let again = CanonicalEmail::parse(parsed.as_ref().unwrap().as_str());
            assert_eq!(parsed, again, "{one} is stable");
        }
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
            "a\u{200b}@b.c",
            "a\u{ad}@b.c",
            "\u{202e}a@b.c",
            "a\u{200d}b@b.c",
            "a@b\u{200b}.c",
            "a@-b.c",
            "a@b_c.d",
            "a@xn--a.c",
            "a@b,c.d",
        ] {
            assert!(CanonicalEmail::parse(text).is_none(), "{text:?}");
        }
    }

    #[test]
    fn the_limit_is_254_bytes_also_after_lower_casing() {
        let of = |n: usize| format!("{}@b.c", "a".repeat(n - 4));
        assert!(CanonicalEmail::parse(&of(254)).is_some());
        assert!(CanonicalEmail::parse(&of(255)).is_none());
        // U+023A grows from two to three bytes in lower case.
        let grows = format!("{}@b.c", "\u{23a}".repeat(125));
        assert_eq!(grows.len(), 254);
        assert!(CanonicalEmail::parse(&grows).is_none());
    }
}

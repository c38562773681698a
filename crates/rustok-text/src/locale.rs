//! Locales: the language of a translation, the languages that a reader prefers, and the fallback if a translation is
//! missing.
//!
//! Negotiation uses only the requested locales and the tenant's default.

mod preference;

pub use preference::{Candidate, Preference};

use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;
use thiserror::Error;

/// The text is not in the subset of locales that [`Locale`] supports.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("must be a language tag such as en, pt-BR or zh-Hans")]
pub struct LocaleError;

/// A language tag of BCP 47 (RFC 5646), restricted to `language[-Script][-REGION]`: `en`, `pt-BR`, `zh-Hans`,
/// `es-419`.
///
/// It is always in its canonical case (RFC 5646, 2.1.1) and at most 12 ASCII characters long.
///
/// ```
/// use rustok_text::Locale;
///
/// assert_eq!(Locale::parse("ZH-hans-cn")?.as_str(), "zh-Hans-CN");
/// assert!(Locale::parse("english").is_err());
/// # Ok::<(), rustok_text::locale::LocaleError>(())
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Locale {
    /// ASCII, padded with zeros.
    bytes: [u8; Self::MAX_LEN],
    len: u8,
}

impl Locale {
    /// The maximum length: three letters of language, four of script, three digits of region, two hyphens.
    pub const MAX_LEN: usize = 12;
    /// The maximum number of ranges read from an `Accept-Language` field; the rest is ignored.
    pub const MAX_RANGES: usize = 16;
    /// The maximum length of an `Accept-Language` field, in bytes; a longer one is ignored.
    pub const MAX_HEADER_LEN: usize = 1_024;

    /// Parses a tag, case-insensitively.
    ///
    /// # Errors
    /// [`LocaleError`] for anything outside the subset: variants, extensions, private use, grandfathered tags, `_`.
    pub fn parse(tag: &str) -> Result<Self, LocaleError> {
        let (locale, whole) = Self::read(tag).ok_or(LocaleError)?;
        if whole { Ok(locale) } else { Err(LocaleError) }
    }

    /// The longest prefix of `tag` that is in the subset, and whether that is the whole tag.
    fn read(tag: &str) -> Option<(Self, bool)> {
        let mut subtags = tag.split('-').peekable();
        let language = subtags
            .next()
            .filter(|s| matches!(s.len(), 2 | 3) && is_alpha(s))?;
        let script = subtags.next_if(|s| s.len() == 4 && is_alpha(s));
        let region = subtags.next_if(|s| {
            (s.len() == 2 && is_alpha(s)) || (s.len() == 3 && s.bytes().all(|b| b.is_ascii_digit()))
        });
        let mut locale = Self {
            bytes: [0; Self::MAX_LEN],
            len: 0,
        };
        locale.push(language.bytes().map(|b| b.to_ascii_lowercase()));
        if let Some(script) = script {
            let title = |(at, b): (usize, u8)| {
                if at == 0 {
                    b.to_ascii_uppercase()
                } else {
                    b.to_ascii_lowercase()
                }
            };
            locale.push(b"-".iter().copied().chain(script.bytes().enumerate().map(title)));
        }
        if let Some(region) = region {
            locale.push(
                b"-".iter()
                    .copied()
                    .chain(region.bytes().map(|b| b.to_ascii_uppercase())),
            );
        }
        Some((locale, subtags.next().is_none()))
    }

    /// Appends only what fits; `read` never appends more.
    fn push(&mut self, more: impl Iterator<Item = u8>) {
        for byte in more {
            if let Some(free) = self.bytes.get_mut(usize::from(self.len)) {
                *free = byte;
                self.len += 1;
            }
        }
    }

    /// The tag in its canonical case.
    #[must_use]
    pub fn as_str(&self) -> &str {
        self.bytes
            .get(..usize::from(self.len))
            .and_then(|b| str::from_utf8(b).ok())
            .unwrap_or_default()
    }

    /// The locales of an `Accept-Language` field (RFC 9110, 12.5.4), by descending weight; equal weights keep their
    /// sequence in the field.
    ///
    /// Parsing never fails: a malformed range is skipped, one beyond the supported subset is truncated (`de-CH-1996`
    /// → `de-CH`), `*` and ranges with weight 0 are ignored.
    #[must_use]
    pub fn from_accept_language(header: &str) -> Vec<Self> {
        if header.len() > Self::MAX_HEADER_LEN {
            return Vec::new();
        }
        let mut ranges: Vec<(u16, Self)> = header
            .split(',')
            .take(Self::MAX_RANGES)
            .filter_map(range)
            .filter(|(weight, _)| *weight > 0)
            .collect();
        ranges.sort_by_key(|(weight, _)| std::cmp::Reverse(*weight));
        let mut locales = Vec::with_capacity(ranges.len());
        for (_, locale) in ranges {
            if !locales.contains(&locale) {
                locales.push(locale);
            }
        }
        locales
    }
}

fn is_alpha(subtag: &str) -> bool {
    subtag.bytes().all(|b| b.is_ascii_alphabetic())
}

/// Parses one member of the field: its weight in thousandths and its locale.
fn range(member: &str) -> Option<(u16, Locale)> {
    let (tag, weight) = match member.split_once(';') {
        Some((tag, parameter)) => (tag, weight(parameter.trim_matches([' ', '\t']))?),
        None => (member, 1_000),
    };
    let (locale, _) = Locale::read(tag.trim_matches([' ', '\t']))?;
    Some((weight, locale))
}

/// Parses `q=0.8` into thousandths (RFC 9110, 12.4.2): at most three decimals, at most 1.
fn weight(parameter: &str) -> Option<u16> {
    let value = parameter
        .strip_prefix("q=")
        .or_else(|| parameter.strip_prefix("Q="))?;
    let (whole, decimals) = value.split_once('.').unwrap_or((value, ""));
    if !matches!(whole, "0" | "1") || decimals.len() > 3 || !decimals.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    let thousandths: u16 = format!("{whole}{decimals:0<3}").parse().ok()?;
    (thousandths <= 1_000).then_some(thousandths)
}

impl fmt::Display for Locale {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Debug for Locale {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Locale({})", self.as_str())
    }
}

impl FromStr for Locale {
    type Err = LocaleError;

    fn from_str(tag: &str) -> Result<Self, Self::Err> {
        Self::parse(tag)
    }
}

impl TryFrom<String> for Locale {
    type Error = LocaleError;

    fn try_from(tag: String) -> Result<Self, Self::Error> {
        Self::parse(&tag)
    }
}

impl From<Locale> for String {
    fn from(locale: Locale) -> Self {
        locale.as_str().to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(tag: &str) -> Locale {
        Locale::parse(tag).unwrap()
    }

    fn texts(locales: &[Locale]) -> Vec<&str> {
        locales.iter().map(Locale::as_str).collect()
    }

    #[test]
    fn tags_get_their_canonical_case() {
        for (from, to) in [
            ("EN", "en"),
            ("pt-br", "pt-BR"),
            ("zh-HANS", "zh-Hans"),
            ("ZH-hant-hk", "zh-Hant-HK"),
            ("es-419", "es-419"),
            ("kok", "kok"),
            ("kok-DEVA-419", "kok-Deva-419"),
        ] {
            assert_eq!(of(from).as_str(), to);
        }
    }

    #[test]
    fn other_tags_are_refused() {
        for bad in [
            "",
            "e",
            "english",
            "pt_BR",
            "en-",
            "-en",
            "en--US",
            "en-USA",
            "en-12",
            "zh-CN-Hans",
            "de-CH-1996",
            "en-u-ca-buddhist",
            "x-klingon",
            "i-klingon",
            "*",
            "ру",
            "en us",
            "en-US-x",
            " en",
        ] {
            assert_eq!(Locale::parse(bad), Err(LocaleError), "{bad}");
        }
    }

    #[test]
    fn accept_language_is_sorted_by_weight() {
        for (header, expected) in [
            ("da, en-gb;q=0.8, en;q=0.7", vec!["da", "en-GB", "en"]),
            ("en;q=0.1,ru;q=0.9", vec!["ru", "en"]),
            ("a, fr ;\tq=0.5, de", vec!["de", "fr"]),
            ("en;q=0, fr;q=0.001, *;q=0.5", vec!["fr"]),
            ("en;q=0.5, en;q=0.9, de;q=0.7", vec!["en", "de"]),
            ("de-CH-1996, zh-cmn-Hans-CN", vec!["de-CH", "zh"]),
            ("en;q=1.000", vec!["en"]),
            (
                "en;q=1.001, de;q=2, fr;q=, ru;q=0.1234, it;q=.5, es;level=1, pt;q=-1",
                vec![],
            ),
            ("", vec![]),
            (",,;;q=1,", vec![]),
            ("*", vec![]),
        ] {
            assert_eq!(texts(&Locale::from_accept_language(header)), expected, "{header}");
        }
    }

    #[test]
    fn accept_language_is_bounded() {
        let many = (b'a'..=b'z')
            .map(|c| format!("a{}", char::from(c)))
            .collect::<Vec<_>>()
            .join(",");
        assert_eq!(Locale::from_accept_language(&many).len(), Locale::MAX_RANGES);
        assert!(Locale::from_accept_language(&"en,".repeat(1_000)).is_empty());
    }

    #[test]
    fn json_is_a_plain_string() {
        assert_eq!(serde_json::to_string(&of("PT-br")).unwrap(), "\"pt-BR\"");
        assert!(serde_json::from_str::<Locale>("\"english\"").is_err());
    }
}

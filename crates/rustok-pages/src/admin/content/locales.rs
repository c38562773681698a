//! The names of languages, each in itself: a person finds their own without knowing another.

use rustok_text::Locale;
use std::borrow::Cow;

const NAMES: [(&str, &str); 24] = [
    ("ar", "العربية"),
    ("cs", "Čeština"),
    ("da", "Dansk"),
    ("de", "Deutsch"),
    ("el", "Ελληνικά"),
    ("en", "English"),
    ("es", "Español"),
    ("fi", "Suomi"),
    ("fr", "Français"),
    ("he", "עברית"),
    ("hu", "Magyar"),
    ("it", "Italiano"),
    ("ja", "日本語"),
    ("ko", "한국어"),
    ("nb", "Norsk bokmål"),
    ("nl", "Nederlands"),
    ("pl", "Polski"),
    ("pt", "Português"),
    ("ro", "Română"),
    ("ru", "Русский"),
    ("sv", "Svenska"),
    ("tr", "Türkçe"),
    ("uk", "Українська"),
    ("zh", "中文"),
];

/// The name of a locale: of its language, with the tag where the locale says more; else the tag.
pub(super) fn name(locale: Locale) -> Cow<'static, str> {
    let tag = locale.as_str();
    let language = tag.split('-').next().unwrap_or(tag);
    match NAMES.into_iter().find(|(known, _)| *known == language) {
        Some((_, name)) if language == tag => name.into(),
        Some((_, name)) => format!("{name} ({tag})").into(),
        None => tag.to_owned().into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_locale_has_a_name() {
        for (tag, expected) in [("ru", "Русский"), ("pt-BR", "Português (pt-BR)"), ("eo", "eo")] {
            assert_eq!(name(Locale::parse(tag).unwrap()), expected);
        }
    }
}

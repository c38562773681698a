//! Locale negotiation: finds the available locale that is nearest to a reader's preference.
//!
//! Languages, scripts and regions are compared with Unicode's data (CLDR, by way of `icu_locale`): aliases (`iw` is
//! `he`), likely subtags (`zh-TW` implies the script `Hant`, plain `pt` the region Brazil) and parent locales
//! (`es-MX` → `es-419` → `es`). Negotiation never fails: some locale is always the nearest.

use super::Locale;
use icu_locale::fallback::LocaleFallbacker;
use icu_locale::subtags::{Language, Region, Script, language};
use icu_locale::{DataLocale, LanguageIdentifier, LocaleCanonicalizer, LocaleExpander};

const BOKMAL: Language = language!("nb");
const NORWEGIAN: Language = language!("no");

/// The reader's locales in order of preference, and the tenant's default as the fallback.
#[derive(Debug, Clone, Copy)]
pub struct Preference<'a> {
    /// The locales that the reader requested.
    pub wanted: &'a [Locale],
    /// The tenant's default.
    pub default: Locale,
}

/// An available locale.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Candidate {
    /// The locale.
    pub locale: Locale,
    /// Whether it is the original locale, in which the item was written first: the last resort.
    pub is_original: bool,
}

/// The distance between a candidate and the preference; smaller is nearer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Distance {
    /// The requested locale at this index, or one related to it.
    Wanted(usize, Relation),
    /// The language of a requested locale in another script: some readers know it, and it is nearer than another
    /// language.
    OtherScript(usize),
    /// The tenant's default, or one related to it.
    Default(Relation),
    /// The default's language in another script.
    DefaultInOtherScript,
    Original,
    Unrelated,
}

/// How a candidate is related to a requested locale.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Relation {
    /// The same tag.
    Same,
    /// Its n-th parent, or an equivalent tag.
    Parent(usize),
    /// The same language and script, another region.
    OtherRegion,
    /// The language alone, as in RFC 4647, 3.4 (tag truncated by region and script), even if it implies another
    /// script.
    Truncated,
}

/// A locale with its implied subtags added.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Full {
    language: Language,
    script: Option<Script>,
    region: Option<Region>,
}

impl Full {
    fn of(mut tag: LanguageIdentifier) -> Self {
        LocaleExpander::new_extended().maximize(&mut tag);
        Self {
            language: tag.language,
            script: tag.script,
            region: tag.region,
        }
    }

    fn is_same_language(&self, other: &Self) -> bool {
        self.language == other.language && !self.language.is_unknown()
    }
}

/// The tag in canonical form: aliases replaced.
fn canonical(locale: Locale) -> LanguageIdentifier {
    let tag = LanguageIdentifier::try_from_str(locale.as_str()).unwrap_or(LanguageIdentifier::UNKNOWN);
    let mut tag = icu_locale::Locale::from(tag);
    LocaleCanonicalizer::new_extended().canonicalize(&mut tag);
    // The macrolanguage `no` stands for Bokmål (CLDR, "Norwegian"); Unicode's data keeps both tags.
    if tag.id.language == BOKMAL {
        tag.id.language = NORWEGIAN;
    }
    tag.id
}

/// A requested locale, with its parents.
struct Wish {
    locale: Locale,
    /// The locale and its parents, as far as they share its script.
    parents: Vec<Full>,
    /// The language alone.
    language: Full,
}

impl Wish {
    fn of(locale: Locale) -> Self {
        let tag = canonical(locale);
        let full = Full::of(tag.clone());
        let language = Full::of(tag.language.into());
        let mut parents = vec![full.clone()];
        let mut steps = LocaleFallbacker::new()
            .for_config(Default::default())
            .fallback_for(DataLocale::from(&tag));
        while !steps.get().is_unknown() {
            let step = Full::of(steps.get().into_locale().id);
            if step.script == full.script && !parents.contains(&step) {
                parents.push(step);
            }
            steps.step();
        }
        Self {
            locale,
            parents,
            language,
        }
    }

    fn relation(&self, candidate: Locale, full: &Full) -> Option<Relation> {
        let own = self.parents.first()?;
        if candidate == self.locale {
            Some(Relation::Same)
        } else if let Some(place) = self.parents.iter().position(|parent| parent == full) {
            Some(Relation::Parent(place))
        } else if !own.is_same_language(full) {
            None
        } else if own.script == full.script {
            Some(Relation::OtherRegion)
        } else if self.language == *full {
            Some(Relation::Truncated)
        } else {
            None
        }
    }
}

impl Preference<'_> {
    /// The index of the item with the nearest locale; `None` only if there are no items. Ties are broken by the first
    /// tag in sort order. `candidate` returns an item's locale.
    ///
    /// ```
    /// use rustok_text::locale::{Candidate, Locale, Preference};
    ///
    /// let wanted = [Locale::parse("zh-TW")?];
    /// let preference = Preference { wanted: &wanted, default: Locale::parse("en")? };
    /// let there_are = ["en", "zh-Hans", "zh-Hant"];
    /// let nearest = preference.nearest(&there_are, |tag| Candidate {
    ///     locale: Locale::parse(tag).unwrap(),
    ///     is_original: *tag == "en",
    /// });
    /// assert_eq!(nearest, Some(2));
    /// # Ok::<(), rustok_text::locale::LocaleError>(())
    /// ```
    #[must_use]
    pub fn nearest<T>(&self, items: &[T], candidate: impl Fn(&T) -> Candidate) -> Option<usize> {
        if items.len() < 2 {
            return (!items.is_empty()).then_some(0);
        }
        // Fast path without Unicode data: the first requested locale, or the default if none was requested, is
        // available.
        let first = self.wanted.first().copied().unwrap_or(self.default);
        if let Some(exact) = items.iter().position(|item| candidate(item).locale == first) {
            return Some(exact);
        }
        let wishes: Vec<Wish> = self.wanted.iter().map(|locale| Wish::of(*locale)).collect();
        let default = Wish::of(self.default);
        let farness = |item: &T| {
            let candidate = candidate(item);
            let full = Full::of(canonical(candidate.locale));
            (distance(&wishes, &default, candidate, &full), candidate.locale)
        };
        let nearest = items.iter().enumerate().min_by_key(|(_, item)| farness(item));
        nearest.map(|(place, _)| place)
    }
}

fn distance(wishes: &[Wish], default: &Wish, candidate: Candidate, full: &Full) -> Distance {
    for (place, wish) in wishes.iter().enumerate() {
        if let Some(relation) = wish.relation(candidate.locale, full) {
            return Distance::Wanted(place, relation);
        }
    }
    let same_language = |wish: &Wish| wish.language.is_same_language(full);
    if let Some(place) = wishes.iter().position(same_language) {
        return Distance::OtherScript(place);
    }
    if let Some(relation) = default.relation(candidate.locale, full) {
        Distance::Default(relation)
    } else if same_language(default) {
        Distance::DefaultInOtherScript
    } else if candidate.is_original {
        Distance::Original
    } else {
        Distance::Unrelated
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The nearest of `there_are`, of which the first is the original.
    fn nearest(wanted: &[&str], default: &str, there_are: &[&str]) -> String {
        let of = |tag: &&str| Locale::parse(tag).unwrap();
        let wanted: Vec<Locale> = wanted.iter().map(of).collect();
        let candidates: Vec<Candidate> = there_are
            .iter()
            .enumerate()
            .map(|(place, tag)| Candidate {
                locale: of(tag),
                is_original: place == 0,
            })
            .collect();
        let preference = Preference {
            wanted: &wanted,
            default: of(&default),
        };
        let place = preference.nearest(&candidates, |candidate| *candidate).unwrap();
        candidates[place].locale.to_string()
    }

    #[test]
    fn likely_subtags_lead_to_the_locale_that_is_meant() {
        for (wanted, there_are, expected) in [
            ("zh-TW", &["en", "zh-Hans", "zh-Hant"][..], "zh-Hant"),
            ("zh-HK", &["en", "zh-Hans", "zh-Hant"], "zh-Hant"),
            ("zh-HK", &["en", "zh-CN", "zh-TW"], "zh-TW"),
            ("zh-MO", &["en", "zh-CN", "zh-HK"], "zh-HK"),
            ("zh-Hant", &["en", "zh-CN", "zh-TW"], "zh-TW"),
            ("zh-CN", &["en", "zh-Hant", "zh-Hans"], "zh-Hans"),
            ("zh-SG", &["en", "zh-TW", "zh-CN"], "zh-CN"),
            ("zh", &["en", "zh-TW", "zh-CN"], "zh-CN"),
            ("zh-Hans-CN", &["en", "zh-Hant", "zh"], "zh"),
            ("pt", &["en", "pt-BR"], "pt-BR"),
            ("pt", &["en", "pt-PT"], "pt-PT"),
            ("pt", &["en", "pt-BR", "pt-PT"], "pt-BR"),
            ("pt-PT", &["en", "pt-BR"], "pt-BR"),
            ("pt-AO", &["en", "pt-BR", "pt-PT"], "pt-PT"),
            ("pt-BR", &["en", "pt"], "pt"),
            ("es-MX", &["en", "es", "es-419"], "es-419"),
            ("es-MX", &["en", "es-ES"], "es-ES"),
            ("es", &["en", "es-MX"], "es-MX"),
            ("en-GB", &["de", "en-US"], "en-US"),
            ("en-AU", &["de", "en-US", "en-GB"], "en-US"),
            ("sr-Latn", &["en", "sr"], "sr"),
            ("sr-RS", &["en", "sr-Latn", "sr-Cyrl"], "sr-Cyrl"),
            ("sr", &["en", "sr-Latn"], "sr-Latn"),
            ("uz-UZ", &["en", "uz-Cyrl", "uz-Latn"], "uz-Latn"),
            ("iw", &["en", "he"], "he"),
            ("nb", &["en", "no"], "no"),
            ("no", &["en", "nb"], "nb"),
            ("nn", &["en", "nb"], "nb"),
            ("in", &["en", "id"], "id"),
            ("de-CH", &["en", "de-AT", "de"], "de"),
        ] {
            assert_eq!(
                nearest(&[wanted], "en", there_are),
                expected,
                "{wanted} {there_are:?}"
            );
        }
    }

    #[test]
    fn what_is_wanted_more_comes_first() {
        assert_eq!(nearest(&["fr", "de-AT"], "en", &["en", "de"]), "de");
        assert_eq!(nearest(&["pt-PT", "en"], "en", &["en", "pt-BR"]), "pt-BR");
        assert_eq!(nearest(&["fr", "en"], "ru", &["ru", "en-GB", "de"]), "en-GB");
        assert_eq!(nearest(&["zh-TW", "ja"], "en", &["en", "zh-CN", "ja"]), "zh-CN");
        assert_eq!(nearest(&["sr", "en"], "ru", &["ru", "en", "sr-Latn"]), "en");
        assert_eq!(nearest(&["de"], "en", &["en", "de"]), "de");
    }

    #[test]
    fn then_comes_the_default_and_then_the_original() {
        assert_eq!(nearest(&["fr"], "en", &["de", "en"]), "en");
        assert_eq!(nearest(&["fr"], "en-GB", &["de", "en-US"]), "en-US");
        assert_eq!(nearest(&["fr"], "en", &["ru", "de"]), "ru");
        assert_eq!(nearest(&[], "en", &["ru", "de", "be"]), "ru");
        assert_eq!(nearest(&["und"], "de", &["en", "de"]), "de");
        assert_eq!(nearest(&["xx"], "yy", &["de"]), "de");
        let none = Preference {
            wanted: &[],
            default: Locale::parse("en").unwrap(),
        };
        assert_eq!(none.nearest(&[], |candidate: &Candidate| *candidate), None);
    }
}

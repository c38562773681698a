//! The settings that a tenant manages itself, stored as one JSON document; a missing member has its default.
//!
//! Deserialising a stored document ignores members that a newer version wrote. Input becomes a setting only through
//! [`TenantSettings::checked`].

use crate::host::{Hostname, split_port};
use rustok_core::clock::find_time_zone;
use rustok_core::error::FieldViolation;
use rustok_core::money::{Currency, MoneyError};
use rustok_text::Locale;
use serde::{Deserialize, Serialize};

/// The maximum number of locales of a tenant.
pub const MAX_LOCALES: usize = 50;

/// The maximum number of CORS origins of a tenant: every cross-origin request is compared with the whole list.
pub const MAX_CORS_ORIGINS: usize = 50;

/// The maximum time that an unconfirmed order can hold stock: 30 days, in minutes.
pub const MAX_PENDING_ORDER_TTL_MINUTES: u32 = 43_200;

/// The maximum time that a confirmed but unpaid order can hold stock: 365 days, in minutes.
pub const MAX_CONFIRMED_ORDER_TTL_MINUTES: u32 = 525_600;
/// The upper bound for [`TenantSettings::max_pending_pieces`], more than any shop needs.
const MAX_PENDING_PIECES: u32 = 1_000_000;
/// The upper bound for [`TenantSettings::low_stock_threshold`]: the index of low stock has no levels above it.
pub const MAX_LOW_STOCK: u32 = 99;

/// The settings that a tenant manages itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct TenantSettings {
    /// ISO 4217 code of the currency for requests that name none. Default `USD`.
    pub default_currency: String,
    /// Language tag (BCP 47) for requests that name no locale, and the end of every fallback chain. Default `en`.
    pub default_locale: String,
    /// The locales that the tenant publishes in, including the default one. Texts are written and shown only in
    /// these; an empty list, the default, means all.
    pub locales: Vec<String>,
    /// Origins (RFC 6454) whose scripts may use the API, such as `https://shop.example`.
    /// `https://*.preview.example.com` matches every name below `preview.example.com`, at any depth, with this scheme
    /// and port, but not that name itself. `*` matches every origin, for the store API only.
    pub cors_origins: Vec<String>,
    /// Minutes after which an unconfirmed order is cancelled, 1 to 43,200. Default 30.
    pub pending_order_ttl_minutes: u32,
    /// Minutes after which a confirmed but unpaid order is cancelled, 0 to 525,600; 0 means never. Default 10,080: 7
    /// days. A change applies to orders confirmed afterwards.
    pub confirmed_order_ttl_minutes: u32,
    /// The maximum number of pieces of tracked stock that one buyer can hold in unconfirmed orders, 0 to 1,000,000; 0
    /// means no limit. Counted per e-mail address and per client network. Default 1,000.
    pub max_pending_pieces: u32,
    /// The time zone of the shop's days, a name of the IANA database such as `Europe/Stockholm`. Default `UTC`. A change
    /// applies to orders placed afterwards.
    pub time_zone: String,
    /// Stock of this many pieces or fewer is low, 0 to 99. Default 5.
    pub low_stock_threshold: u32,
    /// Whether every member needs a second factor. Default false.
    pub require_second_factor: bool,
}

impl Default for TenantSettings {
    fn default() -> Self {
        Self {
            default_currency: "USD".to_owned(),
            default_locale: "en".to_owned(),
            locales: Vec::new(),
            cors_origins: Vec::new(),
            pending_order_ttl_minutes: 30,
            confirmed_order_ttl_minutes: 7 * 24 * 60,
            max_pending_pieces: 1_000,
            time_zone: "UTC".to_owned(),
            low_stock_threshold: 5,
            require_second_factor: false,
        }
    }
}

impl TenantSettings {
    /// The default currency as a type.
    ///
    /// # Errors
    /// The stored code is not a currency; impossible for settings that were [`Self::checked`].
    pub fn currency(&self) -> Result<Currency, MoneyError> {
        Currency::parse(&self.default_currency)
    }

    /// Whether a script of `origin`, in the form of the `Origin` header, may read the store API.
    #[must_use]
    pub fn allows_origin(&self, origin: &str) -> bool {
        self.names_origin(origin) || self.cors_origins.iter().any(|listed| listed == EVERY_ORIGIN)
    }

    /// Whether `origin` is listed other than by `*`: exactly, or below a listed domain.
    #[must_use]
    pub fn names_origin(&self, origin: &str) -> bool {
        let mut named = self.cors_origins.iter().filter(|listed| *listed != EVERY_ORIGIN);
        // Browsers send the canonical form (Fetch, 3.2), which is what `checked` stores.
        !origin.contains('*') && named.any(|listed| listed == origin || is_below(listed, origin))
    }

    /// Validates the settings and returns them in canonical form. `at` is the JSON pointer of the settings in the
    /// document that was sent, such as `#/settings`.
    ///
    /// Locales get the case of RFC 5646, 2.1.1, and the default one is added to the list; origins get the form that a
    /// browser sends; duplicates are dropped.
    ///
    /// # Errors
    /// All violations.
    pub fn checked(self, at: &str) -> Result<Self, Vec<FieldViolation>> {
        let mut found = Vec::new();
        if let Err(error) = self.currency() {
            found.push(FieldViolation::new(
                format!("{at}/default_currency"),
                "invalid_currency",
                error.to_string(),
            ));
        }
        if !(1..=MAX_PENDING_ORDER_TTL_MINUTES).contains(&self.pending_order_ttl_minutes) {
            let detail = format!("must be 1 to {MAX_PENDING_ORDER_TTL_MINUTES} minutes");
            found.push(FieldViolation::new(
                format!("{at}/pending_order_ttl_minutes"),
                "out_of_range",
                detail,
            ));
        }
        if self.confirmed_order_ttl_minutes > MAX_CONFIRMED_ORDER_TTL_MINUTES {
            let detail = format!("must be 0 (never) to {MAX_CONFIRMED_ORDER_TTL_MINUTES} minutes");
            found.push(FieldViolation::new(
                format!("{at}/confirmed_order_ttl_minutes"),
                "out_of_range",
                detail,
            ));
        }
        if self.max_pending_pieces > MAX_PENDING_PIECES {
            let detail = format!("must be 0 (no limit) to {MAX_PENDING_PIECES} pieces");
            found.push(FieldViolation::new(
                format!("{at}/max_pending_pieces"),
                "out_of_range",
                detail,
            ));
        }
        if self.low_stock_threshold > MAX_LOW_STOCK {
            let detail = format!("must be 0 to {MAX_LOW_STOCK} pieces");
            found.push(FieldViolation::new(
                format!("{at}/low_stock_threshold"),
                "out_of_range",
                detail,
            ));
        }
        if find_time_zone(&self.time_zone).is_none() {
            let detail = "must be a name of the IANA time zone database, such as Europe/Stockholm";
            found.push(FieldViolation::new(
                format!("{at}/time_zone"),
                "invalid_time_zone",
                detail,
            ));
        }
        let default_locale = canonical_locale(&self.default_locale).unwrap_or_else(|| {
            found.push(FieldViolation::new(
                format!("{at}/default_locale"),
                "invalid_locale",
                INVALID_LOCALE,
            ));
            String::new()
        });
        let mut locales = each(
            &self.locales,
            &format!("{at}/locales"),
            MAX_LOCALES,
            &mut found,
            |text| canonical_locale(text).ok_or(("invalid_locale", INVALID_LOCALE)),
        );
        if !locales.is_empty() && !locales.contains(&default_locale) {
            locales.insert(0, default_locale.clone());
        }
        let origins = format!("{at}/cors_origins");
        let cors_origins = each(
            &self.cors_origins,
            &origins,
            MAX_CORS_ORIGINS,
            &mut found,
            |text| canonical_origin(text).ok_or(("invalid_origin", INVALID_ORIGIN)),
        );
        if found.is_empty() {
            Ok(Self {
                default_locale,
                locales,
                cors_origins,
                ..self
            })
        } else {
            Err(found)
        }
    }
}

const INVALID_LOCALE: &str = "must be a language tag such as en or pt-BR";
const INVALID_ORIGIN: &str = "must be * or an origin such as https://shop.example, without a path; `*.` may stand once, before \
                              a domain of two labels at least, as in https://*.preview.example.com";
const EVERY_ORIGIN: &str = "*";
/// The separator of scheme and domain in an origin that matches all names below the domain.
const BELOW: &str = "://*.";

/// Converts every item to canonical form, drops duplicates and adds violations.
fn each(
    items: &[String],
    at: &str,
    max: usize,
    found: &mut Vec<FieldViolation>,
    canonical: impl Fn(&str) -> Result<String, (&'static str, &'static str)>,
) -> Vec<String> {
    if items.len() > max {
        // The items are not read: a list of a million invalid ones must not create a million violations.
        found.push(FieldViolation::new(
            at,
            "too_many_items",
            format!("at most {max} items"),
        ));
        return Vec::new();
    }
    let mut kept = Vec::with_capacity(items.len());
    for (index, item) in items.iter().enumerate() {
        match canonical(item) {
            Ok(item) if kept.contains(&item) => {}
            Ok(item) => kept.push(item),
            Err((code, detail)) => found.push(FieldViolation::new(format!("{at}/{index}"), code, detail)),
        }
    }
    kept
}

/// The canonical form of a locale.
fn canonical_locale(text: &str) -> Option<String> {
    Locale::parse(text).ok().map(String::from)
}

/// Whether `origin` is below the domain of `listed`, which has the prefix `*.`: the same scheme and port, and at
/// least one more label.
fn is_below(listed: &str, origin: &str) -> bool {
    let between = listed.split_once(BELOW).and_then(|(scheme, domain)| {
        let name = origin.strip_prefix(scheme)?.strip_prefix("://")?;
        name.strip_suffix(domain)?.strip_suffix('.')
    });
    let is_label = |label: &str| {
        let is_plain = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || matches!(b, b'-' | b'_');
        !label.is_empty() && label.bytes().all(is_plain)
    };
    between.is_some_and(|labels| labels.split('.').all(is_label))
}

/// `*`, or scheme, canonical host and port as a browser serialises them (RFC 6454, 6.2): no default port, no path.
/// The host can have the prefix `*.`.
fn canonical_origin(text: &str) -> Option<String> {
    if text == EVERY_ORIGIN {
        return Some(text.to_owned());
    }
    let (scheme, authority) = text.split_once("://")?;
    let scheme = scheme.to_ascii_lowercase();
    let default_port = match scheme.as_str() {
        "http" => 80,
        "https" => 443,
        _ => return None,
    };
    let (name, port) = split_port(authority).ok()?;
    let (below, host) = match name.strip_prefix("*.") {
        Some(domain) => ("*.", canonical_domain(domain)?),
        // An IP address is allowed: storefronts under development often run on one.
        None => ("", Hostname::parse_without_port(name, true).ok()?),
    };
    Some(match port {
        Some(port) if port != default_port => format!("{scheme}://{below}{host}:{port}"),
        _ => format!("{scheme}://{below}{host}"),
    })
}

/// A domain that can follow `*.`. A single label, such as `com`, would match names of unrelated owners; `localhost`
/// is the exception, since all names below it are local.
fn canonical_domain(name: &str) -> Option<Hostname> {
    let domain = Hostname::parse_without_port(name, false).ok()?;
    (domain.as_str().contains('.') || domain.as_str() == "localhost").then_some(domain)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn owned(items: &[&str]) -> Vec<String> {
        items.iter().map(|&item| item.to_owned()).collect()
    }

    #[test]
    fn missing_members_have_their_defaults_and_unknown_ones_are_passed_over() {
        let settings: TenantSettings =
            serde_json::from_str(r#"{"locales":["de"],"from_the_future":1}"#).unwrap();
        assert_eq!(
            settings,
            TenantSettings {
                locales: owned(&["de"]),
                ..TenantSettings::default()
            }
        );
        let empty: TenantSettings = serde_json::from_str("{}").unwrap();
        assert_eq!(empty.default_currency, "USD");
        assert_eq!(empty.default_locale, "en");
        assert_eq!(empty.pending_order_ttl_minutes, 30);
        assert_eq!(empty.confirmed_order_ttl_minutes, 10_080);
        assert_eq!(empty.clone().checked("#"), Ok(empty));
    }

    #[test]
    fn json_round_trips() {
        let settings = TenantSettings {
            cors_origins: owned(&["https://a.example"]),
            ..Default::default()
        };
        let json = serde_json::to_string(&settings).unwrap();
        assert_eq!(serde_json::from_str::<TenantSettings>(&json).unwrap(), settings);
    }

    #[test]
    fn canonical_form_is_kept() {
        let settings = TenantSettings {
            default_currency: "EUR".into(),
            default_locale: "PT-br".into(),
            locales: owned(&["EN", "zh-hant-tw", "en", "es-419"]),
            cors_origins: owned(&[
                "HTTPS://Shop.Example:443",
                "https://shop.example",
                "http://bücher.example:8080",
                "http://127.0.0.1:3000",
                "http://[0::1]:80",
                "*",
            ]),
            pending_order_ttl_minutes: 1,
            confirmed_order_ttl_minutes: 0,
            max_pending_pieces: 0,
            time_zone: "Europe/Stockholm".into(),
            low_stock_threshold: 99,
            require_second_factor: true,
        };
        let checked = settings.checked("#/settings").unwrap();
        assert_eq!(checked.default_locale, "pt-BR");
        assert_eq!(checked.locales, ["pt-BR", "en", "zh-Hant-TW", "es-419"]);
        assert_eq!(
            checked.cors_origins,
            [
                "https://shop.example",
                "http://xn--bcher-kva.example:8080",
                "http://127.0.0.1:3000",
                "http://[::1]",
                "*"
            ]
        );
        assert_eq!(checked.currency().unwrap().code(), "EUR");
        assert_eq!(checked.clone().checked("#"), Ok(checked));
    }

    #[test]
    fn all_faults_are_told_at_once_with_their_place() {
        let settings = TenantSettings {
            default_currency: "usd".into(),
            default_locale: "e".into(),
            locales: owned(&["en", "x-private", "en_US", "sl-rozaj"]),
            cors_origins: owned(&[
                "https://ok.example",
                "https://ok.example/",
                "ftp://ok.example",
                "null",
            ]),
            pending_order_ttl_minutes: 0,
            confirmed_order_ttl_minutes: u32::MAX,
            max_pending_pieces: u32::MAX,
            time_zone: "Europe/Nowhere".into(),
            low_stock_threshold: 100,
            require_second_factor: true,
        };
        let found = settings.checked("#/settings").unwrap_err();
        let reported: Vec<_> = found.iter().map(|v| (v.pointer.as_str(), &*v.code)).collect();
        assert_eq!(
            reported,
            [
                ("#/settings/default_currency", "invalid_currency"),
                ("#/settings/pending_order_ttl_minutes", "out_of_range"),
                ("#/settings/confirmed_order_ttl_minutes", "out_of_range"),
                ("#/settings/max_pending_pieces", "out_of_range"),
                ("#/settings/low_stock_threshold", "out_of_range"),
                ("#/settings/time_zone", "invalid_time_zone"),
                ("#/settings/default_locale", "invalid_locale"),
                ("#/settings/locales/1", "invalid_locale"),
                ("#/settings/locales/2", "invalid_locale"),
                ("#/settings/locales/3", "invalid_locale"),
                ("#/settings/cors_origins/1", "invalid_origin"),
                ("#/settings/cors_origins/2", "invalid_origin"),
                ("#/settings/cors_origins/3", "invalid_origin"),
            ]
        );
    }

    #[test]
    fn long_lists_and_times_are_refused_as_a_whole() {
        let settings = TenantSettings {
            locales: vec!["?".into(); MAX_LOCALES + 1],
            cors_origins: vec!["?".into(); MAX_CORS_ORIGINS + 1],
            pending_order_ttl_minutes: MAX_PENDING_ORDER_TTL_MINUTES + 1,
            confirmed_order_ttl_minutes: MAX_CONFIRMED_ORDER_TTL_MINUTES + 1,
            max_pending_pieces: MAX_PENDING_PIECES + 1,
            ..TenantSettings::default()
        };
        let found = settings.checked("#").unwrap_err();
        let reported: Vec<_> = found.iter().map(|v| (v.pointer.as_str(), &*v.code)).collect();
        assert_eq!(
            reported,
            [
                ("#/pending_order_ttl_minutes", "out_of_range"),
                ("#/confirmed_order_ttl_minutes", "out_of_range"),
                ("#/max_pending_pieces", "out_of_range"),
                ("#/locales", "too_many_items"),
                ("#/cors_origins", "too_many_items")
            ]
        );
    }

    #[test]
    fn bad_origins_are_refused() {
        for origin in [
            "",
            "shop.example",
            "https://",
            "https://a@b.example",
            "https://a.example?x",
            "https://a.example:99999",
            "https://*.example",
            "https://*.com:8443",
            "https://*",
            "https://*.",
            "https://**.shop.example",
            "https://*.*.shop.example",
            "https://a.*.shop.example",
            "https://*preview.shop.example",
            "https://pre*.shop.example",
            "https://shop.example.*",
            "https://shop.example:*",
            "https://*.127.0.0.1",
            "https://*.[::1]",
            "https://a@*.shop.example",
            "https://*.shop.example/",
            "*.shop.example",
            "*://*.shop.example",
            "http*://shop.example",
            "**",
            "javascript://a.example",
        ] {
            assert_eq!(canonical_origin(origin), None, "{origin}");
        }
    }

    #[test]
    fn only_listed_origins_are_allowed() {
        let mut settings = TenantSettings {
            cors_origins: owned(&["https://a.example"]),
            ..TenantSettings::default()
        };
        assert!(settings.allows_origin("https://a.example"));
        for origin in [
            "http://a.example",
            "https://a.example.evil",
            "https://a.example:444",
            "null",
            "",
        ] {
            assert!(!settings.allows_origin(origin), "{origin}");
        }
        settings.cors_origins.push("*".into());
        assert!(settings.allows_origin("https://anyone.example"));
        assert!(!TenantSettings::default().allows_origin("https://a.example"));
    }

    #[test]
    fn a_star_before_a_domain_is_every_name_below_it() {
        for (listed, canonical) in [
            (
                "HTTPS://*.Preview.Example.com:443",
                "https://*.preview.example.com",
            ),
            ("http://*.localhost:3000", "http://*.localhost:3000"),
            ("https://*.bücher.example", "https://*.xn--bcher-kva.example"),
        ] {
            assert_eq!(canonical_origin(listed).as_deref(), Some(canonical));
        }
        let settings = TenantSettings {
            cors_origins: owned(&["https://*.preview.example.com", "http://*.localhost:3000"]),
            ..TenantSettings::default()
        };
        for (origin, named) in [
            ("https://a.preview.example.com", true),
            ("https://pull-12.preview.example.com", true),
            ("https://my_branch.preview.example.com", true),
            ("https://a.b.preview.example.com", true),
            ("https://xn--bcher-kva.preview.example.com", true),
            ("http://shop1.localhost:3000", true),
            // The domain itself, and names that only look as if they were below it.
            ("https://preview.example.com", false),
            ("https://.preview.example.com", false),
            ("https://a..preview.example.com", false),
            ("https://evil-preview.example.com", false),
            ("https://evilpreview.example.com", false),
            ("https://a.preview.example.com.", false),
            ("https://a.preview.example.com.evil.test", false),
            ("https://evil.test/.preview.example.com", false),
            ("https://evil.test?.preview.example.com", false),
            ("https://evil.test#.preview.example.com", false),
            ("https://evil.test\\.preview.example.com", false),
            ("https://evil.test:443.preview.example.com", false),
            ("https://evil.test%2f.preview.example.com", false),
            ("https://me@a.preview.example.com", false),
            ("https://evil.test@a.preview.example.com", false),
            ("https://*.preview.example.com", false),
            ("https://a b.preview.example.com", false),
            // A different scheme, a different port.
            ("http://a.preview.example.com", false),
            ("https://a.preview.example.com:8443", false),
            ("https://a.preview.example.com:443", false),
            ("http://shop1.localhost", false),
            ("http://shop1.localhost:30000", false),
            ("xhttps://a.preview.example.com", false),
            ("https:https://a.preview.example.com", false),
            // Browsers send lower case and the ASCII form of a name.
            ("https://A.preview.example.com", false),
            ("HTTPS://a.preview.example.com", false),
            ("https://bücher.preview.example.com", false),
            ("null", false),
            ("*", false),
            ("", false),
        ] {
            assert_eq!(settings.names_origin(origin), named, "{origin}");
            assert_eq!(settings.allows_origin(origin), named, "{origin}");
        }
    }

    proptest! {
        #[test]
        fn a_canonical_locale_stays_as_it_is(raw in "[a-zA-Z]{1,4}(-[a-zA-Z0-9]{1,9}){0,3}") {
            if let Some(first) = canonical_locale(&raw) {
                prop_assert!(first.eq_ignore_ascii_case(&raw));
                prop_assert_eq!(canonical_locale(&first), Some(first));
            }
        }
    }
}

//! The laws on random texts, and a check of "two spellings, one key; two names, two keys" against rules written anew.

use crate::laws::{self, BASE_DOMAIN};
use proptest::prelude::*;
use rustok_tenancy::TenantIdentifierValidator;
use unicode_normalization::UnicodeNormalization as _;

/// Texts of all sorts: ASCII, other scripts, mixed case, dots of all kinds, ports, addresses, and plain rubbish.
fn hostish() -> impl Strategy<Value = String> {
    prop_oneof![
        4 => "[a-zA-Z0-9-]{1,12}([.\u{3002}][a-zA-Z0-9äßéＡ１ΣςЖ中-]{1,12}){0,3}[.]?(:[0-9]{0,5})?",
        1 => "[a-zA-Z0-9-]{1,63}\\.(shops\\.example|SHOPS\u{ff0e}Example|shops\\.example\\.)(:[0-9]{0,5})?",
        1 => "(xn--|XN--)[a-z0-9-]{1,12}\\.[a-z]{2,4}",
        1 => "(0x)?[0-9a-f]{1,3}(\\.(0x)?[0-9]{1,3}){0,3}",
        1 => "\\[[0-9a-f:.]{2,16}\\](:[0-9]{0,5})?",
        1 => "[0-9a-fA-F]{8}(-?[0-9a-fA-F]{4}){3}-?[0-9a-fA-F]{12}",
        1 => "[a-zא-ת٠-٩\u{200c}\u{200d}\u{ad}क्ष]{1,8}\\.[a-z]{2}",
        1 => "\\PC{0,40}",
        1 => any::<String>(),
        1 => "[a-z.]{900,1100}",
    ]
}

/// Names over letters that meet in many spellings, short enough that two random ones are often the same.
fn spelling() -> impl Strategy<Value = String> {
    let letter = prop::sample::select(vec![
        "a", "A", "\u{ff21}", "é", "É", "e\u{301}", "1", "\u{ff11}", "ж", "Ж",
    ]);
    let label = prop::collection::vec(letter, 1..3).prop_map(|letters| letters.concat());
    let dot = prop::sample::select(vec![".", "\u{3002}", "\u{ff0e}", "\u{ff61}"]);
    let end = prop::sample::select(vec!["", ".", ":80", ".:443", ":"]);
    (prop::collection::vec((label, dot), 1..3), end).prop_map(|(labels, end)| {
        let name: String = labels
            .iter()
            .flat_map(|(label, dot)| [label.as_str(), dot])
            .collect();
        format!("{name}test{end}")
    })
}

/// What [`spelling`] makes, in one spelling: nothing of this is shared with the code under test.
fn normal_form(spelling: &str) -> String {
    let name = spelling.split(':').next().unwrap_or_default();
    let name: String = name
        .nfkc()
        .collect::<String>()
        .to_lowercase()
        .replace('\u{3002}', ".");
    name.trim_end_matches('.').to_owned()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn the_laws_hold_for_any_text(raw in hostish()) {
        laws::check(&raw);
    }

    #[test]
    fn two_texts_are_one_key_exactly_when_they_are_one_name(one in hostish(), other in hostish()) {
        laws::check_pair(&one, &other);
    }

    #[test]
    fn spellings_meet_in_one_key_and_names_do_not(one in spelling(), other in spelling()) {
        let validator = TenantIdentifierValidator::new(BASE_DOMAIN).unwrap();
        let (first, second) = (validator.from_host_header(&one), validator.from_host_header(&other));
        prop_assert!(first.is_ok() && second.is_ok(), "{one:?} {other:?}");
        prop_assert_eq!(first == second, normal_form(&one) == normal_form(&other), "{:?} {:?}", one, other);
    }

    #[test]
    fn a_changed_letter_is_another_key(label in "[a-z][a-z0-9]{2,20}", at in any::<prop::sample::Index>(), to in "[a-z]") {
        let at = at.index(label.len());
        let mut changed = label.clone();
        changed.replace_range(at..=at, &to);
        let validator = TenantIdentifierValidator::new(BASE_DOMAIN).unwrap();
        for end in ["", ".example", ".shops.example"] {
            let (one, other) = (format!("{label}{end}"), format!("{changed}{end}"));
            prop_assert_eq!(
                validator.from_host_header(&one) == validator.from_host_header(&other),
                label == changed, "{} {}", one, other
            );
        }
    }
}

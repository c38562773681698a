//! The facts of a variant: what is stated of the goods, each by itself.
//!
//! A fact is optional, checked alone, stored and shown as it is; no rule may depend on one. What rules depend on (options,
//! prices, stock) stays in [`Variant`](super::Variant).

use super::{MAX_NAME_CHARS, present};
use rustok_text::plain::is_line;
use std::ops::RangeInclusive;

/// The maximum weight, in grams: a thousand tonnes.
const MAX_WEIGHT_GRAMS: i64 = 1_000_000_000;
/// The digits of an HS code: six are the same in all countries, up to four more are a country's own.
const HS_CODE_DIGITS: RangeInclusive<usize> = 6..=10;

/// The facts of a variant: those of an input as sent, those of a draft and a stored variant as validated.
///
/// Outside tests nothing builds it or takes it apart with `..`, so that the compiler finds each place where a new fact
/// belongs; CONTRIBUTING.md lists them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct VariantFacts {
    /// GTIN, EAN, UPC, ISBN, ...: one line, not validated further. Blank means none.
    pub barcode: Option<String>,
    /// Weight in grams.
    pub weight_grams: Option<i64>,
    /// The code of the Harmonized System, for customs: 6 to 10 digits. Blank means none.
    pub hs_code: Option<String>,
}

impl VariantFacts {
    /// Validates each fact. `refuse` gets the member, the code and the rule of each violation.
    pub(super) fn validate(self, refuse: &mut impl FnMut(&str, &'static str, String)) -> Self {
        let Self {
            barcode,
            weight_grams,
            hs_code,
        } = self;
        let barcode = present(barcode);
        if barcode
            .as_deref()
            .is_some_and(|code| !is_line(code, MAX_NAME_CHARS))
        {
            let rule = format!("must be at most {MAX_NAME_CHARS} characters");
            refuse("barcode", "invalid_text", rule);
        }
        if weight_grams.is_some_and(|grams| !(0..=MAX_WEIGHT_GRAMS).contains(&grams)) {
            let rule = format!("must be 0 to {MAX_WEIGHT_GRAMS}");
            refuse("weight_grams", "out_of_range", rule);
        }
        let hs_code = present(hs_code);
        if hs_code.as_deref().is_some_and(|code| !is_hs_code(code)) {
            refuse("hs_code", "invalid_hs_code", "must be 6 to 10 digits".to_owned());
        }
        Self {
            barcode,
            weight_grams,
            hs_code,
        }
    }
}

fn is_hs_code(code: &str) -> bool {
    HS_CODE_DIGITS.contains(&code.len()) && code.bytes().all(|byte| byte.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_hs_code_is_six_to_ten_digits() {
        for (code, stored) in [
            ("090210", Ok(Some("090210"))),
            (" 0902100000 ", Ok(Some("0902100000"))),
            (" ", Ok(None)),
            ("09021", Err("invalid_hs_code")),
            ("09021000001", Err("invalid_hs_code")),
            ("0902.10", Err("invalid_hs_code")),
            ("09021\u{660}", Err("invalid_hs_code")),
        ] {
            let facts = VariantFacts {
                hs_code: Some(code.to_owned()),
                ..VariantFacts::default()
            };
            let mut found = Vec::new();
            let facts = facts.validate(&mut |member: &str, code, _| found.push((member.to_owned(), code)));
            match stored {
                Ok(stored) => {
                    assert_eq!(facts.hs_code.as_deref(), stored, "{code}");
                    assert!(found.is_empty(), "{code}: {found:?}");
                }
                Err(refused) => assert_eq!(found, [("hs_code".to_owned(), refused)], "{code}"),
            }
        }
    }
}

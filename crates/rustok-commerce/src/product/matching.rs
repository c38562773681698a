//! Matches each entry of a list of variants with a stored variant, so that a list without ids updates the existing
//! variants instead of adding untracked duplicates.
//!
//! An entry matches by id, else by SKU, else by option values. If the match is not unique, the list is refused:
//! nothing is guessed.

use crate::ids::VariantId;
use crate::variant::Variant;
use rustok_core::error::FieldViolation;

/// The fields that identify a variant in a list.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct VariantName {
    /// Its id, which takes precedence.
    pub id: Option<VariantId>,
    /// Its SKU, compared exactly. Several variants may share one.
    pub sku: Option<String>,
    /// Its option values; empty for the only variant of a product without options.
    pub options: Vec<String>,
}

type Fault = (&'static str, &'static str, String);

impl VariantName {
    /// The index of the variant in `stored`; `None` for a new one, or for an id that no variant has.
    fn find(&self, stored: &[Variant]) -> Result<Option<usize>, Fault> {
        if let Some(id) = self.id {
            return Ok(stored.iter().position(|variant| variant.id == id));
        }
        let has_sku = |variant: &Variant| self.sku.is_some() && variant.sku == self.sku;
        let by_sku: Vec<usize> = (0..stored.len()).filter(|at| has_sku(&stored[*at])).collect();
        let by_options = stored.iter().position(|variant| variant.options == self.options);
        match (by_sku.as_slice(), by_options) {
            ([], found) => Ok(found),
            (skus, Some(found)) if skus.contains(&found) => Ok(Some(found)),
            ([only], None) => Ok(Some(*only)),
            ([_], Some(_)) => {
                let detail = "are those of another variant than the one with this SKU; send the id";
                Err(("options", "ambiguous", detail.to_owned()))
            }
            _ => {
                let detail = "is the SKU of several variants; send the id";
                Err(("sku", "ambiguous", detail.to_owned()))
            }
        }
    }

    /// The name of the field that matched.
    fn member(&self, found: &Variant) -> &'static str {
        match self {
            Self { id: Some(_), .. } => "id",
            Self { sku: Some(sku), .. } if found.sku.as_ref() == Some(sku) => "sku",
            _ => "options",
        }
    }
}

/// For each entry, the index in `stored` of its variant; `None` for a new one.
///
/// # Errors
/// All ambiguities at once: entries that match several variants, and several entries for one variant.
pub fn match_variants(
    names: &[VariantName],
    stored: &[Variant],
) -> Result<Vec<Option<usize>>, Vec<FieldViolation>> {
    let mut found: Vec<Option<usize>> = Vec::with_capacity(names.len());
    let mut violations = Vec::new();
    for (at, name) in names.iter().enumerate() {
        let place = name.find(stored).and_then(|place| {
            let Some(place) = place else { return Ok(None) };
            match found.iter().position(|other| *other == Some(place)) {
                None => Ok(Some(place)),
                Some(first) => {
                    let detail = format!("is the variant that #/variants/{first} is; each stands once");
                    Err((name.member(&stored[place]), "duplicate", detail))
                }
            }
        });
        found.push(place.unwrap_or_else(|(member, code, detail)| {
            violations.push(FieldViolation::new(
                format!("#/variants/{at}/{member}"),
                code,
                detail,
            ));
            None
        }));
    }
    if violations.is_empty() {
        Ok(found)
    } else {
        Err(violations)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::price::PriceList;
    use crate::variant::VariantFacts;
    use uuid::Uuid;

    fn stored(number: u128, sku: Option<&str>, options: &[&str]) -> Variant {
        Variant {
            id: Uuid::from_u128(number).into(),
            sku: sku.map(str::to_owned),
            title: options.join(" / "),
            options: options.iter().map(|value| (*value).to_owned()).collect(),
            prices: PriceList::default(),
            facts: VariantFacts::default(),
            available: Some(1),
            allow_backorder: false,
            position: 0,
        }
    }

    fn name(id: u128, sku: &str, options: &[&str]) -> VariantName {
        VariantName {
            id: (id > 0).then(|| Uuid::from_u128(id).into()),
            sku: Some(sku.to_owned()).filter(|sku| !sku.is_empty()),
            options: options.iter().map(|value| (*value).to_owned()).collect(),
        }
    }

    /// Two variants with one SKU, one with another, one without.
    fn shirts() -> Vec<Variant> {
        vec![
            stored(1, Some("A"), &["S"]),
            stored(2, Some("A"), &["M"]),
            stored(3, Some("B"), &["L"]),
            stored(4, None, &["XL"]),
        ]
    }

    fn reported(names: &[VariantName]) -> Vec<(String, String)> {
        let found = match_variants(names, &shirts()).unwrap_err();
        let reported = found
            .iter()
            .map(|found| (found.pointer.to_string(), found.code.to_string()));
        reported.collect()
    }

    #[test]
    fn an_entry_is_known_by_id_then_sku_then_options() {
        for (entry, place) in [
            (name(2, "B", &["XL"]), Some(1)),
            (name(9, "B", &["L"]), None),
            (name(0, "B", &[]), Some(2)),
            (name(0, "B", &["XXL"]), Some(2)),
            (name(0, "A", &["M"]), Some(1)),
            (name(0, "b", &["XL"]), Some(3)),
            (name(0, "", &["S"]), Some(0)),
            (name(0, "C", &["XXL"]), None),
            (name(0, "", &[]), None),
        ] {
            assert_eq!(
                match_variants(std::slice::from_ref(&entry), &shirts()),
                Ok(vec![place]),
                "{entry:?}"
            );
        }
        let only = [stored(1, Some("A"), &[])];
        assert_eq!(match_variants(&[name(0, "", &[])], &only), Ok(vec![Some(0)]));
        assert_eq!(match_variants(&[name(0, "NEW", &[])], &only), Ok(vec![Some(0)]));
    }

    #[test]
    fn what_is_ambiguous_is_refused() {
        let pair = |pointer: &str, code: &str| (pointer.to_owned(), code.to_owned());
        assert_eq!(
            reported(&[name(0, "A", &["XXL"])]),
            [pair("#/variants/0/sku", "ambiguous")]
        );
        assert_eq!(
            reported(&[name(0, "A", &["L"])]),
            [pair("#/variants/0/sku", "ambiguous")]
        );
        assert_eq!(
            reported(&[name(0, "B", &["XL"])]),
            [pair("#/variants/0/options", "ambiguous")]
        );
        let twice = [
            name(3, "", &[]),
            name(0, "B", &[]),
            name(0, "", &["L"]),
            name(3, "", &[]),
            name(0, "", &["S"]),
        ];
        let expected = [
            pair("#/variants/1/sku", "duplicate"),
            pair("#/variants/2/options", "duplicate"),
            pair("#/variants/3/id", "duplicate"),
        ];
        assert_eq!(reported(&twice), expected);
    }
}

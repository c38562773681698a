//! Turns requested lines into order lines: variants, prices and quantities.
//!
//! Pure: uses only the data that was read and never queries more. Prices come from the shelf, never from the request.

use rustok_commerce::ids::VariantId;
use rustok_commerce::order::{LineRequest, MAX_QUANTITY, OrderRequest, VariantRef};
use rustok_commerce::{CommerceError, OrderContents, OrderLine};
use rustok_core::error::{FieldViolation, RichError};
use rustok_core::money::Money;
use rustok_storage::reservations::Sellable;

/// The requested ids and SKUs, without duplicates.
pub(super) fn requested_ids(request: &OrderRequest) -> (Vec<VariantId>, Vec<&str>) {
    let (mut ids, mut skus) = (Vec::new(), Vec::new());
    for line in &request.lines {
        match &line.variant {
            VariantRef::Id(id) => ids.push(*id),
            VariantRef::Sku(sku) => skus.push(sku.as_str()),
        }
    }
    ids.sort_unstable();
    ids.dedup();
    skus.sort_unstable();
    skus.dedup();
    (ids, skus)
}

/// A line with its variant.
struct Picked<'a> {
    variant: &'a Sellable,
    unit_price: Money,
    quantity: i64,
}

/// The priced lines of the order with their total: one per variant, in the order of their first mention.
///
/// # Errors
/// `validation_failed` with all lines that name no variant, several variants, or one without a price in the currency,
/// or if the total exceeds 64 bits; `insufficient_stock` for the first variant (by id) without enough stock.
pub(super) fn build_contents(
    request: &OrderRequest,
    variants: &[Sellable],
) -> Result<OrderContents, RichError> {
    let mut picked: Vec<Picked<'_>> = Vec::with_capacity(request.lines.len());
    let mut violations = Vec::new();
    for (at, line) in request.lines.iter().enumerate() {
        match pick(at, line, request, variants) {
            Ok(more) => match picked
                .iter_mut()
                .find(|picked| picked.variant.variant_id == more.variant.variant_id)
            {
                None => picked.push(more),
                Some(picked) => {
                    picked.quantity = picked.quantity.saturating_add(more.quantity);
                    if picked.quantity > MAX_QUANTITY {
                        let detail = format!("makes more than {MAX_QUANTITY} of this variant together");
                        violations.push(FieldViolation::new(
                            format!("#/lines/{at}/quantity"),
                            "out_of_range",
                            detail,
                        ));
                    }
                }
            },
            Err(violation) => violations.push(violation),
        }
    }
    if !violations.is_empty() {
        return Err(CommerceError::ValidationFailed(violations).into());
    }
    let lines = picked.iter().map(Picked::line).collect();
    let contents = OrderContents::new(request.currency, lines, Vec::new())?;
    check_stock(&picked)?;
    Ok(contents)
}

fn pick<'a>(
    at: usize,
    line: &LineRequest,
    request: &OrderRequest,
    variants: &'a [Sellable],
) -> Result<Picked<'a>, FieldViolation> {
    let (member, matches): (_, Vec<&Sellable>) = match &line.variant {
        VariantRef::Id(id) => (
            "variant_id",
            variants
                .iter()
                .filter(|variant| variant.variant_id == *id)
                .collect(),
        ),
        VariantRef::Sku(sku) => (
            "sku",
            variants
                .iter()
                .filter(|variant| variant.sku.as_ref() == Some(sku))
                .collect(),
        ),
    };
    let refuse = |code: &'static str, detail: String| {
        FieldViolation::new(format!("#/lines/{at}/{member}"), code, detail)
    };
    let variant = match matches.as_slice() {
        [] => {
            return Err(refuse(
                "variant_not_found",
                "names nothing that can be bought here".to_owned(),
            ));
        }
        [variant] => *variant,
        _ => {
            return Err(refuse(
                "ambiguous",
                "names several variants; send the variant_id".to_owned(),
            ));
        }
    };
    let unit_price = variant.unit_price.ok_or_else(|| {
        refuse(
            "not_priced",
            format!("has no price in {}", request.currency.code()),
        )
    })?;
    Ok(Picked {
        variant,
        unit_price,
        quantity: line.quantity,
    })
}

/// Only for a good error message: the conditional update of the save is decisive.
fn check_stock(picked: &[Picked<'_>]) -> Result<(), RichError> {
    let mut by_id: Vec<_> = picked.iter().collect();
    by_id.sort_unstable_by_key(|picked| picked.variant.variant_id);
    for Picked {
        variant, quantity, ..
    } in by_id
    {
        variant
            .stock
            .check(variant.product_id, *quantity)
            .map_err(|short| RichError::from(short).with_extension("variant_id", variant.variant_id))?;
    }
    Ok(())
}

impl Picked<'_> {
    fn line(&self) -> OrderLine {
        OrderLine {
            variant_id: self.variant.variant_id,
            product_id: self.variant.product_id,
            title: self.variant.title.clone(),
            variant_title: self.variant.variant_title.clone(),
            sku: self.variant.sku.clone(),
            quantity: self.quantity,
            unit_price: self.unit_price,
            stock_taken: self.variant.stock.available.is_some(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rustok_commerce::inventory::Stock;
    use rustok_commerce::order::{LineInput, OrderInput};
    use rustok_core::money::Currency;
    use uuid::Uuid;

    fn variant(number: u128, sku: &str, price: Option<i64>, available: Option<i64>) -> Sellable {
        Sellable {
            variant_id: Uuid::from_u128(number).into(),
            product_id: Uuid::from_u128(number + 100).into(),
            title: "Tea".into(),
            variant_title: "Green".into(),
            sku: Some(sku.into()),
            unit_price: price.map(|minor| Money::from_minor(minor, Currency::parse("USD").unwrap())),
            stock: Stock {
                available,
                allow_backorder: false,
            },
        }
    }

    fn by_id(number: u128, quantity: i64) -> LineInput {
        LineInput {
            variant_id: Some(Uuid::from_u128(number).to_string()),
            sku: None,
            quantity,
        }
    }

    fn by_sku(sku: &str, quantity: i64) -> LineInput {
        LineInput {
            variant_id: None,
            sku: Some(sku.into()),
            quantity,
        }
    }

    fn request(lines: Vec<LineInput>) -> OrderRequest {
        OrderInput {
            expected_total: None,
            email: "a@b.c".into(),
            currency: "USD".into(),
            lines,
        }
        .validate()
        .unwrap()
    }

    fn wire(error: &RichError) -> serde_json::Value {
        serde_json::from_slice(&error.to_response().to_json()).unwrap()
    }

    #[test]
    fn one_variant_is_one_line_however_it_is_named() {
        let shelf = [
            variant(2, "A", Some(500), Some(9)),
            variant(1, "B", Some(0), None),
        ];
        let request = request(vec![by_sku("A", 2), by_id(1, 1), by_id(2, 3)]);
        assert_eq!(
            requested_ids(&request),
            (
                vec![Uuid::from_u128(1).into(), Uuid::from_u128(2).into()],
                vec!["A"]
            )
        );
        let contents = build_contents(&request, &shelf).unwrap();
        let reported: Vec<_> = contents
            .lines()
            .iter()
            .map(|l| (l.quantity, l.unit_price.minor(), l.stock_taken))
            .collect();
        assert_eq!(reported, [(5, 500, true), (1, 0, false)]);
    }

    #[test]
    fn all_lines_that_name_nothing_fit_are_told_at_once() {
        let shelf = [
            variant(1, "A", Some(1), None),
            variant(2, "A", Some(1), None),
            variant(3, "C", None, None),
        ];
        let refused = build_contents(
            &request(vec![by_sku("A", 1), by_id(9, 1), by_sku("C", 1), by_id(1, 1)]),
            &shelf,
        );
        let errors = wire(&refused.unwrap_err())["errors"].clone();
        let reported: Vec<_> = errors
            .as_array()
            .unwrap()
            .iter()
            .map(|e| (e["pointer"].clone(), e["code"].clone()))
            .collect();
        let expected = [
            ("#/lines/0/sku", "ambiguous"),
            ("#/lines/1/variant_id", "variant_not_found"),
            ("#/lines/2/sku", "not_priced"),
        ];
        assert_eq!(
            reported,
            expected.map(|(pointer, code)| (pointer.into(), code.into()))
        );
    }

    #[test]
    fn a_total_beyond_the_limit_is_refused_before_anything_is_written() {
        let shelf = [variant(1, "A", Some(i64::MAX), None)];
        assert!(build_contents(&request(vec![by_id(1, 1)]), &shelf).is_ok());
        let refused = wire(&build_contents(&request(vec![by_id(1, 2)]), &shelf).unwrap_err());
        assert_eq!(refused["errors"][0]["code"], "total_out_of_range");
    }

    #[test]
    fn merged_lines_keep_the_limits() {
        let shelf = [variant(1, "A", Some(1), Some(20_000))];
        let refused =
            build_contents(&request(vec![by_id(1, 6_000), by_sku("A", 4_001)]), &shelf).unwrap_err();
        assert_eq!(wire(&refused)["errors"][0]["pointer"], "#/lines/1/quantity");
        let short = build_contents(
            &request(vec![by_id(1, 6_000), by_sku("A", 4_000)]),
            &[variant(1, "A", Some(1), Some(9_999))],
        );
        let short = wire(&short.unwrap_err());
        assert_eq!(
            (&short["code"], &short["status"]),
            (&"insufficient_stock".into(), &409.into())
        );
        assert_eq!(
            (&short["available"], &short["requested"]),
            (&9_999.into(), &10_000.into())
        );
        assert_eq!(short["variant_id"], Uuid::from_u128(1).to_string());
        assert_eq!(short["product_id"], Uuid::from_u128(101).to_string());
    }
}

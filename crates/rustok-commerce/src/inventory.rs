//! Stock rules: whether stock is tracked, how much may be taken, and how much an order moves.
//!
//! The checks here only give a good error message. Overselling is prevented by the conditional update
//! (`available >= n`) in the transaction that saves the order; the isolation level alone is not relied on.

use crate::error::CommerceError;
use crate::ids::{ProductId, VariantId};
use crate::order::OrderLine;
use rustok_core::error::FieldViolation;
use rustok_text::plain::checked_line;
use std::collections::BTreeMap;

/// The maximum stock or backlog of one variant, in pieces.
pub const MAX_STOCK: i64 = 1_000_000_000;
/// The maximum length of the reason for an adjustment, in characters.
const MAX_REASON_CHARS: usize = 255;

/// The stock of one variant.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Stock {
    /// Pieces left; `None` means not tracked. Negative only with backorders.
    pub available: Option<i64>,
    /// Whether it can be ordered below zero stock.
    pub allow_backorder: bool,
}

impl Stock {
    /// Whether `requested` pieces can be taken. `true` means that the stock is tracked (`OrderLine::stock_taken`),
    /// `false` that it is not.
    ///
    /// # Errors
    /// [`CommerceError::InsufficientStock`].
    pub fn check(self, product_id: ProductId, requested: i64) -> Result<bool, CommerceError> {
        match self.available {
            None => Ok(false),
            Some(available) if self.allow_backorder || available >= requested => Ok(true),
            Some(available) => Err(CommerceError::InsufficientStock {
                product_id: product_id.as_uuid(),
                available,
                requested,
            }),
        }
    }

    /// The stock after `adjustment`. Negative only with backorders; its absolute value is at most [`MAX_STOCK`].
    ///
    /// # Errors
    /// [`CommerceError::StockNotTracked`], [`CommerceError::InsufficientStock`], or
    /// [`CommerceError::ValidationFailed`] at `#/delta` beyond the limits.
    pub fn adjusted(self, product_id: ProductId, adjustment: &Adjustment) -> Result<i64, CommerceError> {
        let available = self.available.ok_or(CommerceError::StockNotTracked)?;
        let after = available.saturating_add(adjustment.delta);
        if after < 0 && !self.allow_backorder {
            return Err(CommerceError::InsufficientStock {
                product_id: product_id.as_uuid(),
                available,
                requested: adjustment.delta.saturating_neg(),
            });
        }
        if (-MAX_STOCK..=MAX_STOCK).contains(&after) {
            return Ok(after);
        }
        let detail =
            format!("would make {after} pieces; must stay within {MAX_STOCK} in stock or short of it");
        Err(CommerceError::invalid("delta", "out_of_range", detail))
    }
}

/// A relative change of stock with its reason. Created only by [`Adjustment::checked`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Adjustment {
    delta: i64,
    reason: String,
}

impl Adjustment {
    /// Validates an adjustment as sent to `POST /variants/{id}/stock/adjust`.
    ///
    /// # Errors
    /// [`CommerceError::ValidationFailed`] with all violations: a delta of 0 or beyond ±[`MAX_STOCK`]; a reason that
    /// is not a single line of 1 to 255 characters.
    pub fn checked(delta: i64, reason: &str) -> Result<Self, CommerceError> {
        let mut found = Vec::new();
        if delta == 0 || !(-MAX_STOCK..=MAX_STOCK).contains(&delta) {
            let detail = format!("must be -{MAX_STOCK} to {MAX_STOCK} and not 0");
            found.push(FieldViolation::new("#/delta", "out_of_range", detail));
        }
        let (reason, faults) = checked_line(reason, MAX_REASON_CHARS);
        if !faults.is_empty() {
            let detail = format!("must be one line of 1 to {MAX_REASON_CHARS} characters");
            found.push(FieldViolation::new("#/reason", "invalid_text", detail));
        }
        if found.is_empty() {
            Ok(Self { delta, reason })
        } else {
            Err(CommerceError::ValidationFailed(found))
        }
    }

    /// The change in pieces, negative for a decrease. Never 0.
    #[must_use]
    pub const fn delta(&self) -> i64 {
        self.delta
    }

    /// The reason, as text.
    #[must_use]
    pub fn reason(&self) -> &str {
        &self.reason
    }
}

/// Validates a counted quantity as sent to `PUT /variants/{id}/stock`: 0 to [`MAX_STOCK`] pieces.
///
/// # Errors
/// [`CommerceError::ValidationFailed`] at `#/quantity`.
pub fn counted_quantity(quantity: i64) -> Result<i64, CommerceError> {
    if (0..=MAX_STOCK).contains(&quantity) {
        return Ok(quantity);
    }
    Err(CommerceError::invalid(
        "quantity",
        "out_of_range",
        format!("must be 0 to {MAX_STOCK}"),
    ))
}

/// The number of pieces of one variant that an order moves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StockMove {
    /// The variant.
    pub variant_id: VariantId,
    /// Its product.
    pub product_id: ProductId,
    /// Pieces, more than zero.
    pub quantity: i64,
}

/// The stock that `lines` take when the order is placed and give back, once, when it is cancelled: one entry per
/// variant with tracked stock, sorted by variant id (two orders that lock rows in different sequences would
/// deadlock).
#[must_use]
pub fn stock_moves(lines: &[OrderLine]) -> Vec<StockMove> {
    let mut moves = BTreeMap::new();
    for line in lines.iter().filter(|line| line.stock_taken) {
        let (_, quantity) = moves.entry(line.variant_id).or_insert((line.product_id, 0_i64));
        *quantity = quantity.saturating_add(line.quantity);
    }
    moves
        .into_iter()
        .map(|(variant_id, (product_id, quantity))| StockMove {
            variant_id,
            product_id,
            quantity,
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use rustok_core::money::{Currency, Money};
    use uuid::Uuid;

    fn line(variant: u128, quantity: i64, stock_taken: bool) -> OrderLine {
        OrderLine {
            variant_id: Uuid::from_u128(variant).into(),
            product_id: Uuid::from_u128(1).into(),
            title: "Tea".into(),
            variant_title: "Green".into(),
            sku: None,
            quantity,
            unit_price: Money::from_minor(100, Currency::parse("USD").unwrap()),
            stock_taken,
        }
    }

    #[test]
    fn only_counted_stock_can_run_out() {
        let product = Uuid::from_u128(1).into();
        let check = |available, allow_backorder, n| {
            Stock {
                available,
                allow_backorder,
            }
            .check(product, n)
        };
        assert_eq!(check(None, false, 10_000), Ok(false));
        assert_eq!(check(Some(2), false, 2), Ok(true));
        assert_eq!(check(Some(0), true, 2), Ok(true));
        assert_eq!(
            check(Some(2), false, 3),
            Err(CommerceError::InsufficientStock {
                product_id: Uuid::from_u128(1),
                available: 2,
                requested: 3
            })
        );
    }

    #[test]
    fn an_adjustment_stays_within_what_there_is() {
        let product = Uuid::from_u128(1).into();
        let adjusted = |available, allow_backorder, delta| {
            let adjustment = Adjustment::checked(delta, " broken ").unwrap();
            assert_eq!(adjustment.reason(), "broken");
            let stock = Stock {
                available,
                allow_backorder,
            };
            stock.adjusted(product, &adjustment)
        };
        assert_eq!(adjusted(Some(3), false, -3), Ok(0));
        assert_eq!(adjusted(Some(3), true, -4), Ok(-1));
        assert_eq!(adjusted(Some(MAX_STOCK - 1), false, 1), Ok(MAX_STOCK));
        assert_eq!(adjusted(Some(1 - MAX_STOCK), true, -1), Ok(-MAX_STOCK));
        let short = CommerceError::InsufficientStock {
            product_id: Uuid::from_u128(1),
            available: 3,
            requested: 4,
        };
        assert_eq!(adjusted(Some(3), false, -4), Err(short));
        assert_eq!(adjusted(None, true, 1), Err(CommerceError::StockNotTracked));
        for (available, delta) in [(MAX_STOCK, 1), (-MAX_STOCK, -1)] {
            let refused = adjusted(Some(available), true, delta);
            assert!(
                matches!(refused, Err(CommerceError::ValidationFailed(_))),
                "{refused:?}"
            );
        }
    }

    #[test]
    fn all_that_is_wrong_with_an_adjustment_is_told_at_once() {
        for delta in [0, MAX_STOCK + 1, -MAX_STOCK - 1, i64::MIN, i64::MAX] {
            for reason in ["", " ", "a\nb", &"x".repeat(256)] {
                let Err(CommerceError::ValidationFailed(found)) = Adjustment::checked(delta, reason) else {
                    panic!("{delta} {reason:?}");
                };
                let pointers: Vec<_> = found.iter().map(|found| found.pointer.as_str()).collect();
                assert_eq!(pointers, ["#/delta", "#/reason"]);
            }
        }
        assert!(Adjustment::checked(-MAX_STOCK, &"я".repeat(255)).is_ok());
    }

    #[test]
    fn moves_are_merged_sorted_and_counted_only() {
        let lines = [
            line(9, 1, true),
            line(3, 2, true),
            line(5, 7, false),
            line(9, 4, true),
        ];
        let moves: Vec<_> = stock_moves(&lines)
            .iter()
            .map(|m| (m.variant_id.as_uuid().as_u128(), m.quantity))
            .collect();
        assert_eq!(moves, [(3, 2), (9, 5)]);
    }

    #[test]
    fn a_count_has_limits() {
        assert_eq!(counted_quantity(0), Ok(0));
        assert_eq!(counted_quantity(MAX_STOCK), Ok(MAX_STOCK));
        assert!(counted_quantity(-1).is_err());
        assert!(counted_quantity(MAX_STOCK + 1).is_err());
    }
}

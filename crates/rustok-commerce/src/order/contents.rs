//! What an order consists of: lines, adjustments, and the total, which is always their sum.

use super::{MAX_LINES, check_quantity};
use crate::error::CommerceError;
use crate::ids::{ProductId, VariantId};
use rustok_core::error::FieldViolation;
use rustok_core::money::{Currency, Money, MoneyError};
use std::str::FromStr;

/// The maximum number of adjustments of one order.
pub const MAX_ADJUSTMENTS: usize = 100;

/// One line of an order: a copy of the variant at the time of ordering, with its price then.
#[derive(Debug, PartialEq, Eq)]
// For tests `testing` implements it, and counts.
#[cfg_attr(not(any(test, feature = "testing")), derive(Clone))]
pub struct OrderLine {
    /// The variant.
    pub variant_id: VariantId,
    /// Its product.
    pub product_id: ProductId,
    /// The product's title.
    pub title: String,
    /// The variant's title.
    pub variant_title: String,
    /// The variant's SKU.
    pub sku: Option<String>,
    /// Pieces, 1 to [`MAX_QUANTITY`](super::MAX_QUANTITY).
    pub quantity: i64,
    /// The price of one piece, in the order's currency; not negative.
    pub unit_price: Money,
    /// Whether the pieces were taken from tracked stock, so that cancelling gives them back.
    pub stock_taken: bool,
}

impl OrderLine {
    /// Unit price times quantity.
    ///
    /// # Errors
    /// [`MoneyError::OutOfRange`] beyond 64 bits of minor units.
    pub fn total(&self) -> Result<Money, MoneyError> {
        self.unit_price.checked_mul(self.quantity)
    }
}

/// The kind of an [`OrderAdjustment`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum AdjustmentKind {
    /// Lowers the total.
    Discount,
    /// The price of shipping.
    Shipping,
    /// A tax that the prices do not include.
    Tax,
}

impl AdjustmentKind {
    /// All kinds.
    pub const ALL: [Self; 3] = [Self::Discount, Self::Shipping, Self::Tax];

    /// The text in the database and in the API.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Discount => "discount",
            Self::Shipping => "shipping",
            Self::Tax => "tax",
        }
    }
}

/// The text is not a kind of adjustment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("is not a known kind of adjustment")]
pub struct UnknownAdjustment;

impl FromStr for AdjustmentKind {
    type Err = UnknownAdjustment;

    fn from_str(text: &str) -> Result<Self, UnknownAdjustment> {
        let mut all = Self::ALL.into_iter();
        all.find(|kind| kind.as_str() == text).ok_or(UnknownAdjustment)
    }
}

/// What changes the total of an order besides its lines.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OrderAdjustment {
    /// The kind.
    pub kind: AdjustmentKind,
    /// What the buyer reads, for example `Standard shipping`.
    pub title: String,
    /// The amount in the order's currency: not positive for a discount, not negative for others.
    pub amount: Money,
}

impl OrderAdjustment {
    /// Whether the sign of the amount is that of the kind.
    pub(crate) fn has_right_sign(&self) -> bool {
        match self.kind {
            AdjustmentKind::Discount => self.amount.minor() <= 0,
            AdjustmentKind::Shipping | AdjustmentKind::Tax => self.amount.minor() >= 0,
        }
    }
}

/// Valid lines and adjustments with their total, which is computed here and nowhere else.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OrderContents {
    lines: Vec<OrderLine>,
    adjustments: Vec<OrderAdjustment>,
    total: Money,
}

impl OrderContents {
    /// Validates lines and adjustments, and adds them up.
    ///
    /// # Errors
    /// [`CommerceError::ValidationFailed`] without lines, with more than 100, with a quantity outside 1 to 10,000, a
    /// negative price, an adjustment of the wrong sign, amounts in another currency, or a total that is negative or beyond
    /// 64 bits of minor units.
    pub fn new(
        currency: Currency,
        lines: Vec<OrderLine>,
        adjustments: Vec<OrderAdjustment>,
    ) -> Result<Self, CommerceError> {
        let mut violations = Vec::new();
        count_lines(lines.len(), &mut violations);
        for (at, line) in lines.iter().enumerate() {
            check_quantity(at, line.quantity, &mut violations);
            if line.unit_price.minor() < 0 {
                let detail = "must not have a negative price";
                violations.push(violation(format!("#/lines/{at}"), "negative_price", detail));
            }
        }
        if adjustments.len() > MAX_ADJUSTMENTS {
            let detail = format!("must have at most {MAX_ADJUSTMENTS} adjustments");
            violations.push(FieldViolation::new("#/adjustments", "too_many", detail));
        }
        for (at, adjustment) in adjustments.iter().enumerate() {
            if !adjustment.has_right_sign() {
                let detail = "must be negative for a discount only";
                violations.push(violation(format!("#/adjustments/{at}"), "wrong_sign", detail));
            }
        }
        match total(currency, &lines, &adjustments) {
            Ok(total) if violations.is_empty() && total.minor() >= 0 => {
                return Ok(Self {
                    lines,
                    adjustments,
                    total,
                });
            }
            Ok(total) if total.minor() < 0 && violations.is_empty() => {
                let detail = "take off more than the lines cost";
                violations.push(violation("#/adjustments", "negative_total", detail));
            }
            Ok(_) => {}
            Err(MoneyError::CurrencyMismatch(..)) => {
                let detail = "must all be in the currency of the order";
                violations.push(violation("#/lines", "currency_mismatch", detail));
            }
            Err(_) => violations.push(violation(
                "#/lines",
                "total_out_of_range",
                "cost too much together",
            )),
        }
        Err(CommerceError::ValidationFailed(violations))
    }

    /// The lines.
    #[must_use]
    pub fn lines(&self) -> &[OrderLine] {
        &self.lines
    }

    /// The sum of lines and adjustments.
    #[must_use]
    pub const fn total(&self) -> Money {
        self.total
    }

    /// Lines, adjustments and total.
    pub(crate) fn into_parts(self) -> (Vec<OrderLine>, Vec<OrderAdjustment>, Money) {
        (self.lines, self.adjustments, self.total)
    }
}

/// The sum of lines and adjustments.
pub(crate) fn total(
    currency: Currency,
    lines: &[OrderLine],
    adjustments: &[OrderAdjustment],
) -> Result<Money, MoneyError> {
    let amounts = lines.iter().map(OrderLine::total);
    let amounts = amounts.chain(adjustments.iter().map(|adjustment| Ok(adjustment.amount)));
    let zero = Money::from_minor(0, currency);
    amounts
        .into_iter()
        .try_fold(zero, |sum, amount| sum.checked_add(amount?))
}

fn violation(pointer: impl Into<String>, code: &'static str, detail: &'static str) -> FieldViolation {
    FieldViolation::new(pointer.into(), code, detail)
}

pub(super) fn count_lines(count: usize, violations: &mut Vec<FieldViolation>) {
    if count == 0 {
        violations.push(violation("#/lines", "required", "must have at least one line"));
    } else if count > MAX_LINES {
        let detail = format!("must have at most {MAX_LINES} lines");
        violations.push(FieldViolation::new("#/lines", "too_many", detail));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use uuid::Uuid;

    fn usd(minor: i64) -> Money {
        Money::from_minor(minor, Currency::parse("USD").unwrap())
    }

    fn line(quantity: i64, unit_price: Money) -> OrderLine {
        OrderLine {
            variant_id: Uuid::nil().into(),
            product_id: Uuid::nil().into(),
            title: "Tea".to_owned(),
            variant_title: String::new(),
            sku: None,
            quantity,
            unit_price,
            stock_taken: false,
        }
    }

    fn adjusted(adjustments: &[(AdjustmentKind, Money)]) -> Result<i64, Vec<String>> {
        let adjustments = adjustments.iter().map(|(kind, amount)| OrderAdjustment {
            kind: *kind,
            title: "x".to_owned(),
            amount: *amount,
        });
        let lines = vec![line(2, usd(500)), line(1, usd(99))];
        match OrderContents::new(usd(0).currency(), lines, adjustments.collect()) {
            Ok(contents) => Ok(contents.total().minor()),
            Err(CommerceError::ValidationFailed(violations)) => Err(violations
                .iter()
                .map(|violation| format!("{} {}", violation.pointer, violation.code))
                .collect()),
            Err(other) => panic!("{other:?}"),
        }
    }

    #[test]
    fn the_total_is_the_sum_of_lines_and_adjustments() {
        use AdjustmentKind::{Discount, Shipping, Tax};
        assert_eq!(adjusted(&[]), Ok(1_099));
        let all = [(Discount, usd(-100)), (Shipping, usd(490)), (Tax, usd(0))];
        assert_eq!(adjusted(&all), Ok(1_489));
        assert_eq!(adjusted(&[(Discount, usd(-1_099))]), Ok(0));
        let refused = |adjustments: &[(AdjustmentKind, Money)]| adjusted(adjustments).unwrap_err();
        assert_eq!(
            refused(&[(Discount, usd(-1_100))]),
            ["#/adjustments negative_total"]
        );
        assert_eq!(
            refused(&[(Discount, usd(1)), (Shipping, usd(-1))]),
            ["#/adjustments/0 wrong_sign", "#/adjustments/1 wrong_sign"]
        );
        let euros = Money::from_minor(1, Currency::parse("EUR").unwrap());
        assert_eq!(refused(&[(Tax, euros)]), ["#/lines currency_mismatch"]);
        assert_eq!(refused(&[(Tax, usd(i64::MAX))]), ["#/lines total_out_of_range"]);
        assert_eq!(refused(&[(Tax, usd(0)); 101]), ["#/adjustments too_many"]);
    }

    #[test]
    fn kinds_are_their_text() {
        for kind in AdjustmentKind::ALL {
            assert_eq!(kind.as_str().parse(), Ok(kind));
        }
        assert_eq!("Tax".parse::<AdjustmentKind>(), Err(UnknownAdjustment));
    }
}

//! Converts cells to values. Blank is always `None`; a cell that is neither blank nor valid is a fault that names the
//! cell. Must never guess: `1,50` may be one and a half or a hundred and fifty.

use super::columns::{Cells, Column};
use crate::csv_rows::Row;
use crate::error::{Fault, quoted};
use rust_decimal::{Decimal, RoundingStrategy};

/// Prices below 10^12: with any currency's decimals (at most 4), the minor units fit into 64 bits.
const MAX_PRICE_DIGITS: usize = 12;
const MAX_DECIMALS: usize = 12;
const MAX_QUANTITY: i64 = 1_000_000_000;
const MAX_URL_BYTES: usize = 2_048;

/// A price in major units with at most `decimals` significant decimals (`50.00` is fine for a currency without any).
pub(super) fn price(row: &Row, column: Column, decimals: u32) -> Result<Option<Decimal>, Fault> {
    let text = row.text(column);
    if text.is_empty() {
        return Ok(None);
    }
    let Some(amount) = plain_decimal(text) else {
        let reason = format!(
            "{} is not a price: digits with a decimal point are expected, without thousands separators or a currency \
             sign, such as 1234.50",
            quoted(text)
        );
        return Err(row.fault(column, reason));
    };
    if amount.scale() > decimals {
        let reason = format!(
            "{} has more decimals than the currency has ({decimals})",
            quoted(text)
        );
        return Err(row.fault(column, reason));
    }
    Ok(Some(amount))
}

/// A weight, rounded to whole grams.
pub(super) fn grams(row: &Row) -> Result<Option<i64>, Fault> {
    let text = row.text(Column::Grams);
    if text.is_empty() {
        return Ok(None);
    }
    plain_decimal(text)
        .map(|amount| amount.round_dp_with_strategy(0, RoundingStrategy::MidpointAwayFromZero))
        .and_then(|amount| i64::try_from(amount).ok())
        .map(Some)
        .ok_or_else(|| {
            row.fault(
                Column::Grams,
                format!("{} is not a weight in grams", quoted(text)),
            )
        })
}

/// Units in stock; may be negative.
pub(super) fn quantity(row: &Row) -> Result<Option<i64>, Fault> {
    let text = row.text(Column::Quantity);
    if text.is_empty() {
        return Ok(None);
    }
    match text.parse::<i64>() {
        Ok(quantity) if (-MAX_QUANTITY..=MAX_QUANTITY).contains(&quantity) => Ok(Some(quantity)),
        _ => Err(row.fault(
            Column::Quantity,
            format!("{} is not a whole number of pieces", quoted(text)),
        )),
    }
}

/// `true` or `false` in any case, and the variants that spreadsheets write.
pub(super) fn flag(row: &Row, column: Column) -> Result<Option<bool>, Fault> {
    let text = row.text(column);
    match text.to_ascii_lowercase().as_str() {
        "" => Ok(None),
        "true" | "yes" | "1" => Ok(Some(true)),
        "false" | "no" | "0" => Ok(Some(false)),
        _ => Err(row.fault(column, format!("{} is neither true nor false", quoted(text)))),
    }
}

/// Whether a variant may be sold when out of stock.
pub(super) fn allow_backorder(row: &Row) -> Result<bool, Fault> {
    let text = row.text(Column::Policy);
    match text.to_ascii_lowercase().as_str() {
        "" | "deny" | "false" => Ok(false),
        "continue" | "true" => Ok(true),
        _ => Err(row.fault(
            Column::Policy,
            format!("{} is neither deny nor continue", quoted(text)),
        )),
    }
}

/// An absolute http or https URL. Anything else (`javascript:`, a path, a file name) could not be displayed.
pub(super) fn url(row: &Row, column: Column) -> Result<Option<String>, Fault> {
    let text = row.text(column);
    if text.is_empty() {
        return Ok(None);
    }
    let is_web = ["http://", "https://"].iter().any(|scheme| {
        text.get(..scheme.len())
            .is_some_and(|start| start.eq_ignore_ascii_case(scheme))
            && text.len() > scheme.len()
    });
    let is_clean = !text.chars().any(|c| c.is_whitespace() || c.is_control());
    if is_web && is_clean && text.len() <= MAX_URL_BYTES {
        return Ok(Some(text.to_owned()));
    }
    let reason = format!(
        "{} is not an http or https address of at most {MAX_URL_BYTES} bytes",
        quoted(text)
    );
    Err(row.fault(column, reason))
}

/// The sort position of an image, from 1.
pub(super) fn image_position(row: &Row) -> Result<Option<u32>, Fault> {
    let text = row.text(Column::ImagePosition);
    if text.is_empty() {
        return Ok(None);
    }
    text.parse().map(Some).map_err(|_| {
        row.fault(
            Column::ImagePosition,
            format!("{} is not an image position", quoted(text)),
        )
    })
}

/// A code of digits or letters, without the apostrophe that makes spreadsheets treat it as text.
pub(super) fn code(row: &Row, column: Column) -> Option<String> {
    let text = row.text(column);
    let text = match text.strip_prefix('\'') {
        Some(rest) if rest.starts_with(|c: char| c.is_ascii_digit()) => rest,
        _ => text,
    };
    (!text.is_empty()).then(|| text.to_owned())
}

/// Digits, at most one point, no sign; without trailing zeros after the point.
fn plain_decimal(text: &str) -> Option<Decimal> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, "0"));
    let digits = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
    let significant = whole.trim_start_matches('0').len();
    if !digits(whole) || !digits(fraction) || significant > MAX_PRICE_DIGITS || fraction.len() > MAX_DECIMALS
    {
        return None;
    }
    Decimal::from_str_exact(text)
        .ok()
        .map(|amount| amount.normalize())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decimals_are_plain_or_refused() {
        for (text, expected) in [
            ("50", "50"),
            ("50.00", "50"),
            ("0.10", "0.1"),
            ("007.5", "7.5"),
            ("999999999999.999", "999999999999.999"),
        ] {
            assert_eq!(plain_decimal(text).unwrap().to_string(), expected, "{text}");
        }
        for text in [
            "1,234.50",
            "1,5",
            "-1",
            "+1",
            "$5",
            "5 USD",
            ".5",
            "5.",
            "1e3",
            "",
            "1.2.3",
            "1_0",
            "٣",
            "1000000000000",
        ] {
            assert_eq!(plain_decimal(text), None, "{text}");
        }
    }
}

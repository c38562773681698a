//! Converts cells to values. Blank is always `None`; a cell that is neither blank nor valid is a fault that names the
//! cell. Must never guess: `1,50` may be one and a half or a hundred and fifty.

use super::columns::{Cells, Column};
use super::price::{PriceFault, parse};
use crate::csv_rows::Row;
use crate::error::{Fault, quoted};
use rust_decimal::{Decimal, RoundingStrategy};

const MAX_DIGITS: usize = 14;
const MAX_DECIMALS: usize = 12;
const MAX_QUANTITY: i64 = 1_000_000_000;
const MAX_URL_BYTES: usize = 2_048;

/// A price, and whether a sign or name of a currency stood beside it; see [`parse`](super::price::parse).
pub(super) fn price(row: &Row, column: Column, decimals: u32) -> Result<Option<(Decimal, bool)>, Fault> {
    let text = row.text(column);
    if text.is_empty() {
        return Ok(None);
    }
    let why = match parse(text, decimals) {
        Ok(price) => return Ok(Some(price)),
        Err(PriceFault::NoPrice) => "is not a price: a number such as 1234.50 is expected".to_owned(),
        Err(PriceFault::Ambiguous) => {
            "may be thousands or have three decimals: write 1299.00 or 1.30 instead".to_owned()
        }
        Err(PriceFault::TooManyDecimals) => format!("has more decimals than the currency has ({decimals})"),
    };
    Err(row.fault(column, format!("{} {why}; the price is left out", quoted(text))))
}

/// A weight, rounded to whole grams.
pub(super) fn grams(row: &Row) -> Result<Option<i64>, Fault> {
    let text = row.text(Column::Grams);
    if text.is_empty() {
        return Ok(None);
    }
    decimal(text)
        .map(|amount| amount.round_dp_with_strategy(0, RoundingStrategy::MidpointAwayFromZero))
        .and_then(|amount| i64::try_from(amount).ok())
        .filter(|grams| *grams >= 0)
        .map(Some)
        .ok_or_else(|| {
            row.fault(
                Column::Grams,
                format!("{} is not a weight in grams", quoted(text)),
            )
        })
}

/// Units in stock; may be negative.
pub(super) fn quantity(row: &Row, column: Column) -> Result<Option<i64>, Fault> {
    let text = row.text(column);
    if text.is_empty() {
        return Ok(None);
    }
    match whole(text) {
        Some(quantity) if (-MAX_QUANTITY..=MAX_QUANTITY).contains(&quantity) => Ok(Some(quantity)),
        _ => Err(row.fault(
            column,
            format!("{} is not a whole number of pieces", quoted(text)),
        )),
    }
}

/// A whole number, also as spreadsheets and programs write it: `5`, `5.0`, `5,00`.
fn whole(text: &str) -> Option<i64> {
    let amount = decimal(text)?;
    amount.is_integer().then(|| i64::try_from(amount).ok()).flatten()
}

/// Digits with at most one point or comma, which has no thousands in numbers of pieces and grams, and a sign.
fn decimal(text: &str) -> Option<Decimal> {
    let (text, negative) = match text.strip_prefix('-') {
        Some(rest) => (rest, true),
        None => (text, false),
    };
    let point = text.replace(',', ".");
    let (whole, fraction) = point.split_once('.').unwrap_or((&point, "0"));
    let digits = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
    let thousands = text.contains(',') && fraction.len() == 3;
    if whole.is_empty() || !digits(whole) || !digits(fraction) || whole.len() > MAX_DIGITS || thousands {
        return None;
    }
    let fraction = fraction
        .get(..fraction.len().min(MAX_DECIMALS))
        .unwrap_or_default();
    let amount = Decimal::from_str_exact(&format!(
        "{whole}.{}",
        if fraction.is_empty() { "0" } else { fraction }
    ))
    .ok()?;
    let near = amount.round();
    // The noise of a computed number.
    let amount = if (amount - near).abs() < Decimal::new(1, 6) {
        near
    } else {
        amount
    };
    Some(if negative { -amount } else { amount }.normalize())
}

/// `true` or `false` in any case, and the variants that spreadsheets write.
pub(super) fn flag(row: &Row, column: Column) -> Result<Option<bool>, Fault> {
    let text = row.text(column);
    match text.to_lowercase().as_str() {
        "" => Ok(None),
        "true" | "yes" | "1" | "1.0" | "wahr" | "vrai" | "verdadero" | "vero" | "verdadeiro" | "waar"
        | "истина" | "ja" | "oui" | "si" | "sí" => Ok(Some(true)),
        "false" | "no" | "0" | "0.0" | "falsch" | "faux" | "falso" | "onwaar" | "ложь" | "nein" | "non"
        | "nee" => Ok(Some(false)),
        _ => Err(row.fault(column, format!("{} is neither true nor false", quoted(text)))),
    }
}

/// Whether a variant may be sold when out of stock.
pub(super) fn allow_backorder(row: &Row) -> Result<bool, Fault> {
    let text = row.text(Column::Policy);
    match text.to_ascii_lowercase().as_str() {
        "" | "deny" | "false" | "falsch" | "faux" | "falso" => Ok(false),
        "continue" | "true" | "wahr" | "vrai" | "verdadero" | "vero" => Ok(true),
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
    whole(text)
        .and_then(|position| u32::try_from(position).ok())
        .map(Some)
        .ok_or_else(|| {
            row.fault(
                Column::ImagePosition,
                format!("{} is not an image position", quoted(text)),
            )
        })
}

/// A code of digits or letters, without the apostrophe that makes spreadsheets treat it as text, and without the `.0`
/// that a program adds that took it for a number.
pub(super) fn code(row: &Row, column: Column) -> Option<String> {
    let text = row.text(column);
    let starts_with_digit = |rest: &str| rest.starts_with(|c: char| c.is_ascii_digit());
    let text = text
        .strip_prefix('\'')
        .filter(|rest| starts_with_digit(rest))
        .unwrap_or(text);
    let text = match text.strip_suffix(".0") {
        Some(digits) if !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit()) => digits,
        _ => text,
    };
    (!text.is_empty()).then(|| text.to_owned())
}

//! The prices of a variant, one per currency.
//!
//! There are no exchange rates: a variant cannot be bought in a currency that it has no price in.

use rustok_core::error::FieldViolation;
use rustok_core::money::{Currency, Money, MoneyError};

/// The price of one piece in one currency.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Price {
    /// The price to pay; never negative.
    pub amount: Money,
    /// The reference price shown struck through, in the same currency; never negative.
    pub compare_at: Option<Money>,
}

/// The prices of one variant: at most one per currency, sorted by currency code. A variant with an empty list is
/// shown but cannot be ordered.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PriceList(Vec<Price>);

impl PriceList {
    /// Sets the price in the currency of `price`, replacing an earlier one.
    pub fn set(&mut self, price: Price) {
        let code = price.amount.currency().code();
        match self
            .0
            .binary_search_by_key(&code, |known| known.amount.currency().code())
        {
            Ok(at) => self.0[at] = price,
            Err(at) => self.0.insert(at, price),
        }
    }

    /// The price in `currency`.
    #[must_use]
    pub fn find(&self, currency: Currency) -> Option<Price> {
        self.0
            .iter()
            .find(|price| price.amount.currency() == currency)
            .copied()
    }

    /// All prices.
    #[must_use]
    pub fn as_slice(&self) -> &[Price] {
        &self.0
    }
}

impl FromIterator<Price> for PriceList {
    fn from_iter<I: IntoIterator<Item = Price>>(prices: I) -> Self {
        let mut list = Self::default();
        prices.into_iter().for_each(|price| list.set(price));
        list
    }
}

/// An amount as sent: plain decimal text and a currency code.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MoneyInput {
    /// For example `19.99`.
    pub amount: String,
    /// For example `USD`.
    pub currency: String,
}

impl From<Money> for MoneyInput {
    fn from(money: Money) -> Self {
        Self {
            amount: money.amount().to_string(),
            currency: money.currency().code().to_owned(),
        }
    }
}

impl MoneyInput {
    /// Parses a non-negative amount; adds violations at `pointer` and below.
    pub(crate) fn validate(&self, pointer: &str, violations: &mut Vec<FieldViolation>) -> Option<Money> {
        let read = Currency::parse(&self.currency).and_then(|currency| Money::parse(&self.amount, currency));
        let (member, code, detail) = match read {
            Ok(money) if money.minor() >= 0 => return Some(money),
            Ok(_) => ("amount", "negative", "must not be negative".to_owned()),
            Err(error @ MoneyError::UnknownCurrency(_)) => {
                ("currency", "unknown_currency", error.to_string())
            }
            Err(error) => ("amount", money_code(&error), error.to_string()),
        };
        violations.push(FieldViolation::new(format!("{pointer}/{member}"), code, detail));
        None
    }
}

/// The violation code of an amount that cannot be parsed.
pub(crate) const fn money_code(error: &MoneyError) -> &'static str {
    match error {
        MoneyError::UnknownCurrency(_) => "unknown_currency",
        MoneyError::TooManyDecimals { .. } => "too_many_decimals",
        MoneyError::OutOfRange => "out_of_range",
        MoneyError::NotANumber => "not_a_number",
        MoneyError::CurrencyMismatch(..) => "currency_mismatch",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn price(minor: i64, code: &str) -> Price {
        Price {
            amount: Money::from_minor(minor, Currency::parse(code).unwrap()),
            compare_at: None,
        }
    }

    #[test]
    fn one_price_per_currency() {
        let list: PriceList = [price(300, "USD"), price(200, "EUR"), price(100, "USD")]
            .into_iter()
            .collect();
        assert_eq!(list.as_slice(), [price(200, "EUR"), price(100, "USD")]);
        assert_eq!(
            list.find(Currency::parse("USD").unwrap()),
            Some(price(100, "USD"))
        );
        assert_eq!(list.find(Currency::parse("JPY").unwrap()), None);
    }

    #[test]
    fn amounts_are_refused_at_the_member_that_is_wrong() {
        let read = |amount: &str, currency: &str| {
            let mut violations = Vec::new();
            let input = MoneyInput {
                amount: amount.into(),
                currency: currency.into(),
            };
            match input.validate("#/price", &mut violations) {
                Some(money) => money.to_string(),
                None => format!("{} {}", violations[0].pointer, violations[0].code),
            }
        };
        assert_eq!(read("19.9", "USD"), "19.90 USD");
        assert_eq!(read("0", "USD"), "0.00 USD");
        assert_eq!(read("-0.01", "USD"), "#/price/amount negative");
        assert_eq!(read("1.5", "JPY"), "#/price/amount too_many_decimals");
        assert_eq!(read("x", "USD"), "#/price/amount not_a_number");
        assert_eq!(read("99999999999999999999", "USD"), "#/price/amount out_of_range");
        assert_eq!(read("x", "usd"), "#/price/currency unknown_currency");
    }
}

//! Money: whole minor units of an ISO 4217 currency. Never a float, never a fraction of a cent.

use rust_decimal::Decimal;
use serde::ser::SerializeStruct;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::fmt;
use std::str::FromStr;
use thiserror::Error;

/// Why an amount was rejected.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum MoneyError {
    /// Not an ISO 4217 code of a currency with minor units.
    #[error("`{0}` is not an ISO 4217 currency code")]
    UnknownCurrency(String),
    /// More decimals than the currency has.
    #[error("{currency} has {allowed} decimals")]
    TooManyDecimals {
        /// The currency's code.
        currency: &'static str,
        /// How many decimals it has.
        allowed: u32,
    },
    /// More minor units than 64 bits hold.
    #[error("is too large")]
    OutOfRange,
    /// Not a plain decimal number.
    #[error("is not a decimal number such as 19.99")]
    NotANumber,
    /// Two currencies in one sum.
    #[error("{0} and {1} cannot be added")]
    CurrencyMismatch(&'static str, &'static str),
}

/// An ISO 4217 currency that has minor units (metals and testing codes have none and are rejected).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Currency {
    iso: iso_currency::Currency,
    exponent: u32,
}

impl Currency {
    /// Parses an upper-case ISO 4217 alphabetic code.
    ///
    /// # Errors
    /// [`MoneyError::UnknownCurrency`].
    pub fn parse(code: &str) -> Result<Self, MoneyError> {
        let iso = iso_currency::Currency::from_code(code);
        iso.and_then(|iso| {
            Some(Self {
                iso,
                exponent: u32::from(iso.exponent()?),
            })
        })
        .ok_or_else(|| MoneyError::UnknownCurrency(code.chars().take(16).collect()))
    }

    /// The code, for example `USD`.
    #[must_use]
    pub fn code(self) -> &'static str {
        self.iso.code()
    }

    /// How many decimals the currency has: 2 for USD, 0 for JPY, 3 for KWD.
    #[must_use]
    pub const fn exponent(self) -> u32 {
        self.exponent
    }
}

impl FromStr for Currency {
    type Err = MoneyError;

    fn from_str(code: &str) -> Result<Self, Self::Err> {
        Self::parse(code)
    }
}

impl fmt::Display for Currency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code())
    }
}

/// An amount in one currency, in whole minor units (cents for USD). It may be negative.
///
/// ```
/// use rustok_core::money::{Currency, Money};
///
/// let usd = Currency::parse("USD")?;
/// let price = Money::parse("19.99", usd)?;
/// assert_eq!(price.minor(), 1999);
/// assert_eq!(price.checked_mul(3)?.to_string(), "59.97 USD");
/// assert!(Money::parse("0.001", usd).is_err());
/// # Ok::<(), rustok_core::money::MoneyError>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Money {
    minor: i64,
    currency: Currency,
}

impl Money {
    /// From minor units.
    #[must_use]
    pub const fn from_minor(minor: i64, currency: Currency) -> Self {
        Self { minor, currency }
    }

    /// From a decimal amount. Trailing zeros beyond the currency's decimals are accepted.
    ///
    /// # Errors
    /// [`MoneyError::TooManyDecimals`] and [`MoneyError::OutOfRange`].
    pub fn from_decimal(amount: Decimal, currency: Currency) -> Result<Self, MoneyError> {
        let amount = amount.normalize();
        if amount.scale() > currency.exponent {
            return Err(MoneyError::TooManyDecimals {
                currency: currency.code(),
                allowed: currency.exponent,
            });
        }
        let factor = Decimal::from(10_i64.pow(currency.exponent));
        let minor = amount.checked_mul(factor).ok_or(MoneyError::OutOfRange)?;
        let minor = i64::try_from(minor).map_err(|_| MoneyError::OutOfRange)?;
        Ok(Self { minor, currency })
    }

    /// From plain decimal text: an optional minus, digits, optionally a point and digits. No exponents, no grouping.
    ///
    /// # Errors
    /// [`MoneyError::NotANumber`] and those of [`Money::from_decimal`].
    pub fn parse(text: &str, currency: Currency) -> Result<Self, MoneyError> {
        let digits = text.strip_prefix('-').unwrap_or(text);
        let (whole, fraction) = digits.split_once('.').unwrap_or((digits, "0"));
        let plain = |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit());
        if !plain(whole) || !plain(fraction) {
            return Err(MoneyError::NotANumber);
        }
        let amount = Decimal::from_str_exact(text).map_err(|error| match error {
            rust_decimal::Error::Underflow => MoneyError::TooManyDecimals {
                currency: currency.code(),
                allowed: currency.exponent,
            },
            _ => MoneyError::OutOfRange,
        })?;
        Self::from_decimal(amount, currency)
    }

    /// Whole minor units.
    #[must_use]
    pub const fn minor(self) -> i64 {
        self.minor
    }

    /// The currency.
    #[must_use]
    pub const fn currency(self) -> Currency {
        self.currency
    }

    /// The amount with exactly the currency's decimals.
    #[must_use]
    pub fn amount(self) -> Decimal {
        Decimal::new(self.minor, self.currency.exponent)
    }

    /// The sum.
    ///
    /// # Errors
    /// [`MoneyError::CurrencyMismatch`] and [`MoneyError::OutOfRange`].
    pub fn checked_add(self, other: Self) -> Result<Self, MoneyError> {
        if self.currency != other.currency {
            return Err(MoneyError::CurrencyMismatch(
                self.currency.code(),
                other.currency.code(),
            ));
        }
        let minor = self
            .minor
            .checked_add(other.minor)
            .ok_or(MoneyError::OutOfRange)?;
        Ok(Self { minor, ..self })
    }

    /// The product with a whole number.
    ///
    /// # Errors
    /// [`MoneyError::OutOfRange`].
    pub fn checked_mul(self, by: i64) -> Result<Self, MoneyError> {
        let minor = self.minor.checked_mul(by).ok_or(MoneyError::OutOfRange)?;
        Ok(Self { minor, ..self })
    }
}

impl fmt::Display for Money {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.amount(), self.currency)
    }
}

impl Serialize for Money {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut money = serializer.serialize_struct("Money", 2)?;
        money.serialize_field("amount", &self.amount().to_string())?;
        money.serialize_field("currency", self.currency.code())?;
        money.end()
    }
}

impl<'de> Deserialize<'de> for Money {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(deny_unknown_fields)]
        struct Wire {
            amount: String,
            currency: String,
        }
        let wire = Wire::deserialize(deserializer)?;
        Currency::parse(&wire.currency)
            .and_then(|currency| Self::parse(&wire.amount, currency))
            .map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(code: &str) -> Currency {
        Currency::parse(code).unwrap()
    }

    #[test]
    fn currencies_have_their_decimals() {
        assert_eq!(
            (of("USD").exponent(), of("JPY").exponent(), of("KWD").exponent()),
            (2, 0, 3)
        );
        for bad in ["usd", "XXX", "XAU", "", "US", "€", "USDT"] {
            assert!(Currency::parse(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn amounts_are_exact_or_refused() {
        assert_eq!(Money::parse("50", of("USD")).unwrap().minor(), 5_000);
        assert_eq!(Money::parse("1.990", of("USD")).unwrap().minor(), 199);
        assert_eq!(Money::parse("-0.5", of("USD")).unwrap().minor(), -50);
        assert_eq!(
            Money::parse("0.5", of("JPY")),
            Err(MoneyError::TooManyDecimals {
                currency: "JPY",
                allowed: 0
            })
        );
        for bad in [
            "", ".", "1.", ".5", "1e3", "NaN", "+1", "1_000", "1,5", " 1", "0x1", "--1", "1.2.3",
        ] {
            assert_eq!(Money::parse(bad, of("USD")), Err(MoneyError::NotANumber), "{bad}");
        }
        assert_eq!(
            Money::parse("92233720368547758.08", of("USD")),
            Err(MoneyError::OutOfRange)
        );
        assert_eq!(
            Money::parse(&"9".repeat(60), of("USD")),
            Err(MoneyError::OutOfRange)
        );
        assert_eq!(
            Money::parse("92233720368547758.07", of("USD")).unwrap().minor(),
            i64::MAX
        );
    }

    #[test]
    fn sums_do_not_wrap_or_mix() {
        let max = Money::from_minor(i64::MAX, of("USD"));
        assert_eq!(
            max.checked_add(Money::from_minor(1, of("USD"))),
            Err(MoneyError::OutOfRange)
        );
        assert_eq!(max.checked_mul(2), Err(MoneyError::OutOfRange));
        assert!(max.checked_add(Money::from_minor(0, of("EUR"))).is_err());
    }

    #[test]
    fn wire_form_keeps_the_decimals() {
        let json = serde_json::to_string(&Money::from_minor(500, of("USD"))).unwrap();
        assert_eq!(json, r#"{"amount":"5.00","currency":"USD"}"#);
        assert_eq!(serde_json::from_str::<Money>(&json).unwrap().minor(), 500);
        assert!(serde_json::from_str::<Money>(r#"{"amount":5.0,"currency":"USD"}"#).is_err());
        for (minor, currency, amount) in [
            (1_990, "USD", "19.90"),
            (5, "JPY", "5"),
            (1_500, "KWD", "1.500"),
            (0, "EUR", "0.00"),
        ] {
            let json = serde_json::to_value(Money::from_minor(minor, of(currency))).unwrap();
            assert_eq!(
                (&json["amount"], &json["currency"]),
                (&amount.into(), &currency.into())
            );
        }
    }
}

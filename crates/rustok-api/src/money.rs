//! How money looks in the API.

use rustok_commerce::price::MoneyInput;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

// Answers are written by core's own `Money`; this is its form in the OpenAPI document.
/// An amount of money.
#[derive(Debug, ToSchema)]
#[schema(as = Money)]
pub struct MoneyView {
    /// Plain decimal text with exactly the decimals of the currency.
    #[schema(example = "19.99")]
    pub amount: String,
    /// ISO 4217 code.
    #[schema(example = "USD")]
    pub currency: String,
}

/// An amount of money in a request.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct MoneyFields {
    /// Plain decimal text with at most the decimals of the currency; never a number, which would be rounded.
    #[schema(example = "19.99")]
    amount: String,
    /// ISO 4217 code; if missing, that of the order, for prices the tenant's default currency, and for what a price is
    /// compared with that of the price.
    #[schema(example = "USD")]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    currency: Option<String>,
}

impl MoneyFields {
    /// The currency, if it is named.
    #[must_use]
    pub fn currency(&self) -> Option<&str> {
        self.currency.as_deref()
    }

    /// What is to be checked; without a currency it is in `default`.
    #[must_use]
    pub fn into_input(self, default: &str) -> MoneyInput {
        let currency = self.currency.unwrap_or_else(|| default.to_owned());
        MoneyInput {
            amount: self.amount,
            currency,
        }
    }
}

impl From<MoneyInput> for MoneyFields {
    fn from(input: MoneyInput) -> Self {
        Self {
            amount: input.amount,
            currency: Some(input.currency),
        }
    }
}

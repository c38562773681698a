//! One sellable variant of a product: stored, as input, and the validation between the two.
//!
//! Rules over several variants (their number, unique combinations of options) are in [`crate::product`].

mod facts;

pub use facts::VariantFacts;

use crate::ids::VariantId;
use crate::inventory::{MAX_STOCK, Stock};
use crate::price::{MoneyInput, Price, PriceList};
use rustok_core::error::FieldViolation;
use rustok_core::money::Currency;
use rustok_text::plain::{clean_name, is_line};

/// The title of the only variant of a product without options.
pub const DEFAULT_TITLE: &str = "Default Title";
/// The maximum length of a SKU, a barcode and an option's name or value, in characters.
pub(crate) const MAX_NAME_CHARS: usize = 255;
/// The rule for a SKU, as an error message.
pub(crate) const SKU_RULE: &str =
    "must be 1 to 255 characters without control characters or spaces at its ends";

/// Whether `sku` is valid.
pub(crate) fn is_sku(sku: &str) -> bool {
    is_line(sku, MAX_NAME_CHARS) && sku.trim() == sku
}

/// A stored variant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Variant {
    /// The variant's id.
    pub id: VariantId,
    /// The merchant's own article number.
    pub sku: Option<String>,
    /// Its option values joined by ` / `, or [`DEFAULT_TITLE`].
    pub title: String,
    /// One value for each option of the product, in the product's sequence.
    pub options: Vec<String>,
    /// The prices, one per currency.
    pub prices: PriceList,
    /// What is stated of the goods.
    pub facts: VariantFacts,
    /// Pieces left; `None` means not tracked.
    pub available: Option<i64>,
    /// Whether it can be ordered below zero stock.
    pub allow_backorder: bool,
    /// Its position in the product, from 0.
    pub position: i64,
}

impl Variant {
    /// The price in `currency`.
    #[must_use]
    pub fn find_price(&self, currency: Currency) -> Option<Price> {
        self.prices.find(currency)
    }

    /// Its stock.
    #[must_use]
    pub const fn stock(&self) -> Stock {
        Stock {
            available: self.available,
            allow_backorder: self.allow_backorder,
        }
    }
}

/// A variant as sent, not yet validated.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct VariantInput {
    /// The variant to update; `None` for a new one.
    pub id: Option<VariantId>,
    /// The merchant's own article number; blank means none.
    pub sku: Option<String>,
    /// One value for each option of the product.
    pub options: Vec<String>,
    /// The price; required for a new variant. An existing one without a price cannot be ordered.
    pub price: Option<MoneyInput>,
    /// The reference price shown struck through, in the same currency.
    pub compare_at_price: Option<MoneyInput>,
    /// What is stated of the goods.
    pub facts: VariantFacts,
    /// Pieces left; `None` means not tracked.
    pub available: Option<i64>,
    /// Whether it can be ordered below zero stock.
    pub allow_backorder: bool,
    /// Whether to delete the variant with this id; the other fields are then ignored.
    pub deleted: bool,
}

/// A validated variant. Created only by [`crate::product::ProductInput::validate`].
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct VariantDraft {
    /// The variant to update; `None` for a new one.
    pub id: Option<VariantId>,
    /// See [`Variant::sku`].
    pub sku: Option<String>,
    /// See [`Variant::title`].
    pub title: String,
    /// See [`Variant::options`].
    pub options: Vec<String>,
    /// Its price in the currency of the input; empty if the input has none.
    pub prices: PriceList,
    /// See [`Variant::facts`].
    pub facts: VariantFacts,
    /// See [`Variant::available`].
    pub available: Option<i64>,
    /// See [`Variant::allow_backorder`].
    pub allow_backorder: bool,
    /// See [`Variant::position`].
    pub position: i64,
}

impl VariantDraft {
    /// The default variant of a product that was sent without variants.
    pub(crate) fn only() -> Self {
        Self {
            id: None,
            sku: None,
            title: DEFAULT_TITLE.to_owned(),
            options: Vec::new(),
            prices: PriceList::default(),
            facts: VariantFacts::default(),
            available: None,
            allow_backorder: false,
            position: 0,
        }
    }
}

/// The title of a variant with these option values.
#[must_use]
pub fn title_of(options: &[String]) -> String {
    if options.is_empty() {
        DEFAULT_TITLE.to_owned()
    } else {
        options.join(" / ")
    }
}

/// A name in its stored form; `None` if blank.
pub(crate) fn present(text: Option<String>) -> Option<String> {
    text.map(|text| clean_name(&text)).filter(|text| !text.is_empty())
}

impl VariantInput {
    /// Validates the variant at `position`; adds to `violations`.
    pub(crate) fn validate(
        self,
        position: usize,
        option_count: usize,
        violations: &mut Vec<FieldViolation>,
    ) -> VariantDraft {
        let base = format!("#/variants/{position}");
        let prices = self.validate_prices(&base, violations);
        let mut refuse = |member: &str, code: &'static str, detail: String| {
            violations.push(FieldViolation::new(format!("{base}/{member}"), code, detail));
        };
        let sku = present(self.sku);
        if sku.as_deref().is_some_and(|sku| !is_sku(sku)) {
            refuse("sku", "invalid_sku", SKU_RULE.to_owned());
        }
        let facts = self.facts.validate(&mut refuse);
        let least = if self.allow_backorder { -MAX_STOCK } else { 0 };
        if self
            .available
            .is_some_and(|available| !(least..=MAX_STOCK).contains(&available))
        {
            refuse(
                "available",
                "out_of_range",
                format!("must be {least} to {MAX_STOCK}"),
            );
        }
        let options: Vec<String> = self.options.iter().map(|value| clean_name(value)).collect();
        if options.len() != option_count {
            refuse(
                "options",
                "wrong_count",
                format!("must have {option_count} values, one per option"),
            );
        }
        for (at, _) in options
            .iter()
            .enumerate()
            .filter(|(_, value)| !is_line(value, MAX_NAME_CHARS))
        {
            refuse(
                &format!("options/{at}"),
                "invalid_text",
                format!("must be 1 to {MAX_NAME_CHARS} characters"),
            );
        }
        VariantDraft {
            id: self.id,
            sku,
            title: title_of(&options),
            options,
            prices,
            facts,
            available: self.available,
            allow_backorder: self.allow_backorder,
            position: i64::try_from(position).unwrap_or(i64::MAX),
        }
    }

    fn validate_prices(&self, base: &str, violations: &mut Vec<FieldViolation>) -> PriceList {
        let compare_pointer = format!("{base}/compare_at_price");
        let compare_at = self
            .compare_at_price
            .as_ref()
            .and_then(|price| price.validate(&compare_pointer, violations));
        let Some(price) = &self.price else {
            if self.id.is_none() {
                violations.push(FieldViolation::new(
                    format!("{base}/price"),
                    "required",
                    "is required",
                ));
            } else if self.compare_at_price.is_some() {
                let detail = "needs a price to be compared with";
                violations.push(FieldViolation::new(compare_pointer, "without_price", detail));
            }
            return PriceList::default();
        };
        let Some(amount) = price.validate(&format!("{base}/price"), violations) else {
            return PriceList::default();
        };
        if compare_at.is_some_and(|other| other.currency() != amount.currency()) {
            let detail = "must have the currency of the price";
            violations.push(FieldViolation::new(compare_pointer, "currency_mismatch", detail));
        }
        [Price { amount, compare_at }].into_iter().collect()
    }
}

impl VariantInput {
    /// The input that would leave `variant` unchanged, with prices in `currency`: the target of a merge patch.
    #[must_use]
    pub fn from_variant(variant: &Variant, currency: Currency) -> Self {
        let price = variant.find_price(currency);
        Self {
            id: Some(variant.id),
            sku: variant.sku.clone(),
            options: variant.options.clone(),
            price: price.map(|price| MoneyInput::from(price.amount)),
            compare_at_price: price.and_then(|price| price.compare_at).map(MoneyInput::from),
            facts: variant.facts.clone(),
            available: variant.available,
            allow_backorder: variant.allow_backorder,
            deleted: false,
        }
    }
}

//! A variant: how it looks in the store and to those who manage it, and what can be written of it.
//!
//! A new fact belongs here in one view and two forms, and is taken apart between them without `..`. Nothing is decided
//! here: the form of a request is checked against its schema, the meaning by the domain.

use crate::merge_patch;
use crate::money::{MoneyFields, MoneyView};
use rustok_app::catalog::ShownPrice;
use rustok_commerce::price::{MoneyInput, Price, PriceList};
use rustok_commerce::product::Product;
use rustok_commerce::variant::{Variant, VariantFacts, VariantInput};
use rustok_core::error::RichError;
use rustok_core::money::{Currency, Money};
use rustok_http::extract::MergePatch;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use utoipa::ToSchema;
use uuid::Uuid;

/// A variant as the store shows it.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = StoreVariant)]
pub struct StoreVariantView<'a> {
    id: Uuid,
    sku: Option<&'a str>,
    /// The values of its options, or `Default Title`.
    title: &'a str,
    /// One value for each option of the product.
    options: &'a [String],
    /// In the store in the currency that was asked for, else in the tenant's default one if it has a price there; `null`
    /// means that it has none in that currency.
    #[schema(value_type = Option<MoneyView>)]
    price: Option<Money>,
    /// The price that is shown struck through.
    #[schema(value_type = Option<MoneyView>)]
    compare_at_price: Option<Money>,
    /// Pieces left; `null` means that they are not counted.
    available: Option<i64>,
}

impl<'a> StoreVariantView<'a> {
    pub(super) fn new(variant: &'a Variant, shown: ShownPrice) -> Self {
        let price = shown.of(&variant.prices);
        Self {
            id: variant.id.as_uuid(),
            sku: variant.sku.as_deref(),
            title: &variant.title,
            options: &variant.options,
            price: price.map(|price| price.amount),
            compare_at_price: price.and_then(|price| price.compare_at),
            available: variant.available,
        }
    }

    pub(super) fn without_stock(variant: &'a Variant, shown: ShownPrice) -> Self {
        Self {
            available: None,
            ..Self::new(variant, shown)
        }
    }
}

/// A variant as those see it who manage it.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Variant)]
pub struct VariantView<'a> {
    #[serde(flatten)]
    shown: StoreVariantView<'a>,
    /// GTIN, EAN, UPC, ISBN, ...
    barcode: Option<&'a str>,
    weight_grams: Option<i64>,
    /// The code of the Harmonized System, for customs.
    #[schema(example = "090210")]
    hs_code: Option<&'a str>,
    /// Whether it is sold beyond zero.
    allow_backorder: bool,
}

impl<'a> VariantView<'a> {
    pub(super) fn new(variant: &'a Variant, shown: ShownPrice) -> Self {
        let VariantFacts {
            barcode,
            weight_grams,
            hs_code,
        } = &variant.facts;
        Self {
            shown: StoreVariantView::new(variant, shown),
            barcode: barcode.as_deref(),
            weight_grams: *weight_grams,
            hs_code: hs_code.as_deref(),
            allow_backorder: variant.allow_backorder,
        }
    }
}

/// What a variant costs in one currency.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Price)]
pub struct PriceView {
    #[schema(value_type = MoneyView)]
    price: Money,
    #[schema(value_type = Option<MoneyView>)]
    compare_at_price: Option<Money>,
}

/// One variant by itself.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = VariantDetail)]
pub struct VariantDetailView<'a> {
    #[serde(flatten)]
    variant: VariantView<'a>,
    product_id: Uuid,
    /// Its prices in all currencies.
    prices: Vec<PriceView>,
    /// The product's version, which every change of a variant but that of its stock raises.
    version: i64,
}

impl<'a> VariantDetailView<'a> {
    /// A variant of `product`, with this price before the others.
    #[must_use]
    pub fn new(product: &Product, variant: &'a Variant, shown: ShownPrice) -> Self {
        let price = |price: &Price| PriceView {
            price: price.amount,
            compare_at_price: price.compare_at,
        };
        Self {
            variant: VariantView::new(variant, shown),
            product_id: product.id.as_uuid(),
            prices: variant.prices.as_slice().iter().map(price).collect(),
            version: product.version,
        }
    }
}

/// The fields of a variant.
#[derive(Debug, Clone, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct VariantFields {
    /// Missing for a new one, and for one that is known by its SKU or its options.
    id: Option<Uuid>,
    sku: Option<String>,
    /// Read only: made of the options.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(read_only)]
    pub(super) title: Option<String>,
    /// One value for each option of the product.
    pub(super) options: Vec<String>,
    /// Required for a new variant.
    pub(super) price: Option<MoneyFields>,
    /// In the currency of the price, which it goes with; whether it is above it is not checked.
    compare_at_price: Option<MoneyFields>,
    barcode: Option<String>,
    weight_grams: Option<i64>,
    /// The code of the Harmonized System, for customs: 6 to 10 digits.
    #[schema(example = "090210")]
    hs_code: Option<String>,
    /// Pieces that a new variant starts with; without them they are not counted. That of a variant that is there is
    /// changed by `PUT /variants/{id}/stock` only.
    available: Option<i64>,
    /// Whether it is sold beyond zero; only where pieces are counted.
    allow_backorder: bool,
    /// In a patch of a product: `true` deletes the variant. Orders keep what they say of it, and what they give back
    /// stays in its ledger.
    pub(super) deleted: bool,
}

impl VariantFields {
    /// What is to be checked; prices without a currency are in `currency`.
    pub(super) fn into_input(self, currency: &str) -> VariantInput {
        let Self {
            id,
            sku,
            title: _,
            options,
            price,
            compare_at_price,
            barcode,
            weight_grams,
            hs_code,
            available,
            allow_backorder,
            deleted,
        } = self;
        let (price, compare_at_price) = prices(price, compare_at_price, currency);
        VariantInput {
            id: id.map(Into::into),
            sku,
            options,
            price,
            compare_at_price,
            facts: VariantFacts {
                barcode,
                weight_grams,
                hs_code,
            },
            available,
            allow_backorder,
            deleted,
        }
    }
}

impl From<VariantInput> for VariantFields {
    fn from(input: VariantInput) -> Self {
        let VariantInput {
            id,
            sku,
            options,
            price,
            compare_at_price,
            facts,
            available,
            allow_backorder,
            deleted,
        } = input;
        let VariantFacts {
            barcode,
            weight_grams,
            hs_code,
        } = facts;
        Self {
            id: id.map(Into::into),
            sku,
            title: None,
            options,
            price: price.map(MoneyFields::from),
            compare_at_price: compare_at_price.map(MoneyFields::from),
            barcode,
            weight_grams,
            hs_code,
            available,
            allow_backorder,
            deleted,
        }
    }
}

/// The prices to be checked. A price without a currency is in `currency`, what it is compared with in that of the price.
fn prices(
    price: Option<MoneyFields>,
    compare_at: Option<MoneyFields>,
    currency: &str,
) -> (Option<MoneyInput>, Option<MoneyInput>) {
    let price = price.map(|price| price.into_input(currency));
    let beside = price.as_ref().map_or(currency, |price| price.currency.as_str());
    let compare_at = compare_at.map(|compare_at| compare_at.into_input(beside));
    (price, compare_at)
}

/// Completes a patch that takes the `shown` price away, or brings one in another currency, and does not say what it is
/// compared with: the compare-at price goes with its price, and each price in `stored` has its own.
pub(super) fn add_compare_at(
    patch: &mut Map<String, Value>,
    shown: Option<&MoneyFields>,
    stored: &PriceList,
) {
    const MEMBER: &str = "compare_at_price";
    let shown = shown.and_then(|price| price.currency());
    let beside = match patch.get("price") {
        Some(Value::Null) => Some(Value::Null),
        Some(Value::Object(price)) => price
            .get("currency")
            .and_then(Value::as_str)
            .filter(|currency| Some(*currency) != shown)
            .map(|currency| stored_compare_at(stored, currency)),
        _ => None,
    };
    if let Some(beside) = beside.filter(|_| !patch.contains_key(MEMBER)) {
        patch.insert(MEMBER.to_owned(), beside);
    }
}

fn stored_compare_at(stored: &PriceList, currency: &str) -> Value {
    let price = Currency::parse(currency)
        .ok()
        .and_then(|currency| stored.find(currency));
    let compare_at = price.and_then(|price| price.compare_at);
    compare_at.map_or(
        Value::Null,
        |money| json!({ "amount": money.amount().to_string(), "currency": money.currency().code() }),
    )
}

/// What can be changed of one variant.
#[derive(Debug, Clone, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
#[schema(as = EditableVariant)]
pub struct VariantPatch {
    sku: Option<String>,
    /// Stands beside the prices in other currencies; `null` takes the one that is shown away.
    price: Option<MoneyFields>,
    /// In the currency of the price, which it goes with; whether it is above it is not checked.
    compare_at_price: Option<MoneyFields>,
    barcode: Option<String>,
    weight_grams: Option<i64>,
    /// The code of the Harmonized System, for customs: 6 to 10 digits.
    #[schema(example = "090210")]
    hs_code: Option<String>,
    /// Whether it is sold beyond zero; only where pieces are counted.
    allow_backorder: bool,
}

impl VariantPatch {
    /// The variant as a patch wants it.
    ///
    /// # Errors
    /// `validation_failed` when the result does not have the documented form.
    pub fn patched(
        product: &Product,
        input: VariantInput,
        patch: &MergePatch,
        currency: &str,
    ) -> Result<VariantInput, RichError> {
        let shown = Self::from(VariantFields::from(input.clone()));
        let mut patch = patch.clone();
        if let Some(variant) = product
            .variants
            .iter()
            .find(|variant| Some(variant.id) == input.id)
        {
            add_compare_at(&mut patch.members, shown.price.as_ref(), &variant.prices);
        }
        let wanted: Self = merge_patch::apply(&shown, &patch)?;
        Ok(wanted.into_input(input, currency))
    }

    /// `input` with these fields; the others stay as they are.
    fn into_input(self, input: VariantInput, currency: &str) -> VariantInput {
        let Self {
            sku,
            price,
            compare_at_price,
            barcode,
            weight_grams,
            hs_code,
            allow_backorder,
        } = self;
        let (price, compare_at_price) = prices(price, compare_at_price, currency);
        VariantInput {
            sku,
            price,
            compare_at_price,
            facts: VariantFacts {
                barcode,
                weight_grams,
                hs_code,
            },
            allow_backorder,
            ..input
        }
    }
}

impl From<VariantFields> for VariantPatch {
    fn from(fields: VariantFields) -> Self {
        // Its other fields are changed with its product, or as its stock.
        let VariantFields {
            id: _,
            sku,
            title: _,
            options: _,
            price,
            compare_at_price,
            barcode,
            weight_grams,
            hs_code,
            available: _,
            allow_backorder,
            deleted: _,
        } = fields;
        Self {
            sku,
            price,
            compare_at_price,
            barcode,
            weight_grams,
            hs_code,
            allow_backorder,
        }
    }
}

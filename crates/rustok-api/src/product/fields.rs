//! What can be written of a product with its variants, on creation and by a merge patch.
//!
//! The form of a request is checked here, never its meaning: that is the domain's.

use super::variant::{self, VariantFields};
use crate::merge_patch;
use rustok_commerce::product::{
    ImageInput, MAX_LISTED_VARIANTS, ProductInput, VariantName, match_variants, option_values,
};
use rustok_commerce::variant::{Variant, title_of};
use rustok_core::error::{FieldViolation, RichError};
use rustok_http::extract::{MergePatch, form};
use rustok_text::plain::clean_name;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;
use uuid::Uuid;

/// The fields of a product.
#[derive(Debug, Clone, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub struct ProductFields {
    /// 1 to 255 characters. Required for a new product.
    #[schema(example = "Green tea", required = true)]
    title: String,
    /// Lower-case letters, digits and hyphens; made from the title if missing.
    handle: Option<String>,
    /// `draft` (if missing), `active` or `archived`.
    #[schema(example = "active")]
    status: Option<String>,
    /// HTML; what acts in it is taken out.
    description_html: String,
    vendor: Option<String>,
    r#type: Option<String>,
    tags: Vec<String>,
    /// At most 3.
    options: Vec<OptionFields>,
    /// At most 250, in the sequence they are shown.
    images: Vec<ImageFields>,
    /// At most 100, in the sequence they are shown. A product without options may come without any and gets one.
    ///
    /// In a patch the list is the whole list. Each entry is the variant with its `id`, else the one with its `sku`, else
    /// the one with its `options`, and keeps the members that are missing here; an entry that is none of these is a new
    /// variant. Entries that fit several variants, or the same one twice, are refused with 422. Variants that are not in
    /// the list are deleted, unless their stock is counted: those must be in it (409 `variant_in_use`), with
    /// `"deleted": true` if they are to go.
    variants: Vec<VariantFields>,
}

/// The name of an option, by itself or as it is shown. The values are those of the variants.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(untagged)]
pub(crate) enum OptionFields {
    /// Its name.
    Name(String),
    /// Its name and its values, which must be those that the variants have.
    Shown(ShownOption),
}

/// An option as it is shown.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ShownOption {
    name: String,
    /// Read only.
    #[serde(default)]
    #[schema(read_only)]
    values: Vec<String>,
}

/// The fields of a picture.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ImageFields {
    /// Missing for a new one.
    #[serde(default)]
    id: Option<Uuid>,
    /// An absolute http or https address.
    #[schema(example = "https://example.com/tea.jpg")]
    url: String,
    #[serde(default)]
    alt: Option<String>,
}

impl ProductFields {
    /// What is to be checked; prices without a currency are in `currency`.
    ///
    /// # Errors
    /// `validation_failed`, `read_only` at members that are made of others and say something else.
    pub fn into_input(self, currency: &str) -> Result<ProductInput, RichError> {
        self.check_read_only()?;
        let option = |option| match option {
            OptionFields::Name(name) | OptionFields::Shown(ShownOption { name, .. }) => name,
        };
        let image = |image: ImageFields| ImageInput {
            id: image.id.map(Into::into),
            url: image.url,
            alt: image.alt,
        };
        let variants = self.variants.into_iter();
        Ok(ProductInput {
            title: self.title,
            handle: self.handle,
            status: self.status,
            description_html: self.description_html,
            vendor: self.vendor,
            product_type: self.r#type,
            tags: self.tags,
            options: self.options.into_iter().map(option).collect(),
            images: self.images.into_iter().map(image).collect(),
            variants: variants.map(|variant| variant.into_input(currency)).collect(),
        })
    }

    /// Refuses members that are made of others and say something else than these do. What is shown may be sent back.
    fn check_read_only(&self) -> Result<(), RichError> {
        let mut found = Vec::new();
        let mut refuse = |pointer: String, rule: &'static str| {
            found.push(FieldViolation::new(pointer, "read_only", rule));
        };
        let clean = |variant: &VariantFields| variant.options.iter().map(|value| clean_name(value)).collect();
        let options: Vec<Vec<String>> = self.variants.iter().map(clean).collect();
        for (at, (variant, options)) in self.variants.iter().zip(&options).enumerate() {
            if variant
                .title
                .as_ref()
                .is_some_and(|title| *title != title_of(options))
            {
                let pointer = format!("#/variants/{at}/title");
                refuse(pointer, "is made of the options; leave it out");
            }
        }
        for (at, option) in self.options.iter().enumerate() {
            let OptionFields::Shown(shown) = option else {
                continue;
            };
            let kept = self.variants.iter().zip(&options);
            let kept = kept.filter_map(|(variant, options)| (!variant.deleted).then_some(&options[..]));
            if !shown.values.is_empty() && shown.values != option_values(kept, at) {
                let pointer = format!("#/options/{at}/values");
                refuse(pointer, "is made of the options of the variants; leave it out");
            }
        }
        match found.is_empty() {
            true => Ok(()),
            false => Err(form::refused(found)),
        }
    }

    /// These fields with a patch applied. `stored` are the variants that these fields show, in the same sequence.
    ///
    /// # Errors
    /// `validation_failed` when the result does not have the documented form, or it is not clear which variants the
    /// patch means.
    pub fn patched(&self, patch: &MergePatch, stored: &[Variant]) -> Result<Self, RichError> {
        let mut patch = patch.clone();
        if let Some(Value::Array(entries)) = patch.members.get_mut("variants") {
            let names: Vec<VariantName> = entries.iter().take(MAX_LISTED_VARIANTS).map(name_of).collect();
            let known = match_variants(&names, stored).map_err(form::refused)?;
            for (entry, known) in entries.iter_mut().zip(known) {
                let known = known.and_then(|at| self.variants.get(at).zip(stored.get(at)));
                if let Some((shown, variant)) = known {
                    complete(entry, shown, variant);
                }
            }
        }
        merge_patch::apply(self, &patch)
    }
}

/// What an entry of a patch's variants is known by. What does not have the documented form names nothing; it is refused
/// with the rest of the form.
fn name_of(entry: &Value) -> VariantName {
    let text = |member: &str| entry.get(member).and_then(Value::as_str).map(clean_name);
    let options = entry.get("options").and_then(Value::as_array);
    let options = options.map(|values| values.iter().filter_map(Value::as_str));
    VariantName {
        id: text("id").and_then(|id| id.parse::<Uuid>().ok()).map(Into::into),
        sku: text("sku").filter(|sku| !sku.is_empty()),
        options: options.into_iter().flatten().map(clean_name).collect(),
    }
}

/// Gives an entry of a patch the members of the variant that it leaves out, its id among them.
fn complete(entry: &mut Value, shown: &VariantFields, variant: &Variant) {
    let Value::Object(members) = entry else { return };
    variant::add_compare_at(members, shown.price.as_ref(), &variant.prices);
    if members.get("id").is_some_and(Value::is_null) {
        members.remove("id");
    }
    if let Ok(mut merged) = serde_json::to_value(shown) {
        merge_patch::merge_as_sent(&mut merged, members);
        *entry = merged;
    }
}

impl From<ProductInput> for ProductFields {
    fn from(input: ProductInput) -> Self {
        let image = |image: ImageInput| ImageFields {
            id: image.id.map(Into::into),
            url: image.url,
            alt: image.alt,
        };
        Self {
            title: input.title,
            handle: input.handle,
            status: input.status,
            description_html: input.description_html,
            vendor: input.vendor,
            r#type: input.product_type,
            tags: input.tags,
            options: input.options.into_iter().map(OptionFields::Name).collect(),
            images: input.images.into_iter().map(image).collect(),
            variants: input.variants.into_iter().map(VariantFields::from).collect(),
        }
    }
}

/// Pieces that came or went.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct AdjustmentFields {
    /// By how many pieces, -1,000,000,000 to 1,000,000,000 and not 0: below zero when some went.
    #[schema(example = -3, minimum = -1_000_000_000, maximum = 1_000_000_000)]
    pub delta: i64,
    /// Why: one line of 1 to 255 characters, kept in the ledger of the stock.
    #[schema(example = "broken in transit")]
    pub reason: String,
}

/// A counted stock.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct StockFields {
    /// Pieces, 0 to 1,000,000,000.
    #[schema(example = 100, minimum = 0, maximum = 1_000_000_000)]
    pub quantity: i64,
    /// Whether it is sold beyond zero from now on; missing leaves it as it is.
    #[serde(default)]
    pub allow_backorder: Option<bool>,
}

//! Merges what a file states of a product with the stored one: a field that the file has no column for, or whose cell
//! could not be read, stays; so does one that was changed here since the last import, unless the import overwrites.
//!
//! What an import wrote is remembered as a digest per field ([`WrittenFields`]), which shows a later import whether
//! the field was changed since. Pure.

use super::import::{ImportedProduct, ImportedVariant};
use rustok_commerce::ids::VariantId;
use rustok_commerce::price::{Price, PriceList};
use rustok_commerce::product::{Product, ProductDraft};
use rustok_commerce::variant::{Variant, VariantDraft, VariantFacts};
use rustok_core::money::{Currency, Money};
use rustok_import::{Field, Fields};
use sha2::{Digest as _, Sha256};

/// The fields that are merged. Stock has its own rule: a file states a count, and orders change it.
pub(crate) const MERGED: [(Field, &str); 14] = [
    (Field::Title, "title"),
    (Field::Description, "description"),
    (Field::Vendor, "vendor"),
    (Field::ProductType, "type"),
    (Field::Tags, "tags"),
    (Field::Status, "status"),
    (Field::Options, "options"),
    (Field::Images, "images"),
    (Field::ImageAlt, "alternative texts of images"),
    (Field::Sku, "SKU"),
    (Field::Price, "price"),
    (Field::CompareAt, "compare-at price"),
    (Field::Grams, "weight"),
    (Field::Barcode, "barcode"),
];

/// Bytes per field.
const DIGEST_BYTES: usize = 4;

/// For each of [`MERGED`] four bytes of a hash of what imports wrote; zeros for what none has written.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct WrittenFields(Vec<u8>);

impl WrittenFields {
    /// As stored.
    #[must_use]
    pub fn from_bytes(bytes: Vec<u8>) -> Self {
        Self(bytes)
    }

    /// To store.
    #[must_use]
    pub fn into_bytes(self) -> Vec<u8> {
        self.0
    }

    fn of(&self, at: usize) -> Option<[u8; DIGEST_BYTES]> {
        let bytes = self.0.get(at * DIGEST_BYTES..(at + 1) * DIGEST_BYTES)?;
        let digest = <[u8; DIGEST_BYTES]>::try_from(bytes).ok()?;
        (digest != [0; DIGEST_BYTES]).then_some(digest)
    }

    /// Those of `stated` that differ in `product` from what an import wrote last.
    pub(super) fn changed_here(&self, product: &Product, stated: Fields, currency: Currency) -> Fields {
        let changed = MERGED.iter().enumerate().filter(|(at, (field, _))| {
            stated.has(*field)
                && self
                    .of(*at)
                    .is_some_and(|written| written != digest(product, *field, currency))
        });
        changed.fold(Fields::default(), |fields, (_, (field, _))| fields.with(*field))
    }

    /// With the fields that an import wrote now.
    pub(super) fn with(mut self, product: &Product, written: Fields, currency: Currency) -> Self {
        self.0.resize(MERGED.len() * DIGEST_BYTES, 0);
        for (at, (field, _)) in MERGED
            .iter()
            .enumerate()
            .filter(|(_, (field, _))| written.has(*field))
        {
            let place = self.0.iter_mut().skip(at * DIGEST_BYTES);
            for (byte, new) in place.zip(digest(product, *field, currency)) {
                *byte = new;
            }
        }
        self
    }
}

fn digest(product: &Product, field: Field, currency: Currency) -> [u8; DIGEST_BYTES] {
    let price = |variant: &Variant| variant.find_price(currency);
    let each = |value: &dyn Fn(&Variant) -> String| -> Vec<String> {
        let mut values: Vec<String> = product
            .variants
            .iter()
            .map(|variant| format!("{:?}={}", variant.options, value(variant)))
            .collect();
        values.sort();
        values
    };
    let text = match field {
        Field::Title => product.title.clone(),
        Field::Description => product.description_html.clone(),
        Field::Vendor => format!("{:?}", product.vendor),
        Field::ProductType => format!("{:?}", product.product_type),
        Field::Tags => format!("{:?}", product.tags),
        Field::Status => product.status.to_string(),
        Field::Options => format!("{:?} {:?}", product.options, each(&|_| String::new())),
        Field::Images => format!(
            "{:?}",
            product.images.iter().map(|image| &image.url).collect::<Vec<_>>()
        ),
        Field::ImageAlt => format!(
            "{:?}",
            product.images.iter().map(|image| &image.alt).collect::<Vec<_>>()
        ),
        Field::Sku => format!("{:?}", each(&|variant| format!("{:?}", variant.sku))),
        Field::Price => format!(
            "{:?}",
            each(&|variant| format!("{:?}", price(variant).map(|price| price.amount)))
        ),
        Field::CompareAt => {
            format!(
                "{:?}",
                each(&|variant| format!("{:?}", price(variant).and_then(|price| price.compare_at)))
            )
        }
        Field::Grams => format!(
            "{:?}",
            each(&|variant| format!("{:?}", variant.facts.weight_grams))
        ),
        Field::Barcode => format!("{:?}", each(&|variant| format!("{:?}", variant.facts.barcode))),
        Field::Tracking | Field::Quantity | Field::Backorder => String::new(),
    };
    let hash: [u8; 32] = Sha256::digest(text.as_bytes()).into();
    let [a, b, c, d, ..] = hash;
    // Zeros mean that nothing was written.
    [a | 1, b, c, d]
}

/// Gives the draft everything of `before` that the file does not state or may not change. Returns how many compare-at
/// prices are lost, because their variants have no price.
pub(super) fn merge(
    item: &mut ImportedProduct,
    before: &Product,
    same: &[Option<VariantId>],
    stated: Fields,
) -> usize {
    let draft = &mut item.checked.draft;
    merge_product(draft, before, stated);
    if stated.has(Field::Images) {
        for image in &mut draft.images {
            let is_unread = !stated.has(Field::ImageAlt) || item.unread_alts.contains(&image.url);
            if let Some(old) = before.images.iter().find(|old| is_unread && old.url == image.url) {
                image.alt.clone_from(&old.alt);
            }
        }
    }
    let each = draft.variants.iter_mut().zip(&item.variants).zip(same);
    let mut lost = 0;
    for ((variant, imported), same) in each {
        variant.id = *same;
        if let Some(old) = before.variants.iter().find(|old| Some(old.id) == *same) {
            merge_variant(
                variant,
                imported,
                old,
                stated.without(imported.unread),
                item.currency,
            );
        }
        let is_stated = imported.compare_at.is_some() && stated.has(Field::CompareAt);
        lost += usize::from(is_stated && variant.prices.find(item.currency).is_none());
    }
    lost
}

fn merge_product(draft: &mut ProductDraft, before: &Product, stated: Fields) {
    if !stated.has(Field::Title) {
        draft.title.clone_from(&before.title);
    }
    if !stated.has(Field::Description) {
        draft.description_html.clone_from(&before.description_html);
    }
    if !stated.has(Field::Vendor) {
        draft.vendor.clone_from(&before.vendor);
    }
    if !stated.has(Field::ProductType) {
        draft.product_type.clone_from(&before.product_type);
    }
    if !stated.has(Field::Tags) {
        draft.tags.clone_from(&before.tags);
    }
    if !stated.has(Field::Status) {
        draft.status = before.status;
    }
    if !stated.has(Field::Options) {
        draft.options.clone_from(&before.options);
    }
}

fn merge_variant(
    variant: &mut VariantDraft,
    imported: &ImportedVariant,
    old: &Variant,
    stated: Fields,
    currency: Currency,
) {
    if !stated.has(Field::Options) {
        variant.options.clone_from(&old.options);
        variant.title.clone_from(&old.title);
    }
    if !stated.has(Field::Sku) {
        variant.sku.clone_from(&old.sku);
    }
    variant.prices = prices(variant, imported.compare_at, old, stated, currency);
    let VariantFacts {
        barcode,
        weight_grams,
        hs_code,
    } = &mut variant.facts;
    if !stated.has(Field::Barcode) {
        barcode.clone_from(&old.facts.barcode);
    }
    if !stated.has(Field::Grams) {
        *weight_grams = old.facts.weight_grams;
    }
    // The file has no column for it.
    hs_code.clone_from(&old.facts.hs_code);
}

/// The prices to set; an empty list takes the price away.
fn prices(
    variant: &VariantDraft,
    compare_at: Option<Money>,
    old: &Variant,
    stated: Fields,
    currency: Currency,
) -> PriceList {
    let before = old.find_price(currency);
    let given = variant.prices.find(currency);
    let amount = match stated.has(Field::Price) {
        true => given.map(|given| given.amount),
        false => before.map(|before| before.amount),
    };
    let compare_at = match stated.has(Field::CompareAt) {
        true => compare_at,
        false => before.and_then(|before| before.compare_at),
    };
    match amount {
        Some(amount) => [Price { amount, compare_at }].into_iter().collect(),
        // Prices in other currencies stay.
        None if before.is_none() => old.prices.clone(),
        None => PriceList::default(),
    }
}

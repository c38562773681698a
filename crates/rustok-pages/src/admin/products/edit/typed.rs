//! What was typed about a product, and what it means for the use cases.
//!
//! The fields of variants and pictures are repeated, one of each name for each row and in the order of the rows: what is
//! dragged to another place is sent in another order.

use super::joined::Joined;
use crate::form::Fields;
use crate::typed;
use rustok_commerce::price::MoneyInput;
use rustok_commerce::product::{
    ImageInput, MAX_IMAGES, MAX_LISTED_VARIANTS, MAX_OPTIONS, Product, ProductInput,
};
use rustok_commerce::variant::{VariantFacts, VariantInput};
use rustok_core::error::FieldViolation;
use rustok_core::money::Currency;
use std::collections::HashSet;

/// An option: its name, its values as typed, and its values when the form was made.
#[derive(Debug, Clone, Default)]
pub(super) struct TypedOption {
    pub(super) name: String,
    pub(super) values: Joined,
    pub(super) before: String,
}

impl TypedOption {
    /// Whether the values are to be changed.
    pub(super) fn is_changed(&self) -> bool {
        self.values.text != self.before
    }

    pub(super) fn is_blank(&self) -> bool {
        self.name.trim().is_empty() && self.values.text.is_empty()
    }
}

/// A picture.
#[derive(Debug, Clone, Default)]
pub(super) struct TypedImage {
    pub(super) id: String,
    pub(super) url: String,
    pub(super) alt: String,
}

/// A row of the matrix.
#[derive(Debug, Clone, Default)]
pub(super) struct TypedVariant {
    /// Empty for a new one.
    pub(super) id: String,
    /// One value for each option of the form.
    pub(super) options: Vec<String>,
    pub(super) sku: String,
    pub(super) price: String,
    pub(super) compare_at: String,
    /// The currency of both prices.
    pub(super) currency: String,
    /// The pieces that a new one starts with.
    pub(super) available: String,
    pub(super) barcode: String,
    pub(super) weight: String,
    pub(super) hs_code: String,
    pub(super) allow_backorder: bool,
    pub(super) deleted: bool,
    /// Whether its options are typed in its row, not made from the values above.
    pub(super) is_free: bool,
}

impl TypedVariant {
    pub(super) fn is_new(&self) -> bool {
        self.id.is_empty()
    }

    /// Whether nothing was typed, so that there is no variant to be made.
    fn is_blank(&self) -> bool {
        let texts = [
            &self.sku,
            &self.price,
            &self.compare_at,
            &self.available,
            &self.barcode,
            &self.weight,
        ];
        self.is_new() && self.hs_code.is_empty() && texts.into_iter().all(|text| text.trim().is_empty())
    }
}

/// A product as typed.
#[derive(Debug, Clone, Default)]
pub(super) struct Typed {
    pub(super) title: String,
    pub(super) description: String,
    pub(super) status: String,
    pub(super) vendor: String,
    pub(super) kind: String,
    pub(super) tags: Joined,
    pub(super) handle: String,
    pub(super) options: Vec<TypedOption>,
    pub(super) images: Vec<TypedImage>,
    /// The picture that is to be added.
    pub(super) new_image: TypedImage,
    pub(super) variants: Vec<TypedVariant>,
}

/// The names of the fields with the options of a row.
const OPTION_FIELDS: [&str; MAX_OPTIONS] = ["variant-option-0", "variant-option-1", "variant-option-2"];

/// The values of a repeated field.
struct Column<'a>(Vec<&'a str>);

impl<'a> Column<'a> {
    fn of(fields: &'a Fields, name: &str, most: usize) -> Self {
        Self(fields.all(name).take(most).collect())
    }

    fn at(&self, row: usize) -> String {
        self.0.get(row).copied().unwrap_or_default().to_owned()
    }

    /// The rows whose boxes are ticked: each sends the number of its row.
    fn rows(&self) -> HashSet<usize> {
        self.0.iter().filter_map(|row| row.parse().ok()).collect()
    }
}

impl Typed {
    /// A product that is not there yet: one row, in this currency.
    pub(super) fn new(currency: Currency) -> Self {
        let variant = TypedVariant {
            currency: currency.code().to_owned(),
            ..TypedVariant::default()
        };
        Self {
            status: "draft".to_owned(),
            tags: Joined::of(std::iter::empty()),
            options: options_of(&[], &[]),
            variants: vec![variant],
            ..Self::default()
        }
    }

    /// A product as it is.
    pub(super) fn of_product(product: &Product, currency: Currency) -> Self {
        let shown = rustok_app::catalog::shown_input(product, currency);
        let variant = |variant: VariantInput| {
            let VariantFacts {
                barcode,
                weight_grams,
                hs_code,
            } = variant.facts;
            let (price, price_currency) = match variant.price {
                Some(price) => (price.amount, price.currency),
                None => (String::new(), currency.code().to_owned()),
            };
            TypedVariant {
                id: variant.id.map(|id| id.to_string()).unwrap_or_default(),
                options: variant.options,
                sku: variant.sku.unwrap_or_default(),
                price,
                compare_at: variant
                    .compare_at_price
                    .map(|price| price.amount)
                    .unwrap_or_default(),
                currency: price_currency,
                available: String::new(),
                barcode: barcode.unwrap_or_default(),
                weight: weight_grams.map(|grams| grams.to_string()).unwrap_or_default(),
                hs_code: hs_code.unwrap_or_default(),
                allow_backorder: variant.allow_backorder,
                deleted: false,
                is_free: false,
            }
        };
        let image = |image: ImageInput| TypedImage {
            id: image.id.map(|id| id.to_string()).unwrap_or_default(),
            url: image.url,
            alt: image.alt.unwrap_or_default(),
        };
        let variants: Vec<TypedVariant> = shown.variants.into_iter().map(variant).collect();
        Self {
            title: shown.title,
            description: shown.description_html,
            status: shown.status.unwrap_or_default(),
            vendor: shown.vendor.unwrap_or_default(),
            kind: shown.product_type.unwrap_or_default(),
            tags: Joined::of(shown.tags.iter().map(String::as_str)),
            handle: shown.handle.unwrap_or_default(),
            options: options_of(&shown.options, &variants),
            images: shown.images.into_iter().map(image).collect(),
            new_image: TypedImage::default(),
            variants,
        }
    }

    /// What a form sent.
    pub(super) fn of_fields(fields: &Fields) -> Self {
        let text = |name: &str| fields.text(name).to_owned();
        let options = (0..MAX_OPTIONS).map(|at| TypedOption {
            name: text(&format!("option-{at}")),
            values: Joined::typed(
                fields.text(&format!("values-{at}")),
                fields.text(&format!("values-{at}-separator")),
            ),
            before: fields.text(&format!("values-{at}-before")).trim().to_owned(),
        });
        Self {
            title: text("title"),
            description: text("description_html"),
            status: text("status"),
            vendor: text("vendor"),
            kind: text("type"),
            tags: Joined::typed(fields.text("tags"), fields.text("tags-separator")),
            handle: text("handle"),
            options: options.collect(),
            images: images_of(fields),
            new_image: TypedImage {
                id: String::new(),
                url: text("new-image-url").trim().to_owned(),
                alt: text("new-image-alt"),
            },
            variants: variants_of(fields),
        }
    }

    /// Takes the picture that was typed at the end into the list.
    pub(super) fn add_image(&mut self) {
        if !self.new_image.url.is_empty() {
            self.images.push(std::mem::take(&mut self.new_image));
        }
    }

    /// The number of options up to the last one that is there.
    pub(super) fn used_options(&self) -> usize {
        let has_values = |at: usize| !values_at(&self.variants, at).is_empty();
        let options = self.options.iter().enumerate();
        let used = options.filter(|(at, option)| !option.is_blank() || has_values(*at));
        used.map(|(at, _)| at + 1).max().unwrap_or_default()
    }

    /// The names of the options that are there.
    fn option_names(&self) -> Vec<String> {
        let used = self.options.iter().filter(|option| !option.is_blank());
        used.map(|option| option.name.clone()).collect()
    }

    /// What is to be stored, on top of what is there. What is no number is in `found`, at its field.
    pub(super) fn input(
        &self,
        before: Option<&Product>,
        currency: Currency,
        found: &mut Vec<FieldViolation>,
    ) -> ProductInput {
        let some = |text: &str| Some(text.to_owned()).filter(|text| !text.trim().is_empty());
        let image = |image: &TypedImage| ImageInput {
            id: image.id.parse().ok(),
            url: image.url.clone(),
            alt: some(&image.alt),
        };
        let names = self.option_names();
        let is_only_blank = names.is_empty() && self.variants.iter().all(TypedVariant::is_blank);
        let rows = self.variants.iter().enumerate();
        let rows = rows.filter(|_| !is_only_blank);
        ProductInput {
            title: self.title.clone(),
            handle: some(&self.handle),
            status: some(&self.status),
            description_html: self.description.clone(),
            vendor: some(&self.vendor),
            product_type: some(&self.kind),
            tags: self.tags.parts(),
            images: self.images.iter().map(image).collect(),
            variants: rows
                .map(|(at, row)| variant_input(at, row, names.len(), before, currency, found))
                .collect(),
            options: names,
        }
    }
}

fn variant_input(
    at: usize,
    row: &TypedVariant,
    options: usize,
    before: Option<&Product>,
    currency: Currency,
    found: &mut Vec<FieldViolation>,
) -> VariantInput {
    let some = |text: &str| Some(text.to_owned()).filter(|text| !text.trim().is_empty());
    let currency = match row.currency.is_empty() {
        true => currency.code(),
        false => &row.currency,
    };
    let money = |text: &str| {
        some(text).map(|text| MoneyInput {
            amount: typed::amount(&text),
            currency: currency.to_owned(),
        })
    };
    let mut number = |member: &str, text: &str| {
        let number = typed::whole(text);
        if number.is_none() && !text.trim().is_empty() {
            let pointer = format!("#/variants/{at}/{member}");
            found.push(FieldViolation::new(
                pointer,
                "not_a_whole_number",
                "must be a whole number",
            ));
        }
        number
    };
    let id = row.id.parse().ok();
    let stored = before.and_then(|product| product.variants.iter().find(|variant| Some(variant.id) == id));
    let available = match stored {
        // The stock of a variant that is there is changed on its own page.
        Some(stored) => stored.available,
        None => number("available", &row.available),
    };
    VariantInput {
        id,
        sku: some(&row.sku),
        options: row.options.iter().take(options).cloned().collect(),
        price: money(&row.price),
        compare_at_price: money(&row.compare_at),
        facts: VariantFacts {
            barcode: some(&row.barcode),
            weight_grams: number("weight_grams", &row.weight),
            hs_code: some(&row.hs_code),
        },
        available,
        allow_backorder: row.allow_backorder,
        deleted: row.deleted,
    }
}

fn images_of(fields: &Fields) -> Vec<TypedImage> {
    let column = |name: &str| Column::of(fields, name, MAX_IMAGES + 1);
    let (ids, urls, alts) = (column("image-id"), column("image-url"), column("image-alt"));
    let image = |at: usize| TypedImage {
        id: ids.at(at),
        url: urls.at(at),
        alt: alts.at(at),
    };
    (0..urls.0.len()).map(image).collect()
}

fn variants_of(fields: &Fields) -> Vec<TypedVariant> {
    let column = |name: &str| Column::of(fields, name, MAX_LISTED_VARIANTS);
    let (ids, skus, prices) = (
        column("variant-id"),
        column("variant-sku"),
        column("variant-price"),
    );
    let (compare, currencies) = (column("variant-compare"), column("variant-currency"));
    let (available, barcodes) = (column("variant-available"), column("variant-barcode"));
    let (weights, hs_codes) = (column("variant-weight"), column("variant-hs"));
    let ticked = |name: &str| column(name).rows();
    let (backorder, deleted) = (ticked("variant-backorder"), ticked("variant-deleted"));
    let free = ticked("variant-free");
    let options = OPTION_FIELDS.map(column);
    let variant = |at: usize| TypedVariant {
        id: ids.at(at),
        options: options
            .iter()
            .map(|option| option.at(at).trim().to_owned())
            .collect(),
        sku: skus.at(at),
        price: prices.at(at),
        compare_at: compare.at(at),
        currency: currencies.at(at),
        available: available.at(at),
        barcode: barcodes.at(at),
        weight: weights.at(at),
        hs_code: hs_codes.at(at),
        allow_backorder: backorder.contains(&at),
        deleted: deleted.contains(&at),
        is_free: free.contains(&at),
    };
    (0..ids.0.len()).map(variant).collect()
}

/// The fields of the options: three, with the values that the variants have.
pub(super) fn options_of(names: &[String], variants: &[TypedVariant]) -> Vec<TypedOption> {
    let option = |at: usize| {
        let values = values_at(variants, at);
        let values = Joined::of(values.iter().map(String::as_str));
        TypedOption {
            name: names.get(at).cloned().unwrap_or_default(),
            before: values.text.clone(),
            values,
        }
    };
    (0..MAX_OPTIONS).map(option).collect()
}

/// The distinct values of an option, in the sequence of the variants that stay.
pub(super) fn values_at(variants: &[TypedVariant], at: usize) -> Vec<String> {
    let staying = variants.iter().filter(|variant| !variant.deleted);
    let options = staying.map(|variant| &variant.options[..]);
    let values = rustok_commerce::product::option_values(options, at).into_iter();
    values
        .filter(|value| !value.is_empty())
        .map(str::to_owned)
        .collect()
}

#[cfg(test)]
mod tests;

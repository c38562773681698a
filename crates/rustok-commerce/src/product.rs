//! Products: stored, as input, and the validation between the two, which reports all violations at once.
//!
//! The caller sanitises HTML beforehand; this module only checks its size and never parses it.

mod handle;
mod matching;

pub use handle::Handle;
pub use matching::{VariantName, match_variants};

use crate::ids::{ImageId, ProductId, VariantId};
use crate::variant::{MAX_NAME_CHARS, Variant, VariantDraft, VariantInput, present};
use rustok_core::clock::Timestamp;
use rustok_core::error::FieldViolation;
use rustok_core::money::Currency;
use rustok_text::plain::{
    clean_name, folded, has_control, has_forbidden_control, is_line, without_invisible,
};
use std::collections::HashSet;
use std::fmt;
use std::str::FromStr;

pub use crate::order::UnknownStatus;

/// The maximum number of variants of one product.
pub const MAX_VARIANTS: usize = 100;
/// The maximum number of variants read from one list: those to keep and those to delete.
pub const MAX_LISTED_VARIANTS: usize = 2 * MAX_VARIANTS;
/// The maximum number of options of one product.
pub const MAX_OPTIONS: usize = 3;
/// The maximum number of tags of one product.
pub const MAX_TAGS: usize = 250;
/// The maximum number of images of one product.
pub const MAX_IMAGES: usize = 250;
/// The maximum length of an image's URL, in bytes.
const MAX_URL_BYTES: usize = 2_048;
/// The maximum length of an image's alternative text, in characters.
const MAX_ALT_CHARS: usize = 512;
/// The maximum size of a description, in bytes: 512 KiB.
const MAX_DESCRIPTION_BYTES: usize = 512 * 1_024;

/// The publication status of a product.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum ProductStatus {
    /// In preparation; not visible in the store.
    #[default]
    Draft,
    /// Visible in the store.
    Active,
    /// No longer visible in the store.
    Archived,
}

impl ProductStatus {
    /// All statuses.
    pub const ALL: [Self; 3] = [Self::Draft, Self::Active, Self::Archived];

    /// The text in the database and in the API.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Draft => "draft",
            Self::Active => "active",
            Self::Archived => "archived",
        }
    }
}

impl fmt::Display for ProductStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl FromStr for ProductStatus {
    type Err = UnknownStatus;

    fn from_str(text: &str) -> Result<Self, UnknownStatus> {
        Self::ALL
            .into_iter()
            .find(|status| status.as_str() == text)
            .ok_or(UnknownStatus)
    }
}

/// An image of a product; the file itself is hosted elsewhere.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Image {
    /// The image's id.
    pub id: ImageId,
    /// An absolute `http` or `https` URL.
    pub url: String,
    /// The alternative text.
    pub alt: Option<String>,
    /// Its position, from 0.
    pub position: i64,
}

/// A stored product.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Product {
    /// The product's id.
    pub id: ProductId,
    /// Its name in URLs; unique in the tenant.
    pub handle: Handle,
    /// The publication status.
    pub status: ProductStatus,
    /// The title.
    pub title: String,
    /// Sanitised HTML; may be empty.
    pub description_html: String,
    /// The manufacturer or brand.
    pub vendor: Option<String>,
    /// The type of product.
    pub product_type: Option<String>,
    /// Tags for filtering and search.
    pub tags: Vec<String>,
    /// The names of its options; the values are in the variants.
    pub options: Vec<String>,
    /// Its images, by position.
    pub images: Vec<Image>,
    /// 1 to [`MAX_VARIANTS`] variants, by position.
    pub variants: Vec<Variant>,
    /// The version for `If-Match`; incremented by each change.
    pub version: i64,
    /// When it was created.
    pub created_at: Timestamp,
    /// When it was last changed.
    pub updated_at: Timestamp,
    /// When it was soft-deleted.
    pub deleted_at: Option<Timestamp>,
}

impl Product {
    /// The distinct values of the option at `index`, in the sequence of the variants.
    #[must_use]
    pub fn option_values(&self, index: usize) -> Vec<&str> {
        option_values(self.variants.iter().map(|variant| &variant.options[..]), index)
    }
}

/// The distinct values of the option at `index`, given the option values of each variant, in their sequence.
pub fn option_values<'a>(variants: impl Iterator<Item = &'a [String]>, index: usize) -> Vec<&'a str> {
    let mut values: Vec<&str> = Vec::new();
    for value in variants.filter_map(|options| options.get(index)) {
        if !values.contains(&value.as_str()) {
            values.push(value);
        }
    }
    values
}

/// An image as sent, not yet validated.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ImageInput {
    /// The image to update; `None` for a new one.
    pub id: Option<ImageId>,
    /// An absolute `http` or `https` URL of at most 2,048 bytes.
    pub url: String,
    /// The alternative text; blank means none.
    pub alt: Option<String>,
}

/// A validated image.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct ImageDraft {
    /// The image to update; `None` for a new one.
    pub id: Option<ImageId>,
    /// See [`Image::url`].
    pub url: String,
    /// See [`Image::alt`].
    pub alt: Option<String>,
    /// See [`Image::position`].
    pub position: i64,
}

/// A product as sent, not yet validated. Positions of images and variants are those in the lists.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ProductInput {
    /// 1 to 255 characters.
    pub title: String,
    /// Derived from the title if missing.
    pub handle: Option<String>,
    /// `draft` if missing.
    pub status: Option<String>,
    /// Sanitised HTML.
    pub description_html: String,
    /// Blank means none.
    pub vendor: Option<String>,
    /// Blank means none.
    pub product_type: Option<String>,
    /// Duplicates are dropped.
    pub tags: Vec<String>,
    /// The names of the options.
    pub options: Vec<String>,
    /// The images.
    pub images: Vec<ImageInput>,
    /// If there are neither variants nor options, the product gets one variant titled `Default Title`.
    pub variants: Vec<VariantInput>,
}

/// A validated product. Created only by [`ProductInput::validate`].
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct ProductDraft {
    /// See [`Product::handle`].
    pub handle: Handle,
    /// See [`Product::status`].
    pub status: ProductStatus,
    /// See [`Product::title`].
    pub title: String,
    /// See [`Product::description_html`].
    pub description_html: String,
    /// See [`Product::vendor`].
    pub vendor: Option<String>,
    /// See [`Product::product_type`].
    pub product_type: Option<String>,
    /// See [`Product::tags`].
    pub tags: Vec<String>,
    /// See [`Product::options`].
    pub options: Vec<String>,
    /// See [`Product::images`].
    pub images: Vec<ImageDraft>,
    /// See [`Product::variants`].
    pub variants: Vec<VariantDraft>,
}

/// Collects violations.
struct Findings(Vec<FieldViolation>);

impl Findings {
    fn add(&mut self, pointer: impl AsRef<str>, code: &'static str, detail: impl Into<String>) {
        self.0.push(FieldViolation::new(pointer, code, detail.into()));
    }

    fn line(&mut self, pointer: impl AsRef<str>, text: &str, max: usize) {
        if !is_line(text, max) {
            self.add(
                pointer,
                "invalid_text",
                format!("must be one line of 1 to {max} characters"),
            );
        }
    }

    fn optional_line(&mut self, pointer: &str, text: Option<String>) -> Option<String> {
        let text = present(text)?;
        self.line(pointer, &text, MAX_NAME_CHARS);
        Some(text)
    }

    fn at_most(&mut self, pointer: &str, count: usize, max: usize) {
        if count > max {
            self.add(pointer, "too_many", format!("must be at most {max}"));
        }
    }
}

impl ProductInput {
    /// Validates all fields.
    ///
    /// # Errors
    /// All violations at once, with pointers such as `#/variants/0/price`. Lists are read only up to their limits.
    pub fn validate(self) -> Result<ProductDraft, Vec<FieldViolation>> {
        let mut found = Findings(Vec::new());
        let title = clean_name(&self.title);
        found.line("#/title", &title, MAX_NAME_CHARS);
        let handle = validate_handle(self.handle, &title, &mut found);
        let status = match self.status.as_deref().map(str::parse) {
            None => ProductStatus::default(),
            Some(Ok(status)) => status,
            Some(Err(_)) => {
                found.add("#/status", "unknown_status", "must be draft, active or archived");
                ProductStatus::default()
            }
        };
        if self.description_html.len() > MAX_DESCRIPTION_BYTES {
            found.add(
                "#/description_html",
                "too_long",
                format!("must be at most {MAX_DESCRIPTION_BYTES} bytes"),
            );
        } else if has_forbidden_control(&self.description_html) {
            found.add(
                "#/description_html",
                "control_characters",
                "must not have control characters",
            );
        }
        let vendor = found.optional_line("#/vendor", self.vendor);
        let product_type = found.optional_line("#/type", self.product_type);
        let tags = validate_tags(self.tags, &mut found);
        let options = validate_options(self.options, &mut found);
        let images = validate_images(self.images, &mut found);
        let variants = validate_variants(self.variants, options.len(), &mut found);
        let Some(handle) = handle.filter(|_| found.0.is_empty()) else {
            return Err(found.0);
        };
        let description_html = self.description_html;
        Ok(ProductDraft {
            handle,
            status,
            title,
            description_html,
            vendor,
            product_type,
            tags,
            options,
            images,
            variants,
        })
    }

    /// The input that would leave `product` unchanged, with prices in `currency`: the target of a merge patch.
    #[must_use]
    pub fn from_product(product: &Product, currency: Currency) -> Self {
        let image = |image: &Image| ImageInput {
            id: Some(image.id),
            url: image.url.clone(),
            alt: image.alt.clone(),
        };
        Self {
            title: product.title.clone(),
            handle: Some(product.handle.as_str().to_owned()),
            status: Some(product.status.as_str().to_owned()),
            description_html: product.description_html.clone(),
            vendor: product.vendor.clone(),
            product_type: product.product_type.clone(),
            tags: product.tags.clone(),
            options: product.options.clone(),
            images: product.images.iter().map(image).collect(),
            variants: product
                .variants
                .iter()
                .map(|v| VariantInput::from_variant(v, currency))
                .collect(),
        }
    }
}

fn validate_handle(handle: Option<String>, title: &str, found: &mut Findings) -> Option<Handle> {
    match handle {
        Some(text) => {
            let handle = Handle::parse(&text);
            if handle.is_none() {
                let detail = "must be 1 to 255 lower-case letters, digits, `_` and inner hyphens";
                found.add("#/handle", "invalid_handle", detail);
            }
            handle
        }
        // An invalid title is reported once, for the title.
        None if found.0.is_empty() => {
            let handle = Handle::from_title(title);
            if handle.is_none() {
                found.add(
                    "#/handle",
                    "required",
                    "is required: the title has no letter or digit to make it from",
                );
            }
            handle
        }
        None => None,
    }
}

fn validate_tags(tags: Vec<String>, found: &mut Findings) -> Vec<String> {
    found.at_most("#/tags", tags.len(), MAX_TAGS);
    let mut seen = HashSet::new();
    let mut kept = Vec::new();
    for (at, tag) in tags.iter().take(MAX_TAGS).enumerate() {
        let tag = clean_name(tag);
        found.line(format!("#/tags/{at}"), &tag, MAX_NAME_CHARS);
        if seen.insert(tag.clone()) {
            kept.push(tag);
        }
    }
    kept
}

fn validate_options(options: Vec<String>, found: &mut Findings) -> Vec<String> {
    found.at_most("#/options", options.len(), MAX_OPTIONS);
    let mut seen = HashSet::new();
    let mut kept = Vec::new();
    for (at, name) in options.iter().take(MAX_OPTIONS).enumerate() {
        let name = clean_name(name);
        found.line(format!("#/options/{at}"), &name, MAX_NAME_CHARS);
        if !seen.insert(folded(&name)) {
            found.add(
                format!("#/options/{at}"),
                "duplicate",
                "must be another name than the other options have",
            );
        }
        kept.push(name);
    }
    kept
}

/// Whether `url` is an absolute `http` or `https` URL with a host. The server never fetches it, so no further checks
/// are needed.
fn is_web_url(url: &str) -> bool {
    let scheme_end = url.find("://").unwrap_or(0);
    let (scheme, rest) = url.split_at(scheme_end);
    let host = rest
        .trim_start_matches("://")
        .split(['/', '?', '#'])
        .next()
        .unwrap_or_default();
    let web = scheme.eq_ignore_ascii_case("http") || scheme.eq_ignore_ascii_case("https");
    web && !host.is_empty()
        && !has_control(url)
        && !url.contains(|c: char| c.is_whitespace() || matches!(c, '"' | '<' | '>' | '\\'))
}

fn validate_images(images: Vec<ImageInput>, found: &mut Findings) -> Vec<ImageDraft> {
    found.at_most("#/images", images.len(), MAX_IMAGES);
    let mut ids = HashSet::new();
    let mut kept = Vec::new();
    for (at, image) in images.into_iter().take(MAX_IMAGES).enumerate() {
        let url = without_invisible(&image.url).trim().to_owned();
        if url.len() > MAX_URL_BYTES || !is_web_url(&url) {
            let detail = format!("must be an absolute http or https URL of at most {MAX_URL_BYTES} bytes");
            found.add(format!("#/images/{at}/url"), "invalid_url", detail);
        }
        let alt = present(image.alt);
        if let Some(alt) = &alt {
            found.line(format!("#/images/{at}/alt"), alt, MAX_ALT_CHARS);
        }
        if image.id.is_some_and(|id| !ids.insert(id)) {
            found.add(format!("#/images/{at}/id"), "duplicate", "must be given once");
        }
        let position = i64::try_from(at).unwrap_or(i64::MAX);
        kept.push(ImageDraft {
            id: image.id,
            url,
            alt,
            position,
        });
    }
    kept
}

fn validate_variants(variants: Vec<VariantInput>, options: usize, found: &mut Findings) -> Vec<VariantDraft> {
    if variants.is_empty() {
        if options > 0 {
            found.add("#/variants", "required", "is required: options need variants");
        }
        return vec![VariantDraft::only()];
    }
    let staying = variants.iter().filter(|variant| !variant.deleted).count();
    if staying == 0 {
        found.add("#/variants", "required", "must leave at least one variant");
    }
    found.at_most("#/variants", staying, MAX_VARIANTS);
    let mut ids: HashSet<VariantId> = HashSet::new();
    let mut combinations = HashSet::new();
    let mut kept = Vec::new();
    for (at, variant) in variants.into_iter().enumerate().take(MAX_LISTED_VARIANTS) {
        if variant.id.is_some_and(|id| !ids.insert(id)) {
            found.add(format!("#/variants/{at}/id"), "duplicate", "must be given once");
        }
        if variant.deleted || kept.len() == MAX_VARIANTS {
            continue;
        }
        let draft = variant.validate(at, options, &mut found.0);
        if !combinations.insert(draft.options.clone()) {
            let detail = "must be another combination than the other variants have";
            found.add(format!("#/variants/{at}/options"), "duplicate", detail);
        }
        let position = i64::try_from(kept.len()).unwrap_or(i64::MAX);
        kept.push(VariantDraft { position, ..draft });
    }
    kept
}

#[cfg(test)]
mod tests;

//! Assembles the rows of one product. Must never hold more than one product, nor exceed its limits.

use super::columns::{Cells, Column, MAX_OPTIONS};
use super::value;
use crate::csv_rows::Row;
use crate::digest::Digest;
use crate::error::{Fault, quoted};
use crate::item::{ImageItem, ProductItem, ProductStatus, VariantItem};
use crate::source::Position;
use rust_decimal::Decimal;
use std::collections::{HashMap, HashSet};

/// Shopify's current limits.
const MAX_VARIANTS: usize = 2_048;
const MAX_IMAGES: usize = 250;
const MAX_TAGS: usize = 250;
/// Maximum size of all text of one product.
const MAX_PRODUCT_BYTES: usize = 16 * 1024 * 1024;
/// Limit for titles, vendors, names and codes: longer than any in practice, far shorter than a cell may be.
const MAX_SHORT_BYTES: usize = 4 * 1024;

/// What Shopify writes for a product without options.
const NO_OPTION: (&str, &str) = ("Title", "Default Title");

/// A product with rows still to come.
#[derive(Debug)]
pub(super) struct Assembly {
    item: ProductItem,
    /// The indexes of the used option columns, of three.
    option_columns: Vec<usize>,
    /// The combinations of option values so far and their lines.
    combinations: HashMap<Vec<String>, u64>,
    image_urls: HashSet<String>,
    image_positions: Vec<Option<u32>>,
    bytes: usize,
    /// A limit was exceeded and reported; further rows are skipped without one error each.
    full: bool,
}

impl Assembly {
    /// Starts from the first row of a product: it carries the product's own data and the first variant.
    pub(super) fn start(row: &Row, handle: String, decimals: u32) -> Result<Self, Fault> {
        let title = short(row, Column::Title)?;
        if title.is_empty() {
            return Err(row.fault(
                Column::Title,
                "the first row of a product needs a title; it is left out",
            ));
        }
        let option_columns: Vec<_> = (0..MAX_OPTIONS)
            .filter(|number| !row.text(Column::OptionName(*number)).is_empty())
            .collect();
        let mut options: Vec<String> = Vec::with_capacity(option_columns.len());
        for number in &option_columns {
            let name = short(row, Column::OptionName(*number))?;
            if options.contains(&name) {
                let reason = format!("the product has two options named {}", quoted(&name));
                return Err(row.fault(Column::OptionName(*number), reason));
            }
            options.push(name);
        }
        let item = ProductItem {
            external_id: handle.clone(),
            source_hash: [0; 32],
            line: row.at.line,
            column: row.cell(Column::Handle).at.column,
            handle,
            title,
            description_html: row.text(Column::Body).to_owned(),
            vendor: short(row, Column::Vendor)?,
            product_type: short(row, Column::Type)?,
            tags: tags(row)?,
            status: status(row)?,
            gift_card: value::flag(row, Column::GiftCard)?.unwrap_or(false),
            options,
            variants: Vec::new(),
            images: Vec::new(),
            incomplete: false,
        };
        let bytes =
            item.title.len() + item.description_html.len() + item.tags.iter().map(String::len).sum::<usize>();
        let mut assembly = Self {
            item,
            option_columns,
            combinations: HashMap::new(),
            image_urls: HashSet::new(),
            image_positions: Vec::new(),
            bytes,
            full: false,
        };
        assembly.add_variant_and_image(row, decimals)?;
        Ok(assembly)
    }

    pub(super) fn handle(&self) -> &str {
        &self.item.handle
    }

    /// Records that a row of this product was rejected.
    pub(super) fn mark_incomplete(&mut self) {
        self.item.incomplete = true;
    }

    /// Adds a further row: a variant, an image, both, or nothing of interest (`false`).
    pub(super) fn add(&mut self, row: &Row, decimals: u32) -> Result<bool, Fault> {
        if self.full {
            return Ok(false);
        }
        if is_variant(row) {
            self.add_variant_and_image(row, decimals)?;
            return Ok(true);
        }
        let Some(image) = image(row)? else {
            return Ok(false);
        };
        self.check_room(row, 0, 1)?;
        self.add_image(row, image);
        Ok(true)
    }

    /// Finishes the product after its last row.
    pub(super) fn finish(mut self) -> ProductItem {
        let item = &mut self.item;
        if let [variant] = item.variants.as_mut_slice()
            && item.options == [NO_OPTION.0]
            && variant.option_values == [NO_OPTION.1]
        {
            item.options.clear();
            variant.option_values.clear();
        }
        let images = std::mem::take(&mut item.images);
        let mut placed: Vec<_> = self.image_positions.into_iter().zip(images).collect();
        // Images without a position come last; ties keep the file order.
        placed.sort_by_key(|(position, _)| position.unwrap_or(u32::MAX));
        item.images = (1..)
            .zip(placed)
            .map(|(position, (_, image))| ImageItem { position, ..image })
            .collect();
        item.source_hash = hash(item);
        self.item
    }

    fn add_variant_and_image(&mut self, row: &Row, decimals: u32) -> Result<(), Fault> {
        let variant = self.variant(row, decimals)?;
        let image = image(row)?;
        self.check_room(row, 1, usize::from(image.is_some()))?;
        if let Some(line) = self.combinations.get(&variant.option_values) {
            let reason = match variant.option_values.as_slice() {
                [] => format!("a second variant needs an option to tell it from the one on line {line}"),
                values => format!(
                    "a variant {} stands on line {line} already",
                    quoted(&values.join(" / "))
                ),
            };
            return Err(row.fault(Column::OptionValue(0), reason));
        }
        self.combinations
            .insert(variant.option_values.clone(), variant.line);
        self.bytes += variant.option_values.iter().map(String::len).sum::<usize>() * 2
            + [&variant.sku, &variant.barcode, &variant.image_url]
                .into_iter()
                .flatten()
                .map(String::len)
                .sum::<usize>();
        self.item.variants.push(variant);
        if let Some(image) = image {
            self.add_image(row, image);
        }
        Ok(())
    }

    fn variant(&self, row: &Row, decimals: u32) -> Result<VariantItem, Fault> {
        let mut option_values = Vec::with_capacity(self.option_columns.len());
        for number in 0..MAX_OPTIONS {
            let column = Column::OptionValue(number);
            let value = short(row, column)?;
            match (
                self.option_columns.iter().position(|used| *used == number),
                value.is_empty(),
            ) {
                (Some(_), false) => option_values.push(value),
                (Some(option), true) => {
                    let name = self.item.options.get(option).map_or("", String::as_str);
                    return Err(row.fault(
                        column,
                        format!("the variant has no value for the option {}", quoted(name)),
                    ));
                }
                // Some tools omit the name of Shopify's "no option".
                (None, false) if value == NO_OPTION.1 => {}
                (None, false) => {
                    let reason = format!("{} is a value of an option that has no name", quoted(&value));
                    return Err(row.fault(column, reason));
                }
                (None, true) => {}
            }
        }
        let tracked = !row.text(Column::Tracker).is_empty();
        let quantity = value::quantity(row)?;
        let place = row.cell(Column::Price).at;
        short(row, Column::Sku)?;
        short(row, Column::Barcode)?;
        Ok(VariantItem {
            line: place.line,
            column: place.column,
            sku: value::code(row, Column::Sku),
            option_values,
            price: value::price(row, Column::Price, decimals)?,
            compare_at: value::price(row, Column::CompareAt, decimals)?,
            tracked,
            quantity: quantity.filter(|_| tracked),
            allow_backorder: value::allow_backorder(row)?,
            grams: value::grams(row)?,
            barcode: value::code(row, Column::Barcode),
            image_url: value::url(row, Column::VariantImage)?,
        })
    }

    fn add_image(&mut self, row: &Row, (image, position): (ImageItem, Option<u32>)) {
        if !self.image_urls.insert(image.url.clone()) {
            return;
        }
        self.bytes += image.url.len() * 2 + row.text(Column::ImageAlt).len();
        self.item.images.push(image);
        self.image_positions.push(position);
    }

    fn check_room(&mut self, row: &Row, variants: usize, images: usize) -> Result<(), Fault> {
        let reason = if self.item.variants.len() + variants > MAX_VARIANTS {
            format!("more than {MAX_VARIANTS} variants")
        } else if self.item.images.len() + images > MAX_IMAGES {
            format!("more than {MAX_IMAGES} images")
        } else if self.bytes > MAX_PRODUCT_BYTES {
            format!("more than {} MiB of text", MAX_PRODUCT_BYTES / (1024 * 1024))
        } else {
            return Ok(());
        };
        self.full = true;
        let at: Position = row.at;
        Err(Fault::new(
            at,
            format!("the product has {reason}; this and its further rows are left out"),
        ))
    }
}

/// In a row that only adds an image, Shopify leaves all variant columns blank; other tools fill in weights and flags.
fn is_variant(row: &Row) -> bool {
    let has_option = (0..MAX_OPTIONS).any(|number| !row.text(Column::OptionValue(number)).is_empty());
    has_option || !row.text(Column::Sku).is_empty() || !row.text(Column::Price).is_empty()
}

fn image(row: &Row) -> Result<Option<(ImageItem, Option<u32>)>, Fault> {
    let Some(url) = value::url(row, Column::ImageUrl)? else {
        return Ok(None);
    };
    let alt = short(row, Column::ImageAlt)?;
    let position = value::image_position(row)?;
    Ok(Some((
        ImageItem {
            url,
            alt: (!alt.is_empty()).then_some(alt),
            position: 0,
        },
        position,
    )))
}

fn short(row: &Row, column: Column) -> Result<String, Fault> {
    let text = row.text(column);
    if text.len() > MAX_SHORT_BYTES {
        let reason = format!("{} is longer than {MAX_SHORT_BYTES} bytes", quoted(text));
        return Err(row.fault(column, reason));
    }
    Ok(text.to_owned())
}

fn tags(row: &Row) -> Result<Vec<String>, Fault> {
    let mut seen = HashSet::new();
    let mut tags = Vec::new();
    for tag in row
        .text(Column::Tags)
        .split(',')
        .map(str::trim)
        .filter(|tag| !tag.is_empty())
    {
        if seen.insert(tag.to_lowercase()) {
            tags.push(tag.to_owned());
        }
        if tags.len() > MAX_TAGS {
            return Err(row.fault(Column::Tags, format!("the product has more than {MAX_TAGS} tags")));
        }
    }
    Ok(tags)
}

/// `Status` decides, but a product not published on the online store must not be visible here either.
fn status(row: &Row) -> Result<ProductStatus, Fault> {
    let published = value::flag(row, Column::Published)?.unwrap_or(true);
    let text = row.text(Column::Status);
    match text.to_ascii_lowercase().as_str() {
        "" | "active" if published => Ok(ProductStatus::Active),
        "" | "active" | "draft" | "unlisted" => Ok(ProductStatus::Draft),
        "archived" => Ok(ProductStatus::Archived),
        _ => Err(row.fault(
            Column::Status,
            format!("{} is neither active, draft nor archived", quoted(text)),
        )),
    }
}

fn hash(item: &ProductItem) -> [u8; 32] {
    let mut digest = Digest::new("shopify-product:1");
    for text in [
        &item.handle,
        &item.title,
        &item.description_html,
        &item.vendor,
        &item.product_type,
    ] {
        digest.text(text);
    }
    digest.list(item.tags.len());
    item.tags.iter().for_each(|tag| digest.text(tag));
    digest.text(match item.status {
        ProductStatus::Draft => "draft",
        ProductStatus::Active => "active",
        ProductStatus::Archived => "archived",
    });
    digest.flag(item.gift_card);
    digest.flag(item.incomplete);
    digest.list(item.options.len());
    item.options.iter().for_each(|name| digest.text(name));
    digest.list(item.variants.len());
    for variant in &item.variants {
        variant.option_values.iter().for_each(|value| digest.text(value));
        for text in [&variant.sku, &variant.barcode, &variant.image_url] {
            digest.optional(text.as_deref());
        }
        for amount in [variant.price, variant.compare_at] {
            digest.optional(amount.as_ref().map(Decimal::to_string).as_deref());
        }
        digest.flag(variant.tracked);
        digest.flag(variant.allow_backorder);
        for number in [variant.quantity, variant.grams] {
            digest.flag(number.is_some());
            digest.signed(number.unwrap_or(0));
        }
    }
    digest.list(item.images.len());
    for image in &item.images {
        digest.text(&image.url);
        digest.optional(image.alt.as_deref());
    }
    digest.finish()
}

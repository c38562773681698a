//! Assembles the rows of one product. Must never hold more than one product, nor exceed its limits.

use super::columns::{Cells, Column, Header, MAX_OPTIONS};
use super::value;
use crate::csv_rows::Row;
use crate::digest::Digest;
use crate::error::{Fault, quoted};
use crate::item::{Field, Fields, ImageItem, ProductItem, ProductStatus, VariantItem};
use crate::skipped::Skipped;
use rust_decimal::Decimal;
use std::collections::hash_map::DefaultHasher;
use std::collections::{HashMap, HashSet};
use std::hash::{Hash as _, Hasher as _};

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

/// The columns of the product itself, which count in its first row, with the names in counts.
const OF_PRODUCT: [(Column, &str); 11] = [
    (Column::Title, "Title"),
    (Column::Body, "Body (HTML)"),
    (Column::Vendor, "Vendor"),
    (Column::Type, "Type"),
    (Column::Tags, "Tags"),
    (Column::Published, "Published"),
    (Column::Status, "Status"),
    (Column::GiftCard, "Gift Card"),
    (Column::OptionName(0), "Option1 Name"),
    (Column::OptionName(1), "Option2 Name"),
    (Column::OptionName(2), "Option3 Name"),
];

/// The columns of a variant besides those that make a row one.
const OF_VARIANT: [(Column, &str); 7] = [
    (Column::Grams, "Variant Grams"),
    (Column::Tracker, "Variant Inventory Tracker"),
    (Column::Quantity, "Variant Inventory Qty"),
    (Column::Policy, "Variant Inventory Policy"),
    (Column::CompareAt, "Variant Compare At Price"),
    (Column::Barcode, "Variant Barcode"),
    (Column::VariantImage, "Variant Image"),
];

/// The fields of variants and images: what a product's first row lacks of them says nothing of its other rows.
const OF_ROWS: Fields = Fields::EMPTY
    .with(Field::Images)
    .with(Field::ImageAlt)
    .with(Field::Sku)
    .with(Field::Price)
    .with(Field::CompareAt)
    .with(Field::Grams)
    .with(Field::Barcode)
    .with(Field::Tracking)
    .with(Field::Quantity)
    .with(Field::Backorder);

/// What reading a row finds besides its values.
#[derive(Debug, Default)]
pub(super) struct Notes {
    /// Cells that cannot be used. The row is taken without them.
    pub(super) faults: Vec<Fault>,
    pub(super) skipped: Skipped,
}

impl Notes {
    /// The value of a cell; a fault costs only this value.
    fn value<T>(&mut self, read: Result<Option<T>, Fault>, field: Field, unread: &mut Fields) -> Option<T> {
        read.unwrap_or_else(|fault| {
            self.faults.push(fault);
            *unread = unread.with(field);
            None
        })
    }
}

/// A product with rows still to come.
#[derive(Debug)]
pub(super) struct Assembly {
    item: ProductItem,
    /// The indexes of the used option columns, of three.
    option_columns: Vec<usize>,
    /// The combinations of option values so far and their lines; without options those of SKUs.
    combinations: HashMap<Vec<String>, u64>,
    image_urls: HashSet<String>,
    image_positions: Vec<Option<u32>>,
    /// Hashes of the product's own cells in its first row.
    own: [u64; OF_PRODUCT.len()],
    bytes: usize,
    /// A limit was exceeded and reported; further rows are skipped without one error each.
    full: bool,
}

impl Assembly {
    /// Starts from the first row of a product: it carries the product's own data and the first variant.
    pub(super) fn start(
        row: &Row,
        header: &Header,
        handle: String,
        decimals: u32,
        notes: &mut Notes,
    ) -> Result<Self, Fault> {
        let title = short(row, Column::Title)?;
        if title.is_empty() && header.has(Column::Title) {
            return Err(row.fault(
                Column::Title,
                "the first row of a product needs a title; it is left out",
            ));
        }
        let (option_columns, options) = options(row, header)?;
        let mut unread = header.unread(row);
        let images_unread = unread.has(Field::Images);
        let status = status(row, &mut notes.skipped);
        let status = notes.value(status, Field::Status, &mut unread);
        let published_alone = status.is_some() && row.text(Column::Status).is_empty();
        if matches!(
            (status, published_alone),
            (None, _) | (Some(ProductStatus::Active), true)
        ) {
            unread = unread.with(Field::Status);
        }
        let gift_card = notes.value(
            value::flag(row, Column::GiftCard),
            Field::Title,
            &mut Fields::default(),
        );
        if gift_card == Some(true) {
            notes.skipped.add("column \"Gift Card\"");
        }
        let mut text = |column, field| {
            let read = short(row, column).map(Some);
            notes.value(read, field, &mut unread).unwrap_or_default()
        };
        let vendor = text(Column::Vendor, Field::Vendor);
        let product_type = text(Column::Type, Field::ProductType);
        let tags = notes.value(tags(row).map(Some), Field::Tags, &mut unread);
        let mut stated = header.stated().without(unread.without(OF_ROWS));
        if header.has(Column::Quantity) && !header.has(Column::Tracker) {
            stated = stated.with(Field::Tracking);
        }
        let item = ProductItem {
            external_id: handle.clone(),
            source_hash: [0; 32],
            line: row.at.line,
            column: row.cell(Column::Handle).at.column,
            handle,
            stated,
            title,
            description_html: row.text(Column::Body).to_owned(),
            vendor,
            product_type,
            tags: tags.unwrap_or_default(),
            status: status.unwrap_or(ProductStatus::Active),
            gift_card: gift_card.unwrap_or(false),
            options,
            variants: Vec::new(),
            images: Vec::new(),
            images_unread,
            published_alone,
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
            own: OF_PRODUCT.map(|(column, _)| hash_of(row.text(column))),
            bytes,
            full: false,
        };
        assembly.add_variant_and_image(row, header, decimals, notes)?;
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
    pub(super) fn add(
        &mut self,
        row: &Row,
        header: &Header,
        decimals: u32,
        notes: &mut Notes,
    ) -> Result<bool, Fault> {
        if self.full {
            return Ok(false);
        }
        for ((column, name), own) in OF_PRODUCT.iter().zip(self.own) {
            let text = row.text(*column);
            if !text.is_empty() && hash_of(text) != own {
                notes
                    .skipped
                    .add(&format!("{name} on a further row of its product"));
            }
        }
        if is_variant(row) {
            self.add_variant_and_image(row, header, decimals, notes)?;
            return Ok(true);
        }
        for (_, name) in OF_VARIANT
            .iter()
            .filter(|(column, _)| !row.text(*column).is_empty())
        {
            notes.skipped.add(&format!("{name} on a row without a variant"));
        }
        let read = image(row, header, notes);
        self.item.images_unread |= read.is_unread;
        let Some(image) = read.image else {
            return Ok(false);
        };
        self.check_room(row, 0, 1)?;
        self.add_image(row, image, notes);
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

    fn add_variant_and_image(
        &mut self,
        row: &Row,
        header: &Header,
        decimals: u32,
        notes: &mut Notes,
    ) -> Result<(), Fault> {
        let variant = self.variant(row, header, decimals, notes)?;
        let read = image(row, header, notes);
        self.item.images_unread |= read.is_unread;
        let image = read.image;
        self.check_room(row, 1, usize::from(image.is_some()))?;
        let key = match &variant.sku {
            Some(sku) if variant.option_values.is_empty() && !self.item.stated.has(Field::Options) => {
                vec![sku.clone()]
            }
            _ => variant.option_values.clone(),
        };
        if let Some(line) = self.combinations.get(&key) {
            let reason = match variant.option_values.as_slice() {
                [] => format!("a second variant needs an option to tell it from the one on line {line}"),
                values => format!(
                    "a variant {} stands on line {line} already",
                    quoted(&values.join(" / "))
                ),
            };
            return Err(row.fault(Column::OptionValue(0), reason));
        }
        self.combinations.insert(key, variant.line);
        self.bytes += variant.option_values.iter().map(String::len).sum::<usize>() * 2
            + [&variant.sku, &variant.barcode, &variant.image_url]
                .into_iter()
                .flatten()
                .map(String::len)
                .sum::<usize>();
        self.item.variants.push(variant);
        if let Some(image) = image {
            self.add_image(row, image, notes);
        }
        Ok(())
    }

    /// One value for each option; if the file does not name the options, those that are there.
    fn option_values(&self, row: &Row, header: &Header) -> Result<Vec<String>, Fault> {
        let mut values = Vec::with_capacity(self.option_columns.len());
        for number in 0..MAX_OPTIONS {
            let column = Column::OptionValue(number);
            let value = short(row, column)?;
            let option = self.option_columns.iter().position(|used| *used == number);
            match (option, value.is_empty()) {
                (Some(_), false) => values.push(value),
                (Some(option), true) => {
                    let name = self.item.options.get(option).map_or("", String::as_str);
                    return Err(row.fault(
                        column,
                        format!("the variant has no value for the option {}", quoted(name)),
                    ));
                }
                // Some tools omit the name of Shopify's "no option".
                (None, false) if value == NO_OPTION.1 => {}
                (None, false) if !header.has(Column::OptionName(number)) => values.push(value),
                (None, false) => {
                    let reason = format!("{} is a value of an option that has no name", quoted(&value));
                    return Err(row.fault(column, reason));
                }
                (None, true) => {}
            }
        }
        Ok(values)
    }

    fn variant(
        &self,
        row: &Row,
        header: &Header,
        decimals: u32,
        notes: &mut Notes,
    ) -> Result<VariantItem, Fault> {
        let option_values = self.option_values(row, header)?;
        let mut unread = header.unread(row);
        let quantity = notes.value(
            value::quantity(row, Column::Quantity),
            Field::Quantity,
            &mut unread,
        );
        let tracked = match header.has(Column::Tracker) {
            true => !row.text(Column::Tracker).is_empty(),
            false => quantity.is_some(),
        };
        if !tracked && quantity.is_some_and(|quantity| quantity != 0) {
            notes.skipped.add("quantity of a variant that is not tracked");
        }
        if !row.text(Column::VariantImage).is_empty() {
            notes.skipped.add("column \"Variant Image\"");
        }
        let mut code = |column, field| {
            let read = short(row, column).map(|_| value::code(row, column));
            notes.value(read, field, &mut unread)
        };
        let sku = code(Column::Sku, Field::Sku);
        let barcode = code(Column::Barcode, Field::Barcode);
        let mut price = |column, field| {
            let read = value::price(row, column, decimals);
            let (price, has_sign) = notes.value(read, field, &mut unread)?;
            if has_sign {
                notes.skipped.add("sign of a currency beside a price");
            }
            Some(price)
        };
        let (amount, compare_at) = (
            price(Column::Price, Field::Price),
            price(Column::CompareAt, Field::CompareAt),
        );
        let backorder = value::allow_backorder(row).map(Some);
        let place = row.cell(Column::Price).at;
        Ok(VariantItem {
            line: row.at.line.max(place.line),
            column: place.column,
            sku,
            option_values,
            price: amount,
            compare_at,
            tracked,
            quantity: quantity.filter(|_| tracked),
            allow_backorder: notes
                .value(backorder, Field::Backorder, &mut unread)
                .unwrap_or(false),
            grams: notes.value(value::grams(row), Field::Grams, &mut unread),
            barcode,
            image_url: value::url(row, Column::VariantImage).ok().flatten(),
            unread,
        })
    }

    fn add_image(&mut self, row: &Row, (image, position): (ImageItem, Place), notes: &mut Notes) {
        if !self.image_urls.insert(image.url.clone()) {
            let mut images = self.item.images.iter_mut();
            if let (Some(alt), Some(known)) = (image.alt, images.find(|known| known.url == image.url)) {
                match &known.alt {
                    Some(same) if *same == alt => {}
                    Some(_) => notes
                        .skipped
                        .add("Image Alt Text of an image that stands there twice"),
                    None => (known.alt, known.alt_unread) = (Some(alt), false),
                }
            }
            return;
        }
        self.bytes += image.url.len() * 2 + row.text(Column::ImageAlt).len();
        self.item.images.push(image);
        let before = self.image_positions.last().copied().flatten();
        self.image_positions.push(match position {
            Place::At(position) => Some(position),
            Place::Last => None,
            Place::Unread => before,
        });
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
        Err(Fault::new(
            row.at,
            format!("the product has {reason}; this and its further rows are left out"),
        ))
    }
}

/// In a row that only adds an image, Shopify leaves all variant columns blank; other tools fill in weights and flags.
fn is_variant(row: &Row) -> bool {
    let has_option = (0..MAX_OPTIONS).any(|number| !row.text(Column::OptionValue(number)).is_empty());
    has_option || !row.text(Column::Sku).is_empty() || !row.text(Column::Price).is_empty()
}

/// Where an image stands among those of its product.
#[derive(Debug, Clone, Copy)]
enum Place {
    At(u32),
    /// The cell is blank.
    Last,
    /// The cell cannot be read: behind the image of the row before.
    Unread,
}

/// What a row says of images.
struct ImageRead {
    image: Option<(ImageItem, Place)>,
    /// The row may have an image, which could not be read.
    is_unread: bool,
}

/// The image of a row. One that cannot be used costs only itself; what belongs to none is counted.
fn image(row: &Row, header: &Header, notes: &mut Notes) -> ImageRead {
    let mut unread = header.unread(row);
    let url = notes.value(value::url(row, Column::ImageUrl), Field::Images, &mut unread);
    let alt = notes.value(
        short(row, Column::ImageAlt).map(Some),
        Field::ImageAlt,
        &mut unread,
    );
    let alt = alt.filter(|alt| !alt.is_empty());
    let is_unread = unread.has(Field::Images);
    let mut position_unread = Fields::default();
    let position = notes.value(value::image_position(row), Field::Images, &mut position_unread);
    let place = match position {
        _ if position_unread.has(Field::Images) => Place::Unread,
        Some(position) => Place::At(position),
        None => Place::Last,
    };
    if url.is_none() && alt.is_some() {
        notes.skipped.add("Image Alt Text without an image");
    }
    let image = url.map(|url| ImageItem {
        url,
        alt,
        alt_unread: unread.has(Field::ImageAlt),
        position: 0,
    });
    ImageRead {
        image: image.map(|image| (image, place)),
        is_unread,
    }
}

/// The used option columns and their names.
fn options(row: &Row, header: &Header) -> Result<(Vec<usize>, Vec<String>), Fault> {
    let used: Vec<_> = (0..MAX_OPTIONS)
        .filter(|number| header.has(Column::OptionName(*number)))
        .filter(|number| !row.text(Column::OptionName(*number)).is_empty())
        .collect();
    let mut names: Vec<String> = Vec::with_capacity(used.len());
    for number in &used {
        let name = short(row, Column::OptionName(*number))?;
        if names.contains(&name) {
            let reason = format!("the product has two options named {}", quoted(&name));
            return Err(row.fault(Column::OptionName(*number), reason));
        }
        names.push(name);
    }
    Ok((used, names))
}

fn hash_of(text: &str) -> u64 {
    let mut hasher = DefaultHasher::new();
    text.hash(&mut hasher);
    hasher.finish()
}

pub(super) fn short(row: &Row, column: Column) -> Result<String, Fault> {
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

/// `Status` decides, but a product not published on the online store must not be visible here either. `None` if neither
/// says anything.
fn status(row: &Row, skipped: &mut Skipped) -> Result<Option<ProductStatus>, Fault> {
    let flag = value::flag(row, Column::Published)?;
    let published = flag.unwrap_or(true);
    let text = row.text(Column::Status);
    let status = text.to_ascii_lowercase();
    match status.as_str() {
        "" if flag.is_none() => Ok(None),
        "" | "active" if published => Ok(Some(ProductStatus::Active)),
        "" | "active" | "unlisted" => {
            let from = if status == "unlisted" {
                "unlisted"
            } else {
                "active, not published"
            };
            skipped.add(&format!("status {from} became draft"));
            Ok(Some(ProductStatus::Draft))
        }
        "draft" => Ok(Some(ProductStatus::Draft)),
        "archived" => Ok(Some(ProductStatus::Archived)),
        _ => Err(row.fault(
            Column::Status,
            format!("{} is neither active, draft nor archived", quoted(text)),
        )),
    }
}

fn hash(item: &ProductItem) -> [u8; 32] {
    let mut digest = Digest::new("shopify-product:3");
    digest.number(item.stated.bits().into());
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
    digest.flag(item.published_alone);
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
        digest.number(variant.unread.bits().into());
        digest.flag(variant.tracked);
        digest.flag(variant.allow_backorder);
        for number in [variant.quantity, variant.grams] {
            digest.flag(number.is_some());
            digest.signed(number.unwrap_or(0));
        }
    }
    digest.list(item.images.len());
    digest.flag(item.images_unread);
    for image in &item.images {
        digest.text(&image.url);
        digest.optional(image.alt.as_deref());
        digest.flag(image.alt_unread);
    }
    digest.finish()
}

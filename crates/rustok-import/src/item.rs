//! The output of the readers: plain data, parsed and size-limited, with its position in the file. Must never hold
//! ids, tenants or currencies: those are assigned when it is stored.

use jiff::Timestamp;
use rust_decimal::Decimal;

/// SHA-256 over the meaning of an item. Equal hashes mean an unchanged source; column order, line numbers and the
/// notation of a number (`50` or `50.00`) do not count.
pub type SourceHash = [u8; 32];

/// Whether a product is sold, from Shopify's `Status` and `Published` columns.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ProductStatus {
    /// `draft`, `unlisted`, or not published on the online store.
    Draft,
    /// `active` (also when both columns are blank) and not unpublished.
    Active,
    /// `archived`.
    Archived,
}

/// A field that a product file may state. What a file has no column for it does not state, and an update leaves that
/// as it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Field {
    /// [`ProductItem::title`].
    Title,
    /// [`ProductItem::description_html`].
    Description,
    /// [`ProductItem::vendor`].
    Vendor,
    /// [`ProductItem::product_type`].
    ProductType,
    /// [`ProductItem::tags`].
    Tags,
    /// [`ProductItem::status`].
    Status,
    /// [`ProductItem::options`] and their values.
    Options,
    /// [`ProductItem::images`].
    Images,
    /// [`ImageItem::alt`].
    ImageAlt,
    /// [`VariantItem::sku`].
    Sku,
    /// [`VariantItem::price`].
    Price,
    /// [`VariantItem::compare_at`].
    CompareAt,
    /// [`VariantItem::grams`].
    Grams,
    /// [`VariantItem::barcode`].
    Barcode,
    /// [`VariantItem::tracked`].
    Tracking,
    /// [`VariantItem::quantity`].
    Quantity,
    /// [`VariantItem::allow_backorder`].
    Backorder,
}

/// A set of [`Field`]s.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Fields(u32);

impl Fields {
    /// No field.
    pub const EMPTY: Self = Self(0);

    /// The set with one more field.
    #[must_use]
    pub const fn with(self, field: Field) -> Self {
        Self(self.0 | 1 << field as u32)
    }

    /// The set without the fields of `other`.
    #[must_use]
    pub const fn without(self, other: Self) -> Self {
        Self(self.0 & !other.0)
    }

    /// Whether the field is in the set.
    #[must_use]
    pub const fn has(self, field: Field) -> bool {
        self.0 & (1 << field as u32) != 0
    }

    /// For a hash.
    pub(crate) const fn bits(self) -> u32 {
        self.0
    }
}

/// One product with all its rows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProductItem {
    /// Identifies the product across imports: the handle.
    pub external_id: String,
    /// Covers all fields below except positions.
    pub source_hash: SourceHash,
    /// Line of the product's first row, from 1.
    pub line: u64,
    /// Column of its handle, from 1, in characters.
    pub column: u64,
    /// The handle, trimmed and lower-cased as in Shopify; not empty, otherwise not validated.
    pub handle: String,
    /// What the file has columns for, less what was blank and means nothing then (a status) and what could not be
    /// read. All other fields hold defaults.
    pub stated: Fields,
    /// Plain text, trimmed; empty only if the file has no titles.
    pub title: String,
    /// Raw HTML, **not sanitised**, at most 2 MiB; may be empty.
    pub description_html: String,
    /// Empty when not given.
    pub vendor: String,
    /// Empty when not given.
    pub product_type: String,
    /// In file order, trimmed, without duplicates (ignoring case).
    pub tags: Vec<String>,
    /// See [`ProductStatus`].
    pub status: ProductStatus,
    /// Whether Shopify marks it as a gift card.
    pub gift_card: bool,
    /// Names of the options, at most three. Empty for a product with a single variant and no options (Shopify writes
    /// `Title` / `Default Title` for that).
    pub options: Vec<String>,
    /// At least one, in file order.
    pub variants: Vec<VariantItem>,
    /// By position, without duplicate URLs, at most 250.
    pub images: Vec<ImageItem>,
    /// Cells of images could not be read (their [`crate::RowError`] came before) or are missing in short rows: an
    /// image that [`Self::images`] lacks may be in the source.
    pub images_unread: bool,
    /// [`Self::status`] follows from Shopify's `Published` alone, which says whether the online store shows a product,
    /// not whether it is a draft or archived. When published, the status is not stated.
    pub published_alone: bool,
    /// Some row of this product was rejected (its [`crate::RowError`] came before): data missing here may exist in
    /// the source, so nothing should be deleted because of its absence.
    pub incomplete: bool,
}

/// One variant: one row of the file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VariantItem {
    /// Line of its row, from 1.
    pub line: u64,
    /// Column of its price, from 1 (of the row without a price).
    pub column: u64,
    /// `None` when blank.
    pub sku: Option<String>,
    /// Fields of this variant whose cells could not be read (their [`crate::RowError`] came before): they are as if
    /// the file had no such column.
    pub unread: Fields,
    /// One value per entry of [`ProductItem::options`], or per option column with a value if the file does not name
    /// the options; the combination is unique within the product.
    pub option_values: Vec<String>,
    /// In major units, not negative, with no more decimals than the reader allows, below 10^12. `None` when blank.
    pub price: Option<Decimal>,
    /// As [`Self::price`].
    pub compare_at: Option<Decimal>,
    /// Whether an inventory tracker is named, or, in a file without that column, a quantity.
    pub tracked: bool,
    /// `None` when not tracked, whatever the column contains, and when tracked without a number. May be negative:
    /// Shopify counts oversold units.
    pub quantity: Option<i64>,
    /// Whether it may be sold when out of stock (policy `continue`).
    pub allow_backorder: bool,
    /// Weight in whole grams.
    pub grams: Option<i64>,
    /// Without the apostrophe that spreadsheets put before digits.
    pub barcode: Option<String>,
    /// An absolute http or https URL.
    pub image_url: Option<String>,
}

/// The stock of one product's variants, of Shopify's inventory CSV.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InventoryItem {
    /// Line of the product's first row, from 1.
    pub line: u64,
    /// Column of its handle, from 1.
    pub column: u64,
    /// The handle of the product, trimmed and lower-cased.
    pub handle: String,
    /// At least one, in file order.
    pub variants: Vec<InventoryVariant>,
}

/// The stock of one variant, at all locations together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InventoryVariant {
    /// Line of its first row, from 1.
    pub line: u64,
    /// `None` when blank.
    pub sku: Option<String>,
    /// The option values that are not blank; empty for the only variant of a product.
    pub option_values: Vec<String>,
    /// The pieces for sale, summed over the locations; `None` if it is stocked nowhere.
    pub available: Option<i64>,
}

/// What [`crate::ShopifyReader`] yields: products of a product CSV, or stock of an inventory CSV.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ShopifyItem {
    /// A product.
    Product(Box<ProductItem>),
    /// The stock of a product's variants.
    Inventory(InventoryItem),
}

impl ShopifyItem {
    /// The product, if it is one.
    #[must_use]
    pub fn into_product(self) -> Option<ProductItem> {
        match self {
            Self::Product(product) => Some(*product),
            Self::Inventory(_) => None,
        }
    }
}

/// One image of a product.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ImageItem {
    /// An absolute http or https URL, at most 2,048 bytes.
    pub url: String,
    /// Alternative text for accessibility; `None` when blank.
    pub alt: Option<String>,
    /// The cell of [`Self::alt`] could not be read: it is as if the file had no such column.
    pub alt_unread: bool,
    /// From 1, without gaps, in the order of the file's positions.
    pub position: u32,
}

/// The output of the WordPress reader, in file order: authors and terms precede the items.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum WordpressItem {
    /// An author.
    Author(AuthorItem),
    /// A category; its parent may come later in the file.
    Category(TermItem),
    /// A tag.
    Tag(TermItem),
    /// A post or a page.
    Node(Box<NodeItem>),
}

/// One author.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuthorItem {
    /// Covers all fields below except positions.
    pub source_hash: SourceHash,
    /// Line of its element, from 1.
    pub line: u64,
    /// Column of its element, from 1, in characters.
    pub column: u64,
    /// Identifies the author across imports and in [`NodeItem::author_login`]; not empty.
    pub login: String,
    /// `None` when blank.
    pub email: Option<String>,
    /// Plain text; the login when blank.
    pub display_name: String,
}

/// One category or tag.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TermItem {
    /// Covers all fields below except positions.
    pub source_hash: SourceHash,
    /// Line of its element, from 1.
    pub line: u64,
    /// Column of its element, from 1, in characters.
    pub column: u64,
    /// Identifies the term across imports, within its taxonomy: percent-decoded, NFC, not empty.
    pub slug: String,
    /// Plain text; the slug when blank.
    pub name: String,
    /// Slug of the parent category; `None` at the top and for tags.
    pub parent_slug: Option<String>,
    /// Raw HTML, **not sanitised**; `None` when blank.
    pub description: Option<String>,
}

/// The taxonomy of a term.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Taxonomy {
    /// `category`.
    Category,
    /// `post_tag` (`tag` in WXR 1.0).
    Tag,
    /// Any other, with its name, for example `post_format`.
    Other(String),
}

/// A term assigned to a node. It need not be declared anywhere else in the file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TermRef {
    /// See [`Taxonomy`].
    pub taxonomy: Taxonomy,
    /// Percent-decoded, NFC, not empty.
    pub slug: String,
    /// Plain text; the slug when blank.
    pub name: String,
}

/// Posts and pages become nodes; every other post type is skipped and counted by its name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum NodeKind {
    /// `post`.
    Post,
    /// `page`.
    Page,
}

/// Whether it is publicly visible.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum NodeStatus {
    /// Everything that is not certainly public: draft, pending, auto-draft, private, password-protected, a status of
    /// a plug-in, or scheduled without a date.
    Draft,
    /// `publish`, or `future` with its date. **Visible from [`NodeItem::published_at`] on**, which may be in the
    /// future.
    Published,
}

/// A field that an export may state of a post or page. What its item has no element for, an update leaves as it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum NodeField {
    /// [`NodeItem::title`].
    Title,
    /// [`NodeItem::slug`].
    Slug,
    /// [`NodeItem::excerpt`].
    Excerpt,
    /// [`NodeItem::body`].
    Body,
    /// [`NodeItem::author_login`].
    Author,
    /// [`NodeItem::status`] and the dates.
    Status,
    /// [`NodeItem::terms`].
    Terms,
}

/// A set of [`NodeField`]s.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct NodeFields(u8);

impl NodeFields {
    /// All of them.
    pub const ALL: Self = Self(u8::MAX);

    /// The set with one more field, if `has`.
    #[must_use]
    pub const fn with_if(self, has: bool, field: NodeField) -> Self {
        if has {
            Self(self.0 | 1 << field as u8)
        } else {
            self
        }
    }

    /// Whether the field is in the set.
    #[must_use]
    pub const fn has(self, field: NodeField) -> bool {
        self.0 & (1 << field as u8) != 0
    }

    /// For a hash.
    pub(crate) const fn bits(self) -> u8 {
        self.0
    }
}

/// One post or page.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NodeItem {
    /// Identifies the node across imports: the address of the site, if the file has it, with `#` and the post id, else
    /// the guid.
    pub external_id: String,
    /// Covers all fields below except positions.
    pub source_hash: SourceHash,
    /// Line of its `<item>`, from 1.
    pub line: u64,
    /// Column of its `<item>`, from 1, in characters.
    pub column: u64,
    /// See [`NodeKind`].
    pub kind: NodeKind,
    /// What the item has elements for, less what could not be read. All other fields hold defaults.
    pub stated: NodeFields,
    /// Plain text (tags removed, HTML entities decoded), trimmed; may be empty.
    pub title: String,
    /// Percent-decoded, NFC. `None` when empty: derive one from the title.
    pub slug: Option<String>,
    /// Raw HTML, **not sanitised**, at most 1 MiB; may be empty.
    pub excerpt: String,
    /// Raw HTML, **not sanitised**, at most 2 MiB; may be empty.
    pub body: String,
    /// Login of the author; it need not be declared in the file.
    pub author_login: Option<String>,
    /// See [`NodeStatus`].
    pub status: NodeStatus,
    /// The original WordPress status, for reports: `publish`, `private`, ...
    pub source_status: String,
    /// A password was set. The password itself is not kept.
    pub password_protected: bool,
    /// When it is or was published, for [`NodeStatus::Published`] only; `None` when the file has no usable date.
    pub published_at: Option<Timestamp>,
    /// The post's date, except for a scheduled post, whose date is in the future.
    pub created_at: Option<Timestamp>,
    /// Pinned to the top.
    pub sticky: bool,
    /// External id of the parent page.
    pub parent_external_id: Option<String>,
    /// Sort order among its siblings.
    pub menu_order: i64,
    /// Without duplicates, in file order.
    pub terms: Vec<TermRef>,
    /// When it was changed last.
    pub changed_at: Option<Timestamp>,
    /// Where it was: an absolute URL, at most 2,048 bytes.
    pub address: Option<String>,
}

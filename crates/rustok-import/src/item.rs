//! What the readers yield: plain data, already parsed and bounded, with the place it came from. Must never hold ids,
//! tenants or currencies: those belong to whoever stores it.

use jiff::Timestamp;
use rust_decimal::Decimal;

/// SHA-256 over the meaning of an item. Equal hashes mean that the source did not change; column order, line numbers
/// and the spelling of a number (`50` or `50.00`) do not count.
pub type SourceHash = [u8; 32];

/// Whether a product is sold, from Shopify's `Status` and `Published` columns.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ProductStatus {
    /// `draft`, `unlisted`, or not published on the online store.
    Draft,
    /// `active` (also when neither column says anything) and not unpublished.
    Active,
    /// `archived`.
    Archived,
}

/// One product with all its rows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProductItem {
    /// Names the product over all runs: the handle.
    pub external_id: String,
    /// Over everything below except places.
    pub source_hash: SourceHash,
    /// Line of the product's first row, from 1.
    pub line: u64,
    /// Column of its handle, from 1, in characters.
    pub column: u64,
    /// The handle, trimmed and in lower case as Shopify does it; not empty, otherwise unchecked.
    pub handle: String,
    /// Plain text, trimmed, not empty.
    pub title: String,
    /// Raw HTML, **not sanitised**, at most 2 MiB; may be empty.
    pub description_html: String,
    /// Empty when not given.
    pub vendor: String,
    /// Empty when not given.
    pub product_type: String,
    /// In the order of the file, trimmed, each once (without regard to case).
    pub tags: Vec<String>,
    /// See [`ProductStatus`].
    pub status: ProductStatus,
    /// Whether Shopify marks it as a gift card.
    pub gift_card: bool,
    /// Names of the options, at most three. Empty for a product with one variant and no choice (Shopify writes
    /// `Title` / `Default Title` for that).
    pub options: Vec<String>,
    /// At least one, in the order of the file.
    pub variants: Vec<VariantItem>,
    /// By position, each URL once, at most 250.
    pub images: Vec<ImageItem>,
    /// Some row of this product was refused (its [`crate::RowError`] came before): what is missing here may exist, so
    /// nothing should be deleted because of it.
    pub incomplete: bool,
}

/// One variant: one row of the file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VariantItem {
    /// Line of its row, from 1.
    pub line: u64,
    /// Column of its price, from 1 (of the row when there is none).
    pub column: u64,
    /// `None` when blank.
    pub sku: Option<String>,
    /// One value for each of [`ProductItem::options`]; unique within the product.
    pub option_values: Vec<String>,
    /// In major units, not negative, no more decimals than the reader was told, below 10^12. `None` when blank.
    pub price: Option<Decimal>,
    /// As [`Self::price`].
    pub compare_at: Option<Decimal>,
    /// Whether an inventory tracker is named. Without one stock is not tracked.
    pub tracked: bool,
    /// `None` when not tracked, whatever the column says, and when tracked without a number. May be negative: Shopify
    /// counts oversold pieces.
    pub quantity: Option<i64>,
    /// Whether it may be sold when there is none left (policy `continue`).
    pub allow_backorder: bool,
    /// Weight in whole grams.
    pub grams: Option<i64>,
    /// Without the apostrophe that spreadsheets put before digits.
    pub barcode: Option<String>,
    /// An absolute http or https URL.
    pub image_url: Option<String>,
}

/// One picture of a product.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ImageItem {
    /// An absolute http or https URL, at most 2,048 bytes.
    pub url: String,
    /// Text for those who cannot see it; `None` when blank.
    pub alt: Option<String>,
    /// From 1, without gaps, in the order of the file's positions.
    pub position: u32,
}

/// What a WordPress export yields, in the order of the file: authors and terms stand before the items.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum WordpressItem {
    /// A person who writes.
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
    /// Over everything below except places.
    pub source_hash: SourceHash,
    /// Line of its element, from 1.
    pub line: u64,
    /// Column of its element, from 1, in characters.
    pub column: u64,
    /// Names the author over all runs and in [`NodeItem::author_login`]; not empty.
    pub login: String,
    /// `None` when blank.
    pub email: Option<String>,
    /// Plain text; the login when blank.
    pub display_name: String,
}

/// One category or tag.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TermItem {
    /// Over everything below except places.
    pub source_hash: SourceHash,
    /// Line of its element, from 1.
    pub line: u64,
    /// Column of its element, from 1, in characters.
    pub column: u64,
    /// Names the term over all runs, within its taxonomy: percent-decoded, NFC, not empty.
    pub slug: String,
    /// Plain text; the slug when blank.
    pub name: String,
    /// Slug of the parent category; `None` at the top and for tags.
    pub parent_slug: Option<String>,
    /// Raw HTML, **not sanitised**; `None` when blank.
    pub description: Option<String>,
}

/// Which list a term belongs to.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Taxonomy {
    /// `category`.
    Category,
    /// `post_tag` (`tag` in WXR 1.0).
    Tag,
    /// Any other by its name, for example `post_format`.
    Other(String),
}

/// A term that a node carries. It need not be declared anywhere else in the file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TermRef {
    /// See [`Taxonomy`].
    pub taxonomy: Taxonomy,
    /// Percent-decoded, NFC, not empty.
    pub slug: String,
    /// Plain text; the slug when blank.
    pub name: String,
}

/// Posts and pages become nodes; every other post type is skipped and counted under its name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum NodeKind {
    /// `post`.
    Post,
    /// `page`.
    Page,
}

/// Whether the public may see it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum NodeStatus {
    /// Everything that is not certainly public: draft, pending, auto-draft, private, with a password, a status of
    /// some plug-in, or scheduled without a date.
    Draft,
    /// `publish`, or `future` with its date. **Visible from [`NodeItem::published_at`] on**, which may lie ahead.
    Published,
}

/// One post or page.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NodeItem {
    /// Names the node over all runs: the post id, else the guid.
    pub external_id: String,
    /// Over everything below except places.
    pub source_hash: SourceHash,
    /// Line of its `<item>`, from 1.
    pub line: u64,
    /// Column of its `<item>`, from 1, in characters.
    pub column: u64,
    /// See [`NodeKind`].
    pub kind: NodeKind,
    /// Plain text (tags taken out, HTML entities decoded), trimmed; may be empty.
    pub title: String,
    /// Percent-decoded, NFC. `None` when empty: make one from the title.
    pub slug: Option<String>,
    /// Raw HTML, **not sanitised**, at most 1 MiB; may be empty.
    pub excerpt: String,
    /// Raw HTML, **not sanitised**, at most 2 MiB; may be empty.
    pub body: String,
    /// Login of the author; it need not be declared in the file.
    pub author_login: Option<String>,
    /// See [`NodeStatus`].
    pub status: NodeStatus,
    /// WordPress' own word, for a report: `publish`, `private`, ...
    pub source_status: String,
    /// A password was set. The password itself is not kept.
    pub password_protected: bool,
    /// When it is or was published, for [`NodeStatus::Published`] only; `None` when the file has no usable date.
    pub published_at: Option<Timestamp>,
    /// The post's date, except for a scheduled post, whose date lies ahead.
    pub created_at: Option<Timestamp>,
    /// Pinned to the top.
    pub sticky: bool,
    /// External id of the parent page.
    pub parent_external_id: Option<String>,
    /// Place among its siblings.
    pub menu_order: i64,
    /// Each once, in the order of the file.
    pub terms: Vec<TermRef>,
}

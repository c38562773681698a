//! Streaming readers of export files of other systems: Shopify's product CSV and WordPress' WXR.
//!
//! Both readers are iterators over any [`std::io::Read`]. They hold one product or one item at a time (plus 8 bytes
//! of hash and 8 of line number per identifier), so apart from that memory does not grow with the file. A bad value,
//! row or item yields a [`RowError`] with file, line, column and reason, and reading continues behind it; only a fault
//! that prevents further reading (an unreadable file, a missing header) ends the iteration, after all valid items before
//! it. What is in the file and not yielded is counted by name ([`Skipped`]).
//!
//! This crate must never touch a database, a clock or the network, resolve an external entity, sanitise HTML (that
//! happens when it is stored) or decide whether something is created or updated: it only reports the file's content.
//!
//! ```
//! use rustok_import::{ShopifyItem, ShopifyReader};
//!
//! let file = "Handle,Title,Variant Price\nmug,Mug,5.50\n,Cup,1\n";
//! let mut rows = ShopifyReader::new(file.as_bytes(), "shop.csv", 2);
//! let error = rows.next().unwrap().unwrap_err();
//! assert_eq!((error.line, error.column), (3, 1));
//! let Some(Ok(ShopifyItem::Product(mug))) = rows.next() else { panic!() };
//! assert_eq!(mug.variants[0].price.unwrap().to_string(), "5.5");
//! assert!(rows.next().is_none());
//! ```

mod archive;
mod csv_rows;
mod digest;
mod error;
mod input;
mod item;
mod seen;
mod shopify;
mod skipped;
mod source;
mod wordpress;
mod xml;

pub use error::RowError;
pub use item::{
    AuthorItem, Field, Fields, ImageItem, InventoryItem, InventoryVariant, NodeField, NodeFields, NodeItem,
    NodeKind, NodeStatus, ProductItem, ProductStatus, ShopifyItem, SourceHash, Taxonomy, TermItem, TermRef,
    VariantItem, WordpressItem,
};
pub use shopify::ShopifyReader;
pub use skipped::Skipped;
pub use wordpress::WordpressReader;

//! Streaming readers of export files of other systems: Shopify's product CSV and WordPress' WXR.
//!
//! Both readers are iterators over any [`std::io::Read`]. They hold one product or one item at a time (plus 8 bytes
//! of hash and 8 of line number per identifier), so apart from that memory does not grow with the file. A bad row or
//! item yields a [`RowError`] with file, line, column and reason, and reading continues; only a fault that prevents
//! further reading (an unreadable file, broken XML, a missing header) ends the iteration, after all valid items
//! before it.
//!
//! This crate must never touch a database, a clock or the network, resolve an external entity, sanitise HTML (that
//! happens when it is stored) or decide whether something is created or updated: it only reports the file's content.
//!
//! ```
//! use rustok_import::ShopifyReader;
//!
//! let file = "Handle,Title,Variant Price\nmug,Mug,5.50\ncup,Cup,\"1,50\"\n";
//! let mut rows = ShopifyReader::new(file.as_bytes(), "shop.csv", 2);
//! let mug = rows.next().unwrap().unwrap();
//! assert_eq!(mug.variants[0].price.unwrap().to_string(), "5.5");
//! let error = rows.next().unwrap().unwrap_err();
//! assert_eq!((error.line, error.column), (3, 9));
//! assert!(rows.next().is_none());
//! ```

mod csv_rows;
mod digest;
mod error;
mod item;
mod seen;
mod shopify;
mod skipped;
mod source;
mod wordpress;
mod xml;

pub use error::RowError;
pub use item::{
    AuthorItem, ImageItem, NodeItem, NodeKind, NodeStatus, ProductItem, ProductStatus, SourceHash, Taxonomy,
    TermItem, TermRef, VariantItem, WordpressItem,
};
pub use shopify::ShopifyReader;
pub use skipped::Skipped;
pub use wordpress::WordpressReader;

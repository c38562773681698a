//! Behaviour of both readers through their public interface: on two whole exports, on small files for every edge, on
//! files cut anywhere and on random bytes.

#![expect(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

mod counted;
mod files;
mod lossless;
mod memory;
mod random;
mod real_files;
mod shopify;
mod shopify_export;
mod wordpress;
mod wordpress_export;

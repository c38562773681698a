//! The REST surface: the endpoints of store, administration and platform, what they show, and the documents about them.
//!
//! It must never name a row or a query: it calls use cases (`rustok-app`) with the toolkit of `rustok-http`.

pub mod admin;
mod counted;
mod kept;
pub mod merge_patch;
pub mod money;
pub mod node;
pub mod order;
pub mod pages;
pub mod platform;
pub mod product;
pub mod removed;
pub mod router;
pub mod state;
pub mod store;

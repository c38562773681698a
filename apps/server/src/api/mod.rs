//! The HTTP API: endpoints and what they show.

pub mod admin;
mod kept;
pub mod merge_patch;
pub mod money;
pub mod node;
pub mod order;
pub mod platform;
pub mod product;
pub mod removed;
pub mod store;

//! The HTTP API: endpoints and what they show.

pub mod admin;
pub mod platform;
pub mod store;

//! The store API, by version.

pub mod v1;

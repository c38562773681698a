//! The admin API, by version.

pub mod v1;

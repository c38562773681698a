//! The platform API, by version.

pub mod v1;

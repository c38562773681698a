//! The tenant cache under the paths that it had before it moved to `rustok-http`.

pub mod tenant_cache_v2;
pub mod tenant_cache_v3;

pub use rustok_http::middleware::tenant_cache;

#[cfg(doctest)]
#[doc = include_str!("../../../../docs/TENANT_CACHE_V2_MIGRATION.md")]
mod migration_guide {}

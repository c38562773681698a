//! The tenant cache that the server uses: [`rustok_http::middleware::tenant_cache_v3`].

pub use rustok_http::middleware::tenant_cache_v3::*;

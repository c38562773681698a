//! The tenant cache directly over the store: [`rustok_http::middleware::tenant_cache_v2`].

pub use rustok_http::middleware::tenant_cache_v2::*;

//! What stands between the router and the handlers: which tenant a request is for.

pub mod tenant;
pub mod tenant_cache;
pub mod tenant_cache_v2;
pub mod tenant_cache_v3;

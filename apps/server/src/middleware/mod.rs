//! What stands between the router and the handlers: where a request ends, and which tenant it is for.

pub mod framing;
pub mod tenant;
pub mod tenant_cache;
pub mod tenant_cache_v2;
pub mod tenant_cache_v3;

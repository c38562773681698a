//! What stands between the router and the handlers: where a request ends, how it came here, which tenant it is for, and
//! which origins may ask.

pub mod cors;
pub(crate) mod forwarded;
pub mod framing;
pub mod outside;
pub mod tenant;
pub mod tenant_cache;
pub mod tenant_cache_v2;
pub mod tenant_cache_v3;

//! Between the router and the handlers: message framing, how the client reached the server, tenant resolution, and
//! CORS.

pub(crate) mod client;
pub mod cors;
pub mod external_url;
pub(crate) mod forwarded;
pub mod framing;
pub mod tenant;
pub mod tenant_cache;
pub mod tenant_cache_v2;
pub mod tenant_cache_v3;

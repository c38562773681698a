//! Extractors: from a request to the handler's context, command, or page. Every rejection is a problem (RFC 9457).

pub mod body;
pub mod command;
pub mod complexity;
pub mod ctx;
pub mod form;
pub mod obeyed;
pub mod params;
pub mod query;

pub use command::{Command, Empty, MergePatch};
pub use ctx::{AdminCtx, PlatformAccess, StoreCtx};
pub use params::{IfMatch, PathParams};
pub use query::{QueryParams, QueryReader};

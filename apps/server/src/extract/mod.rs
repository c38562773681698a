//! From a request to what a handler needs: the context, the command, the page. Every refusal is a problem.

pub mod command;
pub mod complexity;
pub mod ctx;
pub mod form;
pub mod params;
pub mod query;
pub mod upload;

pub use command::{Command, Empty, MergePatch};
pub use ctx::{AdminCtx, PlatformAccess, StoreCtx};
pub use params::{IfMatch, PathParams};
pub use query::{QueryParams, QueryReader};
pub use upload::ImportUpload;

//! Facts that were committed and work that is due: [`Event`] with its [`Topic`], and [`Job`].
//!
//! This crate is data only: it must never deliver, store or time anything.

pub mod envelope;
pub mod job;
pub mod topic;

pub use envelope::Event;
pub use job::{Job, JobKind, UnknownJobKind};
pub use topic::{Topic, UnknownTopic};

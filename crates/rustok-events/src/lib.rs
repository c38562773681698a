//! Committed facts and due work: [`Event`] with its [`Topic`], and [`Job`].
//!
//! This crate only defines data; delivery, storage and scheduling are elsewhere.

pub mod envelope;
pub mod job;
pub mod topic;

pub use envelope::Event;
pub use job::{Job, JobKind, UnknownJobKind};
pub use topic::{Topic, UnknownTopic};

//! Events and due work: what goes through the outbox, and what has to happen later.
//!
//! An event tells of a fact that was committed; it never asks for something.

mod envelope;
mod job;
mod topic;

pub use envelope::Event;
pub use job::{Job, JobKind, UnknownJobKind};
pub use topic::{Topic, UnknownTopic};

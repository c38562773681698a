//! Committed facts and work that falls due: [`Event`] with its [`Topic`] and its [`Delivery`] to a [`Consumer`], and
//! [`Job`]; both are claimed by [`Lease`]. And the kinds of mails.
//!
//! This crate only defines data; delivery, storage and scheduling are elsewhere.

pub mod delivery;
pub mod envelope;
pub mod ids;
pub mod job;
pub mod lease;
pub mod mail;
pub mod topic;

pub use delivery::{Consumer, Delivery, UnknownConsumer};
pub use envelope::Event;
pub use job::{ClaimedJob, Job, JobKind, UnknownJobKind};
pub use lease::Lease;
pub use mail::{MailKind, UnknownMailKind};
pub use topic::{Topic, UnknownTopic};

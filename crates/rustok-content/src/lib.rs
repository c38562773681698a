#![doc = include_str!("../README.md")]
//!
//! This crate is pure: no clock (except for the short names of the transitions), no id generation, no I/O.

pub mod error;
pub mod ids;
pub mod node;
pub mod revision;
pub mod state_machine;
pub mod translation;

pub use error::{ContentError, FieldError};
pub use node::{Author, NewNode, NodeKind, NodeStatus, Taxonomy, Term};
pub use revision::Revision;
pub use state_machine::{
    AnyContentNode, Archived, ContentNode, DeletedNode, Draft, InvalidNodeRow, NodeChange, NodeRow, Published,
};
pub use translation::{Source, Translation, TranslationDraft, TranslationInput};

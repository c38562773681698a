#![doc = include_str!("../README.md")]
//!
//! This crate must never read a clock (but for the short names of the machine), make an id, or do I/O.

pub mod body;
pub mod error;
pub mod locale;
pub mod node;
pub mod revision;
pub mod slug;
pub mod state_machine;
mod text;
pub mod translation;

pub use body::BodyFormat;
pub use error::{ContentError, FieldError};
pub use locale::Locale;
pub use node::{Author, NewNode, NodeKind, NodeStatus, Taxonomy, Term};
pub use revision::Revision;
pub use slug::Slug;
pub use state_machine::{
    AnyContentNode, Archived, ContentNode, DeletedNode, Draft, InvalidNodeRow, NodeRow, Published,
};
pub use translation::{Source, Translation, TranslationDraft, TranslationInput};

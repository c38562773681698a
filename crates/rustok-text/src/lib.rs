//! Text processing shared by all crates: safe HTML, slugs, locales, e-mail addresses, search terms, and rules for
//! single lines.
//!
//! Each rule is defined only here. This crate is pure: no clock, no id generation, no I/O.

pub mod body;
pub mod email;
pub mod locale;
pub mod plain;
pub mod slug;
pub mod words;

pub use body::BodyFormat;
pub use email::CanonicalEmail;
pub use locale::Locale;
pub use slug::Slug;

//! Text in one form, for every room: safe HTML, slugs, locales, e-mail addresses, and what fits into one line.
//!
//! There is one rule for each of these, and it lives here. This crate is pure: it must never read a clock, make an id,
//! or do I/O.

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

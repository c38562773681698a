//! Use cases without HTTP, on both databases: what needs a clock that is moved, or a look between two steps.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod catalog;
mod copies;
mod deliveries;
mod home;
mod imports;
mod imports_kept;
mod jobs;
mod mail;
mod orders;
mod people;
mod recovery;
mod second_factor;
mod shop;
mod terms;
mod tokens;

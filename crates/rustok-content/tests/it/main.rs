//! The life of a node, seen from outside the crate.
#![expect(clippy::unwrap_used, clippy::panic, reason = "tests")]

mod compile_fail;
mod diagram;
mod lives;
mod moves;
mod rows;

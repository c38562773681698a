//! The life of a node, seen from outside the crate.

mod compile_fail;
mod lives;
mod rows;

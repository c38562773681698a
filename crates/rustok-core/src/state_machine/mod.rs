#![doc = include_str!("README.md")]
//!
//! This module must never know a machine by name, keep a clock, or allocate during a transition: it allocates only to
//! refuse a transition and to write a diagram.

mod builder;
mod transition;

pub use builder::{Edge, MAX_EDGES, StateMachineBuilder, TableFault, TransitionTable};
pub use transition::{And, Condition, GuardRefusal, IllegalTransition, Not, Or, State, TransitionGuard};

/// Compiles the guide's example as a test.
#[cfg(doctest)]
#[doc = include_str!("../../../../docs/STATE_MACHINE_GUIDE.md")]
mod guide {}

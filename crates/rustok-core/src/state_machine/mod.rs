#![doc = include_str!("README.md")]
//!
//! This module must never know a machine by name, keep a clock, or allocate on the way through a transition: it
//! allocates where a transition is refused and where a diagram is written, nowhere else.

mod builder;
mod transition;

pub use builder::{Edge, MAX_EDGES, StateMachineBuilder, TableFault, TransitionTable};
pub use transition::{And, Condition, GuardRefusal, IllegalTransition, Not, Or, State, TransitionGuard};

/// The guide's example, as a test.
#[cfg(doctest)]
#[doc = include_str!("../../../../docs/STATE_MACHINE_GUIDE.md")]
mod guide {}

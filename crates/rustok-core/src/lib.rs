//! The foundation of all other RusToK crates: [`error`], [`resilience`], [`state_machine`], [`ids`], [`clock`],
//! [`money`], [`page`] and [`deadline`].
//!
//! It depends on no other crate of the workspace and contains neither HTTP (except the optional feature `axum`) nor
//! SQL.

pub mod clock;
pub mod deadline;
pub mod error;
pub mod ids;
pub mod money;
pub mod page;
pub mod resilience;
pub mod shares;
pub mod state_machine;

/// Compiles the examples of the guides.
#[cfg(doctest)]
mod guides {
    #[doc = include_str!("../../../docs/CIRCUIT_BREAKER_GUIDE.md")]
    struct CircuitBreaker;
}

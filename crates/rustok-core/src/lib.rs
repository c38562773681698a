//! It depends on no other crate of the workspace and contains neither HTTP (except the optional features `axum` and
//! `tower`) nor SQL.
#![doc = include_str!("../README.md")]

#[cfg(feature = "clock")]
pub mod clock;
#[cfg(feature = "resilience")]
pub mod deadline;
#[cfg(feature = "error")]
pub mod error;
#[cfg(any(feature = "error", feature = "ids"))]
pub mod ids;
#[cfg(feature = "money")]
pub mod money;
#[cfg(any(feature = "error", feature = "resilience"))]
mod outcome;
#[cfg(feature = "page")]
pub mod page;
#[cfg(feature = "resilience")]
pub mod resilience;
#[cfg(feature = "shares")]
pub mod shares;
#[cfg(feature = "state_machine")]
pub mod state_machine;

/// Compiles the examples of the guides.
#[cfg(doctest)]
mod guides {
    #[doc = include_str!("../../../docs/CIRCUIT_BREAKER_GUIDE.md")]
    struct CircuitBreaker;
}

//! Isolation from failing dependencies: circuit breaker, retry, timeout.
//!
//! Nothing here depends on what is called, and nothing here sleeps or draws a random number beyond a test's control:
//! time is tokio's clock, randomness a [`JitterSource`].
#![doc = include_str!("README.md")]

pub mod circuit_breaker;
#[cfg(feature = "error")]
mod dependency;
mod jitter;
pub mod retry;
#[cfg(feature = "error")]
mod rich;
mod timeout;
#[cfg(feature = "tower")]
pub mod tower;

pub use crate::outcome::BreakerOutcome;
pub use circuit_breaker::{
    CircuitBreaker, CircuitBreakerBuilder, CircuitBreakerConfig, CircuitBreakerConfigError,
    CircuitBreakerError, CircuitBreakerMetrics, CircuitState,
};
#[cfg(feature = "error")]
pub use dependency::Dependency;
pub use jitter::JitterSource;
pub use retry::{RetryBudget, RetryDecision, RetryError, RetryPolicy};
pub use timeout::{TimeoutError, with_deadline, with_timeout};

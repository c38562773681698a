//! Isolation from failing dependencies: circuit breaker, retry, timeout.
//!
//! Nothing here depends on what is called, and nothing here sleeps or draws a random number beyond a test's control:
//! time is tokio's clock, randomness a [`JitterSource`].
#![doc = include_str!("README.md")]

pub mod circuit_breaker;
mod dependency;
mod jitter;
pub mod retry;
mod timeout;

pub use crate::error::BreakerOutcome;
pub use circuit_breaker::{
    CircuitBreaker, CircuitBreakerBuilder, CircuitBreakerConfig, CircuitBreakerConfigError,
    CircuitBreakerError, CircuitBreakerMetrics, CircuitState,
};
pub use dependency::Dependency;
pub use jitter::JitterSource;
pub use retry::{RetryBudget, RetryDecision, RetryError, RetryPolicy};
pub use timeout::{TimeoutError, with_deadline, with_timeout};

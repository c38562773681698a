//! How a dependency is called so that its sickness stays its own: circuit breaker, retry, timeout.
//!
//! Nothing here knows what is called, and nothing here sleeps or draws a random number that a test cannot control:
//! time is tokio's clock, chance is a [`JitterSource`].
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

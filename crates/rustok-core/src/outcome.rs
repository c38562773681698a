//! What a result means to a circuit breaker: known to errors, which are classified, and to the breaker, which counts.

/// How a circuit breaker counts a result.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum BreakerOutcome {
    /// The dependency worked (a 404 is a healthy reply).
    Success,
    /// The dependency failed.
    Failure,
    /// Says nothing about the dependency; not counted.
    Ignored,
}

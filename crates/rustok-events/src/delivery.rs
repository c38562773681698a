//! Consumers of events, and deliveries: what one consumer has not taken yet of one event.
//!
//! Delivery is at least once. A consumer that does not take an event delays neither other events nor other consumers.

use crate::envelope::Event;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;
use thiserror::Error;
use uuid::Uuid;

/// The text is not the name of a consumer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("is not the name of a consumer")]
pub struct UnknownConsumer;

/// A receiver of events.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Consumer {
    /// The structured log of the server.
    Log,
}

impl Consumer {
    /// All consumers. Each gets every event.
    pub const ALL: &[Self] = &[Self::Log];

    /// The stable name in the database.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Log => "log",
        }
    }
}

impl fmt::Display for Consumer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Consumer {
    type Err = UnknownConsumer;

    fn from_str(name: &str) -> Result<Self, Self::Err> {
        let found = Self::ALL.iter().find(|consumer| consumer.as_str() == name);
        found.copied().ok_or(UnknownConsumer)
    }
}

/// A delivery that a worker has claimed.
#[derive(Debug, Clone, PartialEq)]
pub struct Delivery {
    /// The event.
    pub event: Event,
    /// The consumer.
    pub consumer: Consumer,
    /// The claim's lease.
    pub lease: Uuid,
    /// Attempts so far, this one included.
    pub attempts: u32,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_stable() {
        assert_eq!(Consumer::Log.to_string(), "log");
        for consumer in Consumer::ALL {
            assert_eq!(consumer.as_str().parse(), Ok(*consumer));
            assert_eq!(serde_json::to_value(consumer).unwrap(), consumer.as_str());
        }
        assert_eq!("Log".parse::<Consumer>(), Err(UnknownConsumer));
    }
}

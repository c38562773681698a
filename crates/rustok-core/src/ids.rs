//! Identifiers: one newtype per entity, all UUIDv7 (RFC 9562, 5.7), generated from an injected clock and rng.
//!
//! Below the HTTP layer an id is never a bare `Uuid` or `String`, so an order id cannot be passed where a node id is
//! expected.

#[cfg(feature = "ids")]
mod generator;

use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;
use uuid::Uuid;

#[cfg(feature = "ids")]
pub use generator::Ids;

macro_rules! ids {
    ($($(#[$doc:meta])* $name:ident),+ $(,)?) => {$(
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(Uuid);

        impl $name {
            /// Wraps a UUID.
            #[must_use]
            pub const fn from_uuid(id: Uuid) -> Self {
                Self(id)
            }

            /// The UUID inside.
            #[must_use]
            pub const fn as_uuid(self) -> Uuid {
                self.0
            }
        }

        impl From<Uuid> for $name {
            fn from(id: Uuid) -> Self {
                Self(id)
            }
        }

        impl From<$name> for Uuid {
            fn from(id: $name) -> Self {
                id.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }

        impl FromStr for $name {
            type Err = uuid::Error;

            fn from_str(text: &str) -> Result<Self, Self::Err> {
                Uuid::from_str(text).map(Self)
            }
        }
    )+};
}

ids! {
    /// A shop or site.
    TenantId,
    /// A piece of content.
    NodeId,
    /// A category or tag.
    TermId,
    /// The author of a node.
    AuthorId,
    /// A product.
    ProductId,
    /// A sellable variant of a product.
    VariantId,
    /// An image of a product.
    ImageId,
    /// An order.
    OrderId,
    /// A customer of one tenant.
    CustomerId,
    /// A payment, a refund or a fulfilment of an order.
    OrderRecordId,
    /// A bearer token.
    TokenId,
    /// An event in the outbox.
    EventId,
    /// A stock movement.
    MovementId,
    /// A queued job.
    JobId,
    /// A file uploaded for import.
    ImportId,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::{ManualClock, Timestamp};
    use std::sync::Arc;
    use std::time::Duration;

    #[test]
    fn ids_are_version_7_ordered_by_the_clock_and_distinct() {
        let clock = Arc::new(ManualClock::new(Timestamp::UNIX_EPOCH));
        let ids = Ids::seeded(clock.clone(), 1);
        let first: OrderId = ids.next();
        assert_eq!(first.as_uuid().get_version_num(), 7);
        assert_ne!(first, ids.next());
        clock.advance(Duration::from_millis(1));
        assert!(ids.next::<OrderId>() > first);
    }

    #[test]
    fn text_form_round_trips() {
        let id = Ids::seeded(Arc::new(ManualClock::default()), 7).next::<NodeId>();
        assert_eq!(id.to_string().parse::<NodeId>().unwrap(), id);
        assert!("not-an-id".parse::<NodeId>().is_err());
    }
}

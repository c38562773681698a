//! The topics. Their names are stored and sent: they never change.

use serde::{Serialize, Serializer};
use std::fmt;
use std::str::FromStr;
use thiserror::Error;

/// A text that names no topic.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("no such topic")]
pub struct UnknownTopic;

macro_rules! topics {
    ($($(#[$doc:meta])* $name:ident = $text:literal),+ $(,)?) => {
        /// What an event tells of: `noun.past`.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum Topic {
            $($(#[$doc])* $name),+
        }

        impl Topic {
            /// Every topic.
            pub const ALL: &'static [Self] = &[$(Self::$name),+];

            /// The stable name.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self {
                    $(Self::$name => $text),+
                }
            }
        }
    };
}

topics! {
    /// An order was placed and its stock reserved.
    OrderPlaced = "order.placed",
    /// An order was confirmed.
    OrderConfirmed = "order.confirmed",
    /// An order was paid.
    OrderPaid = "order.paid",
    /// An order was shipped.
    OrderShipped = "order.shipped",
    /// An order was delivered.
    OrderDelivered = "order.delivered",
    /// An order was cancelled and its stock given back.
    OrderCancelled = "order.cancelled",
    /// A node was created.
    NodeCreated = "node.created",
    /// A node got a newer working revision.
    NodeRevised = "node.revised",
    /// A node's working revision went live.
    NodePublished = "node.published",
    /// A node was taken back to draft.
    NodeUnpublished = "node.unpublished",
    /// A node was archived.
    NodeArchived = "node.archived",
    /// An archived node became a draft again.
    NodeRestored = "node.restored",
    /// A node was deleted, softly.
    NodeDeleted = "node.deleted",
    /// A deleted node came back.
    NodeUndeleted = "node.undeleted",
    /// A product was created.
    ProductCreated = "product.created",
    /// A product, its variants, prices or images changed.
    ProductUpdated = "product.updated",
    /// A product was deleted, softly.
    ProductDeleted = "product.deleted",
    /// A stock level was set.
    StockChanged = "stock.changed",
}

impl fmt::Display for Topic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Topic {
    type Err = UnknownTopic;

    fn from_str(text: &str) -> Result<Self, UnknownTopic> {
        Self::ALL.iter().copied().find(|topic| topic.as_str() == text).ok_or(UnknownTopic)
    }
}

impl Serialize for Topic {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_distinct_and_read_back() {
        for topic in Topic::ALL {
            assert_eq!(topic.as_str().parse(), Ok(*topic));
        }
        assert_eq!("order.lost".parse::<Topic>(), Err(UnknownTopic));
    }
}

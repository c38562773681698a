//! The topics of events.
//!
//! A topic's name is stored in rows and used by subscribers: neither the name nor its meaning may ever change.

use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;
use thiserror::Error;

/// The text is not the name of a topic.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("is not the name of a topic")]
pub struct UnknownTopic;

/// Declares the topics, so that [`Topic::as_str`] and [`Topic::ALL`] are always complete.
macro_rules! topics {
    ($($(#[$doc:meta])+ $topic:ident = $name:literal),+ $(,)?) => {
        /// What happened, as `subject.past_participle`.
        ///
        /// ```
        /// use rustok_events::Topic;
        ///
        /// assert_eq!("order.placed".parse(), Ok(Topic::OrderPlaced));
        /// assert_eq!(Topic::OrderPlaced.to_string(), "order.placed");
        /// ```
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "&'static str")]
        pub enum Topic {
            $($(#[$doc])+ $topic),+
        }

        impl Topic {
            /// All topics.
            pub const ALL: &[Self] = &[$(Self::$topic),+];

            /// The stable name.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self {
                    $(Self::$topic => $name),+
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
    /// An order was handed to a carrier.
    OrderShipped = "order.shipped",
    /// An order was delivered.
    OrderDelivered = "order.delivered",
    /// An order was cancelled and its stock given back.
    OrderCancelled = "order.cancelled",
    /// A node was created.
    NodeCreated = "node.created",
    /// A node's text was revised.
    NodeRevised = "node.revised",
    /// A node's working revision was published, now or with a future publication date.
    NodePublished = "node.published",
    /// A node was returned to a draft.
    NodeUnpublished = "node.unpublished",
    /// A node was archived.
    NodeArchived = "node.archived",
    /// An archived node was restored as a draft.
    NodeRestored = "node.restored",
    /// A node was soft-deleted; it can be undeleted.
    NodeDeleted = "node.deleted",
    /// A soft-deleted node was undeleted.
    NodeUndeleted = "node.undeleted",
    /// A product was created.
    ProductCreated = "product.created",
    /// A product or one of its variants changed.
    ProductUpdated = "product.updated",
    /// A product was soft-deleted.
    ProductDeleted = "product.deleted",
    /// A soft-deleted product was undeleted.
    ProductUndeleted = "product.undeleted",
    /// The stock of a variant was set, or tracking began. Stock movements of orders have no such event.
    StockChanged = "stock.changed",
}

impl fmt::Display for Topic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Topic {
    type Err = UnknownTopic;

    fn from_str(name: &str) -> Result<Self, Self::Err> {
        Self::ALL
            .iter()
            .copied()
            .find(|topic| topic.as_str() == name)
            .ok_or(UnknownTopic)
    }
}

impl TryFrom<String> for Topic {
    type Error = UnknownTopic;

    fn try_from(name: String) -> Result<Self, Self::Error> {
        name.parse()
    }
}

impl From<Topic> for &'static str {
    fn from(topic: Topic) -> Self {
        topic.as_str()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Written by hand: rows and subscribers depend on these names.
    const NAMES: [&str; 19] = [
        "order.placed",
        "order.confirmed",
        "order.paid",
        "order.shipped",
        "order.delivered",
        "order.cancelled",
        "node.created",
        "node.revised",
        "node.published",
        "node.unpublished",
        "node.archived",
        "node.restored",
        "node.deleted",
        "node.undeleted",
        "product.created",
        "product.updated",
        "product.deleted",
        "product.undeleted",
        "stock.changed",
    ];

    #[test]
    fn names_are_stable() {
        let names: Vec<_> = Topic::ALL.iter().map(|topic| topic.as_str()).collect();
        assert_eq!(names, NAMES);
        for topic in Topic::ALL {
            assert_eq!(topic.as_str().parse(), Ok(*topic));
            let json = serde_json::to_value(topic).unwrap();
            assert_eq!(json, topic.as_str());
            assert_eq!(serde_json::from_value::<Topic>(json).unwrap(), *topic);
        }
    }

    #[test]
    fn other_names_are_refused() {
        for bad in ["", "order", "Order.placed", "order.placed ", "order_placed"] {
            assert_eq!(bad.parse::<Topic>(), Err(UnknownTopic), "{bad}");
        }
        assert!(serde_json::from_str::<Topic>("\"order.lost\"").is_err());
    }
}

//! Identifiers: a type for each kind of thing, all UUIDv7 (RFC 9562, 5.7), generated from an injected clock and rng.
//!
//! Below the HTTP layer an id is never a bare `Uuid` or `String`, so an order id cannot be passed where a node id is
//! expected. Each domain declares the ids of its own things with [`ids!`](crate::ids!); here is only the tenant's, which
//! all of them have in common.

#[cfg(feature = "ids")]
mod generator;

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::cmp::Ordering;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::marker::PhantomData;
use std::str::FromStr;
use uuid::Uuid;

#[cfg(feature = "ids")]
pub use generator::Ids;

/// A kind of things that have identifiers.
pub trait Kind {
    /// The name of the id's type, for debug output.
    const NAME: &'static str;
}

/// The identifier of a thing of the kind `K`. Written and serialised as its UUID.
///
/// ```
/// rustok_core::ids! {
///     /// A parcel.
///     ParcelId = ParcelIdKind,
/// }
/// let id: ParcelId = "018f4e6a-7b1c-7def-8abc-0123456789ab".parse().unwrap();
/// assert_eq!(id.to_string(), "018f4e6a-7b1c-7def-8abc-0123456789ab");
/// assert_eq!(format!("{id:?}"), "ParcelId(018f4e6a-7b1c-7def-8abc-0123456789ab)");
/// ```
pub struct Id<K>(Uuid, PhantomData<fn() -> K>);

/// Declares types of ids and their kinds: `/// A parcel. ParcelId = ParcelIdKind,` is `type ParcelId = Id<ParcelIdKind>`.
#[macro_export]
macro_rules! ids {
    ($($(#[$doc:meta])* $id:ident = $kind:ident),+ $(,)?) => {$(
        #[doc = concat!("The kind of [`", stringify!($id), "`].")]
        #[derive(Debug)]
        pub enum $kind {}

        impl $crate::ids::Kind for $kind {
            const NAME: &'static str = stringify!($id);
        }

        $(#[$doc])*
        pub type $id = $crate::ids::Id<$kind>;
    )+};
}

crate::ids! {
    /// A shop or site.
    TenantId = TenantIdKind,
}

impl<K> Id<K> {
    /// Wraps a UUID.
    #[must_use]
    pub const fn from_uuid(id: Uuid) -> Self {
        Self(id, PhantomData)
    }

    /// The UUID inside.
    #[must_use]
    pub const fn as_uuid(self) -> Uuid {
        self.0
    }
}

// Written out, because what is derived would ask the same of the kind.
impl<K> Clone for Id<K> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<K> Copy for Id<K> {}

impl<K> PartialEq for Id<K> {
    fn eq(&self, other: &Self) -> bool {
        self.0 == other.0
    }
}

impl<K> Eq for Id<K> {}

impl<K> PartialOrd for Id<K> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl<K> Ord for Id<K> {
    fn cmp(&self, other: &Self) -> Ordering {
        self.0.cmp(&other.0)
    }
}

impl<K> Hash for Id<K> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.0.hash(state);
    }
}

impl<K: Kind> fmt::Debug for Id<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple(K::NAME).field(&self.0).finish()
    }
}

impl<K> fmt::Display for Id<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl<K> FromStr for Id<K> {
    type Err = uuid::Error;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Uuid::from_str(text).map(Self::from_uuid)
    }
}

impl<K> From<Uuid> for Id<K> {
    fn from(id: Uuid) -> Self {
        Self::from_uuid(id)
    }
}

impl<K> From<Id<K>> for Uuid {
    fn from(id: Id<K>) -> Self {
        id.0
    }
}

impl<K> Serialize for Id<K> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.serialize(serializer)
    }
}

impl<'de, K> Deserialize<'de> for Id<K> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Uuid::deserialize(deserializer).map(Self::from_uuid)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    use crate::clock::{ManualClock, Timestamp};
    use std::sync::Arc;
    use std::time::Duration;
    use things::{LetterId, ParcelId};

    #[expect(unreachable_pub, reason = "the macro is for items of other crates")]
    mod things {
        crate::ids! {
            /// A parcel.
            ParcelId = ParcelIdKind,
            /// A letter.
            LetterId = LetterIdKind,
        }
    }

    #[test]
    fn ids_are_version_7_ordered_by_the_clock_and_distinct() {
        let clock = Arc::new(ManualClock::new(Timestamp::UNIX_EPOCH));
        let ids = Ids::seeded(clock.clone(), 1);
        let first: ParcelId = ids.next();
        assert_eq!(first.as_uuid().get_version_num(), 7);
        assert_ne!(first, ids.next());
        clock.advance(Duration::from_millis(1));
        assert!(ids.next::<ParcelId>() > first);
    }

    #[test]
    fn text_form_round_trips() {
        let id = Ids::seeded(Arc::new(ManualClock::default()), 7).next::<LetterId>();
        assert_eq!(id.to_string().parse::<LetterId>().unwrap(), id);
        assert!("not-an-id".parse::<LetterId>().is_err());
    }
}

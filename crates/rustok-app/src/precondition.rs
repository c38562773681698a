//! What a caller knows of the version of the thing that it changes.

use rustok_auth::Member;
use rustok_commerce::product::Product;
use rustok_commerce::state_machine::AnyOrder;
use rustok_content::state_machine::AnyContentNode;
use rustok_core::clock::Timestamp;
use rustok_core::error::{ErrorKind, RichError};
use rustok_tenancy::Tenant;

/// One save of a thing: the number of its version and the time of the save. The number alone does not name it: after a
/// restore from a backup, or a failover that lost the last commits, it is given out again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Saved {
    /// The version, from 1.
    pub version: i64,
    /// The time of the save, in microseconds since 1970 (UTC).
    pub at_micros: i64,
}

impl Saved {
    /// The save that made this version.
    #[must_use]
    pub fn of(version: i64, at: Timestamp) -> Self {
        Self {
            version,
            at_micros: at.as_microsecond(),
        }
    }
}

impl From<&Product> for Saved {
    fn from(product: &Product) -> Self {
        Self::of(product.version, product.updated_at)
    }
}

impl From<&Member> for Saved {
    fn from(member: &Member) -> Self {
        Self::of(member.version, member.updated_at)
    }
}

impl From<&AnyOrder> for Saved {
    fn from(order: &AnyOrder) -> Self {
        Self::of(order.version(), order.updated_at())
    }
}

impl From<&AnyContentNode> for Saved {
    fn from(node: &AnyContentNode) -> Self {
        Self::of(node.version(), node.updated_at())
    }
}

impl From<&Tenant> for Saved {
    fn from(tenant: &Tenant) -> Self {
        Self::of(tenant.version, tenant.updated_at)
    }
}

/// The condition for a change: the caller has seen the current version.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Precondition {
    /// No condition.
    #[default]
    None,
    /// The thing exists, in whatever version.
    Exists,
    /// The current version is of one of these saves; an empty list never matches.
    OneOf(Vec<Saved>),
}

impl Precondition {
    /// Refuses a change that is based on another save than that of the `current` version.
    ///
    /// # Errors
    /// `version_conflict`, 412, with `current_version`.
    pub fn check(&self, current: impl Into<Saved>) -> Result<(), RichError> {
        let current = current.into();
        match self {
            Self::OneOf(seen) if !seen.contains(&current) => Err(version_conflict(current.version)),
            _ => Ok(()),
        }
    }

    /// Requires a condition, for changes that replace what the caller must have seen.
    ///
    /// # Errors
    /// `precondition_required`, 428.
    pub fn required(&self) -> Result<(), RichError> {
        if *self != Self::None {
            return Ok(());
        }
        Err(RichError::new(ErrorKind::Validation, "no precondition")
            .with_status(428)
            .with_code("precondition_required")
            .with_public("Read the resource first and send its ETag as If-Match."))
    }
}

/// A thing to change, and the condition on its version.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target<Id> {
    /// The thing.
    pub id: Id,
    /// The condition.
    pub if_match: Precondition,
}

impl<Id> From<Id> for Target<Id> {
    /// Without a condition.
    fn from(id: Id) -> Self {
        Self {
            id,
            if_match: Precondition::None,
        }
    }
}

/// The refusal of a change that is based on another version.
pub fn version_conflict(current: i64) -> RichError {
    RichError::new(ErrorKind::Conflict, "the precondition does not hold")
        .with_status(412)
        .with_code("version_conflict")
        .with_public("It was changed by somebody else meanwhile. Read it again and repeat the change.")
        .with_extension("current_version", current)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_version_that_was_seen_may_be_changed() {
        let saved = |version, at_micros| Saved { version, at_micros };
        let current = saved(3, 30);
        assert!(Precondition::None.check(current).is_ok());
        assert!(Precondition::Exists.check(current).is_ok());
        assert!(
            Precondition::OneOf(vec![saved(2, 20), current])
                .check(current)
                .is_ok()
        );
        // The last one has the number of the current version, and was lost by a restore.
        for seen in [vec![saved(2, 20)], vec![], vec![saved(3, 29)]] {
            let refused = Precondition::OneOf(seen).check(current).unwrap_err();
            assert_eq!((refused.status(), refused.code()), (412, "version_conflict"));
        }
        assert_eq!(Precondition::None.required().unwrap_err().status(), 428);
        assert!(Precondition::Exists.required().is_ok());
    }
}

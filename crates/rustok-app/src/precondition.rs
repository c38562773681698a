//! What a caller knows of the version of the thing that it changes.

use rustok_core::error::{ErrorKind, RichError};

/// The condition for a change: the caller has seen the current version.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Precondition {
    /// No condition.
    #[default]
    None,
    /// The thing exists, in whatever version.
    Exists,
    /// The current version is one of these; an empty list never matches.
    OneOf(Vec<i64>),
}

impl Precondition {
    /// Refuses a change that is based on a version other than `current`.
    ///
    /// # Errors
    /// `version_conflict`, 412, with `current_version`.
    pub fn check(&self, current: i64) -> Result<(), RichError> {
        match self {
            Self::OneOf(versions) if !versions.contains(&current) => Err(version_conflict(current)),
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
        assert!(Precondition::None.check(3).is_ok());
        assert!(Precondition::Exists.check(3).is_ok());
        assert!(Precondition::OneOf(vec![2, 3]).check(3).is_ok());
        for seen in [vec![2], vec![]] {
            let refused = Precondition::OneOf(seen).check(3).unwrap_err();
            assert_eq!((refused.status(), refused.code()), (412, "version_conflict"));
        }
        assert_eq!(Precondition::None.required().unwrap_err().status(), 428);
        assert!(Precondition::Exists.required().is_ok());
    }
}

//! Work that has to happen later, planned in the transaction that makes it necessary.

use rustok_core::clock::Timestamp;
use rustok_core::ids::{JobId, TenantId};
use std::str::FromStr;
use thiserror::Error;
use uuid::Uuid;

/// A text that names no kind of work.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("no such kind of work")]
pub struct UnknownJobKind;

/// What is to be done. The names are stored: they never change.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum JobKind {
    /// Cancel the order if nobody confirmed it.
    ExpireOrder,
}

impl JobKind {
    /// The stable name.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::ExpireOrder => "expire_order",
        }
    }
}

impl FromStr for JobKind {
    type Err = UnknownJobKind;

    fn from_str(text: &str) -> Result<Self, UnknownJobKind> {
        (text == Self::ExpireOrder.as_str()).then_some(Self::ExpireOrder).ok_or(UnknownJobKind)
    }
}

/// Work that falls due.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Job {
    /// Its id.
    pub id: JobId,
    /// Whose it is.
    pub tenant_id: TenantId,
    /// What is to be done.
    pub kind: JobKind,
    /// To what.
    pub subject_id: Uuid,
    /// Not before.
    pub due_at: Timestamp,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_read_back() {
        assert_eq!(JobKind::ExpireOrder.as_str().parse(), Ok(JobKind::ExpireOrder));
        assert_eq!("expire".parse::<JobKind>(), Err(UnknownJobKind));
    }
}

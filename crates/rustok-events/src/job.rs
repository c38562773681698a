//! Due work: what a worker must do at a time that was set when something else was committed.
//!
//! A job must be harmless when it is done twice or when its subject has moved on meanwhile: it is claimed, done and
//! removed, and a worker may die in between.

use rustok_core::clock::Timestamp;
use rustok_core::ids::{JobId, TenantId};
use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;
use thiserror::Error;
use uuid::Uuid;

/// Not the name of a kind of work.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("is not the name of a kind of work")]
pub struct UnknownJobKind;

/// What is to be done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum JobKind {
    /// Cancel an order that is still pending and give its stock back. The subject is the order.
    ExpireOrder,
    /// Mark an import as failed whose server was not heard of for a while. The subject is the import.
    FailImport,
}

impl JobKind {
    /// All of them.
    pub const ALL: &[Self] = &[Self::ExpireOrder, Self::FailImport];

    /// The stable name in rows.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::ExpireOrder => "expire_order",
            Self::FailImport => "fail_import",
        }
    }
}

impl fmt::Display for JobKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for JobKind {
    type Err = UnknownJobKind;

    fn from_str(name: &str) -> Result<Self, Self::Err> {
        Self::ALL
            .iter()
            .copied()
            .find(|kind| kind.as_str() == name)
            .ok_or(UnknownJobKind)
    }
}

/// A piece of due work.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Job {
    /// Its id.
    pub id: JobId,
    /// The tenant it is done for.
    pub tenant_id: TenantId,
    /// What is to be done. There is at most one job of a kind for one subject.
    pub kind: JobKind,
    /// What it is done to.
    pub subject_id: Uuid,
    /// From when on it is to be done.
    pub due_at: Timestamp,
}

impl Job {
    /// Whether it is to be done at `now`.
    #[must_use]
    pub fn is_due_at(&self, now: Timestamp) -> bool {
        self.due_at <= now
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn names_are_stable() {
        assert_eq!(JobKind::ExpireOrder.to_string(), "expire_order");
        assert_eq!(JobKind::FailImport.to_string(), "fail_import");
        for kind in JobKind::ALL {
            assert_eq!(kind.as_str().parse(), Ok(*kind));
            assert_eq!(serde_json::to_value(kind).unwrap(), kind.as_str());
        }
        assert_eq!("ExpireOrder".parse::<JobKind>(), Err(UnknownJobKind));
    }

    #[test]
    fn work_is_due_from_its_moment_on() {
        let due_at = Timestamp::UNIX_EPOCH + Duration::from_secs(3_600);
        let id = Uuid::from_u128(1);
        let job = Job {
            id: id.into(),
            tenant_id: id.into(),
            kind: JobKind::ExpireOrder,
            subject_id: id,
            due_at,
        };
        assert!(!job.is_due_at(due_at - Duration::from_micros(1)));
        assert!(job.is_due_at(due_at));
    }
}

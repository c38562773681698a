//! Jobs: work for a worker, due at a time that was set in an earlier transaction.
//!
//! A job must be idempotent, and harmless if its subject has changed meanwhile: it is claimed by lease, executed and
//! removed, and the worker may crash in between.

use crate::ids::JobId;
use rustok_core::clock::Timestamp;
use rustok_core::ids::TenantId;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;
use thiserror::Error;
use uuid::Uuid;

/// The text is not the name of a job kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("is not the name of a kind of work")]
pub struct UnknownJobKind;

/// The work to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum JobKind {
    /// Cancel an order that is still pending and give its stock back. The subject is the order.
    ExpireOrder,
    /// Mark an import as failed if its server has stopped reporting for a while. The subject is the import.
    FailImport,
    /// Take a term that was merged or deleted from its nodes. The subject is the term.
    RetireTerm,
    /// Take an author that was merged from its nodes. The subject is the author.
    RetireAuthor,
    /// Send a mail that waits. The subject is the mail.
    SendMail,
}

impl JobKind {
    /// All kinds.
    pub const ALL: &[Self] = &[
        Self::ExpireOrder,
        Self::FailImport,
        Self::RetireTerm,
        Self::RetireAuthor,
        Self::SendMail,
    ];

    /// The stable name in the database.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::ExpireOrder => "expire_order",
            Self::FailImport => "fail_import",
            Self::RetireTerm => "retire_term",
            Self::RetireAuthor => "retire_author",
            Self::SendMail => "send_mail",
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

/// A job that is due at a given time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Job {
    /// Its id.
    pub id: JobId,
    /// The tenant that it belongs to.
    pub tenant_id: TenantId,
    /// The work to do. There is at most one job of each kind per subject.
    pub kind: JobKind,
    /// The id of its subject.
    pub subject_id: Uuid,
    /// When it becomes due.
    pub due_at: Timestamp,
}

/// A job that a worker has claimed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ClaimedJob {
    /// The job, with the time at which it fell due.
    pub job: Job,
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
        assert_eq!(JobKind::ExpireOrder.to_string(), "expire_order");
        assert_eq!(JobKind::FailImport.to_string(), "fail_import");
        assert_eq!(JobKind::RetireTerm.to_string(), "retire_term");
        assert_eq!(JobKind::RetireAuthor.to_string(), "retire_author");
        assert_eq!(JobKind::SendMail.to_string(), "send_mail");
        for kind in JobKind::ALL {
            assert_eq!(kind.as_str().parse(), Ok(*kind));
            assert_eq!(serde_json::to_value(kind).unwrap(), kind.as_str());
        }
        assert_eq!("ExpireOrder".parse::<JobKind>(), Err(UnknownJobKind));
    }
}

//! Conversion between a node and its columns: the only way from a stored row to the types.
//!
//! A row that no node can have produced is refused. CHECK constraints in both databases enforce the same rules.

use super::{AnyContentNode, Archived, ContentNode, DeletedNode, Draft, NodeCore, Published};
use crate::ids::{AuthorId, NodeId};
use crate::node::{NodeKind, NodeStatus};
use rustok_core::clock::Timestamp;
use rustok_core::ids::TenantId;
use rustok_core::state_machine::State;
use thiserror::Error;

/// The columns of a node.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NodeRow {
    /// The node.
    pub id: NodeId,
    /// Its tenant.
    pub tenant_id: TenantId,
    /// Its author.
    pub author_id: AuthorId,
    /// A [`NodeKind`].
    pub kind: String,
    /// The name of a [`NodeStatus`].
    pub status: String,
    /// When it was created.
    pub created_at: Timestamp,
    /// When it was last changed.
    pub updated_at: Timestamp,
    /// The first publication date, past or future; required unless it is a draft.
    pub published_at: Option<Timestamp>,
    /// Whether that date was in the future when it was set; never on a draft.
    pub scheduled: bool,
    /// When it was archived; set if and only if it is archived.
    pub archived_at: Option<Timestamp>,
    /// Why it was archived; set if and only if it is archived.
    pub archive_reason: Option<String>,
    /// When it was deleted; never on a published node.
    pub deleted_at: Option<Timestamp>,
    /// The number of the latest revision, from 1.
    pub working_revision: i64,
    /// The number of the public revision, at most the latest; set if and only if it is published.
    pub published_revision: Option<i64>,
    /// The number of changes, from 1.
    pub version: i64,
}

/// A row that no node can have produced.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("inconsistent row of nodes {id}: {column} {rule}")]
pub struct InvalidNodeRow {
    /// The node.
    pub id: NodeId,
    /// The column that violates a rule.
    pub column: &'static str,
    /// The rule.
    pub rule: &'static str,
}

impl TryFrom<NodeRow> for AnyContentNode {
    type Error = InvalidNodeRow;

    /// Refuses a deleted node; see [`DeletedNode`].
    fn try_from(row: NodeRow) -> Result<Self, InvalidNodeRow> {
        match decode(row)? {
            (node, None) => Ok(node),
            (node, Some(_)) => Err(InvalidNodeRow {
                id: node.id(),
                column: "deleted_at",
                rule: "is set on a node that is in use",
            }),
        }
    }
}

impl TryFrom<NodeRow> for DeletedNode {
    type Error = InvalidNodeRow;

    /// Refuses a node that is not deleted; see [`AnyContentNode`].
    fn try_from(row: NodeRow) -> Result<Self, InvalidNodeRow> {
        match decode(row)? {
            (node, Some(deleted_at)) => Ok(Self::new(node, deleted_at)),
            (node, None) => Err(InvalidNodeRow {
                id: node.id(),
                column: "deleted_at",
                rule: "is missing on a deleted node",
            }),
        }
    }
}

fn decode(row: NodeRow) -> Result<(AnyContentNode, Option<Timestamp>), InvalidNodeRow> {
    let id = row.id;
    let broken = move |column, rule| InvalidNodeRow { id, column, rule };
    let holds = move |condition: bool, column, rule| {
        if condition {
            Ok(())
        } else {
            Err(broken(column, rule))
        }
    };

    let kind = NodeKind::parse(&row.kind).map_err(|_| broken("kind", "is not a kind"))?;
    let status = NodeStatus::find(&row.status).ok_or_else(|| broken("status", "is not a status"))?;
    let (published, archived) = (status == NodeStatus::Published, status == NodeStatus::Archived);
    holds(row.version >= 1, "version", "is below 1")?;
    holds(row.working_revision >= 1, "working_revision", "is below 1")?;
    holds(
        row.published_revision.is_some() == published,
        "published_revision",
        "does not fit the status",
    )?;
    let revision_fits = row
        .published_revision
        .is_none_or(|n| (1..=row.working_revision).contains(&n));
    holds(
        revision_fits,
        "published_revision",
        "is not between 1 and the working revision",
    )?;
    holds(
        row.archived_at.is_some() == archived,
        "archived_at",
        "does not fit the status",
    )?;
    holds(
        row.archive_reason.is_some() == archived,
        "archive_reason",
        "does not fit the status",
    )?;
    holds(
        row.deleted_at.is_none() || !published,
        "deleted_at",
        "is set on a published node",
    )?;

    holds(
        !(row.scheduled && status == NodeStatus::Draft),
        "scheduled",
        "is set on a draft",
    )?;

    let core = NodeCore {
        id,
        tenant_id: row.tenant_id,
        author_id: row.author_id,
        kind,
        created_at: row.created_at,
        updated_at: row.updated_at,
        working_revision: row.working_revision,
        version: row.version,
    };
    let published_at = row
        .published_at
        .ok_or_else(|| broken("published_at", "is missing"));
    let node = match (
        status,
        row.published_revision,
        row.archived_at,
        row.archive_reason,
    ) {
        (NodeStatus::Draft, None, None, None) => ContentNode {
            core,
            state: Draft {
                published_at: row.published_at,
            },
        }
        .into(),
        (NodeStatus::Published, Some(revision), None, None) => ContentNode {
            core,
            state: Published {
                published_at: published_at?,
                scheduled: row.scheduled,
                revision,
            },
        }
        .into(),
        (NodeStatus::Archived, None, Some(archived_at), Some(reason)) => ContentNode {
            core,
            state: Archived {
                published_at: published_at?,
                scheduled: row.scheduled,
                archived_at,
                reason,
            },
        }
        .into(),
        _ => return Err(broken("status", "does not fit the other columns")),
    };
    Ok((node, row.deleted_at))
}

impl From<&AnyContentNode> for NodeRow {
    fn from(node: &AnyContentNode) -> Self {
        match node {
            AnyContentNode::Draft(node) => Self {
                published_at: node.state.published_at,
                ..columns(node, NodeStatus::Draft)
            },
            AnyContentNode::Published(node) => Self {
                published_at: Some(node.state.published_at),
                scheduled: node.state.scheduled,
                published_revision: Some(node.state.revision),
                ..columns(node, NodeStatus::Published)
            },
            AnyContentNode::Archived(node) => Self {
                published_at: Some(node.state.published_at),
                scheduled: node.state.scheduled,
                archived_at: Some(node.state.archived_at),
                archive_reason: Some(node.state.reason.clone()),
                ..columns(node, NodeStatus::Archived)
            },
        }
    }
}

impl From<&DeletedNode> for NodeRow {
    fn from(deleted: &DeletedNode) -> Self {
        Self {
            deleted_at: Some(deleted.deleted_at()),
            ..Self::from(deleted.node())
        }
    }
}

/// The columns common to all states.
fn columns<S: State>(node: &ContentNode<S>, status: NodeStatus) -> NodeRow {
    NodeRow {
        id: node.core.id,
        tenant_id: node.core.tenant_id,
        author_id: node.core.author_id,
        kind: node.core.kind.as_str().to_owned(),
        status: status.as_str().to_owned(),
        created_at: node.core.created_at,
        updated_at: node.core.updated_at,
        published_at: None,
        scheduled: false,
        archived_at: None,
        archive_reason: None,
        deleted_at: None,
        working_revision: node.core.working_revision,
        published_revision: None,
        version: node.core.version,
    }
}

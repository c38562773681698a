//! A node whose state is known only at run time, so that every transition can be refused.
//!
//! It changes a node only through the typed methods of [`ContentNode`].

use super::{
    Archived, ContentNode, Draft, NodeChange, PUBLISHED_AT_FIXED, Published, newer_revision, transitions,
};
use crate::error::{ContentError, FieldError};
use crate::ids::{AuthorId, NodeId};
use crate::node::{NodeKind, NodeStatus};
use crate::translation::refuse;
use rustok_core::clock::Timestamp;
use rustok_core::ids::TenantId;
use rustok_core::state_machine::{GuardRefusal, IllegalTransition, TransitionGuard};
use rustok_text::plain::checked_text;

/// The maximum length of an archiving reason from external input, in characters.
const MAX_REASON_CHARS: usize = 1_000;

/// A node in any state, not deleted.
///
/// ```
/// use rustok_content::{AnyContentNode, ContentError, ContentNode, NodeKind};
/// use rustok_core::clock::Timestamp;
/// use uuid::Uuid;
///
/// let (id, tenant, author, now) = (Uuid::from_u128(1), Uuid::from_u128(2), Uuid::from_u128(3), Timestamp::UNIX_EPOCH);
/// let node: AnyContentNode = ContentNode::new_draft_at(id, tenant, author, NodeKind::parse("post")?, now).into();
/// assert_eq!(node.allowed_transitions(), ["publish"]);
/// let refused = node.archive_at("old".into(), now).unwrap_err();
/// assert!(matches!(refused, ContentError::IllegalTransition { .. }));
/// # Ok::<(), ContentError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AnyContentNode {
    /// A draft.
    Draft(ContentNode<Draft>),
    /// A published node.
    Published(ContentNode<Published>),
    /// An archived node.
    Archived(ContentNode<Archived>),
}

impl From<ContentNode<Draft>> for AnyContentNode {
    fn from(node: ContentNode<Draft>) -> Self {
        Self::Draft(node)
    }
}

impl From<ContentNode<Published>> for AnyContentNode {
    fn from(node: ContentNode<Published>) -> Self {
        Self::Published(node)
    }
}

impl From<ContentNode<Archived>> for AnyContentNode {
    fn from(node: ContentNode<Archived>) -> Self {
        Self::Archived(node)
    }
}

/// Calls the same accessor in every state.
macro_rules! each {
    ($any:expr, $node:ident => $answer:expr) => {
        match $any {
            AnyContentNode::Draft($node) => $answer,
            AnyContentNode::Published($node) => $answer,
            AnyContentNode::Archived($node) => $answer,
        }
    };
}

impl AnyContentNode {
    /// The node's id.
    #[must_use]
    pub const fn id(&self) -> NodeId {
        each!(self, node => node.id())
    }

    /// The tenant it belongs to.
    #[must_use]
    pub const fn tenant_id(&self) -> TenantId {
        each!(self, node => node.tenant_id())
    }

    /// The author.
    #[must_use]
    pub const fn author_id(&self) -> AuthorId {
        each!(self, node => node.author_id())
    }

    /// The kind of content.
    #[must_use]
    pub const fn kind(&self) -> &NodeKind {
        each!(self, node => node.kind())
    }

    /// When it was created.
    #[must_use]
    pub const fn created_at(&self) -> Timestamp {
        each!(self, node => node.created_at())
    }

    /// When it was last changed.
    #[must_use]
    pub const fn updated_at(&self) -> Timestamp {
        each!(self, node => node.updated_at())
    }

    /// The number of its latest revision, from 1.
    #[must_use]
    pub const fn working_revision(&self) -> i64 {
        each!(self, node => node.working_revision())
    }

    /// The number of changes, from 1.
    #[must_use]
    pub const fn version(&self) -> i64 {
        each!(self, node => node.version())
    }

    /// The number of the public revision.
    #[must_use]
    pub const fn published_revision(&self) -> Option<i64> {
        match self {
            Self::Published(node) => Some(node.published_revision()),
            Self::Draft(_) | Self::Archived(_) => None,
        }
    }

    /// The publication date, past or future, if any.
    #[must_use]
    pub const fn published_at(&self) -> Option<Timestamp> {
        match self {
            Self::Draft(node) => node.first_published_at(),
            Self::Published(node) => Some(node.published_at()),
            Self::Archived(node) => Some(node.published_at()),
        }
    }

    /// The state as a plain value.
    #[must_use]
    pub const fn status(&self) -> NodeStatus {
        match self {
            Self::Draft(_) => NodeStatus::Draft,
            Self::Published(_) => NodeStatus::Published,
            Self::Archived(_) => NodeStatus::Archived,
        }
    }

    /// Whether it is public at `now`.
    #[must_use]
    pub fn is_public_at(&self, now: Timestamp) -> bool {
        matches!(self, Self::Published(node) if node.is_public_at(now))
    }

    /// The transitions that are possible now, by their API names. A published node without a newer revision has no
    /// `publish`.
    #[must_use]
    pub fn allowed_transitions(&self) -> Vec<&'static str> {
        let publish_refused = matches!(self, Self::Published(node) if newer_revision().check(node).is_err());
        let all = transitions().allowed(self.status().as_str());
        all.filter(|name| !(publish_refused && *name == "publish"))
            .collect()
    }

    /// Checks that the state has the transition `name`, before the request is processed. Does not evaluate the guard.
    ///
    /// # Errors
    /// [`ContentError::IllegalTransition`].
    pub fn check(&self, name: &'static str) -> Result<(), ContentError> {
        let checked = transitions().check(self.status().as_str(), name);
        checked.map(|_| ()).map_err(|_| self.refuse(name))
    }

    /// Publishes.
    ///
    /// # Errors
    /// [`ContentError::IllegalTransition`] if it is archived, or published without a newer working revision.
    pub fn publish_at(self, now: Timestamp) -> Result<Self, ContentError> {
        let allowed = self.allowed_transitions();
        match self {
            Self::Draft(node) => Ok(node.publish_at(now).into()),
            Self::Published(node) => match node.publish_at(now) {
                Ok(node) => Ok(node.into()),
                Err(refusal) => Err(illegal(NodeStatus::Published, "publish", allowed, Some(refusal))),
            },
            Self::Archived(_) => Err(self.refuse("publish")),
        }
    }

    /// Publishes with a given publication date; see [`ContentNode::schedule_at`].
    ///
    /// # Errors
    /// [`ContentError::IllegalTransition`] if it is archived, or published without a newer working revision;
    /// [`ContentError::ValidationFailed`] at `#/published_at` if it is or was public, with another date.
    pub fn schedule_at(self, published_at: Timestamp, now: Timestamp) -> Result<Self, ContentError> {
        let allowed = self.allowed_transitions();
        match self {
            Self::Draft(node) => node.schedule_at(published_at, now).map(Self::from).map_err(fixed),
            Self::Published(node) => node
                .schedule_at(published_at, now)
                .map(Self::from)
                .map_err(|refusal| match refusal.reason() {
                    PUBLISHED_AT_FIXED => fixed(refusal),
                    _ => illegal(NodeStatus::Published, "publish", allowed, Some(refusal)),
                }),
            Self::Archived(_) => Err(self.refuse("publish")),
        }
    }

    /// Archives. The reason is stored without invisible characters and trimmed.
    ///
    /// # Errors
    /// [`ContentError::IllegalTransition`] if it is not published; [`ContentError::ValidationFailed`] at `#/reason`
    /// if the reason is blank, contains control characters or has more than 1,000 characters.
    pub fn archive_at(self, reason: String, now: Timestamp) -> Result<Self, ContentError> {
        match self {
            Self::Published(node) => Ok(node.archive_at(checked_reason(&reason)?, now).into()),
            other => Err(other.refuse("archive")),
        }
    }

    /// Returns a published node to a draft.
    ///
    /// # Errors
    /// [`ContentError::IllegalTransition`] if it is not published.
    pub fn unpublish_at(self, now: Timestamp) -> Result<Self, ContentError> {
        match self {
            Self::Published(node) => Ok(node.unpublish_at(now).into()),
            other => Err(other.refuse("unpublish")),
        }
    }

    /// Restores an archived node as a draft.
    ///
    /// # Errors
    /// [`ContentError::IllegalTransition`] if it is not archived.
    pub fn restore_at(self, now: Timestamp) -> Result<Self, ContentError> {
        match self {
            Self::Archived(node) => Ok(node.restore_at(now).into()),
            other => Err(other.refuse("restore")),
        }
    }

    /// Adds a revision.
    ///
    /// # Errors
    /// [`ContentError::NotEditable`] if it is archived.
    pub fn revise_at(self, now: Timestamp) -> Result<Self, ContentError> {
        self.change_at(NodeChange::revision(), now)
    }

    /// Changes its kind or author, and adds a revision if the change has one.
    ///
    /// # Errors
    /// [`ContentError::NotEditable`] if it is archived.
    pub fn change_at(self, change: NodeChange, now: Timestamp) -> Result<Self, ContentError> {
        match self {
            Self::Draft(node) => Ok(node.change_in_place(change, now).into()),
            Self::Published(node) => Ok(node.change_in_place(change, now).into()),
            Self::Archived(_) => Err(ContentError::NotEditable {
                status: self.status(),
                allowed_transitions: self.allowed_transitions(),
            }),
        }
    }

    /// Soft-deletes it; it can be undeleted for a limited time.
    ///
    /// # Errors
    /// [`ContentError::StillPublished`]: a published node must be unpublished or archived first.
    pub fn delete_at(self, now: Timestamp) -> Result<DeletedNode, ContentError> {
        match self {
            Self::Draft(node) => Ok(node.delete_at(now)),
            Self::Archived(node) => Ok(node.delete_at(now)),
            Self::Published(_) => Err(ContentError::StillPublished {
                allowed_transitions: self.allowed_transitions(),
            }),
        }
    }

    fn refuse(&self, attempted: &'static str) -> ContentError {
        illegal(self.status(), attempted, self.allowed_transitions(), None)
    }
}

fn fixed(refusal: GuardRefusal) -> ContentError {
    ContentError::ValidationFailed(vec![FieldError::new(
        "published_at",
        refusal.reason(),
        "cannot be another date: the node has been public since its first one; leave it out",
    )])
}

fn illegal(
    status: NodeStatus,
    attempted: &'static str,
    allowed_transitions: Vec<&'static str>,
    reason: Option<GuardRefusal>,
) -> ContentError {
    let refused = transitions().refuse(status.as_str(), attempted);
    ContentError::IllegalTransition {
        refused: IllegalTransition {
            allowed_transitions,
            ..refused
        },
        reason,
    }
}

fn checked_reason(reason: &str) -> Result<String, ContentError> {
    let (reason, faults) = checked_text(reason, MAX_REASON_CHARS);
    let mut errors = Vec::new();
    refuse("reason", faults, &mut errors);
    match errors.is_empty() {
        true => Ok(reason),
        false => Err(ContentError::ValidationFailed(errors)),
    }
}

/// A soft-deleted node. It has no transitions; it can only be undeleted, in its previous state.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeletedNode {
    node: AnyContentNode,
    deleted_at: Timestamp,
}

impl DeletedNode {
    /// `node` must not be published. Called only by the typed `delete_at` and the row decoder.
    pub(super) const fn new(node: AnyContentNode, deleted_at: Timestamp) -> Self {
        Self { node, deleted_at }
    }

    /// When it was deleted.
    #[must_use]
    pub const fn deleted_at(&self) -> Timestamp {
        self.deleted_at
    }

    /// The node before the deletion.
    #[must_use]
    pub const fn node(&self) -> &AnyContentNode {
        &self.node
    }

    /// Undeletes it in its previous state; increments the version.
    #[must_use]
    pub fn undelete_at(self, now: Timestamp) -> AnyContentNode {
        each!(self.node, node => node.step(now, |state| state).into())
    }
}

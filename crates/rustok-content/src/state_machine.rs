//! The life cycle of a node as types: an illegal transition does not compile.
//!
//! [`ContentNode`] defines the rules; [`AnyContentNode`] wraps it for run time, when a request or a row determines
//! the state and the transition; [`transitions`] repeats the rules as a table for the API and the diagram. Methods
//! take the time as a parameter, except for the short names: one-line wrappers that read [`SystemClock`] and that the
//! server never calls.

mod any;
mod row;

pub use any::{AnyContentNode, DeletedNode};
pub use row::{InvalidNodeRow, NodeRow};

use crate::ids::{AuthorId, NodeId};
use crate::node::{NodeKind, NodeStatus};
use rustok_core::clock::{Clock, SystemClock, Timestamp};
use rustok_core::ids::TenantId;
use rustok_core::state_machine::{
    Condition, GuardRefusal, State, StateMachineBuilder, TransitionGuard, TransitionTable,
};

/// Being written. Not public.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Draft {
    published_at: Option<Timestamp>,
}

/// One revision is public from the publication date on, which may be in the future.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Published {
    published_at: Timestamp,
    /// Whether the date was in the future when it was set: only then is visibility checked against the clock. What
    /// was published at once is visible at once, whatever the clock says later.
    scheduled: bool,
    revision: i64,
}

/// Withdrawn from the public, with a reason. It must be restored before it can be edited.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Archived {
    published_at: Timestamp,
    /// Whether it was archived before its publication date.
    scheduled: bool,
    archived_at: Timestamp,
    reason: String,
}

impl State for Draft {
    const NAME: &'static str = NodeStatus::Draft.as_str();
}

impl State for Published {
    const NAME: &'static str = NodeStatus::Published.as_str();
}

impl State for Archived {
    const NAME: &'static str = NodeStatus::Archived.as_str();
}

/// A node in the state `S`. A transition consumes the node and returns it in the next state, without copying.
///
/// ```
/// use rustok_content::{ContentNode, Published};
/// use uuid::Uuid;
///
/// let (id, tenant, author) = (Uuid::from_u128(1), Uuid::from_u128(2), Uuid::from_u128(3));
/// let node: ContentNode<Published> = ContentNode::new_draft(id, tenant, author, "article".into()).publish();
/// let archived = node.archive("outdated".into());
/// assert_eq!(archived.reason(), "outdated");
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ContentNode<S: State> {
    core: NodeCore,
    state: S,
}

/// A change of a node that keeps its state.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct NodeChange {
    /// Another kind of content.
    pub kind: Option<NodeKind>,
    /// Another author.
    pub author_id: Option<AuthorId>,
    /// Whether it adds a revision: only a change of a text does.
    pub adds_revision: bool,
}

impl NodeChange {
    /// A new revision, and nothing else.
    #[must_use]
    pub const fn revision() -> Self {
        Self {
            kind: None,
            author_id: None,
            adds_revision: true,
        }
    }
}

/// The data that a node has in every state.
#[derive(Debug, Clone, PartialEq, Eq)]
struct NodeCore {
    id: NodeId,
    tenant_id: TenantId,
    author_id: AuthorId,
    kind: NodeKind,
    created_at: Timestamp,
    updated_at: Timestamp,
    working_revision: i64,
    version: i64,
}

impl<S: State> ContentNode<S> {
    /// The node's id.
    #[must_use]
    pub const fn id(&self) -> NodeId {
        self.core.id
    }

    /// The tenant it belongs to.
    #[must_use]
    pub const fn tenant_id(&self) -> TenantId {
        self.core.tenant_id
    }

    /// The author.
    #[must_use]
    pub const fn author_id(&self) -> AuthorId {
        self.core.author_id
    }

    /// The kind of content.
    #[must_use]
    pub const fn kind(&self) -> &NodeKind {
        &self.core.kind
    }

    /// When it was created; no transition changes it.
    #[must_use]
    pub const fn created_at(&self) -> Timestamp {
        self.core.created_at
    }

    /// When it was last changed.
    #[must_use]
    pub const fn updated_at(&self) -> Timestamp {
        self.core.updated_at
    }

    /// The number of its latest revision, from 1.
    #[must_use]
    pub const fn working_revision(&self) -> i64 {
        self.core.working_revision
    }

    /// The number of changes, from 1: the version for compare-and-swap.
    #[must_use]
    pub const fn version(&self) -> i64 {
        self.core.version
    }

    /// Moves to the next state and increments the version.
    fn step<T: State>(mut self, now: Timestamp, next: impl FnOnce(S) -> T) -> ContentNode<T> {
        self.core.version = self.core.version.saturating_add(1);
        self.core.updated_at = now;
        ContentNode {
            core: self.core,
            state: next(self.state),
        }
    }

    /// Keeps the state.
    fn change_in_place(mut self, change: NodeChange, now: Timestamp) -> Self {
        let NodeChange {
            kind,
            author_id,
            adds_revision,
        } = change;
        if let Some(kind) = kind {
            self.core.kind = kind;
        }
        self.core.author_id = author_id.unwrap_or(self.core.author_id);
        if adds_revision {
            self.core.working_revision = self.core.working_revision.saturating_add(1);
        }
        self.step(now, |state| state)
    }

    /// Keeps the state and adds one revision.
    fn revise_in_place(self, now: Timestamp) -> Self {
        self.change_in_place(NodeChange::revision(), now)
    }
}

impl ContentNode<Draft> {
    /// Creates a draft at revision 1. A kind that violates the rules of [`NodeKind`] is replaced by the nearest valid
    /// one.
    #[must_use]
    pub fn new_draft(
        id: impl Into<NodeId>,
        tenant_id: impl Into<TenantId>,
        author_id: impl Into<AuthorId>,
        kind: String,
    ) -> Self {
        Self::new_draft_at(
            id,
            tenant_id,
            author_id,
            NodeKind::from_lossy(&kind),
            SystemClock.now(),
        )
    }

    /// Creates a draft at revision 1, created at `now`; an import passes the date of its source.
    #[must_use]
    pub fn new_draft_at(
        id: impl Into<NodeId>,
        tenant_id: impl Into<TenantId>,
        author_id: impl Into<AuthorId>,
        kind: NodeKind,
        now: Timestamp,
    ) -> Self {
        let core = NodeCore {
            id: id.into(),
            tenant_id: tenant_id.into(),
            author_id: author_id.into(),
            kind,
            created_at: now,
            updated_at: now,
            working_revision: 1,
            version: 1,
        };
        Self {
            core,
            state: Draft { published_at: None },
        }
    }

    /// Calls [`ContentNode::publish_at`] with the current time.
    #[must_use]
    pub fn publish(self) -> ContentNode<Published> {
        self.publish_at(SystemClock.now())
    }

    /// Makes the working revision public. The publication date is `now`, unless it already has one.
    #[must_use]
    pub fn publish_at(self, now: Timestamp) -> ContentNode<Published> {
        let published_at = self.state.published_at.unwrap_or(now);
        self.publish_from(published_at, false, now)
    }

    /// Publishes with a given date: a future one hides the node until then, a past one comes from an import.
    ///
    /// # Errors
    /// A refusal with the reason `published_at_fixed`: the node was public before, with another date.
    pub fn schedule_at(
        self,
        published_at: Timestamp,
        now: Timestamp,
    ) -> Result<ContentNode<Published>, GuardRefusal> {
        no_other_date(published_at).check(&self)?;
        let scheduled = self.state.published_at.is_none() && published_at > now;
        Ok(self.publish_from(published_at, scheduled, now))
    }

    fn publish_from(
        self,
        published_at: Timestamp,
        scheduled: bool,
        now: Timestamp,
    ) -> ContentNode<Published> {
        let revision = self.core.working_revision;
        self.step(now, |_| Published {
            published_at,
            scheduled,
            revision,
        })
    }

    /// Calls [`ContentNode::revise_at`] with the current time.
    #[must_use]
    pub fn revise(self) -> Self {
        self.revise_at(SystemClock.now())
    }

    /// Adds a revision.
    #[must_use]
    pub fn revise_at(self, now: Timestamp) -> Self {
        self.revise_in_place(now)
    }

    /// Soft-deletes the draft; it can be undeleted for a limited time.
    #[must_use]
    pub fn delete_at(self, now: Timestamp) -> DeletedNode {
        DeletedNode::new(self.step(now, |state| state).into(), now)
    }

    /// When it was first public, if ever.
    #[must_use]
    pub const fn first_published_at(&self) -> Option<Timestamp> {
        self.state.published_at
    }
}

impl ContentNode<Published> {
    /// Calls [`ContentNode::publish_at`] with the current time.
    ///
    /// # Errors
    /// A refusal with the reason `no_newer_revision`.
    pub fn publish(self) -> Result<Self, GuardRefusal> {
        self.publish_at(SystemClock.now())
    }

    /// Makes the newer working revision public; the publication date does not change.
    ///
    /// # Errors
    /// A refusal with the reason `no_newer_revision`.
    pub fn publish_at(self, now: Timestamp) -> Result<Self, GuardRefusal> {
        newer_revision().check(&self)?;
        let revision = self.core.working_revision;
        Ok(self.step(now, |state| Published { revision, ..state }))
    }

    /// Makes the newer working revision public with a given date. Before the date of a scheduled node is reached, it can
    /// be another one.
    ///
    /// # Errors
    /// A refusal with the reason `published_at_fixed`: the node is or was public, with another date; or
    /// `no_newer_revision`.
    pub fn schedule_at(self, published_at: Timestamp, now: Timestamp) -> Result<Self, GuardRefusal> {
        no_other_date_at(published_at, now).check(&self)?;
        newer_revision().check(&self)?;
        let revision = self.core.working_revision;
        Ok(self.step(now, |state| match state.is_reached_at(now) {
            true => Published { revision, ..state },
            false => Published {
                published_at,
                scheduled: published_at > now,
                revision,
            },
        }))
    }

    /// Calls [`ContentNode::archive_at`] with the current time.
    #[must_use]
    pub fn archive(self, reason: String) -> ContentNode<Archived> {
        self.archive_at(reason, SystemClock.now())
    }

    /// Withdraws it from the public and records reason and time.
    #[must_use]
    pub fn archive_at(self, reason: String, now: Timestamp) -> ContentNode<Archived> {
        self.step(now, |state| Archived {
            published_at: state.published_at,
            scheduled: !state.is_reached_at(now),
            archived_at: now,
            reason,
        })
    }

    /// Calls [`ContentNode::unpublish_at`] with the current time.
    #[must_use]
    pub fn unpublish(self) -> ContentNode<Draft> {
        self.unpublish_at(SystemClock.now())
    }

    /// Returns to a draft. Keeps the first publication date unless it was scheduled and is still in the future: such
    /// a node was never public.
    #[must_use]
    pub fn unpublish_at(self, now: Timestamp) -> ContentNode<Draft> {
        self.step(now, |state| Draft {
            published_at: state.is_reached_at(now).then_some(state.published_at),
        })
    }

    /// Calls [`ContentNode::revise_at`] with the current time.
    #[must_use]
    pub fn revise(self) -> Self {
        self.revise_at(SystemClock.now())
    }

    /// Adds a revision. The public revision does not change until the next publish.
    #[must_use]
    pub fn revise_at(self, now: Timestamp) -> Self {
        self.revise_in_place(now)
    }

    /// The publication date, which may be in the future.
    #[must_use]
    pub const fn published_at(&self) -> Timestamp {
        self.state.published_at
    }

    /// Whether it is visible to readers at `now`.
    #[must_use]
    pub fn is_public_at(&self, now: Timestamp) -> bool {
        self.state.is_reached_at(now)
    }

    /// The number of the public revision.
    #[must_use]
    pub const fn published_revision(&self) -> i64 {
        self.state.revision
    }
}

impl ContentNode<Archived> {
    /// Calls [`ContentNode::restore_at`] with the current time.
    #[must_use]
    pub fn restore(self) -> ContentNode<Draft> {
        self.restore_at(SystemClock.now())
    }

    /// Returns to a draft. Keeps the first publication date unless it was archived before that date.
    #[must_use]
    pub fn restore_at(self, now: Timestamp) -> ContentNode<Draft> {
        self.step(now, |state| Draft {
            published_at: (!state.scheduled).then_some(state.published_at),
        })
    }

    /// Soft-deletes it; it can be undeleted for a limited time.
    #[must_use]
    pub fn delete_at(self, now: Timestamp) -> DeletedNode {
        DeletedNode::new(self.step(now, |state| state).into(), now)
    }

    /// Why it was archived.
    #[must_use]
    pub fn reason(&self) -> &str {
        &self.state.reason
    }

    /// When it was archived.
    #[must_use]
    pub const fn archived_at(&self) -> Timestamp {
        self.state.archived_at
    }

    /// The publication date that it had.
    #[must_use]
    pub const fn published_at(&self) -> Timestamp {
        self.state.published_at
    }
}

impl Published {
    /// Whether it is visible to readers at `now`.
    fn is_reached_at(&self, now: Timestamp) -> bool {
        !self.scheduled || self.published_at <= now
    }
}

/// The reason of a refused date: the node was public before, with another one.
const PUBLISHED_AT_FIXED: &str = "published_at_fixed";

/// The guard for publishing with a date: the node has no other one.
fn no_other_date(published_at: Timestamp) -> impl TransitionGuard<ContentNode<Draft>> {
    Condition::new(
        "no other publication date",
        PUBLISHED_AT_FIXED,
        move |node: &ContentNode<Draft>| node.state.published_at.is_none_or(|first| first == published_at),
    )
}

/// The guard for publishing a published node with a date: it is public since no other one.
fn no_other_date_at(published_at: Timestamp, now: Timestamp) -> impl TransitionGuard<ContentNode<Published>> {
    Condition::new(
        "no other publication date",
        PUBLISHED_AT_FIXED,
        move |node: &ContentNode<Published>| {
            !node.state.is_reached_at(now) || node.state.published_at == published_at
        },
    )
}

/// The guard for publishing a published node: a newer revision exists.
fn newer_revision() -> impl TransitionGuard<ContentNode<Published>> {
    Condition::new(
        "newer working revision",
        "no_newer_revision",
        |node: &ContentNode<Published>| node.core.working_revision > node.state.revision,
    )
}

static NODE: TransitionTable = match StateMachineBuilder::new::<Draft>("node")
    .edge::<Draft, Published>("publish")
    .guarded_edge::<Published, Published>("publish", || newer_revision().label())
    .edge::<Published, Draft>("unpublish")
    .edge::<Published, Archived>("archive")
    .edge::<Archived, Draft>("restore")
    .build()
{
    Ok(table) => table,
    Err(fault) => panic!("{}", fault.message()),
};

/// All transitions of a node, in the API's sequence.
#[must_use]
pub const fn transitions() -> &'static TransitionTable {
    &NODE
}

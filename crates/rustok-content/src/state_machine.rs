//! The life of a node as types: what must not happen does not compile.
//!
//! [`ContentNode`] is the rule; [`AnyContentNode`] is its face at run time, for a request or a row that decides only then
//! what is tried; [`transitions`] repeats the rule as a table for the API and the diagram. No method here may read a
//! clock but for the short names, which are one-line wrappers over [`SystemClock`] and which our server never calls.

mod any;
mod row;

pub use any::{AnyContentNode, DeletedNode};
pub use row::{InvalidNodeRow, NodeRow};

use crate::node::{NodeKind, NodeStatus};
use rustok_core::clock::{Clock, SystemClock, Timestamp};
use rustok_core::ids::{AuthorId, NodeId, TenantId};
use rustok_core::state_machine::{
    Condition, GuardRefusal, State, StateMachineBuilder, TransitionGuard, TransitionTable,
};

/// Being written. The public cannot see it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Draft {
    published_at: Option<Timestamp>,
}

/// One revision is public from its publication date on, which may lie in the future.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Published {
    published_at: Timestamp,
    /// Whether the date lay ahead when it was given: only such a date is waited for. What was published at once is
    /// visible at once, whatever a clock says later.
    scheduled: bool,
    revision: i64,
}

/// Taken out of sight for a reason. It must be restored before it can be edited.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Archived {
    published_at: Timestamp,
    /// Whether it was archived before its publication date was reached.
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

/// A node in the state `S`. A transition takes it and gives it back in its next state; nothing is copied.
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

/// What a node has in every state.
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

    /// Who wrote it.
    #[must_use]
    pub const fn author_id(&self) -> AuthorId {
        self.core.author_id
    }

    /// What sort of content it is.
    #[must_use]
    pub const fn kind(&self) -> &NodeKind {
        &self.core.kind
    }

    /// When it was made; no transition changes it.
    #[must_use]
    pub const fn created_at(&self) -> Timestamp {
        self.core.created_at
    }

    /// When it last changed.
    #[must_use]
    pub const fn updated_at(&self) -> Timestamp {
        self.core.updated_at
    }

    /// The number of its newest save, from 1.
    #[must_use]
    pub const fn working_revision(&self) -> i64 {
        self.core.working_revision
    }

    /// How often it changed, from 1: what a save compares before it swaps.
    #[must_use]
    pub const fn version(&self) -> i64 {
        self.core.version
    }

    /// The next state; every change counts.
    fn step<T: State>(mut self, now: Timestamp, next: impl FnOnce(S) -> T) -> ContentNode<T> {
        self.core.version = self.core.version.saturating_add(1);
        self.core.updated_at = now;
        ContentNode {
            core: self.core,
            state: next(self.state),
        }
    }

    /// The same state with one more save.
    fn revise_in_place(mut self, now: Timestamp) -> Self {
        self.core.working_revision = self.core.working_revision.saturating_add(1);
        self.step(now, |state| state)
    }
}

impl ContentNode<Draft> {
    /// A new draft at revision 1. A kind that breaks the rules of [`NodeKind`] becomes the nearest one that does not.
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

    /// A new draft at revision 1, made at `now`; an import gives the date of its source.
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

    /// [`ContentNode::publish_at`], now.
    #[must_use]
    pub fn publish(self) -> ContentNode<Published> {
        self.publish_at(SystemClock.now())
    }

    /// Makes the working revision public. The publication date is `now`, unless there was one before.
    #[must_use]
    pub fn publish_at(self, now: Timestamp) -> ContentNode<Published> {
        let published_at = self.state.published_at.unwrap_or(now);
        self.publish_from(published_at, false, now)
    }

    /// Publishes with a date of its own: one in the future hides the node until then, one in the past is an import's.
    ///
    /// # Errors
    /// A refusal with the reason `published_at_fixed`: the node was public before, since another date.
    pub fn schedule_at(
        self,
        published_at: Timestamp,
        now: Timestamp,
    ) -> Result<ContentNode<Published>, GuardRefusal> {
        no_other_date(published_at).check(&self)?;
        Ok(self.publish_from(published_at, published_at > now, now))
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

    /// [`ContentNode::revise_at`], now.
    #[must_use]
    pub fn revise(self) -> Self {
        self.revise_at(SystemClock.now())
    }

    /// One more save of its text.
    #[must_use]
    pub fn revise_at(self, now: Timestamp) -> Self {
        self.revise_in_place(now)
    }

    /// Throws the draft away; it can be brought back for a while.
    #[must_use]
    pub fn delete_at(self, now: Timestamp) -> DeletedNode {
        DeletedNode::new(self.step(now, |state| state).into(), now)
    }

    /// When it was first public, if it ever was.
    #[must_use]
    pub const fn first_published_at(&self) -> Option<Timestamp> {
        self.state.published_at
    }
}

impl ContentNode<Published> {
    /// [`ContentNode::publish_at`], now.
    ///
    /// # Errors
    /// A refusal with the reason `no_newer_revision`.
    pub fn publish(self) -> Result<Self, GuardRefusal> {
        self.publish_at(SystemClock.now())
    }

    /// Makes the newer working revision public; the publication date stays.
    ///
    /// # Errors
    /// A refusal with the reason `no_newer_revision`.
    pub fn publish_at(self, now: Timestamp) -> Result<Self, GuardRefusal> {
        newer_revision().check(&self)?;
        let revision = self.core.working_revision;
        Ok(self.step(now, |state| Published { revision, ..state }))
    }

    /// [`ContentNode::archive_at`], now.
    #[must_use]
    pub fn archive(self, reason: String) -> ContentNode<Archived> {
        self.archive_at(reason, SystemClock.now())
    }

    /// Takes it out of sight and keeps why and when.
    #[must_use]
    pub fn archive_at(self, reason: String, now: Timestamp) -> ContentNode<Archived> {
        self.step(now, |state| Archived {
            published_at: state.published_at,
            scheduled: !state.is_reached_at(now),
            archived_at: now,
            reason,
        })
    }

    /// [`ContentNode::unpublish_at`], now.
    #[must_use]
    pub fn unpublish(self) -> ContentNode<Draft> {
        self.unpublish_at(SystemClock.now())
    }

    /// Back to a draft. The first publication date stays, unless it was never reached: a node that was scheduled and
    /// taken back was not published.
    #[must_use]
    pub fn unpublish_at(self, now: Timestamp) -> ContentNode<Draft> {
        self.step(now, |state| Draft {
            published_at: state.is_reached_at(now).then_some(state.published_at),
        })
    }

    /// [`ContentNode::revise_at`], now.
    #[must_use]
    pub fn revise(self) -> Self {
        self.revise_at(SystemClock.now())
    }

    /// One more save of its text. What is public stays as it is until the next publish.
    #[must_use]
    pub fn revise_at(self, now: Timestamp) -> Self {
        self.revise_in_place(now)
    }

    /// From when on it is public. It may lie in the future.
    #[must_use]
    pub const fn published_at(&self) -> Timestamp {
        self.state.published_at
    }

    /// Whether readers see it at `now`.
    #[must_use]
    pub fn is_public_at(&self, now: Timestamp) -> bool {
        self.state.is_reached_at(now)
    }

    /// The number of the save that is public.
    #[must_use]
    pub const fn published_revision(&self) -> i64 {
        self.state.revision
    }
}

impl ContentNode<Archived> {
    /// [`ContentNode::restore_at`], now.
    #[must_use]
    pub fn restore(self) -> ContentNode<Draft> {
        self.restore_at(SystemClock.now())
    }

    /// Back to a draft. Its first publication date stays, unless it was archived before it was reached.
    #[must_use]
    pub fn restore_at(self, now: Timestamp) -> ContentNode<Draft> {
        self.step(now, |state| Draft {
            published_at: (!state.scheduled).then_some(state.published_at),
        })
    }

    /// Throws it away; it can be brought back for a while.
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

    /// From when on it was to be public.
    #[must_use]
    pub const fn published_at(&self) -> Timestamp {
        self.state.published_at
    }
}

impl Published {
    /// Whether readers see it at `now`.
    fn is_reached_at(&self, now: Timestamp) -> bool {
        !self.scheduled || self.published_at <= now
    }
}

/// What publishing with a date needs: that there is no other one.
fn no_other_date(published_at: Timestamp) -> impl TransitionGuard<ContentNode<Draft>> {
    Condition::new(
        "no other publication date",
        "published_at_fixed",
        move |node: &ContentNode<Draft>| node.state.published_at.is_none_or(|first| first == published_at),
    )
}

/// What publishing a published node needs.
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

/// All transitions of a node, in the order in which the API names them.
#[must_use]
pub const fn transitions() -> &'static TransitionTable {
    &NODE
}

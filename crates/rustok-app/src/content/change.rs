//! Collects one change of a node for the store: the new versions step by step, with their history and events.
//!
//! Add a step only for a transition that the domain made.

use super::addresses::taken;
use crate::context::Ctx;
use rustok_auth::{Action, AuthError, Permission, permission};
use rustok_content::ids::{NodeId, TermId};
use rustok_content::{AnyContentNode, NodeStatus, Revision};
use rustok_core::error::RichError;
use rustok_events::{Event, Topic};
use rustok_storage::TenantTx;
use rustok_storage::nodes::history::{NodeHistoryEntry, find_creator};
use rustok_storage::nodes::save::{NodeSave, SavedText, SlugChange, save};
use rustok_storage::nodes::{NodeDetail, StoredNode, TranslationState};
use rustok_text::plain::folded;
use serde_json::json;

/// What is done with a node: the name in history and events.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verb {
    Create,
    Update,
    RemoveTranslation,
    Publish,
    Unpublish,
    Archive,
    Restore,
    Delete,
    Undelete,
}

impl Verb {
    #[cfg(test)]
    const ALL: [Self; 9] = [
        Self::Create,
        Self::Update,
        Self::RemoveTranslation,
        Self::Publish,
        Self::Unpublish,
        Self::Archive,
        Self::Restore,
        Self::Delete,
        Self::Undelete,
    ];

    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Create => "create",
            Self::Update => "update",
            Self::RemoveTranslation => "remove_translation",
            Self::Publish => "publish",
            Self::Unpublish => "unpublish",
            Self::Archive => "archive",
            Self::Restore => "restore",
            Self::Delete => "delete",
            Self::Undelete => "undelete",
        }
    }

    /// The right that it needs.
    const fn action(self) -> Action {
        match self {
            Self::Create => Action::CreateNode,
            Self::Update | Self::RemoveTranslation => Action::UpdateNode,
            Self::Publish => Action::PublishNode,
            Self::Unpublish => Action::UnpublishNode,
            Self::Archive => Action::ArchiveNode,
            Self::Restore => Action::RestoreNode,
            Self::Delete => Action::DeleteNode,
            Self::Undelete => Action::UndeleteNode,
        }
    }

    const fn topic(self) -> Topic {
        match self {
            Self::Create => Topic::NodeCreated,
            Self::Update | Self::RemoveTranslation => Topic::NodeRevised,
            Self::Publish => Topic::NodePublished,
            Self::Unpublish => Topic::NodeUnpublished,
            Self::Archive => Topic::NodeArchived,
            Self::Restore => Topic::NodeRestored,
            Self::Delete => Topic::NodeDeleted,
            Self::Undelete => Topic::NodeUndeleted,
        }
    }
}

/// A change that is collected step by step and saved once.
pub(super) struct Change<'c> {
    ctx: &'c Ctx,
    before: Option<(NodeStatus, i64)>,
    status: Option<NodeStatus>,
    /// The right of the last step.
    action: Option<Action>,
    history: Vec<NodeHistoryEntry>,
    events: Vec<Event>,
}

impl<'c> Change<'c> {
    /// The creation of a node.
    pub(super) fn new(ctx: &'c Ctx) -> Self {
        Self {
            ctx,
            before: None,
            status: None,
            action: None,
            history: Vec::new(),
            events: Vec::new(),
        }
    }

    /// A change of an existing node.
    pub(super) fn of(ctx: &'c Ctx, node: &StoredNode) -> Self {
        let node = node.any();
        let before = Some((node.status(), node.version()));
        Self {
            ctx,
            before,
            status: Some(node.status()),
            action: None,
            history: Vec::new(),
            events: Vec::new(),
        }
    }

    /// Records that `verb` produced the current state of `node`.
    pub(super) fn step(&mut self, verb: Verb, node: &AnyContentNode) {
        let reason = match node {
            AnyContentNode::Archived(archived) if verb == Verb::Archive => Some(archived.reason().to_owned()),
            _ => None,
        };
        self.history.push(NodeHistoryEntry {
            version: node.version(),
            transition: verb.name().to_owned(),
            from_status: self.status.map(|status| status.as_str().to_owned()),
            to_status: node.status().as_str().to_owned(),
            actor: self.ctx.actor.to_string(),
            reason,
            at: self.ctx.now(),
        });
        let payload =
            json!({ "kind": node.kind().as_str(), "status": node.status(), "version": node.version() });
        self.events
            .push(self.ctx.event(verb.topic(), node.id().as_uuid(), payload));
        self.status = Some(node.status());
        self.action = Some(verb.action());
    }

    /// Saves the change, based on the node's status and version at its start.
    ///
    /// # Errors
    /// `version_conflict`, `slug_taken`, `forbidden` for an author whose node it is not, and database errors.
    pub(super) async fn save(
        self,
        tx: &mut TenantTx,
        after: &StoredNode,
        text: Option<&Revision>,
        addresses: &[SlugChange<'_>],
        terms: Option<&[TermId]>,
    ) -> Result<(), RichError> {
        self.check_own(tx, after.any().id()).await?;
        let title = text.map(|revision| folded(&revision.translation.title));
        let text = text
            .zip(title.as_deref())
            .map(|(revision, title_search)| SavedText {
                revision,
                title_search,
            });
        let (history, events) = (&self.history[..], &self.events[..]);
        save(
            tx,
            NodeSave {
                before: self.before,
                after,
                text,
                addresses,
                terms,
                history,
                events,
            },
        )
        .await
        .map_err(taken)
    }
}

impl Change<'_> {
    /// Refuses a change of what another actor made to one that may change only its own.
    async fn check_own(&self, tx: &mut TenantTx, node: NodeId) -> Result<(), RichError> {
        let actor = &self.ctx.actor;
        let own_only = |action: &Action| permission(actor, *action) == Permission::Own;
        let Some(action) = self
            .action
            .filter(|action| self.before.is_some() && own_only(action))
        else {
            return Ok(());
        };
        let creator = find_creator(tx, node).await?;
        if creator.as_deref() != Some(&*actor.to_string()) {
            return Err(AuthError::Forbidden { action }.into());
        }
        Ok(())
    }
}

/// Updates `detail` after its text was saved.
pub(super) fn show_text(detail: &mut NodeDetail, revision: Revision) {
    let slug = Some(revision.translation.slug.clone());
    match detail
        .translations
        .iter_mut()
        .find(|state| state.locale == revision.locale)
    {
        Some(state) => {
            (state.slug, state.working_revision, state.is_removed) = (slug, revision.revision, false);
        }
        None => {
            detail.translations.push(TranslationState {
                locale: revision.locale,
                slug,
                working_revision: revision.revision,
                published_slug: None,
                published_revision: None,
                is_original: false,
                is_removed: false,
            });
            detail.translations.sort_by_key(|state| state.locale);
        }
    }
    detail.shown = revision;
}

/// The slug changes for `last`: first drops the removed ones of `translations`, if `last` requires it.
pub(super) fn with_removed<'a>(
    translations: &[TranslationState],
    last: SlugChange<'a>,
) -> Vec<SlugChange<'a>> {
    let ends = matches!(last, SlugChange::Publish | SlugChange::Unpublish);
    let removed = ends && translations.iter().any(|state| state.is_removed);
    let first = removed.then_some(SlugChange::DropRemoved);
    first.into_iter().chain([last]).collect()
}

/// Updates `detail` after a change of its slugs.
pub(super) fn show_addresses(detail: &mut NodeDetail, addresses: SlugChange<'_>) {
    match addresses {
        SlugChange::DropRemoved => detail.translations.retain(|state| !state.is_removed),
        SlugChange::Remove(locale) => detail
            .translations
            .retain(|state| state.locale != locale || state.published_revision.is_some()),
        SlugChange::Publish | SlugChange::Unpublish | SlugChange::Release | SlugChange::Take(_) => {}
    }
    for state in &mut detail.translations {
        match addresses {
            SlugChange::Publish => {
                state.published_slug = state.slug.clone();
                state.published_revision = Some(state.working_revision);
            }
            SlugChange::Unpublish => (state.published_slug, state.published_revision) = (None, None),
            SlugChange::Release => {
                (state.slug, state.published_slug, state.published_revision) = (None, None, None);
            }
            SlugChange::Take(slugs) => {
                let own = slugs.iter().find(|(locale, _)| *locale == state.locale);
                state.slug = own.map(|(_, slug)| slug.clone());
            }
            SlugChange::Remove(locale) if state.locale == locale => {
                (state.slug, state.is_removed) = (None, true);
            }
            SlugChange::Remove(_) | SlugChange::DropRemoved => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::counts::Counts;

    #[test]
    fn every_change_of_a_node_has_its_count() {
        let counts = Counts::default();
        let names: Vec<_> = counts.node_transitions.read().map(|(name, _)| name).collect();
        assert_eq!(names, Verb::ALL.map(Verb::name));
    }
}

//! Revisions: every save of a node's text, kept as it was.
//!
//! A revision must never be changed or removed while its node exists. A node counts its saves over all locales: revision
//! 7 may be a save of the Russian text. What the node said in a locale at revision n is that locale's newest save with
//! a number of at most n.

use crate::state_machine::AnyContentNode;
use crate::translation::{Translation, TranslationDraft};
use rustok_core::clock::Timestamp;
use rustok_core::ids::{NodeId, TenantId};
use rustok_text::Locale;

/// One save of a node's text in one locale.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Revision {
    /// The tenant.
    pub tenant_id: TenantId,
    /// The node.
    pub node_id: NodeId,
    /// The node's working revision after this save, from 1.
    pub revision: i64,
    /// The locale that was saved.
    pub locale: Locale,
    /// Who saved it, as the log and the history write it.
    pub actor: String,
    /// When it was saved.
    pub created_at: Timestamp,
    /// What was saved.
    pub translation: Translation,
}

impl Revision {
    /// The save that made `node` what it is now: call it with the node as it came out of `new_draft_at` or
    /// `revise_at`.
    #[must_use]
    pub fn of(node: &AnyContentNode, locale: Locale, draft: TranslationDraft, actor: String) -> Self {
        Self {
            tenant_id: node.tenant_id(),
            node_id: node.id(),
            revision: node.working_revision(),
            locale,
            actor,
            created_at: node.updated_at(),
            translation: draft.into_translation(),
        }
    }
}

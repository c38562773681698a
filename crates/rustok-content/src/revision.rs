//! Revisions: every saved text of a node, immutable.
//!
//! A revision is never changed or removed while its node exists. A node numbers its revisions across all locales:
//! revision 7 may be a save of the Russian text. The text in a locale at revision n is that locale's latest revision
//! with a number of at most n.

use crate::ids::NodeId;
use crate::state_machine::AnyContentNode;
use crate::translation::{Translation, TranslationDraft};
use rustok_core::clock::Timestamp;
use rustok_core::ids::TenantId;
use rustok_text::Locale;

/// One saved text of a node in one locale.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Revision {
    /// The tenant.
    pub tenant_id: TenantId,
    /// The node.
    pub node_id: NodeId,
    /// The node's working revision after this save, from 1.
    pub revision: i64,
    /// The saved locale.
    pub locale: Locale,
    /// Who saved it, in the actor's stable text form.
    pub actor: String,
    /// When it was saved.
    pub created_at: Timestamp,
    /// The saved text.
    pub translation: Translation,
}

impl Revision {
    /// The revision that led to the current `node`: call it with the result of `new_draft_at` or `revise_at`.
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
